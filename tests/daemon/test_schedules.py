"""When a policy is swept first, and when again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rotator.daemon.schedules import first_run, trigger_of
from rotator.model import Cron, Every, Schedule

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # a Tuesday
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("schedule", "last_at", "expected"),
    [
        pytest.param(Every(6 * HOUR), None, NOW, id="never swept: at once"),
        pytest.param(Every(6 * HOUR), NOW - 2 * HOUR, NOW + 4 * HOUR, id="the rest of an interval"),
        pytest.param(Every(6 * HOUR), NOW - 20 * HOUR, NOW, id="three were missed: one, at once"),
        pytest.param(
            Cron("0 6 * * mon-fri", "UTC"),
            NOW - 6 * HOUR,
            datetime(2026, 11, 25, 6, 0, tzinfo=UTC),
            id="cron was kept: the next one",
        ),
        pytest.param(
            Cron("0 6 * * mon-fri", "UTC"), NOW - 30 * HOUR, NOW, id="cron was missed: at once"
        ),
        pytest.param(Cron("0 6 * * *", "Europe/Oslo"), None, NOW, id="cron never kept: at once"),
        pytest.param(
            Cron("30 13 * * *", "Europe/Oslo"),
            NOW - HOUR,
            datetime(2026, 11, 24, 12, 30, tzinfo=UTC),
            id="cron in the policy's own time zone",
        ),
    ],
)
def test_a_sweep_that_was_due_is_made_once_at_start(
    schedule: Schedule, last_at: datetime | None, expected: datetime
) -> None:
    """What was missed while nobody ran is run once; what was not is kept."""
    found = first_run(schedule, last_at=last_at, now=NOW)

    assert expected == found


def test_an_interval_counts_from_its_start() -> None:
    """An interval is kept in UTC, whatever summer time does."""
    trigger = trigger_of(Every(6 * HOUR), start_at=NOW)

    first = trigger.get_next_fire_time(None, NOW)
    second = trigger.get_next_fire_time(first, first)

    assert [first, second] == [NOW, NOW + 6 * HOUR]
