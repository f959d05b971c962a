"""A connection that is lost in the middle of a commit: whether it was written is found out.

Every kind of transaction that there is goes over a real wire that is cut at its COMMIT, before the
server has it or before its answer comes, and must come to what it comes to on a whole one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from rotator.errors import CommitUnknown, StoreUnavailable
from rotator.model import JournalOutcome, Scope, Step
from rotator.store import Store, create, open_store, twice
from tests.databases.wire import Cut, Wire
from tests.store.worlds import ACCOUNT, ALICE, LENGTH, a_user, an_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.databases.postgres import Server

DONE = JournalOutcome.DONE
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CUTS = [pytest.param(cut, id=str(cut)) for cut in Cut]


def now() -> datetime:
    """The clock of this machine, which the database's own is too."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Kind:
    """One kind of transaction: what it answers, and what others then see of it."""

    name: str
    do: Callable[[Store], object]
    seen: Callable[[Store], object]
    before: Callable[[Store], object] = lambda _: None

    def __str__(self) -> str:
        return self.name


def take(store: Store) -> tuple[int, bool]:
    """The fence of a lease, which is good for a transaction."""
    lease = store.acquire(ALICE, holder="ours", length=LENGTH)
    assert lease is not None
    with store.change(lease) as change:
        change.note_user(a_user())
    return lease.fence, lease.until > now()


def taken(store: Store) -> None:
    """The lease is ours, as if an earlier visit had left it."""
    store.acquire(ALICE, holder="ours", length=LENGTH)


def give_back(store: Store) -> None:
    """Give back the lease that is ours."""
    free = store.acquire(ALICE, holder="ours", length=LENGTH)
    assert free is not None
    store.release(free)


def is_free(store: Store) -> bool:
    """Whether the lease can be had; it is given back."""
    lease = store.acquire(ALICE, holder="theirs", length=LENGTH)
    if lease is not None:
        store.release(lease)
    return lease is not None


def record(store: Store) -> list[tuple[Step, str, str]]:
    """What the journal says, in whose name."""
    return [(row.step, row.detail, row.actor) for row in store.history()]


def give(store: Store) -> tuple[str, str]:
    """An order is given; what stands under the number that was answered."""
    row = store.order(store.give(ALICE, an_order()))
    assert row is not None
    return row.order.verb, row.order.actor


def orders(store: Store) -> list[tuple[str, str]]:
    """The open orders."""
    return [(row.order.verb, row.order.actor) for row in store.open_orders()]


def order(store: Store) -> tuple[object, ...]:
    """The first order, ended or not."""
    row = store.order(1)
    assert row is not None
    return row.order.verb, row.outcome, row.message, row.ended_at is None


def holds(store: Store) -> tuple[object, ...]:
    """Whether the user is held, by whom; and what the record says of it."""
    hold = store.hold_on(ALICE, account="prod", policy="ci")
    return hold and (hold.by, hold.message), record(store)


def sweep(store: Store) -> tuple[object, ...]:
    """The last sweep that ended, and how many there are."""
    row = store.last_sweep("ci", ACCOUNT)
    with store._database.reading() as connection:
        begun = connection.exec_driver_sql("SELECT count(*) FROM sweeps").scalar_one()
    return row and (row.sweep_id, row.ok, row.message), begun


def replicas(store: Store) -> list[tuple[str, str]]:
    """The processes that live."""
    return [(row.replica_id, row.config_digest) for row in store.replicas(LONG_AGO)]


def announce(store: Store) -> None:
    """A process says that it lives."""
    store.seen_replica("one", version="1", config_digest="d", at=now())


def users(store: Store) -> list[tuple[str, bool]]:
    """Who is known, and who is missing."""
    return [(row.user.name, row.user.missing_since is not None) for row in store.users()]


def give_hold(store: Store) -> int:
    """Somebody stops a user."""
    return store.give_hold(Scope.USER, subject=ALICE, reason="wait", actor="eve")


def behind(store: Store) -> None:
    """The store is a copy, by its stamp."""
    with store._database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO meta VALUES ('backup', 'made yesterday')")


KINDS = (
    Kind("a lease is taken", take, is_free),
    Kind("a lease is given back", give_back, is_free),
    Kind("all leases are given back", lambda s: s.release_all("ours"), is_free, taken),
    Kind("an order is given", give, orders),
    Kind(
        "an order is taken back",
        lambda s: (s.withdraw(1, "never mind"), s.withdraw(1, "again")),
        order,
        lambda s: s.give(ALICE, an_order()),
    ),
    Kind("a user is held", lambda s: give_hold(s) > 0, holds),
    Kind(
        "a hold is released",
        lambda s: s.release_hold(Scope.USER, subject=ALICE, reason="go", actor="bob"),
        holds,
        give_hold,
    ),
    Kind("a replica announces itself", announce, replicas),
    Kind("a replica says farewell", lambda s: s.forget_replica("one"), replicas, announce),
    Kind("a sweep begins", lambda s: s.sweep_begun("s1", policy="ci", account_id=ACCOUNT), sweep),
    Kind(
        "a sweep ends",
        lambda s: s.sweep_ended("s1", ok=True, message="well"),
        sweep,
        lambda s: s.sweep_begun("s1", policy="ci", account_id=ACCOUNT),
    ),
    Kind("a survey notes users", lambda s: s.note_users([a_user()]), users),
    Kind(
        "a listing lacks a user",
        lambda s: s.note_missing(ACCOUNT, set(), at=now()),
        users,
        lambda s: s.note_users([a_user()]),
    ),
    Kind(
        "a store that went back is accepted",
        lambda s: s.accept(actor="eve", reason="restored"),
        lambda s: (s.went_back(), record(s)),
        behind,
    ),
)


