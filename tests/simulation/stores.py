"""The store of a simulated world, in memory: made once, and emptied for each life.

The real store over the real SQLite, but for its file: opening one, checking it and compiling every
statement for it anew takes several times as long as a whole life.

    store = empty_store(clock)
    …
    bytes_of(store)         # all that is stored, as a file would have it
    give_back(store)        # for the next world

    with counted(store) as statements:  # by their first word
        …
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import create_engine, event, make_url, select
from sqlalchemy.pool import StaticPool

from rotator.store import Store, create, shapes
from rotator.store.engine import Address, Database
from rotator.store.schema import rotations, users
from rotator.store.watermark import Watermark
from tests.simulation.direct import Direct
from tests.sinks.fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from rotator.model import Rotation, UserRef
    from rotator.store import UserRow

__all__ = ["bytes_of", "counted", "empty_store", "give_back", "open_rotation", "row_of"]

_IDLE: list[DatabaseInMemory] = []


class DatabaseInMemory(Database):
    """One connection to one database that no file has: threads take turns."""

    def __init__(self) -> None:
        self._turns = RLock()
        self.driver = _in_memory()
        self.driver.execute("PRAGMA foreign_keys=ON").close()
        # The path only says that it is SQLite; nothing is ever looked for there.
        super().__init__(Address(make_url("sqlite://"), Path("in memory")), clock=_no_clock)
        self._direct = Direct(self.engine, self.driver)

    def empty(self, clock: Callable[[], datetime]) -> None:
        """Forget everything, as if it had just been made."""
        self.clock = clock
        _made().backup(self.driver)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, how: str) -> Iterator[Connection]:
        direct = self._direct
        with self._turns, self.translated():
            direct.begin(how)
            try:
                yield cast("Connection", direct)
            except BaseException:
                direct.end(self.driver.rollback)
                raise
            direct.end(self.driver.commit)

    def _engine(self) -> Engine:
        # Transactions are begun and ended by `Direct`.
        return create_engine(
            "sqlite+pysqlite://",
            creator=lambda: self.driver,
            poolclass=StaticPool,
            hide_parameters=True,
        )

    def _identify(self) -> tuple[int, int] | None:
        return None


def empty_store(clock: Callable[[], datetime]) -> Store:
    """A store in which nothing is recorded, as a process finds it that has just started."""
    database = _IDLE.pop() if _IDLE else DatabaseInMemory()
    database.empty(clock)
    return Store(database, Watermark())


def give_back(store: Store) -> None:
    """Let another world have its database, which is emptied then."""
    _IDLE.append(_database_of(store))


@contextmanager
def counted(store: Store) -> Iterator[Counter[str]]:
    """What the database is asked meanwhile: how many statements of each kind."""
    asked: Counter[str] = Counter()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked[statement.partition(" ")[0]] += 1

    engine = store._database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def bytes_of(store: Store) -> bytes:
    """Everything that it holds, free pages too."""
    return _database_of(store).driver.serialize()


_ROW = select(users).where(shapes.mine(users))
_OPEN = select(rotations).where(shapes.mine(rotations), rotations.c.closed_at.is_(None))


def row_of(store: Store, ref: UserRef) -> UserRow | None:
    """Where a user stands; all else that is known of it is not read."""
    with store._database.reading() as connection:
        row = connection.execute(_ROW, shapes.whose(ref)).first()
    return None if row is None else shapes.user_row(row)


def open_rotation(store: Store, ref: UserRef) -> Rotation | None:
    """The open rotation of a user; all else that is known of it is not read."""
    with store._database.reading() as connection:
        row = connection.execute(_OPEN, shapes.whose(ref)).first()
    return None if row is None else shapes.rotation(row)


@cache
def _made() -> sqlite3.Connection:
    """An empty store as it is made."""
    with TemporaryDirectory(prefix="rotator-store-") as folder:
        path = Path(folder) / "state.db"
        create(f"sqlite:///{path}", clock=FakeClock()).close()
        made = _in_memory()
        with closing(sqlite3.connect(path)) as connection:
            connection.backup(made)
    return made


def _in_memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


def _database_of(store: Store) -> DatabaseInMemory:
    return cast("DatabaseInMemory", store._database)


def _no_clock() -> Any:  # noqa: ANN401 - never called
    raise AssertionError("emptied before it is used")
