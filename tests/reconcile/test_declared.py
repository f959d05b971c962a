"""What the configuration may become in the middle of a rotation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.model import (
    DoorName,
    Freeze,
    KeyStatus,
    Limits,
    Mode,
    Reason,
    Selector,
    Shut,
    Stop,
)
from tests.reconcile.test_scenarios import outcomes, reason_of
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


def test_a_place_that_follows_the_name_stops_a_renamed_user(world: World) -> None:
    """Whether the place of the old name is still read cannot be told: a person must say."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.aws.rename(user, "robert")
    world.go(DAY)

    assert Reason.POLICY_UNCLEAR is reason_of(world.visit(user))
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.aws.rename(user, "bob")
    world.go(DAY)
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_freeze_over_the_end_of_grace_keeps_the_old_key_until_it_ends(world: World) -> None:
    """The door is shut in the freeze, and the old key goes out of service after it."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    until = world.clock() + 3 * DAY
    freeze = Freeze("year end", world.clock() + MINUTE, until)
    world.reconfigure(*world.configuration.policies, freezes=(freeze,))
    world.go(DAY)

    result = world.visit(user)

    assert result is not None
    assert isinstance(result.last, Shut)
    assert (Reason.CLOSED, until) == (result.last.reason, result.last.until)
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.live(user)

    at = next(at for step, _, at in world.aws.executed if step == "deactivate")
    assert at >= until


def test_a_policy_that_is_taken_away_stops_the_rotation_until_it_is_back(world: World) -> None:
    """Nobody says any more what is wanted: the keys stay as they are."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    ordinary = world.configuration.policies[0]
    world.reconfigure(replace(ordinary, include=(Selector(name="alice"),)))
    world.go(DAY)

    assert Reason.POLICY_UNCLEAR is reason_of(world.visit(user))
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.reconfigure(ordinary)
    resumed = world.clock()
    world.live(user)

    at = next(at for step, _, at in world.aws.executed if step == "deactivate")
    assert at - resumed >= ordinary.grace_period
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_another_policy_that_selects_the_user_takes_the_rotation_over(world: World) -> None:
    """And the record says so."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    ordinary = world.configuration.policies[0]
    world.reconfigure(replace(ordinary, name="other"))
    world.go(10 * MINUTE)

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert any("takes the rotation over" in row.detail for row in world.history(user))


def test_a_sink_that_is_taken_away_stops_the_rotation_until_it_is_named(tmp_path: Path) -> None:
    """Whether its place is still read cannot be told."""
    both = policy(sinks=(READABLE, WRITEONLY))
    world = World.made(tmp_path, both)
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.reconfigure(policy(sinks=(READABLE,)))
    world.go(DAY)

    assert Reason.POLICY_UNCLEAR is reason_of(world.visit(user))
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.reconfigure(both)
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]
    world.close()


def test_a_sink_that_is_added_in_the_middle_is_delivered_to(world: World) -> None:
    """From the readable place, since the secret is in memory no more; grace begins anew."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.boot()
    world.reconfigure(policy(sinks=(READABLE, WRITEONLY)))
    world.go(HOUR)

    world.live(user)

    assert world.served() == {"m/bob": NEW, "w/bob": NEW}
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_limits_are_counted_in_the_store(tmp_path: Path) -> None:
    """One issue a day: the second user waits for the next one."""
    world = World.made(tmp_path, policy(limits=Limits(issue=1)))
    bob, eve = world.add_user("bob"), world.add_user("eve")
    world.visit(bob)

    result = world.visit(eve)

    assert result is not None
    assert isinstance(result.last, Shut)
    assert (Reason.LIMIT, DoorName.ISSUE.value) == (result.last.reason, result.last.behind.name)
    world.go(DAY + MINUTE)
    world.visit(eve)
    assert world.effects.counts["CreateAccessKey"] == 2
    world.close()


def test_two_users_never_share_a_place(tmp_path: Path) -> None:
    """The one who came first has it; the other is stopped, and its key stays."""
    world = World.made(tmp_path, policy(sinks=(sink_spec("memory", "m/shared"),)))
    bob = world.aws.add_user("bob")
    world.serve(bob, world.aws.add_key(bob, age=20 * DAY))
    eve = world.aws.add_user("eve")
    world.aws.add_key(eve, age=20 * DAY)
    world.live(bob)

    result = world.visit(eve)

    assert isinstance(result and result.last, Stop)
    assert Reason.SINK_CONFLICT is reason_of(result)
    assert len(world.aws.keys_of(eve.user_id)) == 1
    world.close()


def test_observing_begins_nothing_and_finishes_what_is_open(world: World) -> None:
    """From enforce to observe in the middle of a rotation."""
    user, other = world.add_user(), world.add_user("eve")
    world.until(user, "rotation.delivered")
    world.reconfigure(policy(mode=Mode.OBSERVE))

    world.live(user)

    assert world.listed(user) == [(NEWER, ACTIVE)]
    assert Reason.OBSERVE is reason_of(world.visit(other))
    assert len(world.listed(other)) == 1
