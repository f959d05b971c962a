"""A store whose rows are damaged under those who read it, and a world that goes on."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from rotator.model import Order, Scope, SigningKey, Verb
from rotator.store import open_store
from rotator.store.columns import Count, Evidence, Flag, Moment, Name, Number, Prose, Span, Word
from rotator.store.schema import APPEND_ONLY, METADATA
from tests.simulation.monitor import Monitor
from tests.simulation.world import HOUR, READABLE, TIMING, WRITEONLY, World, policy

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Column

    from rotator.model import User
    from tests.simulation.account import FakeKey

__all__ = ["SINGLE", "Damaged", "Wound", "wounds"]

NO_TEXT: list[object] = [b"\xff\xfe", b"", b"\x00" * 300]
NO_NUMBER: list[object] = ["soon", "", b"\xff", 1.5, float("inf"), "9" * 400]
PROSE: list[object] = ["\x1b[31mred", "\x00", "\u202e", "a\nb", "x" * 100_000, ""]
IMPOSSIBLE: dict[type, list[object]] = {
    Moment: [*NO_NUMBER, -1, 2**63 - 1, -(2**63), 10**18],
    Span: [*NO_NUMBER, -1, 2**63 - 1, -(2**63)],
    Word: ["dancing", "", b"\xff", 7, "x" * 100_000, "\x1b[31m"],
    Flag: [2, -1, "yes", b"\x01", 0.5, 2**63 - 1],
    Count: [*NO_NUMBER, -1],
    Number: [*NO_NUMBER, -1],
    Name: NO_TEXT,
    Prose: [*NO_TEXT, *PROSE],
    Evidence: ["", "{", "[1]", "null", "7", '{"A":[]}', "[" * 100_000, b"{}",
               '{"A":{"used_at":1e9}}', '{"A":{"use_kind":"used","used_at":true}}'],
}  # fmt: skip
"""What each type of column can never hold, or, of prose, what may disturb a reader."""

TABLES = [t for t in METADATA.sorted_tables if t.name not in {"meta", "leases", "chains"}]


@dataclass(frozen=True)
class Wound:
    """One value of one row that was replaced."""

    table: str
    column: str
    row: int
    value: object


def _values(column: Column[object]) -> list[object]:
    kinds = IMPOSSIBLE.get(type(column.type), ["soon", b"\xff", 1.5])
    return kinds if column.nullable else [*kinds, None]


SINGLE = [
    Wound(table.name, column.name, 0, value)
    for table in TABLES
    for column in table.columns
    for value in _values(column)
]
"""Each impossible value of each column, in the first row of its table."""

wounds: st.SearchStrategy[list[Wound]] = st.lists(
    st.sampled_from(SINGLE).flatmap(
        lambda wound: st.integers(0, 30).map(lambda row: replace(wound, row=row))
    ),
    min_size=1,
    max_size=3,
)
"""One to three damaged values, in any rows of any tables."""


@dataclass
class Damaged:
    """A world that was lived in for a while, and is wounded again and again from the same state."""

    folder: Path
    world: World = field(init=False)
    users: list[User] = field(default_factory=list)

    def __post_init__(self) -> None:
        often = policy(sinks=(READABLE, WRITEONLY))
        world = self.world = World.made(self.folder, often)
        for name in ("ann", "bob", "eve", "pat"):
            self.users.append(world.add_user(name))
        self._live()
        world.store.close()
        self._was = _copied(world)
        self._now = world.clock.now
        shutil.copy(world.path, self.folder / "whole.db")
        _unbind(self.folder / "whole.db")

    def _live(self) -> None:
        """Somebody idle, somebody in grace, somebody in recovery; orders, holds, replicas."""
        world, (ann, bob, eve, pat) = self.world, self.users
        world.live(ann)
        world.visit(bob)
        world.until(eve, "key.deactivated")
        store = world.store
        store.give_hold(Scope.USER, subject=pat.ref, reason="a reason", actor="ops")
        store.give(bob.ref, Order(0, Verb.ROLLBACK, world.clock(), actor="ops", reason="why"))
        world.sweeper.announce()
        key = SigningKey("AKIAIOSFODNN7OTHER00", "environment variables", moves=False)
        store.seen_replica(
            "gone", version="0", config_digest="d", at=world.clock() - HOUR, keys=[key]
        )
        world.clock.advance(HOUR)

    def wound(self, wounds: list[Wound]) -> None:
        """Begin anew from the same state, with these values damaged."""
        world = self.world
        world.store.close()
        for log in self.folder.glob("state.db*"):
            log.unlink()
        shutil.copy(self.folder / "whole.db", world.path)
        _strike(world.path, wounds)
        world.aws.users, world.aws.keys, world.backend.entries = self._was
        self._was = _copied(world)
        world.consumers.clear()
        world.aws.executed.clear()
        world.monitor = world.effects.after = Monitor(
            world.aws,
            world.backend,
            lambda: world.store,
            lambda: world.configuration.policies[0],
            TIMING,
        )
        world.told.clear()
        world.clock.now = self._now
        world.store = open_store(f"sqlite:///{world.path}", clock=world.clock)
        world.boot()


def _copied(world: World) -> tuple[dict[str, User], dict[str, FakeKey], dict[str, Any]]:
    """What is true now: users, keys and places."""
    keys = {
        key_id: replace(key, history=list(key.history), uses=list(key.uses))
        for key_id, key in world.aws.keys.items()
    }
    return dict(world.aws.users), keys, dict(world.backend.entries)


def _unbind(path: Path) -> None:
    """Let columns hold nothing that must hold something, as damage may make them."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')")
        connection.execute("PRAGMA writable_schema=RESET")
        connection.execute("PRAGMA journal_mode=DELETE").close()


def _strike(path: Path, wounds: list[Wound]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        for name in APPEND_ONLY["sqlite"]:
            connection.execute(f"DROP TRIGGER {name}")
        for wound in wounds:
            rows = connection.execute(f"SELECT rowid FROM {wound.table} ORDER BY rowid").fetchall()  # noqa: S608 - a table of ours
            if not rows:
                continue
            (rowid,) = rows[wound.row % len(rows)]
            update = f"UPDATE OR IGNORE {wound.table} SET {wound.column} = ? WHERE rowid = ?"  # noqa: S608 - as above
            try:
                connection.execute(update, (wound.value, rowid))
            except sqlite3.IntegrityError:
                # The number of a row is a number, whatever is damaged.
                continue
        for statement in APPEND_ONLY["sqlite"].values():
            connection.execute(statement)
