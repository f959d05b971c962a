"""Checks, backups, and stores that went back."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rotator.errors import Refused, StoreDamaged, StoreUnavailable, StoreWentBack
from rotator.model import JournalOutcome, Scope, Step
from rotator.store import Store, migrations, open_store
from rotator.store.engine import Address, Database
from rotator.store.migrations import Rung
from rotator.store.upkeep import before_version
from rotator.store.watermark import Watermark
from tests.store.worlds import (
    ALICE,
    BOB,
    MINUTE,
    NEW,
    NOW,
    OLD,
    Clock,
    a_place,
    a_rotation,
    a_user,
    an_order,
    names,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tests.store.worlds import World

DONE = JournalOutcome.DONE


def _recorded(world: World) -> None:
    """Three rows of Alice, two of Bob, one of nobody in particular."""
    for ref in (ALICE, BOB, ALICE):
        if world.store.know(ref).rotation is None:
            world.begun(ref, a_rotation(ref.user_id))
        with world.change(ref) as change:
            change.journal(Step.PROVE, DONE)
    with world.change(BOB) as change:
        change.journal(Step.PROVE, DONE, detail="naïve, with \u2028, \x00 and \udc80")
    with world.change(ALICE) as change:
        change.journal(Step.CLOSE, DONE)
    world.store.give_hold(Scope.ALL, reason="audit", actor="eve")


def _tamper(world: World, *statements: str) -> None:
    """Change the rows behind the back of their triggers, as somebody with access to them can."""
    if world.tamper is not None:
        world.tamper(*statements)
        return
    with closing(sqlite3.connect(world.path)) as connection:
        for statement in (
            "DROP TRIGGER journal_no_update",
            "DROP TRIGGER journal_no_delete",
            *statements,
            "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN SELECT 1; END",
            "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN SELECT 1; END",
        ):
            connection.execute(statement)
        connection.commit()


def test_a_store_that_is_in_order_has_no_findings(world: World) -> None:
    """After all that can be written into it."""
    _recorded(world)

    assert world.store.check() == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param(
            "UPDATE journal SET actor = 'somebody else' WHERE seq = 2",
            "row 2 of user AIDABOB",
            id="who it was",
        ),
        pytest.param("UPDATE journal SET at = at + 1 WHERE seq = 1", "row 1 of", id="when"),
        pytest.param("UPDATE journal SET reason = 'age' WHERE seq = 4", "row 4 of", id="why"),
        pytest.param(
            "UPDATE journal SET hash = '' WHERE seq = 1", "row 1 of", id="the hash itself"
        ),
        pytest.param(
            "DELETE FROM journal WHERE seq = 3", "row 5 of user AIDAALICE", id="the middle"
        ),
        pytest.param(
            "DELETE FROM journal WHERE seq = 1", "row 3 of user AIDAALICE", id="the first"
        ),
        pytest.param("DELETE FROM journal WHERE seq = 5", "has 2 rows where 3 were", id="the last"),
        pytest.param(
            "DELETE FROM journal WHERE user_id = 'AIDABOB'",
            "whole journal of user AIDABOB of account 111122223333 is missing",
            id="all of a user",
        ),
        pytest.param(
            "DELETE FROM journal WHERE user_id = ''", "whole journal of all accounts", id="orders"
        ),
        pytest.param(
            "INSERT INTO journal SELECT 99, at, account_id, user_id, account, user_name, policy, "
            "policy_digest, rotation_id, sweep_id, step, outcome, intent_seq, timeout_at, key_id, "
            "place, title, reason, detail, actor, hash FROM journal WHERE seq = 1",
            "row 99 of",
            id="one added",
        ),
    ],
)
def test_a_changed_or_missing_row_is_found(world: World, statement: str, expected: str) -> None:
    """Once per user, with whose it is."""
    _recorded(world)
    _tamper(world, statement)

    (finding,) = world.store.check()
    assert expected in finding


@pytest.mark.on_a_file
@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param(
            "DROP TRIGGER journal_no_update", "the trigger journal_no_update", id="a trigger"
        ),
        pytest.param("DROP INDEX rotations_open", "refuses a second open rotation", id="an index"),
        pytest.param(
            "ALTER TABLE users DROP COLUMN arn", "the column users.arn is missing", id="a column"
        ),
        pytest.param("DROP TABLE sweeps", "the table sweeps is missing", id="a table"),
        pytest.param("DELETE FROM users", "of rotations refers to a row of users", id="a user"),
        pytest.param("DELETE FROM meta", "does not say which version", id="the version"),
        pytest.param("UPDATE journal SET at = 'soon'", "is missing|where a", id="a moment"),
    ],
)
def test_a_store_that_lacks_something_is_found(world: World, statement: str, expected: str) -> None:
    """What was there when it was made."""
    world.begun()
    with closing(sqlite3.connect(world.path)) as connection:
        if "journal SET" in statement:
            with world.change() as change:
                change.journal(Step.PROVE, DONE)
            connection.execute("DROP TRIGGER journal_no_update")
        connection.execute(statement)
        connection.commit()

    findings = "\n".join(world.store.check())
    assert any(part in findings for part in expected.split("|"))


@pytest.mark.on_a_file
def test_an_index_that_does_not_match_its_table_is_found(world: World) -> None:
    """SQLite's own check, which is slower than the one at each start."""
    world.known_user()
    with closing(sqlite3.connect(world.path)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = 'CREATE INDEX users_name ON users (arn)' "
            "WHERE name = 'users_name'"
        )
        connection.commit()
    world.store._database.engine.dispose()

    assert any("users_name" in finding for finding in world.store.check())


