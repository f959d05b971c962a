"""What one holder of a lease writes about one user, in one transaction or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from rotator.errors import LimitReached, PlaceTaken, Refused, StoreError, StoreWentBack
from rotator.model import DoorName, JournalOutcome, Order, Reason, Scope, Step, Verb
from rotator.store import journal as record
from rotator.store import limits, shapes, sightings
from rotator.store.leases import confirm
from rotator.store.orders import write_order
from rotator.store.part import Part
from rotator.store.rows import JournalRow
from rotator.store.schema import journal, orders, places, rotations, users

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement, Connection

    from rotator.model import AccessKey, Outcome, Place, Rotation, Title, UserRef
    from rotator.store.engine import Database
    from rotator.store.rows import Facts, Lease, OrderOutcome, PlaceColumns, PlaceRow, UserRow

__all__ = ["Change", "Changes", "Told", "Voice"]


class Told(TypedDict, total=False):
    """What a row of the journal may say besides its step and outcome.

    `policy` is that of the open rotation, else the user's, where it is not given.
    """

    key_id: str | None
    place: Place | None
    policy: str | None
    title: Title | None
    reason: Reason | None
    detail: str


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks in the rows of one transaction, in which sweep, by which reading of a policy."""

    actor: str
    sweep_id: str | None = None
    policy_digest: str = ""


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

        Raises:
            LeaseLost: somebody else may be deciding; nothing was written.
            StoreWentBack: a backup, or lost commits; see `Store.accept`.
        """
        with self._database.writing() as connection:
            went_back = self._watermark.look(connection)
            if went_back is not None and not mends:
                raise StoreWentBack(went_back)
            held = confirm(self._database, connection, lease, extend)
            voice = Voice(actor, sweep_id, policy_digest)
            change = Change(self._database, connection, held, voice, went_back)
            yield change
        self._watermark.saw(change.seq)


class Change:
    """The open transaction of one holder about one user.

    Attributes:
        lease: the lease with its end as this transaction leaves it.
        seq: the number of the last row that it wrote to the journal; 0 where it wrote none.
    """

    def __init__(
        self,
        database: Database,
        connection: Connection,
        lease: Lease,
        voice: Voice,
        went_back: str | None,
    ) -> None:
        self.lease = lease
        self.seq = 0
        self._database = database
        self._connection = connection
        self._voice = voice
        self._went_back = went_back
        self._about: JournalRow | None = None

    @property
    def _ref(self) -> UserRef:
        return self.lease.ref

    # What was seen

    def sight(self, keys: Sequence[AccessKey]) -> None:
        """Record what a listing showed, or lacked; see `sightings.sight`."""
        sightings.sight(self._connection, self._ref, keys)

    def gone(self, key_id: str, at: datetime) -> None:
        """Record that a key is known to be deleted."""
        sightings.gone(self._connection, self._ref, key_id=key_id, at=at)

    def note_user(self, user: UserRow) -> bool:
        """Record what is known of the user if it changed, and tell whether it was written.

        Where only `as_of` moved it is written when it moved by `sightings.AS_OF_EXACT`.
        """
        assert user.ref == self._ref, f"{user} is not whom the lease is on"  # noqa: S101 - a mistake in this program
        self._about = None
        return sightings.note_user(self._connection, user)

    # The rotation

    def begin(self, rotation: Rotation, places: Sequence[PlaceRow] = ()) -> None:
        """Open a rotation and claim its places; deliveries of earlier ones are forgotten.

        Raises:
            Refused: one is open already.
            PlaceTaken: a place belongs to another user.
            StoreWentBack: nothing is begun on such a store.
        """
        self._refuse_if_back()
        columns = shapes.rotation_columns(self._ref, rotation)
        try:
            self._connection.execute(insert(rotations).values(**columns))
        except IntegrityError as exc:
            if "foreign key" in str(exc.orig).lower():
                raise
            raise Refused(
                f"a rotation of user {self._ref.user_id} of account {self._ref.account_id} is "
                "already open; only one can be"
            ) from exc
        self._about = None
        self._set_places(None, delivered_at=None, failures=None)
        for place in places:
            self.claim(place)

    def facts(self, rotation_id: str, **columns: Unpack[Facts]) -> None:
        """Record facts of the open rotation.

        Raises:
            StoreError: this user has no such open rotation.
        """
        found = self._connection.execute(
            update(rotations)
            .where(
                shapes.of_user(rotations, self._ref),
                rotations.c.rotation_id == rotation_id,
                rotations.c.closed_at.is_(None),
            )
            .values(**columns)
        )
        if found.rowcount != 1:
            raise StoreError(f"user {self._ref.user_id} has no open rotation {rotation_id}")

    def close(self, rotation_id: str, at: datetime, outcome: Outcome) -> None:
        """End the open rotation. Rows of this transaction go on naming it until another begins."""
        self._subject()
        self.facts(rotation_id, closed_at=at, outcome=outcome)

    # Places

    def claim(self, place: PlaceRow) -> None:
        """Make a place this user's, or bring its sink up to date where it is already.

        Raises:
            PlaceTaken: it belongs to another user.
        """
        table = places
        new = {
            "type": place.place.type,
            "address": place.place.address,
            "account_id": self._ref.account_id,
            "user_id": self._ref.user_id,
            "sink_id": place.sink_id,
            "readable": place.readable,
            "claimed_at": place.claimed_at or self._database.clock(),
            "failures": 0,
            "failed_why": "",
            "reading": place.reading,
            "serves": place.serves,
            "read_at": place.read_at,
        }
        claimed = self._connection.execute(
            self._database.insert(table)
            .values(**new)
            .on_conflict_do_update(
                index_elements=[table.c.type, table.c.address],
                set_={"sink_id": place.sink_id, "readable": place.readable},
                where=shapes.of_user(table, self._ref),
            )
            .returning(table.c.type)
        ).first()
        if claimed is None:
            raise PlaceTaken(str(place.place), self._owner(place.place))

    def place(self, place: Place, **columns: Unpack[PlaceColumns]) -> None:
        """Record what happened at a place of this user's, or was read there.

        Raises:
            StoreError: it is not on record as this user's.
        """
        if not self._set_places(place, **columns):
            raise StoreError(f"{place} is not on record as a place of user {self._ref.user_id}")

    def give_up(self, place: Place) -> None:
        """Let a place go: any user may claim it from now on."""
        self._connection.execute(
            delete(places).where(shapes.of_user(places, self._ref), _at(place))
        )

    # The journal

    def intent(
        self,
        step: Step,
        *,
        timeout_at: datetime,
        limit: tuple[int, datetime] | None = None,
        **told: Unpack[Told],
    ) -> int:
        """Record that a request is about to be sent, which lives until `timeout_at` at most.

        `limit` is how many the door may let through, and since when they are counted. Of a
        delivery, the key becomes the one whose put was last begun at the place.

        Raises:
            LimitReached: so many went through already.
            StoreWentBack: a request that begins or harms, on such a store.
        """
        if step.value in set(DoorName):
            self._refuse_if_back()
        row = self._row(step, JournalOutcome.INTENT, told)
        if limit is not None:
            self._refuse_if_used_up(row, *limit)
        seq = self._append(replace(row, timeout_at=timeout_at))
        place = told.get("place")
        if step is Step.DELIVER and place is not None:
            self.place(place, begun_key=row.key_id)
        return seq

    def outcome(self, intent_seq: int, outcome: JournalOutcome, **told: Unpack[Told]) -> int:
        """Record what became of a request; what is not told is taken from its intent.

        Of a delivery, an answer makes its key the last that was answered at the place, and a
        rejection makes the one before it the last that was begun there.

        Raises:
            StoreError: this user has no such intent.
        """
        asked = self._connection.execute(
            select(journal).where(
                shapes.of_user(journal, self._ref),
                journal.c.seq == intent_seq,
                journal.c.outcome == JournalOutcome.INTENT,
            )
        ).first()
        if asked is None:
            raise StoreError(f"user {self._ref.user_id} has no intent {intent_seq}")
        before: Told = {
            "key_id": asked.key_id,
            "policy": asked.policy,
            "title": asked.title,
            "reason": asked.reason,
        }
        row = self._row(asked.step, outcome, before | told)
        seq = self._append(
            replace(
                row,
                place=asked.place,
                intent_seq=intent_seq,
                rotation_id=asked.rotation_id,
            )
        )
        if asked.step is Step.DELIVER and asked.place is not None:
            self._delivered(asked.place, outcome, row.key_id)
        return seq

    def journal(self, step: Step, outcome: JournalOutcome, **told: Unpack[Told]) -> int:
        """Record what is no request of ours: a beginning, an end, an order, what was observed."""
        return self._append(self._row(step, outcome, told))

    # Orders and holds

    def order_done(self, order_id: int, outcome: OrderOutcome, message: str = "") -> bool:
        """End an order on this user; False where it had ended before. Writes no journal row."""
        ended = self._connection.execute(
            update(orders)
            .where(
                shapes.of_user(orders, self._ref),
                orders.c.order_id == order_id,
                orders.c.ended_at.is_(None),
            )
            .values(outcome=outcome, message=message, ended_at=self._database.clock())
        )
        return ended.rowcount == 1

    def hold(self, reason: Reason, *, message: str, by: str) -> int:
        """Hold this user until somebody releases it. Writes no journal row."""
        return write_order(
            self._connection,
            Order(0, Verb.HOLD, self._database.clock(), actor=by, reason=message),
            scope=Scope.USER,
            account_id=self._ref.account_id,
            user_id=self._ref.user_id,
            cause=reason,
        )

    # Inside

    def _refuse_if_back(self) -> None:
        if self._went_back is not None:
            raise StoreWentBack(self._went_back)

    def _refuse_if_used_up(self, row: JournalRow, most: int, since: datetime) -> None:
        door = DoorName(row.step.value)
        policy = row.policy or ""
        self._database.queue_up(self._connection, "limit", policy, row.account_id)
        counted = limits.counts(
            self._connection, policy=policy, account_id=row.account_id, since=since
        )[door]
        if counted >= most:
            raise LimitReached(
                f"{door} of {row.account}/{row.user}: policy {policy} did {counted} of at most "
                f"{most} in account {row.account_id} since {since:%Y-%m-%d %H:%M} UTC"
            )

    def _owner(self, place: Place) -> str:
        row = self._connection.execute(
            select(users).join(places, shapes.same_user(users, places)).where(_at(place))
        ).first()
        return "unknown" if row is None else str(shapes.user_row(row))

    def _set_places(self, place: Place | None, **columns: Unpack[PlaceColumns]) -> bool:
        where = [shapes.of_user(places, self._ref)]
        if place is not None:
            where.append(_at(place))
        changed = self._connection.execute(
            update(places).where(*where).values(**shapes.place_changes(columns))
        )
        return changed.rowcount > 0

    def _delivered(self, address: str, outcome: JournalOutcome, key_id: str | None) -> None:
        if outcome is JournalOutcome.DONE:
            columns: dict[str, Any] = {"answered_key": key_id}
        elif outcome is JournalOutcome.REJECTED:
            columns = {"begun_key": self._last_begun(address)}
        else:
            return
        self._connection.execute(
            update(places)
            .where(
                shapes.of_user(places, self._ref),
                places.c.type + ":" + places.c.address == address,
            )
            .values(**columns)
        )

    def _last_begun(self, address: str) -> str | None:
        found = self._connection.execute(
            select(journal.c.key_id)
            .where(
                shapes.of_user(journal, self._ref),
                journal.c.step == Step.DELIVER,
                journal.c.outcome == JournalOutcome.INTENT,
                journal.c.place == address,
                ~record.settled(journal.c.seq, (JournalOutcome.REJECTED,)),
            )
            .order_by(journal.c.seq.desc())
            .limit(1)
        ).scalar()
        return None if found is None else str(found)

    def _row(self, step: Step, outcome: JournalOutcome, told: Told) -> JournalRow:
        """A row as this transaction would write it, with all that it knows by itself."""
        about = self._subject()
        place = told.get("place")
        return replace(
            about,
            at=self._database.clock(),
            step=step,
            outcome=outcome,
            policy=told.get("policy") or about.policy,
            key_id=told.get("key_id"),
            place=None if place is None else str(place),
            title=told.get("title"),
            reason=told.get("reason"),
            detail=told.get("detail", ""),
        )

    def _append(self, row: JournalRow) -> int:
        self.seq = record.append(self._database, self._connection, row)
        return self.seq

    def _subject(self) -> JournalRow:
        """A row without a message: the names, policy and rotation that this user has now."""
        if self._about is not None:
            return self._about
        user = self._connection.execute(
            select(users.c.account, users.c.name, users.c.policy).where(
                shapes.of_user(users, self._ref)
            )
        ).first()
        rotation = self._connection.execute(
            select(rotations.c.rotation_id, rotations.c.policy).where(
                shapes.of_user(rotations, self._ref), rotations.c.closed_at.is_(None)
            )
        ).first()
        policy = rotation.policy if rotation else user.policy if user else None
        self._about = JournalRow(
            seq=0,
            at=self._database.clock(),
            step=Step.BEGIN,
            outcome=JournalOutcome.OBSERVED,
            account_id=self._ref.account_id,
            user_id=self._ref.user_id,
            account=user.account if user else "",
            user=user.name if user else "",
            policy=policy,
            policy_digest=self._voice.policy_digest,
            rotation_id=rotation.rotation_id if rotation else None,
            sweep_id=self._voice.sweep_id,
            actor=self._voice.actor,
        )
        return self._about


def _at(place: Place) -> ColumnElement[bool]:
    return (places.c.type == place.type) & (places.c.address == place.address)
