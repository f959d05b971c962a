"""The one place where the database's driver is spoken to, and where its errors are translated."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolIsEmpty
from sqlalchemy.pool import QueuePool

from rotator.errors import (
    CommitUnknown,
    StoreDamaged,
    StoreError,
    StoreMissing,
    StoreUnavailable,
)
from rotator.store.columns import MICROSECOND, Moment
from rotator.store.outages import Outages
from rotator.store.translation import BUSY_SECONDS, POOL_MAX, RowLocked, of_sqlite, translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta
    from pathlib import Path

    from sqlalchemy import URL, Connection, Engine, Table
    from sqlalchemy.sql import ColumnElement

__all__ = [
    "BUSY_SECONDS",
    "Address",
    "Database",
    "begin",
    "connect_sqlite",
    "inserting",
    "moment",
]

POSTGRES = "postgresql+psycopg"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store is: a URL of SQLAlchemy, with the file's whole path where it is SQLite."""

    url: URL
    path: Path | None

    @classmethod
    def parse(cls, url: str, base: Path) -> Address:
        """Read a URL; the path of an SQLite file is relative to `base`.

        Raises:
            StoreError: it is no URL, or one of a database that is not supported.
        """
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):
            # What is no URL may hold a password all the same.
            raise StoreError(
                "the address of the state is not a URL like sqlite:///FILE or "
                f"{POSTGRES}://USER:PASSWORD@HOST/DATABASE"
            ) from None
        if parsed.drivername == POSTGRES:
            if url.count("@") > 1:
                raise StoreError(
                    "the address of the state has more than one @: write one that belongs to its "
                    "user or password as %40"
                )
            if not parsed.database:
                raise StoreError("the address of the state names no database")
            return cls(parsed, None)
        if parsed.drivername != "sqlite":
            raise StoreError(
                f"the state may be kept in sqlite or {POSTGRES}, not in {parsed.drivername}"
            )
        if parsed.database in {None, "", ":memory:"}:
            raise StoreError("the state needs a file: sqlite:///FILE; in memory it would be lost")
        return cls(parsed, base.absolute() / str(parsed.database))

    def __str__(self) -> str:
        return f"the state {'file' if self.path else 'database'} {self.shown}"

    @property
    def shown(self) -> str:
        """The address without a password, which the part after the ? may hold as well."""
        if self.path is not None:
            return str(self.path)
        return self.url.set(query={}).render_as_string(hide_password=True)


def connect_sqlite(path: Path) -> sqlite3.Connection:
    """Open an SQLite file that exists, so that a commit that returned survives a power cut.

    Whether it is in WAL mode is written in the file itself; see `Database.use_wal`.
    """
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.text_factory = _text
    try:
        for pragma in (
            "synchronous=FULL",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "cell_size_check=ON",
        ):
            connection.execute(f"PRAGMA {pragma}").close()
    except (sqlite3.Error, UnicodeDecodeError):
        connection.close()
        raise
    return connection


def moment(name: str, *, by_our_clock: bool) -> ColumnElement[datetime]:
    """A moment by the clock of leases, for a statement that is built once (dialect).

    `Database.moments` gives its parameter when the statement is executed.
    """
    if by_our_clock:
        return bindparam(name, type_=Moment)
    epoch = func.extract("epoch", func.clock_timestamp())
    return cast(epoch * 1_000_000 + bindparam(name, type_=BigInteger), Moment)


def inserting(table: Table, *, is_sqlite: bool) -> Any:  # noqa: ANN401 - the dialects' classes share no base with on_conflict
    """An INSERT that knows ON CONFLICT; both dialects spell it alike (dialect)."""
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


