"""The file sink: a reader sees the old content or the new one, and nobody leads it astray."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from rotator.errors import AccessDenied, OutcomeUnknown, ReadError, Rejected
from rotator.formats import AwsCredentialsFormat, EnvFormat
from rotator.model import Absent, NameProblem, Serves, Stranger, Unreadable
from rotator.sinks import sweep_leftovers
from rotator.sinks.file import FileOptions, FileSink
from tests.sinks.fakes import FakeClock
from tests.sinks.worlds import BOB, MINUTE, NEW, OLD, FileWorld, spec_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from rotator.formats import Format
    from rotator.model import Served, SinkSpec
    from rotator.sinks import Sink

LEFTOVER = ".bob.rotator-0123456789abcdef"


@pytest.fixture
def world(tmp_path: Path) -> FileWorld:
    return FileWorld(tmp_path)


@dataclass
class MeddlingClock(FakeClock):
    """A clock that does something when it is asked the second time: just before the rename."""

    meddle: Callable[[], object] = field(default=lambda: None)
    asked: int = 0
    now: datetime = field(default_factory=lambda: FakeClock().now)

    def __call__(self) -> datetime:
        self.asked += 1
        if self.asked == 2:
            self.meddle()
        return self.now


def put(world: FileWorld, sink: Sink, replacing: Served | None = None) -> None:
    seen = sink.current() if replacing is None else replacing
    sink.put(NEW, replacing=seen, deadline=world.clock.now + MINUTE)


@contextlib.contextmanager
def powerless() -> Iterator[None]:
    """As somebody who is not the superuser, whoever runs the tests."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        os.setegid(65534)
        os.seteuid(65534)
    try:
        yield
    finally:
        if uid == 0:
            os.seteuid(uid)
            os.setegid(gid)


@pytest.fixture
def open_world() -> Iterator[FileWorld]:
    """A world that others than the superuser can reach too."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield FileWorld(Path(folder))


def test_a_new_file_is_its_owners_alone(world: FileWorld) -> None:
    """So are the folders that were made for it; nothing else is left beside it."""
    put(world, world.sink(name="a/b/{user}"))

    file = world.base / "a" / "b" / "bob"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.parent.parent.stat().st_mode) == 0o700
    assert list(file.parent.iterdir()) == [file]


def test_a_new_file_gets_mode_and_group(world: FileWorld) -> None:
    put(world, world.sink(mode="0640", group=os.getegid()))

    assert stat.S_IMODE(world.file.stat().st_mode) == 0o640
    assert world.file.stat().st_gid == os.getegid()


def test_a_replaced_file_keeps_mode_owner_and_group(world: FileWorld) -> None:
    """Whatever the policy says about new ones."""
    world.write(OLD)
    world.file.chmod(0o604)
    if os.geteuid() == 0:
        os.chown(world.file, 12345, 23456)
    before = world.file.stat()

    sink = world.sink(mode="0600")
    sink.check()
    put(world, sink)

    after = world.file.stat()
    assert (before.st_mode, before.st_uid, before.st_gid) == (
        after.st_mode,
        after.st_uid,
        after.st_gid,
    )
    assert before.st_ino != after.st_ino
    assert sink.current() == Serves(NEW.access_key_id)


def test_a_file_of_others_is_refused(world: FileWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file would belong to us, and its readers might be shut out."""
    world.write(OLD)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)

    with pytest.raises(Rejected, match="belongs to others"):
        world.sink().check()
    with pytest.raises(Rejected, match="belongs to others"):
        put(world, world.sink())
    assert world.sink().current() == Serves(OLD.access_key_id)


def test_a_group_that_we_are_not_in_is_refused(
    world: FileWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)

    with pytest.raises(Rejected, match="cannot be given to group 54321"):
        world.sink(group=54321).check()


def test_a_group_that_does_not_exist_is_told(world: FileWorld) -> None:
    sink = world.sink(group="no such group")

    with pytest.raises(Rejected, match="there is no group 'no such group'"):
        sink.check()
    with pytest.raises(Rejected, match="there is no group"):
        put(world, sink)


def test_further_hard_links_are_refused(world: FileWorld) -> None:
    """Readers of the other name would keep the old key without anybody knowing."""
    world.write(OLD)
    os.link(world.file, world.base / "other")

    with pytest.raises(Rejected, match="further hard links"):
        world.sink().check()


