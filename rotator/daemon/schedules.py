"""When each policy is swept: triggers from its schedule, and what was missed while nobody ran."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from rotator.model import Every

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

    from rotator.model import Schedule

__all__ = ["first_run", "trigger_of"]


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
