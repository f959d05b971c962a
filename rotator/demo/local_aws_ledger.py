"""What the local AWS remembers of access keys and moto does not: since when a key is usable, and
which of its uses IAM shows already.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moto.iam.models import AccessKey, IAMBackend, User

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def parse_duration(text: str) -> timedelta:
    """Read `250ms`, `2s`, `90d`; unlike in the configuration of rotator, zero is allowed.

    Raises:
        ValueError: it is no whole number with one of the units ms, s, m, h, d, w.
    """
    match = re.fullmatch(r"(\d+)(ms|s|m|h|d|w)", text)
    if match is None:
        raise ValueError(f"{text!r} is no duration: a whole number and one of ms, s, m, h, d, w")
    return int(match[1]) * _UNITS[match[2]]


@dataclass(slots=True)
class Clock:
    """The clock of the local AWS: the machine's, set forward or back by `offset`."""

    offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        """The time there, aware, in UTC."""
        return datetime.now(UTC) + self.offset

    def second(self) -> datetime:
        """The time as IAM writes it down: in whole seconds, and naive as moto keeps it."""
        return self.now().replace(microsecond=0, tzinfo=None)


@dataclass(slots=True)
class Timing:
    """How slow the local AWS is, so that its slowness can be waited for in a test.

    `lag`: from a use to the moment at which GetAccessKeyLastUsed shows it (about 7 minutes at
    AWS). `grain`: the first use in this span is the only one recorded (15 minutes at AWS).
    `new_key_delay`: until a new key is accepted (3 to 15 s at AWS). `revoke_delay`: until a change
    of status or a deletion takes effect (3 to 4 s at AWS). `page_max`: items on one page at most,
    however many were asked for, which AWS reserves the right to.
    """

    lag: timedelta = timedelta(seconds=2)
    grain: timedelta = timedelta(milliseconds=500)
    new_key_delay: timedelta = timedelta(seconds=1)
    revoke_delay: timedelta = timedelta(0)
    page_max: int = 1000


@dataclass(frozen=True, slots=True)
class Use:
    """One authenticated request: when, of which service, in which Region, since when shown."""

    at: datetime
    service: str
    region: str
    shown_at: datetime


@dataclass(slots=True)
class _Record:
    key: AccessKey
    user: User | None
    status: str
    turns: list[tuple[float, bool]]
    uses: list[Use] = field(default_factory=list)
    seeded: bool = False


class KeyLedger:
    """Knows of every key ever seen: is it accepted now, and what does IAM say of its last use?

    `note` must be called after whatever may have made, changed or deleted a key. What takes effect
    when is measured in real time, so that a clock that is set back kills no key.
    """

    def __init__(self, clock: Clock, timing: Timing) -> None:
        self._clock = clock
        self._timing = timing
        self._records: dict[str, _Record] = {}

    def enter(self, key: AccessKey, user: User, last_use: Use | None) -> None:
        """Enter a seeded key: it has always been usable, and its last use is long known."""
        usable = key.status == "Active"
        turns = [(0.0, usable)]
        uses = [last_use] if last_use else []
        self._records[key.access_key_id] = _Record(key, user, key.status, turns, uses, seeded=True)

    def note(self, keys: dict[str, tuple[AccessKey, IAMBackend]]) -> None:
        """Compare with the keys that there are now, and date what is new, changed or gone."""
        now = time.monotonic()
        revoked_at = now + self._timing.revoke_delay.total_seconds()
        for key_id, (key, home) in keys.items():
            record = self._records.get(key_id)
            if record is None:
                self._records[key_id] = self._first_seen(key, home, now)
            elif record.status != key.status:
                record.status = key.status
                record.turns.append((revoked_at, key.status == "Active"))
        for key_id in self._records.keys() - keys.keys():
            record = self._records[key_id]
            if record.status != "Deleted":
                record.status = "Deleted"
                record.turns.append((revoked_at, False))

    def accepted(self, key_id: str) -> AccessKey | None:
        """The key, if the data plane accepts it now."""
        record = self._records.get(key_id)
        if record is None:
            return None
        now = time.monotonic()
        past = [usable for at, usable in record.turns if at <= now]
        return record.key if past and past[-1] else None

    def _first_seen(self, key: AccessKey, home: IAMBackend, now: float) -> _Record:
        if key.user_name is None:
            # A session's key is usable at once: it is signed, not replicated.
            return _Record(key, None, key.status, [(now, True)])
        turns = [(now + self._timing.new_key_delay.total_seconds(), key.status == "Active")]
        return _Record(key, home.users.get(key.user_name), key.status, turns)

    def owner(self, key_id: str) -> User | None:
        """The user whom a key was made for, also when the key is gone; a session's has none."""
        record = self._records.get(key_id)
        return record.user if record else None

    def seeded(self, key_id: str) -> bool:
        """Did it come from the seed, so that its secret is no secret here?"""
        return key_id in self._records and self._records[key_id].seeded

    def use(self, key_id: str, service: str, region: str) -> None:
        """Record an authenticated request, unless one was recorded within the grain before it."""
        record = self._records[key_id]
        now = self._clock.now()
        if record.uses and now - record.uses[-1].at < self._timing.grain:
            return
        # Only the last of those already shown is ever asked for again.
        seen = [use for use in record.uses if use.shown_at <= now]
        waiting = [use for use in record.uses if use.shown_at > now]
        latest = Use(now, service, region, now + self._timing.lag)
        record.uses = [*seen[-1:], *waiting, latest]

    def recorded(self, key_id: str) -> Use | None:
        """The last use that was recorded, shown or not yet."""
        record = self._records.get(key_id)
        return record.uses[-1] if record and record.uses else None

    def shown(self, key_id: str) -> Use | None:
        """The last use that IAM shows by now."""
        record = self._records.get(key_id)
        if record is None:
            return None
        now = self._clock.now()
        return next((use for use in reversed(record.uses) if use.shown_at <= now), None)
