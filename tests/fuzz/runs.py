"""How a fuzzer is run: some examples in the suite, and as many as there is time for by `make fuzz`.

Each run has a seed of its own, which is printed and makes the same examples again:

    FUZZ_SEED=1234 pytest tests/fuzz -k rows

FUZZ_SECONDS is how long each fuzzer goes on; without it each makes its few examples and ends.
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from hypothesis import HealthCheck, given, seed, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

__all__ = ["Fuzzer"]

T = TypeVar("T")

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
A_ROUND = 200


def _first_seed() -> int:
    given = os.environ.get("FUZZ_SEED", "")
    return int(given) if given else random.SystemRandom().randrange(10**9)


@dataclass
class Fuzzer:
    """Tries examples on one thing; what fails is shrunk, and names the seed that makes it again."""

    said: Callable[[str], None]
    name: str
    examples: int

    def run(self, strategy: SearchStrategy[T], check: Callable[[T], object]) -> None:
        """Draw examples and check each.

        Raises what `check` raises, with the seed in a note.
        """
        number, count = _first_seed(), 0
        first = number
        ends = time.monotonic() + SECONDS
        while True:
            count += self._round(strategy, check, number)
            number += 1
            if time.monotonic() >= ends:
                break
        self.said(f"{self.name}: {count} examples, FUZZ_SEED={first}")

    def _round(self, strategy: SearchStrategy[T], check: Callable[[T], object], number: int) -> int:
        tried = 0

        @seed(number)
        @settings(
            max_examples=A_ROUND if SECONDS else self.examples,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def attempt(example: T) -> None:
            nonlocal tried
            tried += 1
            check(example)

        try:
            attempt()
        except BaseException as exc:
            exc.add_note(f"FUZZ_SEED={number} makes it again")
            raise
        return tried
