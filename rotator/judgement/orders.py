"""What a person ordered: line 2 of the judgement. Done as it says, or refused with a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.judgement import doors
from rotator.judgement.approving import approve
from rotator.judgement.beginning import ready
from rotator.judgement.handing import hand
from rotator.judgement.leaked import contain_or_replace
from rotator.judgement.naming import retire
from rotator.judgement.refusing import refuse
from rotator.judgement.wording import span
from rotator.model import (
    KEYS_MAX,
    Close,
    Issue,
    Kind,
    Obey,
    Outcome,
    Reactivate,
    Reason,
    Selected,
    Shut,
    Stop,
    Title,
    Verb,
    Wait,
)

if TYPE_CHECKING:
    from rotator.model import Action, Case, Order

__all__ = ["awaited", "ordered"]


def ordered(case: Case) -> Action | None:
    """The oldest order that asks for something now; one in progress, or that waits, asks nothing.

    What contains a leaked key goes before all others.
    """
    actions = (_obeyed(case, order) for order in _in_turn(case))
    return next((a for a in actions if a is not None and not isinstance(a, Wait | Shut)), None)


def awaited(case: Case, action: Action) -> Action:
    """The same action; where nothing is to be done now, what the oldest order waits for.

    A stop stands whatever is waited for, but before the order that answers it.
    """
    for order in _in_turn(case):
        if not (isinstance(action, Wait) or _answers(order, action)):
            continue
        wait = _obeyed(case, order)
        if isinstance(wait, Wait | Shut):
            return wait
    return action


def _answers(order: Order, action: Action) -> bool:
    """Whether the order is what the stop asks a person for."""
    if not isinstance(action, Stop):
        return False
    cure = order.verb is Verb.ROTATE and action.reason is Reason.SINK_SERVES_DEAD
    return cure or order.verb is Verb.DELIVER


def _in_turn(case: Case) -> list[Order]:
    return sorted(case.orders, key=lambda order: (not order.contain_first, order.order_id))


def _obeyed(case: Case, order: Order) -> Action | None:
    match order.verb:
        case Verb.ROTATE if order.compromised:
            return contain_or_replace(case, order)
        case Verb.ROTATE:
            return _rotate(case, order)
        case Verb.RETIRE:
            return retire(case, order)
        case Verb.ROLLBACK:
            return _rollback(case, order)
        case Verb.CLOSE:
            return _close(case, order)
        case Verb.DELIVER:
            return hand(case, order)
        case Verb.APPROVE:
            return approve(case, order)
        case _:
            return refuse(order, f"`{order.verb}` is no order that this version knows")


def _rotate(case: Case, order: Order) -> Action | None:
    rotation = case.rotation
    if rotation is not None and rotation.order_id == order.order_id:
        if rotation.delivered_at is None:
            return None
        return Obey(
            Reason.COMPLETED,
            f"{rotation.successor} is issued and delivered"
            + (f"; {rotation.predecessor} leaves when it is safe" if rotation.predecessor else ""),
            order_id=order.order_id,
        )
    return _why_not_rotate(case, order) or _begin(case, order)


def _why_not_rotate(case: Case, order: Order) -> Obey | None:
    """What a person must do first, where a rotation cannot be begun."""
    rotation = case.rotation
    if rotation is not None:
        return refuse(
            order,
            f"a rotation is open since {span(case.now - rotation.begun_at)} already; see"
            f" `rotator explain {case.user}`",
        )
    if not isinstance(case.selection, Selected):
        return refuse(order, "no policy, or more than one, selects this user: select it by one")
    if case.hold is not None:
        return refuse(order, f"the user is held; first `{doors.release(case)}`")
    if not case.enforced and not order.enforce:
        return refuse(order, "the policy only observes this user; say `--enforce` to act")
    if order.key_id is not None and order.key_id not in {key.key_id for key in case.listed}:
        return refuse(order, f"{order.key_id} is no key of this user")
    if len(case.listed) >= KEYS_MAX:
        keys = ", ".join(f"{key.key_id} ({key.status})" for key in case.listed)
        return refuse(
            order,
            f"both slots are taken: {keys}. First say which of them goes, with"
            " `rotator retire KEY --reason …`",
        )
    if not case.places:
        return refuse(order, "the policy names no sink that a new key could be delivered to")
    return None


def _begin(case: Case, order: Order) -> Action:
    obstacle = ready(case, contact_forgives=True)
    if isinstance(obstacle, Stop):
        return refuse(order, obstacle.message)
    if obstacle is not None:
        return obstacle
    oldest = next(iter(case.active), None)
    issue = Issue(
        Reason.REQUESTED,
        f"{order.actor} asked for it" + (f": {order.reason}" if order.reason else ""),
        kind=Kind.REPLACE if oldest else Kind.FIRST,
        predecessor=oldest.key_id if oldest else None,
        order_id=order.order_id,
    )
    return doors.door(case, issue, doors.REQUESTED)


def _rollback(case: Case, order: Order) -> Action:
    rotation = case.rotation
    if rotation is None or rotation.leaving is None or rotation.right in _OURS:
        return refuse(order, "no rotation is open in which a key leaves: nothing to roll back")
    leaver = case.key(rotation.leaving)
    if leaver is None or not leaver.is_listed:
        return refuse(order, f"{rotation.leaving} was deleted, and a deleted key cannot be revived")
    if rotation.right is Title.COMPROMISED and not order.confirmed:
        return refuse(
            order,
            f"{leaver.key_id} is in the wrong hands, it was said; say `--yes` to let it live",
        )
    if leaver.is_active:
        return Obey(
            Reason.BY_HAND,
            f"{leaver.key_id} is Active: the user is held, and it stays so until"
            f" `rotator release {case.user}`" + _why(order),
            order_id=order.order_id,
            hold=Reason.BY_HAND,
        )
    return Reactivate(
        Reason.BY_HAND,
        f"{order.actor} rolls back: {leaver.key_id} is revived, and the user is held until"
        f" `rotator release {case.user}`" + _why(order),
        key_id=leaver.key_id,
        hold=Reason.REACTIVATED,
        order_id=order.order_id,
    )


_OURS = frozenset({Title.ORPHAN, Title.UNDELIVERED})
"""Titles of keys whose secret nobody has: nobody can want them back."""


def _close(case: Case, order: Order) -> Action:
    if case.rotation is not None:
        return Close(
            Reason.BY_HAND,
            f"{order.actor} ends the rotation; the keys stay as they are",
            outcome=Outcome.BY_HAND,
            order_id=order.order_id,
        )
    unnamed = [str(place.place) for place in case.places if place.sink_id is None]
    if not unnamed:
        return refuse(order, "no rotation is open, and every place is named by a policy")
    return Obey(
        Reason.BY_HAND,
        f"given up: {', '.join(unnamed)}",
        order_id=order.order_id,
        gives_up_places=True,
    )


def _why(order: Order) -> str:
    return f" ({order.reason})" if order.reason else ""
