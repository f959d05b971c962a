"""Places of every kind: readable, write-only, shared, torn, slow, lying, unreadable.

A sink of a policy names its kind (`memory`, `writeonly`, `torn`, `shared`); how a place behaves is
told of its address:

    backend.lies.add("w/bob")                   # answers yes, and writes nothing
    backend.slow["m/bob"] = 3 * MINUTE          # is written long after the sender gave up
    backend.write("m/bob", "not a credential")  # a stranger's value
    backend.unreadable.add("m/bob")
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, cast

from rotator.errors import OutcomeUnknown, Rejected
from rotator.model import Serves, Unreadable
from tests.simulation.faults import Effects, Life
from tests.simulation.heard import Topic
from tests.sinks.fakes import Entry, MemoryBackend, ReadableFake, WriteOnlyFake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotator.model import Credential, Served
    from rotator.sinks import Sink, SinkContext
    from tests.simulation.heard import Heard

__all__ = ["KINDS", "SharedFake", "TornFake", "WatchedBackend", "sink_over"]

PATIENCE = timedelta(seconds=60)
"""How long a sender waits for an answer: one request timeout."""


@dataclass
class WatchedBackend(MemoryBackend):
    """Places in memory whose every put is an effect, and of which is known who wrote.

    Attributes:
        lies: addresses whose puts are answered with yes and do nothing.
        slow: how long a put takes at an address; past the sender's patience it lands all the same.
        attempts: each put that was begun and not rejected: address and key id, in order.
        carried_out: the key of the put that was carried out last; others may have been begun since.
        staged: what torn places were given, and consumers do not read yet.
        others: the other fields of shared places; they are somebody else's.
        between: called between the two requests of a put that needs two, or that reads first.
        heard: where it is kept what each process read.
    """

    effects: Effects = field(default_factory=lambda: Effects(Life("nobody")))
    lies: set[str] = field(default_factory=set)
    slow: dict[str, timedelta] = field(default_factory=dict)
    attempts: list[tuple[str, str]] = field(default_factory=list)
    carried_out: str | None = None
    staged: dict[str, Credential] = field(default_factory=dict)
    others: dict[str, dict[str, str]] = field(default_factory=dict)
    between: Callable[[str], None] = lambda _: None
    heard: Heard | None = None
    _late: list[tuple[datetime, str, Credential]] = field(default_factory=list)

    def put(self, address: str, credential: Credential, deadline: datetime) -> None:
        self.attempts.append((address, credential.access_key_id))

        def act() -> None:
            self.carried_out = credential.access_key_id
            if address in self.slow:
                self._crawl(address, credential, self.slow[address])
            else:
                super(WatchedBackend, self).put(address, credential, deadline)

        with self._rejected(address, credential):
            self.effects.run(f"put {address}", act, lost=OutcomeUnknown, rejected=Rejected)

    @contextmanager
    def _rejected(self, address: str, credential: Credential) -> Iterator[None]:
        """What was rejected is not there, for certain, and is no attempt any more."""
        try:
            yield
        except Rejected:
            self.attempts.remove((address, credential.access_key_id))
            raise

    def stage(self, address: str, credential: Credential) -> None:
        """The first of two requests: the value is there, and read by nobody yet.

        Of a place that holds nothing the first value is the current one at once, as with a secret
        whose first version was only to be pending.
        """
        self.attempts.append((address, credential.access_key_id))

        def act() -> None:
            self.carried_out = credential.access_key_id
            self.staged[address] = credential
            if address not in self.entries:
                self._write(address, credential)

        self.effects.run(f"stage {address}", act, lost=OutcomeUnknown, rejected=Rejected)

    def share(self, address: str, **fields: str) -> None:
        """Somebody else writes other fields of a shared place."""
        self.others[address] = {**self.others.get(address, {}), **fields}

    def land_late(self) -> None:
        """What was under way when its sender gave up arrives, once its time has come."""
        now = self.clock()
        for due in [one for one in self._late if one[0] <= now]:
            self._late.remove(due)
            self._write(due[1], due[2])

    def told(self, address: str, reading: Served) -> Served:
        """Keep what a process read at a place."""
        if self.heard is not None:
            why = reading.why if isinstance(reading, Unreadable) else ""
            self.heard.hear(
                self.effects.life.name, Topic.PLACE, address, self.clock(), why=why, value=reading
            )
        return reading

    def _crawl(self, address: str, credential: Credential, takes: timedelta) -> None:
        """A request that takes long.

        Raises:
            OutcomeUnknown: its sender had given up before it was written.
        """
        self.asked += 1
        self.clock.advance(min(takes, PATIENCE))
        if takes <= PATIENCE:
            self._write(address, credential)
            return
        self._late.append((self.clock() + takes - PATIENCE, address, credential))
        raise OutcomeUnknown(f"{address} does not answer")

    def _write(self, address: str, credential: Credential) -> None:
        if address in self.lies:
            return
        super()._write(address, credential)
        self.entries[address] = Entry(credential, self.clock(), ours=True)


class _Watched:
    """A fake whose readings are kept, and which no dead process can ask."""

    backend: ClassVar[MemoryBackend]
    _address: str

    def current(self) -> Served:
        backend = cast("WatchedBackend", self.backend)
        backend.effects.life.check()
        reading: Served = super().current()  # type: ignore[misc]  # a mix-in
        return backend.told(self._address, reading)


class WatchedReadable(_Watched, ReadableFake):
    """A place that can be read back."""


class WatchedWriteOnly(_Watched, WriteOnlyFake):
    """A place that can only be written."""


class TornFake(WatchedReadable):
    """A place that needs two requests: the value is staged, then what is current is moved to it."""

    kind: ClassVar[str] = "torn"

    def put(self, credential: Credential, *, replacing: Served, deadline: datetime) -> None:
        backend = cast("WatchedBackend", self.backend)
        self._in_time(deadline)
        self._compare(credential, replacing)
        backend.stage(self._address, credential)
        backend.between(self._address)
        if self._served() == Serves(credential.access_key_id):
            return
        self._in_time(deadline)
        self._compare(credential, replacing)
        backend.put(self._address, credential, deadline)

    def _in_time(self, deadline: datetime) -> None:
        if self.backend.clock() >= deadline:
            raise Rejected(f"there is no time left to write {self._address}")


class SharedFake(WatchedReadable):
    """A place that shares its value with other fields: read, changed, compared and written."""

    kind: ClassVar[str] = "shared"

    def put(self, credential: Credential, *, replacing: Served, deadline: datetime) -> None:
        backend = cast("WatchedBackend", self.backend)
        as_read = dict(backend.others.get(self._address, {}))
        backend.between(self._address)
        if backend.others.get(self._address, {}) != as_read:
            raise Rejected(f"{self._address} has changed since it was read")
        super().put(credential, replacing=replacing, deadline=deadline)
        backend.others[self._address] = as_read


KINDS: dict[str, type[WatchedReadable | WatchedWriteOnly]] = {
    "memory": WatchedReadable,
    "writeonly": WatchedWriteOnly,
    "torn": TornFake,
    "shared": SharedFake,
}


def sink_over(backend: WatchedBackend, context: SinkContext) -> Sink:
    """The sink of a policy's entry, over the places of a world."""
    return KINDS[context.spec.type].over(backend)(context)
