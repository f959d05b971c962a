"""Doubt: what must be known and is not. Line 1 of the judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.judgement.delivering import deliver
from rotator.judgement.late import late_evidence
from rotator.judgement.wording import moment
from rotator.model import Deliver, Reactivate, Reason, Step, Wait

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import Action, Case

__all__ = ["hard_doubt", "settled_at", "soft_doubt"]


def hard_doubt(case: Case) -> Wait | None:
    """No lease, a clock that is wrong, a store that went back: not even what mends is done."""
    for doubt in case.doubts:
        if doubt.hard:
            return Wait(doubt.reason, doubt.message, doubt.until)
    return None


def soft_doubt(case: Case) -> Action | None:
    """No whole listing, or a request whose outcome is not known: only what mends goes on."""
    wait = _told(case) or _unlisted(case) or _unsettled(case)
    return wait and (_mends(case) or wait)


def settled_at(case: Case, seen_at: datetime) -> datetime | None:
    """When the effect of every request without an outcome will have shown, if it is to come.

    None where what was seen at `seen_at` shows it already. What counts is when one looked, not
    when one decides: a listing that was made before the end of the wait proves no absence.
    """
    latest = max((intent.timeout_at + case.timing.settle for intent in case.intents), default=None)
    return None if latest is None or latest <= seen_at else latest


def _told(case: Case) -> Wait | None:
    """A soft doubt that whoever observed has told (the hard ones were judged before)."""
    for doubt in case.doubts:
        return Wait(doubt.reason, doubt.message, doubt.until)
    return None


def _unlisted(case: Case) -> Wait | None:
    if case.listed_at is not None:
        return None
    return Wait(Reason.AWS_UNAVAILABLE, "the keys were not listed", case.now + case.timing.settle)


def _unsettled(case: Case) -> Wait | None:
    assert case.listed_at is not None
    until = settled_at(case, case.listed_at)
    if until is None or _only_puts_unsettled(case):
        return None
    last = max(case.intents, key=lambda intent: intent.timeout_at)
    return Wait(
        Reason.SETTLING,
        f"the answer to {last.step} was lost at {moment(last.at)}; whether it was done is known"
        f" {moment(until)}",
        until,
    )


def _only_puts_unsettled(case: Case) -> bool:
    """Nothing is in doubt but what places have, and a leaked key is to die whatever they have."""
    contained = {order.key_id for order in case.orders if order.contain_first}
    alive = any(key.key_id in contained for key in case.active)
    puts = {Step.DELIVER, Step.PROVE}
    return alive and all(intent.step in puts for intent in case.intents)


def _mends(case: Case) -> Reactivate | Deliver | None:
    """Reactivating what we switched off, and putting the recorded successor again.

    A reactivation that was asked for is looked at again after its own wait, and not before.
    """
    revived = late_evidence(case)
    asked = any(intent.step is Step.REACTIVATE for intent in case.intents)
    if isinstance(revived, Reactivate) and not asked:
        return revived
    put = deliver(case)
    return put if isinstance(put, Deliver) else None
