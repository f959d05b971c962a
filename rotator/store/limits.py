"""Counts over the last day, and failures in a row: what two of the gates are decided on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, exists, func, or_, select

from rotator.model import DoorName, JournalOutcome, Outcome, Step, Title
from rotator.store.damage import sound
from rotator.store.journal import settled
from rotator.store.schema import journal, rotations
from rotator.store.shapes import one_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

__all__ = ["counts", "recent_failures", "spent"]

APART = (Title.ORPHAN, Title.UNDELIVERED)
"""Titles whose requests are not counted: they clear up after ourselves."""

_LOOKED_BACK_MAX = 500

_WENT_THROUGH = and_(
    journal.c.policy == bindparam("of_policy"),
    journal.c.account_id == bindparam("of_account_id"),
    journal.c.outcome == JournalOutcome.INTENT,
    journal.c.at >= bindparam("since"),
    one_of(journal.c.step, [Step(door.value) for door in DoorName]),
    or_(journal.c.title.is_(None), and_(*(journal.c.title != title for title in APART))),
    ~settled(journal.c.seq, (JournalOutcome.REJECTED,)),
)
_COUNTS = (
    select(journal.c.step, func.count().label("requests"))
    .where(_WENT_THROUGH)
    .group_by(journal.c.step)
)
_SPENT = select(journal.c.step, journal.c.at).where(_WENT_THROUGH).order_by(journal.c.at)
_ASKED = exists().where(
    journal.c.rotation_id == rotations.c.rotation_id,
    journal.c.step == Step.ISSUE,
    journal.c.outcome == JournalOutcome.INTENT,
)
_LATELY = (
    select(
        rotations.c.rotation_id,
        rotations.c.user_id,
        rotations.c.delivered_at,
        rotations.c.outcome,
    )
    .where(
        rotations.c.policy == bindparam("of_policy"),
        rotations.c.account_id == bindparam("of_account_id"),
        rotations.c.begun_at >= bindparam("since"),
        _ASKED,
    )
    .order_by(rotations.c.begun_at.desc(), rotations.c.rotation_id)
    .limit(_LOOKED_BACK_MAX)
)
_LAST_ANSWER = (
    select(journal.c.outcome)
    .where(
        journal.c.rotation_id == bindparam("of_rotation"),
        one_of(journal.c.step, (Step.ISSUE, Step.PROVE, Step.DELIVER)),
        journal.c.outcome != JournalOutcome.INTENT,
    )
    .order_by(journal.c.seq.desc())
    .limit(1)
)


def counts(
    connection: Connection, *, policy: str, account_id: str, since: datetime
) -> Mapping[DoorName, int]:
    """How many requests went through each door since then; rejected ones are not counted."""
    rows = connection.execute(_COUNTS, _within(policy, account_id, since))
    found = {row.step: int(row.requests) for row in rows}
    return {door: found.get(Step(door.value), 0) for door in DoorName}


def spent(
    connection: Connection, *, policy: str, account_id: str, since: datetime
) -> Mapping[DoorName, Sequence[datetime]]:
    """When the requests that `counts` counts went through each door, oldest first."""
    rows = connection.execute(_SPENT, _within(policy, account_id, since)).all()
    return {door: [row.at for row in rows if row.step == door.value] for door in DoorName}


def _within(policy: str, account_id: str, since: datetime) -> dict[str, object]:
    return {"of_policy": policy, "of_account_id": account_id, "since": since}


def recent_failures(
    connection: Connection, *, policy: str, account_id: str, since: datetime
) -> int:
    """The last users in a row whose rotation was begun since then and failed.

    Of each user the latest rotation that asked for a key speaks. It failed where the last answer
    to an issue, a proof or a delivery was a rejection, or none in time. One that was delivered
    ends the row. One that has no answer yet, or was broken off by our own end (an intent without
    any outcome), is passed over.
    """
    rows = list(sound(connection.execute(_LATELY, _within(policy, account_id, since))))
    failed = 0
    told: set[str] = set()
    for row in rows:
        if row.user_id in told:
            continue
        told.add(row.user_id)
        if row.delivered_at is not None or row.outcome is Outcome.COMPLETED:
            break
        failed += _last_answer_failed(connection, row.rotation_id)
    return failed


def _last_answer_failed(connection: Connection, rotation_id: str) -> bool:
    last = connection.execute(_LAST_ANSWER, {"of_rotation": rotation_id}).scalar()
    return last in {JournalOutcome.REJECTED, JournalOutcome.UNKNOWN}
