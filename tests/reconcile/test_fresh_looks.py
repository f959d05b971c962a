"""What is known a moment before an effect decides it, not what a listing told minutes ago."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rotator.errors import StoreError
from rotator.model import Exclusion, KeyStatus, Reason, Selector, Wait
from rotator.reconcile import Planner, visit
from rotator.reconcile.places import OpenPlaces
from tests.reconcile.test_scenarios import ACTIVE, NEW, OLD, outcomes, reason_of, strike
from tests.reconcile.test_sweeps import sweep, told
from tests.simulation.faults import Fault
from tests.simulation.world import DAY, HOUR, MINUTE, READABLE, World, policy, sink_spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rotator.model import User
    from rotator.reconcile import VisitResult
    from rotator.store import Change, Lease

LEFT_ALONE = policy(exclude=(Exclusion(Selector(tags={"rotate": "never"})),))
INACTIVE = KeyStatus.INACTIVE


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account whose policy leaves alone whoever is tagged so."""
    made = World.made(tmp_path, LEFT_ALONE)
    yield made
    made.close()


def tag(world: World, user: User, **tags: str) -> None:
    """A person tags a user in IAM."""
    world.aws.users[user.user_id] = replace(world.aws.users[user.user_id], tags=tags)


def visit_by_an_old_roll(world: World, user: User, **tags: str) -> VisitResult:
    """A visit whose listing of the account was made right before the user was tagged."""
    entered = world.equipment.accounts.enter(world.configuration.accounts[0])
    roll = world.sweeper.rolls.of(entered)
    tag(world, user, **tags)
    listed = roll.user(user.ref)
    assert listed is not None
    assert listed.tags == {}
    return visit(world.equipment, entered, roll, listed)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param("", [(OLD, ACTIVE)], id="nothing is issued"),
        pytest.param(
            "rotation.delivered", [(OLD, ACTIVE), (NEW, ACTIVE)], id="nothing is switched off"
        ),
        pytest.param("key.deactivated", [(OLD, INACTIVE), (NEW, ACTIVE)], id="nothing is deleted"),
    ],
)
def test_who_was_just_excluded_is_left_alone(
    world: World, event: str, expected: list[tuple[str, KeyStatus]]
) -> None:
    """The tags that IAM shows of the user itself count, whatever the account's listing told."""
    user = world.add_user()
    if event:
        world.until(user, event)
    world.go(DAY)

    visit_by_an_old_roll(world, user, rotate="never")

    assert expected == world.listed(user)


def test_a_plan_looks_as_a_sweep_does(world: World) -> None:
    """A user who was excluded after the listing is not planned for."""
    user = world.add_user()
    planner = Planner(world.equipment)
    entered, roll = planner.enter(world.configuration.accounts[0])
    listed = roll.user(user.ref)
    assert listed is not None
    tag(world, user, rotate="never")

    action = planner.examine(entered, roll, listed).action

    assert isinstance(action, Wait)
    assert action.reason is Reason.NOT_DUE


def test_a_place_is_named_by_the_tags_of_now(tmp_path: Path) -> None:
    """A name that changed after the listing is the one that is read and written."""
    world = World.made(tmp_path, policy(sinks=(sink_spec("memory", "m/{user}-{tag[team]}"),)))
    user = world.aws.add_user("bob")
    world.aws.add_key(user, age=20 * DAY)

    visit_by_an_old_roll(world, user, team="web")

    assert world.served() == {"m/bob-web": NEW}
    world.close()


def test_a_row_that_the_store_refuses_fails_its_user_alone(world: World) -> None:
    """The store works: whoever else is due is rotated, and the refusal is told of its user."""
    user, store = world.add_user("bob"), world.equipment.store
    world.add_user("eve")
    change = store.change

    @contextmanager
    def refusing(lease: Lease, **how: Any) -> Iterator[Change]:  # noqa: ANN401 - as the store's
        with change(lease, **how) as opened:
            yield opened
            if lease.ref == user.ref:
                raise StoreError("the state refuses the row: CHECK constraint failed")

    store.change = refusing  # type: ignore[method-assign,assignment]  # as a constraint would

    result = sweep(world)

    assert result.error is None
    assert {one.user.name: one.failed for one in result.visits} == {"bob": True, "eve": False}
    (failed,) = told(world, "user.failed")
    assert "refuses the row" in str(failed["error"])
    assert world.effects.counts["CreateAccessKey"] == 1


