"""What becomes of the configuration meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rotator.model import (
    Exclusion,
    Freeze,
    Limits,
    Mode,
    Selector,
    Window,
)
from tests.simulation.world import DAY, HOUR
from tests.soak.common import user_of
from tests.soak.registry import rule

if TYPE_CHECKING:
    from tests.soak.world import Soaked


__all__: list[str] = []

UTC_DAYS = frozenset(range(7))

# Configuration


@rule(3)
def it_only_observes(world: Soaked, hours: int) -> None:
    """For some hours the policy is in observe mode."""
    world.amended(mode=Mode.OBSERVE)
    world.live_for((1 + hours) * HOUR)
    world.amended()


@rule(3)
def nobody_is_selected(world: Soaked, hours: int) -> None:
    """For some hours the policy selects somebody else."""
    world.amended(include=(Selector(name="nobody"),))
    world.live_for((1 + hours) * HOUR)
    world.amended()


@rule(2)
def no_policy_is_there(world: Soaked, hours: int) -> None:
    """For some hours the policy is removed."""
    world.load(policies=())
    world.live_for((1 + hours) * HOUR)
    world.amended()


@rule(3)
def the_policy_is_renamed(world: Soaked, hours: int) -> None:
    """For some hours another policy of the same terms takes over."""
    world.amended(name="other")
    world.live_for((1 + hours) * HOUR)
    world.amended()


@rule(3)
def two_policies_select(world: Soaked, who: int, hours: int) -> None:
    """For some hours a user belongs to two of them, and so to none."""
    user = user_of(world, who)
    other = replace(
        world.ordinary, name="other", include=(Selector(name=user.name if user else "nobody"),)
    )
    world.load(policies=(world.ordinary, other))
    world.live_for((1 + hours) * HOUR)
    world.amended()


@rule(3)
def a_user_is_excluded(world: Soaked, who: int, hours: int) -> None:
    """For some hours."""
    if (user := user_of(world, who)) is not None:
        one = Exclusion(
            Selector(name=user.name), reason="away", expires=world.clock() + hours * HOUR
        )
        world.amended(exclude=(one,))
        world.live_for((1 + hours) * HOUR)
        world.amended()


@rule(3)
def a_freeze_begins(world: Soaked, hours: int) -> None:
    """For some hours no door opens."""
    now = world.clock()
    world.load(freezes=(Freeze("soak", now, now + (1 + hours) * HOUR),))
    world.live_for((1 + hours) * HOUR)


@rule(3)
def there_is_a_window(world: Soaked, way: int, days: int) -> None:
    """For some days the doors are open only for some hours of each."""
    world.amended(window=Window(UTC_DAYS, time(way), time(way + 6), ZoneInfo("Europe/Oslo")))
    world.live_for((1 + days) * DAY)
    world.amended()


@rule(3)
def limits_are_set(world: Soaked, way: int, days: int) -> None:
    """For some days so many may go through each door in a day."""
    world.amended(limits=Limits(issue=1 + way, deactivate=1 + way, delete=1 + way))
    world.live_for((1 + days) * DAY)
    world.amended()


@rule(4)
def they_disagree(world: Soaked, replica: int, hours: int) -> None:
    """One replica loaded another configuration, for some hours."""
    mine = replace(world.configuration, digest=f"{world.configuration.digest}-own")
    world.replicas[replica].own = mine
    world.disagreeing_since = world.clock()
    world.live_for((1 + hours) * HOUR)
    world.agree()
