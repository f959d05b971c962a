"""What PostgreSQL does that a file does not: it goes away, hangs, is copied, is shared."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import event

from rotator.errors import (
    CommitUnknown,
    LeaseLost,
    LimitReached,
    Refused,
    StoreError,
    StoreMissing,
    StoreUnavailable,
    StoreWentBack,
)
from rotator.model import JournalOutcome, Step
from rotator.store import Store, create, open_store, postgres, twice
from tests.store.worlds import ALICE, BOB, DAY, LENGTH, MINUTE, NOW, SECOND, a_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotator.model import UserRef
    from rotator.store import Lease
    from tests.databases.postgres import Server

DONE = JournalOutcome.DONE


def today() -> datetime:
    """The clock of this machine, which the database's own is too."""
    return datetime.now(UTC)


@pytest.fixture
def url(postgres: Server) -> str:
    """A store that nothing was written to."""
    return postgres.empty()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """It, opened by one replica."""
    with open_store(url, clock=today) as store:
        yield store


@pytest.fixture
def other(url: str) -> Iterator[Store]:
    """It, opened by another one."""
    with open_store(url, clock=today) as store:
        yield store


def taken(store: Store, ref: UserRef = ALICE, holder: str = "ours", length: Any = LENGTH) -> Lease:  # noqa: ANN401 - a length
    """The lease on a user, which is free."""
    lease = store.acquire(ref, holder=holder, length=length)
    assert lease is not None
    return lease


def told(store: Store, ref: UserRef = ALICE) -> list[str]:
    """What the record of a user says."""
    return [row.detail for row in store.history(ref)]


def writes(
    store: Store, lease: Lease, then: Callable[[], object] = bool, *, again: bool = False
) -> None:
    """One transaction: a row, what happens then, another row perhaps, and the commit."""
    with store.change(lease) as change:
        change.note_user(a_user())
        change.journal(Step.PROVE, DONE)
        then()
        if again:
            change.journal(Step.PROVE, DONE)


# Making and opening


def test_a_store_is_made_once_in_an_empty_database(postgres: Server) -> None:
    """And there is none before that."""
    url = postgres.database()
    with pytest.raises(StoreMissing, match="rotator state init"):
        open_store(url, clock=today)

    with create(url, clock=today) as store:
        assert store.check() == []
        assert store.went_back() is None
    with pytest.raises(Refused, match="already"):
        create(url, clock=today)
    postgres.drop(url)


def test_two_who_make_a_store_at_once_make_one(postgres: Server) -> None:
    """The second is told that it is there."""
    url = postgres.database()
    outcomes: list[str] = []

    def make() -> None:
        try:
            create(url, clock=today).close()
        except Refused:
            outcomes.append("refused")
        else:
            outcomes.append("made")

    together(make, make)

    assert sorted(outcomes) == ["made", "refused"]
    postgres.drop(url)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param("DROP TRIGGER journal_append_only ON journal", "the trigger", id="a trigger"),
        pytest.param("DROP INDEX rotations_open", "a second open rotation", id="an index"),
        pytest.param("ALTER TABLE users DROP COLUMN arn", "users.arn is missing", id="a column"),
        pytest.param("DROP TABLE sweeps", "the table sweeps is missing", id="a table"),
    ],
)
def test_a_store_that_lacks_something_is_found(
    postgres: Server, statement: str, expected: str
) -> None:
    """As in a file."""
    url = postgres.database(schema=True)
    with open_store(url, clock=today) as store:
        postgres.tamper(url, statement)

        # Whatever cannot be read for want of it is told after it.
        finding, *_ = store.check()

    assert expected in finding
    postgres.drop(url)


def test_a_record_is_only_added_to(postgres: Server, url: str, store: Store) -> None:
    """By the database's own word: even its owner must first take the trigger away."""
    with store.change(taken(store)) as change:
        change.journal(Step.PROVE, DONE)

    name = url.partition("@/")[2].partition("?")[0]
    for statement in ("UPDATE journal SET actor = ''", "DELETE FROM journal", "TRUNCATE journal"):
        with pytest.raises(psycopg.Error):
            postgres.sql(statement, database=name)


def test_a_standby_is_refused(postgres: Server, url: str) -> None:
    """It is told apart from a server that does not answer."""
    name = url.partition("@/")[2].partition("?")[0]
    postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        with pytest.raises(StoreUnavailable, match="takes no writes"):
            open_store(url, clock=today)
    finally:
        postgres.sql(f"ALTER DATABASE {name} RESET default_transaction_read_only")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("postgresql://r:hunter2@h/x", "not in postgresql", id="another driver"),
        pytest.param("postgresql+psycopg://r:hunt@er2@h/x", "more than one @", id="an @"),
        pytest.param("postgresql+psycopg://r:hunter2@h", "names no database", id="no database"),
        pytest.param("postgresql+psycopg://r:hunter2@h:po/x", "is not a URL", id="no port"),
    ],
)
def test_what_is_no_address_is_refused(url: str, expected: str) -> None:
    """With a sentence, and without its password."""
    with pytest.raises(StoreError, match=expected) as told:
        open_store(url, clock=today)

    assert "hunt" not in str(told.value)
    assert told.value.__cause__ is None


