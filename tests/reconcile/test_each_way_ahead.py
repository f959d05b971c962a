"""Each way in which a key leaves, as the calendar tells it and as a daemon then does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rotator.model import KeyStatus, Limits, Order, Verb
from tests.reconcile.test_ahead import apart, calendar_of, done, foreseen
from tests.simulation.daemons import SimulatedDaemon, WorldOfHabits
from tests.simulation.world import DAY, policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rotator.model import User


def ordered(world: WorldOfHabits, user: User, **facts: Any) -> None:  # noqa: ANN401 - of an order
    """A person gives an order."""
    made = {"order_id": 0, "given_at": world.clock(), "actor": "kim", "reason": "so be it"}
    world.store.give(user.ref, Order(**{**made, **facts}))


def retired(world: WorldOfHabits, **facts: Any) -> None:  # noqa: ANN401 - of an order
    """A person names the key of two that no place serves."""
    user = world.add_user(age=2 * DAY)
    spare = world.aws.add_key(user, age=DAY).access_key_id
    ordered(world, user, verb=Verb.RETIRE, key_id=spare, **facts)


def leaked(world: WorldOfHabits, **facts: Any) -> None:  # noqa: ANN401 - of an order
    """A person says that the key is in the wrong hands."""
    user = world.add_user(age=2 * DAY)
    world.monitor.given_up |= world.aws.keys.keys()
    ordered(world, user, verb=Verb.ROTATE, compromised=True, **facts)


def never_used(world: WorldOfHabits) -> None:
    """A user whose key is in no place and was never used."""
    world.aws.add_key(world.aws.add_user("bob"), age=3 * DAY)


def beside_unused(world: WorldOfHabits) -> None:
    """A key that is due, and one beside it that was never used."""
    world.aws.add_key(world.add_user(), age=3 * DAY)


def beside_inactive(world: WorldOfHabits) -> None:
    """A key that is due, and an Inactive one beside it."""
    world.aws.add_key(world.add_user(), age=3 * DAY, status=KeyStatus.INACTIVE)


def three(world: WorldOfHabits) -> None:
    """Three users who are due."""
    for number in (1, 2, 3):
        world.add_user(f"user-{number}", age=(20 + number) * DAY)


WAYS = [
    pytest.param(
        never_used,
        {"retire": frozenset({"only"})},
        {"bob": ["deactivate", "delete"]},
        id="an only key that comes to be unused before it is due",
    ),
    pytest.param(
        beside_unused,
        {"retire": frozenset({"unused"})},
        {"bob": ["deactivate", "delete", "issue", "deactivate", "delete"]},
        id="an unused key that makes room",
    ),
    pytest.param(
        beside_inactive,
        {"retire": frozenset({"inactive"})},
        {"bob": ["delete", "issue", "deactivate", "delete"]},
        id="an Inactive key that makes room",
    ),
    pytest.param(retired, {}, {"bob": ["deactivate", "delete"]}, id="a key that a person named"),
    pytest.param(
        lambda world: retired(world, now=True),
        {},
        {"bob": ["deactivate", "delete"]},
        id="a key that a person wants gone now",
    ),
    pytest.param(
        leaked, {}, {"bob": ["issue", "deactivate", "delete"]}, id="a key in the wrong hands"
    ),
    pytest.param(
        lambda world: leaked(world, contain_first=True),
        {},
        {"bob": ["deactivate", "issue", "delete"]},
        id="a key that is contained first",
    ),
    pytest.param(
        three,
        {"limits": Limits(issue=1, deactivate=1, delete=1)},
        {f"user-{number}": ["issue", "deactivate", "delete"] for number in (1, 2, 3)},
        id="one user a day, the oldest key first",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "terms", "steps"), WAYS)
def test_what_is_told_is_done(
    tmp_path: Path,
    setting: Callable[[WorldOfHabits], None],
    terms: dict[str, Any],
    steps: dict[str, list[str]],
) -> None:
    """The same steps with the same keys within a sweep of what was told, over a week."""
    world = WorldOfHabits.made(tmp_path, policy(**terms))
    assert isinstance(world, WorldOfHabits)
    setting(world)
    until = world.clock() + 7 * DAY
    told = foreseen(calendar_of(world, until))
    SimulatedDaemon(world).live(until)
    seen = done(world, 0)

    assert steps == {name: [step for step, _, _ in rows] for name, rows in seen.items()}
    differences = {name: apart(world, told.get(name, []), rows) for name, rows in seen.items()}
    assert differences == dict.fromkeys(steps)
    world.close()