def test_an_access_control_list_is_not_lost(
    world: FileWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(OLD)
    monkeypatch.setattr(os, "listxattr", lambda *_, **__: ["system.posix_acl_access"])

    with pytest.raises(Rejected, match="access control list"):
        world.sink().check()


def test_check_sees_what_cannot_be_written(open_world: FileWorld) -> None:
    with powerless(), pytest.raises(Rejected, match="nothing can be written in"):
        open_world.sink().check()


def test_what_cannot_be_read_is_no_evidence(open_world: FileWorld) -> None:
    open_world.write(OLD)
    open_world.file.chmod(0)

    with powerless():
        sink = open_world.sink()
        assert sink.current() == Unreadable(f"{open_world.file} cannot be read: Permission denied")
        assert sink.fetch() is None
        with pytest.raises(AccessDenied, match="cannot be read: Permission denied"):
            sink.check()
        with pytest.raises(Rejected, match="cannot be written: Permission denied"):
            put(open_world, sink, Serves(OLD.access_key_id))


def _folder(path: Path) -> None:
    path.mkdir()


def _socket(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


def _link(path: Path) -> None:
    (path.parent / "target").write_text(FileWorld(path).fmt.render(OLD, None))
    path.symlink_to("target")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(_folder, "is a folder", id="a folder"),
        pytest.param(os.mkfifo, "is a FIFO", id="a FIFO that nobody writes"),
        pytest.param(_socket, "is a socket", id="a socket"),
        pytest.param(_link, "is a symbolic link", id="a link, even to a good file"),
        pytest.param(lambda path: path.symlink_to("none"), "symbolic link", id="a dangling link"),
        pytest.param(lambda path: path.write_text(" " * 1_100_000), "1 MiB", id="a huge file"),
    ],
)
def test_what_is_no_file_of_ours_is_a_stranger(
    world: FileWorld, make: Callable[[Path], object], said: str
) -> None:
    """It is not waited for, not followed, not read to its end, and never replaced."""
    world.file.parent.mkdir()
    make(world.file)
    sink = world.sink()
    seen = sink.current()
    before = world.file.lstat()

    assert isinstance(seen, Stranger)
    assert said in seen.why
    assert sink.fetch() is None
    with pytest.raises(Rejected, match=said):
        sink.check()
    with pytest.raises(Rejected, match=said):
        put(world, sink, seen)
    assert before == world.file.lstat()


def test_what_is_no_text_is_a_stranger(world: FileWorld) -> None:
    """It can be taken over: a person may have seen what it is."""
    world.write("")
    world.file.write_bytes(b"\xff\xfe{}")
    sink = world.sink()

    assert sink.current() == Stranger("it is not UTF-8 text")
    assert sink.fetch() is None

    put(world, sink)

    assert sink.fetch() == NEW


@pytest.mark.parametrize(
    "target", [pytest.param("elsewhere", id="outside"), pytest.param("ci/real", id="inside")]
)
def test_no_link_below_the_prefix_is_followed(world: FileWorld, target: str) -> None:
    """It could lead a secret to where nobody expects it."""
    (world.base / target).mkdir(parents=True)
    (world.base / "ci").mkdir(exist_ok=True)
    (world.base / "ci" / "prod").symlink_to(world.base / target)
    sink = world.sink(name="ci/{account}/{user}")
    seen = sink.current()

    assert isinstance(seen, Stranger)
    assert "'prod' on its way is a symbolic link" in seen.why
    with pytest.raises(Rejected, match="symbolic link"):
        sink.check()
    with pytest.raises(Rejected, match="symbolic link"):
        put(world, sink, Absent())
    assert list((world.base / target).iterdir()) == []


def test_a_file_in_the_way_is_told(world: FileWorld) -> None:
    (world.base / "ci").mkdir()
    (world.base / "ci" / "prod").write_text("x")

    for name in ("ci/{account}/{user}", "ci/prod/{user}"):
        seen = world.sink(name=name).current()

        assert isinstance(seen, Stranger)
        assert "is not a folder" in seen.why


def test_the_prefix_may_be_a_link(world: FileWorld) -> None:
    """It is the policy's own word; and two ways to one folder are one place."""
    (world.base / "real").mkdir()
    (world.base / "ci").symlink_to("real")
    sink = world.sink()
    put(world, sink)

    assert (world.base / "real" / "bob").is_file()
    assert sink.place() == world.sink(name="real/{user}").place()
    assert sink.place().address == str(world.base / "real" / "bob")


