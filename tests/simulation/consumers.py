"""Those who read a place and use what they read: each in its own rhythm, some from a cache.

    world.habits["m/bob"] = Habit(reads_every=8 * HOUR, uses_every=HOUR)

Whoever has no habit reads its place and uses what it read whenever time passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = ["Consumer", "Habit", "Refusal"]

NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class Habit:
    """How a consumer goes about its key; by default it reads and uses it at every look.

    Attributes:
        reads_every: how long it goes by what it has read.
        uses_every: how long it does nothing between two calls.
        silent_from, silent_for: a time in which it neither reads nor calls: over a holiday, say.
    """

    reads_every: timedelta = NO_TIME
    uses_every: timedelta = NO_TIME
    silent_from: datetime | None = None
    silent_for: timedelta = NO_TIME

    def is_silent(self, now: datetime) -> bool:
        """Whether it is away."""
        begins = self.silent_from
        return begins is not None and begins <= now < begins + self.silent_for


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that AWS did not accept.

    Attributes:
        read_at: when the key was read that was refused.
        used_at: when it was accepted last, for this consumer; never, where it is None.
    """

    address: str
    key_id: str
    at: datetime
    read_at: datetime
    used_at: datetime | None


@dataclass
class Consumer:
    """One reader of one place."""

    address: str
    habit: Habit = Habit()
    held: str | None = None
    read_at: datetime | None = None
    used_at: datetime | None = None

    def look(self, now: datetime, serves: str | None, use: Callable[[str], bool]) -> list[Refusal]:
        """Use what was read last, then read again and use that; what was refused."""
        if self.habit.is_silent(now):
            return []
        refused = []
        if self._calls(now):
            refused += self._use(now, use)
        if serves is not None and self._reads(now):
            self._read(now, serves)
            refused += self._use(now, use)
        return refused

    def _calls(self, now: datetime) -> bool:
        return self.used_at is None or now >= self.used_at + self.habit.uses_every

    def _reads(self, now: datetime) -> bool:
        return self.read_at is None or now >= self.read_at + self.habit.reads_every

    def _read(self, now: datetime, key_id: str) -> None:
        if key_id != self.held:
            self.held, self.used_at = key_id, None
        self.read_at = now

    def _use(self, now: datetime, use: Callable[[str], bool]) -> list[Refusal]:
        if self.held is None or self.read_at is None:
            return []
        if use(self.held):
            self.used_at = now
            return []
        return [Refusal(self.address, self.held, now, self.read_at, self.used_at)]
