"""Steps 1 to 3: the beginning is committed, the key is made, and its id is committed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from rotator.errors import AnswerError, LimitReached, PlaceTaken, Refused
from rotator.events import Event
from rotator.judgement.presence import our_places
from rotator.model import (
    AccessKey,
    DoorName,
    JournalOutcome,
    KeyStatus,
    Kind,
    NeverUsed,
    Outcome,
    Reason,
    Rotation,
    Step,
)
from rotator.reconcile.effects.approvals import spend, tell_spent
from rotator.reconcile.effects.leave import places_named, supersede, take_over
from rotator.reconcile.effects.progress import Progress
from rotator.reconcile.effects.requests import Sent, extension, failed, intend
from rotator.reconcile.hands import Answer

if TYPE_CHECKING:
    from rotator.model import Issue
    from rotator.reconcile.journey import Visit

__all__ = ["catch_up", "issue"]


def issue(journey: Visit, action: Issue) -> Progress:
    """Begin a rotation and create its successor; the request is sent exactly once."""
    journey.entered.iam.turn()
    try:
        sent = _begin(journey, action)
    except (LimitReached, PlaceTaken, Refused):
        # Another replica was quicker: what is on record now is judged anew.
        return Progress.FAILED
    if journey.case.rotation is not None:
        journey.tell_closed(Outcome.SUPERSEDED, Reason.SUPERSEDED, action.message)
    journey.tell(
        Event.ROTATION_BEGUN,
        kind=action.kind.value,
        reason=action.reason,
        message=action.message,
        predecessor=action.predecessor,
        title=action.title,
        places=[str(place.place) for place in our_places(journey.case)],
        order_id=action.order_id,
    )
    rotation = journey.known.rotation
    assert rotation is not None
    try:
        created = journey.entered.iam.create_key(
            journey.user.name, rotation_id=rotation.rotation_id
        )
    except AnswerError as exc:
        failed(journey, Step.ISSUE, sent, exc)
        return Progress.FAILED
    answer = Answer(
        rotation.rotation_id,
        sent.seq,
        sent.at,
        sent.answered_at(journey),
        created.credential,
        created.created_at,
    )
    journey.equipment.hands.answered(journey.user.ref, answer)
    _record(journey, answer, rotation)
    return Progress.GO_ON


def _begin(journey: Visit, action: Issue) -> Sent:
    """Commit the beginning with its places claimed, and the intent of the request."""
    case = journey.case
    now = journey.equipment.clock()
    rotation = Rotation(
        rotation_id=uuid4().hex,
        kind=action.kind,
        policy=case.terms.name,
        begun_at=now,
        reason=action.reason,
        predecessor=action.predecessor,
        leaver=action.predecessor if action.title else None,
        title=action.title,
        titled_at=now if action.title else None,
        order_id=action.order_id,
        issuer=journey.equipment.process,
    )
    with journey.change(extend=extension(journey)) as change:
        supersede(journey, change)
        change.begin(rotation, places_named(journey))
        take_over(journey, change, action.order_id, action.predecessor if action.title else None)
        change.journal(
            Step.BEGIN,
            JournalOutcome.DONE,
            key_id=action.predecessor,
            reason=action.reason,
            detail=action.message,
        )
        sent = intend(journey, change, Step.ISSUE, reason=action.reason)
    journey.known = replace(journey.known, rotation=rotation)
    return sent


def catch_up(journey: Visit) -> None:
    """Put an answer on record that could not be before: the store was away, or the lease lost.

    It is as true as it was, unless somebody has concluded something else meanwhile.
    """
    hands, ref, rotation = journey.equipment.hands, journey.user.ref, journey.known.rotation
    answer = hands.unrecorded(ref)
    if answer is None:
        return
    is_ours = rotation is not None and rotation.rotation_id == answer.rotation_id
    if rotation is None or not is_ours or rotation.kind is Kind.LEAVE:
        hands.let_go(ref)
    elif rotation.successor is None:
        _record(journey, answer, rotation)
    else:
        # The commit whose answer was lost had been written.
        hands.recorded(ref)


def _record(journey: Visit, answer: Answer, rotation: Rotation) -> None:
    """Commit whose key it is; until then its secret is all that could be lost."""
    key_id = answer.credential.access_key_id
    with journey.change() as change:
        change.outcome(answer.seq, JournalOutcome.DONE, key_id=key_id)
        spent = spend(journey, change, DoorName.ISSUE, f"{key_id} is issued")
        change.facts(rotation.rotation_id, successor=key_id, issued_at=answer.at)
        if journey.case.key(key_id) is None:
            change.sight([_new(answer)])
    journey.equipment.hands.recorded(journey.user.ref)
    journey.tell(
        Event.KEY_ISSUED,
        successor=key_id,
        predecessor=rotation.predecessor,
        reason=rotation.reason,
        kind=rotation.kind.value,
        seconds=(answer.at - answer.asked_at).total_seconds(),
    )
    tell_spent(journey, spent)


def _new(answer: Answer) -> AccessKey:
    """The key as it was answered: no listing has shown it yet."""
    return AccessKey(
        key_id=answer.credential.access_key_id,
        status=KeyStatus.ACTIVE,
        created_at=answer.created_at,
        last_use=NeverUsed(),
        status_since=answer.created_at,
        first_seen_at=answer.at,
        last_seen_at=answer.at,
    )