def test_a_folder_that_folds_case_has_one_place_for_both(world: FileWorld) -> None:
    (world.base / "ci").mkdir()
    (world.base / "CI").symlink_to("ci")  # what such a file system looks like from here

    assert world.sink(replace(BOB, name="Bob")).place() == world.sink().place()


def test_a_path_may_be_absolute(world: FileWorld, tmp_path: Path) -> None:
    put(world, world.sink(name=f"{tmp_path}/x/{{user}}"))

    assert (tmp_path / "x" / "bob").is_file()


def test_no_users_path_makes_a_path_absolute(world: FileWorld) -> None:
    put(world, world.sink(name="{path}{user}.json"))

    assert (world.base / "ci" / "bob.json").is_file()


@pytest.mark.parametrize(
    ("template", "name", "said"),
    [
        pytest.param("ci/{user}/", "bob", "names no file", id="a folder's name"),
        pytest.param("ci/{user}", "n" * 230, "longer than 229 bytes", id="no room for a sibling"),
        pytest.param("ci/{user}/x", "n" * 256, "longer than 255 bytes", id="too long a folder"),
        pytest.param("ci/{user}", LEFTOVER, "temporary file", id="the form of a leftover"),
    ],
)
def test_a_name_that_no_file_can_have_is_that_users_problem(
    world: FileWorld, template: str, name: str, said: str
) -> None:
    with pytest.raises(NameProblem, match=said):
        world.sink(replace(BOB, name=name), name=template)


def test_a_reader_never_sees_a_part(world: FileWorld) -> None:
    """Read all the time while it is replaced a hundred times: always one key or the other."""
    sink = world.sink()
    put(world, sink)
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(json.loads(world.file.read_text())["AccessKeyId"])

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(100):
        what = OLD if turn % 2 else NEW
        sink.put(what, replacing=sink.current(), deadline=world.clock() + MINUTE)
    done.set()
    reader.join()

    assert seen <= {OLD.access_key_id, NEW.access_key_id}


def test_the_sibling_is_private_whatever_the_mode(tmp_path: Path) -> None:
    """Its name tells whose it is, and it is locked while it is in use."""
    seen: list[str] = []
    world = FileWorld(tmp_path)

    def meddle() -> None:
        [sibling] = [path for path in world.file.parent.iterdir() if path != world.file]
        seen.append(sibling.name)
        with sibling.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert FileSink.sweep_leftovers(spec_of_world(world)) == 0

    world.clock = MeddlingClock(meddle=meddle)
    put(world, world.sink(), Absent())

    assert len(seen) == 1
    assert seen[0].startswith(".bob.rotator-")
    assert [path.name for path in world.file.parent.iterdir()] == ["bob"]


