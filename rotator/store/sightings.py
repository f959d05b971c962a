"""What was seen of users and keys, written only when it says something new."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, literal, or_, select, update

from rotator.model import UsedAt, UserRef, UseUnknown, Verb
from rotator.store import shapes
from rotator.store.columns import Moment, last_use_from
from rotator.store.part import Part
from rotator.store.schema import keys, leases, orders, rotations, users
from rotator.store.twice import twice

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from rotator.model import AccessKey, LastUse
    from rotator.store.engine import Database
    from rotator.store.rows import UserRow

__all__ = ["AS_OF_EXACT", "LAST_SEEN_EXACT", "Sightings", "gone", "note_user", "sight"]

AS_OF_EXACT = timedelta(minutes=1)
"""Where nothing else of a user changed, `as_of` is moved on no more often than this."""

LAST_SEEN_EXACT = timedelta(days=1)
"""Where nothing else of a key changed, `last_seen_at` is moved on no more often than this."""


def note_user(database: Database, connection: Connection, user: UserRow) -> bool:
    """Write what is known of a user if it changed; whether it was written."""
    query = select(users).where(shapes.of_user(users, user.ref)).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        new = database.insert(users).values(**shapes.user_columns(user))
        if connection.execute(new.on_conflict_do_nothing()).rowcount:
            return True
        # Somebody else has just made the row known: theirs is compared with.
        row = connection.execute(query).one()
    if not _says_more(shapes.user_row(row), user):
        return False
    connection.execute(
        update(users).where(shapes.of_user(users, user.ref)).values(**shapes.user_columns(user))
    )
    return True


def sight(
    database: Database, connection: Connection, ref: UserRef, seen: Sequence[AccessKey]
) -> None:
    """Write what a listing showed, or lacked, of a user's keys.

    Whose a key is, the latest listing says: one that was taken for another's changes hands.
    A key that is listed again is no longer known to be deleted: which listing is stale is for
    the caller to judge. A last use that could not be read leaves the one on record in its columns,
    so that the longest silence is reckoned from it, but reads as unknown.
    """
    rows = connection.execute(select(keys).where(shapes.of_user(keys, ref)))
    known = {row.key_id: row for row in rows}
    for key in seen:
        columns = shapes.access_key_columns(ref, key)
        row = known.get(key.key_id)
        if row is None:
            _make_known(database, connection, columns)
            continue
        stored = row._asdict()
        if isinstance(key.last_use, UseUnknown):
            for name in ("used_at", "used_service", "used_region"):
                del columns[name]
        if key.is_listed:
            columns["gone_at"] = None
        if _is_news(stored, columns):
            silence = _silence(stored, key.last_use)
            connection.execute(
                update(keys)
                .where(keys.c.key_id == key.key_id)
                .values(**columns, longest_silence=silence)
            )


def _make_known(database: Database, connection: Connection, columns: Mapping[str, Any]) -> None:
    anew = {**columns, "gone_at": None, "longest_silence": None}
    row = database.insert(keys).values(**columns)
    connection.execute(row.on_conflict_do_update(index_elements=[keys.c.key_id], set_=anew))


def gone(connection: Connection, ref: UserRef, *, key_id: str, at: datetime) -> None:
    """Record that a key is known to be deleted."""
    connection.execute(
        update(keys)
        .where(shapes.of_user(keys, ref), keys.c.key_id == key_id, keys.c.gone_at.is_(None))
        .values(gone_at=at, missing_since=func.coalesce(keys.c.missing_since, literal(at, Moment)))
    )


class Sightings(Part):
    """What a survey learned of many users at once, without a lease on any."""

    def note_users(self, rows: Iterable[UserRow]) -> int:
        """Write what a survey says of users, and tell how many were written.

        Passed over is whoever a lease is held on, has a rotation or an order open, or was looked
        at later than the row says: those who look live know better.
        """
        by_account: dict[str, list[UserRow]] = defaultdict(list)
        for row in rows:
            by_account[row.ref.account_id].append(row)
        noted = 0

        def note(connection: Connection) -> int:
            nonlocal noted
            written = 0
            for account_id, group in by_account.items():
                busy = self._busy(connection, account_id)
                # In one order everywhere, so that two surveys never wait for each other.
                written += sum(
                    _note_unless_older(self._database, connection, row)
                    for row in sorted(group, key=lambda row: row.ref.user_id)
                    if row.ref.user_id not in busy
                )
            # A run whose answer was lost leaves nothing to write.
            noted = max(noted, written)
            return noted

        return twice(self._database, note)

    def note_missing(self, account_id: str, present: Collection[str], at: datetime) -> None:
        """Record which known users a complete listing of an account lacked, since when, and that
        others are there again. Never to be called with a listing that was broken off.
        """
        listed = frozenset(present)

        def note(connection: Connection) -> None:
            rows = connection.execute(
                select(users.c.user_id, users.c.missing_since)
                .where(users.c.account_id == account_id)
                .order_by(users.c.user_id)
            ).all()
            for row in rows:
                is_listed = row.user_id in listed
                if is_listed == (row.missing_since is None):
                    continue
                connection.execute(
                    update(users)
                    .where(shapes.of_user(users, UserRef(account_id, row.user_id)))
                    .values(missing_since=None if is_listed else at)
                )

        twice(self._database, note)

    def _busy(self, connection: Connection, account_id: str) -> frozenset[str]:
        ordered = exists().where(
            orders.c.account_id == users.c.account_id,
            orders.c.user_id == users.c.user_id,
            orders.c.ended_at.is_(None),
            orders.c.verb != Verb.HOLD,
        )
        rotating = exists().where(
            rotations.c.account_id == users.c.account_id,
            rotations.c.user_id == users.c.user_id,
            rotations.c.closed_at.is_(None),
        )
        leased = exists().where(
            leases.c.account_id == users.c.account_id,
            leases.c.user_id == users.c.user_id,
            leases.c.until > self._database.now(),
        )
        found = connection.execute(
            select(users.c.user_id).where(
                users.c.account_id == account_id, or_(ordered, rotating, leased)
            )
        )
        return frozenset(found.scalars())


def _note_unless_older(database: Database, connection: Connection, user: UserRow) -> bool:
    stored = connection.execute(
        select(users.c.as_of).where(shapes.of_user(users, user.ref)).with_for_update()
    ).scalar()
    if stored is not None and user.as_of is not None and stored > user.as_of:
        return False
    return note_user(database, connection, user)


def _says_more(stored: UserRow, user: UserRow) -> bool:
    if replace(user, as_of=stored.as_of) != stored:
        return True
    if stored.as_of is None or user.as_of is None:
        return stored.as_of != user.as_of
    return user.as_of - stored.as_of >= AS_OF_EXACT


def _is_news(stored: Mapping[str, Any], columns: Mapping[str, Any]) -> bool:
    for name, value in columns.items():
        if name == "last_seen_at":
            if value - stored[name] >= LAST_SEEN_EXACT:
                return True
        elif stored[name] != value:
            return True
    return False


def _silence(stored: Mapping[str, Any], use: LastUse) -> timedelta | None:
    """The longest time between two uses, the one that ends with this use counted."""
    longest: timedelta | None = stored["longest_silence"]
    if not isinstance(use, UsedAt):
        return longest
    before = stored["used_at"]
    if before is None:
        if not isinstance(last_use_from(stored), UseUnknown):
            before = stored["created_at"]
        else:
            return longest
    silence: timedelta = use.at - before
    return silence if longest is None else max(longest, silence)
