"""One life: a way to its end, with the faults that wait for it, or a second holder in it.

lived("a first key", {3: Fault.CRASH_AFTER, 7: Fault.FROZEN})
held_twice("a first key", Schedule(3, 5 * MINUTE, steps=2))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from threading import Semaphore, Thread, get_ident
from typing import TYPE_CHECKING

from rotator.model import KeyStatus, Reason, Stop
from tests.faults.ways import WAYS
from tests.simulation.faults import Fault
from tests.simulation.monitor import Broken
from tests.simulation.world import MINUTE, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rotator.model import User
    from rotator.reconcile import VisitResult
    from tests.faults.ways import Way

__all__ = ["SPANS", "STOPS", "Schedule", "ends_well", "held_twice", "lived"]

LEASE_OVER = 4 * MINUTE
"""After so long the lease has run out under which any request was begun."""

VISITS_MAX = 120


def lived(name: str, plan: Mapping[int, Fault]) -> list[str]:
    """One life from the beginning of a way to its end; the effects that were attempted in it.

    Faults strike by the number of the effect: of a request that changes something, or a commit.

    Raises:
        AssertionError: a promise was broken, or it did not end well; what happened is noted.
    """
    way = WAYS[name]
    world, user = _begun(way)
    world.effects.plan = dict(plan)
    late = [number for number, fault in plan.items() if fault is Fault.FROZEN]
    return _to_its_end(world, user, way, late, world.visit)


@dataclass(frozen=True, order=True)
class Schedule:
    """How two holders meet.

    Attributes:
        at: the effect before which the first is frozen, counted from 0.
        span: how long it is.
        steps: how many effects the second brings about before the first goes on with its late
            one; what it has left it does after that. One that has none left by then looks again
            when the first is about to go on.
    """

    at: int
    span: timedelta
    steps: int


SPANS = (LEASE_OVER, 5 * MINUTE)
"""As long as the lease, and as long as `settle`: no process is assumed to freeze longer."""


STOPS = "the second holder stops"
"""Stands among the effects where the second holder had to stop before it had done all it could."""


def held_twice(name: str, schedule: Schedule) -> list[str]:
    """One life with two holders; the effects that were attempted in it.

    Raises:
        AssertionError: as `lived`.
    """
    way = WAYS[name]
    world, user = _begun(way)
    other = _Other(world, user, schedule)
    world.effects.plan = {schedule.at: Fault.FROZEN}
    world.effects.freeze = other.begins
    world.effects.turn = other.turn

    def visit(who: User) -> VisitResult | None:
        result = world.visit(who)
        return other.goes_on() or result

    names = _to_its_end(world, user, way, [schedule.at], visit)
    return [*names, *([STOPS] if other.was_stopped else [])]


@dataclass
class _Other:
    """The second holder: it runs in a thread of its own, and only while the first does not."""

    world: World
    user: User
    schedule: Schedule
    was_stopped: bool = False
    _here: Semaphore = field(default_factory=lambda: Semaphore(0))
    _there: Semaphore = field(default_factory=lambda: Semaphore(0))
    _thread: Thread | None = None
    _done: int = 0
    _result: VisitResult | None = None
    _error: BaseException | None = None

    def begins(self) -> None:
        """The first is frozen; the second does what it is to do meanwhile."""
        world, span = self.world, self.schedule.span
        frozen = (world.effects.life, world.equipment, world.sweeper)
        world.clock.advance(LEASE_OVER)
        world.boot()
        self._thread = Thread(target=self._live, args=(span - LEASE_OVER,))
        self._thread.start()
        self._here.acquire()
        if self._error is not None:
            raise self._error
        left = span - LEASE_OVER if self.was_stopped else timedelta(0)
        world.clock.advance(left)
        self._paused = (world.effects.life, world.equipment, world.sweeper)
        world.effects.life, world.equipment, world.sweeper = frozen

    def turn(self) -> None:
        """Before each effect: the second stops here where it has done its steps."""
        if self._thread is None or get_ident() != self._thread.ident or self.was_stopped:
            return
        if self._done == self.schedule.steps:
            self.was_stopped = True
            self._here.release()
            self._there.acquire()
        self._done += 1

    def goes_on(self) -> VisitResult | None:
        """What the second had left, once the first has done all it could; it lives on."""
        thread, self._thread = self._thread, None
        if thread is None:
            return None
        world = self.world
        world.effects.life, world.equipment, world.sweeper = self._paused
        self._there.release()
        thread.join()
        if self._error is not None:
            raise self._error
        return self._result if self.was_stopped else None

    def _live(self, rest: timedelta) -> None:
        try:
            self._result = self.world.visit(self.user)
            if not self.was_stopped:
                self.world.clock.advance(rest)
                self._result = self.world.visit(self.user)
        except BaseException as exc:  # noqa: BLE001 - raised where the life is lived
            self._error = exc
        finally:
            self._here.release()


def _begun(way: Way) -> tuple[World, User]:
    world = World.made(None, way.terms)
    world.aws.new_key_delay = timedelta(seconds=1)
    user = way.begin(world)
    world.effects.names.clear()
    world.effects.commits = True
    return world, user


def _to_its_end(
    world: World,
    user: User,
    way: Way,
    late: list[int],
    visit: Callable[[User], VisitResult | None],
) -> list[str]:
    try:
        result = _live(world, user, way, visit)
        names = world.effects.names
        wrote_late = any(names[n : n + 1] == ["put w/bob"] for n in late)
        ends_well(world, user, way, result.last, wrote_late=wrote_late)
        world.close()
    except AssertionError as exc:
        exc.add_note(f"attempted: {[*enumerate(world.effects.names)]}")
        exc.add_note("\n".join(f"{event} {fields}" for event, fields in world.told[-30:]))
        raise
    return world.effects.names


def _live(
    world: World, user: User, way: Way, visit: Callable[[User], VisitResult | None]
) -> VisitResult:
    for _ in range(VISITS_MAX):
        result = visit(user)
        acted = way.person(world, user)
        if result is not None and not acted and world.is_over(user, result):
            return result
        world.wait(user)
    raise Broken(f"P5: not at rest after {VISITS_MAX} visits: {world.row(user)}")


def ends_well(
    world: World, user: User, way: Way, last: object, *, wrote_late: bool = False
) -> None:
    """Nothing open, no order left, the right number of keys, and every place serves one of them.

    A write-only place that a frozen process wrote after another had written it shows that it was
    written again, and not by whom: that is for a person.
    """
    world.monitor("the end")
    world.monitor.all_is_recorded()
    keys = world.listed(user)
    if wrote_late and isinstance(last, Stop):
        assert last.reason is Reason.SINK_CONFLICT
        assert {keys[-1][0]} == set(world.served().values())
        return

    assert not isinstance(last, Stop), last
    known = world.known(user)
    assert known.rotation is None
    assert known.orders == ()
    assert [KeyStatus.ACTIVE] * way.left == [status for _, status in keys], keys
    if way.left:
        assert {keys[-1][0]} == set(world.served().values()), (keys, world.served())
        assert len(world.served()) == len(way.terms.sinks)
    if not way.issues:
        assert all(step != "issue" for step, _, _ in world.aws.executed)