def test_nobody_else_can_read_the_sibling_while_it_is_written(
    world: FileWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new file may be for a group: until it is whole, what is written is for its owner alone."""
    modes: list[int] = []
    write = os.write

    def watched(file: int, content: bytes) -> int:
        modes.append(stat.S_IMODE(os.fstat(file).st_mode))
        return write(file, content)

    monkeypatch.setattr("rotator.sinks.folder.os.write", watched)
    before = os.umask(0)
    try:
        put(world, world.sink(), Absent())
    finally:
        os.umask(before)

    assert modes == [0o600]


def test_one_who_writes_at_the_last_moment_is_noticed(tmp_path: Path) -> None:
    world = FileWorld(tmp_path)
    world.write(OLD)
    world.clock = MeddlingClock(meddle=lambda: world.write("late"))

    with pytest.raises(Rejected, match="changed while it was being replaced"):
        put(world, world.sink(), Serves(OLD.access_key_id))

    assert world.file.read_text() == "late"
    assert list(world.file.parent.iterdir()) == [world.file]


def test_the_rename_is_not_begun_after_the_deadline(tmp_path: Path) -> None:
    world = FileWorld(tmp_path)
    world.write(OLD)
    clock = MeddlingClock()
    clock.meddle = lambda: clock.advance(MINUTE)
    world.clock = clock

    with pytest.raises(Rejected, match="no time left"):
        put(world, world.sink(), Serves(OLD.access_key_id))

    assert world.sink().current() == Serves(OLD.access_key_id)
    assert list(world.file.parent.iterdir()) == [world.file]


def failing(call: Callable[..., object], number: int, when: Callable[..., bool]) -> object:
    """The system call, but it fails where `when` says so."""

    def replaced(*args: object, **kwargs: object) -> object:
        if when(*args):
            raise OSError(number, os.strerror(number))
        return call(*args, **kwargs)

    return replaced


@pytest.mark.parametrize(
    ("call", "number", "expected"),
    [
        pytest.param("write", errno.ENOSPC, Rejected, id="the disk is full"),
        pytest.param("fchmod", errno.EPERM, Rejected, id="the mode cannot be set"),
        pytest.param("rename", errno.EBUSY, Rejected, id="it is mounted there"),
        pytest.param("rename", errno.EIO, OutcomeUnknown, id="the disk fails at the rename"),
    ],
)
def test_a_system_call_that_fails_is_told(
    world: FileWorld,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    expected: type[Exception],
) -> None:
    """Rejected where nothing can have happened; no secret is left beside the file."""
    world.write(OLD)
    monkeypatch.setattr(os, call, failing(getattr(os, call), number, lambda *_: True))

    with pytest.raises(expected, match=os.strerror(number)):
        put(world, world.sink())

    monkeypatch.undo()
    assert list(world.file.parent.iterdir()) == [world.file]
    assert world.sink().current() == Serves(OLD.access_key_id)


def test_a_rename_that_may_not_last_is_no_success(
    world: FileWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(OLD)

    def of_a_folder(file: object) -> bool:
        assert isinstance(file, int)
        return stat.S_ISDIR(os.fstat(file).st_mode)

    monkeypatch.setattr(os, "fsync", failing(os.fsync, errno.EIO, of_a_folder))

    with pytest.raises(OutcomeUnknown, match="may not last"):
        put(world, world.sink())


def test_other_trouble_of_the_disk_is_no_evidence(
    world: FileWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(OLD)
    monkeypatch.setattr(
        os, "open", failing(os.open, errno.EIO, lambda name, *_: name in {"bob", "prod"})
    )

    assert isinstance(world.sink().current(), Unreadable)
    assert isinstance(world.sink(name="ci/{account}/{user}").current(), Unreadable)
    with pytest.raises(ReadError, match="cannot be read"):
        world.sink().check()


def test_what_would_grow_too_large_is_refused(world: FileWorld) -> None:
    world.write('{"x": "%s"}' % ("y" * 1_048_500))
    before = world.state()

    with pytest.raises(Rejected, match="larger than 1 MiB"):
        put(world, world.sink())

    assert before == world.state()


def spec_of_world(world: FileWorld, name: str = "ci/{user}") -> SinkSpec:
    return spec_of("file", FileOptions.model_validate({"path": name}), base=world.base)


def leave(folder: Path, name: str = LEFTOVER) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    leftover = folder / name
    leftover.write_text("a secret of a killed process")
    return leftover


def test_put_removes_what_a_killed_one_left(world: FileWorld) -> None:
    """Its own file's leftovers only: another user's put may be at work beside it."""
    mine = leave(world.base / "ci")
    others = leave(world.base / "ci", LEFTOVER.replace("bob", "alice"))
    put(world, world.sink())

    assert not mine.exists()
    assert others.exists()


@pytest.mark.parametrize(
    ("template", "folder"),
    [
        pytest.param("ci/{user}", "ci", id="beside the files"),
        pytest.param("{user}", ".", id="in the base folder"),
        pytest.param("ci/{account}/{user}", "ci/prod", id="a level below"),
        pytest.param("ci/{path}/{user}", "ci/a/b/c", id="at the depth of a path"),
    ],
)
def test_leftovers_are_swept_at_start(world: FileWorld, template: str, folder: str) -> None:
    leftover = leave(world.base / folder)
    kept = leave(world.base / folder, ".bob.rotator-notours")

    assert sweep_leftovers([spec_of_world(world, template)]) == 1
    assert not leftover.exists()
    assert kept.exists()


def test_a_sweep_stays_where_the_files_are(world: FileWorld) -> None:
    """It goes no deeper than the template, follows no link, and takes nothing but files."""
    deep = leave(world.base / "ci" / "x")
    elsewhere = leave(world.base / "elsewhere")
    (world.base / "ci" / "link").symlink_to(elsewhere.parent)
    (world.base / "ci" / LEFTOVER).symlink_to(elsewhere)
    (world.base / "ci" / LEFTOVER.replace("bob", "x")).mkdir()

    assert sweep_leftovers([spec_of_world(world)]) == 0
    assert deep.exists()
    assert elsewhere.exists()


def test_a_folder_that_is_not_there_has_no_leftovers(world: FileWorld) -> None:
    assert sweep_leftovers([spec_of_world(world, "none/{user}")]) == 0


def test_the_leftover_of_another_owner_is_not_ours(
    world: FileWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    leftover = leave(world.base / "ci")
    monkeypatch.setattr(os, "geteuid", lambda: 4711)

    assert sweep_leftovers([spec_of_world(world)]) == 0
    assert leftover.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from rotator.model import Serves
from tests.sinks.test_file import MeddlingClock
from tests.sinks.worlds import MINUTE, NEW, OLD, FileWorld

clock = MeddlingClock(meddle=lambda: os.kill(os.getpid(), signal.SIGKILL))
sink = FileWorld(Path(sys.argv[1]), clock).sink()
sink.put(NEW, replacing=Serves(OLD.access_key_id), deadline=clock.now + MINUTE)
"""


@pytest.mark.slow
def test_a_kill_in_the_middle_leaves_the_old_key_and_a_leftover_that_goes(
    world: FileWorld,
) -> None:
    """Consumers read what they read before; the next start removes the secret beside it."""
    world.write(OLD)
    code = [sys.executable, "-c", KILLED, str(world.base)]
    killed = subprocess.run(code, check=False, env={**os.environ, "PYTHONPATH": str(Path.cwd())})

    assert killed.returncode == -signal.SIGKILL
    assert world.sink().current() == Serves(OLD.access_key_id)
    assert len(list(world.file.parent.iterdir())) == 2
    assert sweep_leftovers([spec_of_world(world)]) == 1
    assert list(world.file.parent.iterdir()) == [world.file]


def test_a_file_that_a_living_process_is_writing_is_in_doubt(world: FileWorld) -> None:
    """Whoever stands still in the middle of a put may replace the file at any moment.

    So nobody concludes from what is read meanwhile, and nobody writes; a process that is killed
    loses its lock, and is waited for no longer.
    """
    world.write(OLD)
    others = leave(world.base / "ci", LEFTOVER.replace("bob", "alice"))
    with leave(world.base / "ci").open() as mine, others.open() as anothers:
        fcntl.flock(anothers, fcntl.LOCK_EX)
        assert world.sink().current() == Serves(OLD.access_key_id)

        fcntl.flock(mine, fcntl.LOCK_EX)
        reading = world.sink().current()
        with pytest.raises(Rejected, match="another process is writing"):
            put(world, world.sink(), Serves(OLD.access_key_id))

    assert isinstance(reading, Unreadable)
    assert "another process is writing" in reading.why
    assert world.sink().current() == Serves(OLD.access_key_id)
    assert world.sink().fetch() == OLD


@pytest.mark.parametrize("fmt", [EnvFormat(), AwsCredentialsFormat()], ids=["env", "profile"])
def test_other_formats_are_read_back_too(tmp_path: Path, fmt: Format) -> None:
    """What the text has no field for is known from whose place it is."""
    world = FileWorld(tmp_path, fmt=fmt)
    sink = world.sink()
    put(world, sink)

    assert sink.fetch() == NEW


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"path": "{usr}"}, r"did you mean \{user\}", id="unknown placeholder"),
        pytest.param({"path": 5}, "must be text", id="a number for a path"),
        pytest.param({"path": "x", "mode": "0666"}, "octal mode", id="writable for all"),
        pytest.param({"path": "x", "mode": "rw-"}, "octal mode", id="no octal mode"),
        pytest.param({"path": "x", "mode": "0200"}, "octal mode", id="not readable"),
        pytest.param({"path": "x", "mode": 600}, "valid string", id="a mode without quotes"),
        pytest.param({"path": "x", "group": 1.5}, "group", id="no group"),
        pytest.param({"path": "x", "modes": "0600"}, "not permitted", id="unknown field"),
        pytest.param({}, "Field required", id="no path"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FileOptions.model_validate(options)


def test_options_can_be_described_and_written_again() -> None:
    options = FileOptions.model_validate({"path": "ci/{user}", "group": "ci"})

    assert options.model_dump(exclude_none=True) == {
        "path": "ci/{user}",
        "mode": "0600",
        "group": "ci",
    }
    assert FileOptions.model_json_schema()["properties"]["path"]["type"] == "string"
    assert FileOptions(path=options.path) == FileOptions.model_validate({"path": "ci/{user}"})
