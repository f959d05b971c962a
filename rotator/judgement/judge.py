"""The judgement: what is to be done next for one user, and why.

Read this file first. Each line of `judge` is a question; the first that has an answer decides.
The two calls that harm, Deactivate and Delete, stand once each, behind `may_go` and a door.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.judgement import doors
from rotator.judgement.beginning import begin, vanished
from rotator.judgement.delivering import deliver, lost_secret, unanswered_create
from rotator.judgement.doubt import hard_doubt, soft_doubt
from rotator.judgement.late import late_evidence
from rotator.judgement.leaving import (
    heir_serves,
    is_waived,
    may_go,
    patient,
    rested,
    rule_of,
    stays,
)
from rotator.judgement.noticing import noticed, user_gone
from rotator.judgement.orders import awaited, ordered
from rotator.judgement.stops import place_stop, standing_stop
from rotator.judgement.wording import listing, moment, used
from rotator.model import (
    Close,
    Deactivate,
    Delete,
    KeyStatus,
    Outcome,
    Reactivate,
    Reason,
    Step,
    Title,
    Wait,
)

if TYPE_CHECKING:
    from rotator.model import AccessKey, Action, Case, Rotation

__all__ = ["ended", "judge"]


def judge(case: Case) -> Action:
    """The one next action for one user."""
    return _told(
        case,
        hard_doubt(case)  # no lease, clock, store: nothing at all                       P6 P8
        or user_gone(case)  # two listings lack the UserId: close
        or noticed(case)  # what is seen to have happened is written down                   P7
        or soft_doubt(case)  # no listing, an intent unsettled: wait, unless it mends       P6
        or ordered(case)  # what a person said, or a sentence why not
        or late_evidence(case)  # revive what we switched off; then a hold or a stop        P1
        or _without_rotation(case)  # one is due, and may begin; or wait
        or _at_once(case)  # P1 is waived for a key that a person named: off before all else
        or unanswered_create(case)  # nothing issued: close; one key, provably ours: orphan
        or deliver(case)  # prove, then put where it is lacking; no door stops this         P1
        or lost_secret(case)  # the secret died: undelivered, if no place may have it       P1
        or _over(case)  # nobody leaves, or the leaver is gone: close
        or _leave(case),  # switch off, rest, delete
    )


def _without_rotation(case: Case) -> Action | None:
    return begin(case) if case.rotation is None else None


def _at_once(case: Case) -> Action | None:
    """A key goes before anything that is owed, where a word says so and it can still sign."""
    leaver = case.key(case.open.leaving)
    if not is_waived(case.open) or leaver is None or not leaver.is_active:
        return None
    return _leave(case)


def _over(case: Case) -> Close | Wait | None:
    """Nobody leaves, or the leaver is gone: the rotation has done its work, or somebody did."""
    rotation = case.open
    if rotation.leaving is None:
        return Close(Reason.COMPLETED, "delivered to every place", outcome=Outcome.COMPLETED)
    leaver = case.key(rotation.leaving)
    if leaver is not None and leaver.is_listed:
        return None
    asked = any(intent.step is Step.DELETE for intent in case.intents)
    if leaver is not None and not asked and (settling := vanished(case, leaver)):
        return settling
    outcome = ended(rotation) if asked or rotation.title else Outcome.BY_HAND
    return Close(Reason(outcome.value), f"{rotation.leaving} is gone from IAM", outcome=outcome)


def _leave(case: Case) -> Action:
    """The leaver is switched off and deleted, each behind its guard, its clocks and its door."""
    rotation = case.open
    leaver = case.key(rotation.leaving)
    assert leaver is not None
    rule = rule_of(rotation)
    assert rule is not None
    gates = rule.gates
    stop = standing_stop(case) if gates is doors.ALL else None
    if stop is not None:
        return stop
    if not may_go(case, leaver):
        return place_stop(case) or stays(case, leaver)
    if leaver.status is not KeyStatus.INACTIVE:
        return patient(case, leaver) or doors.door(case, _deactivate(case, leaver), gates)
    return rested(case, leaver) or doors.door(case, _delete(leaver), gates)


def ended(rotation: Rotation) -> Outcome:
    """How a rotation has ended when its leaver is deleted."""
    return {
        Title.ORPHAN: Outcome.ORPHAN,
        Title.UNDELIVERED: Outcome.UNDELIVERED,
    }.get(rotation.right or Title.PREDECESSOR, Outcome.COMPLETED)


def _deactivate(case: Case, leaver: AccessKey) -> Deactivate:
    rotation = case.open
    title = rotation.right
    assert title is not None
    evidence = {key.key_id: key.last_use for key in case.listed}
    why = [used(leaver.last_use, case.now)]
    if heir_serves(case):
        why.append(f"every place serves {rotation.successor}")
    reason = Reason.GRACE_OVER if title is Title.PREDECESSOR else Reason(title.value)
    return Deactivate(
        reason,
        f"{leaver.key_id} ({title}) may go: {listing(why)}",
        key_id=leaver.key_id,
        evidence=evidence,
    )


def _delete(leaver: AccessKey) -> Delete:
    return Delete(
        Reason.RECOVERY_OVER,
        f"{leaver.key_id} is Inactive since {moment(leaver.status_since)} and was not missed",
        key_id=leaver.key_id,
    )


def _told(case: Case, action: Action) -> Action:
    """The action at its pace; and where nothing is to be done now, what an order waits for."""
    is_doubt = bool(case.doubts) or case.listed_at is None
    return _paced(case, action if is_doubt else awaited(case, action))


def _paced(case: Case, action: Action) -> Action:
    """The same action, or a wait where it failed lately: retries double, each at its moment."""
    step = _STEPS.get(type(action))
    failures = case.failures.get(step) if step else None
    if failures is None:
        return action
    until = failures.last_at + case.timing.backoff(failures.count)
    if until <= case.now:
        return action
    return Wait(
        Reason.BACKOFF,
        f"{step} failed {failures.count} time(s) in a row ({failures.why}); tried again"
        f" {moment(until)}",
        until,
    )


_STEPS: dict[type, Step] = {
    Reactivate: Step.REACTIVATE,
    Deactivate: Step.DEACTIVATE,
    Delete: Step.DELETE,
}
