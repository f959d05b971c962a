"""A secret that is in the memory of a process that lives is lost to nobody.

The store may go away between any two commits, and another replica may be the first to come back:
the key is put on record, proven and delivered by whoever has its secret, and nobody else gives it
up before that process is dead.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from rotator.errors import CommitUnknown, StoreUnavailable
from rotator.model import Credential, KeyStatus, Reason, Secret, Wait
from rotator.reconcile import Equipment, Sweeper
from rotator.store.outages import Outage, Outages
from tests.reconcile.test_scenarios import outcomes
from tests.simulation.faults import Life
from tests.simulation.world import DAY, SECOND, TIMING, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotator.model import User
    from rotator.reconcile import VisitResult
    from rotator.store import Change

ACTIVE = KeyStatus.ACTIVE
OLD, NEW, NEWER = (f"AKIAIOSFODNN7EXAM00{number}" for number in (1, 2, 3))
Process = tuple[Life, Equipment, Sweeper]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An account whose policy has one readable place, and a process that announced itself."""
    made = World.made()
    # Another test may have used the same store, emptied.
    monkeypatch.setattr(made.store._database, "outages", Outages())
    made.sweeper.announce()
    yield made
    made.close()


@contextmanager
def broken_off(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int, *, written: bool
) -> Iterator[list[int]]:
    """The store goes away at one commit after the key was made, and stays away.

    `written`: that commit is carried out, its answer lost. The list says whether it came to that.
    """
    struck: list[int] = []
    change = world.store.change

    @contextmanager
    def breaking(*args: object, **how: object) -> Iterator[Change]:
        if struck:
            raise StoreUnavailable("the store is away")
        counted[0] += bool(world.aws.executed)
        if counted[0] <= number:
            with change(*args, **how) as one:  # type: ignore[arg-type]  # passed on as they are
                yield one
            return
        struck.append(counted[0])
        if not written:
            raise StoreUnavailable("nothing of it was written")
        with change(*args, **how) as one:  # type: ignore[arg-type]  # passed on as they are
            yield one
        raise CommitUnknown("whether it was written is not known")

    counted = [0]
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "change", breaking)
        yield struck


def processes(world: World) -> Process:
    """The process that acts now."""
    return world.effects.life, world.equipment, world.sweeper


def another(world: World) -> Process:
    """Another process, which announced itself, acts from now on; the one that did before."""
    before = processes(world)
    world.boot()
    world.sweeper.announce()
    return before


def back_to(world: World, process: Process) -> None:
    """A process that was left alone acts again."""
    world.effects.life, world.equipment, world.sweeper = process


def waits(result: VisitResult | None) -> Reason | None:
    """What a visit waits for."""
    assert result is not None
    return result.last.reason if isinstance(result.last, Wait) else None


def created(world: World) -> int:
    """How many keys were made."""
    return world.effects.counts["CreateAccessKey"]


COMMITS = 8
"""Commits from the key's making to the end of its delivery: the record, the proof, the put, …"""


@pytest.mark.parametrize("written", [True, False], ids=["written", "not written"])
@pytest.mark.parametrize("number", range(COMMITS))
def test_a_store_that_goes_away_after_the_key_was_made_loses_no_secret(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int, written: bool
) -> None:
    """At whichever commit: back again, whoever has the secret goes on, and no second key is made.

    Another replica that comes first, the outage over, leaves it to that one.
    """
    user = world.add_user()
    with broken_off(world, monkeypatch, number, written=written) as struck:
        world.visit(user)
    issuer = another(world)
    world.go(TIMING.lease)
    world.store._database.outages.last = Outage(world.clock() - TIMING.lease, world.clock())
    world.visit(user)
    back_to(world, issuer)
    world.sweeper.announce()

    stranded = world.sweeper.stranded()
    results = world.sweeper.visit_now(stranded)
    world.live(user)

    assert struck
    assert len(results) == len(stranded)
    assert created(world) == 1
    assert outcomes(world, user) == ["completed"]
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_row_that_makes_no_sense_strands_nobody_else(world: World) -> None:
    """Its own visits tell of it; whoever else was broken off is gone on with."""
    users = [world.add_user(name) for name in ("ann", "bob")]
    hands = world.equipment.hands
    for user in users:
        world.visit(user)
        hands.hold(user.ref, Credential(NEW, Secret("s" * 40), user.name, user.account_id))
        hands.visited(user.ref, broken_off=True)
    phase = world.row(users[0])
    set_phase(world, "dancing")

    assert [ref for ref, _, _ in world.sweeper.stranded()] == [users[1].ref]

    assert phase is not None
    set_phase(world, phase.phase)


