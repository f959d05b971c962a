"""Lives on a disk that is full at one write: run as a program, on a file system of its own.

    unshare --mount --map-root-user python -m tests.survival.disk FOLDER tmpfs [STEP]
    python -m tests.survival.disk FOLDER rlimit [STEP]

The first mounts some megabytes of memory at the folder, which nobody else sees; the second, for
where that is not allowed, bounds how large a file may grow. Every STEPth commit of a rotation meets
a full disk, with 0 a put to a file instead; what came of it is printed as a line of JSON.
"""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rotator.errors import AnswerError, Rejected
from rotator.formats import JsonFormat
from rotator.model import Credential, Secret, SinkSpec, User
from rotator.sinks import SinkContext
from rotator.sinks.file import FileSink
from tests.faults.lives import ends_well
from tests.faults.ways import WAYS
from tests.simulation.world import World

if TYPE_CHECKING:
    from rotator.reconcile import VisitResult
    from tests.simulation.faults import Fault

KILOBYTES = 8000
"""SQLite's log alone grows to four megabytes before it begins anew."""

BALLAST = "ballast"


@dataclass
class SmallDisk:
    """A folder in which there is room, or none; `kind` is `tmpfs` or `rlimit`."""

    folder: Path
    kind: str

    def __post_init__(self) -> None:
        if self.kind == "tmpfs":
            size = f"size={KILOBYTES}k"
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", size, "none", str(self.folder)], check=True
            )
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill(self) -> None:
        """From now on nothing can be written."""
        if self.kind == "rlimit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            return
        with suppress(OSError), (self.folder / BALLAST).open("wb", buffering=0) as ballast:
            while ballast.write(b"\0" * 4096):
                pass

    def free(self) -> None:
        """There is room again."""
        if self.kind == "rlimit":
            resource.setrlimit(
                resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )
        (self.folder / BALLAST).unlink(missing_ok=True)


@dataclass
class OnDisk(World):
    """A world whose store is on the small disk, which is full during one visit."""

    disk: SmallDisk | None = None

    def full_at(self, disk: SmallDisk, number: int) -> None:
        """The disk is full from the commit of this number on, until the visit is over."""
        self.disk = disk
        following, commits = self.effects.next, [0]

        def counted(name: str) -> Fault | None:
            if name == "commit":
                if commits[0] == number:
                    disk.fill()
                commits[0] += 1
            return following(name)

        self.effects.next = counted  # type: ignore[method-assign]  # counts what passes

    def visit(self, user: User) -> VisitResult | None:
        """One visit, after which there is room again."""
        result = super().visit(user)
        if self.disk is not None:
            self.disk.free()
        return result


def lived(disk: SmallDisk, number: int) -> tuple[int, list[str]]:
    """One life, whose commit of this number meets a full disk: how many there were; what failed."""
    folder = disk.folder / "life"
    folder.mkdir()
    way = WAYS["an ordinary rotation, two places"]
    world = cast("OnDisk", OnDisk.made(folder, way.terms))
    world.aws.new_key_delay = timedelta(seconds=1)
    world.effects.commits = True
    user = world.add_user()
    world.full_at(disk, number)
    result = world.live(user)
    ends_well(world, user, way, result.last)
    world.close()
    shutil.rmtree(folder)
    return world.effects.counts["commit"], world.failures


def put_to_a_full_disk(disk: SmallDisk) -> dict[str, object]:
    """What a place in a file says, and holds, where there is no room for the new value."""
    place = disk.folder / "bob.json"
    place.touch(mode=0o600)
    place.write_text("{}")
    user = User("prod", "111122223333", "AIDABOB", "bob")
    options = FileSink.Options.model_validate({"path": str(place)})
    spec = SinkSpec("file", "file", options, JsonFormat(), readable=True)
    clock = World.made().clock
    sink = FileSink(SinkContext(user, spec, clock, _no_client, user.account_id, "aws", disk.folder))
    new = Credential("AKIAIOSFODNN7EXAM001", Secret("s" * 40), "bob", user.account_id)
    reading = sink.current()
    disk.fill()
    said, sentence = "done", ""
    try:
        sink.put(new, replacing=reading, deadline=clock() + timedelta(minutes=1))
    except AnswerError as exc:
        said = "rejected" if isinstance(exc, Rejected) else "unknown"
        sentence = str(exc)
    disk.free()
    left = sorted(path.name for path in disk.folder.iterdir())
    return {"said": said, "sentence": sentence, "holds": place.read_text(), "left": left}


def _no_client(*_: object) -> object:
    raise AssertionError("a file needs no client")


def main(folder: Path, kind: str, step: int) -> None:
    """Live, or put once, and print what came of it."""
    disk = SmallDisk(folder, kind)
    if not step:
        print(json.dumps(put_to_a_full_disk(disk)))  # noqa: T201 - the answer of a program
        return
    commits, failures = lived(disk, -1)
    met, sentences = 0, set(failures)
    for number in range(0, commits, step):
        _, failed = lived(disk, number)
        met += bool(failed)
        sentences |= set(failed)
    print(  # noqa: T201 - the answer of a program
        json.dumps(
            {
                "kind": disk.kind,
                "commits": commits,
                "lives": len(range(0, commits, step)),
                "met": met,
                "sentences": sorted(sentences),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int((*sys.argv, "1")[3]))
