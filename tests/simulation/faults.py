"""What can go wrong at one effect, and the count of effects by which a fault is aimed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from rotator.errors import AnswerError, ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Effects", "Fault", "Killed", "Life"]

T = TypeVar("T")


class Killed(BaseException):
    """The process was killed here: nothing of it runs on, not even what tidies up."""


class Fault(Enum):
    """What happens at one effect."""

    CRASH_BEFORE = "killed before it"
    CRASH_AFTER = "killed after it"
    LOST_BEFORE = "no answer, and not done"
    LOST_AFTER = "no answer, and done"
    REJECTED = "rejected"
    FROZEN = "frozen before it, past the lease"

    def __str__(self) -> str:
        return self.value


@dataclass(slots=True)
class Life:
    """One start of a process, until it is killed.

    `clock_ahead` is how far its own clock is ahead of true time.
    """

    name: str
    alive: bool = True
    clock_ahead: timedelta = timedelta(0)

    def check(self) -> None:
        """Let a dead process do nothing.

        Raises:
            Killed: it is dead.
        """
        if not self.alive:
            raise Killed(self.name)


@dataclass
class Effects:
    """Every effect of a world goes through here: requests that change something, and commits.

    Attributes:
        plan: which fault strikes the effect of which number, counted from 0.
        names: what was attempted so far, in order.
        life: the process that acts now.
        after: called after each effect that was carried out.
        freeze: lets the world go on without the process that acts.
        tick: lets the time pass that half a request takes.
        commits: whether commits of the store count as effects too.
        turn: called before each effect, whose turn it may be not yet.
    """

    life: Life
    plan: Mapping[int, Fault] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    after: Callable[[str], None] = lambda _: None
    freeze: Callable[[], None] = lambda: None
    tick: Callable[[], None] = lambda: None
    commits: bool = False
    turn: Callable[[], None] = lambda: None

    @property
    def counts(self) -> Counter[str]:
        """How often each effect was attempted."""
        return Counter(self.names)

    def next(self, name: str) -> Fault | None:
        """Count one effect, and tell which fault strikes it."""
        self.turn()
        self.life.check()
        self.names.append(name)
        return self.plan.get(len(self.names) - 1)

    def run(
        self,
        name: str,
        act: Callable[[], T],
        *,
        lost: Callable[[str], Exception],
        rejected: Callable[[str], Exception],
    ) -> T:
        """Carry out one request, with the fault that waits for it."""
        fault = self.next(name)
        if fault is Fault.CRASH_BEFORE:
            self.kill()
        if fault is Fault.FROZEN:
            self.freeze()
        if fault is Fault.LOST_BEFORE:
            self.tick()
            raise lost(f"{name}: no answer")
        if fault is Fault.REJECTED:
            raise rejected(f"{name}: rejected")
        self.tick()
        try:
            answer = act()
        except (AnswerError, ReadError):
            # A refusal is an answer as well: it may be the last one heard, or not be heard.
            self._afterwards(name, fault, lost)
            raise
        self.tick()
        self.after(name)
        self._afterwards(name, fault, lost)
        return answer

    def _afterwards(self, name: str, fault: Fault | None, lost: Callable[[str], Exception]) -> None:
        if fault is Fault.CRASH_AFTER:
            self.kill()
        if fault is Fault.LOST_AFTER:
            raise lost(f"{name}: no answer")

    def kill(self) -> None:
        """End the process that acts.

        Raises:
            Killed: always.
        """
        self.life.alive = False
        raise Killed(self.life.name)
