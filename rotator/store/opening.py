"""Making a store and opening one: the only two ways to get it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlalchemy import insert, inspect

from rotator.errors import Refused, StoreDamaged, StoreUnavailable
from rotator.store import files, migrations
from rotator.store.around import Around
from rotator.store.changes import Changes
from rotator.store.engine import Address, Database
from rotator.store.leases import Leases
from rotator.store.orders import Orders
from rotator.store.reading import Readings
from rotator.store.schema import METADATA, meta
from rotator.store.sightings import Sightings
from rotator.store.surveys import Surveys
from rotator.store.sweeps import Sweeps
from rotator.store.tallies import Tallies
from rotator.store.twice import twice
from rotator.store.upkeep import Upkeep, before_version, quick_check
from rotator.store.watermark import HOME, Watermark, home_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection

__all__ = ["Store", "create", "open_store"]


class Store(Leases, Changes, Orders, Readings, Around, Sightings, Surveys, Sweeps, Tallies, Upkeep):
    """All that rotator remembers; safe to share between threads, and between processes.

    Every method may raise a `StoreError`; no other error of the database's leaves it.
    """

    def close(self) -> None:
        """Give all connections back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def create(url: str, *, clock: Callable[[], datetime], base: Path = Path()) -> Store:
    """Make a new, empty store, whole or not at all, and open it.

    Raises:
        Refused: something is there already; nothing was changed.
        StoreError: it cannot be made there.
    """
    address = Address.parse(url, base)
    if address.path is None:
        _fill_database(address, clock)
    else:
        _make_file(address, address.path, clock)
    return open_store(url, clock=clock, base=base)


def open_store(url: str, *, clock: Callable[[], datetime], base: Path = Path()) -> Store:
    """Open the store that is at `url`; what is not in order is never replaced or re-made.

    Raises:
        StoreMissing, StoreDamaged, StoreTooNew, StoreUnavailable, StoreError: each with a
            sentence that says what is there and what to do.
    """
    database = Database(Address.parse(url, base), clock=clock)
    try:
        _verify(database)
        database.verify = _verify
        with database.reading() as connection:
            watermark = Watermark(home_of(connection))
            watermark.look(connection)
    except BaseException:
        database.close()
        raise
    return Store(database, watermark)


def _verify(database: Database) -> None:
    """Let only a whole store of a version that can be read be worked on, once it is migrated."""
    if database.address.path is not None:
        files.check_file(database.address.path)
    with database.reading() as connection:
        quick_check(database, connection)
        migrations.version_of(database, connection)
    database.use_wal()
    migrations.climb(database, lambda version: before_version(database, version))
    with database.reading() as connection:
        _refuse_incomplete(database, connection)


def _refuse_incomplete(database: Database, connection: Connection) -> None:
    missing = set(METADATA.tables) - set(inspect(connection).get_table_names())
    if missing:
        raise StoreDamaged(
            f"{database.address} lacks the table {min(missing)}; bring back a backup"
        )


def _make_file(address: Address, path: Path, clock: Callable[[], datetime]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise StoreUnavailable(f"{path.parent} cannot be made: {exc.strerror}") from exc
    files.refuse_network(path)
    if path.exists():
        raise Refused(f"{address} exists already; it is left as it was")
    files.make_whole(path, lambda draft: _fill_database(Address(address.url, draft), clock))


def _fill_database(address: Address, clock: Callable[[], datetime]) -> None:
    database = Database(address, clock=clock)
    try:
        made_at, tried = clock().isoformat(), False

        def make(connection: Connection) -> None:
            nonlocal tried
            database.queue_up(connection, "make")
            if inspect(connection).has_table(meta.name):
                if tried and migrations.was_made(connection, made_at):
                    # By a run of ours whose answer was lost.
                    return
                raise Refused(f"there is a store in {address} already; it is left as it was")
            migrations.make(connection, made_at=made_at)
            tried = True
            if home := home_of(connection):
                connection.execute(insert(meta).values(name=HOME, value=home))

        twice(database, make)
    finally:
        database.close()
