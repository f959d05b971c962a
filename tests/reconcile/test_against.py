"""What a change of configuration is told to do is what a daemon does that loads it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.daemon.schedules import Rhythms
from rotator.judgement.differences import Change
from rotator.model import Account, Exclusion, Mode, Selector
from rotator.reconcile import Planner, compare, last_sweeps, sweep
from tests.reconcile.random_worlds import lived
from tests.reconcile.test_ahead import DONE, GAP, calendar_of, done, foreseen
from tests.simulation.world import DAY, HOUR, READABLE, WRITEONLY, World, policy, sink_spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path
    from random import Random

    from rotator.judgement.differences import Difference
    from rotator.judgement.turns import Rhythm
    from rotator.model import Configuration, Policy
    from rotator.reconcile import Equipment

WORLDS = 6


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account whose policy `ci` has one readable place."""
    made = World.made(tmp_path)
    yield made
    made.close()


def rhythm_of(equipment: Equipment) -> Rhythm:
    policies = equipment.configuration().policies
    return Rhythms(policies, last_at=last_sweeps(equipment, policies), now=equipment.clock())


def under(world: World, configuration: Configuration) -> Planner:
    """Who looks at the world by this configuration."""
    return Planner(replace(world.equipment, configuration=lambda: configuration))


def compared(world: World, new: Configuration) -> list[Difference]:
    """What loading `new` is told to do."""
    before, after = under(world, world.configuration), under(world, new)
    found, _, errors = compare(before, after, rhythm_of)
    assert errors == []
    return found


def changes(world: World, *policies: Policy) -> set[tuple[str, str]]:
    """Who is concerned, and how."""
    new = replace(world.configuration, policies=policies)
    return {(one.user.name, one.change.value) for one in compared(world, new)}


OTHER = sink_spec("memory", "other/{user}")

CHANGES = [
    pytest.param([policy()], set(), id="nothing"),
    pytest.param([policy(description="x", digest="2")], set(), id="a word of description"),
    pytest.param([policy(name="new")], {("bob", "moves")}, id="the policy is renamed"),
    pytest.param(
        [policy(include=(Selector(name="eve"),))],
        {("bob", "leaves"), ("bob", "place_removed")},
        id="nobody selects the user any more",
    ),
    pytest.param(
        [policy(exclude=(Exclusion(Selector(name="bob"), reason="vendor"),))],
        {("bob", "leaves"), ("bob", "place_removed")},
        id="an exclusion",
    ),
    pytest.param(
        [policy(), policy(name="too")],
        {("bob", "leaves"), ("bob", "place_removed"), ("bob", "stopped")},
        id="two policies select the user",
    ),
    pytest.param(
        [policy(mode=Mode.OBSERVE)],
        {("bob", "observed"), ("bob", "due")},
        id="observed from now on",
    ),
    pytest.param([policy(rotate_after=6 * DAY)], {("bob", "due")}, id="due earlier"),
    pytest.param(
        [policy(sinks=(READABLE, OTHER))], {("bob", "place_added")}, id="a place is added"
    ),
    pytest.param(
        [policy(sinks=(OTHER,))],
        {("bob", "place_added"), ("bob", "place_removed")},
        id="a place is moved",
    ),
]


@pytest.mark.parametrize(("policies", "expected"), CHANGES)
def test_a_change_concerns(
    world: World, policies: list[Policy], expected: set[tuple[str, str]]
) -> None:
    """A user of three days, before its first rotation."""
    world.add_user(age=3 * DAY)

    assert expected == changes(world, *policies)


def test_who_enters_is_told_when_it_is_due(world: World) -> None:
    """And from when on it is so, with the place that will be written."""
    world.reconfigure(policy(include=(Selector(name="eve"),)))
    world.aws.add_key(world.aws.add_user("bob"), age=3 * DAY)
    found = compared(world, replace(world.configuration, policies=(policy(),)))

    told = {one.change: one for one in found}
    assert told.keys() == {Change.ENTERS, Change.DUE, Change.PLACE_ADDED}
    due_at = told[Change.DUE].at
    assert due_at is not None
    assert 6 * DAY < due_at - world.clock() < 7 * DAY + 6 * HOUR


def test_a_period_moves_the_open_rotation(world: World) -> None:
    """The moment of the step that is waited for, before and after."""
    user = world.add_user()
    world.visit(user)
    (one,) = compared(world, replace(world.configuration, policies=(policy(grace_period=2 * DAY),)))

    assert one.change is Change.RESCHEDULED
    assert one.before is not None
    assert one.before.startswith("deactivate")
    assert one.at is not None
    assert one.at - world.clock() >= 2 * DAY - HOUR


def test_a_place_that_is_lost_stops_an_open_rotation(world: World) -> None:
    """What was written for the user, and is named no more, keeps its keys where they are."""
    user = world.add_user()
    world.visit(user)
    found = changes(world, policy(sinks=(OTHER,)))

    assert ("bob", "stopped") in found


LAB = Account("lab")


