"""When a user whose moment has come is looked at again, where the last look came to nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from rotator.model import Timing, UserRef
    from rotator.reconcile import VisitResult

__all__ = ["Tries"]


@dataclass(slots=True)
class Tries:
    """What was tried and failed; kept in memory, since after a start everything is tried once."""

    _failed: dict[UserRef, tuple[int, datetime]] = field(default_factory=dict)
    _asked: dict[UserRef, tuple[int, datetime]] = field(default_factory=dict)

    def due(
        self,
        refs: Iterable[UserRef],
        ordered: Mapping[UserRef, int],
        now: datetime,
        timing: Timing,
    ) -> frozenset[UserRef]:
        """Of the users whose moment has come, those to look at now.

        A new order is asked about at once, and then once in `retry_min`. A user without one who
        could not be looked at is tried again after `retry_min`, doubling to `retry_max`.
        """
        present = frozenset(refs)
        self._failed = {ref: tried for ref, tried in self._failed.items() if ref in present}
        self._asked = {ref: tried for ref, tried in self._asked.items() if ref in ordered}
        return frozenset(ref for ref in present if self._is_time(ref, ordered, now, timing))

    def ended(
        self, tried: Collection[UserRef], results: Iterable[VisitResult], now: datetime
    ) -> None:
        """What became of the tries: a user of whom nothing was judged could not be looked at."""
        looked_at = {one.user.ref for one in results if one.last is not None or one.left_to_another}
        for ref in tried:
            if ref in looked_at:
                self._failed.pop(ref, None)
            else:
                count, _ = self._failed.get(ref, (0, now))
                self._failed[ref] = (count + 1, now)

    def _is_time(
        self, ref: UserRef, ordered: Mapping[UserRef, int], now: datetime, timing: Timing
    ) -> bool:
        order_id = ordered.get(ref)
        if order_id is None:
            count, at = self._failed.get(ref, (0, now))
            return count == 0 or at + timing.backoff(count) <= now
        asked = self._asked.get(ref)
        if asked is not None and asked[0] == order_id and now < asked[1] + timing.retry_min:
            return False
        self._asked[ref] = (order_id, now)
        return True
