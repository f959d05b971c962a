"""`deliver`: a person has places given a key that works, and nothing is rotated.

Which key: the successor of an open rotation; else the one Active key that a readable place of the
user serves. Never a leaver, never one that is not Active. A place of ours that somebody changed
since is overwritten; what is not ours only with `--take-over`; another user's place never.

An order is done when every place that it asks for has the key: read, or answered by its last put.
No gate stands before it: nothing is harmed, and what mends is not stopped by a hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from rotator.judgement.delivering import failing, named, proof_backs_off
from rotator.judgement.doubt import hard_doubt, soft_doubt
from rotator.judgement.late import late_evidence
from rotator.judgement.leaving import heir_is_dead
from rotator.judgement.noticing import user_gone
from rotator.judgement.presence import our_places, served, written_by_another
from rotator.judgement.wording import listing, moment
from rotator.model import (
    Absent,
    Deliver,
    Empty,
    Kind,
    Obey,
    Reactivate,
    Reason,
    Serves,
    Stranger,
    Unreadable,
    Wait,
    WrittenAt,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rotator.model import Case, Order, PlaceState

__all__ = ["Refusal", "give", "hand", "has_it", "losing", "why_not_taken"]

_TEMPORARY = "ASIA"
"""How the ids of keys begin that belong to a session of a role (IAM User Guide, identifiers)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was asked for cannot be done; the sentence says what to do instead."""

    sentence: str


def hand(case: Case, order: Order) -> Deliver | Obey | Wait | None:
    """What an order to deliver asks for now; None where something else is to be done first."""
    if isinstance(late_evidence(case), Reactivate):
        return None
    key_id = _key_to_give(case, order.sink_id)
    if key_id is None or isinstance(key_id, Wait):
        return key_id
    given = (
        key_id
        if isinstance(key_id, Refusal)
        else give(case, key_id, sink_id=order.sink_id, take_over=order.take_over)
    )
    match given:
        case Refusal(sentence):
            return Obey(Reason.REFUSED, sentence, order_id=order.order_id, refused=True)
        case None:
            return Obey(
                Reason.COMPLETED, has_it(case, str(key_id), order.sink_id), order_id=order.order_id
            )
        case Deliver():
            return replace(given, order_id=order.order_id)
        case Wait():
            return given
        case _:
            assert_never(given)


def give(
    case: Case, key_id: str, *, sink_id: str | None, take_over: bool
) -> Deliver | Wait | Refusal | None:
    """What is left to do until the places that are asked for have this key; None: nothing.

    Nothing is put anywhere as long as one of them is refused.
    """
    places = _asked(case, sink_id)
    if isinstance(places, Refusal):
        return places
    lacking = [place for place in places if not _has(place, key_id)]
    refusals = [why for place in lacking if (why := _refused(case, place, take_over=take_over))]
    if refusals:
        return Refusal(f"{'; '.join(refusals)}. Nothing was written")
    waits = [(place, _wait(case, place, key_id)) for place in lacking]
    ready = sorted((p for p, wait in waits if wait is None), key=lambda place: not place.readable)
    if ready:
        return Deliver(
            Reason.REQUESTED,
            f"{key_id} is put to {_listed(ready)}{losing(case, ready)}",
            places=tuple(place.place for place in ready),
            key_id=key_id,
        )
    return min(
        (wait for _, wait in waits if wait is not None),
        key=lambda wait: wait.until or case.now,
        default=None,
    )


def has_it(case: Case, key_id: str, sink_id: str | None) -> str:
    """That the places that were asked for have a key, as a sentence."""
    places = _asked(case, sink_id)
    assert not isinstance(places, Refusal)
    held = "; the user stays held" if case.hold is not None else ""
    return f"{key_id} is in {_listed(places)}; nothing was rotated{held}"


def why_not_taken(case: Case, key_id: str) -> Refusal | None:
    """Why a credential that a person brings must not be given to the places of this user.

    A key that IAM does not list is none of these: whose it is, STS says better.
    """
    if key_id.startswith(_TEMPORARY):
        return Refusal(
            f"{key_id} is the temporary key of a session and ends by itself: bring an access key"
            f" of {case.user}, whose id begins with AKIA"
        )
    return _in_doubt(case) or _not_now(case, key_id) or _not_active(case, key_id)


def _in_doubt(case: Case) -> Refusal | None:
    """What must be known and is not; what an order would wait for is refused here."""
    doubt = hard_doubt(case) or user_gone(case) or soft_doubt(case)
    if doubt is None:
        return None
    if isinstance(doubt, Wait):
        when = f", {moment(doubt.until)} at the earliest" if doubt.until else ""
        return Refusal(f"{doubt.message}. Nothing was written; try again later{when}")
    return Refusal(
        f"something else is done for {case.user} first ({doubt.message}). Nothing was written; try"
        " again in a minute"
    )


def _not_now(case: Case, key_id: str) -> Refusal | None:
    """An open rotation knows which key its places are to have."""
    rotation = case.rotation
    if rotation is None or key_id == rotation.successor:
        return None
    ways = f"let it end, or end it with `rotator close {case.user} --reason …`"
    if key_id == rotation.leaving:
        return Refusal(f"{key_id} is leaving in the rotation that is open: {ways}")
    if rotation.successor is not None:
        return Refusal(
            f"a rotation is open, and its places are to have {rotation.successor}: {ways}"
        )
    if rotation.kind is not Kind.LEAVE:
        return Refusal(f"a rotation is open that makes a new key for these places: {ways}")
    return None


def _not_active(case: Case, key_id: str) -> Refusal | None:
    key = case.key(key_id)
    if key_id in case.former or (key is not None and not key.is_listed):
        return Refusal(
            f"{key_id} was deleted, and a deleted key cannot be revived; `rotator rotate"
            f" {case.user}` makes a new one"
        )
    if key is None or key.is_active:
        return None
    return Refusal(
        f"{key_id} is {key.status}, so nobody could work with it: activate it in IAM first, or"
        f" `rotator rotate {case.user}` makes a new one"
    )


def _key_to_give(case: Case, sink_id: str | None) -> str | Wait | Refusal | None:
    """The key that an order without `--from` is about."""
    rotation = case.rotation
    if rotation is None or (rotation.kind is Kind.LEAVE and rotation.successor is None):
        return _served_key(case, sink_id)
    if rotation.successor is None:
        return None  # it is being made, and the rotation brings it everywhere
    return _successor(case, rotation.successor)


def _successor(case: Case, successor: str) -> str | Wait | Refusal | None:
    key = case.key(successor)
    ways = f"end the rotation with `rotator close {case.user} --reason …`"
    if heir_is_dead(case):
        return Refusal(f"{successor} does not work any more: reactivate it in IAM, or {ways}")
    if key is not None and not key.is_active:
        return None  # whether it is dead is not settled: the rotation waits for that too
    if case.secret_at_hand or any(served(place) == successor for place in our_places(case)):
        return proof_backs_off(case) or successor
    if unread := _unread(case, named(case)):
        return unread
    if case.open.delivered_at is None and not any(p.delivered_at for p in our_places(case)):
        return None  # its secret died with its process: the rotation makes another key
    return Refusal(
        f"the secret of {successor} is in no readable place any more. Whoever has it may bring it:"
        f" `rotator deliver {case.user} --from …`; or {ways}, and `rotator rotate {case.user}`"
    )


def _served_key(case: Case, sink_id: str | None) -> str | Wait | Refusal | None:
    """The one Active key that a readable place serves, other than the place that is asked for."""
    sources = [
        place
        for place in named(case)
        if place.readable and (sink_id is None or place.sink_id != sink_id)
    ]
    if unread := _unread(case, sources):
        return unread
    leaving = case.rotation.leaving if case.rotation else None
    found: dict[str, list[PlaceState]] = {}
    for place in sources:
        key = case.key(served(place))
        if key is not None and key.is_active and key.key_id != leaving:
            found.setdefault(key.key_id, []).append(place)
    if len(found) == 1:
        return next(iter(found))
    if found:
        each = listing([f"{_listed(places)} serves {key}" for key, places in found.items()])
        return Refusal(
            f"{each}: which of them is meant? `--sink` names the one place that is to be given"
            " what the others serve, `--from` brings the key itself"
        )
    return _nowhere(case, sink_id, sources)


def _nowhere(case: Case, sink_id: str | None, sources: list[PlaceState]) -> Refusal:
    """No readable place serves a key that could be given: what they serve instead."""
    if isinstance(places := _asked(case, sink_id), Refusal):
        return places
    seen = [f"{place.place} serves {key}" for place in sources if (key := served(place))]
    else_ = " but the one that is asked for" if sink_id is not None else ""
    why = f" ({listing(seen)})" if seen else ""
    return Refusal(
        f"no readable place{else_} serves an Active key of {case.user}{why}: bring one with"
        f" `rotator deliver {case.user} --from …`, or have one made with"
        f" `rotator rotate {case.user}`"
    )


def _unread(case: Case, places: Iterable[PlaceState]) -> Wait | None:
    """A readable place that could not be read may serve anything: nothing is chosen before."""
    waits = (_not_read(case, place) for place in places if place.readable)
    return next((wait for wait in waits if wait is not None), None)


def _not_read(case: Case, place: PlaceState) -> Wait | None:
    if not isinstance(place.reading, Unreadable | None):
        return None
    why = f"cannot be read: {place.reading.why}" if place.reading else "was not read"
    return Wait(Reason.SINK, f"{place.place} {why}", case.now + case.timing.settle)


def _asked(case: Case, sink_id: str | None) -> tuple[PlaceState, ...] | Refusal:
    """The places that are to have the key: those of the policy, or that of one sink."""
    if case.policy is None:
        return Refusal(f"no policy, or more than one, selects {case.user}: select it by one first")
    if case.place_problem is not None:
        return Refusal(case.place_problem)
    places = tuple(place for place in case.places if place.sink_id is not None)
    if not places:
        return Refusal(f"policy {case.policy.name} names no sink that a key could be given to")
    chosen = tuple(place for place in places if sink_id in {None, place.sink_id})
    if not chosen:
        ids = listing([str(place.sink_id) for place in places])
        return Refusal(f"policy {case.policy.name} has no sink {sink_id!r}; it has {ids}")
    return chosen


def _has(place: PlaceState, key_id: str) -> bool:
    """Whether a place has a key, whoever put it there and whenever."""
    if place.owner is not None:
        return False
    if place.readable:
        return served(place) == key_id
    put = {place.begun_key, place.answered_key}
    return put == {key_id} and not written_by_another(place)


def _refused(case: Case, place: PlaceState, *, take_over: bool) -> str | None:
    """Why this place must not be written, whatever it waits for."""
    if place.owner is not None:
        return (
            f"{place.place} belongs to user {place.owner}, and two users must not share a place:"
            " give each its own name in the policy"
        )
    if isinstance(place.reading, Absent) and not place.create:
        return f"{place.place} does not exist, and `create: false` forbids to make it"
    what = None if take_over or _is_ours(place) else _not_ours(case, place)
    return what and f"{place.place} {what}; `--take-over` has it overwritten"


def _is_ours(place: PlaceState) -> bool:
    """Whether we delivered there; of a write-only place a put that got no answer is enough."""
    return place.answered_key is not None or (not place.readable and place.begun_key is not None)


def _not_ours(case: Case, place: PlaceState) -> str | None:
    """What a place holds that we never delivered to, if it is not this user's own key."""
    match place.reading:
        case Serves(key_id):
            known = key_id in case.former or case.key(key_id) is not None
            return None if known else f"serves {key_id}, which is no key of {case.user}"
        case Stranger(why):
            return f"holds something else ({why})"
        case WrittenAt(at):
            if at is None:
                return None
            return f"was written by somebody else {moment(at)}, and cannot be read back"
        case Empty() | Absent() | Unreadable() | None:
            return None
        case _:
            assert_never(place.reading)


