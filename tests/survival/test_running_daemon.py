"""The real daemon, whose state is struck while it works: it harms nothing, says so, and goes on."""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import pytest

from rotator.demo.aws import LocalAws
from tests.life.house import AWS_OPTIONS, Consumers, House, eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

USERS = ("job-0", "job-1")
WATCHED_FOR = 4.0
"""Seconds in which an ordinary rotation of these periods would have gone on by two steps."""


@dataclass
class Strike:
    """What becomes of the state, and what a person does about it."""

    house: House
    held: list[sqlite3.Connection] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The state file."""
        return self.house.folder / "state/rotator.db"

    @property
    def copy(self) -> Path:
        """A backup that was made before."""
        return self.house.folder / "backup.db"

    def now(self) -> None:
        """It happens."""

    def mend(self) -> None:
        """Somebody puts it right."""

    def accept(self) -> None:
        """A person answers for the state that is there now."""
        said = self.house.rotator("state", "accept", "--reason", "drill", "--yes")
        assert said.returncode == 0, said.stderr


class Deleted(Strike):
    """Moved away with all that belongs to it, and brought back."""

    def now(self) -> None:
        away = self.house.folder / "away"
        away.mkdir()
        for file in self.path.parent.iterdir():
            file.rename(away / file.name)

    def mend(self) -> None:
        assert list(self.path.parent.iterdir()) == []
        for file in (self.house.folder / "away").iterdir():
            file.rename(self.path.parent / file.name)


class PutBack(Strike):
    """Replaced by a backup of an hour ago, which a person accepts."""

    def now(self) -> None:
        shutil.copy(self.copy, self.path.with_suffix(".new"))
        for file in self.path.parent.glob("rotator.db-*"):
            file.unlink()
        self.path.with_suffix(".new").rename(self.path)

    def mend(self) -> None:
        self.accept()


class CutShort(Strike):
    """Half of it is gone; the daemon is stopped, and a backup put in its place."""

    def now(self) -> None:
        for file in self.path.parent.glob("rotator.db-*"):
            file.unlink()
        os.truncate(self.path, self.path.stat().st_size // 2 // 4096 * 4096)

    def mend(self) -> None:
        self.house.kill()
        for file in self.path.parent.glob("rotator.db-*"):
            file.unlink()
        shutil.copy(self.copy, self.path)
        self.accept()
        self.house.start()


class Locked(Strike):
    """Another process keeps it to itself."""

    def now(self) -> None:
        self.held.append(sqlite3.connect(self.path, isolation_level=None, timeout=10))
        self.held[0].execute("BEGIN IMMEDIATE").close()

    def mend(self) -> None:
        self.held[0].execute("ROLLBACK").close()
        self.held[0].close()


def ready(house: House) -> str:
    """What `/readyz` says where it is not ready, after the status; empty where it is."""
    try:
        house.page("/readyz")
    except HTTPError as exc:
        return f"{exc.code} {exc.read().decode()}"
    return ""


def keys(house: House) -> dict[str, list[tuple[str, str]]]:
    """Every key as AWS has it."""
    return {
        user: sorted((key["access_key_id"], key["status"]) for key in truth["keys"])
        for user, truth in house.aws.truth().items()
        if user in USERS
    }


@pytest.mark.parametrize(
    ("kind", "shown", "sentence"),
    [
        pytest.param(Deleted, "the store cannot be used", "is gone; bring it back", id="deleted"),
        pytest.param(PutBack, "a person types: rotator state accept", "", id="a backup instead"),
        pytest.param(CutShort, "the store cannot be used", "damaged", id="cut short"),
        pytest.param(Locked, "the store cannot be used", "is locked by another", id="locked"),
    ],
)
def test_a_state_that_is_struck_is_told_and_nothing_goes_on(
    kind: type[Strike], shown: str, sentence: str, tmp_path: Path
) -> None:
    """In the middle of rotations: not ready, with the reason, no key changed; then all goes on."""
    with LocalAws(options=AWS_OPTIONS) as aws, House(tmp_path, aws) as house:
        house.plant(*USERS)
        first = keys(house)
        house.start()
        with Consumers(house, USERS) as consumers:
            assert eventually(lambda: len(house.events("key.issued")) == len(USERS), 30)
            strike = kind(house)
            assert house.rotator("state", "backup", str(strike.copy)).returncode == 0
            strike.now()
            why = eventually(lambda: ready(house), 30)
            before = keys(house)
            went_on = eventually(lambda: keys(house) != before, WATCHED_FOR)
            told = house.events("store.failed")
            strike.mend()
            done = eventually(lambda: _all_rotated(house, first), 60)
            again = eventually(lambda: not ready(house), 20)
        status = house.stop()

    assert why.startswith("503 ")
    assert shown in why
    assert not went_on
    assert not sentence or any(sentence in event["error"] for event in told)
    assert "Traceback" not in house.log.read_text()
    assert done, (before, house.events("user.stopped", "user.failed", "store.failed")[-3:])
    assert again
    assert consumers.failures == []
    assert status == 0
    assert house.rotator("state", "check").returncode == 0
    assert {path.name for path in house.secrets.iterdir()} == {f"{user}.json" for user in USERS}


def _all_rotated(house: House, first: dict[str, list[tuple[str, str]]]) -> bool:
    """Each has one Active key, another than the first, which its place holds."""
    for user, now in keys(house).items():
        held = house.held(user)
        if len(now) != 1 or now == first[user] or held is None:
            return False
        if now != [(held["AccessKeyId"], "Active")]:
            return False
    return True


def test_two_daemons_on_one_state_rotate_everybody_once(tmp_path: Path) -> None:
    """A person started a second one by mistake: leases keep them apart."""
    with LocalAws(options=AWS_OPTIONS) as aws, House(tmp_path, aws) as house:
        house.plant(*USERS)
        first = keys(house)
        house.start()
        assert eventually(lambda: house.events("daemon.started"), 30)
        other = house.spawn("daemon", "--log-format", "json")
        with Consumers(house, USERS) as consumers:
            done = eventually(lambda: _all_rotated(house, first), 60)
        other.terminate()
        other.wait(20)
        house.stop()

    assert done
    assert consumers.failures == []
    assert len(house.events("key.issued")) == len(USERS)
    assert house.events("user.failed") == []
    assert other.returncode == 0
