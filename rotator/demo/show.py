"""The show: the real daemon rotates the keys of a local AWS, is killed in the middle, and goes on.

Everything is as in earnest but for the periods, which are seconds. It ends by itself with a table
of what happened to whom and why; `keep` leaves it running to be played with.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotator.demo.aws import LocalAws
from rotator.demo.closing import closing_words, is_finished, what_happened
from rotator.demo.consumers import Consumers, place_of
from rotator.demo.scenario import CAST, FLAKY_PREFIX, VICTIM, policy_text, seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rotator.demo.scenario import Actor

__all__ = ["Demo", "main"]

SHOW_SECONDS = 50
FLAKY_SECONDS = 5
AWS_OPTIONS = ("--lag", "1s", "--grain", "250ms", "--new-key-delay", "1s")
TOLD = {
    "daemon.started": "the daemon is up",
    "rotation.begun": "rotation begun",
    "key.issued": "new key issued",
    "key.proven": "new key proven with STS",
    "key.delivered": "new key delivered",
    "sink.failed": "sink failed",
    "secret.lost": "the secret died with the process: its key is thrown away",
    "key.deactivated": "old key switched off",
    "key.deleted": "old key deleted",
    "rotation.closed": "rotation closed",
    "user.stopped": "stopped, a person is needed",
}
"""The events that the show tells; the log has all of them."""


@dataclass(slots=True)
class Demo:
    """One show in one folder."""

    folder: Path
    aws: LocalAws
    begun_at: float = field(default_factory=time.monotonic)
    events: list[dict[str, Any]] = field(default_factory=list)
    killed_after: str = ""
    _daemon: subprocess.Popen[bytes] | None = None
    _read_to: int = 0
    _admitted: set[str] = field(default_factory=set)

    @property
    def log(self) -> Path:
        """What the daemon wrote, both times."""
        return self.folder / "rotator.log"

    @property
    def config(self) -> Path:
        """Its policies."""
        return self.folder / "policies.yaml"

    def prepare(self) -> None:
        """Write the policies, and make everybody who is there from the beginning."""
        self.config.write_text(policy_text(self.folder))
        self.log.touch()
        (self.folder / "state").mkdir()
        self.admit([actor for actor in CAST if not actor.joins_after])
        self.aws.fail(
            "secretsmanager:PutSecretValue",
            "fail",
            target=FLAKY_PREFIX,
            for_seconds=FLAKY_SECONDS,
            times=None,
        )

    def admit(self, actors: Sequence[Actor]) -> None:
        """Make users, and put the present key of each where its consumer reads it."""
        self.aws.plant(seed(*actors))
        truth = self.aws.truth()
        held: list[dict[str, str]] = []
        for actor in actors:
            keys = truth[actor.name]["keys"]
            if not keys:
                continue
            text = _credential(actor.name, truth[actor.name]["account"], keys[0])
            if actor.sink == "file":
                self._write(place_of(actor), text)
            else:
                held.append({"name": place_of(actor), "value": text})
        self.aws.plant({"secrets": held})
        self._admitted.update(actor.name for actor in actors)

    def admit_late(self) -> None:
        """Make those whose time has come."""
        late = [
            actor
            for actor in CAST
            if actor.name not in self._admitted and self.seconds() >= actor.joins_after
        ]
        if late:
            self.admit(late)

    def start_daemon(self) -> None:
        """Start the daemon as a process, as its container does."""
        with self.log.open("ab") as log:
            self._daemon = subprocess.Popen(  # noqa: S603 - this very program
                [
                    *(sys.executable, "-m", "rotator", "daemon", "--init-state"),
                    *("--config", str(self.config), "--log-format", "json"),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.aws.environ()},
            )

    def kill_daemon(self) -> None:
        """SIGKILL: nothing of it can say goodbye."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()

    def stop_daemon(self) -> None:
        """SIGTERM, as a container is stopped."""
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.send_signal(signal.SIGTERM)
            try:
                self._daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill_daemon()

    def daemon_ended(self) -> bool:
        """Whether the daemon is not there any more."""
        return self._daemon is None or self._daemon.poll() is not None

    def new_events(self) -> Iterator[dict[str, Any]]:
        """The events that the daemon logged since the last call."""
        with self.log.open("rb") as log:
            log.seek(self._read_to)
            while (line := log.readline()).endswith(b"\n"):
                self._read_to = log.tell()
                event = _event(line)
                if event is not None:
                    self.events.append(event)
                    yield event

    def seconds(self) -> float:
        """How long the show has been running."""
        return time.monotonic() - self.begun_at

    def _write(self, place: str, text: str) -> None:
        path = self.folder / place
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)


