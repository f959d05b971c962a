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

from sqlalchemy import BigInteger, bindparam, cast, func, null, or_, select

from rotator.store.journal import Written
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


_NEWEST = journal.alias("newest")
_NUMBERS = [bindparam(f"seen_{number}", type_=BigInteger) for number in range(REMEMBERED)]
# The marks, and the journal's last row with those that are remembered: in one statement, since
# every transaction begins with it.
_LOOK = select(meta.c.name, meta.c.value, cast(null(), BigInteger).label("seq")).union_all(
    select(cast(null(), meta.c.name.type), journal.c.hash, journal.c.seq).where(
        or_(
            journal.c.seq == select(func.max(_NEWEST.c.seq)).scalar_subquery(),
            *(journal.c.seq == number for number in _NUMBERS),
        )
    )
)


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
        marks, there = _marks_and_rows(connection, seen)
        top = max(there, default=Written(0, ""))
        lost = max((row.seq for row in seen if row not in there), default=None)
        behind = self._held_against(marks.get(ACCEPTED, ""), top, lost)
        if STAMP in marks:
            return f"the store is a copy, {marks[STAMP]}; {_CURE}"
        if marks.get(HOME, self.home) != self.home:
            return f"the store is a copy: it was made in another database than this one; {_CURE}"
        return behind

    def _held_against(self, accepted: str, top: Written, lost: int | None) -> str | None:
        """What is said of rows that were seen and are gone, until it is answered for.

        Noted of a copy too: one acceptance answers for both.
        """
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


def _marks_and_rows(
    connection: Connection, seen: tuple[Written, ...]
) -> tuple[dict[str, str], set[Written]]:
    """What the store says of itself, and which of these rows it has, the last one of all added."""
    numbers = [row.seq for row in seen]
    numbers += [0] * (REMEMBERED - len(numbers))
    marks, there = {}, set()
    for name, value, seq in connection.execute(
        _LOOK, {one.key: number for one, number in zip(_NUMBERS, numbers, strict=True)}
    ):
        if seq is None:
            marks[name] = value
        else:
            there.add(Written(seq, value))
    return marks, there
