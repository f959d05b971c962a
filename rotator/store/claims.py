"""Places and whose they are: what is written about them inside a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from sqlalchemy import select, update

from rotator.errors import PlaceTaken
from rotator.model import JournalOutcome, Step
from rotator.store import shapes
from rotator.store.journal import settled
from rotator.store.schema import journal, places, users

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from rotator.model import Place, UserRef
    from rotator.store.engine import Database
    from rotator.store.rows import PlaceColumns, PlaceRow

__all__ = ["at", "claim", "put_answered", "put_begun", "put_rejected", "set_places"]


def at(place: Place) -> ColumnElement[bool]:
    """The row of one place."""
    return (places.c.type == place.type) & (places.c.address == place.address)


def claim(database: Database, connection: Connection, ref: UserRef, row: PlaceRow) -> None:
    """Make a place this user's, or bring its sink up to date where it is already.

    Raises:
        PlaceTaken: it belongs to another user.
    """
    claimed = connection.execute(
        database.insert(places)
        .values(
            type=row.place.type,
            address=row.place.address,
            account_id=ref.account_id,
            user_id=ref.user_id,
            sink_id=row.sink_id,
            readable=row.readable,
            claimed_at=row.claimed_at or database.clock(),
            failures=0,
            failed_why="",
            reading=row.reading,
            serves=row.serves,
            read_at=row.read_at,
        )
        .on_conflict_do_update(
            index_elements=[places.c.type, places.c.address],
            set_={"sink_id": row.sink_id, "readable": row.readable},
            where=shapes.of_user(places, ref),
        )
        .returning(places.c.type)
    ).first()
    if claimed is None:
        raise PlaceTaken(str(row.place), _owner(connection, row.place))


def set_places(
    connection: Connection, ref: UserRef, place: Place | None, **columns: Unpack[PlaceColumns]
) -> bool:
    """Write columns of one place of a user, or of all; False where there is none."""
    which = shapes.of_user(places, ref)
    if place is not None:
        which &= at(place)
    changed = connection.execute(
        update(places).where(which).values(**shapes.place_changes(columns))
    )
    return changed.rowcount > 0


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
    named = places.c.type + ":" + places.c.address == place
    changed = connection.execute(
        update(places).where(shapes.of_user(places, ref), named).values(**columns)
    )
    return changed.rowcount > 0


def _owner(connection: Connection, place: Place) -> str:
    row = connection.execute(
        select(users).join(places, shapes.same_user(users, places)).where(at(place))
    ).first()
    return "unknown" if row is None else str(shapes.user_row(row))
