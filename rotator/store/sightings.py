"""What was seen of users and keys, written only when it says something new."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, exists, func, or_, select, update

from rotator.model import UserRef, UseUnknown, Verb
from rotator.store import shapes
from rotator.store.columns import Moment
from rotator.store.damage import sound
from rotator.store.engine import inserting, moment
from rotator.store.part import Part
from rotator.store.schema import keys, leases, orders, rotations, users
from rotator.store.twice import twice

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from rotator.model import AccessKey
    from rotator.store.engine import Database
    from rotator.store.rows import UserRow

__all__ = ["AS_OF_EXACT", "LAST_SEEN_EXACT", "Sightings", "gone", "note_user", "sight"]

AS_OF_EXACT = timedelta(minutes=1)
"""Where nothing else of a user changed, `as_of` is moved on no more often than this."""

LAST_SEEN_EXACT = timedelta(days=1)
"""Where nothing else of a key changed, `last_seen_at` is moved on no more often than this."""

_USER = select(users).where(shapes.mine(users)).with_for_update()
_AS_OF = select(users.c.as_of).where(shapes.mine(users)).with_for_update()
_NOTE = update(users).where(shapes.mine(users))
_PRESENCE = (
    select(users.c.user_id, users.c.missing_since)
    .where(users.c.account_id == bindparam("of_account_id"))
    .order_by(users.c.user_id)
)
_KEYS = select(keys).where(shapes.mine(keys))
_SIGHT = update(keys).where(keys.c.key_id == bindparam("of_key"))
_AT = bindparam("of_moment", type_=Moment)
_GONE = (
    update(keys)
    .where(shapes.mine(keys), keys.c.key_id == bindparam("of_key"), keys.c.gone_at.is_(None))
    .values(gone_at=_AT, missing_since=func.coalesce(keys.c.missing_since, _AT))
)


@cache
def _making_known(*, is_sqlite: bool) -> Any:  # noqa: ANN401 - the dialects' classes share no base
    row = inserting(keys, is_sqlite=is_sqlite)
    anew = {column.name: row.excluded[column.name] for column in keys.columns}
    return row.on_conflict_do_update(index_elements=[keys.c.key_id], set_=anew)


def note_user(database: Database, connection: Connection, user: UserRow) -> bool:
    """Write what is known of a user if it changed; whether it was written."""
    whose = shapes.whose(user.ref)
    row = connection.execute(_USER, whose).first()
    if row is None:
        new = database.insert(users).values(**shapes.user_columns(user))
        if connection.execute(new.on_conflict_do_nothing()).rowcount:
            return True
        # Somebody else has just made the row known: theirs is compared with.
        row = connection.execute(_USER, whose).one()
    if not _says_more(shapes.user_row(row), user):
        return False
    connection.execute(_NOTE, {**shapes.user_columns(user), **whose})
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
    rows = connection.execute(_KEYS, shapes.whose(ref))
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
            silence = shapes.silence(stored, key.last_use)
            news = {**columns, "longest_silence": silence, "of_key": key.key_id}
            connection.execute(_SIGHT, news)


def _make_known(database: Database, connection: Connection, columns: Mapping[str, Any]) -> None:
    anew = {**columns, "gone_at": None, "longest_silence": None}
    connection.execute(_making_known(is_sqlite=database.is_sqlite), anew)


def gone(connection: Connection, ref: UserRef, *, key_id: str, at: datetime) -> None:
    """Record that a key is known to be deleted."""
    connection.execute(_GONE, shapes.whose(ref, of_key=key_id, of_moment=at))


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
            rows = connection.execute(_PRESENCE, {"of_account_id": account_id})
            for row in list(sound(rows)):
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
            leases.c.until > moment("now", by_our_clock=self._database.by_our_clock),
        )
        found = connection.execute(
            select(users.c.user_id).where(
                users.c.account_id == account_id, or_(ordered, rotating, leased)
            ),
            self._database.moments(now=timedelta()),
        )
        return frozenset(found.scalars())


def _note_unless_older(database: Database, connection: Connection, user: UserRow) -> bool:
    stored = connection.execute(_AS_OF, shapes.whose(user.ref)).scalar()
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
