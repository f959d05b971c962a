"""What the calendar says is what the daemon then does, in random worlds over 90 days."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.daemon.schedules import Rhythms
from rotator.judgement.ahead import look_ahead
from rotator.model import ActionName, KeyStatus, Stop
from rotator.reconcile import Planner, sweep
from rotator.reconcile.scenes import last_sweeps, scene_of
from tests.reconcile.random_worlds import lived
from tests.simulation.world import DAY, HOUR

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rotator.judgement.outlook import Calendar
    from rotator.model import Reason
    from tests.simulation.world import World

DONE = {ActionName.ISSUE, ActionName.DEACTIVATE, ActionName.REACTIVATE, ActionName.DELETE}
HORIZON = 90 * DAY
WORLDS = 3

GAP = 26 * HOUR
"""No schedule of these worlds has a longer gap, but over a weekend; that is met by both alike."""


def calendar_of(world: World, until: datetime) -> Calendar:
    """What is foreseen from now on."""
    planner, now = Planner(world.equipment), world.clock()
    policies = world.configuration.policies
    rhythms = Rhythms(policies, last_at=last_sweeps(world.equipment, policies), now=now)
    scene, errors = scene_of(planner, policies, rhythms, until=until)
    assert errors == []
    return look_ahead(scene, until)


def foreseen(calendar: Calendar) -> dict[str, list[tuple[str, datetime, str | None]]]:
    """Per user what is to be done, with when and the key where it is known."""
    found: dict[str, list[tuple[str, datetime, str | None]]] = {}
    for row in calendar.rows:
        if row.acts and row.action.name in DONE:
            found.setdefault(row.user.name, []).append((row.action.name, row.at, row.key_id))
    return found


def done(world: World, since: int) -> dict[str, list[tuple[str, datetime, str | None]]]:
    """Per user what was done, from one of the executed effects on."""
    found: dict[str, list[tuple[str, datetime, str | None]]] = {}
    for step, key_id, at in world.aws.executed[since:]:
        user = world.aws.users[world.aws.keys[key_id].user_id]
        found.setdefault(user.name, []).append((step, at, None if step == "issue" else key_id))
    return found


def apart(
    world: World,
    told: list[tuple[str, datetime, str | None]],
    seen: list[tuple[str, datetime, str | None]],
) -> str | None:
    """How what was told and what was seen of one user differ; None: in nothing that matters.

    A step may come one sweep earlier or later than was told, since a visit takes its time; where
    that is just before a freeze, it comes after it instead.
    """
    if [step for step, _, _ in told] != [step for step, _, _ in seen]:
        return f"told {told}, seen {seen}"
    for (step, told_at, told_key), (_, seen_at, seen_key) in zip(told, seen, strict=True):
        early, late = sorted((told_at, seen_at))
        frozen = any(
            early <= one.starts_at and one.until <= late for one in world.configuration.freezes
        )
        if (late - early > GAP and not frozen) or told_key not in {None, seen_key}:
            return f"{step} {told_key} was told for {told_at}, and was {seen_key} at {seen_at}"
    return None


def greatest(world: World, name: str, begins: datetime, until: datetime) -> timedelta:
    """How old an Active key of a user truly got in a span of time."""
    user = next(user for user in world.aws.users.values() if user.name == name)
    ages = [timedelta(0)]
    for key in world.aws.keys.values():
        if key.user_id != user.user_id:
            continue
        ends = [at for at, status in key.history if status is not KeyStatus.ACTIVE]
        end = min([*ends, until])
        if end > begins:
            ages.append(end - key.created_at)
    return max(ages)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_is_foreseen_is_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Same users, same actions, same keys, same moments within a sweep, over 90 days.

    And each user who ends up stopped was told to; and keys get as old as was told.
    """
    monkeypatch.setattr(sweep, "THREADS", 1)
    actions: Counter[str] = Counter()
    for seed in range(WORLDS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        world, daemon, _ = lived(folder, seed)
        begins, until, since = world.clock(), world.clock() + HORIZON, len(world.aws.executed)
        calendar = calendar_of(world, until)
        daemon.live(until)

        told, seen = foreseen(calendar), done(world, since)
        differences = {
            name: apart(world, told.get(name, []), seen.get(name, [])) for name in told | seen
        }
        assert {n: d for n, d in differences.items() if d} == {}, f"world {seed}"
        assert blocked(world).items() <= stopped(calendar).items(), f"world {seed}"
        for one in calendar.greatest:
            truly = greatest(world, one.user.name, begins, until)
            assert abs(truly - (one.age or timedelta(0))) <= GAP, f"world {seed}: {one}"
        actions.update(step for steps in seen.values() for step, _, _ in steps)
        world.close()
    with capsys.disabled():
        print(f"\n{WORLDS} worlds over 90 days: {dict(actions)}, all as foreseen")  # noqa: T201 - how many were tried is what the test shows
    assert min(actions[step] for step in ("issue", "deactivate", "delete")) > WORLDS


def blocked(world: World) -> dict[str, Reason | None]:
    """Who is stopped at the end, and why."""
    rows = (row.user for row in world.store.users())
    return {row.name: row.blocked_reason for row in rows if row.blocked == "stop"}


def stopped(calendar: Calendar) -> dict[str, Reason]:
    """Who was told to be stopped last, with nothing to come after it."""
    last = {row.user.name: row.action for row in calendar.rows}
    return {name: action.reason for name, action in last.items() if isinstance(action, Stop)}
