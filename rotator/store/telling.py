"""What a holder of a lease writes into the journal of one user."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict, Unpack

from sqlalchemy import and_, bindparam, or_, select

from rotator.errors import LimitReached, StoreError, StoreWentBack
from rotator.model import DoorName, JournalOutcome, Step
from rotator.store import claims, limits, shapes
from rotator.store import journal as record
from rotator.store.rows import JournalRow
from rotator.store.schema import journal, rotations, users

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from rotator.model import Place, Reason, Title, UserRef
    from rotator.store.engine import Database
    from rotator.store.rows import Lease

__all__ = ["Telling", "Told", "Voice"]

_DOORS = frozenset(door.value for door in DoorName)

_INTENT = select(journal).where(
    shapes.mine(journal),
    journal.c.seq == bindparam("of_seq"),
    journal.c.outcome == JournalOutcome.INTENT,
)
_LATEST_UNSETTLED = (
    select(journal.c.seq)
    .where(
        shapes.mine(journal),
        journal.c.step == bindparam("of_step"),
        journal.c.outcome == JournalOutcome.INTENT,
        # A request to create names no key.
        or_(journal.c.key_id.is_(None), journal.c.key_id == bindparam("of_key")),
        journal.c.place.is_not_distinct_from(bindparam("of_place")),
        journal.c.rotation_id.is_not_distinct_from(bindparam("of_rotation")),
        ~record.settled(journal.c.seq, record.SETTLING),
    )
    .order_by(journal.c.seq.desc())
    .limit(1)
)
_SUBJECT = (
    select(
        users.c.account,
        users.c.name,
        users.c.policy,
        rotations.c.rotation_id,
        rotations.c.policy.label("its_policy"),
    )
    .outerjoin(rotations, and_(shapes.same_user(users, rotations), rotations.c.closed_at.is_(None)))
    .where(shapes.mine(users))
)


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


class Telling:
    """The part of an open transaction about one user that writes the record.

    Attributes:
        lease: the lease with its end as this transaction leaves it.
        written: the last row that it wrote to the journal, if any.
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
        self.written: record.Written | None = None
        self._database = database
        self._connection = connection
        self._voice = voice
        self._went_back = went_back
        self._about: JournalRow | None = None

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
            StoreError: a delivery to a place that is not on record as this user's.
        """
        if step.value in _DOORS:
            self._refuse_if_back()
        row = self._row(step, JournalOutcome.INTENT, told)
        if limit is not None:
            self._refuse_if_used_up(row, *limit)
        seq = self._append(replace(row, timeout_at=timeout_at))
        if (
            step is Step.DELIVER
            and row.place is not None
            and not claims.put_begun(self._connection, self._ref, row.place, row.key_id)
        ):
            raise StoreError(f"{row.place} is not on record as a place of user {self._ref.user_id}")
        return seq

    def outcome(self, intent_seq: int, outcome: JournalOutcome, **told: Unpack[Told]) -> int:
        """Record what became of a request; what is not told is taken from its intent.

        Of a delivery, an answer makes its key the last that was answered at the place, and a
        rejection makes the one before it the last that was begun there.

        Raises:
            StoreError: this user has no such intent.
        """
        asked = self._connection.execute(_INTENT, self._mine(of_seq=intent_seq)).first()
        if asked is None:
            raise StoreError(f"user {self._ref.user_id} has no intent {intent_seq}")
        before: Told = {
            "key_id": asked.key_id,
            "policy": asked.policy,
            "title": asked.title,
            "reason": asked.reason,
        }
        row = self._row(asked.step, outcome, before | told)
        row = replace(
            row,
            # Never before what it answers, though our clock may have been set back meanwhile.
            at=max(row.at, asked.at),
            place=asked.place,
            intent_seq=intent_seq,
            rotation_id=asked.rotation_id,
        )
        seq = self._append(row)
        if asked.step is Step.DELIVER and asked.place is not None:
            if outcome is JournalOutcome.DONE:
                claims.put_answered(self._connection, self._ref, asked.place, row.key_id)
            elif outcome is JournalOutcome.REJECTED:
                claims.put_rejected(self._connection, self._ref, asked.place)
        return seq

    def journal(self, step: Step, outcome: JournalOutcome, **told: Unpack[Told]) -> int:
        """Record what is no answer to a request: a beginning, an end, what was observed.

        What was observed settles the latest intent of the same step, key and place that has no
        outcome: it is seen to have happened.
        """
        row = self._row(step, outcome, told)
        if outcome is JournalOutcome.OBSERVED:
            row = replace(row, intent_seq=self._latest_unsettled(row))
        return self._append(row)

    def undone(self, step: Step, **told: Unpack[Told]) -> int:
        """Record that the latest such request without an outcome is seen not to have happened."""
        row = self._row(step, JournalOutcome.REJECTED, told)
        return self._append(replace(row, intent_seq=self._latest_unsettled(row)))

    @property
    def _ref(self) -> UserRef:
        return self.lease.ref

    def _mine(self, **more: object) -> dict[str, object]:
        return shapes.whose(self._ref, **more)

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

    def _latest_unsettled(self, row: JournalRow) -> int | None:
        alike = self._mine(
            of_step=row.step,
            of_key=row.key_id,
            of_place=row.place,
            of_rotation=row.rotation_id,
        )
        found = self._connection.execute(_LATEST_UNSETTLED, alike).scalar()
        return None if found is None else int(found)

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
        self.written = record.append(self._database, self._connection, row)
        return self.written.seq

    def _subject(self) -> JournalRow:
        """A row without a message: the names, policy and rotation that this user has now."""
        if self._about is not None:
            return self._about
        user = self._connection.execute(_SUBJECT, self._mine()).first()
        rotation_id = user.rotation_id if user else None
        self._about = JournalRow(
            seq=0,
            at=self._database.clock(),
            step=Step.BEGIN,
            outcome=JournalOutcome.OBSERVED,
            account_id=self._ref.account_id,
            user_id=self._ref.user_id,
            account=user.account if user else "",
            user=user.name if user else "",
            policy=(user.its_policy if rotation_id else user.policy) if user else None,
            policy_digest=self._voice.policy_digest,
            rotation_id=rotation_id,
            sweep_id=self._voice.sweep_id,
            actor=self._voice.actor,
        )
        return self._about
