"""Hypothesis drives the rules of the soak: it searches, shrinks what it finds, and replays it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.soak.rules import RULES
from tests.soak.scripts import numbers_of, one_thread
from tests.soak.world import VARIANTS, Soaked

if TYPE_CHECKING:
    from collections.abc import Callable

SEARCHED = settings(
    max_examples=8,
    stateful_step_count=12,
    deadline=None,
    print_blob=True,
    derandomize=False,
    suppress_health_check=list(HealthCheck),
)
"""Another part of what can be searched each time; what fails is printed with what replays it."""


class Replicated(RuleBasedStateMachine):
    """Two replicas over one store, and everything that can happen to them."""

    world: Soaked | None = None

    @initialize(
        variant=st.integers(0, len(VARIANTS) - 1),
        seed=st.integers(0, 999),
    )
    def begin(self, variant: int, seed: int) -> None:
        """Somebody lives there."""
        with one_thread():
            self.world = Soaked.begun(variant, seed, users=2)

    def teardown(self) -> None:
        """Everybody comes to rest, and what was recorded is whole."""
        if self.world is None:
            return
        with one_thread():
            try:
                if not self.world.bugs:
                    self.world.comes_to_rest()
                    self.world.close()
            finally:
                self.world.end_turns()


def _drawing(name: str) -> Callable[..., None]:
    """A rule of the table as one of the machine."""

    def act(self: Replicated, **numbers: int) -> None:
        assert self.world is not None
        with one_thread():
            RULES[name](self.world, **numbers)

    act.__name__ = name
    drawn: Any = {number: st.integers(0, most) for number, most in numbers_of(name).items()}
    made: Callable[..., None] = rule(**drawn)(act)  # type: ignore[no-untyped-call]  # hypothesis
    return made


for _name in RULES:
    setattr(Replicated, _name, _drawing(_name))

TestReplicated = Replicated.TestCase
TestReplicated.settings = SEARCHED
