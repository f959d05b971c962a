"""Steps 4 to 6: the successor is proven, then put to each place in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.errors import AnswerError, PlaceTaken, Rejected
from rotator.events import Event
from rotator.judgement.presence import served
from rotator.model import (
    Absent,
    Failures,
    JournalOutcome,
    Reason,
    Serves,
    Step,
    WrittenAt,
)
from rotator.reconcile.effects.progress import Progress
from rotator.reconcile.effects.prove import prove
from rotator.reconcile.effects.requests import Sent, extension, intend, outcome_of
from rotator.store import PlaceRow

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import Credential, Deliver, Place, PlaceState, Served
    from rotator.reconcile.journey import Visit
    from rotator.sinks import Sink

__all__ = ["deliver"]


def deliver(journey: Visit, action: Deliver) -> Progress:
    """Prove the successor unless that is done, then put it where it is lacking.

    A secret that was read back from a place is proven again before it is written anywhere.
    """
    rotation = journey.case.open
    credential = journey.equipment.hands.held(journey.user.ref, rotation.successor)
    fetched = credential is None
    if credential is None:
        credential = _read_back(journey)
    if credential is None:
        return Progress.FAILED
    if (fetched or rotation.proven_at is None) and not prove(journey, credential):
        journey.equipment.hands.let_go(journey.user.ref)
        return Progress.FAILED
    if fetched:
        journey.equipment.hands.hold(journey.user.ref, credential)
    results = [_put(journey, place, credential) for place in action.places]
    return Progress.GO_ON if all(results) else Progress.FAILED


def _read_back(journey: Visit) -> Credential | None:
    """The successor's credential from a readable place that serves it."""
    successor = journey.case.open.successor
    for state in journey.case.places:
        opened = journey.places.sinks.get(state.place)
        if opened is not None and served(state) == successor:
            credential = opened[1].fetch()
            if credential is not None and credential.access_key_id == successor:
                return credential
    return None


def _put(journey: Visit, place: Place, credential: Credential) -> bool:
    """Put the credential to one place; whether it is known to be there afterwards."""
    state = next(state for state in journey.case.places if state.place == place)
    spec, sink = journey.places.sinks[place]
    replacing = state.reading if state.reading is not None else Absent()
    try:
        sent = _intend(journey, state, spec.id, credential.access_key_id)
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


def _intend(journey: Visit, state: PlaceState, sink_id: str, key_id: str) -> Sent:
    with journey.change(extend=extension(journey)) as change:
        change.claim(PlaceRow(state.place, state.readable, sink_id))
        return intend(
            journey,
            change,
            Step.DELIVER,
            reason=Reason.ISSUED,
            key_id=key_id,
            place=state.place,
        )


def _answered(journey: Visit, state: PlaceState, sent: Sent, sink: Sink, key_id: str) -> bool:
    """A put was answered; of a readable place its reading decides, not the answer.

    A write-only place must show when it was written, or every writing time that it shows later
    would look like somebody else's. Until it does it is written again: twice is once.
    """
    reading = sink.current()
    journey.seen = journey.seen.with_reading(state.place, reading)
    shows = reading == Serves(key_id) if state.readable else isinstance(reading, WrittenAt)
    if not shows:
        error = Rejected(f"the answer was yes, but {state.place} reads back otherwise: {reading}")
        _failed(journey, state, sent, error, outcome=JournalOutcome.UNKNOWN)
        return False
    now = journey.equipment.clock()
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
    _failed(journey, state, sent, error, outcome=outcome)


def _failed(
    journey: Visit,
    state: PlaceState,
    sent: Sent,
    error: AnswerError,
    *,
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
        successor=journey.case.open.successor,
        failures=count,
        next_at=failures.last_at + journey.case.timing.backoff(count),
    )


def _tell_delivered(journey: Visit, state: PlaceState, key_id: str, *, seconds: float) -> None:
    journey.tell(
        Event.KEY_DELIVERED,
        successor=key_id,
        predecessor=journey.case.open.predecessor,
        sink=state.sink_id,
        place=str(state.place),
        observed=False,
        seconds=seconds,
    )