@pytest.fixture
def wire(postgres: Server) -> Iterator[Wire]:
    """The only way to the server for the store that is tested."""
    with Wire(postgres) as wire:
        yield wire


def came_to(postgres: Server, wire: Wire, kind: Kind, cut: Cut | None) -> tuple[object, object]:
    """What a transaction answers, and what others see then; its effect is seen, too."""
    url = postgres.empty()
    with open_store(url, clock=now) as other, open_store(wire.url(url), clock=now) as store:
        kind.before(other)
        unwritten = kind.seen(other)
        if cut is not None:
            wire.cut_at_commit(cut)
        answer = kind.do(store)
        seen = kind.seen(other)
        assert other.check() == []
    if kind.name != "a lease is given back":
        assert seen != unwritten
    return answer, seen


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_commit_without_an_answer_is_found_out(
    postgres: Server, wire: Wire, kind: Kind, cut: Cut
) -> None:
    """It comes to what it comes to on a whole wire: once, and with the same answer."""
    expected = came_to(postgres, wire, kind, None)

    found = came_to(postgres, wire, kind, cut)

    assert wire.cuts == 1
    assert found == expected


@pytest.mark.parametrize("cut", CUTS)
def test_what_a_holder_writes_is_told_by_its_mark(postgres: Server, wire: Wire, cut: Cut) -> None:
    """Written, it counts; not written, it is an error, and the lease is still good."""
    url = postgres.empty()
    with open_store(url, clock=now) as other, open_store(wire.url(url), clock=now) as store:
        lease = store.acquire(ALICE, holder="ours", length=LENGTH)
        assert lease is not None
        wire.cut_at_commit(cut)
        why = ""
        try:
            with store.change(lease) as change:
                change.journal(Step.PROVE, DONE, detail="first")
        except StoreUnavailable as exc:
            why = str(exc)
        with store.change(lease) as change:
            change.journal(Step.PROVE, DONE, detail="second")
        written = [detail for _, detail, _ in record(other)]

    assert wire.cuts == 1
    assert ("nothing of it was written" in why) == (cut is Cut.BEFORE)
    assert written == (["second"] if cut is Cut.BEFORE else ["first", "second"])


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_where_nobody_can_be_asked_nothing_is_assumed(
    postgres: Server, wire: Wire, monkeypatch: pytest.MonkeyPatch, kind: Kind, cut: Cut
) -> None:
    """The database stays away: it is neither a yes nor a no, and the store is whole after it."""
    monkeypatch.setattr(twice, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(twice, "PAUSE_SECONDS", 0.02)
    url = postgres.empty()
    with open_store(url, clock=now) as other, open_store(wire.url(url), clock=now) as store:
        kind.before(other)
        wire.cut_at_commit(cut, away=60)

        with pytest.raises(CommitUnknown, match="not known"):
            kind.do(store)

        wire.come_back()
        assert other.check() == []
        assert store.went_back() == other.went_back()


@pytest.mark.parametrize("cut", CUTS)
def test_a_store_that_was_made_is_found_to_be_made(postgres: Server, wire: Wire, cut: Cut) -> None:
    """And it is not refused for being there already."""
    url = postgres.database()
    wire.cut_at_commit(cut)

    with create(wire.url(url), clock=now) as store:
        found: list[Any] = [wire.cuts, store.check(), store.users()]
    postgres.drop(url)

    assert found == [1, [], []]


SLOW = """
CREATE FUNCTION slowly() RETURNS trigger AS
    'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END' LANGUAGE plpgsql;
CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION slowly();
"""
"""What a COMMIT waits for, as for a standby."""


def test_an_order_that_is_still_being_written_is_waited_for(postgres: Server, wire: Wire) -> None:
    """Whoever asked too early would see nothing of it, and give it twice."""
    url = postgres.database(schema=True)
    postgres.tamper(url, SLOW)
    with open_store(url, clock=now) as other, open_store(wire.url(url), clock=now) as store:
        wire.cut_at_commit(Cut.DURING)
        given = give(store)
        found = orders(other)
    postgres.drop(url)

    assert wire.cuts == 1
    assert found == [given]
