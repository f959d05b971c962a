"""Looking after a store: checks, backups, and going on from one that went back."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from rotator.errors import Refused, RowDamaged, StoreDamaged, StoreTooNew
from rotator.model import JournalOutcome, Step
from rotator.store import files, migrations
from rotator.store import journal as record
from rotator.store.damage import damages
from rotator.store.engine import connect_sqlite
from rotator.store.part import Part
from rotator.store.rows import JournalRow
from rotator.store.schema import APPEND_ONLY, METADATA, meta
from rotator.store.twice import twice
from rotator.store.watermark import ACCEPTED, HOME, STAMP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from rotator.store.engine import Database

__all__ = ["Upkeep", "before_version", "copy", "quick_check"]

_COPY_PAGES = 256

# dialect: which columns there are, and which indexes and triggers.
_THERE = {
    "sqlite": (
        (
            "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c "
            "WHERE t.type = 'table'"
        ),
        "SELECT name FROM sqlite_master WHERE type IN ('index', 'trigger')",
    ),
    "postgresql": (
        (
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = current_schema()"
        ),
        (
            "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() UNION "
            "SELECT trigger_name FROM information_schema.triggers "
            "WHERE trigger_schema = current_schema()"
        ),
    ),
}


class Upkeep(Part):
    """What an operator asks of a store as a whole."""

    def check(self) -> list[str]:
        """Everything that is wrong with the store, a sentence each; nothing where all is well.

        Looks at the file's integrity, the version, tables, foreign keys, and whether each user's
        part of the journal is whole and unchanged.
        """
        found: list[str] = []
        try:
            with self._database.reading() as connection:
                found += _integrity(self._database, connection)
                migrations.version_of(self._database, connection)
                found += _tables(connection)
                found += [one.sentence for one in damages(connection, *METADATA.sorted_tables)]
                found += record.broken_chains(connection)
        except RowDamaged:
            # Of the journal: told above, and no chain can be followed past it.
            pass
        except (StoreDamaged, StoreTooNew) as exc:
            found.append(str(exc))
        return found

    def backup(self, target: Path) -> None:
        """Copy the store, as it is at one moment and while it is in use, into a new file.

        The copy carries a stamp: whoever opens it begins and harms nothing until `accept`.

        Raises:
            Refused: the target exists, or the store is PostgreSQL's, which has means of its own.
        """
        copy(self._database, target)

    def went_back(self) -> str | None:
        """The sentence that says that the store is a backup or lost commits; None if neither."""
        with self._database.reading() as connection:
            return self._watermark.look(connection)

    def accept(self, *, actor: str, reason: str) -> None:
        """Go on from this store as it is, although it is a backup or lost commits."""
        now = self._database.clock()
        token = f"{now.isoformat()} {uuid.uuid4().hex}"
        accepted = (meta.c.name == ACCEPTED) & (meta.c.value == token)

        def accept(connection: Connection) -> None:
            self._database.queue_up(connection, "accept")
            if connection.execute(select(meta).where(accepted)).first() is not None:
                return
            connection.execute(delete(meta).where(meta.c.name.in_((STAMP, ACCEPTED, HOME))))
            marks = {ACCEPTED: token} | (
                {HOME: self._watermark.home} if self._watermark.home else {}
            )
            for name, value in marks.items():
                connection.execute(meta.insert().values(name=name, value=value))
            row = JournalRow(
                seq=0,
                at=now,
                step=Step.ORDER,
                outcome=JournalOutcome.DONE,
                detail=f"state accepted: {reason}",
                actor=actor,
            )
            record.append(self._database, connection, row)

        twice(self._database, accept)


def quick_check(database: Database, connection: Connection) -> None:
    """Refuse a damaged SQLite file before anything is built on it.

    Raises:
        StoreDamaged: it fails SQLite's quick_check, or ends in the middle of a page (which SQLite
            reads as if zeros followed).
    """
    path = database.address.path
    if path is None:
        return
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found == "ok" and files.is_cut_short(
        path, page=connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    ):
        found = "the last page is cut short"
    if found != "ok":
        raise StoreDamaged(
            f"{database.address} fails its integrity check ({found}); it is left as it is. "
            "Bring back a backup"
        )


def before_version(database: Database, version: int) -> None:
    """Copy an SQLite store beside itself, as it was before it climbed to this version."""
    path = database.address.path
    if path is None:
        # dialect: PostgreSQL is backed up by its own means.
        return
    name = f"{path.name}.before-v{version}"
    taken = sum(1 for _ in path.parent.glob(f"{name}*"))
    copy(database, path.with_name(f"{name}.{taken}" if taken else name))


def copy(database: Database, target: Path) -> None:
    """Copy an SQLite store into a new, stamped file (SQLite's online backup).

    Raises:
        Refused: the target exists, or the store is no file.
    """
    source = database.address.path
    if source is None:
        raise Refused(
            f"{database.address} is backed up by PostgreSQL's own means, such as pg_dump; where a "
            "dump was restored nothing is begun until a person types: rotator state accept"
        )
    stamp = f"made from {source} at {database.clock():%Y-%m-%d %H:%M:%S} UTC"

    def fill(draft: Path) -> None:
        with (
            database.translated(),
            closing(connect_sqlite(source)) as origin,
            closing(sqlite3.connect(draft, isolation_level=None)) as drain,
        ):
            origin.backup(drain, pages=_COPY_PAGES)
            drain.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (STAMP, stamp))
            # The copy is one file, wherever it is carried; opening it as a store makes it WAL.
            drain.execute("PRAGMA journal_mode=DELETE").close()

    files.make_whole(target, fill)


def _integrity(database: Database, connection: Connection) -> Iterator[str]:
    if not database.is_sqlite:
        return
    for (sentence,) in connection.exec_driver_sql("PRAGMA integrity_check(100)"):
        if sentence != "ok":
            yield f"SQLite's integrity check: {sentence}"
    for table, number, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield f"row {number} of {table} refers to a row of {parent} that is missing"


def _tables(connection: Connection) -> Iterator[str]:
    columns_query, names_query = _THERE[connection.dialect.name]
    columns = {(table, name) for table, name in connection.exec_driver_sql(columns_query)}
    tables = {table for table, _ in columns}
    for table in METADATA.sorted_tables:
        if table.name not in tables:
            yield f"the table {table.name} is missing"
            continue
        yield from (
            f"the column {table.name}.{column.name} is missing"
            for column in table.columns
            if (table.name, column.name) not in columns
        )
    names = set(connection.exec_driver_sql(names_query).scalars())
    if "rotations_open" not in names:
        yield "the index that refuses a second open rotation is missing"
    yield from (
        f"the trigger {name} that keeps the journal append-only is missing"
        for name in APPEND_ONLY[connection.dialect.name]
        if name not in names
    )
