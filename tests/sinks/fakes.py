"""Sinks in memory, one that can be read back and one that can only be written, with faults.

A backend outlives the sinks over it, as a real one outlives a killed process:

    backend = MemoryBackend(clock)
    sinks = {"memory": ReadableFake.over(backend), "ci": WriteOnlyFake.over(backend)}
    backend.fail("ci", Fault.LOST_AFTER)
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Self, cast

from rotator.errors import OutcomeUnknown, ReadError, Rejected
from rotator.model import (
    Absent,
    Credential,
    Empty,
    Place,
    Served,
    Serves,
    Stranger,
    Unreadable,
    WrittenAt,
)
from rotator.sinks.base import (
    NameTemplate,
    SinkContext,
    SinkOptions,
    Statement,
    completed,
    still_serves,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "FakeClock",
    "FakeOptions",
    "Fault",
    "MemoryBackend",
    "ReadableFake",
    "WriteOnlyFake",
]


class FakeClock:
    """A clock that moves only when it is told to."""

    def __init__(self, now: datetime = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


class Fault(Enum):
    """What happens to the next `put` at a place."""

    REJECTED = "nothing is written, and that is said"
    LOST_BEFORE = "nothing is written, and no answer comes"
    LOST_AFTER = "it is written, and no answer comes"
    HANG = "no answer comes until the deadline; it is written when `land` is called"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a place holds: a credential, some stranger's text, or nothing; and since when.

    `ours` is whether a put wrote it, and not somebody else.
    """

    held: Credential | str | None
    written_at: datetime
    ours: bool = False


@dataclass
class MemoryBackend:
    """What is kept by address, the faults that wait for it, and who wrote what.

    Attributes:
        clock: what writing times are taken from; HANG moves it to the deadline if it can.
        entries: what each address holds now.
        puts: each put that was written: address and key id, in order.
        asked: how many requests of any kind arrived.
        unreadable: addresses that cannot be read now.
        tells_time: whether a write-only place can say when it was written.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    entries: dict[str, Entry] = field(default_factory=dict)
    puts: list[tuple[str, str]] = field(default_factory=list)
    asked: int = 0
    unreadable: set[str] = field(default_factory=set)
    tells_time: bool = True
    _faults: dict[str, deque[Fault]] = field(default_factory=dict)
    _flying: list[tuple[str, Credential]] = field(default_factory=list)

    def fail(self, address: str, *faults: Fault) -> None:
        """Let the next puts at an address fail, one after the other."""
        self._faults.setdefault(address, deque()).extend(faults)

    def write(self, address: str, held: Credential | str | None) -> None:
        """Somebody else writes there now."""
        self.entries[address] = Entry(held, self.clock())

    def land(self) -> None:
        """What hung arrives after all."""
        for address, credential in self._flying:
            self._write(address, credential)
        self._flying.clear()

    def served(self, address: str) -> str | None:
        """The key id that consumers of an address read now."""
        entry = self.entries.get(address)
        held = entry.held if entry else None
        return held.access_key_id if isinstance(held, Credential) else None

    def put(self, address: str, credential: Credential, deadline: datetime) -> None:
        """One write request, with the fault that waits for it."""
        self.asked += 1
        faults = self._faults.get(address)
        fault = faults.popleft() if faults else None
        if fault is Fault.REJECTED:
            raise Rejected(f"{address} says no")
        if fault in {None, Fault.LOST_AFTER}:
            self._write(address, credential)
        if fault is Fault.HANG:
            self._flying.append((address, credential))
            self.clock.now = max(self.clock.now, deadline)
        if fault is not None:
            raise OutcomeUnknown(f"{address} does not answer")

    def _write(self, address: str, credential: Credential) -> None:
        self.write(address, credential)
        self.puts.append((address, credential.access_key_id))


class FakeOptions(SinkOptions):
    """The fields of a fake."""

    name: NameTemplate


class _Fake:
    """What both fakes have in common. Bind one to a backend with `over`."""

    Options: ClassVar[type[SinkOptions]] = FakeOptions
    default_format: ClassVar[str] = "json"
    backend: ClassVar[MemoryBackend] = MemoryBackend()
    kind: ClassVar[str]
    reads: ClassVar[bool]

    def __init__(self, context: SinkContext) -> None:
        self._context = context
        self.readable = self.reads
        self._address = cast("FakeOptions", context.spec.options).name.resolve(context.user)

    @classmethod
    def over(cls, backend: MemoryBackend) -> type[Self]:
        """The same sink, over this backend."""
        bound: type[Self] = type(cls.__name__, (cls,), {"backend": backend})
        return bound

    @classmethod
    def reads_back(cls, options: SinkOptions, fmt: object) -> bool:
        del options, fmt  # a fake keeps credentials as they are
        return cls.reads

    def place(self) -> Place:
        return Place(self.kind, self._address)

    def permissions(self) -> Sequence[Statement]:
        return ()

    def check(self) -> None:
        self.backend.asked += 1
        if self._address in self.backend.unreadable:
            raise ReadError(f"{self._address} does not answer")
        if self._entry is None and not self._context.spec.create:
            raise Rejected(f"{self._address} is absent and is not to be created")

    def put(self, credential: Credential, *, replacing: Served, deadline: datetime) -> None:
        if self.backend.clock() >= deadline:
            raise Rejected(f"there is no time left to write {self._address}")
        self._compare(credential, replacing)
        self.backend.put(self._address, credential, deadline)

    def close(self) -> None:
        """Nothing is held."""

    @property
    def _entry(self) -> Entry | None:
        return self.backend.entries.get(self._address)

    def _compare(self, credential: Credential, replacing: Served) -> None:
        raise NotImplementedError


class ReadableFake(_Fake):
    """A place whose id and secret can be read back, with compare-and-set."""

    kind: ClassVar[str] = "memory"
    reads: ClassVar[bool] = True

    def current(self) -> Served:
        self.backend.asked += 1
        if self._address in self.backend.unreadable:
            return Unreadable(f"{self._address} does not answer")
        return self._served()

    def fetch(self) -> Credential | None:
        self.backend.asked += 1
        readable = self._address not in self.backend.unreadable
        held = self._entry.held if self._entry and readable else None
        return completed(held, self._context.user) if isinstance(held, Credential) else None

    def _served(self) -> Served:
        if self._entry is None:
            return Absent()
        held = self._entry.held
        if isinstance(held, Credential):
            return Serves(held.access_key_id)
        return Stranger("it is somebody's text") if held else Empty()

    def _compare(self, credential: Credential, replacing: Served) -> None:
        if not still_serves(self._served(), replacing, credential):
            raise Rejected(f"{self._address} has changed since it was looked at")


class WriteOnlyFake(_Fake):
    """A place that says at most when it was written, as the secrets of a CI service do."""

    kind: ClassVar[str] = "writeonly"
    reads: ClassVar[bool] = False

    def current(self) -> Served:
        self.backend.asked += 1
        if self._address in self.backend.unreadable:
            return Unreadable(f"{self._address} does not answer")
        return self._served()

    def fetch(self) -> Credential | None:
        return None

    def _served(self) -> Served:
        if self._entry is None:
            return Absent()
        return WrittenAt(self._entry.written_at if self.backend.tells_time else None)

    def _compare(self, credential: Credential, replacing: Served) -> None:
        """Writing times are all there is to compare, and our own last write changes them too."""
