"""When policies will be swept, asked from any moment: held to the triggers themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from rotator.daemon.schedules import Rhythms, first_run, trigger_of
from rotator.model import Cron, Every, Policy, Schedule, Selector

NOW = datetime(2026, 11, 2, 9, 7, tzinfo=UTC)
DAY = timedelta(days=1)


def rhythms(schedule: Schedule, last_at: datetime | None) -> Rhythms:
    policy = Policy("ci", (Selector(name="*"),), DAY, schedule=schedule)
    return Rhythms([policy], last_at={"ci": last_at}, now=NOW)


def sweeps(schedule: Schedule, last_at: datetime | None, until: datetime) -> list[datetime]:
    """Every sweep that a daemon makes until then."""
    at = first_run(schedule, last_at=last_at, now=NOW)
    trigger = trigger_of(schedule, start_at=at)
    found = [at]
    while (at := trigger.get_next_fire_time(at, at + timedelta(microseconds=1))) <= until:
        found.append(at.astimezone(UTC))
    return found


@pytest.mark.parametrize("last_at", [None, NOW - timedelta(minutes=20)], ids=["never", "lately"])
@pytest.mark.parametrize(
    "schedule",
    [
        pytest.param(Every(timedelta(hours=7)), id="by interval"),
        pytest.param(Cron("0 6 * * mon-fri", "Europe/Oslo"), id="on working days"),
        pytest.param(Cron("*/20 * * * *", "UTC"), id="every twenty minutes"),
        pytest.param(Cron("0 3 1 * *", "Europe/Oslo"), id="once a month"),
    ],
)
def test_sweeps_are_those_of_the_daemon(schedule: Schedule, last_at: datetime | None) -> None:
    """The next at or after, and the last before, whatever moment is asked about."""
    asked = rhythms(schedule, last_at)
    all_of_them = sweeps(schedule, last_at, NOW + 130 * DAY)
    chance = Random(5)
    moments = [NOW + chance.random() * 95 * DAY for _ in range(60)] + all_of_them[:3]
    for moment in moments:
        assert asked.next("ci", moment) == min(at for at in all_of_them if at >= moment)
        before = [at for at in all_of_them if at < moment]
        assert asked.last("ci", moment) == max(before, default=None)


def test_a_policy_that_is_not_there_is_never_swept() -> None:
    """Nor is one whose next sweep would be past the end of time."""
    asked = rhythms(Every(timedelta(days=365_000)), NOW)

    assert asked.next("other", NOW) is None
    assert asked.last("other", NOW) is None
    assert asked.next("ci", datetime(9500, 1, 1, tzinfo=UTC)) is None