class Database:
    """A bounded pool of connections, and the two kinds of transaction there are.

    Safe to share between threads. Nothing of the driver's leaves it: neither an exception nor a
    statement's parameters.

    Attributes:
        verify: what must be true of a file that took the place of the one that was opened.
        by_our_clock: whose clock leases are by; the database's own where replicas share one.
        outages: when it was away, as far as this process noticed.
    """

    def __init__(self, address: Address, *, clock: Callable[[], datetime]) -> None:
        self.address = address
        self.clock = clock
        self.by_our_clock = address.path is not None
        self._writer = threading.Lock()
        self._looking = threading.RLock()
        self._identity: tuple[int, int] | None = None
        self.outages = Outages()
        self.verify: Callable[[Database], None] | None = None
        try:
            self.engine = self._engine()
        except ImportError as exc:
            raise StoreError(
                f"{address} needs a driver that is not installed; install rotator[postgres]"
            ) from exc

    @property
    def is_sqlite(self) -> bool:
        """Whether one of the few dialect's ways applies."""
        return self.address.path is not None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One short transaction that sees one state of everything."""
        with self.translated():
            self._look()
            with self.engine.connect() as connection:
                if not self.is_sqlite:
                    # dialect: SQLite's readers see one state anyway.
                    connection.execution_options(
                        isolation_level="REPEATABLE READ", postgresql_readonly=True
                    )
                with connection.begin():
                    yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is committed at the end, or leaves nothing at all.

        PostgreSQL's are READ COMMITTED: whoever reads what a later statement is built on locks it
        first (the user's lease, the end of a chain, `queue_up`), so nothing fails for having been
        overtaken, and nothing needs to be tried again.

        Raises:
            CommitUnknown: the connection was lost while it was committed.
        """
        with self.translated(), self._turn():
            before = self._look()
            with self.engine.connect() as connection:
                connection.execution_options(rotator_writes=True)
                with connection.begin() as transaction:
                    yield connection
                    try:
                        transaction.commit()
                    except DBAPIError as exc:
                        if self.is_sqlite or not exc.connection_invalidated:
                            raise
                        raise CommitUnknown(
                            f"{self.address} went away in the middle of a commit: whether that was "
                            "written is not known"
                        ) from exc
            if self._identify() != before:
                raise StoreUnavailable(f"{self.address} was exchanged while it was written")

    def moments(self, **after: timedelta) -> dict[str, object]:
        """The parameters of `moment`: each by its name, and how long after now it is."""
        if self.by_our_clock:
            now = self.clock()
            return {name: now + span for name, span in after.items()}
        return {name: span // MICROSECOND for name, span in after.items()}

    def insert(self, table: Table) -> Any:  # noqa: ANN401 - as `inserting`
        """See `inserting`."""
        return inserting(table, is_sqlite=self.is_sqlite)

    def queue_up(self, connection: Connection, *names: str) -> None:
        """Let nobody else count the same thing until this transaction ends.

        SQLite has one writer at a time as it is (dialect).
        """
        if not self.is_sqlite:
            key = func.hashtextextended("\x1f".join(names), 0)
            connection.execute(select(func.pg_advisory_xact_lock(key)))

    def use_wal(self) -> None:
        """Let an SQLite file be read while it is written; only for one that is known to be ours."""
        if self.address.path is None:
            return
        with self.translated(), closing(connect_sqlite(self.address.path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL").close()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _engine(self) -> Engine:
        bounds = {"pool_size": POOL_MAX, "max_overflow": 0, "pool_timeout": BUSY_SECONDS}
        path = self.address.path
        if path is None:
            from rotator.store import postgres  # noqa: PLC0415 - its driver is an extra

            return postgres.engine(self.address.url, **bounds)
        engine = create_engine(
            "sqlite+pysqlite://",
            creator=lambda: connect_sqlite(path),
            poolclass=QueuePool,
            hide_parameters=True,
            **bounds,
        )
        event.listen(engine, "begin", begin)
        return engine

    def _look(self) -> tuple[int, int] | None:
        """Notice that the file was taken away or exchanged while connections to it are open."""
        with self._looking:
            identity = self._identify()
            if self._identity is None or self.verify is None:
                self._identity = identity
            elif self._identity != identity:
                self.engine.dispose()
                known, self._identity = self._identity, identity
                try:
                    self.verify(self)
                except BaseException:
                    # Asked again at the next transaction.
                    self._identity = known
                    raise
            return identity

    def _identify(self) -> tuple[int, int] | None:
        if self.address.path is None:
            return None
        try:
            found = self.address.path.stat()
        except FileNotFoundError as exc:
            raise StoreMissing(
                f"{self.address} is gone; bring it back, or type: rotator state init"
            ) from exc
        except OSError as exc:
            raise StoreUnavailable(f"{self.address} cannot be read: {exc.strerror}") from exc
        return found.st_dev, found.st_ino

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Threads of this process wait for each other here, in SQLite's lock only processes."""
        if not self.is_sqlite:
            yield
            return
        if not self._writer.acquire(timeout=2 * BUSY_SECONDS):
            raise StoreUnavailable(f"{self.address} is kept busy by another thread of ours")
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn whatever the driver raises into what the caller then knows."""
        try:
            yield
            self.outages.answered()
        except (DBAPIError, PoolIsEmpty) as exc:
            raise self._noted(translate(exc, self.address)) from exc
        except sqlite3.Error as exc:
            raise self._noted(of_sqlite(exc, self.address)) from exc
        except UnicodeDecodeError as exc:
            # The driver fails at what SQLite says of a name that is no text any more.
            raise StoreDamaged(
                f"{self.address} is damaged (a name in it is no text); bring back a backup"
            ) from exc

    def _noted(self, error: StoreError) -> StoreError:
        """The same error; where the store is away by it, that is noted."""
        if isinstance(error, StoreUnavailable) and not isinstance(error, RowLocked):
            self.outages.failed(self.clock())
        return error


def _text(stored: bytes) -> str | bytes:
    """Text as it is; what is none is handed on as it is, and refused by its column."""
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return stored


def begin(connection: Connection) -> None:
    """Begin a transaction of SQLite's; for the event of that name."""
    # BEGIN IMMEDIATE takes the writer's place first, so that what was read cannot be overtaken.
    writes = connection.get_execution_options().get("rotator_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
