"""Step 4: a call signed with the successor answers with the right account and user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.errors import ReadError
from rotator.events import Event
from rotator.model import JournalOutcome, Reason, Step
from rotator.reconcile.effects.requests import Sent, extension, intend

if TYPE_CHECKING:
    from rotator.aws.accounts import Identity
    from rotator.model import Credential
    from rotator.reconcile.journey import Visit

__all__ = ["prove"]

PAUSES = (1.0, 2.0, 3.0, 5.0)
"""Seconds between two attempts; the last one again and again. IAM tells STS of a new key within
some 3 to 15 s, and each early question may be answered from a cache for a while."""


def prove(journey: Visit, credential: Credential) -> bool:
    """Ask STS who the key is, until it says the right thing or `request_timeout` has passed.

    Every failure but a wrong identity is repeated: a key that was just made is unknown at first.
    Each attempt is a use of the key that is ours, and is on record before it is made.
    """
    begun_at = journey.equipment.clock()
    sent = _intend(journey, credential.access_key_id)
    why, attempts = "", 0
    while journey.equipment.clock() < begun_at + journey.case.timing.proof:
        attempts += 1
        try:
            identity = journey.entered.prove(credential)
        except ReadError as exc:
            why = str(exc)
        else:
            return _answered(journey, sent, credential.access_key_id, identity, attempts)
        journey.equipment.pause(_pause(journey, attempts))
        _note_use(journey)
    _not_proven(journey, sent, f"no proof in {journey.case.timing.proof}: {why}")
    return False


def _pause(journey: Visit, attempts: int) -> float:
    """Seconds until the next attempt, less where everything is set to seconds."""
    longest = journey.case.timing.proof.total_seconds() / 8
    return min(PAUSES[min(attempts, len(PAUSES)) - 1], longest)


def _intend(journey: Visit, key_id: str) -> Sent:
    with journey.change(extend=extension(journey)) as change:
        change.facts(journey.case.open.rotation_id, own_use_at=journey.equipment.clock())
        return intend(journey, change, Step.PROVE, reason=Reason.PROVING, key_id=key_id)


def _note_use(journey: Visit) -> None:
    """Commit that we are about to use the key once more, and keep the lease meanwhile."""
    with journey.change(extend=extension(journey)) as change:
        change.facts(journey.case.open.rotation_id, own_use_at=journey.equipment.clock())


def _answered(journey: Visit, sent: Sent, key_id: str, identity: Identity, attempts: int) -> bool:
    user = journey.user
    if (identity.account_id, identity.user_id) != (user.account_id, user.user_id):
        _not_proven(
            journey,
            sent,
            f"STS says that the key is {identity.arn} ({identity.user_id}), which is not"
            f" {user} ({user.user_id})",
        )
        return False
    now = journey.equipment.clock()
    with journey.change() as change:
        change.outcome(sent.seq, JournalOutcome.DONE)
        change.facts(journey.case.open.rotation_id, proven_at=now, own_use_at=now)
    journey.tell(
        Event.KEY_PROVEN,
        successor=key_id,
        attempts=attempts,
        seconds=(now - sent.at).total_seconds(),
    )
    return True


def _not_proven(journey: Visit, sent: Sent, why: str) -> None:
    with journey.change() as change:
        change.outcome(sent.seq, JournalOutcome.REJECTED, detail=why)
    journey.tell(
        Event.USER_FAILED,
        step=Step.PROVE.value,
        outcome=JournalOutcome.REJECTED.value,
        error=why,
        successor=journey.case.open.successor,
    )
