"""Live through whole lives by the thousand.

    python -m tests.soak --lives 100000 --seed 7

A life is one rotation or leaving, from its beginning on record to its close. Each world has a
number; a seed and a number give the same world again: python -m tests.soak --seed 7 --world 42
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import TYPE_CHECKING

from tests.soak.rules import RULES
from tests.soak.scripts import Figures, drawn, played, smallest
from tests.soak.telling import kinds_never_met, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.soak.scripts import Script

__all__ = ["main", "replay_line"]

TELL_EVERY = 30.0
"""Seconds between two lines that say how far it is."""

ENOUGH = 20_000
"""From so many lives on a rule that never fired, or a fault that was never met, is a failure."""


def replay_line(seed: int, number: int) -> str:
    """What brings the same world again."""
    return f"make soak SEED={seed} WORLD={number}"


def main(arguments: Sequence[str]) -> int:
    """Soak, and tell what came of it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--lives", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--world", type=int, default=None, help="only this one, and in full")
    parser.add_argument("--abreast", type=int, default=2)
    chosen = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10**6) if chosen.seed is None else chosen.seed
    if chosen.world is not None:
        return _one(seed, chosen.world)
    return _many(seed, chosen.lives, chosen.abreast)


def _one(seed: int, number: int) -> int:
    script = drawn(seed, number)
    _say(f"world {number} of seed {seed}: {script}")
    why = _breach(script)
    if why is None:
        _say("every promise held")
        return 0
    _say(f"\n{why}\n\nshrinking …")
    kind = _kind(why)
    least = smallest(script, lambda less: _kind(_breach(less) or "") == kind)
    _say(f"the smallest that breaks the same promise:\n{least}\n{_breach(least)}")
    _say(f"\nthe whole of it again: {replay_line(seed, number)}")
    return 1


def _many(seed: int, lives: int, abreast: int) -> int:
    begun_at = told_at = time.monotonic()
    total, broken = Figures(), list[tuple[int, str]]()
    _say(f"soaking {lives} lives with seed {seed}: make soak LIVES={lives} SEED={seed}")
    for number, outcome in _worlds(seed, lives, abreast, total):
        if isinstance(outcome, str):
            broken.append((number, outcome))
            _say(f"\nworld {number} broke a promise: {outcome}\n  {replay_line(seed, number)}")
        if time.monotonic() >= told_at + TELL_EVERY:
            told_at = time.monotonic()
            _say(f"  {sum(total.lives.values())} lives in {time.monotonic() - begun_at:.0f} s")
    _say(table(total, seed=seed, seconds=time.monotonic() - begun_at))
    missing = kinds_never_met(total) if sum(total.lives.values()) >= ENOUGH else []
    for one in missing:
        _say(f"never met: {one}")
    for number, _ in broken:
        _say(f"broken: {replay_line(seed, number)}")
    return 1 if broken or missing else 0


def _worlds(
    seed: int, lives: int, abreast: int, total: Figures
) -> Iterator[tuple[int, Figures | str]]:
    """One world after the other, until there were lives enough; those under way are lived out."""
    with ProcessPoolExecutor(max_workers=abreast, initializer=_hurry) as pool:
        running: dict[Future[Figures | str], int] = {}
        number = 0
        while running or sum(total.lives.values()) < lives:
            while len(running) < 2 * abreast and sum(total.lives.values()) < lives:
                running[pool.submit(_outcome, seed, number)] = number
                number += 1
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                outcome = future.result()
                if isinstance(outcome, Figures):
                    total.add(outcome)
                yield running.pop(future), outcome


def _outcome(seed: int, number: int) -> Figures | str:
    script = drawn(seed, number)
    why = None
    try:
        return played(script)
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is told with what replays it
        why = f"{type(exc).__name__}: {exc}"
    return why


def _breach(script: Script) -> str | None:
    """Which promise a script breaks, as a sentence; None where it breaks none."""
    try:
        played(script)
    except Exception as exc:  # noqa: BLE001 - a mistake is shrunk as a broken promise is
        return f"{type(exc).__name__}: {exc}"
    return None


def _kind(why: str) -> str:
    """What two breaches have in common that are the same: the promise, without who and when."""
    return why[:14]


def _hurry() -> None:
    """A world makes no cycles worth looking for as often as Python does."""
    gc.set_threshold(100_000, 50, 50)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the command's output


if __name__ == "__main__":
    assert RULES
    sys.exit(main(sys.argv[1:]))
