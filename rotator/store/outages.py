"""When a store was away, as far as a process noticed: nobody could announce anything then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Outage", "Outages"]


@dataclass(frozen=True, slots=True)
class Outage:
    """From the first to the last failure of a store that was away."""

    began_at: datetime
    ended_at: datetime


class Outages:
    """Keeps the last outage; written by every thread, each time in one assignment."""

    def __init__(self) -> None:
        self.last: Outage | None = None
        self._goes_on = False

    def failed(self, at: datetime) -> None:
        """The store did not answer."""
        known = self.last if self._goes_on else None
        self.last = Outage(known.began_at if known else at, at)
        self._goes_on = True

    def answered(self) -> None:
        """The store did."""
        self._goes_on = False