# Copies


def test_a_restored_dump_begins_nothing_until_it_is_accepted(postgres: Server) -> None:
    """pg_dump stamps nothing: the store itself knows in which database it was made."""
    origin, copy = postgres.database(), postgres.database()
    with create(origin, clock=today) as store, store.change(taken(store)) as change:
        change.note_user(a_user())
    postgres.copy(origin, copy)

    with open_store(copy, clock=today) as store:
        assert "made in another database" in (store.went_back() or "")
        with pytest.raises(StoreWentBack), store.change(taken(store, BOB)):
            pass

        store.accept(actor="eve", reason="restored")

        assert store.went_back() is None
    with open_store(copy, clock=today) as store:
        store.release_all("ours")
        with store.change(taken(store, BOB)) as change:
            change.note_user(a_user(BOB))
    with open_store(origin, clock=today) as store:
        assert store.went_back() is None
    for url in (origin, copy):
        postgres.drop(url)


def test_a_fail_over_that_lost_a_commit_is_noticed(
    postgres: Server, url: str, store: Store, other: Store
) -> None:
    """By who saw it, though the numbers have gone on since."""
    lease = taken(store)
    with store.change(lease) as change:
        change.journal(Step.PROVE, DONE, detail="lost")
    postgres.tamper(url, "DELETE FROM journal", "DELETE FROM chains")
    with other.change(taken(other, BOB)) as change:
        change.journal(Step.PROVE, DONE)

    with pytest.raises(StoreWentBack, match="was seen, and is gone"), store.change(lease):
        pass
    assert other.went_back() is None


def test_rows_that_are_committed_out_of_order_are_no_loss(store: Store, other: Store) -> None:
    """The number is given before the commit; another replica may be faster."""
    one, two = taken(store), taken(other, BOB)
    with store.change(one) as slow:
        slow.journal(Step.PROVE, DONE, detail="slow")
        with other.change(two) as fast:
            fast.journal(Step.PROVE, DONE, detail="fast")
        assert other.went_back() is None

    assert store.went_back() is None
    assert other.went_back() is None


# Leases and what is counted


def test_leases_are_by_the_clock_of_the_database(url: str) -> None:
    """A replica whose own clock is years off takes no lease that another has."""
    with (
        open_store(url, clock=today) as right,
        open_store(url, clock=lambda: NOW + 3000 * DAY) as wrong,
    ):
        lease = taken(right)

        assert wrong.acquire(ALICE, holder="theirs", length=LENGTH) is None
        assert abs(lease.until - (today() + LENGTH)) < 30 * SECOND


def test_a_lease_that_ran_out_in_the_middle_of_a_transaction_is_lost(
    store: Store, other: Store
) -> None:
    """The clock goes on while a transaction stands still: it is not that of its beginning."""
    lease = taken(store, length=0.2 * SECOND)
    with other.change(taken(other, BOB)):
        threading.Event().wait(0.3)
        with pytest.raises(LeaseLost), other.change(lease):
            pass


def test_who_has_the_row_of_a_lease_has_the_lease(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """A replica that is frozen while it writes keeps no other waiting for ever."""
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 1)
    with open_store(url, clock=today) as hasty, store.change(taken(store)):
        assert hasty.acquire(ALICE, holder="theirs", length=LENGTH) is None


def test_two_replicas_never_pass_a_limit_together(store: Store, other: Store) -> None:
    """It is counted behind a lock in the transaction of the intent."""
    for each, ref in ((store, ALICE), (other, BOB)):
        with each.change(taken(each, ref)) as change:
            change.note_user(a_user(ref))
        each.release_all("ours")
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def issue(each: Store, ref: UserRef) -> None:
        lease = taken(each, ref)
        barrier.wait()
        try:
            with each.change(lease) as change:
                change.intent(
                    Step.ISSUE, timeout_at=today() + MINUTE, limit=(1, today() - DAY), policy="ci"
                )
        except LimitReached:
            outcomes.append("limit")
        else:
            outcomes.append("issued")

    together(lambda: issue(store, ALICE), lambda: issue(other, BOB))

    assert sorted(outcomes) == ["issued", "limit"]


