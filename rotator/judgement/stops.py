"""Causes that only a person can remove, other than the keys themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from rotator.judgement.wording import listing, moment
from rotator.model import Contested, Excluded, Reason, Selected, Stop, Unselected

if TYPE_CHECKING:
    from rotator.model import Case

__all__ = ["place_stop", "standing_stop", "user_stop"]


def standing_stop(case: Case) -> Stop | None:
    """The first cause that keeps an open rotation from being finished."""
    return user_stop(case) or place_stop(case)


def user_stop(case: Case) -> Stop | None:
    """A cause that lies in the user: told whether or not one of its keys is due."""
    return _policy_unclear(case) or _quarantined(case)


def place_stop(case: Case) -> Stop | None:
    """A cause that lies in the user's places: told when they are about to be written."""
    return _place_name(case) or _place_of_another(case) or _place_unnamed(case)


def _policy_unclear(case: Case) -> Stop | None:
    is_open = case.rotation is not None
    match case.selection:
        case Contested(policies):
            return Stop(
                Reason.POLICY_UNCLEAR,
                f"more than one policy selects this user ({listing(sorted(policies))}), so none"
                " acts: narrow one of them, or exclude the user from it",
            )
        case Excluded(policy, why) if is_open:
            return Stop(
                Reason.POLICY_UNCLEAR,
                f"a rotation is open, and policy {policy} now excludes the user ({why}): the keys"
                " stay as they are until a policy selects the user again",
            )
        case Unselected() if is_open:
            return Stop(
                Reason.POLICY_UNCLEAR,
                "a rotation is open, and no policy selects the user any more: the keys stay as"
                " they are until one does",
            )
        case Selected() | Excluded() | Unselected():
            return None
        case _:
            assert_never(case.selection)


def _quarantined(case: Case) -> Stop | None:
    since = case.quarantined_since
    if since is None or (case.rotation and case.rotation.order_id is not None):
        return None
    older = [key.key_id for key in case.active if key.created_at < since]
    if not older:
        return None
    return Stop(
        Reason.QUARANTINED,
        f"AWS has quarantined this user (seen {moment(since)}): {listing(older)} leaked, says"
        f" AWS. `rotator rotate {older[0]} --compromised` replaces it now and switches it off",
    )


def _place_name(case: Case) -> Stop | None:
    if case.place_problem is None:
        return None
    return Stop(Reason.PLACE_NAME, case.place_problem)


def _place_of_another(case: Case) -> Stop | None:
    taken = next((place for place in case.places if place.owner is not None), None)
    if taken is None:
        return None
    return Stop(
        Reason.SINK_CONFLICT,
        f"{taken.place} belongs to user {taken.owner}: two users must not share a place; give"
        " each its own name in the policy",
    )


def _place_unnamed(case: Case) -> Stop | None:
    unnamed = [str(p.place) for p in case.places if p.claimed and p.sink_id is None]
    if not unnamed:
        return None
    return Stop(
        Reason.POLICY_UNCLEAR,
        f"{listing(unnamed)} was written for this user, and no policy names it any more: whether"
        f" it is still read cannot be told. Name it again in the policy's sinks, or give it up with"
        f" `rotator close {case.user} --reason …`",
    )
