"""Two replicas over one store, each a daemon with a clock and a configuration of its own.

    world = Replicas.made(None, policy())
    world.live_for(DAY)                 # both work, in turns
    world.stand_still(5, 3 * MINUTE)    # whoever attempts the fifth effect from now stands still

Their steps interleave at effects: one that stands still before a request or a commit lets the other
go on, which may stand still itself, and then the first goes on. Between the commit of an intent and
its request nobody stands still for longer than `settle`: nothing is promised beyond that, and who
would is killed.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from rotator.daemon.tries import Tries
from rotator.errors import StoreError, StoreUnavailable
from rotator.reconcile import Sweeper, accounts_of
from tests.simulation.faults import Fault, Killed
from tests.simulation.saving import MortalStore
from tests.simulation.turns import Turn
from tests.simulation.world import HOUR, MINUTE, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotator.events import Event
    from rotator.model import Configuration, UserRef
    from rotator.reconcile import Equipment
    from rotator.store import Change, Lease, Store
    from tests.simulation.faults import Life

__all__ = ["BOTH", "Replica", "Replicas"]

BOTH = (0, 1)
SWEEP_EVERY = 24 * HOUR
LOOK_EVERY = MINUTE
"""How soon a daemon looks again where a moment has come and was not dealt with; it doubles while
nothing is done (the real one looks every two seconds, which changes nothing)."""
STRIDE = HOUR
"""How often consumers look: more often than any quiet period."""
NEVER = datetime.max.replace(tzinfo=UTC)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass
class Replica:
    """One of the two processes, as it is now.

    Attributes:
        ahead: how far its own clock is ahead of true time; it outlives the process.
        own: the configuration that its files hold, where it is another than everybody's.
        loaded: the configuration that it works with.
        turn: what it does now, where it stands still in the middle.
        until: how long it stands still.
        since: when it began to.
    """

    life: Life
    equipment: Equipment
    sweeper: Sweeper
    loaded: Configuration
    tries: Tries = field(default_factory=Tries)
    ahead: timedelta = timedelta(0)
    own: Configuration | None = None
    turn: Turn | None = None
    until: datetime = NEVER
    since: datetime = NEVER
    overslept: bool = False
    has_reloaded: bool = False


class AwayStore(MortalStore):
    """A store that may be out of reach for everybody."""

    world: Replicas

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        found = super().__getattr__(name)

        def call(*args: object, **named: object) -> object:
            self._reach()
            return found(*args, **named)

        return call

    def acquire(self, ref: UserRef, *, holder: str, length: timedelta) -> Lease | None:
        self._reach()
        return super().acquire(ref, holder=holder, length=length)

    def release(self, lease: Lease) -> None:
        self._reach()
        super().release(lease)

    @contextmanager
    def change(
        self,
        lease: Lease,
        extend: timedelta | None = None,
        **how: Any,  # noqa: ANN401 - as the store's
    ) -> Iterator[Change]:
        self._reach()
        with super().change(lease, extend, **how) as change:
            yield change

    def _reach(self) -> None:
        if self.world.store_away:
            raise StoreUnavailable("the store does not answer")


@dataclass
class Replicas(World):
    """A world in which two daemons work.

    Attributes:
        number: which of them acts now.
        replicas: both, as they are when they do not act.
        store_away: whether no process reaches the store.
        spans: how long whoever attempts the effect of a number stands still.
        bugs: mistakes that were met with a user and told of as such.
    """

    number: int = 0
    replicas: dict[int, Replica] = field(default_factory=dict)
    store_away: bool = False
    spans: dict[int, timedelta] = field(default_factory=dict)
    bugs: list[BaseException] = field(default_factory=list)
    loads: int = 0
    _swept: dict[str, datetime] = field(default_factory=dict)
    _in_vain: int = 0

    # Processes

    def boot(self) -> None:
        """The replica that acts starts: nothing in memory, the same store and clock."""
        super().boot()
        before = self.replicas.get(self.number)
        wanted = (before.own if before else None) or self.configuration
        store = AwayStore(self.store, self.effects, self.effects.life, self.monitor)
        store.world = self
        life = self.effects.life
        life.clock_ahead = before.ahead if before else timedelta(0)
        self.equipment = replace(
            self.equipment,
            store=cast("Store", store),
            clock=lambda: self.clock() + life.clock_ahead,
            configuration=lambda: wanted,
        )
        self.sweeper = Sweeper(self.equipment)
        fresh = Replica(life, self.equipment, self.sweeper, wanted)
        if before:
            fresh.ahead, fresh.own = before.ahead, before.own
        self.replicas[self.number] = fresh

    def turn_to(self, number: int) -> Replica:
        """From now on this replica acts; it starts where it never did."""
        self.number = number
        if number not in self.replicas:
            self.boot()
        mine = self.replicas[number]
        self.effects.life, self.equipment, self.sweeper = mine.life, mine.equipment, mine.sweeper
        return mine

    def kill(self, number: int) -> None:
        """One of them is killed between two effects, or where it stands still; it starts again."""
        mine = self.turn_to(number)
        mine.life.alive = False
        if mine.turn is not None:
            self._go_on(mine)
        else:
            self.boot()

    def stand_still(self, after: int, span: timedelta) -> None:
        """Let whoever attempts the effect of this number from now stand still before it."""
        self.strike(Fault.FROZEN, after)
        self.spans[len(self.effects.names) + after] = span

    def strike(self, fault: Fault, after: int) -> None:
        """A fault waits for an effect that is still to come."""
        plan = cast("dict[int, Fault]", self.effects.plan)
        plan[len(self.effects.names) + after] = fault

    def freeze(self) -> None:
        """Who acts stands still, and others go on until its time has come."""
        number = len(self.effects.names) - 1
        mine = self.replicas[self.number]
        assert mine.turn is not None
        settle = self.configuration.timing.settle
        is_request = self.effects.names[number] != "commit"
        span = self.spans.pop(number, 4 * MINUTE)
        mine.since = self.clock()
        mine.until = self.clock() + (min(span, settle) if is_request else span)
        mine.overslept = True
        mine.turn.stand_still()
        self.effects.life.check()
        if is_request and self.clock() > mine.since + settle:
            self.effects.kill()

    def load(self, **fields: Any) -> None:  # noqa: ANN401 - any field of the configuration
        """The files of both replicas change; each loads them when it next looks."""
        self.loads += 1
        self.configuration = replace(
            self.configuration, **fields, digest=f"configuration-{self.loads}"
        )

    # Time

    def live_for(self, by: timedelta) -> None:
        """Both work in turns: at the moments that users wait for, and at every sweep."""
        end = self.clock() + by
        while True:
            self._wake()
            self._look()
            if self.clock() >= end:
                return
            self.go(max(min(self._next(), end) - self.clock(), timedelta(seconds=1)))

    def go(self, by: timedelta) -> None:
        """Let time pass; consumers read and use their places meanwhile."""
        end = self.clock() + by
        while True:
            self.consume()
            if self.clock() >= end:
                return
            self.clock.now = min(end, self.clock() + STRIDE)
            self.backend.land_late()

    def _next(self) -> datetime:
        wakes = [NEVER, *(one.until for one in self.replicas.values() if one.turn)]
        names = [one.name for one in self.configuration.policies]
        moments = [NEVER, *(self._swept.get(n, self.clock()) + SWEEP_EVERY for n in names)]
        if (moment := self.store.next_moment()) is not None:
            moments.append(moment)
        if self.store.open_orders():
            moments.append(self.clock() + self.configuration.timing.retry_min)
        pause = LOOK_EVERY * 2 ** min(self._in_vain, 4)
        at = max(min(moments), self.clock() + pause)
        found: datetime = max(min(at, *wakes), self.clock())
        return found

    def _wake(self) -> None:
        """Whose time has come goes on."""
        for number in BOTH:
            replica = self.replicas[number]
            if replica.turn is not None and replica.until <= self.clock():
                self.turn_to(number)
                self._go_on(replica)

    def _look(self) -> None:
        """Whoever's turn it is does what its daemon does at one moment."""
        awake = [n for n in (self.number, 1 - self.number) if self.replicas[n].turn is None]
        if not awake:
            return
        for number in awake:
            self.turn_to(number)
            self._ended(self._turn)
        mine = self.replicas[self.number]
        mine.overslept = False
        asked = len(self.aws.calls)
        if not any(f is Fault.FROZEN for n, f in self.effects.plan.items() if n >= self._at):
            self._ended(self._work)
        else:
            mine.turn = Turn(self._work)
            self._go_on(mine)
        self._in_vain = 0 if len(self.aws.calls) > asked else self._in_vain + 1

    @property
    def _at(self) -> int:
        return len(self.effects.names)

    def _go_on(self, mine: Replica) -> None:
        turn = mine.turn
        assert turn is not None
        try:
            self._ended(turn.go_on)
        finally:
            if turn.is_over:
                mine.turn = None

    def _ended(self, act: Any) -> None:  # noqa: ANN401 - something that may be killed
        number = self.number
        try:
            act()
        except Killed:
            self.deaths += 1
            self.turn_to(number)
            self.boot()
        if self.bugs:
            raise self.bugs[0]

    def _work(self) -> None:
        """One look of a daemon: what changed, whose moment has come, which sweep is due."""
        try:
            self._visit_moments()
            for one in self.equipment.configuration().policies:
                if self._swept.get(one.name, LONG_AGO) + SWEEP_EVERY <= self.clock():
                    self._swept[one.name] = self.clock()
                    for account in accounts_of(self.equipment, one):
                        self.sweeper.sweep(one, account, trigger="schedule")
        except StoreError as exc:
            self.failures.append(str(exc))

    def _turn(self) -> None:
        """The daemon's loop turns: what changed is loaded, and it says who it is if need be."""
        try:
            self._reload()
            if self._disagree():
                self.sweeper.announce()
        except StoreError as exc:
            self.failures.append(str(exc))

    def _reload(self) -> None:
        mine = self.replicas[self.number]
        wanted = mine.own or self.configuration
        if mine.loaded is wanted:
            return
        self.equipment = replace(self.equipment, configuration=lambda: wanted)
        self.sweeper = Sweeper(self.equipment, away=self.sweeper.away)
        mine.loaded, mine.equipment, mine.sweeper = wanted, self.equipment, self.sweeper
        self.sweeper.announce()
        mine.has_reloaded = True

    def _disagree(self) -> bool:
        return len({one.loaded.digest for one in self.replicas.values()}) > 1

    def _visit_moments(self) -> None:
        equipment, mine = self.equipment, self.replicas[self.number]
        now = equipment.clock()
        ordered = {row.ref: row.order.order_id for row in equipment.store.open_orders()}
        come = equipment.store.moments(now)
        if mine.has_reloaded:
            mine.has_reloaded = False
            rows = equipment.store.users()
            come += [
                (row.user.ref, row.user.account, row.user.name) for row in rows if row.rotation
            ]
        due = mine.tries.due((ref for ref, _, _ in come), ordered, now, self.configuration.timing)
        results = self.sweeper.visit_now(who for who in come if who[0] in due)
        mine.tries.ended(due, results, now)

    # What is told

    def _emit(self, name: Event, /, **fields: object) -> None:
        super()._emit(name, **fields)
        if isinstance(bug := fields.get("exc_info"), BaseException):
            self.bugs.append(bug)

    def close(self) -> None:
        """The end of the world."""
        self.end_turns()
        super().close()

    def end_turns(self) -> None:
        """Nobody stands still any more: whoever does is killed there."""
        for number in BOTH:
            if number in self.replicas and self.replicas[number].turn is not None:
                self.kill(number)
