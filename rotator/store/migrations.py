"""The versions of the schema, and the way from each to the next.

A new store is made at the newest version at once. An older one climbs the ladder, rung by rung,
in one transaction, after its file was copied; a test holds both to the same tables. A rung only
adds, so `min_reader`, the oldest version whose rotator can still work on the store, stays behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, inspect, select, update

from rotator.errors import StoreDamaged, StoreMissing, StoreTooNew
from rotator.store.schema import METADATA, meta
from rotator.store.twice import twice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from rotator.store.engine import Database

__all__ = [
    "LADDER",
    "NEWEST",
    "OLDEST_READER",
    "Rung",
    "Version",
    "climb",
    "make",
    "version_of",
    "was_made",
]

NEWEST = 1
OLDEST_READER = 1


@dataclass(frozen=True, slots=True)
class Rung:
    """The step to `version`, which rotators from `min_reader` on can read."""

    version: int
    min_reader: int
    step: Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Version:
    """What a store says of itself."""

    schema: int
    min_reader: int


LADDER: tuple[Rung, ...] = ()
"""The steps from version 1 on."""


def make(connection: Connection, made_at: str) -> None:
    """Make all tables of the newest version in an empty database."""
    METADATA.create_all(connection)
    for name, value in {
        "schema_version": str(NEWEST),
        "min_reader": str(OLDEST_READER),
        "made_at": made_at,
    }.items():
        connection.execute(insert(meta).values(name=name, value=value))


def was_made(connection: Connection, made_at: str) -> bool:
    """Whether the store that is there was made at this very moment."""
    found = select(meta.c.value).where(meta.c.name == "made_at")
    return bool(connection.execute(found).scalar() == made_at)


def version_of(database: Database, connection: Connection, newest: int = NEWEST) -> Version:
    """Read the version, and refuse a store that a rotator of version `newest` cannot read.

    Raises:
        StoreMissing: an empty PostgreSQL database.
        StoreDamaged: the database of something else, or one without a version.
        StoreTooNew: it needs a newer reader.
    """
    if not inspect(connection).has_table(meta.name):
        if database.is_sqlite:
            raise StoreDamaged(
                f"{database.address} is an SQLite file, but not a store of rotator; "
                "it is left as it is"
            )
        raise StoreMissing(
            f"there is no store in {database.address}; to make a new, empty one type: "
            "rotator state init"
        )
    marks = {row.name: row.value for row in connection.execute(select(meta))}
    try:
        version = Version(int(marks["schema_version"]), int(marks["min_reader"]))
    except (KeyError, ValueError) as exc:
        raise StoreDamaged(f"{database.address} does not say which version it is") from exc
    if version.min_reader > newest:
        raise StoreTooNew(
            f"{database.address} was written by a newer rotator (schema {version.schema}, needs a "
            f"reader of {version.min_reader}; this one reads {newest}); upgrade rotator"
        )
    return version


def climb(
    database: Database, before: Callable[[int], None], ladder: Sequence[Rung] = LADDER
) -> None:
    """Bring a store to the newest version; `before` copies it and is told that version.

    Killed at any moment the store is at the old version or at the new one.
    """
    newest = max((rung.version for rung in ladder), default=NEWEST)
    with database.reading() as connection:
        version = version_of(database, connection, newest)
    if version.schema >= newest:
        return
    before(newest)

    def rise(connection: Connection) -> None:
        # Another process may have climbed in between, or be at it.
        database.queue_up(connection, "climb")
        reached = version_of(database, connection, newest).schema
        for rung in sorted(ladder, key=lambda rung: rung.version):
            if rung.version > reached:
                rung.step(connection)
                _mark(connection, rung)

    twice(database, rise)


def _mark(connection: Connection, rung: Rung) -> None:
    for name, value in (("schema_version", rung.version), ("min_reader", rung.min_reader)):
        connection.execute(update(meta).where(meta.c.name == name).values(value=str(value)))