def test_two_who_see_a_user_first_both_go_on(store: Store, other: Store) -> None:
    """A survey and a visit may meet a new user in the same moment."""
    lease = taken(store)
    noted: list[int] = []
    with store.change(lease) as change:
        change.note_user(a_user())
        waiting = threading.Thread(target=lambda: noted.append(other.note_users([a_user(BOB)])))
        waiting.start()
        waiting.join(20)

    assert noted == [1]
    assert {row.user.ref for row in store.users()} == {ALICE, BOB}


# Going away


@contextmanager
def cut(store: Store, *, written: bool) -> Iterator[None]:
    """The next commit loses its connection, after it was carried out or before."""
    engine = store._database.engine
    done = [False]

    def lose(connection: Any) -> None:  # noqa: ANN401 - the driver's own
        if done[0]:
            return
        done[0] = True
        driver = connection.connection.driver_connection
        if written:
            driver.execute("COMMIT")
        driver.pgconn.finish()

    event.listen(engine, "commit", lose)
    try:
        yield
    finally:
        event.remove(engine, "commit", lose)


def test_a_commit_without_an_answer_that_was_written_counts(store: Store) -> None:
    """It is found out by reading what the transaction left in the row of its lease."""
    lease = taken(store)
    with cut(store, written=True), store.change(lease) as change:
        change.journal(Step.PROVE, DONE, detail="here")

    assert told(store) == ["here"]
    with store.change(lease) as change:
        change.journal(Step.PROVE, DONE, detail="and on")


def test_a_commit_without_an_answer_that_was_not_written_is_an_error(store: Store) -> None:
    """Nothing of it is there."""
    lease = taken(store)
    with (
        pytest.raises(StoreUnavailable, match="nothing of it was written"),
        cut(store, written=False),
        store.change(lease) as change,
    ):
        change.journal(Step.PROVE, DONE)

    assert told(store) == []


def test_a_commit_that_another_holder_came_after_is_a_lost_lease(
    store: Store, other: Store
) -> None:
    """They may have written over what would tell."""
    lease = taken(store, length=SECOND)

    def take_over(*_: object) -> None:
        threading.Event().wait(1.1)
        taken(other, holder="theirs")

    event.listen(store._database.engine, "handle_error", take_over, once=True)
    with cut(store, written=True), pytest.raises(LeaseLost, match="not answered"):
        writes(store, lease)


def test_a_commit_that_cannot_be_asked_about_is_unknown(
    postgres: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stays away for longer than one looks."""
    monkeypatch.setattr(twice, "LOOK_SECONDS", 0.3)
    lease = taken(store)
    try:
        with pytest.raises(CommitUnknown, match="AIDAALICE"):
            writes(store, lease, postgres.kill)
    finally:
        postgres.start()

    assert told(store) == []


def test_a_server_that_is_restarted_is_found_again(postgres: Server, store: Store) -> None:
    """What stood in the middle is an error; what comes after it works by itself."""
    lease = taken(store)
    with pytest.raises(StoreUnavailable):
        writes(store, lease, postgres.restart, again=True)
    with store.change(lease) as change:
        change.journal(Step.PROVE, DONE, detail="again")

    assert told(store) == ["again"]


@contextmanager
def hanging(postgres: Server) -> Iterator[None]:
    """What serves our connections stands still: its sockets are open, and nobody answers."""
    rows = postgres.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'rotator'")
    for (pid,) in rows:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for (pid,) in rows:
            os.kill(pid, signal.SIGCONT)


def test_a_server_that_hangs_is_given_up(
    postgres: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No time-out of its own would end that; ours is well below any lease."""
    monkeypatch.setattr("rotator.store.postgres.ANSWER_SECONDS", 0.3)
    lease = taken(store)
    with ExitStack() as stack, pytest.raises(StoreUnavailable, match="no answer within"):
        writes(store, lease, lambda: stack.enter_context(hanging(postgres)), again=True)

    assert told(store) == []


def test_a_connection_that_hangs_in_the_pool_is_replaced(
    postgres: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked before it is used."""
    monkeypatch.setattr("rotator.store.postgres.ANSWER_SECONDS", 0.3)
    lease = taken(store)
    with hanging(postgres), store.change(lease) as change:
        change.journal(Step.PROVE, DONE, detail="on another one")

    assert told(store) == ["on another one"]


def test_a_transaction_that_stands_still_keeps_nobody_for_long(
    url: str, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends it, and the rows of a frozen replica are free again."""
    monkeypatch.setattr(postgres, "IDLE_SECONDS", 1)
    with open_store(url, clock=today) as frozen:
        lease = taken(frozen, length=SECOND)
        with pytest.raises(StoreUnavailable):
            writes(frozen, lease, lambda: threading.Event().wait(1.5), again=True)

    assert other.acquire(ALICE, holder="theirs", length=LENGTH) is not None
    assert other.know(ALICE).user is None


def together(*acts: Any) -> None:  # noqa: ANN401 - callables
    """Do things at once, each in a thread of its own."""
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
