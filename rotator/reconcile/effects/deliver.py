"""Steps 4 to 6: the successor, or the key that an order names, is proven, then put."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.errors import AnswerError, PlaceTaken, Rejected
from rotator.events import Event
from rotator.judgement.presence import served
from rotator.model import (
    Absent,
    Failures,
    JournalOutcome,
    Obey,
    Reason,
    Serves,
    Step,
    WrittenAt,
)
from rotator.reconcile.effects.progress import Progress
from rotator.reconcile.effects.prove import prove
from rotator.reconcile.effects.record import obey
from rotator.reconcile.effects.requests import Sent, extension, intend, outcome_of
from rotator.store import PlaceRow

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import Credential, Deliver, Place, PlaceState, Served
    from rotator.reconcile.journey import Visit
    from rotator.sinks import Sink

__all__ = ["deliver", "put"]


def deliver(journey: Visit, action: Deliver) -> Progress:
    """Prove the key unless that is done, then put it where it is lacking.

    A secret that was read back from a place is proven again before it is written anywhere.
    """
    rotation, hands, ref = journey.case.rotation, journey.equipment.hands, journey.user.ref
    successor = rotation.successor if rotation else None
    key_id = action.key_id or journey.case.open.successor
    credential = hands.held(ref, key_id)
    fetched = credential is None
    if credential is None:
        credential = _read_back(journey, key_id)
    if credential is None:
        return Progress.FAILED
    is_proven = rotation is not None and rotation.proven_at is not None and not fetched
    if not is_proven and (failure := prove(journey, credential)):
        hands.let_go(ref)
        if action.order_id is not None and key_id != successor and failure.is_answer:
            _refuse(journey, action, failure.why)
        return Progress.FAILED
    if fetched and key_id == successor:
        hands.hold(ref, credential)
    reason = Reason.ISSUED if action.order_id is None else Reason.REQUESTED
    detail = "" if action.order_id is None else action.message
    results = [
        put(journey, place, credential, reason=reason, detail=detail) for place in action.places
    ]
    return Progress.GO_ON if all(results) else Progress.FAILED


def _read_back(journey: Visit, key_id: str | None) -> Credential | None:
    """The credential of a key from a readable place that serves it."""
    for state in journey.case.places:
        opened = journey.places.sinks.get(state.place)
        if opened is not None and served(state) == key_id:
            credential = opened[1].fetch()
            if credential is not None and credential.access_key_id == key_id:
                return credential
    return None


def _refuse(journey: Visit, action: Deliver, why: str) -> None:
    """End an order whose key works nowhere: what a person asked for would do harm."""
    message = (
        f"what a place serves as {action.key_id} was not accepted, so it is put nowhere: {why}."
        f" Bring the key itself with `rotator deliver {journey.user} --from …`, or have another"
        f" made with `rotator rotate {journey.user}`"
    )
    refused = Obey(Reason.REFUSED, message, order_id=action.order_id or 0, refused=True)
    obey(journey, refused)


def put(
    journey: Visit, place: Place, credential: Credential, *, reason: Reason, detail: str = ""
) -> bool:
    """Put the credential to one place; whether it is known to be there afterwards."""
    state = next(state for state in journey.case.places if state.place == place)
    spec, sink = journey.places.sinks[place]
    replacing = state.reading if state.reading is not None else Absent()
    try:
        sent = _intend(
            journey, state, spec.id, credential.access_key_id, reason=reason, detail=detail
        )
    except PlaceTaken:
        return False
    try:
        sink.put(credential, replacing=replacing, deadline=_deadline(journey))
    except AnswerError as exc:
        _not_put(journey, state, sent, exc, sink, credential.access_key_id)
        return False
    return _answered(journey, state, sent, sink, credential.access_key_id)


def _deadline(journey: Visit) -> datetime:
    return journey.equipment.clock() + journey.case.timing.request_timeout


def _intend(
    journey: Visit, state: PlaceState, sink_id: str, key_id: str, *, reason: Reason, detail: str
) -> Sent:
    with journey.change(extend=extension(journey)) as change:
        change.claim(PlaceRow(state.place, state.readable, sink_id))
        return intend(
            journey,
            change,
            Step.DELIVER,
            reason=reason,
            key_id=key_id,
            place=state.place,
            detail=detail,
        )


def _answered(journey: Visit, state: PlaceState, sent: Sent, sink: Sink, key_id: str) -> bool:
    """A put was answered; of a readable place its reading decides, not the answer.

    A write-only place must show when it was written, or every writing time that it shows later
    would look like somebody else's. Until it does it is written again: twice is once.
    """
    reading = sink.current()
    journey.seen = journey.seen.with_reading(state.place, reading)
    shows = reading == Serves(key_id) if state.readable else _was_written(state, reading, key_id)
    if not shows:
        error = Rejected(f"the answer was yes, but {state.place} reads back otherwise: {reading}")
        _failed(journey, state, sent, error, key_id=key_id, outcome=JournalOutcome.UNKNOWN)
        return False
    now = sent.answered_at(journey)
    with journey.change() as change:
        change.outcome(sent.seq, JournalOutcome.DONE)
        change.place(
            state.place,
            written_at=reading.at if isinstance(reading, WrittenAt) else None,
            delivered_at=now,
            failures=None,
        )
    _tell_delivered(journey, state, key_id, seconds=(now - sent.at).total_seconds())
    return True


def _was_written(state: PlaceState, reading: Served, key_id: str) -> bool:
    """Whether a write-only place shows a writing that may be this key's.

    The writing time that our last answer for another key had left is that key's: whatever was
    answered now, nothing was written. One that moved before, unanswered, may be this key's own, of
    which a place need not be written twice.
    """
    if not isinstance(reading, WrittenAt):
        return False
    is_former = state.answered_key not in {None, key_id} and reading.at == state.written_at
    return reading.at is None or not is_former


def _not_put(
    journey: Visit,
    state: PlaceState,
    sent: Sent,
    error: AnswerError,
    sink: Sink,
    key_id: str,
) -> None:
    """A put was rejected, or nobody knows: what a reading shows is looked at by the judgement."""
    reading: Served = sink.current()
    journey.seen = journey.seen.with_reading(state.place, reading)
    outcome = outcome_of(error)
    if isinstance(error, Rejected) and reading == Serves(key_id):
        outcome = JournalOutcome.UNKNOWN
    _failed(journey, state, sent, error, key_id=key_id, outcome=outcome)


def _failed(
    journey: Visit,
    state: PlaceState,
    sent: Sent,
    error: AnswerError,
    *,
    key_id: str,
    outcome: JournalOutcome,
) -> None:
    count = state.failures.count + 1 if state.failures else 1
    failures = Failures(count, journey.equipment.clock(), str(error))
    with journey.change() as change:
        change.outcome(sent.seq, outcome, detail=str(error))
        change.place(state.place, failures=failures)
    journey.tell(
        Event.SINK_FAILED,
        sink=state.sink_id,
        place=str(state.place),
        step=Step.DELIVER.value,
        outcome=outcome.value,
        error=str(error),
        successor=key_id,
        failures=count,
        next_at=failures.last_at + journey.case.timing.backoff(count),
    )


def _tell_delivered(journey: Visit, state: PlaceState, key_id: str, *, seconds: float) -> None:
    journey.tell(
        Event.KEY_DELIVERED,
        successor=key_id,
        predecessor=journey.case.rotation.predecessor if journey.case.rotation else None,
        sink=state.sink_id,
        place=str(state.place),
        observed=False,
        seconds=seconds,
    )
