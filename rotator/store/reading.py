"""What is asked of the store: each answer is one short transaction that sees one state."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, exists, func, or_, select

from rotator.model import DoorName, Failures, Outcome, Timing, UserRef
from rotator.store import journal as record
from rotator.store import limits, shapes
from rotator.store.orders import open_levers, waiting_levers
from rotator.store.part import Part
from rotator.store.rows import Known, Standing
from rotator.store.schema import journal, keys, orders, places, rotations, users

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement, Connection, Row, Table

    from rotator.model import Place, Rotation, Step
    from rotator.store.rows import JournalRow, KeyRow

__all__ = ["Readings"]

_SETTLE = Timing().settle
_RESTARTS_MAX = 31
_PAGE = 500
_LAST_FOUR = 4
_BROKEN_OFF = frozenset({Outcome.NO_EFFECT, Outcome.ORPHAN, Outcome.UNDELIVERED})


class Readings(Part):
    """Questions about users, keys, rotations and the record."""

    def know(self, ref: UserRef, *, settle: timedelta = _SETTLE) -> Known:
        """All that is on record about one user; `settle` is the one of the wait for intents."""
        with self._database.reading() as connection:
            user = connection.execute(select(users).where(shapes.of_user(users, ref))).first()
            found = _keys(connection, shapes.of_user(keys, ref))
            open_one = connection.execute(
                select(rotations).where(
                    shapes.of_user(rotations, ref), rotations.c.closed_at.is_(None)
                )
            ).first()
            rotation = None if open_one is None else shapes.rotation(open_one)
            return Known(
                user=None if user is None else shapes.user_row(user),
                keys=tuple(row.key for row in found),
                former=frozenset(row.key.key_id for row in found if row.gone_at is not None),
                rotation=rotation,
                places=tuple(
                    shapes.place_row(row)
                    for row in connection.execute(
                        select(places)
                        .where(shapes.of_user(places, ref))
                        .order_by(places.c.type, places.c.address)
                    )
                ),
                intents=record.unsettled(
                    connection,
                    ref,
                    rotation_id=None if rotation is None else rotation.rotation_id,
                    now=self._database.clock(),
                    settle=settle,
                ),
                failures={}
                if rotation is None
                else record.failures(connection, rotation.rotation_id),
                restart=_restart(connection, ref),
                orders=tuple(
                    shapes.order_row(row).order
                    for row in connection.execute(
                        select(orders)
                        .where(shapes.of_user(orders, ref), open_levers())
                        .order_by(orders.c.order_id)
                    )
                ),
            )

    def counts(self, policy: str, account_id: str, since: datetime) -> Mapping[DoorName, int]:
        """See `limits.counts`."""
        with self._database.reading() as connection:
            return limits.counts(connection, policy=policy, account_id=account_id, since=since)

    def spent(
        self, policy: str, account_id: str, since: datetime
    ) -> Mapping[DoorName, Sequence[datetime]]:
        """See `limits.spent`."""
        with self._database.reading() as connection:
            return limits.spent(connection, policy=policy, account_id=account_id, since=since)

    def recent_failures(self, policy: str, account_id: str, since: datetime) -> int:
        """See `limits.recent_failures`."""
        with self._database.reading() as connection:
            return limits.recent_failures(
                connection, policy=policy, account_id=account_id, since=since
            )

    def owner_of(self, place: Place) -> UserRef | None:
        """Whose place it is."""
        query = select(places.c.account_id, places.c.user_id).where(
            places.c.type == place.type, places.c.address == place.address
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else shapes.ref_of(row)

    def moments(self, now: datetime) -> list[tuple[UserRef, str, str]]:
        """Users whose next moment has come or who have an order: reference, account, name."""
        ordered = exists().where(shapes.same_user(orders, users), waiting_levers())
        query = (
            select(users.c.account_id, users.c.user_id, users.c.account, users.c.name)
            .where(or_(users.c.next_at <= now, ordered))
            .order_by(users.c.next_at, users.c.account_id, users.c.user_id)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [(shapes.ref_of(row), row.account, row.name) for row in rows]

    def next_moment(self) -> datetime | None:
        """The earliest next moment of any user."""
        with self._database.reading() as connection:
            found: datetime | None = connection.execute(select(func.min(users.c.next_at))).scalar()
        return found

    def users(self) -> list[Standing]:
        """Everybody who was ever seen, with keys, places and open rotation, in four queries."""
        return self._standings(None)

    def find_user(self, text: str) -> list[Standing]:
        """Users by `user`, `account/user` (the account's name or id) or UserId; all that fit."""
        account, slash, name = text.rpartition("/")
        if slash:
            fits = and_(
                users.c.name == name, or_(users.c.account == account, users.c.account_id == account)
            )
        else:
            fits = or_(users.c.name == text, users.c.user_id == text)
        return self._standings(fits)

    def find_key(self, text: str) -> list[KeyRow]:
        """Keys by their whole id or its last four characters, deleted ones too; all that fit."""
        fits = keys.c.key_id == text
        if len(text) == _LAST_FOUR:
            fits = or_(fits, keys.c.key_id.endswith(text, autoescape=True))
        with self._database.reading() as connection:
            return [row for row in _keys(connection, fits) if row.key.key_id.endswith(text)]

    def history(
        self,
        ref: UserRef | None = None,
        since: datetime | None = None,
        action: Step | None = None,
    ) -> Iterator[JournalRow]:
        """The record, oldest first, read page by page so that no transaction stays open."""
        wanted: list[ColumnElement[bool]] = []
        if ref is not None:
            wanted.append(shapes.of_user(journal, ref))
        if since is not None:
            wanted.append(journal.c.at >= since)
        if action is not None:
            wanted.append(journal.c.step == action)
        last = 0
        while True:
            query = (
                select(journal)
                .where(journal.c.seq > last, *wanted)
                .order_by(journal.c.seq)
                .limit(_PAGE)
            )
            with self._database.reading() as connection:
                page = connection.execute(query).all()
            yield from (shapes.journal_row(row) for row in page)
            if len(page) < _PAGE:
                return
            last = page[-1].seq

    def rotations(self, ref: UserRef, most: int = 20) -> list[Rotation]:
        """A user's latest rotations, open or closed, latest first."""
        query = (
            select(rotations)
            .where(shapes.of_user(rotations, ref))
            .order_by(rotations.c.begun_at.desc())
            .limit(most)
        )
        with self._database.reading() as connection:
            return [shapes.rotation(row) for row in connection.execute(query)]

    def seq_max(self) -> int:
        """The number of the journal's latest row."""
        with self._database.reading() as connection:
            return record.latest(connection).seq

    def _standings(self, fits: ColumnElement[bool] | None) -> list[Standing]:
        mine = () if fits is None else (fits,)
        with self._database.reading() as connection:
            found = connection.execute(
                select(users).where(*mine).order_by(users.c.account, users.c.name)
            ).all()
            by_key = _grouped(connection, keys, mine)
            by_place = _grouped(connection, places, mine)
            by_rotation = _grouped(connection, rotations, (*mine, rotations.c.closed_at.is_(None)))
        return [
            Standing(
                user,
                tuple(sorted(map(shapes.key_row, by_key[user.ref]), key=_age)),
                tuple(map(shapes.place_row, by_place[user.ref])),
                next(map(shapes.rotation, by_rotation[user.ref]), None),
            )
            for user in map(shapes.user_row, found)
        ]


def _grouped(
    connection: Connection, table: Table, where: tuple[ColumnElement[bool], ...]
) -> dict[UserRef, list[Row[Any]]]:
    query = select(table).join(users, shapes.same_user(users, table)).where(*where)
    groups: dict[UserRef, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(query):
        groups[shapes.ref_of(row)].append(row)
    return groups


def _keys(connection: Connection, fits: ColumnElement[bool]) -> list[KeyRow]:
    rows = connection.execute(select(keys).where(fits))
    return sorted(map(shapes.key_row, rows), key=_age)


def _age(row: KeyRow) -> tuple[datetime, str]:
    return row.key.created_at, row.key.key_id


def _restart(connection: Connection, ref: UserRef) -> Failures | None:
    rows = connection.execute(
        select(rotations.c.outcome, rotations.c.closed_at)
        .where(shapes.of_user(rotations, ref), rotations.c.closed_at.is_not(None))
        .order_by(rotations.c.closed_at.desc(), rotations.c.begun_at.desc())
        .limit(_RESTARTS_MAX)
    ).all()
    count = 0
    for row in rows:
        if row.outcome not in _BROKEN_OFF:
            break
        count += 1
    return Failures(count, rows[0].closed_at, rows[0].outcome.value) if count else None
