"""Steps 7 to 9, and back: the leaver is switched off, on again, or deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rotator.errors import AnswerError, LimitReached, ReadError, Refused, Rejected
from rotator.events import Event
from rotator.judgement.judge import ended
from rotator.model import DoorName, JournalOutcome, KeyStatus, NeverUsed, Reason, Step, UsedAt
from rotator.reconcile.effects.approvals import spend, tell_spent
from rotator.reconcile.effects.progress import Progress
from rotator.reconcile.effects.record import NOTHING_YET, close_rotation, hold_for_good, promise
from rotator.reconcile.effects.requests import Sent, extension, failed, intend

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import Deactivate, Delete, Reactivate
    from rotator.reconcile.journey import Visit
    from rotator.store import Change

__all__ = ["deactivate", "delete", "reactivate"]

GONE = "NoSuchEntity"


def deactivate(journey: Visit, action: Deactivate) -> Progress:
    """Switch the leaver off; the intent holds the last uses that this was decided on."""
    rotation = journey.case.open
    journey.entered.iam.turn()
    try:
        with journey.change(extend=extension(journey)) as change:
            sent = intend(
                journey,
                change,
                Step.DEACTIVATE,
                reason=action.reason,
                key_id=action.key_id,
                detail=action.message,
            )
            change.facts(rotation.rotation_id, evidence=action.evidence)
    except (LimitReached, Refused):
        return Progress.FAILED
    try:
        journey.entered.iam.set_status(journey.user.name, action.key_id, KeyStatus.INACTIVE)
    except AnswerError as exc:
        failed(journey, Step.DEACTIVATE, sent, exc, evidence={})
        return Progress.FAILED
    now = sent.answered_at(journey)
    promised_at = promise(journey, now)
    with journey.change() as change:
        change.outcome(sent.seq, JournalOutcome.DONE)
        change.facts(rotation.rotation_id, deactivated_at=now, promised_at=promised_at)
        spent = spend(journey, change, DoorName.DEACTIVATE, action.message)
        _set_status(journey, change, action.key_id, KeyStatus.INACTIVE, now)
    _tell_deactivated(journey, action, promised_at, sent, now)
    tell_spent(journey, spent)
    return Progress.LOOK_AGAIN


def _tell_deactivated(
    journey: Visit,
    action: Deactivate,
    promised_at: datetime | None,
    sent: Sent,
    now: datetime,
) -> None:
    leaver = journey.case.key(action.key_id)
    last_use = leaver.last_use if leaver else NeverUsed()
    journey.tell(
        Event.KEY_DEACTIVATED,
        access_key_id=action.key_id,
        title=journey.case.open.right,
        reason=action.reason,
        message=action.message,
        successor=journey.case.open.successor,
        last_used_at=last_use.at if isinstance(last_use, UsedAt) else None,
        promised_at=promised_at,
        observed=False,
        seconds=(now - sent.at).total_seconds(),
    )


def reactivate(journey: Visit, action: Reactivate) -> Progress:
    """Switch the leaver on again; the hold that goes with it is committed with the intent."""
    rotation = journey.case.open
    journey.entered.iam.turn()
    with journey.change(extend=extension(journey)) as change:
        sent = intend(
            journey,
            change,
            Step.REACTIVATE,
            reason=action.reason,
            key_id=action.key_id,
            detail=action.message,
        )
        hold_for_good(journey, change, action.hold, action.message, action.order_id)
    try:
        journey.entered.iam.set_status(journey.user.name, action.key_id, KeyStatus.ACTIVE)
    except AnswerError as exc:
        failed(journey, Step.REACTIVATE, sent, exc)
        return Progress.FAILED
    now = sent.answered_at(journey)
    with journey.change() as change:
        change.outcome(sent.seq, JournalOutcome.DONE)
        change.facts(rotation.rotation_id, **NOTHING_YET)
        _set_status(journey, change, action.key_id, KeyStatus.ACTIVE, now)
        if action.order_id is not None:
            change.order_done(action.order_id, "done", action.message)
    journey.tell(
        Event.KEY_REACTIVATED,
        access_key_id=action.key_id,
        title=rotation.right,
        reason=action.hold or action.reason,
        message=action.message,
        actor=journey.who(action.order_id),
        observed=False,
        seconds=(now - sent.at).total_seconds(),
    )
    return Progress.LOOK_AGAIN


def delete(journey: Visit, action: Delete) -> Progress:
    """Delete the leaver; an answer that it is not there counts only if a listing agrees."""
    rotation = journey.case.open
    journey.entered.iam.turn()
    try:
        with journey.change(extend=extension(journey)) as change:
            sent = intend(
                journey,
                change,
                Step.DELETE,
                reason=action.reason,
                key_id=action.key_id,
                detail=action.message,
            )
    except (LimitReached, Refused):
        return Progress.FAILED
    try:
        journey.entered.iam.delete_key(journey.user.name, action.key_id)
    except AnswerError as exc:
        if not _is_gone(journey, action.key_id, exc):
            failed(journey, Step.DELETE, sent, exc)
            return Progress.FAILED
    now = sent.answered_at(journey)
    with journey.change() as change:
        change.outcome(sent.seq, JournalOutcome.DONE)
        change.gone(action.key_id, now)
        spent = spend(journey, change, DoorName.DELETE, action.message)
        close_rotation(journey, change, ended(rotation), Reason(ended(rotation).value), now)
    journey.equipment.hands.let_go(journey.user.ref)
    journey.tell(
        Event.KEY_DELETED,
        access_key_id=action.key_id,
        title=rotation.right,
        reason=action.reason,
        message=action.message,
        observed=False,
        seconds=(now - sent.at).total_seconds(),
    )
    tell_spent(journey, spent)
    journey.tell_closed(ended(rotation), Reason(ended(rotation).value), action.message)
    return Progress.LOOK_AGAIN


def _is_gone(journey: Visit, key_id: str, error: AnswerError) -> bool:
    """Whether "no such key" is true: a complete listing of the same UserId lacks it."""
    if not isinstance(error, Rejected) or error.code != GONE:
        return False
    try:
        user = journey.entered.iam.get_user(journey.user.name)
        listed = journey.entered.iam.list_keys(journey.user.name)
    except ReadError:
        return False
    same = user is not None and user.user_id == journey.user.user_id
    return same and key_id not in {key.key_id for key in listed}


def _set_status(
    journey: Visit, change: Change, key_id: str, status: KeyStatus, at: datetime
) -> None:
    key = journey.case.key(key_id)
    if key is not None:
        change.sight([replace(key, status=status, status_since=at)])
