"""How late IAM's answers are, and how they differ from one to the next.

    aws.lateness = Lateness.of_aws(Random(7))

Without it everything is so at once, but for what `FakeAws` is told to be late with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["Lateness"]

NO_TIME = timedelta(0)


@dataclass
class Lateness:
    """Bounds of what is late; what an answer shows is drawn anew within them each time.

    Attributes:
        chance: what is drawn by; the same seed and the same questions give the same answers.
        listings: how stale each key of each listing may be besides `list_lag`. Two listings may
            go back and forth: the second shows what was before the first.
        users: how stale what is told of a user may be: name, path, tags, and whether there is one.
        new_keys: how long after `new_key_delay` some answers of STS still do not know a key.
        regions: how much later a region's STS learns of a new key.
        dead_keys: how long a key that was switched off or deleted goes on working.
        quota: how young a key may be to be overlooked when the quota is counted.
        throttled: which share of the requests that read is refused as one too many, of 1.
    """

    chance: Random = field(default_factory=lambda: Random(0))
    listings: timedelta = NO_TIME
    users: timedelta = NO_TIME
    new_keys: timedelta = NO_TIME
    regions: Mapping[str, timedelta] = field(default_factory=dict)
    dead_keys: timedelta = NO_TIME
    quota: timedelta = NO_TIME
    throttled: float = 0.0

    @classmethod
    def of_aws(cls, chance: Random) -> Lateness:
        """What was measured of AWS, and for what nobody measured a bound that hurts."""
        return cls(
            chance,
            listings=timedelta(seconds=20),
            users=timedelta(seconds=20),
            new_keys=timedelta(seconds=7),
            regions={"eu-north-1": timedelta(seconds=2), "us-east-1": NO_TIME},
            dead_keys=timedelta(seconds=4),
            quota=timedelta(seconds=2),
            throttled=0.02,
        )

    def listing(self) -> timedelta:
        """How stale one key in one listing is."""
        return self._up_to(self.listings)

    def user(self) -> timedelta:
        """How stale one answer about a user is."""
        return self._up_to(self.users)

    def is_throttled(self) -> bool:
        """Whether a request that reads is one too many."""
        return self.throttled > 0 and self.chance.random() < self.throttled

    def knows(self, created_at: datetime, now: datetime, *, after: timedelta, region: str) -> bool:
        """Whether one answer of a region's STS knows a key; for a while one does, the next not."""
        sure_from = created_at + after + self.regions.get(region, NO_TIME)
        if now < sure_from:
            return False
        return now >= sure_from + self.new_keys or self.chance.random() < 1 / 2

    def _up_to(self, most: timedelta) -> timedelta:
        return most * self.chance.random() if most else NO_TIME
