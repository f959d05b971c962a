"""How long a policy may have to wait for a sweep that finds the doors open."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from rotator.config.gaps import longest_freeze, longest_gap
from rotator.model import Cron, Every, Schedule, Window

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = frozenset(range(7))


def window(
    days: frozenset[int] = WEEK, opens: int | None = None, closes: int | None = None
) -> Window:
    return Window(
        days,
        None if opens is None else time(opens),
        None if closes is None else time(closes),
        ZoneInfo("UTC"),
    )


def cron(expression: str, zone: str = "UTC") -> Cron:
    return Cron(expression, zone)


@pytest.mark.parametrize(
    ("schedule", "doors", "expected"),
    [
        pytest.param(Every(6 * HOUR), None, 6 * HOUR, id="an interval alone"),
        pytest.param(Every(6 * HOUR), window(), 6 * HOUR, id="a window that is always open"),
        pytest.param(
            Every(6 * HOUR), window(opens=9, closes=15), 24 * HOUR, id="a window as long as it"
        ),
        pytest.param(
            Every(HOUR), window(frozenset({0}), 9, 15), 6 * DAY + 19 * HOUR, id="Mondays only"
        ),
        pytest.param(
            Every(HOUR), window(frozenset({6, 0})), 5 * DAY + HOUR, id="Sundays run into Mondays"
        ),
        pytest.param(
            Every(HOUR),
            window(frozenset({6, 0}), 22, 6),
            5 * DAY + 17 * HOUR,
            id="two nights, one over the end of the week",
        ),
        pytest.param(
            Every(7 * HOUR), window(opens=9, closes=15), None, id="longer than the window"
        ),
        pytest.param(cron("0 6 * * *"), None, DAY, id="once a day"),
        pytest.param(cron("0 6 * * mon-fri"), None, 3 * DAY, id="once a working day"),
        pytest.param(cron("0 9-17 * * mon-fri"), None, 64 * HOUR, id="hourly on working days"),
        pytest.param(cron("0 0,1 * * *"), None, 23 * HOUR, id="twice a night"),
        pytest.param(cron("0 0 1 * *"), None, 31 * DAY, id="once a month"),
        pytest.param(cron("0 0 29 2 *"), None, (4 * 365 + 1) * DAY, id="once in a leap year"),
        pytest.param(cron("* * * * *"), None, timedelta(minutes=1), id="every minute"),
        pytest.param(
            cron("0 * * * *"), window(opens=9, closes=15), 19 * HOUR, id="hourly within a window"
        ),
        pytest.param(
            cron("0 6 * * *"), window(opens=9, closes=15), None, id="always before the window"
        ),
        pytest.param(
            cron("0 6 * * *"), window(frozenset({2}), 5, 7), 7 * DAY, id="daily, Wednesdays only"
        ),
        pytest.param(
            cron("0 12 * * mon-fri", "Europe/Oslo"),
            Window(frozenset({0}), time(3), time(6), ZoneInfo("America/New_York")),
            None,
            id="two time zones, just missed",
        ),
        pytest.param(
            cron("0 12 * * mon-fri", "Europe/Oslo"),
            Window(frozenset({0}), time(3), time(8), ZoneInfo("America/New_York")),
            7 * DAY,
            id="two time zones, just met",
        ),
    ],
)
def test_longest_gap(schedule: Schedule, doors: Window | None, expected: timedelta | None) -> None:
    """The least lucky moment to have begun is what counts; None is: perhaps never."""
    found = longest_gap(schedule, doors)

    if isinstance(schedule, Cron) and schedule.timezone != "UTC" and found is not None:
        found -= found % DAY  # summer time begins once a year
    assert expected == found


def moment(day: int) -> datetime:
    return datetime(2026, 1, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spans", "days"),
    [
        pytest.param([], 0, id="no freeze"),
        pytest.param([(1, 3), (10, 15)], 5, id="the longer of two"),
        pytest.param([(3, 6), (1, 3)], 5, id="two that touch are one"),
        pytest.param([(1, 9), (2, 3), (8, 10)], 9, id="one within another"),
    ],
)
def test_longest_freeze(spans: list[tuple[int, int]], days: int) -> None:
    """Freezes that leave no opening between them count as one."""
    freezes = [(moment(begin), moment(end)) for begin, end in spans]

    assert days * DAY == longest_freeze(freezes)
