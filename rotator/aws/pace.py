"""How fast an account is asked: one pair of token buckets for every caller in the process.

IAM's limits are per account, shared with everyone who works in it, and not published; throttling
is the only sign (AWS Knowledge Center, "IAM or STS API call throttling"). So one begins at half of
what is asked at most, and is quicker by and by; a throttled answer halves the rate, and tells what
was too much. Up to some way below that one comes back soon, and goes beyond it only slowly. The
figures were chosen by playing sweeps against limits (`tests/aws/test_pace_against_limits.py`).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Bucket", "Pace", "Paces", "Rates"]

SLOWEST = 1 / 16
"""The part of its full rate below which no bucket is halved."""

RISE_SECONDS = 10.0
"""How long a bucket takes from standing still to its full rate where nothing is in the way."""

PROBE_SECONDS = 120.0
"""How long it takes to rise by as much again as the rate at which it was throttled."""

NEAR = 0.7
"""Up to this part of the rate at which it was throttled a bucket rises as if it never had been."""

TELL_SECONDS = 600.0
"""How often it is told at most that an account throttles us."""

EXACT = 1e-9
"""How far short of a token a bucket may be, since moments are no exact numbers."""

HALVING_SECONDS = 1.0
"""Throttled answers within so much time count as one: they are one wave of requests."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a second and how many may go at once: reads, and changes apart from them."""

    reads: float = 20.0
    reads_burst: int = 10
    changes: float = 2.0
    changes_burst: int = 5

    @classmethod
    def of(cls, reads: float) -> Rates:
        """So many reads a second, and a tenth of them changes."""
        return cls(reads, max(1, round(reads)), reads / 10, max(1, round(reads / 4)))


class Bucket:
    """A token bucket; whoever finds none in it waits and asks again, at the rate of then.

    Safe to share between threads. `clock` is monotonic, in seconds. `start` is the part of the
    full rate to begin with.
    """

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float], *, start: float = 1.0
    ) -> None:
        self._full_rate = rate
        self._rate = rate * start
        self._ceiling: float | None = None
        self._burst = float(burst)
        self._tokens = float(burst)
        self._clock = clock
        self._filled_at = clock()
        self._halved_at = float("-inf")
        self._lock = threading.Lock()

    @property
    def rate(self) -> float:
        """Tokens a second, now."""
        with self._lock:
            self._fill()
            return self._rate

    def take(self) -> None:
        """Take a token, into debt if need be."""
        with self._lock:
            self._fill()
            self._tokens -= 1

    def wait(self) -> float:
        """Take a token and give 0, or take none and tell after how many seconds to ask again."""
        with self._lock:
            self._fill()
            short = 1 - self._tokens
            if short <= EXACT:
                self._tokens -= 1
                return 0.0
            return short / self._rate

    def shortfall(self) -> float:
        """The seconds until a whole token is there; nothing is taken."""
        with self._lock:
            self._fill()
            return max(0.0, (1 - self._tokens) / self._rate)

    def throttled(self) -> None:
        """Halve the rate and forget what had been saved up."""
        with self._lock:
            self._fill()
            if self._filled_at - self._halved_at < HALVING_SECONDS:
                return
            self._halved_at = self._filled_at
            self._ceiling = self._rate
            self._rate = max(self._rate / 2, self._full_rate * SLOWEST)
            self._tokens = min(self._tokens, 0.0)

    def _fill(self) -> None:
        now = self._clock()
        elapsed = max(0.0, now - self._filled_at)
        self._filled_at = now
        self._tokens = min(self._burst, self._tokens + elapsed * self._rate)
        self._rate = self._risen(elapsed)

    def _risen(self, seconds: float) -> float:
        """The rate so much later, where nobody is throttled meanwhile."""
        full, rate = self._full_rate, self._rate
        near = full if self._ceiling is None else min(full, NEAR * self._ceiling)
        if rate < near:
            soon = min(seconds, (near - rate) * RISE_SECONDS / full)
            rate, seconds = rate + full * soon / RISE_SECONDS, seconds - soon
        return min(full, rate + (self._ceiling or full) * seconds / PROBE_SECONDS)


class Pace:
    """The two buckets of one account; without `rates` nobody ever waits (a local AWS, tests).

    A request that changes something follows the commit of its intent at once, so it never waits
    here: `turn` is where one waits, before the intent, and `change` only takes the token.
    """

    def __init__(
        self,
        rates: Rates | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        on_throttled: Callable[[float], None] = lambda rate: None,  # noqa: ARG005 - nobody is told
    ) -> None:
        """`on_throttled` is told the rate now, at most once in `TELL_SECONDS`."""
        self._sleep = sleep
        self._clock = clock
        self._on_throttled = on_throttled
        self._told_at = float("-inf")
        self._reads: Bucket | None = None
        self._changes: Bucket | None = None
        if rates is not None:
            self._reads = Bucket(rates.reads, rates.reads_burst, clock, start=0.5)
            self._changes = Bucket(rates.changes, rates.changes_burst, clock)

    def read(self) -> None:
        """Wait until one more request that only reads may go."""
        if self._reads is None:
            return
        while (seconds := self._reads.wait()) > 0:
            self._sleep(seconds)

    def turn(self) -> None:
        """Wait until one more request that changes something could go; takes nothing."""
        if self._changes is None:
            return
        while (seconds := self._changes.shortfall()) > 0:
            self._sleep(seconds)

    def change(self) -> None:
        """Take the token of a request that changes something, without waiting for it."""
        if self._changes is not None:
            self._changes.take()

    def throttled(self, *, change: bool) -> None:
        """AWS said that one of our requests was too many."""
        bucket = self._changes if change else self._reads
        if bucket is None:
            return
        bucket.throttled()
        if (now := self._clock()) >= self._told_at + TELL_SECONDS:
            self._told_at = now
            self._on_throttled(bucket.rate)

    def rates(self) -> tuple[float, float] | None:
        """Reads and changes a second, as they are let through now; None where nobody waits."""
        if self._reads is None or self._changes is None:
            return None
        return self._reads.rate, self._changes.rate


class Paces:
    """The pace of each account, for as long as the process lives, whatever the configuration.

    Every caller in the process has the same one, and what was learned of an account stays learned.
    """

    def __init__(
        self,
        on_throttled: Callable[[str, float], None] = lambda account, rate: None,  # noqa: ARG005 - nobody is told
    ) -> None:
        self._on_throttled = on_throttled
        self._lock = threading.Lock()
        self._paces: dict[str, tuple[Rates | None, Pace]] = {}

    def of(self, account: str, rates: Rates | None) -> Pace:
        """The pace of an account by its name; a new one where other rates were configured."""
        with self._lock:
            before = self._paces.get(account)
            if before is not None and before[0] == rates:
                return before[1]
            pace = Pace(rates, on_throttled=lambda rate: self._on_throttled(account, rate))
            self._paces[account] = (rates, pace)
            return pace

    def rates(self) -> dict[tuple[str, str], float]:
        """Requests a second by account and kind (`read`, `change`), as they are let through now."""
        with self._lock:
            paces = {account: pace.rates() for account, (_, pace) in self._paces.items()}
        return {
            (account, kind): rate
            for account, rates in paces.items()
            if rates is not None
            for kind, rate in zip(("read", "change"), rates, strict=True)
        }
