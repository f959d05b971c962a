"""Live every life there is with one fault or two, or with two holders, and print the matrix.

python -m tests.faults                          all of every way
python -m tests.faults --kind singles           of these kinds only; may be repeated
python -m tests.faults --way "a first key"      of these ways only; may be repeated
python -m tests.faults --replay "a first key | 3 killed after it"
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.faults.matrix import KINDS, Came, come_of, effects_of, live, tasks_of
from tests.faults.ways import WAYS

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; 1 where a promise was broken."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.replay:
        try:
            _say(", ".join(live(asked.replay)))
        except ValueError as exc:
            parser.error(str(exc))
        return 0
    began, whole = time.monotonic(), Came("all")
    _say(f"{'way':36}{'effects':>8}" + "".join(f"{kind:>20}" for kind in KINDS) + "     s  broken")
    # Forked, so that nothing is imported again and each has stores of its own.
    with get_context("fork").Pool(asked.workers) as pool:
        for way in asked.way or WAYS:
            total = Came(way)
            for one in pool.imap_unordered(come_of, list(tasks_of(way, asked.kind or KINDS))):
                total.add(one)
                for line in one.broken:
                    _say(f"broken: {line}")
            _say(_row(total, len(effects_of(way))))
            whole.add(total)
    _say(_row(whole))
    seconds = time.monotonic() - began
    _say(f"{whole.counts.total():,} lives in {seconds:.0f} s; {len(whole.broken)} broke a promise")
    return 1 if whole.broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--way", action="append", choices=list(WAYS))
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--replay")
    return parser


def _row(came: Came, effects: int | str = "") -> str:
    counts = "".join(f"{came.counts[kind]:20,}" for kind in KINDS)
    return f"{came.way:36}{effects:8}{counts}{came.seconds:6.0f}{len(came.broken):8}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
