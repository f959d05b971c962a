"""Gates as figures: how many keys go through which door on which day, and which go first."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from rotator.model import DoorName, Freeze, Limits, Reason, Window
from rotator.reconcile import Planner
from tests.reconcile.test_scenarios import outcomes, strike
from tests.reconcile.test_sweeps import sweep
from tests.simulation.faults import Fault
from tests.simulation.world import DAY, HOUR, MINUTE, World, policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from rotator.model import User
    from rotator.reconcile import Sweeper, SweepResult

USERS = 50
TEN = Limits(issue=10, deactivate=10, delete=10)
LONG = {"grace_period": 30 * DAY, "quiet_period": 30 * DAY, "max_age": 400 * DAY}
"""Whoever is begun stays in grace, so that only the door of issues is looked at."""

UTC_DAYS = frozenset(range(7))
MORNING = Window(UTC_DAYS, time(9), time(11), ZoneInfo("UTC"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account whose policy begins ten a day."""
    made = World.made(tmp_path, policy(limits=TEN, **LONG))
    yield made
    made.close()


def fifty(world: World) -> list[User]:
    """Users whose keys are due, the youngest first; the last has the oldest key."""
    return [world.add_user(f"user{number:02}", age=(20 + number) * DAY) for number in range(USERS)]


def live(world: World, span: timedelta, every: timedelta = 12 * HOUR) -> None:
    """Sweep again and again, and let users' moments pass unseen in between."""
    end = world.clock() + span
    while world.clock() < end:
        sweep(world)
        world.clock.advance(every)


def steps(world: World, step: str) -> list[tuple[str, datetime]]:
    """Whose key went through a door, and when, in order."""
    names = {user.user_id: user.name for user in world.aws.users.values()}
    return [
        (names[world.aws.keys[key].user_id], at)
        for done, key, at in world.aws.executed
        if done == step
    ]


def by_batch(world: World) -> list[list[str]]:
    """Who was begun on one day after the other, each day's in the order of their keys' ages."""
    order = [name for name, _ in steps(world, "issue")]
    return [sorted(order[start : start + 10], reverse=True) for start in range(0, len(order), 10)]


def by_age() -> list[list[str]]:
    """The fifty, ten by ten, those with the oldest keys first."""
    names = [f"user{number:02}" for number in reversed(range(USERS))]
    return [names[start : start + 10] for start in range(0, USERS, 10)]


