"""How long, at worst, a policy may have to wait for a sweep that finds the doors open."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from rotator.judgement.calendar import window_opens_at
from rotator.model import Cron, Every, Schedule, Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["longest_freeze", "longest_gap"]

_FROM = date(2024, 1, 1)
_YEAR = timedelta(days=366)
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_DAYS_LOOKED_AT_MAX = 400


def longest_gap(schedule: Schedule, window: Window | None) -> timedelta | None:
    """The longest time between two sweeps that find the window open.

    None where a sweep may never find it open. For a cron expression a year is looked through,
    for an interval the least lucky moment to have begun is taken; summer time may shift the
    result by an hour.
    """
    if isinstance(schedule, Every):
        return _gap_of_interval(schedule.interval, window)
    return _gap_of_cron(schedule, window)


def longest_freeze(freezes: Sequence[tuple[datetime, datetime]]) -> timedelta:
    """The longest time that freezes shut the doors without a break; spans that touch are one."""
    longest = timedelta(0)
    begin: datetime | None = None
    end: datetime | None = None
    for starts_at, until in sorted(freezes):
        if begin is None or end is None or starts_at > end:
            begin, end = starts_at, until
        end = max(end, until)
        longest = max(longest, end - begin)
    return longest


def _gap_of_interval(interval: timedelta, window: Window | None) -> timedelta | None:
    """Spans that are open for an interval or longer are met for certain; the others may not be."""
    if window is None:
        return interval
    sure = [span for span in _open_spans(window) if span[1] - span[0] >= interval]
    if not sure:
        return None
    if sure == [(timedelta(0), _WEEK)]:
        return interval
    again = (sure[0][0] + _WEEK, sure[0][1] + _WEEK)
    closed = max(after[0] - before[1] for before, after in pairwise([*sure, again]))
    # The last sweep in one span is up to an interval before its end, and so on.
    return (-(-closed // interval) + 1) * interval


def _open_spans(window: Window) -> list[tuple[timedelta, timedelta]]:
    """When the window is open, from Monday's midnight on; what runs over Sunday's comes last."""
    opens, closes = _since_midnight(window.opens), _since_midnight(window.closes)
    length = closes - opens if closes > opens else closes + _DAY - opens
    spans: list[tuple[timedelta, timedelta]] = []
    for begin in (day * _DAY + opens for day in sorted(window.days)):
        if spans and spans[-1][1] >= begin:
            spans[-1] = (spans[-1][0], begin + length)
        else:
            spans.append((begin, begin + length))
    if spans[-1][1] - _WEEK >= spans[0][0]:
        if len(spans) == 1:
            return [(timedelta(0), _WEEK)]
        first = spans.pop(0)
        spans[-1] = (spans[-1][0], first[1] + _WEEK)
    return spans


def _since_midnight(at: time | None) -> timedelta:
    at = at or time()
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)


def _gap_of_cron(schedule: Cron, window: Window | None) -> timedelta | None:
    zone = ZoneInfo(schedule.timezone)
    trigger = CronTrigger.from_crontab(schedule.expression, timezone=zone)
    patterns: dict[int, list[datetime]] = {}
    longest: timedelta | None = None
    last: datetime | None = None
    for day in _days(trigger, zone):
        if day.weekday() not in patterns:
            patterns[day.weekday()] = _met(trigger, day, zone, window)
        met = [_moved(at, day) for at in patterns[day.weekday()]]
        moments = met if last is None else [last, *met]
        gaps = [after - before for before, after in pairwise(moments)]
        longest = max(gaps, default=longest) if longest is None else max([longest, *gaps])
        last = moments[-1] if moments else None
    return longest


def _met(trigger: CronTrigger, day: date, zone: ZoneInfo, window: Window | None) -> list[datetime]:
    """When it fires on this day and finds the window open."""
    return [at for at in _fires(trigger, day, zone) if _is_open(window, at)]


def _days(trigger: CronTrigger, zone: ZoneInfo) -> Iterator[date]:
    """The days on which it fires: those of a year, and at least a dozen or so."""
    day = _FROM
    for count in range(_DAYS_LOOKED_AT_MAX):
        fire = trigger.get_next_fire_time(None, datetime.combine(day, time(), zone))
        if fire is None or (count > 13 and fire.date() > _FROM + _YEAR):  # noqa: PLR2004 - a dozen
            return
        yield fire.date()
        day = fire.date() + _DAY


def _fires(trigger: CronTrigger, day: date, zone: ZoneInfo) -> Iterator[datetime]:
    fire = trigger.get_next_fire_time(None, datetime.combine(day, time(), zone))
    while fire is not None and fire.date() == day:
        yield fire
        fire = trigger.get_next_fire_time(fire, fire)


def _moved(at: datetime, day: date) -> datetime:
    """The same local time on another day."""
    return datetime.combine(day, at.timetz()).astimezone(UTC)


def _is_open(window: Window | None, at: datetime) -> bool:
    return window is None or window_opens_at(window, at) == at
