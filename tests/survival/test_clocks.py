"""Clocks that are wrong: nothing is changed by one, nothing happens early, and it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from rotator.model import Reason
from rotator.reconcile import Sweeper
from tests.faults.lives import ends_well
from tests.faults.ways import WAYS
from tests.simulation.world import DAY, HOUR, MINUTE, World

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import User
    from tests.simulation.faults import Fault

pytestmark = pytest.mark.slow

WAY = WAYS["an ordinary rotation, two places"]
STEPS = {
    "an hour ahead": HOUR,
    "an hour behind": -HOUR,
    "a day ahead": DAY,
    "a day behind": -DAY,
    "two minutes ahead": 2 * MINUTE,
    "two minutes behind": -2 * MINUTE,
}
WRONG_FOR = 30 * MINUTE
"""How long a clock stays wrong, of true time: shorter than each period of the policy, so that what
a wrong moment on record would cut short is seen."""


@dataclass
class Drifting(World):
    """A world whose processes go by a clock that may be wrong; their store goes by it too."""

    ahead: timedelta = timedelta(0)

    def boot(self) -> None:
        """A process starts, by the same clock."""
        super().boot()
        self.equipment = replace(self.equipment, clock=self.ours)
        self.sweeper = Sweeper(self.equipment)
        self.monitor.hands.clock = self.ours
        self.store._database.clock = self.ours
        self.step_to(self.ahead)

    def ours(self) -> datetime:
        """What our clock says."""
        return self.clock() + self.ahead

    def step_to(self, ahead: timedelta) -> None:
        """Somebody, or something, sets our clock."""
        self.ahead = ahead
        self.effects.life.clock_ahead = ahead

    def step_at(self, number: int, ahead: timedelta) -> None:
        """Our clock is set right before the effect of this number."""
        following = self.effects.next

        def counted(name: str) -> Fault | None:
            fault = following(name)
            if len(self.effects.names) - 1 == number:
                self.step_to(ahead)
            return fault

        self.effects.next = counted  # type: ignore[method-assign]  # counts what passes


def begun() -> tuple[Drifting, User]:
    """A key that is due, in a readable and a write-only place."""
    world = cast("Drifting", Drifting.made(None, WAY.terms))
    world.aws.new_key_delay = timedelta(seconds=1)
    world.effects.commits = True
    return world, world.add_user()


def wrong_for(world: Drifting, user: User, length: timedelta) -> list[str]:
    """Visits while our clock is wrong; what was changed meanwhile."""
    before = len(world.aws.executed)
    until = world.clock() + length
    while world.clock() < until:
        result = world.visit(user)
        assert result is None or result.last is None or result.last.reason is Reason.CLOCK
        world.go(9 * MINUTE)
    return [step for step, _, _ in world.aws.executed[before:]]


def effects_of_a_life() -> int:
    """How many effects, commits among them, a life by a right clock has."""
    world, user = begun()
    world.live(user)
    world.close()
    return len(world.effects.names)


@pytest.mark.parametrize("ahead", STEPS.values(), ids=STEPS.keys())
def test_a_clock_that_is_set_at_any_effect_does_no_harm(ahead: timedelta) -> None:
    """It stays wrong for hours, in which nothing is changed; then it is right, and ends well."""
    count = effects_of_a_life()
    for number in range(count):
        world, user = begun()
        world.step_at(number, ahead)
        while world.ahead != ahead:
            world.visit(user)
            if world.ahead != ahead:
                world.wait(user)
        changed = wrong_for(world, user, WRONG_FOR)
        world.step_to(timedelta(0))
        result = world.live(user)

        assert changed == [], (number, world.effects.names)
        ends_well(world, user, WAY, result.last)
        world.close()

    print(f"{count} lives, the clock {ahead} off")  # noqa: T201 - what the run came to


@pytest.mark.parametrize("by", [15 * MINUTE, -15 * MINUTE], ids=["gains", "loses"])
def test_a_clock_that_drifts_stops_at_a_minute(by: timedelta) -> None:
    """A little each day: up to a minute it works, beyond nothing is changed, and that is said."""
    world, user = begun()
    for number in range(120):
        world.step_to(by * number / 900)
        world.sweeper.visit_now([(user.ref, user.account, user.name)])
        if "clock.skewed" in world.events():
            break
        world.go(HOUR / 2)
    told = [fields for event, fields in world.told if event.value == "clock.skewed"]

    assert MINUTE < abs(world.ahead) <= MINUTE + abs(by) / 900
    assert [round(world.ahead.total_seconds())] == [one["skew_seconds"] for one in told]

    done = len(world.aws.executed)
    world.go(DAY)
    world.sweeper.visit_now([(user.ref, user.account, user.name)])

    assert len(world.aws.executed) == done
    assert world.events().count("clock.skewed") == 1

    world.step_to(timedelta(0))
    world.sweeper.visit_now([(user.ref, user.account, user.name)])
    world.live(user)

    assert world.events().count("clock.recovered") == 1
    world.close()
