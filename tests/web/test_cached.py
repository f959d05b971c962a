"""Many who ask cost one reading, and a reading that hangs holds one thread."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rotator.web.cached import Cached, NoAnswer


class Ticks:
    """Seconds that go forward when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Counting:
    """Reads the number of times that it was read."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


class Gate:
    """A reading that ends when it is let through."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        if self.times > 1:
            self.entered.set()
            assert self.open.wait(10)
        return self.times


def test_a_fresh_reading_is_given_again() -> None:
    """Within the second nobody reads again; after it, somebody does."""
    ticks, read = Ticks(), Counting()
    cached = Cached(read, fresh=1.0, ticks=ticks)

    answers = [cached.get(), cached.get()]
    ticks.now += 0.9
    answers.append(cached.get())
    ticks.now += 0.1
    answers.append(cached.get())

    assert answers == [1, 1, 1, 2]


def test_an_error_is_not_kept() -> None:
    """What a reading raises is raised to who asked, and the next one reads again."""
    times = Counting()

    def read() -> int:
        if times() == 1:
            raise RuntimeError("away")
        return 7

    cached = Cached(read)
    with pytest.raises(RuntimeError, match="away"):
        cached.get()

    assert cached.get() == 7


def test_while_one_reads_the_others_get_the_last_reading() -> None:
    """Until that is too old: then they are told that there is no answer."""
    ticks, gate = Ticks(), Gate()
    cached = Cached(gate, fresh=1.0, stale_max=15.0, ticks=ticks)
    assert cached.get() == 1

    ticks.now += 2
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(cached.get)
        assert gate.entered.wait(10)
        meanwhile = cached.get()
        ticks.now += 14
        with pytest.raises(NoAnswer, match=r"^no answer for 15 seconds$"):
            cached.get()
        gate.open.set()
        read = reading.result(10)

    assert (meanwhile, read, cached.get()) == (1, 2, 2)


def test_at_first_one_reads_and_the_others_wait_for_it() -> None:
    """Many who ask at once, before there is any answer, cost one reading."""
    barrier, read = threading.Barrier(8), Counting()
    cached = Cached(read, fresh=60.0)

    def ask(_number: int) -> int:
        barrier.wait(10)
        return cached.get()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))

    assert answers == [1] * 8


def test_waiting_for_the_first_reading_has_an_end() -> None:
    """A store that hangs from the beginning holds one thread, not all."""
    gate = Gate()
    gate.times = 1
    cached = Cached(gate, stale_max=0.05)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(cached.get)
        assert gate.entered.wait(10)
        with pytest.raises(NoAnswer):
            cached.get()
        gate.open.set()
        answer = reading.result(10)

    assert answer == 2
