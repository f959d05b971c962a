"""What one holder of a lease writes about one user, in one transaction or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack
from uuid import uuid4

from sqlalchemy import bindparam, delete, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from rotator.errors import CommitUnknown, Refused, StoreError, StoreUnavailable, StoreWentBack
from rotator.model import JournalOutcome, Order, Reason, Scope, Step, Verb
from rotator.store import claims, shapes, sightings
from rotator.store import journal as record
from rotator.store.columns import Moment
from rotator.store.leases import confirm, was_written
from rotator.store.orders import write_order
from rotator.store.part import Part
from rotator.store.schema import orders, places, rotations, users
from rotator.store.telling import Telling, Voice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta

    from rotator.model import AccessKey, DoorName, Outcome, Place, Rotation
    from rotator.store.rows import Facts, Lease, OrderOutcome, PlaceColumns, PlaceRow, UserRow

__all__ = ["Change", "Changes"]

_ENDINGS = {
    "done": JournalOutcome.DONE,
    "refused": JournalOutcome.REJECTED,
    "withdrawn": JournalOutcome.OBSERVED,
}

_BEGIN = insert(rotations)
_FACTS = update(rotations).where(
    shapes.mine(rotations),
    rotations.c.rotation_id == bindparam("of_rotation"),
    rotations.c.closed_at.is_(None),
)
_APPROVALS = (
    select(orders)
    .where(
        shapes.mine(orders),
        orders.c.verb == Verb.APPROVE,
        orders.c.action == bindparam("of_door"),
        orders.c.accepted_at.is_not(None),
        orders.c.ended_at.is_(None),
    )
    .order_by(orders.c.order_id)
)


class Changes(Part):
    """Opens the transactions in which a holder of a lease writes."""

    @contextmanager
    def change(
        self,
        lease: Lease,
        extend: timedelta | None = None,
        *,
        actor: str = "daemon",
        sweep_id: str | None = None,
        policy_digest: str = "",
        mends: bool = False,
    ) -> Iterator[Change]:
        """One transaction about one user: committed at the end, or nothing of it is written.

        First of all holder and fence are compared, and that the lease has not run out; `extend`
        makes it last at least so long from now. With `mends` it is let through to a store that
        went back, for what may be done in doubt; beginning and harming stay refused there.
        A commit whose answer was lost is found out by reading: what was written counts.

        Raises:
            LeaseLost: somebody else may be deciding; nothing was written.
            StoreWentBack: a backup, or lost commits; see `Store.accept`.
            CommitUnknown: it was written, or not; the database cannot be asked now.
        """
        mark = uuid4().hex
        voice = Voice(actor, sweep_id, policy_digest)
        written: record.Written | None = None
        try:
            with self._database.writing() as connection:
                went_back = self._watermark.look(connection)
                if went_back is not None and not mends:
                    raise StoreWentBack(went_back)
                held = confirm(self._database, connection, lease, extend, mark=mark)
                change = Change(self._database, connection, held, voice, went_back)
                yield change
                written = change.written
        except CommitUnknown as exc:
            if not was_written(self._database, lease, mark):
                raise StoreUnavailable(
                    f"{self._database.address} went away in the middle of a commit; nothing of it "
                    "was written"
                ) from exc
        self._watermark.saw(written)


class Change(Telling):
    """The open transaction of one holder about one user."""

    def sight(self, keys: Sequence[AccessKey]) -> None:
        """Record what a listing showed, or lacked; see `sightings.sight`."""
        sightings.sight(self._database, self._connection, self._ref, keys)

    def gone(self, key_id: str, at: datetime) -> None:
        """Record that a key is known to be deleted."""
        sightings.gone(self._connection, self._ref, key_id=key_id, at=at)

    def note_user(self, user: UserRow) -> bool:
        """Record what is known of the user if it changed, and tell whether it was written.

        Where only `as_of` moved it is written when it moved by `sightings.AS_OF_EXACT`.

        Raises:
            StoreError: it is not the user whom the lease is on.
        """
        if user.ref != self._ref:
            raise StoreError(f"{user} is not the user whom this lease is on, {self._ref.user_id}")
        self._about = None
        return sightings.note_user(self._database, self._connection, user)

    def begin(self, rotation: Rotation, places: Sequence[PlaceRow] = ()) -> None:
        """Open a rotation and claim its places; deliveries of earlier ones are forgotten.

        The user has been noted before, in this transaction or an earlier one, and is to be looked
        at when this lease is over, until a visit says otherwise.

        Raises:
            Refused: one is open already.
            PlaceTaken: a place belongs to another user.
            StoreWentBack: nothing is begun on such a store.
        """
        self._refuse_if_back()
        columns = shapes.rotation_columns(self._ref, rotation)
        try:
            self._connection.execute(_BEGIN, columns)
        except IntegrityError as exc:
            if "foreign key" in str(exc.orig).lower():
                raise
            raise Refused(
                f"a rotation of user {self._ref.user_id} of account {self._ref.account_id} is "
                "already open; only one can be"
            ) from exc
        self._about = None
        # Should whoever begins it die, somebody else comes when the lease is over.
        self._connection.execute(
            update(users).where(shapes.of_user(users, self._ref)).values(next_at=self.lease.until)
        )
        claims.set_places(self._connection, self._ref, None, delivered_at=None, failures=None)
        for place in places:
            self.claim(place)

    def facts(self, rotation_id: str, **columns: Unpack[Facts]) -> None:
        """Record facts of the open rotation.

        Raises:
            StoreError: this user has no such open rotation.
        """
        which = self._mine(of_rotation=rotation_id)
        found = self._connection.execute(_FACTS, {**columns, **which})
        if found.rowcount != 1:
            raise StoreError(f"user {self._ref.user_id} has no open rotation {rotation_id}")

    def close(self, rotation_id: str, at: datetime, outcome: Outcome) -> None:
        """End the open rotation. Rows of this transaction go on naming it until another begins."""
        self._subject()
        self.facts(rotation_id, closed_at=at, outcome=outcome)

    def claim(self, place: PlaceRow) -> None:
        """Make a place this user's; see `claims.claim`."""
        claims.claim(self._database, self._connection, self._ref, place)

    def place(self, place: Place, **columns: Unpack[PlaceColumns]) -> None:
        """Record what happened at a place of this user's, or was read there.

        Raises:
            StoreError: it is not on record as this user's.
        """
        if not claims.set_places(self._connection, self._ref, place, **columns):
            raise StoreError(f"{place} is not on record as a place of user {self._ref.user_id}")

    def give_up(self, place: Place) -> None:
        """Let a place go: any user may claim it from now on."""
        self._connection.execute(
            delete(places).where(shapes.of_user(places, self._ref), claims.at(place))
        )

    def order_done(self, order_id: int, outcome: OrderOutcome, message: str = "") -> bool:
        """End an order on this user; False where it had ended before.

        Recorded in the journal too, in the name of whoever gave it: done, rejected where it was
        refused, observed where it was withdrawn.
        """
        mine = shapes.of_user(orders, self._ref) & (orders.c.order_id == order_id)
        ended = self._connection.execute(
            update(orders)
            .where(mine, orders.c.ended_at.is_(None))
            .values(outcome=outcome, message=message, ended_at=self._database.clock())
        )
        if ended.rowcount != 1:
            return False
        given = self._connection.execute(select(orders).where(mine)).one()
        row = self._row(
            Step.ORDER,
            _ENDINGS[outcome],
            {"key_id": given.key_id, "reason": Reason.REQUESTED, "detail": _said(given, message)},
        )
        self._append(replace(row, actor=given.actor))
        return True

    def approvals(self, door: DoorName) -> list[Order]:
        """The approvals of a door that are in force for this user, as this transaction sees it."""
        rows = self._connection.execute(_APPROVALS, self._mine(of_door=door))
        return [shapes.order_row(row).order for row in rows]

    def accept_approval(self, order_id: int, message: str, *, is_open: bool) -> None:
        """Let an approval count, which `message` says; `is_open`: its time runs from now on.

        Recorded in the journal too, in the name of whoever gave it.
        """
        now = self._database.clock()
        self._approval(
            order_id,
            accepted_at=now,
            message=message,
            **({"open_since": now} if is_open else {}),
        )
        given = self._connection.execute(select(orders).where(orders.c.order_id == order_id)).one()
        row = self._row(
            Step.ORDER,
            JournalOutcome.DONE,
            {"key_id": given.key_id, "reason": Reason.BY_HAND, "detail": _said(given, message)},
        )
        self._append(replace(row, actor=given.actor))

    def open_approval(self, order_id: int) -> bool:
        """Let the time of an approval run: nothing else keeps its door shut any more."""
        return self._approval(order_id, open_since=self._database.clock())

    def use_approval(self, order_id: int) -> bool:
        """Record that the step whose intent is written here needs it; False where it has ended."""
        now = self._database.clock()
        return self._approval(
            order_id,
            used_at=now,
            open_since=func.coalesce(orders.c.open_since, literal(now, Moment)),
        )

    def _approval(self, order_id: int, **columns: Any) -> bool:  # noqa: ANN401 - of the table
        changed = self._connection.execute(
            update(orders)
            .where(
                shapes.of_user(orders, self._ref),
                orders.c.order_id == order_id,
                orders.c.ended_at.is_(None),
            )
            .values(**columns)
        )
        return changed.rowcount == 1

    def order_about(self, order_id: int, key_id: str) -> None:
        """Record which key an order that named a user turned out to be about."""
        mine = shapes.of_user(orders, self._ref) & (orders.c.order_id == order_id)
        self._connection.execute(
            update(orders).where(mine, orders.c.key_id.is_(None)).values(key_id=key_id)
        )

    def hold(self, reason: Reason, *, message: str, by: str) -> None:
        """Hold this user until somebody releases it. Recorded in the journal too."""
        row = self._row(
            Step.ORDER, JournalOutcome.DONE, {"reason": reason, "detail": f"hold: {message}"}
        )
        self._append(replace(row, actor=by))
        write_order(
            self._database,
            self._connection,
            Order(0, Verb.HOLD, self._database.clock(), actor=by, reason=message),
            scope=Scope.USER,
            account_id=self._ref.account_id,
            user_id=self._ref.user_id,
            cause=reason,
        )


def _said(given: Any, message: str) -> str:  # noqa: ANN401 - a row
    """How the record tells an order: what it was, the person's own reason, what became of it."""
    what = f"{given.verb} ({given.reason})" if given.reason else str(given.verb)
    return f"{what}: {message}" if message else what
