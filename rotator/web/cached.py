"""Keeps an answer for a moment, so that many who ask cost no more than one."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from rotator.errors import RotatorError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Cached", "NoAnswer"]

T = TypeVar("T")


class NoAnswer(RotatorError):
    """What is asked for has been being read for too long."""


class Cached(Generic[T]):
    """One reading, at most once in `fresh` seconds and by one thread at a time.

    While one thread reads, the others are given the last reading, so that a slow store never
    holds more than one thread of the server.

    Args:
        read: what is read; what it raises is the asking thread's alone, and is not kept.
        fresh: for so many seconds a reading is given without reading again.
        stale_max: how old, in seconds, a reading may be that is given while another thread reads;
            and how long a thread waits when there is none yet.
        ticks: seconds that only go forward.
    """

    def __init__(
        self,
        read: Callable[[], T],
        *,
        fresh: float = 1.0,
        stale_max: float = 15.0,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._fresh = fresh
        self._stale_max = stale_max
        self._ticks = ticks
        self._lock = threading.Lock()
        self._kept: tuple[T, float] | None = None

    def get(self) -> T:
        """The reading of a moment ago, or a new one.

        Raises:
            NoAnswer: somebody else has been reading for longer than `stale_max`.
        """
        kept = self._kept
        if kept is not None and self._age(kept) < self._fresh:
            return kept[0]
        if self._lock.acquire(timeout=self._stale_max if kept is None else 0):
            try:
                return self._renewed()
            finally:
                self._lock.release()
        if kept is not None and self._age(kept) <= self._stale_max:
            return kept[0]
        raise NoAnswer(f"no answer for {self._stale_max:g} seconds")

    def _renewed(self) -> T:
        """Read, unless somebody did while this thread waited for its turn."""
        if self._kept is None or self._age(self._kept) >= self._fresh:
            self._kept = (self._read(), self._ticks())
        return self._kept[0]

    def _age(self, kept: tuple[T, float]) -> float:
        return self._ticks() - kept[1]
