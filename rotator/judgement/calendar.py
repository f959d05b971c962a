"""When doors may be open: windows and freezes, as moments."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rotator.model import Freeze, Window

__all__ = ["opens_at", "window_opens_at"]

_LOOKS_MAX = 1000
"""Windows and freezes tried before it is said that the doors never open."""


def opens_at(window: Window | None, freezes: Iterable[Freeze], now: datetime) -> datetime | None:
    """The first moment from `now` on at which doors may be open; `now` itself where they are.

    None where window and freezes leave no opening that could be found.
    """
    ordered = sorted(freezes, key=lambda freeze: freeze.starts_at)
    moment = now
    for _ in range(_LOOKS_MAX):
        frozen = next((f for f in ordered if f.starts_at <= moment < f.until), None)
        if frozen is not None:
            moment = frozen.until
            continue
        opening = window_opens_at(window, moment)
        if opening is None or opening == moment:
            return opening
        moment = opening
    return None


def window_opens_at(window: Window | None, now: datetime) -> datetime | None:
    """The first moment from `now` on that lies in the window; `now` itself where it does.

    A local time that summer time skips is taken by the clock as it stood before; of one that
    comes twice the first counts. None where no day is named, or time as we count it ends first.
    """
    if window is None:
        return now
    try:
        today = now.astimezone(window.timezone).date()
        for day in (today + timedelta(days=offset) for offset in range(-1, 9)):
            if day.weekday() not in window.days:
                continue
            opening, closing = _opening(window, datetime.combine(day, time()))
            if max(now, opening) < closing:
                return max(now, opening)
    except OverflowError:
        return None
    return None


def _opening(window: Window, day: datetime) -> tuple[datetime, datetime]:
    """Opening and closing, in UTC, of the window that opens on a local day."""
    opens = window.opens or time()
    closes = window.closes or time()
    last_day = day if closes > opens else day + timedelta(days=1)
    opening = datetime.combine(day.date(), opens, window.timezone)
    closing = datetime.combine(last_day.date(), closes, window.timezone)
    return opening.astimezone(UTC), closing.astimezone(UTC)