# Backups


def _copied(world: World, tmp_path: Path) -> Store:
    target = tmp_path / "copy.db"
    world.store.backup(target)
    return open_store(f"sqlite:///{target}", clock=world.clock)


@pytest.mark.on_a_file
def test_a_backup_is_one_whole_file_for_its_owner_only(world: World, tmp_path: Path) -> None:
    """Made while the store is in use; a target that exists is left alone."""
    _recorded(world)
    folder = tmp_path / "backups"
    folder.mkdir()
    world.store.backup(folder / "copy.db")

    with pytest.raises(Refused, match="exists already"):
        world.store.backup(folder / "copy.db")

    assert names(folder) == ["copy.db"]
    assert stat.S_IMODE((folder / "copy.db").stat().st_mode) == 0o600
    with open_store(f"sqlite:///{folder}/copy.db", clock=world.clock) as copy:
        assert copy.check() == []
        assert list(world.store.history()) == list(copy.history())
        assert world.store.users() == copy.users()


@pytest.mark.on_a_file
def test_a_backup_that_cannot_be_made_is_told(world: World, tmp_path: Path) -> None:
    """No folder is made for it."""
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        world.store.backup(tmp_path / "none" / "copy.db")


@pytest.mark.on_a_file
def test_a_copy_of_a_damaged_store_is_refused(world: World, tmp_path: Path) -> None:
    """Better no backup than one that is believed in."""
    world.store.close()
    world.path.write_bytes(b"x" * 8192)

    with pytest.raises(StoreDamaged, match="not an SQLite file"):
        world.store.backup(tmp_path / "copy.db")

    assert not (tmp_path / "copy.db").exists()


@pytest.mark.on_a_file
def test_a_backup_that_is_opened_begins_and_harms_nothing(world: World, tmp_path: Path) -> None:
    """Reading works, and orders may be given; what it knows may be long past."""
    world.begun()
    copy = _copied(world, tmp_path)
    sentence = (
        "is a copy, made from .*rotator.db at 2026-03-04 12:00:00 UTC; .*rotator state accept"
    )
    lease = copy.acquire(ALICE, holder="ours", length=MINUTE)
    assert lease is not None

    with pytest.raises(StoreWentBack, match=sentence), copy.change(lease) as change:
        change.note_user(a_user(message="x"))

    assert world.store.users() == copy.users()
    assert copy.give(ALICE, an_order()) == 1
    assert world.store.went_back() is None
    copy.close()


