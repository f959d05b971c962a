"""A store on a real file, a clock that is set by hand, and users to write about."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rotator.model import (
    AccessKey,
    KeyStatus,
    Kind,
    NeverUsed,
    Order,
    Place,
    Rotation,
    UserRef,
    Verb,
)
from rotator.store import Lease, PlaceRow, Store, UserRow, create, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rotator.model import LastUse
    from rotator.store import Change

NOW = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LENGTH = 2 * MINUTE
SETTLE = 5 * MINUTE

ACCOUNT = "111122223333"
ALICE = UserRef(ACCOUNT, "AIDAALICE")
BOB = UserRef(ACCOUNT, "AIDABOB")
OLD, NEW = "AKIAIOSFODNN7OLDKEY1", "AKIAIOSFODNN7NEWKEY2"
FILE = Place("file", "/srv/alice.json")
VAULT = Place("vault", "secret/alice")


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def go(self, length: timedelta) -> datetime:
        """Let time pass, and tell what it is then."""
        self.now += length
        return self.now


def a_user(ref: UserRef = ALICE, **columns: Any) -> UserRow:  # noqa: ANN401 - columns of many types
    """A user of account prod who is named after the id, covered by policy `ci`."""
    name = ref.user_id.removeprefix("AIDA").lower()
    user = UserRow(ref, "prod", name, policy="ci", as_of=NOW)
    return replace(user, **columns)


def a_key(
    key_id: str = OLD,
    last_use: LastUse | None = None,
    *,
    status: KeyStatus = KeyStatus.ACTIVE,
    seen_at: datetime = NOW,
) -> AccessKey:
    """An Active key, 90 days old, never used, seen now for the first time."""
    created = NOW - 90 * DAY
    return AccessKey(key_id, status, created, last_use or NeverUsed(), created, NOW, seen_at)


def a_rotation(rotation_id: str = "r1", **facts: Any) -> Rotation:  # noqa: ANN401 - facts of many types
    """A replacement of the old key that has just begun."""
    return replace(Rotation(rotation_id, Kind.REPLACE, "ci", NOW, predecessor=OLD), **facts)


def a_place(place: Place = FILE, *, readable: bool = True) -> PlaceRow:
    """A place of the sink of its type."""
    return PlaceRow(place, readable, place.type)


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def an_order(verb: Verb = Verb.ROTATE, key_id: str | None = None) -> Order:
    """An order by a person."""
    return Order(0, verb, NOW, actor="eve@laptop", reason="leaver", key_id=key_id)


def set_by_hand(store: Store) -> Store:
    """Let leases be by the clock of the test where they are by the database's own."""
    store._database.by_our_clock = True
    return store


@dataclass
class World:
    """A store with the clock that it reads, its address, and the file that it is in, if any."""

    clock: Clock
    path: Path
    store: Store
    url: str
    tamper: Callable[..., object] | None = None

    @classmethod
    def made(cls, folder: Path) -> World:
        """A new store in a folder."""
        clock, path = Clock(), folder / "rotator.db"
        url = f"sqlite:///{path}"
        return cls(clock, path, create(url, clock=clock), url)

    @classmethod
    def over(cls, url: str, folder: Path) -> World:
        """A store of PostgreSQL's that nothing was written to; there is no file in the folder."""
        clock = Clock()
        return cls(clock, folder / "none", set_by_hand(open_store(url, clock=clock)), url)

    def opened(self) -> Store:
        """The same store, as another process would open it."""
        return set_by_hand(open_store(self.url, clock=self.clock))

    def lease(self, ref: UserRef = ALICE, holder: str = "ours") -> Lease:
        """The lease on a user, which is free."""
        lease = self.store.acquire(ref, holder=holder, length=LENGTH)
        assert lease is not None
        return lease

    @contextmanager
    def change(self, ref: UserRef = ALICE) -> Iterator[Change]:
        """A transaction about a user whose lease is taken for it alone."""
        lease = self.lease(ref)
        try:
            with self.store.change(lease) as change:
                yield change
        finally:
            self.store.release(lease)

    def known_user(self, ref: UserRef = ALICE) -> None:
        """A user on record with one old key."""
        with self.change(ref) as change:
            change.note_user(a_user(ref))

    def begun(self, ref: UserRef = ALICE, rotation: Rotation | None = None) -> Rotation:
        """A user on record with an open rotation and one place, named after the user."""
        rotation = rotation or a_rotation()
        place = Place("file", f"/srv/{ref.user_id}.json")
        with self.change(ref) as change:
            change.note_user(a_user(ref))
            change.begin(rotation, [a_place(place)])
        return rotation
