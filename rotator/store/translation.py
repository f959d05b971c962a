"""What the caller then knows, of whatever the database or its driver raised."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy.exc import TimeoutError as PoolIsEmpty

from rotator.errors import StoreDamaged, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

    from rotator.store.engine import Address

__all__ = ["BUSY_SECONDS", "POOL_MAX", "RowLocked", "of_sqlite", "translate"]

BUSY_SECONDS = 5
POOL_MAX = 10

_LOCKED = f"is locked by another process for more than {BUSY_SECONDS} s"
_SQLITE_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_FULL: "cannot be written: the disk is full",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk answers with an error",
    sqlite3.SQLITE_READONLY: "cannot be written: it, its folder or its file system is read-only",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: look at its folder, and who may write there",
    sqlite3.SQLITE_NOMEM: "cannot be read: there is no memory left",
    sqlite3.SQLITE_PERM: "may not be opened by this user",
}


class RowLocked(StoreUnavailable):
    """Another replica kept a row to itself for longer than we wait; it is writing there now."""


def translate(exc: DBAPIError | PoolIsEmpty, address: Address) -> StoreError:
    """What the caller then knows, of any error that the database or its driver raised."""
    if isinstance(exc, PoolIsEmpty):
        return StoreUnavailable(f"{address} gives no connection: all {POOL_MAX} are in use")
    cause = exc.orig
    if isinstance(cause, sqlite3.Error):
        return of_sqlite(cause, address)
    return _of_postgres(cause, address)


def _of_postgres(cause: object, address: Address) -> StoreError:
    """By the class of the SQLSTATE (PostgreSQL, appendix A); a lost connection has none."""
    state = getattr(cause, "sqlstate", None) or ""
    first = str(cause).strip().partition("\n")[0]
    if state == "55P03":
        return RowLocked(f"{address} is kept locked by another replica: {first}")
    if state == "25006" or "read-only" in first or "hot standby" in first:
        return StoreUnavailable(f"{address} takes no writes: it is a standby, or read-only")
    if state == "42501":
        return StoreUnavailable(f"{address} may not be used by its user: {first}")
    if state.startswith(("42", "XX")):
        return StoreDamaged(f"{address} is not in order: {first}")
    # 22 is a value, 23 a constraint, P0 a trigger.
    if state.startswith(("22", "23", "P0")):
        return StoreError(f"{address} refuses the row: {first}")
    # What the server itself says while it turns somebody away: a password, a limit, no database.
    _, refused, why = first.rpartition("FATAL: ")
    if refused:
        return StoreUnavailable(f"{address} lets nobody in: {why.strip()}")
    return StoreUnavailable(f"{address} does not answer: {first}")


def of_sqlite(exc: BaseException, address: Address) -> StoreError:
    """What the caller then knows, by the error code of SQLite."""
    code = getattr(exc, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in _SQLITE_UNAVAILABLE:
        return StoreUnavailable(f"{address} {_SQLITE_UNAVAILABLE[primary]}")
    if primary == sqlite3.SQLITE_NOTADB:
        return StoreDamaged(f"{address} is not an SQLite file; it is left as it is")
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return StoreError(f"{address} refuses the row: {exc}")
    return StoreDamaged(f"{address} is damaged ({exc}); bring back a backup")
