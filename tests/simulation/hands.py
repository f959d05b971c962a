"""P8 by truth: who may decide about a user now, kept apart from what the store says of it.

Whatever is committed or sent is held against this: two processes that both believe to have the
lease, a save by one that had it, a fence that does not grow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulation.broken import Broken

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from rotator.model import UserRef
    from rotator.store import Lease

__all__ = ["Hands"]


@dataclass
class Held:
    """The right to decide about one user: whose, which one, and until when."""

    holder: str
    fence: int
    until: datetime


@dataclass
class Hands:
    """One hand at a time, by the clock of the database."""

    clock: Callable[[], datetime]
    _held: dict[UserRef, Held] = field(default_factory=dict)

    def acquired(self, lease: Lease) -> None:
        """Somebody believes that it may decide now."""
        before = self._held.get(lease.ref)
        if before is not None and before.until > self.clock():
            raise Broken(
                f"P8: {lease.holder} has taken the lease on {lease.ref.user_id} while"
                f" {before.holder} has it until {before.until:%H:%M:%S}"
            )
        if before is not None and lease.fence <= before.fence:
            raise Broken(f"P8: the fence on {lease.ref.user_id} did not grow: {lease.fence}")
        self._held[lease.ref] = Held(lease.holder, lease.fence, lease.until)

    def saved(self, lease: Lease, extend: timedelta | None) -> None:
        """Somebody has committed something about a user."""
        held = self._held.get(lease.ref)
        if held is None:
            return
        if (held.holder, held.fence) != (lease.holder, lease.fence):
            raise Broken(
                f"P8: {lease.holder} (fence {lease.fence}) has written about"
                f" {lease.ref.user_id}, about whom {held.holder} (fence {held.fence}) decides"
            )
        if held.until <= self.clock():
            raise Broken(
                f"P8: {lease.holder} has written about {lease.ref.user_id}, and its lease ran out"
                f" at {held.until:%H:%M:%S}"
            )
        if extend is not None:
            held.until = max(held.until, self.clock() + extend)

    def released(self, lease: Lease) -> None:
        """Somebody gives the right back; one that has lost it changes nothing."""
        held = self._held.get(lease.ref)
        if held is not None and (held.holder, held.fence) == (lease.holder, lease.fence):
            held.until = self.clock()

    def released_all(self, holder: str) -> None:
        """Somebody ends, and gives back what it has."""
        for held in self._held.values():
            if held.holder == holder and held.until > self.clock():
                held.until = self.clock()

    def decides(self, life: str, ref: UserRef) -> bool:
        """Whether a process has the right to decide about a user now."""
        held = self._held.get(ref)
        mine = held is not None and held.holder.startswith(life)
        return mine and held is not None and held.until > self.clock()
