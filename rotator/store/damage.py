"""Rows that make no sense, told one by one, so that they stop nobody but those whose they are."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, select, type_coerce
from sqlalchemy.types import NullType, TypeDecorator

from rotator.errors import RowDamaged
from rotator.model import UserRef
from rotator.store import shapes
from rotator.store.columns import odd
from rotator.store.schema import (
    journal,
    keys,
    orders,
    places,
    replica_keys,
    replicas,
    rotations,
    users,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Connection, Dialect, Result, Row, Table

    from rotator.store.engine import Database

__all__ = ["JUDGED_BY", "STANDING", "Damage", "damages", "placing", "sound"]

STANDING = (users, keys, places, rotations)
"""What says where a user stands."""

JUDGED_BY = (*STANDING, orders, replicas, replica_keys)
"""What a judgement is built on, but for the journal, which may be long."""

TOLD_MAX = 3
"""How many damaged rows one sentence tells of."""

KEY_SHOWN_MAX = 64
"""How much is shown of a part of a damaged row's key."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One row that makes no sense; `ref` is whose it seems to be, if it is a user's at all."""

    ref: UserRef | None
    sentence: str


def sound(rows: Result[Any]) -> Iterator[Row[*tuple[Any, ...]]]:
    """The rows that can be read; the others are passed over, so that they stop nobody else."""
    while True:
        try:
            row = rows.fetchone()
        except RowDamaged:
            continue
        if row is None:
            return
        yield row


@contextmanager
def placing(database: Database, ref: UserRef | None = None) -> Iterator[None]:
    """Say of a row that cannot be read which it is; `ref` is the user whose rows were asked for."""
    try:
        yield
    except RowDamaged as exc:
        with database.reading() as connection:
            found = [
                one.sentence
                for table in (*JUDGED_BY, journal)
                for one in damages(connection, table, where=_of(table, ref))
            ]
        raise RowDamaged("; ".join(found[:TOLD_MAX]) or str(exc)) from exc


def _of(table: Table, ref: UserRef | None) -> ColumnElement[bool] | None:
    return None if ref is None or "user_id" not in table.c else shapes.of_user(table, ref)


def damages(
    connection: Connection, *tables: Table, where: ColumnElement[bool] | None = None
) -> Iterator[Damage]:
    """Each row of these tables that cannot be read, with its place."""
    for table in tables:
        raw = [type_coerce(column, NullType()).label(column.name) for column in table.columns]
        query = select(*raw) if where is None else select(*raw).where(where)
        for row in connection.execute(query):
            sentence = _fault(table, row, connection.dialect)
            if sentence is not None:
                yield Damage(_whose(row), sentence)


def _fault(table: Table, row: Row[*tuple[Any, ...]], dialect: Dialect) -> str | None:
    for column in table.columns:
        try:
            _check(column, getattr(row, column.name), dialect)
        except RowDamaged as exc:
            key = "/".join(_brief(getattr(row, part.name)) for part in table.primary_key)
            return f"the row {key} of {table.name} is damaged: in {column.name} {exc}"
    return None


def _check(column: Column[Any], value: object, dialect: Dialect) -> None:
    if value is None and not column.nullable:
        raise odd(value, "something")
    kind: object = column.type
    if isinstance(kind, TypeDecorator):
        kind.process_result_value(value, dialect)
    elif value is not None and not isinstance(value, int):
        raise odd(value, "a number")


def _whose(row: Row[*tuple[Any, ...]]) -> UserRef | None:
    account_id, user_id = getattr(row, "account_id", None), getattr(row, "user_id", None)
    if isinstance(account_id, str) and isinstance(user_id, str) and user_id:
        return UserRef(account_id, user_id)
    return None


def _brief(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= KEY_SHOWN_MAX else f"{text[:KEY_SHOWN_MAX]}…"
