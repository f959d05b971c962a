"""Doubt: what must be known and is not. Line 1 of the judgement."""

from __future__ import annotations

from dataclasses import replace
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
    wait = _unlisted(case) or _unsettled(case)
    return wait and (_mends(case) or wait)


def settled_at(case: Case) -> datetime | None:
    """When the effect of every request without an outcome will have shown, if it is to come."""
    ends = [intent.timeout_at + case.timing.settle for intent in case.intents]
    latest = max(ends, default=case.now)
    return latest if latest > case.now else None


def _unlisted(case: Case) -> Wait | None:
    if case.listed_at is not None:
        return None
    why = next((doubt.message for doubt in case.doubts), "the keys were not listed")
    return Wait(Reason.AWS_UNAVAILABLE, why, case.now + case.timing.settle)


def _unsettled(case: Case) -> Wait | None:
    until = settled_at(case)
    if until is None:
        return None
    last = max(case.intents, key=lambda intent: intent.timeout_at)
    return Wait(
        Reason.SETTLING,
        f"the answer to {last.step} was lost at {moment(last.at)}; whether it was done is known"
        f" {moment(until)}",
        until,
    )


def _mends(case: Case) -> Reactivate | Deliver | None:
    """Reactivating what we switched off, and putting the recorded successor again."""
    if any(intent.step is Step.REACTIVATE for intent in case.intents):
        return None
    for action in (late_evidence(case), deliver(replace(case, intents=()))):
        if isinstance(action, Reactivate | Deliver):
            return action
    return None