def test_an_account_that_is_new_brings_its_users(world: World) -> None:
    """And one that is not configured any more loses them."""
    world.add_user()
    world.aws.ids = {"lab": "222233334444"}
    eve = world.aws.add_user("eve", account_id="222233334444")
    world.aws.add_key(eve, age=3 * DAY)
    old = world.configuration
    new = replace(
        old, accounts=(Account("prod"), LAB), policies=(policy(accounts=("prod", "lab")),)
    )

    enters = {(one.user.name, one.change) for one in compared(world, new)}
    assert enters == {("eve", Change.ENTERS), ("eve", Change.DUE)}
    world.configuration = new
    leaves = {(one.user.name, one.change) for one in compared(world, old)}
    assert leaves == {("eve", Change.LEAVES), ("eve", Change.PLACE_REMOVED)}


def test_an_account_that_cannot_be_read_is_told_once(world: World) -> None:
    """Of its users nothing can be said; those of the others are compared."""
    world.add_user(age=3 * DAY)
    world.aws.ids, world.aws.refused = {"lab": "222233334444"}, {"lab"}
    old = replace(world.configuration, accounts=(Account("prod"), LAB))
    old = replace(old, policies=(policy(accounts=("prod", "lab")),))
    new = replace(old, policies=(policy(accounts=("prod", "lab"), rotate_after=6 * DAY),))
    found, looked_at, errors = compare(under(world, old), under(world, new), rhythm_of)

    assert errors == ["account lab: no such role"]
    assert ([one.user.name for one in found], looked_at) == (["bob"], 1)


def test_one_user_alone_is_looked_at(world: World) -> None:
    """Who was not asked for is not compared; who is nobody's is not looked at."""
    world.reconfigure(policy(include=(Selector(name="bob"), Selector(name="eve"))))
    bob = world.add_user(age=3 * DAY)
    world.add_user("eve", age=3 * DAY)
    world.add_user("zoe", age=3 * DAY)
    (terms,) = world.configuration.policies
    new = replace(world.configuration, policies=(replace(terms, rotate_after=6 * DAY),))
    before, after = under(world, world.configuration), under(world, new)

    found, looked_at, _ = compare(before, after, rhythm_of, only=bob.ref)
    assert ([one.user.name for one in found], looked_at) == (["bob"], 1)
    found, looked_at, _ = compare(before, after, rhythm_of)
    assert ([one.user.name for one in found], looked_at) == (["bob", "eve"], 2)


def renewed(chance: Random, terms: Policy) -> Policy:
    """The policy after a random change."""
    return replace(
        terms,
        **chance.choice(
            (
                {"rotate_after": chance.randint(9, 35) * DAY},
                {"grace_period": chance.choice((6 * HOUR, 3 * DAY))},
                {"recovery_period": 5 * DAY},
                {"mode": chance.choice((Mode.OBSERVE, Mode.ENFORCE))},
                {"include": (Selector(name=f"{terms.name}-[0-2]"),)},
                {"sinks": chance.choice(((READABLE,), (READABLE, WRITEONLY), (OTHER,)))},
                {"window": None},
            )
        ),
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_daemon_does_what_was_told_of_the_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is told to be due is, then; who is stopped stays; of all others the old plan holds."""
    monkeypatch.setattr(sweep, "THREADS", 1)
    for seed in range(100, 100 + WORLDS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        world, daemon, chance = lived(folder, seed)
        now, since = world.clock(), len(world.aws.executed)
        old_plan = foreseen(calendar_of(world, now + 20 * DAY))
        policies = tuple(renewed(chance, one) for one in world.configuration.policies)
        new = replace(world.configuration, policies=policies)
        told = compared(world, new)
        world.configuration = new
        daemon.schedule()
        daemon.live(now + 20 * DAY)

        seen = done(world, since)
        steps = {one.user.name: one for one in told if one.change in STEPS}
        stopped = {one.user.name for one in told if one.change is Change.STOPPED}
        for name in {user.name for user in world.aws.users.values()}:
            first = next(iter(seen.get(name, [])), None)
            if name in stopped and (at := stop_of(told, name)) and at <= now + DAY:
                assert first is None, f"world {seed}: {name} {first}"
            elif name in steps:
                assert agrees(steps[name], first, now), f"world {seed}: {steps[name]} {first}"
            elif name not in {one.user.name for one in told}:
                before = next(iter(old_plan.get(name, [])), None)
                assert (first and first[0]) == (before and before[0]), f"world {seed}: {name}"
        world.close()


STEPS = {Change.DUE, Change.RESCHEDULED}


def stop_of(told: list[Difference], name: str) -> datetime | None:
    return next((o.at for o in told if o.user.name == name and o.change is Change.STOPPED), None)


def agrees(one: Difference, first: tuple[str, datetime, str | None] | None, now: datetime) -> bool:
    """Whether the first thing that was done is what was told, on the day that was told."""
    acts = one.after is not None and one.after.split()[0] in DONE and ", gate" not in one.after
    if not acts or one.at is None or one.at > now + 19 * DAY:
        return first is None or (one.at is not None and first[1] > now + 18 * DAY)
    assert one.after is not None
    return first is not None and first[0] == one.after.split()[0] and abs(first[1] - one.at) < GAP
