"""The store as one process sees it: it dies with the process, and whoever watches sees each commit.

A commit is an effect where `Effects.commits` says so: a fault may strike it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rotator.errors import StoreUnavailable
from tests.simulation.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from rotator.model import UserRef
    from rotator.store import Change, Lease, Store
    from tests.simulation.faults import Effects, Life

__all__ = ["MortalStore", "Watcher", "Written"]


@dataclass(frozen=True, slots=True)
class Written:
    """One thing that a transaction wrote: which method of `Change`, with what, and its answer."""

    what: str
    values: tuple[Any, ...]
    named: dict[str, Any]
    answer: Any


class Watcher:
    """Who sees what is committed; this one sees nothing."""

    def acquired(self, lease: Lease) -> None:
        """A lease was given."""

    def released(self, lease: Lease) -> None:
        """A lease was given back."""

    def released_all(self, holder: str) -> None:
        """All leases of a holder were given back."""

    def saved(
        self, life: Life, lease: Lease, extend: timedelta | None, written: list[Written]
    ) -> None:
        """A transaction was committed."""


class WatchedChange:
    """An open transaction, and what is written in it."""

    def __init__(self, change: Change, written: list[Written]) -> None:
        self._change = change
        self._written = written

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a change has
        found = getattr(self._change, name)
        return self._watched(name, found) if callable(found) else found

    def _watched(self, name: str, write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:  # noqa: ANN401 - as the change's own
            answer = write(*values, **named)
            self._written.append(Written(name, values, named, answer))
            return answer

        return call


class MortalStore:
    """The store as one process sees it: out of reach once that process is dead."""

    def __init__(
        self, store: Store, effects: Effects, life: Life, watcher: Watcher | None = None
    ) -> None:
        self._store = store
        self._effects = effects
        self._life = life
        self._watcher = watcher or Watcher()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        found = getattr(self._store, name)

        def call(*args: object, **named: object) -> object:
            self._life.check()
            return found(*args, **named)

        return call

    def acquire(self, ref: UserRef, *, holder: str, length: timedelta) -> Lease | None:
        """As the store's."""
        self._life.check()
        lease = self._store.acquire(ref, holder=holder, length=length)
        if lease is not None:
            self._watcher.acquired(lease)
        return lease

    def release(self, lease: Lease) -> None:
        """As the store's."""
        self._life.check()
        self._store.release(lease)
        self._watcher.released(lease)

    def release_all(self, holder: str) -> None:
        """As the store's."""
        self._life.check()
        self._store.release_all(holder)
        self._watcher.released_all(holder)

    @contextmanager
    def change(
        self,
        lease: Lease,
        extend: timedelta | None = None,
        **how: Any,  # noqa: ANN401 - as the store's
    ) -> Iterator[Change]:
        """A transaction; where commits are effects, one that a fault may strike."""
        self._life.check()
        fault = self._effects.next("commit") if self._effects.commits else None
        if fault is Fault.FROZEN:
            self._effects.freeze()
        written: list[Written] = []
        with self._store.change(lease, extend, **how) as change:
            yield WatchedChange(change, written)  # type: ignore[misc]  # what a change has, it has
            if fault is Fault.CRASH_BEFORE:
                self._effects.kill()
            if fault in {Fault.LOST_BEFORE, Fault.REJECTED}:
                raise StoreUnavailable("the store is locked")
        self._watcher.saved(self._life, lease, extend, written)
        if fault is Fault.CRASH_AFTER:
            self._effects.kill()
        if fault is Fault.LOST_AFTER:
            raise StoreUnavailable("the connection to the store broke off")
