"""A run is a script: a world, and rules with their numbers. It is drawn, played and shrunk.

script = drawn(seed=7, number=3)
played(script)              # raises Broken where a promise is broken
smallest(script, is_bad)    # the shortest one that still is
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import signature
from random import Random
from typing import TYPE_CHECKING

import pytest

from rotator.reconcile import sweep
from tests.reconcile.lives import AtOnce
from tests.soak.rules import BOUNDS, RULES, WEIGHTS
from tests.soak.world import VARIANTS, Soaked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "STEPS",
    "Figures",
    "Script",
    "Step",
    "drawn",
    "numbers_of",
    "one_thread",
    "played",
    "smallest",
]

STEPS = 26
"""How many rules a world of the soak lives through."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rule with its numbers."""

    rule: str
    numbers: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        return f"{self.rule}({', '.join(f'{name}={number}' for name, number in self.numbers)})"


@dataclass(frozen=True, slots=True)
class Script:
    """What happens in one world, from its beginning until it comes to rest."""

    variant: int
    seed: int
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        lines = [f"{name!r}, chance {self.seed}" for name in [tuple(VARIANTS)[self.variant]]]
        return "\n".join([*lines, *(f"  {step}" for step in self.steps)])


@dataclass
class Figures:
    """What worlds came to."""

    worlds: int = 0
    lives: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    effects: int = 0
    deaths: int = 0

    def add(self, other: Figures) -> None:
        """Count another one's in."""
        self.worlds += other.worlds
        self.lives += other.lives
        self.rules += other.rules
        self.faults += other.faults
        self.effects += other.effects
        self.deaths += other.deaths


def numbers_of(rule: str) -> dict[str, int]:
    """The numbers that a rule is given, and the greatest that each may be."""
    return {name: BOUNDS[name] for name in signature(RULES[rule]).parameters if name != "world"}


def drawn(seed: int, number: int, steps: int = STEPS) -> Script:
    """The script of one world of a soak; the same two numbers give the same one."""
    chance = Random(f"{seed}/{number}")
    names = chance.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()), k=steps)
    return Script(
        variant=chance.randrange(len(VARIANTS)),
        seed=chance.randrange(1000),
        steps=tuple(
            Step(name, tuple((n, chance.randint(0, most)) for n, most in numbers_of(name).items()))
            for name in names
        ),
    )


def played(script: Script) -> Figures:
    """Live through a world.

    Raises:
        Broken: a promise was broken.
    """
    with one_thread():
        world = Soaked.begun(script.variant, script.seed)
        try:
            for step in script.steps:
                RULES[step.rule](world, **dict(step.numbers))
            world.comes_to_rest()
            lives = world.lives()
            world.close()
        finally:
            world.end_turns()
    return Figures(
        worlds=1,
        lives=lives,
        rules=Counter(step.rule for step in script.steps),
        faults=world.struck,
        effects=len(world.effects.names),
        deaths=world.deaths,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Whatever a sweep does side by side is done in order, so that it is the same each time."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sweep, "ThreadPoolExecutor", AtOnce)
        yield


def smallest(script: Script, is_bad: Callable[[Script], bool], tries: int = 400) -> Script:
    """A script that is bad too, and of which no part can be left out (as far as was tried)."""
    best, size = script, max(1, len(script.steps) // 2)
    while size and tries > 0:
        start, shrunk = 0, False
        while start < len(best.steps) and tries > 0:
            less = Script(best.variant, best.seed, best.steps[:start] + best.steps[start + size :])
            tries -= 1
            if is_bad(less):
                best, shrunk = less, True
            else:
                start += size
        size = size if shrunk and size > 1 else size // 2
    return best