def set_phase(world: World, phase: str) -> None:
    """Somebody writes to the row of ann by hand."""
    with world.store._database.writing() as connection:
        connection.exec_driver_sql("UPDATE users SET phase = ? WHERE name = 'ann'", (phase,))


def unproven(world: World, monkeypatch: pytest.MonkeyPatch, user: User) -> None:
    """A key is made and on record, and the visit is broken off before it is proven."""
    with broken_off(world, monkeypatch, 1, written=False):
        world.visit(user)
    assert world.known(user).rotation is not None


def test_another_replica_leaves_a_key_to_the_one_that_made_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, and looks again soon."""
    user = world.add_user()
    unproven(world, monkeypatch, user)
    another(world)
    world.go(TIMING.lease)

    result = world.visit(user)

    assert waits(result) is Reason.LEASE
    row = world.row(user)
    assert row is not None
    assert row.next_at == world.clock() + TIMING.retry_min
    assert "asked for by replica" in row.message


@pytest.mark.parametrize("silent_for", [TIMING.lease, 2 * TIMING.lease], ids=["one", "two"])
def test_a_key_is_given_up_when_its_maker_is_dead(
    world: World, monkeypatch: pytest.MonkeyPatch, silent_for: object
) -> None:
    """That is known when it was silent for two leases."""
    user = world.add_user()
    unproven(world, monkeypatch, user)
    another(world)
    world.go(TIMING.lease if silent_for == TIMING.lease else 2 * TIMING.lease + SECOND)

    world.visit(user)

    assert ("secret.lost" in world.events()) == (silent_for != TIMING.lease)
    world.go(2 * TIMING.lease)
    world.live(user)
    assert outcomes(world, user) == ["undelivered", "completed"]
    assert world.listed(user) == [(NEWER, ACTIVE)]


def test_silence_says_nothing_while_the_store_was_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage that is longer than two leases makes nobody dead."""
    user = world.add_user()
    unproven(world, monkeypatch, user)
    outage_began = world.clock()
    another(world)
    world.go(DAY)
    world.store._database.outages.last = Outage(outage_began, world.clock())

    assert waits(world.visit(user)) is Reason.LEASE

    world.go(2 * TIMING.lease + SECOND)
    world.visit(user)
    assert "secret.lost" in world.events()


def test_its_maker_gives_a_key_up_at_once_that_it_cannot_deliver(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows that its own memory has nothing."""
    user = world.add_user()
    unproven(world, monkeypatch, user)
    world.equipment.hands.let_go(user.ref)
    world.go(TIMING.lease)

    world.visit(user)

    assert "secret.lost" in world.events()


def test_an_orphan_is_left_to_the_one_that_asked_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer may have come, and wait for the store."""
    user = world.add_user()
    with broken_off(world, monkeypatch, 0, written=False):
        world.visit(user)
    issuer = another(world)
    world.go(TIMING.settle + 3 * TIMING.last_used_lag)
    back_to(world, issuer)
    world.sweeper.announce()
    another(world)

    assert waits(world.visit(user)) is Reason.LEASE

    back_to(world, issuer)
    world.live(user)
    assert outcomes(world, user) == ["completed"]


def test_whoever_begins_may_die_and_somebody_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the beginning on the user has a moment, when the lease of its visit is over."""
    user = world.add_user()
    with broken_off(world, monkeypatch, 0, written=False):
        world.visit(user)

    moment = world.store.next_moment()

    assert moment is not None
    assert world.clock() < moment <= world.clock() + 2 * TIMING.lease
