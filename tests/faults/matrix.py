"""All of them: every single fault, every pair, every schedule of two holders.

Each life is named by a line, with which it is lived again:

    live("a first key | 3 killed after it, 7 frozen before it, past the lease")
    live("a first key | held twice: 3 frozen for 300 s, the other takes 2 steps")

A task is a first fault with all that may follow it, or an effect before which the first holder is
frozen for so long with all that the second may do meanwhile: enough of them for all cores, and
none without another's answer.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.faults.lives import SPANS, STOPS, Schedule, held_twice, lived
from tests.faults.ways import WAYS
from tests.simulation.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from random import Random

__all__ = ["KINDS", "Came", "Task", "come_of", "effects_of", "live", "tasks_of"]

COMMIT = "commit"
SINGLES, OF_REQUESTS, WITH_COMMITS, SCHEDULES = KINDS = (
    "singles",
    "pairs of requests",
    "pairs with a commit",
    "schedules",
)

_FAULT = re.compile(r"(\d+) (" + "|".join(map(str, Fault)) + ")")
_HELD = re.compile(r"held twice: (\d+) frozen for (\d+) s, the other takes (\d+) steps")


def faults_at(effect: str) -> list[Fault]:
    """What can go wrong at an effect of this name.

    A commit that is refused is one that is not done and not answered: it is struck once by that.
    """
    return [fault for fault in Fault if effect != COMMIT or fault is not Fault.REJECTED]


def effects_of(way: str) -> list[str]:
    """What is attempted where nothing goes wrong: requests that change something, and commits."""
    return lived(way, {})


def live(line: str) -> list[str]:
    """Live the life of this line again; the effects that were attempted in it.

    Raises:
        AssertionError: a promise was broken, or it did not end well.
        ValueError: there is no such life.
    """
    way, _, what = line.partition(" | ")
    if way not in WAYS:
        raise ValueError(f"no way is called {way!r}; there are {', '.join(WAYS)}")
    if held := _HELD.fullmatch(what):
        at, span, steps = map(int, held.groups())
        return held_twice(way, Schedule(at, timedelta(seconds=span), steps))
    plan = {int(number): Fault(said) for number, said in _FAULT.findall(what)}
    if what != _said(plan):
        raise ValueError(f"{what!r} says no faults")
    return lived(way, plan)


def _said(plan: Mapping[int, Fault]) -> str:
    return ", ".join(f"{number} {fault}" for number, fault in plan.items()) or "nothing goes wrong"


@dataclass(frozen=True)
class Task:
    """What one core does at a time.

    Attributes:
        number: the effect that the first fault strikes.
        fault: which it is; None: the first holder is frozen there, and a second one acts.
        span: how long it is frozen then.
        kinds: which of the lives are lived that this leads to, of `KINDS`.
    """

    way: str
    number: int
    fault: Fault | None = None
    span: timedelta = timedelta(0)
    kinds: frozenset[str] = frozenset(KINDS)

    def lives(self, come: Came) -> None:
        """Live them all, and keep what came of them."""
        if self.fault is None:
            steps = 0
            while STOPS in self.held_twice(come, steps):
                steps += 1
            return
        names = come.of(SINGLES, self._line({self.number: self.fault}))
        for later in range(self.number + 1, len(names)):
            kind = self._kind(names, later)
            for fault in faults_at(names[later]) if kind in self.kinds else ():
                come.of(kind, self._line({self.number: self.fault, later: fault}))

    def _line(self, plan: Mapping[int, Fault]) -> str:
        return f"{self.way} | {_said(plan)}"

    def held_twice(self, come: Came, steps: int) -> list[str]:
        """One schedule: the second holder takes so many steps while the first is frozen."""
        held = f"{self.number} frozen for {self.span.seconds} s, the other takes {steps} steps"
        return come.of(SCHEDULES, f"{self.way} | held twice: {held}")

    def with_one_more(self, come: Came, chance: Random) -> None:
        """The first fault alone, then with one second fault by chance."""
        assert self.fault is not None
        plan = {self.number: self.fault}
        names = come.of(SINGLES, self._line(plan))
        if len(names) <= self.number + 1:
            return
        later = chance.randrange(self.number + 1, len(names))
        fault = chance.choice(faults_at(names[later]))
        come.of(self._kind(names, later), self._line(plan | {later: fault}))

    def _kind(self, names: list[str], later: int) -> str:
        return WITH_COMMITS if COMMIT in {names[self.number], names[later]} else OF_REQUESTS


@dataclass
class Came:
    """What came of a task: how many lives of which kind, and those that broke a promise."""

    way: str
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: Came) -> None:
        """Count what came of another task as well."""
        self.counts += other.counts
        self.broken += other.broken
        self.seconds += other.seconds

    def of(self, kind: str, line: str) -> list[str]:
        """Live one life; the effects that were attempted in it, none where it broke."""
        self.counts[kind] += 1
        try:
            return live(line)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is told, and the next is lived
            first = str(exc).partition("\n")[0]
            self.broken.append(f"{line}\n    {type(exc).__name__}: {first}")
            return []


def come_of(task: Task) -> Came:
    """Live all that a task names."""
    come, began = Came(task.way), time.process_time()
    task.lives(come)
    come.seconds = time.process_time() - began
    return come


def tasks_of(way: str, kinds: Collection[str] = KINDS) -> Iterator[Task]:
    """Every first fault of a way, and every effect of it at which two holders may meet."""
    asked = frozenset(kinds)
    for number, name in enumerate(effects_of(way)):
        for fault in faults_at(name) if asked - {SCHEDULES} else ():
            yield Task(way, number, fault, kinds=asked)
        for span in SPANS if SCHEDULES in asked else ():
            yield Task(way, number, span=span)
