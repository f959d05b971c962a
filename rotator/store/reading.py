"""What is asked of the store: each answer is one short transaction that sees one state."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, exists, func, or_, select

from rotator.errors import RowDamaged
from rotator.model import DoorName, Failures, Outcome, Timing, UserRef
from rotator.store import journal as record
from rotator.store import limits, shapes
from rotator.store.damage import JUDGED_BY, STANDING, damages, placing, sound
from rotator.store.orders import open_levers, waiting_levers
from rotator.store.part import Part
from rotator.store.rows import Known, Standing
from rotator.store.schema import journal, keys, orders, places, rotations, users
from rotator.store.surveys import reported_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement, Connection, Row, Select, Table

    from rotator.model import Place, Rotation, Step
    from rotator.store.rows import JournalRow, KeyRow

__all__ = ["Readings"]

_SETTLE = Timing().settle
_RESTARTS_MAX = 31
_PAGE = 500
_LAST_FOUR = 4
_BROKEN_OFF = frozenset({Outcome.NO_EFFECT, Outcome.ORPHAN, Outcome.UNDELIVERED})

_USER = select(users).where(shapes.mine(users))
_KEYS = select(keys).where(shapes.mine(keys))
_OPEN_ROTATION = select(rotations).where(shapes.mine(rotations), rotations.c.closed_at.is_(None))
_ROTATIONS = select(rotations).where(shapes.mine(rotations)).order_by(rotations.c.begun_at.desc())
_CLOSED = (
    select(rotations.c.outcome, rotations.c.closed_at)
    .where(shapes.mine(rotations), rotations.c.closed_at.is_not(None))
    .order_by(rotations.c.closed_at.desc(), rotations.c.begun_at.desc())
    .limit(_RESTARTS_MAX)
)
_PLACES = select(places).where(shapes.mine(places)).order_by(places.c.type, places.c.address)
_OWNER = select(places.c.account_id, places.c.user_id).where(
    places.c.type == bindparam("at_type"), places.c.address == bindparam("at")
)
_ORDERS = select(orders).where(shapes.mine(orders), open_levers()).order_by(orders.c.order_id)
_MOMENTS = (
    select(users.c.account_id, users.c.user_id, users.c.account, users.c.name)
    .where(
        or_(
            users.c.next_at <= bindparam("now"),
            users.c.look_at <= bindparam("now"),
            exists().where(shapes.same_user(orders, users), waiting_levers()),
        )
    )
    .order_by(users.c.next_at, users.c.account_id, users.c.user_id)
)
_NEXT_MOMENT = select(func.min(users.c.next_at), func.min(users.c.look_at))
_HISTORY = (
    select(journal).where(journal.c.seq > bindparam("after")).order_by(journal.c.seq).limit(_PAGE)
)
_HISTORY_OF_USER = _HISTORY.where(shapes.mine(journal))


class Readings(Part):
    """Questions about users, keys, rotations and the record."""

    def know(self, ref: UserRef, *, settle: timedelta = _SETTLE) -> Known:
        """All that is on record about one user; `settle` is the one of the wait for intents.

        Raises:
            RowDamaged: a row of this user cannot be read; the sentence says which.
        """
        with placing(self._database, ref), self._database.reading() as connection:
            mine = shapes.whose(ref)
            user = connection.execute(_USER, mine).first()
            found = _key_rows(connection.execute(_KEYS, mine))
            open_one = connection.execute(_OPEN_ROTATION, mine).first()
            rotation = None if open_one is None else shapes.rotation(open_one)
            return Known(
                user=None if user is None else shapes.user_row(user),
                keys=tuple(row.key for row in found),
                former=frozenset(row.key.key_id for row in found if row.gone_at is not None),
                rotation=rotation,
                places=tuple(shapes.place_row(row) for row in connection.execute(_PLACES, mine)),
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
                    shapes.order_row(row).order for row in connection.execute(_ORDERS, mine)
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

    def owner_of(self, place: Place) -> UserRef | None:
        """Whose place it is."""
        with self._database.reading() as connection:
            row = connection.execute(_OWNER, {"at_type": place.type, "at": place.address}).first()
        return None if row is None else shapes.ref_of(row)

    def moments(self, now: datetime) -> list[tuple[UserRef, str, str]]:
        """Users whose next moment has come or who have an order: reference, account, name."""
        with self._database.reading() as connection:
            rows = list(sound(connection.execute(_MOMENTS, {"now": now})))
        return [(shapes.ref_of(row), row.account, row.name) for row in rows]

    def next_moment(self) -> datetime | None:
        """The earliest next moment of any user."""
        with self._database.reading() as connection:
            found = connection.execute(_NEXT_MOMENT).one()
        return min((moment for moment in found if moment is not None), default=None)

    def users(self, account_id: str | None = None) -> list[Standing]:
        """Everybody who was ever seen, with keys, places and open rotation, in five queries.

        With `account_id` those of one account alone. Left out is who has a row that cannot be
        read; `damaged` tells of them.
        """
        fits = None if account_id is None else users.c.account_id == account_id
        try:
            return self._standings(fits, account_id)
        except RowDamaged:
            with self._database.reading() as connection:
                damaged = frozenset(one.ref for one in damages(connection, *STANDING))
            return self._standings(fits, account_id, without=damaged)

    def standings(self, refs: Collection[UserRef]) -> list[Standing]:
        """These users alone, as `users` shows them; who has a row that cannot be read is left out.

        What is asked of a few costs nothing for all the others.
        """
        found: list[Standing] = []
        ids = sorted({ref.user_id for ref in refs})
        for at in range(0, len(ids), _PAGE):
            some = users.c.user_id.in_(ids[at : at + _PAGE])
            try:
                found += self._standings(some)
            except RowDamaged:
                with self._database.reading() as connection:
                    damaged = frozenset(one.ref for one in damages(connection, *STANDING))
                found += self._standings(some, without=damaged)
        return [one for one in found if one.user.ref in refs]

    def damaged(self) -> list[str]:
        """Each row that a judgement is built on and that cannot be read, but for the journal's."""
        with self._database.reading() as connection:
            return [one.sentence for one in damages(connection, *JUDGED_BY)]

    def find_user(self, text: str) -> list[Standing]:
        """Users by `user`, `account/user` (the account's name or id) or UserId; all that fit.

        Raises:
            RowDamaged: a row of one of them cannot be read; the sentence says which.
        """
        account, slash, name = text.rpartition("/")
        if slash:
            fits = and_(
                users.c.name == name, or_(users.c.account == account, users.c.account_id == account)
            )
        else:
            fits = or_(users.c.name == text, users.c.user_id == text)
        with placing(self._database):
            return self._standings(fits)

    def keys_of(self, ref: UserRef) -> list[KeyRow]:
        """A user's keys as they are on record, deleted ones too, oldest first."""
        with placing(self._database, ref), self._database.reading() as connection:
            return _key_rows(connection.execute(_KEYS, shapes.whose(ref)))

    def find_key(self, text: str) -> list[KeyRow]:
        """Keys by their whole id or its last four characters, deleted ones too; all that fit."""
        fits = keys.c.key_id == text
        if len(text) == _LAST_FOUR:
            fits = or_(fits, keys.c.key_id.endswith(text, autoescape=True))
        with placing(self._database), self._database.reading() as connection:
            rows = _key_rows(connection.execute(select(keys).where(fits)))
            return [row for row in rows if row.key.key_id.endswith(text)]

    def history(
        self,
        ref: UserRef | None = None,
        since: datetime | None = None,
        action: Step | None = None,
    ) -> Iterator[JournalRow]:
        """The record, oldest first, read page by page so that no transaction stays open."""
        query, wanted = _HISTORY, {} if ref is None else shapes.whose(ref)
        if ref is not None:
            query = _HISTORY_OF_USER
        if since is not None:
            query = query.where(journal.c.at >= since)
        if action is not None:
            query = query.where(journal.c.step == action)
        last = 0
        while True:
            with placing(self._database, ref), self._database.reading() as connection:
                rows = connection.execute(query, {**wanted, "after": last})
                page = list(map(shapes.journal_row, rows))
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].seq

    def rotations(self, ref: UserRef, most: int = 20) -> list[Rotation]:
        """A user's latest rotations, open or closed, latest first."""
        with placing(self._database, ref), self._database.reading() as connection:
            rows = connection.execute(_ROTATIONS.limit(most), shapes.whose(ref))
            return [shapes.rotation(row) for row in rows]

    def seq_max(self) -> int:
        """The number of the journal's latest row."""
        with self._database.reading() as connection:
            return record.latest(connection).seq

    def _standings(
        self,
        fits: ColumnElement[bool] | None,
        account_id: str | None = None,
        *,
        without: Collection[UserRef | None] = (),
    ) -> list[Standing]:
        mine = () if fits is None else (fits,)
        everybody = select(users).where(*mine).order_by(users.c.account, users.c.name)
        is_open = rotations.c.closed_at.is_(None)
        rows_of = sound if without else list
        with self._database.reading() as connection:
            found = list(rows_of(connection.execute(everybody)))
            by_key = _grouped(rows_of(connection.execute(_joined(keys, mine))))
            by_place = _grouped(rows_of(connection.execute(_joined(places, mine))))
            open_ones = connection.execute(_joined(rotations, (*mine, is_open)))
            by_rotation = _grouped(rows_of(open_ones))
            by_report = reported_of(connection, account_id)
        return [
            Standing(
                user,
                tuple(sorted(map(shapes.key_row, by_key[user.ref]), key=_age)),
                tuple(map(shapes.place_row, by_place[user.ref])),
                next(map(shapes.rotation, by_rotation[user.ref]), None),
                by_report.get(user.ref, ()) if user.source == "report" else (),
            )
            for user in (shapes.user_row(row) for row in found if shapes.ref_of(row) not in without)
        ]


def _joined(table: Table, where: tuple[ColumnElement[bool], ...]) -> Select[Any]:
    return select(table).join(users, shapes.same_user(users, table)).where(*where)


def _grouped(rows: Iterable[Row[Any]]) -> dict[UserRef, list[Row[Any]]]:
    groups: dict[UserRef, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[shapes.ref_of(row)].append(row)
    return groups


def _key_rows(rows: Iterable[Row[Any]]) -> list[KeyRow]:
    return sorted(map(shapes.key_row, rows), key=_age)


def _age(row: KeyRow) -> tuple[datetime, str]:
    return row.key.created_at, row.key.key_id


def _restart(connection: Connection, ref: UserRef) -> Failures | None:
    rows = connection.execute(_CLOSED, shapes.whose(ref)).all()
    count = 0
    for row in rows:
        if row.outcome not in _BROKEN_OFF:
            break
        count += 1
    return Failures(count, rows[0].closed_at, rows[0].outcome.value) if count else None