def _wait(case: Case, place: PlaceState, key_id: str) -> Wait | None:
    """What keeps a place from being written now, and will pass."""
    if backoff := failing(case, place):
        return backoff
    if place.check is not None:
        why = f"{place.place}: {place.check}"
        return Wait(Reason.SINK, why, case.now + case.timing.retry_max)
    if unread := _not_read(case, place):
        return unread
    if not place.readable and not _can_be_read_back(case, key_id):
        return Wait(
            Reason.SINK,
            f"{place.place} is write-only: a readable place gets the key first, so that it can be"
            " read back",
            case.now + case.timing.retry_min,
        )
    return None


def _can_be_read_back(case: Case, key_id: str) -> bool:
    return any(place.readable and served(place) == key_id for place in our_places(case))


def losing(case: Case, places: Iterable[PlaceState]) -> str:
    """What readers of these places have now and will have no more, as the end of a sentence."""
    lost = []
    for place in places:
        match place.reading:
            case Serves(key_id):
                key = case.key(key_id)
                state = key.status.value if key is not None and key.is_listed else "no key now"
                lost.append(f"{place.place} served {key_id} ({state}) until then")
            case Stranger(why):
                lost.append(f"{place.place} held something else until then ({why})")
            case _:
                pass
    return f"; {listing(lost)}" if lost else ""


def _listed(places: Iterable[PlaceState]) -> str:
    return listing([str(place.place) for place in places])
