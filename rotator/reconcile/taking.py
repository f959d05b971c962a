"""`deliver --from`: a key that a person brings is proven and put to the places, by the command.

Only the command has the secret, so it does by itself what a visit does: the user's lease, a look,
for each request the intent before it and the outcome after it. Nothing is rotated. Killed at any
instruction it leaves places that are read again, and a key that was Active before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.errors import Refused
from rotator.events import Event
from rotator.judgement.handing import Refusal, give, has_it, losing, why_not_taken
from rotator.judgement.judge import judge
from rotator.model import Deliver, JournalOutcome, Reason, Step, Verb, Wait
from rotator.reconcile.effects.deliver import put
from rotator.reconcile.effects.prove import prove
from rotator.reconcile.standing import keep_standing
from rotator.reconcile.visit import begun, recall

if TYPE_CHECKING:
    from rotator.aws.accounts import Entered
    from rotator.model import Credential, User
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.journey import Visit
    from rotator.reconcile.rolls import Roll
    from rotator.store import Lease

__all__ = ["PATIENCE", "Brought", "take"]

PATIENCE = timedelta(seconds=10)
"""How long somebody else may still look after the user before the command gives up."""

PAUSE = 0.2
"""Seconds between two attempts to get the user's lease."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A credential that a person brings, and what they said about it.

    Attributes:
        sink_id: the one sink that is to be given it; None: all of them.
        take_over: a place that holds something else may be overwritten.
        why: the reason that was given, for the record.
    """

    credential: Credential
    sink_id: str | None = None
    take_over: bool = False
    why: str = ""

    @property
    def key_id(self) -> str:
        """Which key it is."""
        return self.credential.access_key_id


def take(equipment: Equipment, entered: Entered, roll: Roll, user: User, brought: Brought) -> str:
    """Prove the key, and put it where it is lacking; what was done, as a sentence.

    Raises:
        Refused: it is not this user's, or cannot be put now; the sentence says what was written.
        StoreError: something could not be saved.
        LeaseLost: another holder took over meanwhile.
    """
    lease = _lease(equipment, user)
    try:
        with begun(equipment, entered, roll, user, lease) as journey:
            return _recorded(journey, brought)
    finally:
        equipment.store.release(lease)


def _lease(equipment: Equipment, user: User) -> Lease:
    length, until = equipment.configuration().timing.lease, equipment.clock() + PATIENCE
    while True:
        lease = equipment.store.acquire(user.ref, holder=equipment.holder, length=length)
        if lease is not None:
            return lease
        if equipment.clock() >= until or equipment.stopping.is_set():
            raise Refused(
                f"another process looks after {user} just now, and did not end within"
                f" {PATIENCE.seconds} s: nothing was written; try again in a minute"
            )
        equipment.pause(PAUSE)


def _recorded(journey: Visit, brought: Brought) -> str:
    """Do it, and put down how it ended, and who wanted it and why."""
    refusal, message = None, ""
    try:
        _read_places(journey)
        message = _given(journey, brought)
    except Refused as exc:
        refusal = exc
    outcome = JournalOutcome.REJECTED if refusal else JournalOutcome.DONE
    said = f"{Verb.DELIVER} --from: {refusal or message}"
    with journey.change(mends=True) as change:
        change.journal(
            Step.ORDER,
            outcome,
            key_id=brought.key_id,
            reason=Reason.REFUSED if refusal else Reason.REQUESTED,
            detail=f"{said} ({brought.why})" if brought.why else said,
        )
    recall(journey)
    keep_standing(journey, judge(journey.case))
    _tell(journey, refusal, message)
    if refusal is not None:
        raise refusal
    return message


def _read_places(journey: Visit) -> None:
    """What stands in each place now, and whether it could be written."""
    rotating = journey.known.rotation is not None
    journey.seen = journey.places.read(journey.seen, check=not rotating, keep=journey.keep)
    recall(journey)


def _given(journey: Visit, brought: Brought) -> str:
    """Judge, prove, then put to one place after the other, judging anew after each round."""
    written: list[str] = []
    first = _next(journey, brought, written)
    chosen = set(first.places) if first else set()
    lost = losing(journey.case, (p for p in journey.case.places if p.place in chosen))
    _prove(journey, brought)
    while (todo := _next(journey, brought, written)) is not None:
        for place in todo.places:
            is_there = put(
                journey,
                place,
                _named(journey, brought),
                reason=Reason.REQUESTED,
                detail=f"{Verb.DELIVER} --from" + (f": {brought.why}" if brought.why else ""),
            )
            if not is_there:
                recall(journey)
                raise Refused(_broken_off(journey, brought, str(place), written))
            written.append(str(place))
        recall(journey)
    return has_it(journey.case, brought.key_id, brought.sink_id) + lost


def _next(journey: Visit, brought: Brought, written: list[str]) -> Deliver | None:
    """The places that are written next; None where all that were asked for have the key."""
    case = journey.case
    refusal = why_not_taken(case, brought.key_id)
    if refusal is not None:
        raise Refused(refusal.sentence)
    found = give(case, brought.key_id, sink_id=brought.sink_id, take_over=brought.take_over)
    match found:
        case Refusal(sentence):
            raise Refused(sentence)
        case Wait(_, message):
            raise Refused(_ended(journey, message, written))
        case _:
            return found


def _prove(journey: Visit, brought: Brought) -> None:
    """It must be a key of this very user; of a key that IAM does not list, STS says whose it is."""
    key_id, user = brought.key_id, journey.user
    is_listed = journey.case.key(key_id) is not None
    why = prove(journey, _named(journey, brought))
    if why is not None and is_listed:
        raise Refused(f"{key_id} was not proven: {why}. Nothing was written")
    if why is not None:
        raise Refused(f"IAM lists no key {key_id} of {user}: {why}. Nothing was written")
    if not is_listed:
        raise Refused(
            f"{key_id} is accepted as a key of {user}, but IAM's listing does not show it yet."
            " Nothing was written; try again in a minute"
        )


def _named(journey: Visit, brought: Brought) -> Credential:
    """The credential under the names that the user has now, whatever its source said."""
    user = journey.case.user
    return replace(brought.credential, user_name=user.name, account_id=user.account_id)


def _broken_off(journey: Visit, brought: Brought, place: str, written: list[str]) -> str:
    state = next(state for state in journey.case.places if str(state.place) == place)
    why = state.failures.why if state.failures else "somebody else claimed it meanwhile"
    return _ended(journey, f"{brought.key_id} could not be put to {place}: {why}", written)


def _ended(journey: Visit, why: str, written: list[str]) -> str:
    """Why it ended, and what is so now: what is in one place can be given to the others."""
    if not written:
        return f"{why}. No place was given the key; the same command may be given again"
    return (
        f"{why}. It is in {', '.join(written)}: `rotator deliver {journey.user}` gives it to the"
        " other places"
    )


def _tell(journey: Visit, refusal: Refused | None, message: str) -> None:
    told = {"verb": Verb.DELIVER.value, "actor": journey.equipment.actor}
    if refusal is None:
        journey.tell(Event.ORDER_OBEYED, **told, message=message)
    else:
        journey.tell(Event.ORDER_REFUSED, **told, reason=Reason.REFUSED, message=str(refusal))
