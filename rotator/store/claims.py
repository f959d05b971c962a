"""Places and whose they are: what is written about them inside a transaction."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Unpack

from sqlalchemy import bindparam, select, update

from rotator.errors import PlaceTaken
from rotator.model import JournalOutcome, Step
from rotator.store import shapes
from rotator.store.engine import inserting
from rotator.store.journal import settled
from rotator.store.schema import journal, places, users

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from rotator.model import Place, UserRef
    from rotator.store.engine import Database
    from rotator.store.rows import PlaceColumns, PlaceRow

__all__ = ["at", "claim", "put_answered", "put_begun", "put_rejected", "set_places"]


_ALL_PLACES = update(places).where(shapes.mine(places))
_ONE_PLACE = _ALL_PLACES.where(
    places.c.type == bindparam("at_type"), places.c.address == bindparam("at")
)
_NAMED_PLACE = _ALL_PLACES.where(places.c.type + ":" + places.c.address == bindparam("of_name"))


@cache
def _claiming(*, is_sqlite: bool) -> Any:  # noqa: ANN401 - the dialects' classes share no base
    insert = inserting(places, is_sqlite=is_sqlite).values(failures=0, failed_why="")
    return insert.on_conflict_do_update(
        index_elements=[places.c.type, places.c.address],
        set_={"sink_id": insert.excluded.sink_id, "readable": insert.excluded.readable},
        where=shapes.mine(places),
    ).returning(places.c.type)


def at(place: Place) -> ColumnElement[bool]:
    """The row of one place."""
    return (places.c.type == place.type) & (places.c.address == place.address)


def claim(database: Database, connection: Connection, ref: UserRef, row: PlaceRow) -> None:
    """Make a place this user's, or bring its sink up to date where it is already.

    Raises:
        PlaceTaken: it belongs to another user.
    """
    claimed = connection.execute(
        _claiming(is_sqlite=database.is_sqlite),
        shapes.whose(
            ref,
            account_id=ref.account_id,
            user_id=ref.user_id,
            type=row.place.type,
            address=row.place.address,
            sink_id=row.sink_id,
            readable=row.readable,
            claimed_at=row.claimed_at or database.clock(),
            reading=row.reading,
            serves=row.serves,
            read_at=row.read_at,
        ),
    ).first()
    if claimed is None:
        raise PlaceTaken(str(row.place), _owner(connection, row.place))


def set_places(
    connection: Connection, ref: UserRef, place: Place | None, **columns: Unpack[PlaceColumns]
) -> bool:
    """Write columns of one place of a user, or of all; False where there is none."""
    changes, which = shapes.place_changes(columns), shapes.whose(ref)
    if place is None:
        return connection.execute(_ALL_PLACES, {**changes, **which}).rowcount > 0
    which |= {"at_type": place.type, "at": place.address}
    return connection.execute(_ONE_PLACE, {**changes, **which}).rowcount > 0


def put_begun(connection: Connection, ref: UserRef, place: str, key_id: str | None) -> bool:
    """A put is about to be sent: from now on the place may have this key."""
    return _write(connection, ref, place, begun_key=key_id)


def put_answered(connection: Connection, ref: UserRef, place: str, key_id: str | None) -> bool:
    """A put was answered: the place has this key."""
    return _write(connection, ref, place, answered_key=key_id)


def put_rejected(connection: Connection, ref: UserRef, place: str) -> bool:
    """A put was rejected: the last that was begun is the one before it that was not."""
    before = connection.execute(
        select(journal.c.key_id)
        .where(
            shapes.of_user(journal, ref),
            journal.c.step == Step.DELIVER,
            journal.c.outcome == JournalOutcome.INTENT,
            journal.c.place == place,
            ~settled(journal.c.seq, (JournalOutcome.REJECTED,)),
        )
        .order_by(journal.c.seq.desc())
        .limit(1)
    ).scalar()
    return _write(connection, ref, place, begun_key=before)


def _write(connection: Connection, ref: UserRef, place: str, **columns: str | None) -> bool:
    """Write to a place that is named as the journal names it."""
    which = shapes.whose(ref, of_name=place)
    return connection.execute(_NAMED_PLACE, {**columns, **which}).rowcount > 0


def _owner(connection: Connection, place: Place) -> str:
    row = connection.execute(
        select(users).join(places, shapes.same_user(users, places)).where(at(place))
    ).first()
    return "unknown" if row is None else str(shapes.user_row(row))