def by_day(world: World, step: str, since: datetime) -> list[tuple[int, int]]:
    """On which day after a moment how many went through a door."""
    return sorted(Counter((at - since) // DAY for _, at in steps(world, step)).items())


def most_in_a_day(world: World, step: str) -> int:
    """The greatest number that went through a door within any 24 hours."""
    times = [at for _, at in steps(world, step)]
    return max(sum(1 for at in times if first <= at < first + DAY) for first in times)


@pytest.mark.slow
def test_the_end_of_a_freeze_does_not_fire_everything_at_once(world: World) -> None:
    """Fifty wait: ten a day, the oldest keys first, for five days."""
    fifty(world)
    thaw = world.clock() + 2 * DAY
    world.configuration = replace(
        world.configuration, freezes=(Freeze("year end", world.clock() - DAY, thaw),)
    )
    live(world, 7 * DAY + 12 * HOUR)

    assert by_day(world, "issue", thaw) == [(day, 10) for day in range(5)]
    assert most_in_a_day(world, "issue") == 10
    assert by_batch(world) == by_age()


@pytest.mark.slow
def test_a_window_lets_through_what_its_limit_allows(world: World) -> None:
    """Two hours each morning: ten in each, none outside it, and the oldest keys first."""
    world.reconfigure(policy(limits=TEN, window=MORNING, **LONG))
    fifty(world)
    world.clock.advance(3 * HOUR)
    sweep(world)
    world.clock.advance(20 * HOUR)
    begun_at = world.clock()
    for _ in range(5):
        live(world, 3 * HOUR, every=HOUR)
        world.clock.advance(21 * HOUR)

    assert {at.hour for _, at in steps(world, "issue")} <= {9, 10}
    assert by_day(world, "issue", begun_at) == [(day, 10) for day in range(5)]
    assert by_batch(world) == by_age()


def test_a_limit_is_one_for_all_replicas_and_restarts(world: World) -> None:
    """Two processes over one store, each started anew between its sweeps: three, and no fourth."""
    world.reconfigure(policy(limits=Limits(issue=3), **LONG))
    for number in range(8):
        world.add_user(f"user{number}")
    counted = []
    for _ in range(3):
        one = replica(world)
        other = replica(world)
        with ThreadPoolExecutor() as pool:
            for swept in [pool.submit(sweep_of, world, one), pool.submit(sweep_of, world, other)]:
                assert swept.result().error is None
        counted.append(world.effects.counts["CreateAccessKey"])
        world.clock.advance(7 * HOUR)

    assert counted == [3, 3, 3]

    world.clock.advance(5 * HOUR)
    sweep_of(world, replica(world))

    assert world.effects.counts["CreateAccessKey"] == 6
    assert most_in_a_day(world, "issue") == 3


def test_what_clears_up_after_ourselves_is_counted_apart(world: World) -> None:
    """Undelivered keys are switched off and deleted though no predecessor may be that day."""
    none = Limits(deactivate=0, delete=0)
    world.reconfigure(policy(limits=none, **LONG))
    users = [world.add_user(f"user{number}") for number in range(3)]
    for user in users:
        strike(world, "CreateAccessKey", Fault.CRASH_AFTER)
        world.visit(user)
    for user in users:
        for _ in range(60):
            if "undelivered" in outcomes(world, user) or "orphan" in outcomes(world, user):
                break
            world.wait(user)
            world.visit(user)
    since = world.clock() - 90 * DAY
    counts = world.store.counts("ci", users[0].account_id, since)

    assert len(steps(world, "deactivate")) == len(steps(world, "delete")) == 3
    assert (counts[DoorName.DEACTIVATE], counts[DoorName.DELETE]) == (0, 0)


def failing(world: World, count: int) -> list[User]:
    """Users whose create AWS rejects, each begun by a visit."""
    users = [world.add_user(f"fail{number}") for number in range(count)]
    for user in users:
        strike(world, "CreateAccessKey", Fault.REJECTED)
        world.visit(user)
        world.clock.advance(MINUTE)
    return users


def test_three_failures_in_a_row_stop_every_issue_for_an_hour(world: World) -> None:
    """By any replica; after 12 x settle it goes on by itself."""
    failing(world, 3)
    other = world.add_user("zoe")
    tried = world.effects.counts["CreateAccessKey"]
    one, another = replica(world), replica(world)
    sweep_of(world, one)
    sweep_of(world, another)
    row = world.row(other)

    assert world.effects.counts["CreateAccessKey"] == tried == 3
    assert row is not None
    assert row.reason is Reason.LIMIT
    assert "the last 3 rotations in a row failed, within 1 h" in row.message

    world.clock.advance(HOUR)
    sweep_of(world, another)

    assert {name for name, _ in steps(world, "issue")} == {"zoe", "fail0", "fail1", "fail2"}


def test_two_failures_stop_nobody(world: World) -> None:
    """Nor do three of which one was broken off by our own end."""
    failing(world, 2)
    broken_off = world.add_user("crash")
    strike(world, "CreateAccessKey", Fault.CRASH_BEFORE)
    world.visit(broken_off)
    other = world.add_user("zoe")

    world.visit(other)

    assert [name for name, _ in steps(world, "issue")] == ["zoe"]


@pytest.mark.parametrize(
    ("event", "step"),
    [
        pytest.param("", "issue", id="nothing is begun"),
        pytest.param("rotation.delivered", "deactivate", id="nothing is switched off"),
        pytest.param("key.deactivated", "delete", id="nothing is deleted"),
    ],
)
def test_replicas_that_disagree_harm_nothing_until_they_agree(
    world: World, event: str, step: str
) -> None:
    """The gate names who has another configuration, in what `plan` and `status` show."""
    world.reconfigure(policy())
    user = world.add_user()
    if event:
        world.until(user, event)
    world.go(DAY)
    name = disagreeing(world)
    world.visit(user)
    row = world.row(user)
    planned = Planner(world.equipment).plan(
        world.configuration.policies[0], world.configuration.accounts[0]
    )

    assert step not in [done for done, _, _ in world.aws.executed]
    assert row is not None
    assert row.reason is Reason.AGREED
    assert name in row.message
    assert [(one.action.reason, name in one.action.message) for one in planned] == [
        (Reason.AGREED, True)
    ]

    world.store.forget_replica(name)
    world.visit(user)

    assert step in [done for done, _, _ in world.aws.executed]


def disagreeing(world: World) -> str:
    """Another replica lives, with another configuration; its name."""
    ours = (world.effects.life, world.equipment, world.sweeper)
    agreed = world.configuration
    other = replica(world)
    world.configuration = replace(agreed, digest="configuration-2")
    other.announce()
    world.configuration = agreed
    world.effects.life, world.equipment, world.sweeper = ours
    return other.equipment.process


def test_replicas_that_disagree_still_mend(world: World) -> None:
    """What is issued reaches its place, and what was used after all is revived."""
    world.reconfigure(policy())
    bob, eve = world.add_user("bob"), world.add_user("eve")
    world.until(bob, "key.deactivated")
    used = world.known(bob).rotation
    assert used is not None
    assert used.predecessor is not None
    strike(world, "put m/eve", Fault.REJECTED)
    world.visit(eve)
    disagreeing(world)
    world.aws.keys[used.predecessor].uses.append(world.clock() - MINUTE)
    world.monitor.given_up.add(used.predecessor)
    world.clock.advance(30 * MINUTE)
    disagreeing(world)

    world.visit(bob)
    world.visit(eve)

    begun = world.known(eve).rotation
    assert begun is not None
    assert begun.successor is not None
    assert world.served()["m/eve"] == begun.successor
    assert "key.reactivated" in world.events()


def test_a_shorter_recovery_period_deletes_no_key_before_its_promised_date(world: World) -> None:
    """A date that people were told stands; a longer period moves it, and it is never earlier."""
    world.reconfigure(policy(recovery_period=3 * DAY))
    user = world.add_user()
    world.until(user, "key.deactivated")
    rotation = world.known(user).rotation
    assert rotation is not None
    assert rotation.promised_at is not None
    world.reconfigure(policy(recovery_period=HOUR))
    while world.clock() < rotation.promised_at - HOUR:
        world.visit(user)
        world.go(HOUR)

    assert steps(world, "delete") == []

    world.live(user)

    ((_, deleted_at),) = steps(world, "delete")
    assert timedelta(0) <= deleted_at - rotation.promised_at < HOUR


def replica(world: World) -> Sweeper:
    """One more process over the same store and the same AWS."""
    world.boot()
    return world.sweeper


def sweep_of(world: World, sweeper: Sweeper) -> SweepResult:
    """One sweep by this process."""
    (account,) = world.configuration.accounts
    return sweeper.sweep(world.configuration.policies[0], account, trigger="schedule")
