"""Calendar: when the doors may be open, by windows and freezes, across midnight and summer time."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from rotator.judgement.calendar import opens_at, window_opens_at
from rotator.model import Freeze, Window
from tests.judgement.worlds import DAY, HOUR, MINUTE, NOW, SECOND, a_freeze, ago

OSLO = ZoneInfo("Europe/Oslo")
WEEKDAYS = frozenset(range(5))
EVERY_DAY = frozenset(range(7))


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_window(
    opens: str | None, closes: str | None, days: frozenset[int] = EVERY_DAY, zone: ZoneInfo = OSLO
) -> Window:
    """A window by local times."""
    return Window(
        days,
        time.fromisoformat(opens) if opens else None,
        time.fromisoformat(closes) if closes else None,
        zone,
    )


OFFICE = a_window("09:00", "15:00", WEEKDAYS)
WEEKEND = a_window(None, None, frozenset({5, 6}))
NIGHT = a_window("22:00", "04:00", frozenset({4}))
GAP = a_window("02:15", "02:45")
ACROSS = a_window("02:30", "03:15")


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [
        pytest.param(None, "2026-03-04 12:00", "2026-03-04 12:00", id="always"),
        pytest.param(OFFICE, "2026-03-04 08:00", "2026-03-04 08:00", id="as it opens (winter)"),
        pytest.param(OFFICE, "2026-03-04 07:59", "2026-03-04 08:00", id="a minute early"),
        pytest.param(
            OFFICE, "2026-03-04 13:59", "2026-03-04 13:59", id="a minute before it closes"
        ),
        pytest.param(OFFICE, "2026-03-04 14:00", "2026-03-05 08:00", id="as it closes: tomorrow"),
        pytest.param(OFFICE, "2026-03-06 14:00", "2026-03-09 08:00", id="on Friday: on Monday"),
        pytest.param(
            OFFICE, "2026-03-27 14:00", "2026-03-30 07:00", id="over a change to summer time"
        ),
        pytest.param(
            OFFICE, "2026-10-23 13:00", "2026-10-26 08:00", id="over a change to winter time"
        ),
        pytest.param(NIGHT, "2026-03-06 20:59", "2026-03-06 21:00", id="on Friday evening"),
        pytest.param(
            NIGHT, "2026-03-07 02:59", "2026-03-07 02:59", id="past midnight it is still Friday's"
        ),
        pytest.param(
            NIGHT, "2026-03-07 03:00", "2026-03-13 21:00", id="closed: a whole week later"
        ),
        pytest.param(
            a_window(None, None, frozenset({5, 6})),
            "2026-03-04 12:00",
            "2026-03-06 23:00",
            id="whole days begin at local midnight",
        ),
        pytest.param(
            a_window(None, None, frozenset({5})),
            "2026-03-07 22:59",
            "2026-03-07 22:59",
            id="and last until the next",
        ),
        pytest.param(
            a_window("21:00", None), "2026-03-04 22:00", "2026-03-04 22:00", id="until midnight"
        ),
        pytest.param(
            a_window(None, "06:00"), "2026-03-04 04:59", "2026-03-04 04:59", id="from midnight"
        ),
        pytest.param(
            a_window("09:00", "15:00", zone=ZoneInfo("Pacific/Auckland")),
            "2026-03-04 12:00",
            "2026-03-04 20:00",
            id="on the other side of the date line",
        ),
        pytest.param(
            a_window("22:00", "21:00", zone=ZoneInfo("America/Los_Angeles")),
            "2026-03-05 04:30",
            "2026-03-05 04:30",
            id="since yesterday evening, by a clock that is far behind",
        ),
        pytest.param(
            GAP,
            "2026-03-29 00:00",
            "2026-03-29 01:15",
            id="a time that summer time skips, by the clock as it stood before",
        ),
        pytest.param(
            ACROSS,
            "2026-03-29 01:20",
            "2026-03-30 00:30",
            id="a window that summer time swallows is not open that day",
        ),
        pytest.param(
            a_window("02:15", "02:45"),
            "2026-10-25 00:20",
            "2026-10-25 00:20",
            id="of a time that comes twice the first counts",
        ),
        pytest.param(
            a_window("02:15", "02:45"),
            "2026-10-25 01:20",
            "2026-10-26 01:15",
            id="and not the second",
        ),
        pytest.param(a_window("09:00", "15:00", frozenset()), "2026-03-04 12:00", None, id="never"),
        pytest.param(OFFICE, "9999-12-31 22:00", None, id="the end of time as we count it"),
    ],
)
def test_window(window: Window | None, now: str, expected: str | None) -> None:
    """The first moment from now on that lies in the window, by the window's own clock."""
    assert (at(expected) if expected else None) == window_opens_at(window, at(now))


YEAR_END = Freeze("year end", at("2026-12-18 00:00"), at("2027-01-04 00:00"))
FOREVER = Freeze("stop", ago(DAY), datetime(9999, 12, 31, tzinfo=UTC))


@pytest.mark.parametrize(
    ("window", "freezes", "now", "expected"),
    [
        pytest.param(None, (), "2026-12-17 12:00", "2026-12-17 12:00", id="nothing is shut"),
        pytest.param(
            None, (YEAR_END,), "2026-12-17 23:59", "2026-12-17 23:59", id="a minute before a freeze"
        ),
        pytest.param(
            None, (YEAR_END,), "2026-12-18 00:00", "2027-01-04 00:00", id="as the freeze begins"
        ),
        pytest.param(
            None, (YEAR_END,), "2027-01-04 00:00", "2027-01-04 00:00", id="its end is exclusive"
        ),
        pytest.param(
            OFFICE,
            (YEAR_END,),
            "2026-12-17 15:00",
            "2027-01-04 08:00",
            id="a freeze, then a window",
        ),
        pytest.param(
            None,
            (Freeze("next", YEAR_END.until, YEAR_END.until + DAY), YEAR_END),
            "2026-12-20 12:00",
            "2027-01-05 00:00",
            id="freezes that follow each other, in any order",
        ),
        pytest.param(
            None,
            (YEAR_END, Freeze("outer", at("2026-12-01 00:00"), at("2027-02-01 00:00"))),
            "2026-12-20 12:00",
            "2027-02-01 00:00",
            id="a freeze within another",
        ),
        pytest.param(WEEKEND, (FOREVER,), "2026-03-04 12:00", None, id="for ever shut: no opening"),
        pytest.param(
            None, (FOREVER,), "2026-03-04 12:00", "9999-12-31 00:00", id="shut to the end of time"
        ),
    ],
)
def test_opens_at(
    window: Window | None, freezes: tuple[Freeze, ...], now: str, expected: str | None
) -> None:
    """Doors open where neither a freeze nor the window shuts them."""
    assert (at(expected) if expected else None) == opens_at(window, freezes, at(now))


def test_an_opening_is_not_looked_for_without_end() -> None:
    """So many freezes in a row that no opening is found: it is said that there is none."""
    freezes = [a_freeze(n * MINUTE, (n + 1) * MINUTE) for n in range(1001)]

    assert opens_at(None, freezes, NOW) is None


@pytest.mark.parametrize("hours", range(24 * 8))
def test_an_opening_is_open(hours: int) -> None:
    """Whatever the hour: at the moment that is told the window is open, and before it is not."""
    now = at("2026-03-26 00:10") + hours * HOUR
    opening = window_opens_at(OFFICE, now)
    assert opening is not None

    assert window_opens_at(OFFICE, opening) == opening
    assert opening == now or window_opens_at(OFFICE, opening - SECOND) == opening
