"""Counts over the last day, and failures in a row: what two of the gates are decided on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, func, or_, select

from rotator.model import DoorName, JournalOutcome, Outcome, Step, Title
from rotator.store.journal import settled
from rotator.store.schema import journal, rotations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

__all__ = ["counts", "recent_failures", "spent"]

APART = (Title.ORPHAN, Title.UNDELIVERED)
"""Titles whose requests are not counted: they clear up after ourselves."""

_LOOKED_BACK_MAX = 500


def counts(
    connection: Connection, *, policy: str, account_id: str, since: datetime
) -> Mapping[DoorName, int]:
    """How many requests went through each door since then; rejected ones are not counted."""
    rows = connection.execute(
        select(journal.c.step, func.count().label("requests"))
        .where(*_went_through(policy, account_id, since))
        .group_by(journal.c.step)
    )
    found = {row.step: int(row.requests) for row in rows}
    return {door: found.get(Step(door.value), 0) for door in DoorName}


def spent(
    connection: Connection, *, policy: str, account_id: str, since: datetime
) -> Mapping[DoorName, Sequence[datetime]]:
    """When the requests that `counts` counts went through each door, oldest first."""
    rows = connection.execute(
        select(journal.c.step, journal.c.at)
        .where(*_went_through(policy, account_id, since))
        .order_by(journal.c.at)
    ).all()
    return {door: [row.at for row in rows if row.step == door.value] for door in DoorName}


def _went_through(policy: str, account_id: str, since: datetime) -> list[ColumnElement[bool]]:
    return [
        journal.c.policy == policy,
        journal.c.account_id == account_id,
        journal.c.outcome == JournalOutcome.INTENT,
        journal.c.at >= since,
        journal.c.step.in_([Step(door.value) for door in DoorName]),
        or_(journal.c.title.is_(None), journal.c.title.not_in(APART)),
        ~settled(journal.c.seq, (JournalOutcome.REJECTED,)),
    ]


def recent_failures(
    connection: Connection, *, policy: str, account_id: str, since: datetime
) -> int:
    """The last users in a row whose rotation was begun since then and failed.

    Of each user the latest rotation that asked for a key speaks. It failed where the last answer
    to an issue, a proof or a delivery was a rejection, or none in time. One that was delivered
    ends the row. One that has no answer yet, or was broken off by our own end (an intent without
    any outcome), is passed over.
    """
    asked = exists().where(
        journal.c.rotation_id == rotations.c.rotation_id,
        journal.c.step == Step.ISSUE,
        journal.c.outcome == JournalOutcome.INTENT,
    )
    rows = connection.execute(
        select(rotations)
        .where(
            rotations.c.policy == policy,
            rotations.c.account_id == account_id,
            rotations.c.begun_at >= since,
            asked,
        )
        .order_by(rotations.c.begun_at.desc(), rotations.c.rotation_id)
        .limit(_LOOKED_BACK_MAX)
    ).all()
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
    last = connection.execute(
        select(journal.c.outcome)
        .where(
            journal.c.rotation_id == rotation_id,
            journal.c.step.in_((Step.ISSUE, Step.PROVE, Step.DELIVER)),
            journal.c.outcome != JournalOutcome.INTENT,
        )
        .order_by(journal.c.seq.desc())
        .limit(1)
    ).scalar()
    return last in {JournalOutcome.REJECTED, JournalOutcome.UNKNOWN}
