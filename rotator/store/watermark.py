"""Notices a store that lost what was committed: a backup that was opened, or a fail-over.

A backup carries a stamp. PostgreSQL's own means make copies without one, so a store there says in
which database it was made: a dump that was restored, or a clone, is elsewhere. A store that went
back in its place is noticed by whoever saw rows committed that are gone. All of it lasts until a
person says `state accept`.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from sqlalchemy import select

from rotator.store.journal import Written, latest
from rotator.store.schema import journal, meta

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["ACCEPTED", "HOME", "STAMP", "Watermark", "home_of"]

STAMP = "backup"
ACCEPTED = "accepted"
HOME = "home"
REMEMBERED = 16
"""Rows that a process holds a store to. Commits end in another order than their numbers have, so
the last one alone would not do."""

_CURE = "to go on from it, a person types: rotator state accept"

# dialect: a restored dump has other tables, a restored cluster has the same ones. pg_upgrade and a
# move by logical replication change the cluster too, and ask a person as well.
_HOME = """
SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' ||
       (SELECT oid FROM pg_database WHERE datname = current_database())::text || '/' ||
       'journal'::regclass::oid::text
"""


def home_of(connection: Connection) -> str | None:
    """Which database this is, told from every copy of it; None where the file itself is stamped."""
    if connection.dialect.name != "postgresql":
        return None
    return str(connection.exec_driver_sql(_HOME).scalar_one())


class Watermark:
    """The last rows that this process saw committed; safe to share between threads.

    Attributes:
        home: in which database the store is, if it matters; see `home_of`.
    """

    def __init__(self, home: str | None = None) -> None:
        self.home = home
        self._lock = threading.Lock()
        self._seen: deque[Written] = deque(maxlen=REMEMBERED)
        # What had last been accepted when the store was found to be behind; only an acceptance
        # that came after that, so another one, answers it.
        self._behind: tuple[str, str] | None = None

    def saw(self, row: Written | None) -> None:
        """Remember that this row was committed."""
        if row is not None:
            with self._lock:
                self._seen.append(row)

    def look(self, connection: Connection) -> str | None:
        """The sentence that says that the store went back, or None. The first read of its
        transaction, so that nothing can be committed and seen between the two.
        """
        with self._lock:
            seen = tuple(self._seen)
        marks = {row.name: row.value for row in connection.execute(select(meta))}
        top = latest(connection)
        lost = _lost(connection, seen)
        if STAMP in marks:
            return f"the store is a copy, {marks[STAMP]}; {_CURE}"
        if marks.get(HOME, self.home) != self.home:
            return f"the store is a copy: it was made in another database than this one; {_CURE}"
        accepted = marks.get(ACCEPTED, "")
        with self._lock:
            if self._behind is not None and self._behind[0] != accepted:
                self._behind = None
                self._seen.clear()
                lost = None
            if self._behind is None and lost is not None:
                self._behind = (
                    accepted,
                    (
                        f"the store lost what was committed: its journal ends at row {top.seq}, "
                        f"but row {lost} was seen, and is gone; {_CURE}"
                    ),
                )
            if self._behind is None and top.seq and top not in self._seen:
                self._seen.append(top)
            return None if self._behind is None else self._behind[1]


def _lost(connection: Connection, seen: tuple[Written, ...]) -> int | None:
    """The highest row of these that is not there any more."""
    if not seen:
        return None
    rows = connection.execute(
        select(journal.c.seq, journal.c.hash).where(journal.c.seq.in_([row.seq for row in seen]))
    )
    there = {Written(row.seq, row.hash) for row in rows}
    return max((row.seq for row in seen if row not in there), default=None)
