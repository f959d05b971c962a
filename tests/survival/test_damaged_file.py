"""A state that is damaged on the disk, or left by a rotator that died as it migrated it."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from rotator.errors import StoreDamaged, StoreError
from rotator.model import JournalOutcome, Reason, Step
from rotator.store import migrations, open_store
from rotator.store.migrations import Rung
from rotator.store.upkeep import before_version
from tests.store.worlds import ALICE, BOB, NEW, NOW, Clock, World, a_key, a_rotation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

pytestmark = pytest.mark.slow

FLIPS = int(os.environ.get("FLIPS", "300"))
JOURNAL = "SELECT seq, account_id, user_id, step, outcome FROM journal ORDER BY seq"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A store with something in every table that a rotation writes."""
    world = World.made(tmp_path)
    for ref in (ALICE, BOB):
        world.begun(ref, a_rotation(ref.user_id))
        with world.change(ref) as change:
            change.sight([a_key(f"AKIA{ref.user_id}")])
            intent = change.intent(Step.ISSUE, timeout_at=NOW)
            change.outcome(intent, JournalOutcome.DONE, key_id=NEW)
            change.hold(Reason.BY_HAND, message="x" * 5000, by="eve")
    yield world
    world.store.close()


def _read(path: Path) -> tuple[list[str], list[object]]:
    """What `state check` finds, and everything that was journaled."""
    with open_store(f"sqlite:///{path}", clock=Clock()) as store:
        return store.check(), list(store.history())


# Bits


def test_a_bit_that_flips_anywhere_is_told_or_changes_no_journal(world: World) -> None:
    """Refused in a sentence, or found by `state check`, or the journal reads as it did.

    SQLite has no checksums of its own: a bit in another row that still makes sense goes unnoticed,
    and is found out by observation as any other difference from IAM is.
    """
    world.store.close()
    whole, before = world.path.read_bytes(), _read(world.path)
    world.path.write_bytes(whole)
    seed = int(os.environ.get("FLIPS_SEED", random.SystemRandom().randrange(2**32)))
    dice, came = random.Random(seed), {"refused": 0, "found": 0, "harmless": 0}
    print(f"FLIPS={FLIPS} FLIPS_SEED={seed}")  # noqa: T201 - what replays the run
    assert before[0] == []
    assert before[1]

    for _ in range(FLIPS):
        at, bit = dice.randrange(len(whole)), 1 << dice.randrange(8)
        world.path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        try:
            findings, journal = _read(world.path)
        except StoreError:
            came["refused"] += 1
            continue
        came["found" if findings else "harmless"] += 1
        assert findings or before[1] == journal, (seed, at, bit)
    print(came)  # noqa: T201 - what the run came to


def test_a_table_whose_words_are_no_text_is_damage(world: World) -> None:
    """SQLite quotes them in what it says, and the driver fails to read that."""
    world.store.close()
    whole = world.path.read_bytes()
    begins = whole.index(b"CREATE TABLE users (")
    for at in range(begins, begins + len("CREATE TABLE users (")):
        world.path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x80]) + whole[at + 1 :])

        with pytest.raises(StoreDamaged, match=r"damaged|not in order|lacks the table"):
            open_store(world.url, clock=world.clock)


# Versions


def _with_colours(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE users ADD COLUMN colour TEXT")
    connection.exec_driver_sql("UPDATE users SET colour = 'red'")


def _with_smells(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE users ADD COLUMN smell TEXT")


LADDER = (Rung(2, 1, _with_colours), Rung(3, 1, _with_smells))


def _climb(world: World, killed_at: int) -> None:
    """Bring the store up to version 3; this process is killed before that statement."""
    store = open_store(world.url, clock=world.clock)
    database, passed = store._database, 0

    def strike(*_: object) -> None:
        nonlocal passed
        passed += 1
        if passed > killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine, "before_cursor_execute", strike)
    event.listen(database.engine, "commit", strike)
    migrations.climb(database, lambda version: before_version(database, version), LADDER)


def _dies(world: World, killed_at: int) -> bool:
    """Whether another process was killed on its way up; else it arrived."""
    child = os.fork()
    if child == 0:
        try:
            _climb(world, killed_at)
        except BaseException:  # noqa: BLE001 - nothing of the test may go on in the child
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _looks(path: Path) -> tuple[str, bool, bool, list[object]]:
    with closing(sqlite3.connect(path)) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(users)")}
        found = "SELECT value FROM meta WHERE name = 'schema_version'"
        (version,) = connection.execute(found).fetchone()
        return version, "colour" in columns, "smell" in columns, list(connection.execute(JOURNAL))


def test_a_climb_that_is_killed_at_any_statement_is_finished_by_the_next(world: World) -> None:
    """At the old version or the new one, never between; the next start brings it up."""
    world.store.close()
    whole, journal, killed_at = world.path.read_bytes(), _looks(world.path)[3], 0
    while True:
        world.path.write_bytes(whole)
        died = _dies(world, killed_at)
        after = _looks(world.path)
        assert after in [("1", False, False, journal), ("3", True, True, journal)], killed_at
        if not died:
            break
        assert not _dies(world, 10_000)
        assert _looks(world.path) == ("3", True, True, journal)
        for beside in world.path.parent.glob("rotator.db?*"):
            beside.unlink()
        killed_at += 1

    print(f"killed at each of {killed_at} statements")  # noqa: T201 - what the run came to
    assert killed_at >= len(LADDER) * 2