@pytest.mark.on_a_file
@pytest.mark.parametrize("step", [Step.ISSUE, Step.DEACTIVATE, Step.DELETE])
def test_what_mends_is_let_through_to_a_backup_and_nothing_else(
    world: World, tmp_path: Path, step: Step
) -> None:
    """Consumers are helped in doubt; nobody is harmed in doubt."""
    world.known_user()
    with world.change() as change:
        change.claim(a_place())
    copy = _copied(world, tmp_path)
    lease = copy.acquire(ALICE, holder="ours", length=MINUTE)
    assert lease is not None

    with copy.change(lease, mends=True) as change:
        change.intent(Step.REACTIVATE, timeout_at=NOW, key_id=OLD)
        change.intent(Step.DELIVER, timeout_at=NOW, key_id=NEW, place=a_place().place)
    with pytest.raises(StoreWentBack), copy.change(lease, mends=True) as change:
        change.intent(step, timeout_at=NOW, key_id=OLD)
    with pytest.raises(StoreWentBack), copy.change(lease, mends=True) as change:
        change.begin(a_rotation())

    assert [row.step for row in copy.history()] == [Step.REACTIVATE, Step.DELIVER]
    copy.close()


@pytest.mark.on_a_file
def test_a_backup_that_a_person_accepts_is_a_store(world: World, tmp_path: Path) -> None:
    """Recorded with who and why; the store it came from is not concerned."""
    world.known_user()
    copy = _copied(world, tmp_path)

    copy.accept(actor="eve@laptop", reason="disk lost")

    assert copy.went_back() is None
    lease = copy.acquire(ALICE, holder="ours", length=MINUTE)
    assert lease is not None
    with copy.change(lease) as change:
        change.begin(a_rotation())
    (row,) = copy.history()
    assert (
        row.step,
        row.outcome,
        row.actor,
        row.detail,
    ) == (Step.ORDER, DONE, "eve@laptop", "state accepted: disk lost")
    assert copy.check() == []
    copy.close()


def _lose_commits(world: World) -> None:
    """All after row 3, as a fail-over does that lost them: no stamp tells of it."""
    _tamper(world, "DELETE FROM journal WHERE seq > 3", "DELETE FROM chains")


@pytest.mark.on_a_file
def test_a_store_that_lost_commits_is_noticed_by_who_saw_them(world: World) -> None:
    """Until a person accepts; whoever comes later could not know."""
    _recorded(world)
    _lose_commits(world)
    lease = world.lease()

    for _ in range(2):
        with (
            pytest.raises(StoreWentBack, match="ends at row 3, but row 6 was seen"),
            world.store.change(lease),
        ):
            pass
    assert "rotator state accept" in (world.store.went_back() or "")

    with world.opened() as other:
        assert other.went_back() is None
        other.accept(actor="eve", reason="fail-over")

    assert world.store.went_back() is None
    with world.store.change(lease) as change:
        change.journal(Step.PROVE, DONE)


@pytest.mark.on_a_file
def test_an_acceptance_of_last_year_does_not_answer_for_today(world: World) -> None:
    """Only one that came after the loss was found does."""
    world.store.accept(actor="eve", reason="last year")
    _recorded(world)
    _lose_commits(world)

    assert world.store.went_back() is not None
    assert world.store.went_back() is not None

    world.store.accept(actor="eve", reason="today")

    assert world.store.went_back() is None


@pytest.mark.on_a_file
def test_one_acceptance_answers_for_a_backup_that_lacks_what_was_seen(
    world: World, tmp_path: Path
) -> None:
    """It took the place of a store that went on after it: both are told, and answered at once."""
    world.begun()
    copy = tmp_path / "copy.db"
    world.store.backup(copy)
    _recorded(world)
    world.store._database.engine.dispose()
    for rest in world.path.parent.glob(f"{world.path.name}-*"):
        rest.unlink()
    copy.rename(world.path)

    assert "is a copy" in (world.store.went_back() or "")

    with world.opened() as other:
        other.accept(actor="eve", reason="disk lost")

    assert world.store.went_back() is None


