"""What is seen to have happened, and is written down before anything is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.judgement.delivering import lacking, named
from rotator.judgement.doubt import settled_at
from rotator.judgement.leaving import rule_of
from rotator.judgement.presence import our_places, served
from rotator.judgement.wording import moment
from rotator.model import (
    Close,
    Delivered,
    Departed,
    HandedOver,
    KeyStatus,
    NotSwitchedOff,
    Outcome,
    PlaceReached,
    Reason,
    Record,
    Selected,
    Step,
    SwitchedOff,
    SwitchedOn,
    Title,
    Wait,
)

if TYPE_CHECKING:
    from rotator.model import Case

__all__ = ["noticed", "user_gone"]


def noticed(case: Case) -> Record | None:
    """A fact that a reading or a listing shows, and that the open rotation lacks."""
    if case.rotation is None:
        return _reached_by_order(case)
    return (
        _handed_over(case)
        or _reached(case)
        or _delivered(case)
        or _switched_off(case)
        or _switched_on(case)
        or _not_switched_off(case)
    )


def user_gone(case: Case) -> Close | Record | Wait | None:
    """Two complete listings, `settle` apart, lack the UserId: there is nothing left to rotate.

    Then its places are free: a user of the same name, made anew, may have the same. A request
    that is not settled keeps even this from being concluded.
    """
    since = case.user_missing_since
    if since is None or case.users_listed_at is None:
        return None
    if case.users_listed_at < since + case.timing.settle:
        return None
    if settled_at(case, case.users_listed_at) is not None:
        return None
    why = (
        f"the user {case.user} ({case.user.user_id}) was deleted: no listing since {moment(since)}"
        " shows it"
    )
    if case.rotation is not None:
        return Close(Reason.GONE, why, outcome=Outcome.GONE)
    if case.orders or any(place.claimed for place in case.places):
        return Record(Reason.GONE, why, Departed())
    return Wait(Reason.GONE, why)


def _handed_over(case: Case) -> Record | None:
    selection = case.selection
    if not isinstance(selection, Selected) or selection.policy == case.open.policy:
        return None
    return Record(
        Reason.SEEN,
        f"policy {selection.policy} selects the user now, and takes the rotation over from"
        f" {case.open.policy}",
        HandedOver(selection.policy),
    )


def _reached(case: Case) -> Record | None:
    successor = case.open.successor
    if successor is None:
        return None
    for place in our_places(case):
        if place.readable and place.delivered_at is None and served(place) == successor:
            return Record(
                Reason.SEEN, f"{place.place} serves {successor}", PlaceReached(place.place)
            )
    return None


def _reached_by_order(case: Case) -> Record | None:
    """A put that a person ordered, and whose answer was lost, is read to have been done."""
    for place in our_places(case):
        key_id = served(place)
        if place.readable and key_id is not None and key_id == place.begun_key:
            if key_id == place.answered_key:
                continue
            return Record(
                Reason.SEEN, f"{place.place} serves {key_id}", PlaceReached(place.place, key_id)
            )
    return None


def _delivered(case: Case) -> Record | None:
    """Every place has it, as far as all of them are known: a part must never look like all."""
    rotation = case.open
    if case.place_problem is not None or case.doubts:
        return None
    if rotation.successor is None or rotation.delivered_at:
        return None
    if rotation.proven_at is None or lacking(case) or not named(case):
        return None
    return Record(Reason.SEEN, f"{rotation.successor} is in every place: grace starts", Delivered())


def _switched_off(case: Case) -> Record | None:
    rotation = case.open
    leaver = case.key(rotation.leaving)
    rule = rule_of(rotation)
    if leaver is None or rule is None or rotation.deactivated_at is not None:
        return None
    if leaver.status is not KeyStatus.INACTIVE or not leaver.is_listed or case.listed_at is None:
        return None
    if rule.heir(rotation) and not rule.by_word and rotation.delivered_at is None:
        return None
    # Whoever waits for an heir rests from the heir's delivery on; the others since it is known.
    rests_since = case.now if rule.heir(rotation) else leaver.status_since
    return Record(
        Reason.SEEN,
        f"{leaver.key_id} is seen Inactive: it rests from now on",
        SwitchedOff(leaver.key_id, rests_since, rotation.evidence),
    )


def _switched_on(case: Case) -> Record | None:
    """Active again, past the time in which a listing may be stale, is somebody's doing.

    Where our own request did it, nobody is held for it; an orphan that somebody switched on is
    left to late evidence.
    """
    rotation = case.open
    leaver = case.key(rotation.leaving)
    if leaver is None or rotation.deactivated_at is None or not leaver.is_active:
        return None
    ours = any(intent.step is Step.REACTIVATE for intent in case.intents)
    if case.listed_at is None or (rotation.right is Title.ORPHAN and not ours):
        return None
    if case.listed_at < rotation.deactivated_at + case.timing.settle:
        return None
    return Record(
        Reason.SEEN if ours else Reason.REACTIVATED,
        f"{leaver.key_id} is Active again"
        + ("" if ours else f", by a person's hand: held until `rotator release {case.user}`"),
        SwitchedOn(leaver.key_id, None if ours else Reason.REACTIVATED),
    )


def _not_switched_off(case: Case) -> Record | None:
    """Our request got no answer, and after the wait the leaver is Active: it was not done.

    What it was decided on is forgotten, or a person's switch later would be taken for ours.
    """
    rotation = case.open
    leaver = case.key(rotation.leaving)
    if leaver is None or not rotation.evidence or rotation.deactivated_at is not None:
        return None
    if not leaver.is_active or leaver.key_id in case.contradicted or case.listed_at is None:
        return None
    if settled_at(case, case.listed_at) is not None:
        return None
    return Record(
        Reason.SEEN,
        f"{leaver.key_id} is Active after the wait: it was not switched off",
        NotSwitchedOff(leaver.key_id),
    )
