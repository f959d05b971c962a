"""Transactions that may be run again, where the answer to their commit was lost.

What one holder writes under a lease is found out by the mark that it leaves (`leases`). Every
other transaction is written so that running it again changes nothing more: that it runs to its
end is then the answer. Rows that the first one keeps locked are waited for, so that a commit which
is still under way is found as well.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from rotator.errors import CommitUnknown, StoreUnavailable
from rotator.store.translation import RowLocked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from rotator.store.engine import Database

__all__ = ["looks", "twice"]

LOOK_SECONDS = 6.0
"""How long one asks whether a commit was lost, while the database starts anew."""

PAUSE_SECONDS = 0.25

T = TypeVar("T")


def looks() -> Iterator[int]:
    """The moments at which one looks again, the first at once."""
    ends, look = time.monotonic() + LOOK_SECONDS, 0
    while not look or time.monotonic() < ends:
        yield look
        look += 1
        time.sleep(PAUSE_SECONDS)


def twice(database: Database, transaction: Callable[[Connection], T]) -> T:
    """Run a transaction, and again where nobody knows whether it was committed.

    `transaction` must come to the same, whether an earlier run of it was written or not.

    Raises:
        CommitUnknown: it was written, or not; the database cannot be asked now.
    """
    try:
        with database.writing() as connection:
            return transaction(connection)
    except CommitUnknown as exc:
        unknown = exc
    for _ in looks():
        try:
            with database.writing() as connection:
                return transaction(connection)
        except RowLocked:
            break
        except StoreUnavailable:
            continue
    raise unknown
