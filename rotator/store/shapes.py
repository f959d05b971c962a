"""Rows to nouns and back: the only place that knows both spellings."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from sqlalchemy import bindparam, or_

from rotator.errors import RowDamaged
from rotator.model import (
    AccessKey,
    Failures,
    Hold,
    Intent,
    Order,
    Place,
    Reason,
    Rotation,
    UsedAt,
    UserRef,
    UseUnknown,
)
from rotator.store.columns import last_use_from, last_use_to
from rotator.store.rows import (
    Counts,
    JournalRow,
    KeyRow,
    OrderRow,
    PlaceRow,
    SurveyRow,
    SweepRow,
    UserRow,
)
from rotator.store.schema import (
    METADATA,
    journal,
    keys,
    orders,
    places,
    rotations,
    surveys,
    sweeps,
    users,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from sqlalchemy import ColumnElement, Row, Table

    from rotator.model import LastUse

    Stored: TypeAlias = Row[*tuple[Any, ...]]

__all__ = [
    "access_key_columns",
    "hold",
    "intent",
    "journal_row",
    "key_row",
    "mine",
    "of_user",
    "one_of",
    "order_row",
    "place_changes",
    "place_row",
    "ref_of",
    "rotation",
    "rotation_columns",
    "same_user",
    "silence",
    "survey_columns",
    "survey_row",
    "sweep_row",
    "user_columns",
    "user_row",
    "whole",
    "whose",
]


def whole(table: Table, row: Stored) -> Stored:
    """The same row, where each column holds something that must.

    Raises:
        RowDamaged: one does not.
    """
    for name in _REQUIRED[table.name]:
        if getattr(row, name) is None:
            raise RowDamaged(f"the store holds nothing where {table.name}.{name} belongs")
    return row


_REQUIRED = {
    table.name: tuple(column.name for column in table.columns if not column.nullable)
    for table in METADATA.sorted_tables
}
"""The columns of each table that always hold something."""


def of_user(table: Table, ref: UserRef) -> ColumnElement[bool]:
    """The rows of one user."""
    return (table.c.account_id == ref.account_id) & (table.c.user_id == ref.user_id)


def mine(table: Table) -> ColumnElement[bool]:
    """The rows of one user, whom `whose` names each time: for a statement that is built once."""
    return (table.c.account_id == bindparam("of_account_id")) & (
        table.c.user_id == bindparam("of_user_id")
    )


def whose(ref: UserRef, **more: object) -> dict[str, object]:
    """The parameters of `mine`, and others."""
    return {"of_account_id": ref.account_id, "of_user_id": ref.user_id, **more}


def one_of(column: ColumnElement[Any], words: Iterable[object]) -> ColumnElement[bool]:
    """Any of a few words that are always the same: unlike `in_`, it is written out only once."""
    return or_(*(column == word for word in words))


def same_user(one: Table, other: Table) -> ColumnElement[bool]:
    """The condition that joins two tables on the user."""
    return (one.c.account_id == other.c.account_id) & (one.c.user_id == other.c.user_id)


def ref_of(row: Stored) -> UserRef:
    """Whose row it is."""
    return UserRef(row.account_id, row.user_id)


def user_row(row: Stored) -> UserRow:
    """A row of `users`."""
    columns = whole(users, row)._asdict()
    ref = UserRef(columns.pop("account_id"), columns.pop("user_id"))
    return UserRow(ref=ref, **columns)


def user_columns(user: UserRow) -> dict[str, Any]:
    """What is stored of a user."""
    columns = {field.name: getattr(user, field.name) for field in fields(user)}
    del columns["ref"]
    return {"account_id": user.ref.account_id, "user_id": user.ref.user_id, **columns}


def use_of(row: Stored) -> LastUse:
    """The last use that a row holds; without a copy of all that it holds besides."""
    return last_use_from({name: getattr(row, name) for name in _USE})


_USE = ("use_kind", "used_at", "used_service", "used_region", "use_why")


def key_row(row: Stored) -> KeyRow:
    """A row of `keys`."""
    row = whole(keys, row)
    key = AccessKey(
        key_id=row.key_id,
        status=row.status,
        created_at=row.created_at,
        last_use=use_of(row),
        status_since=row.status_since,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        missing_since=row.missing_since,
    )
    return KeyRow(ref_of(row), key, row.longest_silence, row.gone_at)


def access_key_columns(ref: UserRef, key: AccessKey) -> dict[str, Any]:
    """What is stored of a key that a listing showed, or lacked."""
    return {
        "key_id": key.key_id,
        "account_id": ref.account_id,
        "user_id": ref.user_id,
        "status": key.status,
        "created_at": key.created_at,
        "status_since": key.status_since,
        "first_seen_at": key.first_seen_at,
        "last_seen_at": key.last_seen_at,
        "missing_since": key.missing_since,
        **last_use_to(key.last_use),
    }


def place_row(row: Stored) -> PlaceRow:
    """A row of `places`."""
    row = whole(places, row)
    failed = row.failed_at is not None and row.failures > 0
    return PlaceRow(
        place=Place(row.type, row.address),
        readable=row.readable,
        sink_id=row.sink_id,
        claimed_at=row.claimed_at,
        begun_key=row.begun_key,
        answered_key=row.answered_key,
        written_at=row.written_at,
        delivered_at=row.delivered_at,
        failures=Failures(row.failures, row.failed_at, row.failed_why) if failed else None,
        reading=row.reading,
        serves=row.serves,
        read_at=row.read_at,
    )


def place_changes(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a place, its failures taken apart."""
    changes = dict(columns)
    if "failures" in changes:
        failures = cast("Failures | None", changes.pop("failures"))
        changes["failures"] = 0 if failures is None else failures.count
        changes["failed_at"] = None if failures is None else failures.last_at
        changes["failed_why"] = "" if failures is None else failures.why
    return changes


