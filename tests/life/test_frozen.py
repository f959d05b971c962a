"""SIGSTOP past the lease, a second daemon at work meanwhile, then SIGCONT: nobody is harmed."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rotator.demo.aws import LocalAws
from tests.life.house import AWS_OPTIONS, Consumers, House, eventually
from tests.life.kills import Spot
from tests.life.promises import exposed, is_done, known_secrets, leftovers, unrecorded
from tests.life.relay import Relay

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

USER = "job"
LOST = "is no longer ours"
OF_THE_RECORD = re.compile(r"commit (\w+) (intent|done|observed|rejected|unknown)")

OVERTAKEN = [
    Spot("request iam:CreateAccessKey", "answered"),
    Spot("request sts:GetCallerIdentity (proof)", "before"),
    Spot("commit deliver intent", "after"),
    Spot("put", "before"),
    Spot("put", "renamed"),
    Spot("commit deactivate intent", "after"),
    Spot("request iam:UpdateAccessKey", "before"),
    Spot("request iam:UpdateAccessKey", "answered"),
    Spot("commit delete intent", "after"),
    Spot("request iam:DeleteAccessKey", "before"),
    Spot("request iam:DeleteAccessKey", "answered"),
]
"""Where a process may stand still while another one brings the user to its end."""

WAITED_FOR = [
    Spot("put", "written"),
    Spot("put", "to be renamed"),
]
"""Where nobody can tell what the place will hold: the other one waits."""


@dataclass
class Pair:
    """A daemon that was stopped at a spot, and another over the same store."""

    house: House
    frozen: subprocess.Popen[bytes]
    first: str
    noted: int
    other: subprocess.Popen[bytes] | None = None

    def start_other(self) -> None:
        """A second daemon, which knows nothing of the first but what is on record."""
        self.other = self.house.spawn("daemon", "--log-format", "json", "--log-level", "debug")

    def go_on(self) -> None:
        """SIGCONT: what was about to be done is done, late."""
        Path(f"{self.house.trace}.gate").touch()
        self.frozen.send_signal(signal.SIGCONT)

    def noticed(self) -> bool:
        """Whether a daemon has said that it lost the lease."""
        return any(LOST in event["error"] for event in self.house.events("user.failed"))

    def saved(self) -> list[str]:
        """What the frozen one wrote into the record since it was stopped."""
        lines = self.house.trace.read_text().splitlines()[self.noted :]
        return [line for line in lines if OF_THE_RECORD.fullmatch(line)]

    def is_done(self) -> bool:
        """Whether the user has one new key, which its place holds, and that is on record."""
        done = is_done(self.house, self.house.aws.truth(), USER, self.first)
        return done and bool(self.house.events("rotation.closed"))

    def end(self) -> list[int]:
        """SIGTERM to both; their exit status."""
        both = [self.frozen, *([self.other] if self.other else [])]
        for daemon in both:
            daemon.send_signal(signal.SIGTERM)
        return [daemon.wait(20) for daemon in both]


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(options=AWS_OPTIONS) as made:
        yield made


@pytest.fixture
def house(aws: LocalAws, tmp_path: Path) -> Iterator[House]:
    """A house with one user whose key is due."""
    aws.reset()
    with Relay(aws.port) as relay, House(tmp_path, aws, endpoint=relay.endpoint) as made:
        made.plant(USER)
        with Consumers(made, [USER]) as consumers:
            yield made
        assert consumers.failures == []
        assert consumers.calls > 20
        assert exposed(made, relay.secrets() | known_secrets(made)) == []
        assert leftovers(made) == {}
        assert made.rotator("state", "check").returncode == 0


def frozen_at(spot: Spot, house: House, *, in_transaction: bool = False) -> Pair:
    """The daemon is stopped there, and outside of any transaction, or in its own."""
    first = house.aws.truth()[USER]["keys"][0]["access_key_id"]
    daemon = house.start(aim=f"halt | {spot}")
    struck = f"struck {spot}\n"
    assert eventually(lambda: house.trace.exists() and struck in house.trace.read_text(), 40)
    while True:
        daemon.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, daemon.pid, os.WSTOPPED | os.WNOWAIT)
        if in_transaction or not is_locked(house):
            return Pair(house, daemon, first, len(house.trace.read_text().splitlines()))
        # Another thread of it is writing: then the other daemon could only wait.
        daemon.send_signal(signal.SIGCONT)
        time.sleep(0.02)


def is_locked(house: House) -> bool:
    """Whether somebody keeps the store to himself."""
    with closing(sqlite3.connect(house.folder / "state/rotator.db", timeout=0)) as store:
        try:
            store.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        store.rollback()
    return False


@pytest.mark.timeout(150)
@pytest.mark.parametrize("spot", OVERTAKEN, ids=str)
def test_a_frozen_daemon_that_was_overtaken_harms_nothing_and_saves_nothing(
    spot: Spot, house: House
) -> None:
    """P8: the other one brings the user to its end; the late request changes nothing of that."""
    pair = frozen_at(spot, house)
    pair.start_other()
    assert eventually(pair.is_done, 60), house.aws.truth()
    assert not pair.noticed()

    pair.go_on()
    assert eventually(pair.noticed, 20)
    statuses = pair.end()

    assert pair.is_done(), house.aws.truth()
    assert pair.saved() == []
    assert statuses == [0, 0]
    assert unrecorded(house, house.aws.calls()) == []


@pytest.mark.timeout(150)
@pytest.mark.parametrize("spot", WAITED_FOR, ids=str)
def test_a_place_that_a_frozen_daemon_is_writing_is_waited_for(spot: Spot, house: House) -> None:
    """P6: whether the place will hold the new key cannot be read, so the other one waits for it."""
    pair = frozen_at(spot, house)
    pair.start_other()
    waits = partial(_waits, house)
    assert eventually(waits, 30)
    keys = [key["status"] for key in house.aws.truth()[USER]["keys"]]

    pair.go_on()
    done = eventually(pair.is_done, 60)
    statuses = pair.end()

    assert keys == ["Active", "Active"]
    assert done, house.aws.truth()
    assert pair.noticed()
    assert statuses == [0, 0]
    assert unrecorded(house, house.aws.calls()) == []


def _waits(house: House) -> bool:
    """Whether a daemon has found that the place cannot be read."""
    return any(
        event["action"] == "wait" and event["reason"] == "sink"
        for event in house.events("decision.made")
    )


@pytest.mark.timeout(150)
def test_a_daemon_that_is_frozen_in_a_transaction_is_waited_for(house: House) -> None:
    """SQLite has one writer: the other begins nothing and says why, and all goes on by itself."""
    pair = frozen_at(Spot("commit deliver intent", "before"), house, in_transaction=True)
    pair.start_other()
    assert eventually(lambda: house.events("store.failed"), 40)
    keys = [key["status"] for key in house.aws.truth()[USER]["keys"]]

    pair.go_on()
    done = eventually(pair.is_done, 60)
    recovered = house.events("store.recovered")
    statuses = pair.end()

    assert keys == ["Active", "Active"]
    assert done, house.aws.truth()
    assert recovered
    assert statuses == [0, 0]
    assert unrecorded(house, house.aws.calls()) == []


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    "spot",
    [Spot("commit issue intent", "after"), Spot("request iam:CreateAccessKey", "before")],
    ids=str,
)
def test_a_key_that_is_made_too_late_is_nobodys(spot: Spot, house: House) -> None:
    """A process that froze before its request for longer than is assumed makes a second key.

    It harms nobody: no place has it, it is saved nowhere, and its secret is lost. It stays until
    its slot is needed; then a person is told.
    """
    pair = frozen_at(spot, house)
    pair.start_other()
    assert eventually(pair.is_done, 60), house.aws.truth()
    held = house.held(USER)

    pair.go_on()
    assert eventually(pair.noticed, 20)
    statuses = pair.end()

    assert pair.saved() == []
    assert house.held(USER) == held
    assert [key["status"] for key in house.aws.truth()[USER]["keys"]] == ["Active", "Active"]
    assert statuses == [0, 0]
    [unsaved] = unrecorded(house, house.aws.calls())
    assert unsaved.startswith("CreateAccessKey")
