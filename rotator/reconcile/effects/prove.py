"""Step 4: a call signed with a key answers with the right account and user."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Unpack

from rotator.errors import ReadError
from rotator.events import Event
from rotator.model import JournalOutcome, Reason, Step
from rotator.reconcile.effects.requests import Sent, extension, intend

if TYPE_CHECKING:
    from rotator.aws.accounts import Identity
    from rotator.model import Credential, User
    from rotator.reconcile.journey import Visit
    from rotator.store import Change
    from rotator.store.rows import Facts

__all__ = ["Unproven", "prove"]

PAUSES = (1.0, 2.0, 3.0, 5.0)
"""Seconds between two attempts; the last one again and again. IAM tells STS of a new key within
some 3 to 15 s, and each early question may be answered from a cache for a while."""


WORTHLESS = frozenset({"InvalidClientTokenId", "SignatureDoesNotMatch"})
"""What STS says of a key that does not exist, is not Active, or has another secret; every other
failure says nothing of the key."""


@dataclass(frozen=True, slots=True)
class Unproven:
    """Why a key is not proven, and whether that was an answer about the key."""

    why: str
    is_answer: bool

    def __str__(self) -> str:
        return self.why


def prove(journey: Visit, credential: Credential) -> Unproven | None:
    """Ask STS who the key is, until it says the right thing; why it does not, or None where it did.

    Every failure but a wrong identity is repeated, until `request_timeout` has passed: a key that
    was just made is unknown at first. One that has been Active for longer is asked about once.
    Each attempt is a use of the key that is ours, and is on record before it is made.
    """
    begun_at, is_new = journey.equipment.clock(), _is_new(journey, credential.access_key_id)
    sent = _intend(journey, credential.access_key_id)
    failure, attempts = Unproven("", is_answer=False), 0
    while journey.equipment.clock() < begun_at + journey.case.timing.proof:
        attempts += 1
        try:
            identity = journey.entered.prove(credential)
        except ReadError as exc:
            failure = Unproven(str(exc), is_answer=exc.code in WORTHLESS)
        else:
            return _answered(journey, sent, credential.access_key_id, identity, attempts)
        if not is_new:
            return _not_proven(journey, sent, credential.access_key_id, failure)
        journey.equipment.pause(_pause(journey, attempts))
        _note_use(journey, credential.access_key_id)
    failure = replace(failure, why=f"no proof in {journey.case.timing.proof}: {failure}")
    return _not_proven(journey, sent, credential.access_key_id, failure)


def _is_new(journey: Visit, key_id: str) -> bool:
    """Whether STS may not know this key yet, or not know yet that it is Active."""
    if _is_successor(journey, key_id):
        return True
    key = journey.case.key(key_id)
    since = max(key.created_at, key.status_since) if key else None
    return since is not None and journey.case.now < since + journey.case.timing.settle


def _is_successor(journey: Visit, key_id: str) -> bool:
    rotation = journey.case.rotation
    return rotation is not None and rotation.successor == key_id


def _pause(journey: Visit, attempts: int) -> float:
    """Seconds until the next attempt, less where everything is set to seconds."""
    longest = journey.case.timing.proof.total_seconds() / 8
    return min(PAUSES[min(attempts, len(PAUSES)) - 1], longest)


def _intend(journey: Visit, key_id: str) -> Sent:
    with journey.change(extend=extension(journey)) as change:
        _facts(journey, change, key_id, own_use_at=journey.equipment.clock())
        return intend(journey, change, Step.PROVE, reason=Reason.PROVING, key_id=key_id)


def _note_use(journey: Visit, key_id: str) -> None:
    """Commit that we are about to use the key once more, and keep the lease meanwhile."""
    with journey.change(extend=extension(journey)) as change:
        _facts(journey, change, key_id, own_use_at=journey.equipment.clock())


def _facts(journey: Visit, change: Change, key_id: str, **columns: Unpack[Facts]) -> None:
    """Record what a rotation keeps of the proof of its successor; of another key, nothing."""
    if _is_successor(journey, key_id):
        change.facts(journey.case.open.rotation_id, **columns)


def _answered(
    journey: Visit, sent: Sent, key_id: str, identity: Identity, attempts: int
) -> Unproven | None:
    user = journey.user
    if (identity.account_id, identity.user_id) != (user.account_id, user.user_id):
        failure = Unproven(_somebody_else(identity, user), is_answer=True)
        return _not_proven(journey, sent, key_id, failure)
    now = sent.answered_at(journey)
    with journey.change() as change:
        change.outcome(sent.seq, JournalOutcome.DONE)
        _facts(journey, change, key_id, proven_at=now, own_use_at=now)
    journey.tell(
        Event.KEY_PROVEN,
        successor=key_id,
        attempts=attempts,
        seconds=(now - sent.at).total_seconds(),
    )
    return None


def _somebody_else(identity: Identity, user: User) -> str:
    """Whose the key is, where STS names another than the user who is meant."""
    if identity.is_root:
        whose = f"it is a key of the root of account {identity.account_id}"
    elif identity.user_name is None:
        whose = f"it belongs to a session of a role, {identity.arn}"
    elif identity.account_id != user.account_id:
        whose = f"it is a key of another account, {identity.account_id}: {identity.arn}"
    else:
        whose = f"it is a key of another user, {identity.arn} ({identity.user_id})"
    return f"{whose}, and not of {user} ({user.user_id})"


def _not_proven(journey: Visit, sent: Sent, key_id: str, failure: Unproven) -> Unproven:
    with journey.change() as change:
        change.outcome(sent.seq, JournalOutcome.REJECTED, detail=failure.why)
    journey.tell(
        Event.USER_FAILED,
        step=Step.PROVE.value,
        outcome=JournalOutcome.REJECTED.value,
        error=failure.why,
        successor=key_id,
    )
    return failure