def test_a_name_that_cannot_be_made_hides_no_other_place(world: World) -> None:
    """What the others serve is read, since it may have to be mended, and the problem is told."""
    user = world.add_user()
    entered = world.equipment.accounts.enter(world.configuration.accounts[0])
    nameless = replace(sink_spec("memory", "m/{tag[team]}"), id="nameless")

    with OpenPlaces(world.equipment, entered, policy(sinks=(nameless, READABLE)), user) as places:
        opened = [spec.id for spec, _ in places.sinks.values()]

    assert opened == ["memory"]
    assert places.problem is not None
    assert "team" in places.problem


def test_what_is_served_by_one_place_is_mended_while_another_has_no_name(tmp_path: Path) -> None:
    """A reader of the old key is found, and its key revived, though a tag is missing meanwhile."""
    tagged = replace(sink_spec("memory", "m/{user}-{tag[team]}"), id="tagged")
    world = World.made(tmp_path, policy(sinks=(tagged, READABLE)))
    user = world.aws.add_user("bob")
    tag(world, user, team="web")
    old = world.aws.add_key(user, age=20 * DAY)
    world.backend.write("m/bob", old)
    world.until(user, "key.deactivated")
    world.monitor.given_up.add(OLD)
    world.backend.write("m/bob", old)
    tag(world, user)
    world.go(10 * MINUTE)

    world.visit(user)

    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]
    world.close()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(None, "is not listed", id="deleted"),
        pytest.param(INACTIVE, "is not listed as Active", id="switched off"),
    ],
)
def test_a_successor_that_a_person_took_away_is_not_put(
    world: World, status: KeyStatus | None, expected: str
) -> None:
    """Between a failed put and the next: a listing that may be stale keeps it back."""
    user = world.add_user()
    strike(world, "put m/bob", Fault.REJECTED)
    world.visit(user)
    world.aws.switch(NEW, status)
    world.monitor.given_up.add(NEW)
    world.go(2 * MINUTE)

    result = world.visit(user)

    assert reason_of(result) is Reason.HEIR
    assert result is not None
    assert result.last is not None
    assert expected in result.last.message
    assert world.effects.counts["put m/bob"] == 1
    assert world.served() == {"m/bob": OLD}


def test_a_successor_that_only_a_stale_listing_lacks_is_put_after_all(world: World) -> None:
    """A listing that is some minutes old makes the delivery late, and no more."""
    user = world.add_user()
    world.aws.list_lag = 3 * MINUTE
    strike(world, "put m/bob", Fault.REJECTED)

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert world.served() == {"m/bob": NEW}


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.CRASH_BEFORE], ids=str)
def test_evidence_of_a_request_that_was_not_done_is_forgotten(world: World, fault: Fault) -> None:
    """The key is seen Active after the wait: nothing of ours switched it off, so a person's doing
    later is not taken for ours.
    """
    user = world.add_user()
    world.until(user, "rotation.delivered")
    strike(world, "UpdateAccessKey", fault)
    while world.effects.counts["UpdateAccessKey"] == 0:
        world.wait(user)
        world.visit(user)
    assert evidence(world, user)
    world.reconfigure(replace(LEFT_ALONE, limits=replace(LEFT_ALONE.limits, deactivate=0)))
    world.go(HOUR)

    world.visit(user)

    assert evidence(world, user) == {}
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]


def evidence(world: World, user: User) -> object:
    """The last uses on record that a deactivation was decided on."""
    rotation = world.known(user).rotation
    assert rotation is not None
    return rotation.evidence


def test_looks_that_take_long_lose_no_lease(world: World) -> None:
    """Each may take most of a lease, and together they take longer: the lease is kept meanwhile."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.aws.slowness = timedelta(seconds=80)

    assert reason_of(world.visit(user)) is Reason.GRACE
    assert world.failures == []
