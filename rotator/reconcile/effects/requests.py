"""Around every request: an intent that is committed before it, and an outcome after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Unpack

from rotator.errors import Refused, Rejected
from rotator.events import Event
from rotator.judgement import doors
from rotator.judgement.approvals import approval_for
from rotator.judgement.leaving import TITLES
from rotator.model import DoorName, JournalOutcome, Reason, Step
from rotator.reconcile.cases import wrong_clock

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.errors import AnswerError
    from rotator.model import Order, Place
    from rotator.reconcile.journey import Visit
    from rotator.store import Change
    from rotator.store.rows import Facts

__all__ = ["DAY", "Sent", "ends_at", "extension", "failed", "intend", "limit_of", "outcome_of"]

DAY = timedelta(hours=24)

LIFE = 2
"""A request's own life in request timeouts: making the connection, then waiting for the answer."""

PUT_LIFE = 1 + LIFE
"""A put begins no request after one request timeout, and its last request has a life of its own."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An intent that is committed: its row, and when it was."""

    seq: int
    at: datetime

    def answered_at(self, journey: Visit) -> datetime:
        """Now; never before it was sent, though our clock may have been set back meanwhile."""
        return max(self.at, journey.equipment.clock())


def ends_at(journey: Visit, step: Step) -> datetime:
    """The time-out of a request, or of a whole put, that is begun now."""
    life = PUT_LIFE if step is Step.DELIVER else LIFE
    return journey.equipment.clock() + life * journey.case.timing.request_timeout


def extension(journey: Visit) -> timedelta:
    """The lease, from now, that outlasts whatever is begun now."""
    return (PUT_LIFE + 1) * journey.case.timing.request_timeout


def intend(  # noqa: PLR0913 - the columns of an intent
    journey: Visit,
    change: Change,
    step: Step,
    *,
    reason: Reason,
    key_id: str | None = None,
    place: Place | None = None,
    detail: str = "",
) -> Sent:
    """Put the intent of one request into the transaction of `change`.

    Raises:
        LimitReached: the limit of its door is used up, counted in this very transaction.
        Refused: the approval that opened its door is not in force any more, or our clock was set
            since it was judged by.
    """
    wrong = wrong_clock(journey.entered.skew())
    if wrong is not None:
        raise Refused(wrong)
    approval = approval_of(journey, step, reason)
    if approval is not None and not change.use_approval(approval.order_id):
        raise Refused(f"{approval.actor}'s approval of {step} was taken back")
    seq = change.intent(
        step,
        timeout_at=ends_at(journey, step),
        key_id=key_id,
        place=place,
        title=journey.case.rotation.right if journey.case.rotation else None,
        reason=reason,
        limit=limit_of(journey, step, reason),
        detail=detail,
    )
    return Sent(seq, journey.equipment.clock())


def limit_of(journey: Visit, step: Step, reason: Reason) -> tuple[int, datetime] | None:
    """How many of these steps are allowed since when; None where its gates hold no limit."""
    policy = journey.case.policy
    if policy is None or not _has_all_gates(journey, step, reason):
        return None
    return policy.limits.of(DoorName(step.value)), journey.equipment.clock() - DAY


def approval_of(journey: Visit, step: Step, reason: Reason) -> Order | None:
    """The approval that lets this step through; None where its door asks for none."""
    policy = journey.case.policy
    if policy is None or not _has_all_gates(journey, step, reason):
        return None
    door = DoorName(step.value)
    return approval_for(journey.case, door) if door in policy.approve else None


def _has_all_gates(journey: Visit, step: Step, reason: Reason) -> bool:
    """Whether a step goes through a door before which limits and approvals stand too."""
    if step not in {Step.ISSUE, Step.DEACTIVATE, Step.DELETE}:
        return False
    title = journey.case.rotation.right if journey.case.rotation else None
    by_person = step is Step.ISSUE and reason in {Reason.REQUESTED, Reason.COMPROMISED}
    return not by_person and (title is None or TITLES[title].gates is doors.ALL)


def outcome_of(error: AnswerError) -> JournalOutcome:
    """How the journal calls an answer that was not a plain yes."""
    if isinstance(error, Rejected):
        return JournalOutcome.REJECTED
    return JournalOutcome.UNKNOWN


def failed(
    journey: Visit, step: Step, sent: Sent, error: AnswerError, **undone: Unpack[Facts]
) -> None:
    """Record that a request was rejected, or that nobody knows.

    `undone`: what becomes of the facts that went with its intent, where nothing happened.
    """
    outcome = outcome_of(error)
    with journey.change() as change:
        change.outcome(sent.seq, outcome, detail=str(error))
        if undone and outcome is JournalOutcome.REJECTED:
            change.facts(journey.case.open.rotation_id, **undone)
    journey.tell(
        Event.USER_FAILED,
        step=step.value,
        outcome=outcome.value,
        error=str(error),
        code=getattr(error, "code", ""),
    )