def rotation(row: Stored) -> Rotation:
    """A row of `rotations`."""
    row = whole(rotations, row)
    return Rotation(**{field.name: getattr(row, field.name) for field in fields(Rotation)})


def rotation_columns(ref: UserRef, facts: Rotation) -> dict[str, Any]:
    """What is stored of a rotation."""
    columns = {field.name: getattr(facts, field.name) for field in fields(facts)}
    return {"account_id": ref.account_id, "user_id": ref.user_id, **columns}


def intent(row: Stored) -> Intent:
    """A row of `journal` whose outcome is intent."""
    row = whole(journal, row)
    return Intent(
        step=row.step,
        at=row.at,
        timeout_at=row.at if row.timeout_at is None else row.timeout_at,
        key_id=row.key_id,
        place=row.place,
    )


def journal_row(row: Stored) -> JournalRow:
    """A row of `journal`."""
    columns = whole(journal, row)._asdict()
    return JournalRow(user=columns.pop("user_name"), **columns)


def order_row(row: Stored) -> OrderRow:
    """A row of `orders`."""
    row = whole(orders, row)
    order = Order(
        order_id=row.order_id,
        verb=row.verb,
        given_at=row.given_at,
        actor=row.actor,
        reason=row.reason,
        key_id=row.key_id,
        enforce=row.enforce,
        compromised=row.compromised,
        contain_first=row.contain_first,
        now=row.now,
        confirmed=row.confirmed,
        action=row.action,
        sink_id=row.sink_id,
        take_over=row.take_over,
        accepted_at=row.accepted_at,
        open_since=row.open_since,
        used_at=row.used_at,
    )
    return OrderRow(ref_of(row), order, row.outcome, row.message, row.ended_at)


def hold(row: Stored) -> Hold:
    """A row of `orders` whose verb is hold."""
    row = whole(orders, row)
    return Hold(
        scope=row.scope,
        since=row.given_at,
        by=row.actor,
        reason=row.cause or Reason.BY_HAND,
        message=row.reason,
        until=row.until,
    )


def sweep_row(row: Stored) -> SweepRow:
    """A row of `sweeps`."""
    row = whole(sweeps, row)
    counts = Counts(**{field.name: getattr(row, field.name) for field in fields(Counts)})
    return SweepRow(
        sweep_id=row.sweep_id,
        policy=row.policy,
        account_id=row.account_id,
        begun_at=row.begun_at,
        ended_at=row.ended_at,
        ok=row.ok,
        counts=counts,
        message=row.message,
    )


def survey_row(row: Stored) -> SurveyRow:
    """A row of `surveys`."""
    return SurveyRow(**whole(surveys, row)._asdict())


def survey_columns(row: SurveyRow) -> dict[str, Any]:
    """What is stored of a survey."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


def silence(stored: Mapping[str, Any], use: LastUse) -> timedelta | None:
    """The longest time between two uses of a key, the one that ends with this use counted."""
    longest: timedelta | None = stored["longest_silence"]
    if not isinstance(use, UsedAt):
        return longest
    before = stored["used_at"]
    if before is None:
        if isinstance(last_use_from(stored), UseUnknown):
            return longest
        before = stored["created_at"]
    found: timedelta = use.at - before
    return found if longest is None else max(longest, found)