def main(*, keep: bool = False, folder: Path | None = None) -> int:
    """Play the show; 0 where every user ended as it must and no consumer's call failed."""
    where = folder or Path(tempfile.mkdtemp(prefix="rotator-demo-"))
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    print(f"A local AWS, {len(CAST)} users and the real daemon, in {where}\n")
    with ExitStack() as stack:
        aws = stack.enter_context(LocalAws(options=AWS_OPTIONS))
        demo = Demo(where, aws)
        demo.prepare()
        consumers = Consumers(aws, where, CAST)
        consumers.start()
        stack.callback(consumers.stop)
        demo.start_daemon()
        stack.callback(demo.stop_daemon)
        _watch(demo, consumers)
        took = demo.seconds()
        if not keep:
            demo.stop_daemon()
        consumers.stop()
        outcomes = what_happened(demo.events, aws.truth(), consumers)
        print(closing_words(demo, outcomes, took))
        if keep:
            _keep(demo)
    return 0 if all(outcome.is_right for outcome in outcomes) else 1


def _watch(demo: Demo, consumers: Consumers) -> None:
    """Tell what the daemon does; kill it once, in the middle of the victim's rotation."""
    while demo.seconds() < SHOW_SECONDS:
        demo.admit_late()
        for event in demo.new_events():
            _tell(demo, event)
            if (
                not demo.killed_after
                and event["event"] == "key.issued"
                and event.get("user") == VICTIM
            ):
                demo.kill_daemon()
                demo.killed_after = "key.issued"
                print(f"{demo.seconds():5.1f} s  *** SIGKILL: the daemon is dead ***")
                demo.start_daemon()
                print(f"{demo.seconds():5.1f} s  *** started again, with no help ***")
                break
        if demo.daemon_ended():
            print(f"The daemon ended by itself; its log: {demo.log}")
            return
        if is_finished(demo.events, demo.aws.truth(), consumers):
            return
        time.sleep(0.1)


def _tell(demo: Demo, event: dict[str, Any]) -> None:
    words = TOLD.get(event["event"])
    if words is not None:
        key = event.get("successor") or event.get("access_key_id") or ""
        if event["event"] in {"key.deactivated", "key.deleted"}:
            key = event.get("access_key_id", "")
        print(f"{demo.seconds():5.1f} s  {event.get('user') or '':<16} {words} {key}")


def _keep(demo: Demo) -> None:
    """Leave everything running until Ctrl-C."""
    environ = " ".join(f"{name}={value}" for name, value in demo.aws.environ().items())
    hints = demo.folder / "environment.sh"
    hints.touch(mode=0o600)
    hints.write_text(f"export {environ}\nexport ROTATOR_CONFIG={demo.config}\n")
    print(
        f"\nIt goes on. In another terminal:\n"
        f"  . {hints}\n"
        "  rotator status\n"
        "  rotator explain two-keys\n"
        "  rotator rotate fresh --reason 'just to see'\n"
        "  rotator history fresh\n"
        "  rotator hold --all --reason 'lunch' --until +10m; rotator release --all\n"
        "Ctrl-C ends it."
    )
    try:
        while not demo.daemon_ended():
            time.sleep(0.5)
    except KeyboardInterrupt:
        print()


def _credential(user: str, account: str, key: dict[str, Any]) -> str:
    return json.dumps(
        {
            "Version": 1,
            "AccessKeyId": key["access_key_id"],
            "SecretAccessKey": key["secret_access_key"],
            "UserName": user,
            "AccountId": account,
        }
    )


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