# Versions


def _with_a_colour(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE users ADD COLUMN colour TEXT")


def _with_a_smell(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE users ADD COLUMN smell TEXT")


LADDER = (Rung(3, 2, _with_a_smell), Rung(2, 1, _with_a_colour))


def _columns(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {row[1] for row in connection.execute("PRAGMA table_info(users)")}


def _versions(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT name, value FROM meta"))


@pytest.mark.on_a_file
def test_an_older_store_climbs_rung_by_rung_after_a_copy(world: World) -> None:
    """The copy is of before, and stamped; climbing again does nothing."""
    _recorded(world)
    database = world.store._database
    for _ in range(2):
        migrations.climb(database, lambda version: before_version(database, version), LADDER)

    copy = world.path.with_name("rotator.db.before-v3")
    assert {"colour", "smell"} <= _columns(world.path)
    assert {"schema_version": "3", "min_reader": "2"}.items() <= _versions(world.path).items()
    assert _columns(copy).isdisjoint({"colour", "smell"})
    assert "backup" in _versions(copy)
    assert {copy.name, "rotator.db", "rotator.db-wal", "rotator.db-shm"} == set(
        names(world.path.parent)
    )
    (finding,) = world.store.check()
    assert "newer rotator (schema 3, needs a reader of 2; this one reads 1)" in finding


@pytest.mark.on_a_file
def test_a_climb_that_breaks_off_leaves_the_old_version(world: World) -> None:
    """One transaction; its copy is kept, and the next try makes one of its own."""
    database = world.store._database

    def break_off(_connection: Connection) -> None:
        raise KeyboardInterrupt

    ladder = (LADDER[1], Rung(3, 2, break_off))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            migrations.climb(database, lambda version: before_version(database, version), ladder)

    assert "colour" not in _columns(world.path)
    assert _versions(world.path)["schema_version"] == "1"
    assert {"rotator.db.before-v3", "rotator.db.before-v3.1"} <= set(names(world.path.parent))


@pytest.mark.on_a_file
def test_a_store_that_another_process_brought_up_is_left(world: World) -> None:
    """Between the copy and the climb somebody else may have climbed."""
    database = world.store._database

    def another_is_faster(_version: int) -> None:
        migrations.climb(database, lambda _: None, LADDER)

    migrations.climb(database, another_is_faster, LADDER)

    assert _versions(world.path)["schema_version"] == "3"


@pytest.mark.on_a_file
def test_a_newer_store_that_still_has_readers_of_this_version_is_read(world: World) -> None:
    """A rolling update, and the way back from it."""
    world.known_user()
    migrations.climb(world.store._database, lambda _: None, (LADDER[1],))

    with world.opened() as store:
        assert a_user() == store.know(ALICE).user
        assert store.check() == []
        lease = store.acquire(ALICE, holder="ours", length=MINUTE)
        assert lease is not None
        with store.change(lease) as change:
            change.note_user(a_user(message="still written"))


# PostgreSQL, as far as it can be told without one


def _postgres(clock: Clock) -> Database:
    url = "postgresql+psycopg://rotator:hunter2@127.0.0.1:1/rotator"
    return Database(Address.parse(url, Path()), clock=clock)


def test_a_database_that_does_not_answer_is_unavailable() -> None:
    """Its password is not told."""
    pytest.importorskip("psycopg")
    with pytest.raises(StoreUnavailable, match="does not answer") as told:
        open_store("postgresql+psycopg://rotator:hunter2@127.0.0.1:1/x", clock=Clock())

    assert "hunter2" not in str(told.value)


def test_a_database_is_backed_up_by_its_own_means(tmp_path: Path) -> None:
    """A copy of ours would be no better."""
    pytest.importorskip("psycopg")
    database = _postgres(Clock())
    store = Store(database, Watermark())

    with pytest.raises(Refused, match="pg_dump"):
        store.backup(tmp_path / "copy")

    before_version(database, 2)

    assert names(tmp_path) == []
