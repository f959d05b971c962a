"""What people do to open rotations: in the console, and by orders."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.model import (
    KeyStatus,
    Outcome,
    Reason,
    Scope,
    Verb,
)
from tests.reconcile.test_scenarios import order, outcomes, reason_of, strike
from tests.simulation.faults import Fault
from tests.simulation.world import (
    DAY,
    HOUR,
    MINUTE,
    READABLE,
    WRITEONLY,
    World,
    policy,
    sink_spec,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


ACTIVE, INACTIVE = KeyStatus.ACTIVE, KeyStatus.INACTIVE
OLD, NEW, NEWER = (f"AKIAIOSFODNN7EXAM00{number}" for number in (1, 2, 3))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account whose policy has one readable place; what it recorded is checked at its end."""
    made = World.made(tmp_path)
    yield made
    made.close()


def test_a_user_who_was_made_again_is_another_user(world: World) -> None:
    """The rotation of the one that is gone is closed; the other's keys are never touched."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.aws.delete_user(user)
    world.monitor.given_up.update({OLD, NEW})
    other = world.aws.add_user("bob", user_id="AIDAOTHER")
    theirs = world.aws.add_key(other)
    done = len(world.aws.executed)
    for _ in range(4):
        world.go(10 * MINUTE)
        world.visit(user)

    assert world.known(user).rotation is None
    assert outcomes(world, user) == ["gone"]
    assert done == len(world.aws.executed)
    assert [(theirs.access_key_id, ACTIVE)] == world.listed(other)
    assert theirs.access_key_id not in {key.key_id for key in world.known(user).keys}


def test_a_renamed_user_is_the_same(tmp_path: Path) -> None:
    """The UserId is what counts, and the rotation goes on under the new name."""
    world = World.made(tmp_path, policy(sinks=(sink_spec("memory", "m/fixed"),)))
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.aws.rename(user, "robert")
    world.go(10 * MINUTE)

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert world.listed(user) == [(NEW, ACTIVE)]
    world.close()


def test_a_person_who_reactivates_in_the_console_is_obeyed(world: World) -> None:
    """In recovery the old key is Active again: held, once, and the clocks start anew."""
    user = world.add_user()
    world.until(user, "key.deactivated")
    world.go(HOUR)
    world.aws.switch(OLD, ACTIVE)

    world.visit(user)

    row = world.row(user)
    assert row is not None
    assert (row.blocked, row.blocked_reason) == ("hold", Reason.REACTIVATED)
    world.go(DAY)
    world.visit(user)
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.store.release_hold(Scope.USER, subject=user.ref, reason="done", actor="eve")
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]


@pytest.mark.parametrize("event", ["rotation.delivered", "key.deactivated"])
def test_a_person_who_deletes_the_old_key_ends_the_rotation(world: World, event: str) -> None:
    """In grace and in recovery: two listings, `settle` apart, and it is over."""
    user = world.add_user()
    world.until(user, event)
    world.aws.switch(OLD, None)
    world.monitor.given_up.add(OLD)
    world.go(10 * MINUTE)

    world.live(user)

    assert [Outcome.BY_HAND.value] == outcomes(world, user)
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_person_who_switches_the_old_key_off_starts_its_rest(world: World) -> None:
    """In grace: it is observed, and the rest is counted from when it was seen."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.go(30 * MINUTE)
    world.aws.switch(OLD, INACTIVE)
    world.monitor.given_up.add(OLD)
    seen_from = world.clock()

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert [step for step, _, _ in world.aws.executed] == ["issue", "delete"]
    assert world.aws.executed[-1][2] - seen_from >= world.configuration.policies[0].recovery_period


def test_a_person_who_deletes_the_old_key_while_nothing_is_delivered_harms_nothing_more(
    world: World,
) -> None:
    """The successor still reaches its place."""
    user = world.add_user()
    strike(world, "put m/bob", Fault.LOST_BEFORE)
    world.visit(user)
    world.aws.switch(OLD, None)
    world.monitor.given_up.add(OLD)
    world.go(10 * MINUTE)

    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]
    assert world.served() == {"m/bob": NEW}


