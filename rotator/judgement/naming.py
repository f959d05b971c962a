"""`retire KEY`: a person names a key that is to go, with an heir, grace and quiet, or now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.judgement import doors
from rotator.judgement.delivering import is_owed
from rotator.judgement.leaked import others_turn
from rotator.judgement.leaving import heir_is_dead
from rotator.judgement.presence import our_places, served
from rotator.judgement.refusing import refuse
from rotator.judgement.wording import listing, moment, span
from rotator.model import KeyStatus, Kind, Leave, Obey, Reason, Title

if TYPE_CHECKING:
    from rotator.model import AccessKey, Action, Case, Order, Rotation

__all__ = ["retire"]


def retire(case: Case, order: Order) -> Action | None:
    """What the order asks for now; None: it is on its way."""
    assert order.key_id is not None
    key = case.key(order.key_id)
    if key is None or not key.is_listed:
        if key is None and order.key_id not in case.former:
            return refuse(order, f"{order.key_id} is no key of {case.user}")
        if case.rotation is not None and case.rotation.leaving == order.key_id:
            return None  # its end is recorded first
        return Obey(Reason.NAMED, f"{order.key_id} is deleted", order_id=order.order_id)
    if _is_begun(case, order, key):
        return _progress(case, order, key)
    if case.hold is not None:
        return refuse(order, f"the user is held; first `{doors.release(case)}`")
    return (
        others_turn(case, order, key.key_id)
        or _why_not(case, order, key)
        or _leave(case, order, key)
    )


def _is_begun(case: Case, order: Order, key: AccessKey) -> bool:
    """Whether the open rotation does what this order asks, whoever asked for it first."""
    rotation = case.rotation
    if rotation is None or rotation.leaving != key.key_id or rotation.right is not Title.NAMED:
        return False
    if not order.now:
        return not _needs_another_heir(case, rotation, key)
    titled_at = rotation.titled_at or case.now
    deletes = rotation.now and key.status_since < titled_at
    return (rotation.now and key.is_active) or deletes or _went_since(order, key)


def _needs_another_heir(case: Case, rotation: Rotation, key: AccessKey) -> bool:
    """Whether the key that was to stay is dead, and the order chooses anew or is refused."""
    chosen = rotation.successor is not None and rotation.predecessor != key.key_id
    return chosen and key.is_active and heir_is_dead(case)


def _went_since(order: Order, key: AccessKey) -> bool:
    """Whether the key was switched off after the order was given: its next step is taken."""
    return key.status is KeyStatus.INACTIVE and key.status_since >= order.given_at


def _progress(case: Case, order: Order, key: AccessKey) -> Obey | None:
    """Answer when what was asked for is so: that the key goes, or with `--now` its next step."""
    if order.now:
        if not _went_since(order, key):
            return None
        return Obey(
            Reason.NAMED,
            f"{key.key_id} is switched off; it rests, and can be revived with"
            f" `rotator rollback {case.user} --reason …`, until it is deleted. The same order given"
            " again deletes it at once",
            order_id=order.order_id,
        )
    if is_owed(case) or (case.open.kind is not Kind.LEAVE and case.open.delivered_at is None):
        return None
    return Obey(
        Reason.NAMED,
        f"{key.key_id} is Inactive, and is deleted when it has rested"
        if not key.is_active
        else f"{key.key_id} leaves: it stays Active until its grace is over and it is quiet;"
        f" {case.open.successor} is in every place",
        order_id=order.order_id,
    )


def _why_not(case: Case, order: Order, key: AccessKey) -> Obey | None:
    """What must be done first, where the open rotation is about other keys, or about no title."""
    rotation = case.rotation
    if rotation is None:
        return None
    if order.now and _is_contained(case, rotation, key):
        return None
    if key.key_id not in {rotation.predecessor, rotation.leaving, *_unexplained(case)}:
        return refuse(
            order,
            f"a rotation is open since {span(case.now - rotation.begun_at)}, and {key.key_id} has"
            f" no part in it: first `rotator close {case.user} --reason …`",
        )
    if rotation.right is Title.COMPROMISED and not (order.now and not key.is_active):
        return refuse(order, f"{key.key_id} leaves already, as {rotation.right}")
    if rotation.successor is None and rotation.predecessor == key.key_id and not order.now:
        return refuse(
            order,
            f"{key.key_id} is being replaced, and its successor is not known yet: wait for it, or"
            f" `rotator close {case.user} --reason …`",
        )
    return None


def _is_contained(case: Case, rotation: Rotation, key: AccessKey) -> bool:
    """Whether a leaked key is dead already and waits for the slot that this other key takes."""
    leaked = case.key(rotation.leaving)
    return (
        rotation.right is Title.COMPROMISED
        and rotation.successor is None
        and rotation.kind is Kind.LEAVE
        and key.key_id != rotation.leaving
        and (leaked is None or not leaked.is_active)
    )


def _unexplained(case: Case) -> set[str]:
    """The keys that appeared when the answer of our create was lost, and may be a person's."""
    rotation = case.open
    if rotation.kind is Kind.LEAVE or rotation.successor is not None:
        return set()
    return {key.key_id for key in case.listed if key.first_seen_at > rotation.begun_at}


def _leave(case: Case, order: Order, key: AccessKey) -> Action:
    heir: str | Obey | None = None
    rotation, now = case.rotation, order.now and not _went_since(order, key)
    if rotation is not None and rotation.predecessor == key.key_id:
        heir = rotation.successor
    elif key.is_active and not order.now:
        heir = _staying(case, order, key)
    elif not now:
        heir = _not_served(case, order, key)
    if isinstance(heir, Obey):
        return heir
    leave = Leave(
        Reason.NAMED,
        f"{order.actor} wants {key.key_id} to go" + (f": {order.reason}" if order.reason else ""),
        key_id=key.key_id,
        title=Title.NAMED,
        heir=heir,
        now=now,
        order_id=order.order_id,
        supersedes=rotation is not None and _is_contained(case, rotation, key),
    )
    return doors.door(case, leave, doors.FEW)


def _staying(case: Case, order: Order, key: AccessKey) -> str | Obey:
    """The other key, which a readable place must serve: its secret is proven and delivered."""
    others = {other.key_id for other in case.active if other.key_id != key.key_id}
    staying = {served(place) for place in our_places(case) if place.readable} & others
    if len(staying) == 1:
        return str(staying.pop())
    what = (
        f"{key.key_id} is the only Active key: `rotator rotate {case.user}` replaces it"
        if not others
        else f"the places serve more than one other key ({listing(sorted(map(str, staying)))}):"
        " first let them serve the one that stays"
        if staying
        else f"no readable place serves another Active key ({listing(sorted(others))}): first"
        f" bring the one that stays, with `rotator deliver {case.user} --from …`"
    )
    return refuse(order, f"{what}. Or say `--now`: whoever uses {key.key_id} stops at once")


def _not_served(case: Case, order: Order, key: AccessKey) -> Obey | None:
    place = next((p for p in our_places(case) if served(p) == key.key_id), None)
    if place is None:
        return None
    return refuse(
        order,
        f"{place.place} serves {key.key_id}, which is {key.status} since"
        f" {moment(key.status_since)}: `rotator rotate {case.user}` gives its readers a new key. Or"
        " say `--now`",
    )
