"""How a sweep fares against a limit that it does not know, by a clock of its own."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from random import Random

import pytest

from rotator.aws.pace import Bucket, Rates

LATENCY = 0.03
THREADS = 8
CALLS = 310
"""A sweep's reading calls where 100 of 5,000 users are due."""


@dataclass
class Limit:
    """A token bucket at AWS's side, and somebody who takes from it besides."""

    rate: float
    burst: float
    others: float = 0.0
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def lets(self, now: float) -> bool:
        """Whether a call is let through at this moment."""
        gained = (now - self.at) * (self.rate - self.others)
        self.tokens, self.at = min(self.burst, self.tokens + gained), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Came:
    """How it came out."""

    seconds: float
    throttled: int
    answered: int


def swept(limit: Limit, rates: Rates, *, calls: int = CALLS, seed: int = 1) -> Came:
    """Threads that call one after the other, and again after botocore's own pause."""
    now = [0.0]
    bucket = Bucket(rates.reads, rates.reads_burst, lambda: now[0], start=0.5)
    chance, left = Random(seed), calls
    came = Came(0.0, 0, 0)
    # When, who, whether it sends then, and how often it was throttled; -1: it is to be told so.
    queue = [(0.0, number, False, 0) for number in range(THREADS)]
    while queue:
        now[0], who, sends, tries = heapq.heappop(queue)
        if tries < 0:
            bucket.throttled()
        elif not sends:
            if left or tries:
                wait = bucket.wait()
                left -= not wait and not tries
                heapq.heappush(queue, (now[0] + wait, who, not wait, tries))
        elif limit.lets(now[0]):
            came.answered += 1
            came.seconds = now[0] + LATENCY * chance.uniform(0.5, 2)
            heapq.heappush(queue, (came.seconds, who, False, 0))
        else:
            came.throttled += 1
            heapq.heappush(queue, (now[0] + LATENCY, who, False, -1))
            pause = LATENCY + chance.random() * min(2**tries, 20)
            heapq.heappush(queue, (now[0] + pause, who, False, tries + 1))
    return came


@pytest.mark.parametrize("seed", range(5))
def test_at_the_limit_it_is_as_quick_as_can_be(seed: int) -> None:
    """20 calls a second: within a tenth of what they take at least, and nobody is throttled."""
    came = swept(Limit(20, 20), Rates(), seed=seed)

    assert came.answered == CALLS
    assert came.throttled / CALLS < 0.01
    assert came.seconds <= 1.1 * CALLS / 20


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("rate", "others"), [(20, 10), (20, 5), (15, 5), (10, 3)])
def test_beside_a_noisy_neighbour_hardly_a_call_is_throttled(
    rate: float, others: float, seed: int
) -> None:
    """Over an hour of asking without a pause, whatever the others leave."""
    calls = round(600 * (rate - others))

    came = swept(Limit(rate, rate, others), Rates(), calls=calls, seed=seed)

    assert came.answered == calls
    assert came.throttled / calls < 0.01
    assert came.seconds <= 1.25 * calls / (rate - others)


def test_one_sweep_beside_a_neighbour_who_takes_half() -> None:
    """From a bucket that is full the first waves are let through, and then the rate is found."""
    came = [swept(Limit(20, 20, 10), Rates(), seed=seed) for seed in range(20)]

    assert {one.answered for one in came} == {CALLS}
    assert sum(one.throttled for one in came) / (20 * CALLS) < 0.01
    assert max(one.seconds for one in came) <= 1.25 * CALLS / 10


def test_a_rate_that_is_asked_for_is_not_passed() -> None:
    """A team whose account is busy says how much there is for us."""
    came = swept(Limit(100, 100), Rates.of(5))

    assert came.throttled == 0
    assert came.seconds >= (CALLS - 5) / 5
    assert Rates.of(5) == Rates(5, 5, 0.5, 1)
