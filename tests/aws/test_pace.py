"""One pace for every caller of an account: how long each waits, and after throttling."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from rotator.aws.pace import Bucket, Pace, Paces, Rates


class Time:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def pace(time: Time, rates: Rates | None) -> Pace:
    return Pace(rates, clock=time.clock, sleep=time.sleep)


FOUR_A_SECOND = Rates(reads=4, reads_burst=2, changes=2, changes_burst=1)


def test_a_burst_goes_at_once_and_the_rest_in_step(time: Time) -> None:
    """Two are let through, and then four a second."""
    paced = pace(time, FOUR_A_SECOND)
    time.now += 10

    for _ in range(5):
        paced.read()

    assert time.slept == [0.25, 0.25, 0.25]


def test_what_is_not_used_is_saved_up_to_the_burst(time: Time) -> None:
    """An hour of silence allows no more than two at once."""
    paced = pace(time, FOUR_A_SECOND)
    time.now += 3600

    for _ in range(3):
        paced.read()

    assert time.slept == [0.25]


def test_reads_and_changes_do_not_wait_for_each_other(time: Time) -> None:
    """A scan of thousands of users delays no rotation."""
    paced = pace(time, FOUR_A_SECOND)
    for _ in range(2):
        paced.read()

    paced.turn()
    paced.change()

    assert time.slept == []


def test_a_change_waits_for_its_turn_and_never_after_it(time: Time) -> None:
    """Between the commit of an intent and its request nothing may wait."""
    paced = pace(time, FOUR_A_SECOND)

    for _ in range(3):
        paced.turn()
        paced.change()
        paced.change()

    assert time.slept == [1.0, 1.0]


def test_a_turn_takes_nothing(time: Time) -> None:
    """Whoever then does nothing has taken no one's place."""
    paced = pace(time, FOUR_A_SECOND)

    for _ in range(5):
        paced.turn()

    assert time.slept == []


def test_without_rates_nobody_waits(time: Time) -> None:
    """A local AWS, and the tests."""
    paced = pace(time, None)

    for _ in range(1000):
        paced.read()
        paced.turn()
        paced.change()
    paced.throttled(change=True)

    assert time.slept == []


def test_throttling_halves_the_rate_and_time_raises_it(time: Time) -> None:
    """Half at once; soon seven tenths of what was too much, and more than that only slowly."""
    bucket = Bucket(8, 4, time.clock)

    rates = [bucket.rate]
    for step in (0.0, 2.0, 15.0, 120.0):
        if step == 0:
            bucket.throttled()
        time.now += step
        rates.append(round(bucket.rate, 3))

    assert rates == [8, 4, 5.6, 6.6, 8]


def test_a_bucket_that_was_never_throttled_rises_within_seconds(time: Time) -> None:
    """From the half with which it begins."""
    bucket = Bucket(8, 4, time.clock, start=0.5)

    rates = [bucket.rate]
    for _ in range(3):
        time.now += 2.5
        rates.append(bucket.rate)

    assert rates == [4, 6, 8, 8]


def test_a_wave_of_throttled_answers_halves_once(time: Time) -> None:
    """Many threads are told no in the same moment."""
    bucket = Bucket(8, 4, time.clock)

    for _ in range(10):
        bucket.throttled()

    assert bucket.rate == 4


def test_the_rate_has_a_floor(time: Time) -> None:
    """A sixteenth is kept, so that work goes on, and is seen to."""
    bucket = Bucket(16, 4, time.clock)

    for _ in range(100):
        bucket.throttled()
        time.now += 1

    assert 1 <= bucket.rate < 1.2


def test_throttling_takes_back_what_was_saved(time: Time) -> None:
    """A burst into a throttled account would only be throttled again."""
    paced = pace(time, Rates(reads=4, reads_burst=100))

    time.now += 10
    paced.throttled(change=False)
    paced.read()

    assert time.slept == [0.5]
    rates = paced.rates()
    assert rates is not None
    assert rates == pytest.approx((2.2, 2.0))


def test_a_clock_that_steps_back_stops_nobody(time: Time) -> None:
    """A monotonic clock does not, but a bucket would never fill again if it did."""
    bucket = Bucket(4, 1, time.clock)
    bucket.take()
    time.now -= 100

    assert bucket.wait() == 0.25


def test_threads_share_a_bucket() -> None:
    """None is let through twice, and none is lost."""
    now = Time()
    bucket = Bucket(10, 20, now.clock)

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: bucket.wait(), range(100)))

    assert sum(wait == 0 for wait in waits) == 20
    assert {round(wait, 6) for wait in waits if wait} == {0.1}


def test_who_waits_hears_of_throttling_meanwhile(time: Time) -> None:
    """The rate of when one goes counts, and not that of when one came."""
    bucket = Bucket(10, 1, time.clock)
    bucket.wait()

    before = bucket.wait()
    bucket.throttled()

    assert (before, bucket.wait()) == (0.1, 0.2)


def test_what_was_learned_of_an_account_outlives_a_configuration(time: Time) -> None:
    """One pace for an account, whoever asks for it, until it is configured another rate."""
    paces = Paces()
    first = paces.of("prod", FOUR_A_SECOND)
    first.throttled(change=False)

    assert paces.of("prod", FOUR_A_SECOND) is first
    assert paces.of("dev", FOUR_A_SECOND) is not first
    assert paces.of("prod", None) is not first
    assert set(paces.rates()) == {("dev", "read"), ("dev", "change")}


def test_throttling_is_told_now_and_then(time: Time) -> None:
    """Once, however many answers say so, and again after ten minutes."""
    told: list[float] = []
    paced = Pace(FOUR_A_SECOND, clock=time.clock, sleep=time.sleep, on_throttled=told.append)

    for seconds in (0, 1, 1, 597, 1):
        time.now += seconds
        paced.throttled(change=False)

    assert len(told) == 2
    assert told[0] == 1.0
