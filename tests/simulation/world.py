"""A world of one account: IAM and sinks in memory, the real store, and processes that die.

    world = World.made()
    bob = world.add_user("bob", age=20 * DAY)
    world.live(bob)         # visits and waits until nothing is open
    world.close()           # what it recorded is whole, and holds no secret

The clock moves only by `go`, and while a process pauses or is frozen. As it moves, consumers read
every place and use what they read.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from sqlalchemy import event

from rotator.errors import RotatorError
from rotator.events import check_fields
from rotator.formats import JsonFormat
from rotator.model import (
    Account,
    Configuration,
    Every,
    KeyStatus,
    Limits,
    Mode,
    Policy,
    Reason,
    Selector,
    SinkSpec,
    Stop,
    Timing,
    Wait,
)
from rotator.reconcile import Equipment, Sweeper, VisitResult, visit
from rotator.store import create, open_store
from tests.simulation.aws import FakeAccounts, FakeAws
from tests.simulation.consumers import Consumer, Habit
from tests.simulation.faults import Effects, Killed, Life
from tests.simulation.monitor import Broken, Monitor
from tests.simulation.places import WatchedBackend, sink_over
from tests.simulation.saving import MortalStore
from tests.simulation.secrecy import no_secret_in_bytes
from tests.simulation.stores import bytes_of, empty_store, give_back, open_rotation, row_of
from tests.sinks.fakes import FakeClock, FakeOptions

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.events import Event
    from rotator.model import Credential, User
    from rotator.sinks import Sink, SinkContext
    from rotator.store import JournalRow, Known, Store, UserRow

__all__ = ["DAY", "HOUR", "MINUTE", "READABLE", "WRITEONLY", "World", "policy", "sink_spec"]

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TIMING = Timing()
TICK = timedelta(milliseconds=40)
SWEEP = 6 * HOUR
STRIDE = 20 * MINUTE
"""How often consumers read their place: far more often than grace_period."""

EAGER = Habit()
"""The consumers of a place of whose habits nothing is said."""


def sink_spec(kind: str, name: str) -> SinkSpec:
    """A sink of a policy: `writeonly` cannot be read back, the other kinds of place can."""
    options = FakeOptions.model_validate({"name": name})
    return SinkSpec(kind, kind, options, JsonFormat(), readable=kind != "writeonly")


READABLE = sink_spec("memory", "m/{user}")
WRITEONLY = sink_spec("writeonly", "w/{user}")


def policy(**fields: Any) -> Policy:  # noqa: ANN401 - the fields of a policy
    """Everybody, with periods of hours, in one readable place."""
    ordinary = Policy(
        name="ci",
        include=(Selector(name="*"),),
        rotate_after=10 * DAY,
        mode=Mode.ENFORCE,
        schedule=Every(SWEEP),
        max_age=30 * DAY,
        grace_period=2 * HOUR,
        quiet_period=2 * HOUR,
        recovery_period=3 * HOUR,
        unused_after=5 * DAY,
        limits=Limits(issue=50),
        sinks=(READABLE,),
        digest="policy-1",
    )
    return replace(ordinary, **fields)


@cache
def _template() -> Path:
    """An empty store, made once and copied for each world."""
    folder = Path(tempfile.mkdtemp(prefix="rotator-store-"))
    create(f"sqlite:///{folder / 'state.db'}", clock=FakeClock()).close()
    return folder / "state.db"


@dataclass
class World:
    """Everything there is; `made` builds it."""

    file: Path | None
    clock: FakeClock
    effects: Effects
    aws: FakeAws
    backend: WatchedBackend
    configuration: Configuration
    store: Store
    monitor: Monitor = field(init=False)
    equipment: Equipment = field(init=False)
    sweeper: Sweeper = field(init=False)
    told: list[tuple[Event, dict[str, object]]] = field(default_factory=list)
    habits: dict[str, Habit] = field(default_factory=dict)
    consumers: dict[str, Consumer] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    visits: int = 0
    deaths: int = 0
    _frozen_since: datetime | None = None

    @classmethod
    def made(cls, folder: Path | None = None, *policies: Policy) -> World:
        """An empty account, an empty store, and a process over them.

        The store is a file in the folder; without one it is in memory, and ten times as quick.
        """
        clock = FakeClock()
        effects = Effects(Life("first"))
        aws = FakeAws(clock, effects)
        backend = WatchedBackend(clock, effects=effects, heard=aws.heard)
        path = folder / "state.db" if folder else None
        store = _store_in(path, clock) if path else empty_store(clock)
        configuration = Configuration(
            policies=policies or (policy(),),
            accounts=(Account("prod"),),
            timing=TIMING,
            digest="configuration-1",
        )
        world = cls(path, clock, effects, aws, backend, configuration, store)
        world.monitor = Monitor(
            aws,
            backend,
            lambda: world.store,
            lambda: world.configuration.policies[0],
            TIMING,
            terms=world.terms,
        )
        effects.after = world.monitor
        effects.freeze = world.freeze
        effects.tick = lambda: clock.advance(TICK)
        world.boot()
        return world

    @property
    def path(self) -> Path:
        """The file that the store is in, for who asked for one."""
        assert self.file is not None
        return self.file

    # Processes

    def boot(self) -> None:
        """A process starts: nothing in memory, the same store."""
        self.effects.life = Life(uuid4().hex)
        self.equipment = Equipment(
            store=cast(
                "Store", MortalStore(self.store, self.effects, self.effects.life, self.monitor)
            ),
            accounts=FakeAccounts.over(self.aws),
            configuration=lambda: self.configuration,
            build_sink=self._sink,
            clock=self.clock,
            emit=self._emit,
            process=self.effects.life.name,
            pause=lambda seconds: self.clock.advance(timedelta(seconds=seconds)),
        )
        self.sweeper = Sweeper(self.equipment)

    def visit(self, user: User) -> VisitResult | None:
        """Visit one user once; None where the process was killed by it, and another started."""
        self.visits += 1
        try:
            entered = self.equipment.accounts.enter(self.configuration.accounts[0])
            roll = self.sweeper.rolls.of(entered)
            present = roll.user(user.ref) or user
            return visit(self.equipment, entered, roll, present)
        except Killed:
            self.deaths += 1
            self.boot()
            return None
        except RotatorError as exc:
            self.monitor.told(f"{exc!r} {exc}", "what was raised")
            self.failures.append(str(exc))
            return None

    def freeze(self) -> None:
        """The process stands still past its lease, and another one is up meanwhile.

        Where that one is frozen in its turn, it is for no longer than the first may be: none
        stands still for more than `settle` between an intent and its request.
        """
        frozen = (self.effects.life, self.equipment, self.sweeper)
        began, now = self._frozen_since, self.clock()
        self._frozen_since = began or now
        rest = self._frozen_since + 4 * MINUTE - now
        self.clock.advance(max(timedelta(0), rest))
        self.boot()
        for user in tuple(self.aws.users.values()):
            self.visit(user)
        self.effects.life, self.equipment, self.sweeper = frozen
        self._frozen_since = began

    # Time

    def go(self, by: timedelta) -> None:
        """Let time pass; consumers read and use their places meanwhile."""
        end = self.clock() + by
        while True:
            self.consume()
            if self.clock() >= end:
                return
            self.clock.now = min(end, self.clock() + STRIDE)
            self.backend.land_late()

    def consume(self) -> None:
        """Each consumer uses the key that it read last, then reads again, as its habits are.

        P1: what was read once and was in order then is accepted, whatever we do meanwhile.
        """
        for address in tuple(self.backend.entries):
            consumer = self.consumers.setdefault(address, Consumer(address))
            consumer.habit = self.habits.get(address, EAGER)
            serves = self.backend.served(address)
            for refusal in consumer.look(self.clock(), serves, self.aws.use):
                self.monitor.refused(refusal)

    def live(self, user: User, *, visits_max: int = 80) -> VisitResult:
        """Visit and wait until nothing is open and nothing is due, or a person is needed."""
        for _ in range(visits_max):
            result = self.visit(user)
            if result is not None and self.is_over(user, result):
                return result
            self.wait(user)
        raise Broken(f"not at rest after {visits_max} visits: {self.row(user)}")

    def until(self, user: User, event: str, *, visits_max: int = 40) -> None:
        """Visit and wait until an event is told of."""
        for _ in range(visits_max):
            self.visit(user)
            if event in self.events():
                return
            self.wait(user)
        raise Broken(f"{event} was never told: {self.events()}, {self.row(user)}")

    def is_over(self, user: User, result: VisitResult) -> bool:
        """Whether nothing will happen by itself any more."""
        if isinstance(result.last, Stop):
            return True
        rests = {Reason.NOT_DUE, Reason.NO_KEY}
        is_idle = isinstance(result.last, Wait) and result.last.reason in rests
        return is_idle and open_rotation(self.store, user.ref) is None

    def wait(self, user: User) -> None:
        """Until the daemon would look again: the user's next moment, or the next sweep."""
        row = self.row(user)
        next_at = row.next_at if row and row.next_at else self.clock() + SWEEP
        if next_at <= self.clock():
            next_at = self.clock() + 4 * MINUTE
        self.go(min(next_at - self.clock(), SWEEP))

    # What there is

    def add_user(self, name: str = "bob", *, age: timedelta = 20 * DAY) -> User:
        """A user with one old key, which its places serve and which was used an hour ago."""
        user = self.aws.add_user(name)
        credential = self.aws.add_key(user, age=age)
        self.aws.keys[credential.access_key_id].uses.append(self.clock() - HOUR)
        self.serve(user, credential)
        return user

    def serve(self, user: User, credential: Credential) -> None:
        """A person puts a credential to the readable places of the first policy.

        A write-only place that somebody else wrote last would stop the first rotation.
        """
        for spec in self.configuration.policies[0].sinks:
            if not spec.readable:
                continue
            address = cast("FakeOptions", spec.options).name.resolve(user)
            self.backend.write(address, credential)

    def known(self, user: User) -> Known:
        """What is on record."""
        return self.store.know(user.ref)

    def row(self, user: User) -> UserRow | None:
        """Where the user stands, as `status` shows it."""
        return row_of(self.store, user.ref)

    def history(self, user: User) -> list[JournalRow]:
        """The record of a user."""
        return list(self.store.history(user.ref))

    def listed(self, user: User) -> list[tuple[str, KeyStatus | None]]:
        """The user's keys as they truly are, oldest first."""
        return [(key.key_id, key.status) for key in self.aws.keys_of(user.user_id)]

    def served(self) -> dict[str, str | None]:
        """What each place serves."""
        return {address: self.backend.served(address) for address in self.backend.entries}

    def events(self) -> list[str]:
        """The names of what was told, decisions left out."""
        return [event.value for event, _ in self.told if event.value != "decision.made"]

    def terms(self, name: str) -> Policy | None:
        """The policy of a name, as it is configured now."""
        return self.configuration.policy(name)

    def reconfigure(self, *policies: Policy, **fields: Any) -> None:  # noqa: ANN401 - any field
        """Another configuration is in force."""
        self.configuration = replace(self.configuration, policies=policies, **fields)

    def close(self) -> None:
        """The end of the world: what it recorded is whole, and holds no secret."""
        assert self.store.check() == []
        stored, told = self.stored(), repr(self.told)
        no_secret_in_bytes(stored, self.aws.secrets(), "the store")
        no_secret_in_bytes(told.encode(), self.aws.secrets(), "what was told")
        self.store.close() if self.file else give_back(self.store)

    def stored(self) -> bytes:
        """Every byte that is in the store, in pages that are not used any more too."""
        if self.file is None:
            return bytes_of(self.store)
        log = self.path.with_name("state.db-wal")
        return b"".join(file.read_bytes() for file in (self.path, log) if file.exists())

    def _sink(self, context: SinkContext) -> Sink:
        return sink_over(self.backend, context)

    def _emit(self, name: Event, /, **fields: object) -> None:
        check_fields(name, fields)
        self.monitor.told(repr(fields), f"the event {name.value}")
        self.told.append((name, fields))


def _store_in(path: Path, clock: FakeClock) -> Store:
    """An empty store in a file."""
    shutil.copy(_template(), path)
    store = open_store(f"sqlite:///{path}", clock=clock)
    # A commit need not survive a power cut here, and is ten times quicker for it.
    event.listen(store._database.engine, "connect", _hurry)
    store._database.engine.dispose()
    return store


def _hurry(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
    connection.execute("PRAGMA synchronous=OFF").close()
