"""Notices a store that lost what was committed: a backup that was opened, or a fail-over.

A backup carries a stamp. A store that went back without one is noticed by whoever saw a higher
`seq` committed. Both last until a person says `state accept`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sqlalchemy import select

from rotator.store.journal import seq_max
from rotator.store.schema import meta

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["ACCEPTED", "STAMP", "Watermark"]

STAMP = "backup"
ACCEPTED = "accepted"
_CURE = "to go on from it, a person types: rotator state accept"


class Watermark:
    """The highest `seq` that this process saw committed; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = 0
        # What had last been accepted when the store was found to be behind; only an acceptance
        # that came after that, so another one, answers it.
        self._behind: tuple[str, str] | None = None

    def saw(self, seq: int) -> None:
        """Remember that this row was committed."""
        with self._lock:
            self._seen = max(self._seen, seq)

    def look(self, connection: Connection) -> str | None:
        """The sentence that says that the store went back, or None. The first read of its
        transaction, so that nothing can be committed and seen between the two.
        """
        with self._lock:
            seen = self._seen
        marks = {row.name: row.value for row in connection.execute(select(meta))}
        top = seq_max(connection)
        if STAMP in marks:
            return f"the store is a copy, {marks[STAMP]}; {_CURE}"
        accepted = marks.get(ACCEPTED, "")
        with self._lock:
            if self._behind is not None and self._behind[0] != accepted:
                self._behind = None
                self._seen = seen = top
            if self._behind is None and top < seen:
                self._behind = (
                    accepted,
                    (
                        f"the store lost what was committed: its journal ends at row {top}, "
                        f"but row {seen} was seen; {_CURE}"
                    ),
                )
            self._seen = max(self._seen, top)
            return None if self._behind is None else self._behind[1]