def test_a_successor_that_a_person_deletes_before_delivery_is_replaced(world: World) -> None:
    """No place has it: it counts as undelivered, and another is made."""
    user = world.add_user()
    strike(world, "put m/bob", Fault.REJECTED)
    world.visit(user)
    world.backend.unreadable.add("m/bob")
    world.go(10 * MINUTE)
    world.aws.switch(NEW, None)
    for _ in range(3):
        world.visit(user)
        world.go(10 * MINUTE)
    world.backend.unreadable.clear()

    world.live(user)

    assert outcomes(world, user)[-1] == "completed"
    assert world.listed(user) == [(NEWER, ACTIVE)]
    assert world.served() == {"m/bob": NEWER}


@pytest.mark.parametrize("event", ["rotation.delivered", "key.deactivated"])
def test_a_successor_that_a_person_deletes_brings_the_old_key_back(
    world: World, event: str
) -> None:
    """Its readers are down: what we switched off is revived, and the user is stopped."""
    user = world.add_user()
    world.until(user, event)
    world.aws.switch(NEW, None)
    world.monitor.given_up.add(NEW)
    world.go(10 * MINUTE)
    world.visit(user)
    world.go(10 * MINUTE)

    result = world.live(user)

    assert Reason.SUCCESSOR_GONE is reason_of(result)
    assert world.listed(user) == [(OLD, ACTIVE)]


def test_a_rollback_revives_the_old_key_and_holds_the_user(world: World) -> None:
    """Until it is released; then grace, quiet and recovery begin anew."""
    user = world.add_user()
    world.until(user, "key.deactivated")
    given = order(world, user, Verb.ROLLBACK)

    world.visit(user)

    row = world.store.order(given)
    assert row is not None
    assert row.outcome == "done"
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.go(DAY)
    world.visit(user)
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.store.release_hold(Scope.USER, subject=user.ref, reason="done", actor="eve")
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_hold_starts_the_clocks_anew(world: World) -> None:
    """Who held for a day gets the whole grace period after the release."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.store.give_hold(Scope.USER, subject=user.ref, reason="incident", actor="eve")
    world.go(DAY)
    world.visit(user)
    world.store.release_hold(Scope.USER, subject=user.ref, reason="over", actor="eve")
    released = world.clock()

    world.live(user)

    at = next(at for step, _, at in world.aws.executed if step == "deactivate")
    assert at - released >= world.configuration.policies[0].grace_period


def test_an_ordered_rotation_is_done_and_the_order_ended(world: World) -> None:
    """A young key is replaced since a person said so; who said so stands in the record."""
    user = world.add_user(age=DAY)
    given = order(world, user, Verb.ROTATE)

    world.live(user)

    row = world.store.order(given)
    assert row is not None
    assert row.outcome == "done"
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_an_order_that_cannot_be_done_is_refused_with_a_sentence(world: World) -> None:
    """A rotation is open already."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    given = order(world, user, Verb.ROTATE)

    world.visit(user)

    row = world.store.order(given)
    assert row is not None
    assert row.outcome == "refused"
    assert "a rotation is open" in row.message
    assert "order.refused" in world.events()


@pytest.mark.parametrize("verb", [Verb.ROLLBACK, Verb.CLOSE])
def test_a_person_may_stop_an_open_rotation_in_grace(world: World, verb: Verb) -> None:
    """A rollback holds, a close ends it; both keys stay as they are."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    given = order(world, user, verb)

    world.visit(user)

    row = world.store.order(given)
    assert row is not None
    assert row.outcome == "done"
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]
    assert outcomes(world, user) == ([] if verb is Verb.ROLLBACK else ["by_hand"])


def test_a_close_gives_up_places_that_no_policy_names(tmp_path: Path) -> None:
    """And the rotation that waited for a word is over."""
    world = World.made(tmp_path, policy(sinks=(READABLE, WRITEONLY)))
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.reconfigure(policy(sinks=(READABLE,)))
    world.go(DAY)
    order(world, user, Verb.CLOSE)

    world.visit(user)

    assert outcomes(world, user) == ["by_hand"]
    assert [row.place.type for row in world.known(user).places] == ["memory"]
    world.close()


def test_a_quarantined_user_is_a_stop_until_a_person_orders_a_rotation(world: World) -> None:
    """AWS says that the key leaked: told as an error, due or not."""
    user = world.add_user(age=DAY)
    quarantined = frozenset({"AWSCompromisedKeyQuarantineV3"})
    world.aws.users[user.user_id] = replace(user, attached_policies=quarantined)

    assert reason_of(world.visit(user)) is Reason.QUARANTINED

    order(world, user, Verb.ROTATE)
    world.go(10 * MINUTE)
    world.live(user)

    assert outcomes(world, user) == ["completed"]
