"""When each policy is swept: triggers from its schedule, and what was missed while nobody ran."""

from __future__ import annotations

from bisect import bisect_right, insort
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from rotator.model import Every

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from apscheduler.triggers.base import BaseTrigger

    from rotator.model import Policy, Schedule

__all__ = ["Rhythms", "first_run", "trigger_of"]


def trigger_of(schedule: Schedule, *, start_at: datetime) -> BaseTrigger:
    """The trigger of a schedule; an interval counts from `start_at`, in UTC.

    A cron time that summer time skips is fired at the moment the clock is moved, and one that
    comes twice is fired twice (APScheduler's user guide): a second sweep does no harm.
    """
    if isinstance(schedule, Every):
        return IntervalTrigger(
            seconds=schedule.interval.total_seconds(), start_date=start_at, timezone=UTC
        )
    return CronTrigger.from_crontab(schedule.expression, timezone=ZoneInfo(schedule.timezone))


def first_run(schedule: Schedule, *, last_at: datetime | None, now: datetime) -> datetime:
    """When a policy is swept first: at once where a run is due, or was never made.

    `last_at` is when its last sweep began; None where some account of it was never swept.
    """
    if last_at is None:
        return now
    if isinstance(schedule, Every):
        return max(now, last_at + schedule.interval)
    trigger = trigger_of(schedule, start_at=now)
    missed: datetime | None = trigger.get_next_fire_time(None, last_at + timedelta(seconds=1))
    if missed is None:
        return now
    return max(now, missed.astimezone(UTC))


class Rhythms:
    """When policies will be swept from now on, as a daemon would: for looking ahead."""

    def __init__(
        self, policies: Iterable[Policy], *, last_at: Mapping[str, datetime | None], now: datetime
    ) -> None:
        """`last_at` is as for `first_run`, per policy."""
        self._rhythms = {
            policy.name: _rhythm(
                policy.schedule,
                first_run(policy.schedule, last_at=last_at.get(policy.name), now=now),
            )
            for policy in policies
        }

    def next(self, policy: str, moment: datetime) -> datetime | None:
        """The first sweep of a policy at or after a moment; None where there is none."""
        rhythm = self._rhythms.get(policy)
        return rhythm.next(moment) if rhythm is not None else None

    def last(self, policy: str, moment: datetime) -> datetime | None:
        """The last sweep of a policy before a moment; None where none is known."""
        rhythm = self._rhythms.get(policy)
        return rhythm.last(moment) if rhythm is not None else None


def _rhythm(schedule: Schedule, first: datetime) -> _ByInterval | _ByCron:
    if isinstance(schedule, Every):
        return _ByInterval(first, schedule.interval)
    return _ByCron(first, trigger_of(schedule, start_at=first))


class _ByInterval:
    """Sweeps that come again and again after a first one."""

    def __init__(self, first: datetime, interval: timedelta) -> None:
        self._first = first
        self._interval = interval

    def next(self, moment: datetime) -> datetime | None:
        """The first at or after a moment."""
        turns = max(0, -((self._first - moment) // self._interval))
        try:
            return self._first + turns * self._interval
        except OverflowError:
            return None

    def last(self, moment: datetime) -> datetime | None:
        """The last before a moment."""
        if moment <= self._first:
            return None
        turns = -((self._first - moment) // self._interval) - 1
        return self._first + turns * self._interval


class _ByCron:
    """A first sweep, and those of a cron expression after it.

    An answer is kept as the span in which there is no sweep but the one at its end: a trigger is
    slow to ask, and users ask about the same days.
    """

    def __init__(self, first: datetime, trigger: BaseTrigger) -> None:
        self._first = first
        self._trigger = trigger
        self._spans: list[tuple[datetime, datetime]] = []

    def next(self, moment: datetime) -> datetime | None:
        """The first at or after a moment."""
        if moment <= self._first:
            return self._first
        index = bisect_right(self._spans, (moment, _NEVER)) - 1
        if index >= 0 and moment <= self._spans[index][1]:
            return self._spans[index][1]
        found: datetime | None = self._trigger.get_next_fire_time(None, moment)
        if found is None:
            return None
        insort(self._spans, (moment, found.astimezone(UTC)))
        return found.astimezone(UTC)

    def last(self, moment: datetime) -> datetime | None:
        """The last before a moment; looked for in longer and longer spans before it."""
        back = timedelta(hours=1)
        while moment - back > self._first:
            found = self.next(moment - back)
            if found is not None and found < moment:
                return self._last_of(found, moment)
            back *= 2
        return self._last_of(self._first, moment) if self._first < moment else None

    def _last_of(self, sweep: datetime, moment: datetime) -> datetime:
        """The last sweep before a moment, from one before it on."""
        while True:
            later = self.next(sweep + timedelta(microseconds=1))
            if later is None or later >= moment:
                return sweep
            sweep = later


_NEVER = datetime.max.replace(tzinfo=UTC)
