"""`rotate KEY --compromised`: a key is in the wrong hands, and a person has said so.

It is replaced past every gate where a place may have it, leaves without a replacement where none
may, and is switched off first of all where the order says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.judgement.beginning import ready
from rotator.judgement.delivering import is_owed
from rotator.judgement.leaving import heir_is_dead
from rotator.judgement.presence import may_have, our_places, served
from rotator.judgement.refusing import refuse
from rotator.judgement.wording import listing, moment, span, used
from rotator.model import (
    KEYS_MAX,
    Issue,
    KeyStatus,
    Kind,
    Leave,
    Obey,
    Reason,
    Selected,
    Stop,
    Title,
    Wait,
)

if TYPE_CHECKING:
    from rotator.model import AccessKey, Action, Case, Order, Rotation

__all__ = ["contain_or_replace", "others_turn"]


def contain_or_replace(case: Case, order: Order) -> Action | None:
    """What the order asks for now; None: it is on its way."""
    key_id = _whose(case, order)
    if isinstance(key_id, Obey):
        return key_id
    key = case.key(key_id)
    if key is None or not key.is_listed:
        return _gone(case, order, key_id)
    if _is_begun_again(case, order) and not (order.contain_first and key.is_active):
        return None
    if not _is_begun(case, key):
        return others_turn(case, order, key.key_id) or _begin(case, order, key)
    if order.contain_first and not case.open.now and key.is_active:
        return _titled(case, order, key, heir=case.open.successor)
    return _proceed(case, order, key)


def others_turn(case: Case, order: Order, key_id: str) -> Wait | None:
    """An order about another key has the open rotation, and is not to be robbed of it yet.

    A leaked key is dead before another takes its rotation; any other order makes way for one.
    """
    rotation = case.rotation
    owner = next((o for o in case.orders if rotation and o.order_id == rotation.order_id), None)
    if rotation is None or owner is None or owner.order_id == order.order_id:
        return None
    if key_id in {rotation.leaving, rotation.predecessor}:
        return None
    leaver = case.key(rotation.leaving)
    is_alive = leaver is not None and leaver.is_active
    if order.compromised and not (owner.compromised and is_alive):
        return None
    return Wait(
        Reason.SETTLING,
        f"order {owner.order_id} on {rotation.leaving or case.user} is obeyed first",
        case.now + case.timing.retry_min,
    )


def _whose(case: Case, order: Order) -> str | Obey:
    """The key that leaked: named, or the user's only Active one."""
    if order.key_id is not None:
        return order.key_id
    rotation = case.rotation
    if rotation is not None and rotation.order_id == order.order_id and rotation.leaver:
        return rotation.predecessor or rotation.leaver
    if len(case.active) == 1:
        return case.active[0].key_id
    keys = [f"{key.key_id} ({key.status})" for key in case.listed]
    which = listing(keys) if keys else "it has none"
    return refuse(order, f"say which key of {case.user} leaked: {which}")


def _is_begun(case: Case, key: AccessKey) -> bool:
    """Whether the open rotation is already about this key, by this title, whoever asked for it."""
    rotation = case.rotation
    return (
        rotation is not None
        and rotation.leaving == key.key_id
        and rotation.right is Title.COMPROMISED
    )


def _is_begun_again(case: Case, order: Order) -> bool:
    """Whether what this order began has to end first: a key that was made is lost, and leaves."""
    rotation = case.rotation
    return rotation is not None and rotation.order_id == order.order_id and rotation.right in _LOST


def _proceed(case: Case, order: Order, key: AccessKey) -> Action | None:
    """The key leaves by this order: replace it once it is contained, or say what was done."""
    issuing = case.open.kind is not Kind.LEAVE and case.open.delivered_at is None
    if case.open.successor is not None and heir_is_dead(case):
        return _replace(case, order, key)
    if key.is_active or issuing or is_owed(case):
        return None
    if case.open.kind is Kind.LEAVE and _must_be_replaced(case, key):
        return _replace(case, order, key)
    return Obey(Reason.COMPROMISED, _summary(case, key), order_id=order.order_id)


def _begin(case: Case, order: Order, key: AccessKey) -> Action | None:
    rotation = case.rotation
    if isinstance(case.selection, Selected) and not case.enforced and not order.enforce:
        return refuse(order, "the policy only observes this user; say `--enforce` to act")
    if rotation is not None and not heir_is_dead(case) and _leaves_anyhow(rotation, key):
        return _titled(case, order, key, heir=rotation.successor)
    if (order.contain_first and key.is_active) or not _must_be_replaced(case, key):
        return _titled(case, order, key, heir=None)
    return _replace(case, order, key)


def _leaves_anyhow(rotation: Rotation, key: AccessKey) -> bool:
    """Whether it is on its way out already, with an heir, or as one whose secret nobody has."""
    if rotation.successor is not None:
        return key.key_id in {rotation.predecessor, rotation.leaving}
    return key.key_id == rotation.leaving and rotation.right in _LOST


_LOST = frozenset({Title.ORPHAN, Title.UNDELIVERED})


def _must_be_replaced(case: Case, key: AccessKey) -> bool:
    """Whether readers would be left without a key: a place may have it, or it is the only one."""
    if any(may_have(place, key.key_id, case) for place in our_places(case)):
        return True
    return not any(other.key_id != key.key_id for other in case.active)


def _titled(case: Case, order: Order, key: AccessKey, *, heir: str | None) -> Leave:
    """Give the key its title; of an open rotation in which it has no part nothing is left."""
    rotation = case.rotation
    takes_part = rotation is not None and key.key_id in {rotation.leaving, rotation.predecessor}
    return Leave(
        Reason.COMPROMISED,
        f"{order.actor} says that {key.key_id} is in the wrong hands"
        + (f": {order.reason}" if order.reason else ""),
        key_id=key.key_id,
        title=Title.COMPROMISED,
        heir=heir,
        now=order.contain_first,
        order_id=order.order_id,
        supersedes=rotation is not None and (not takes_part or heir != rotation.successor),
    )


def _replace(case: Case, order: Order, key: AccessKey) -> Action:
    if len(case.listed) >= KEYS_MAX:
        return refuse(order, _no_slot(case, key))
    if not isinstance(case.selection, Selected) or not case.places:
        return refuse(order, _nowhere(case, key))
    obstacle = ready(case, contact_forgives=True, said_at=order.given_at)
    if isinstance(obstacle, Stop):
        return refuse(order, f"{_state(key)}, and no successor is made: {obstacle.message}")
    return obstacle or Issue(
        Reason.COMPROMISED,
        f"{key.key_id} is in the wrong hands, says {order.actor}: a successor is created, proven"
        f" and delivered, and {key.key_id} is switched off at once",
        kind=Kind.REPLACE,
        predecessor=key.key_id,
        order_id=order.order_id,
        title=Title.COMPROMISED,
    )


def _nowhere(case: Case, key: AccessKey) -> str:
    why = (
        "the policy names no sink"
        if isinstance(case.selection, Selected)
        else "no policy, or more than one, selects this user"
    )
    return (
        f"{_state(key)}; {why}, so no successor can be delivered."
        f" `rotator retire {key.key_id} --now --reason …` takes it out of service all the same"
    )


def _no_slot(case: Case, key: AccessKey) -> str:
    """Which keys take the slots, and what freeing one of them costs."""
    others = [other for other in case.listed if other.key_id != key.key_id]
    choices = "; ".join(_choice(case, other) for other in others)
    again = f"`rotator rotate {key.key_id} --compromised`"
    contain = (
        ""
        if not key.is_active
        else (
            f"; or {again[:-1]} --contain-first` switches {key.key_id} off now, and its readers"
            " stop until they get another key"
        )
    )
    return (
        f"{_state(key)}; both slots are taken, so no successor can be made. Free one, then say"
        f" {again} again: {choices}{contain}"
    )


def _choice(case: Case, other: AccessKey) -> str:
    served_by = [str(p.place) for p in our_places(case) if served(p) == other.key_id]
    cost = (
        f"its readers at {listing(served_by)} stop"
        if served_by and other.is_active
        else "whoever still uses it stops"
        if other.is_active
        else "it cannot be revived any more"
    )
    step = "switches it off; said once more it is deleted" if other.is_active else "deletes it"
    return (
        f"`rotator retire {other.key_id} --now --reason …` {step}"
        f" ({other.status}, {span(case.now - other.created_at)} old,"
        f" {used(other.last_use, case.now)}; {cost})"
    )


def _gone(case: Case, order: Order, key_id: str) -> Obey | None:
    if key_id not in case.former and case.key(key_id) is None:
        return refuse(order, f"{key_id} is no key of {case.user}")
    rotation = case.rotation
    if rotation is not None and rotation.leaving == key_id and not is_owed(case):
        return None  # its end is recorded first
    return Obey(
        Reason.COMPROMISED,
        f"{key_id} is deleted. {_lives(case)}. {_sessions(case, key_id)}",
        order_id=order.order_id,
    )


def _summary(case: Case, key: AccessKey) -> str:
    """What is dead, what lives, and what outlives it."""
    off = f"{_state(key)}, and is deleted when it has rested"
    return f"{off}. {_lives(case)}. {_sessions(case, key.key_id)}"


def _state(key: AccessKey) -> str:
    if key.status is KeyStatus.INACTIVE:
        return f"{key.key_id} is Inactive since {moment(key.status_since)}"
    return f"{key.key_id} is still {key.status}"


def _lives(case: Case) -> str:
    living = case.active
    if not living:
        return f"{case.user} has no Active key now"
    places = {
        key.key_id: [str(p.place) for p in our_places(case) if served(p) == key.key_id]
        for key in living
    }
    told = [f"{k} (served by {listing(at)})" if at else k for k, at in places.items()]
    return f"Alive: {listing(told)}"


def _sessions(case: Case, key_id: str) -> str:
    """Temporary credentials outlive the key that made them, up to 36 h (STS: GetSessionToken)."""
    deny = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",'
        '"Condition":{"DateLessThan":{"aws:TokenIssueTime":'
        f'"{case.now:%Y-%m-%dT%H:%M:%SZ}"'
        "}}}]}"
    )
    return (
        f"Sessions made with {key_id} outlive it by up to 36 h: attach to the user `{deny}`, and"
        " revoke the sessions of the roles that it could assume"
    )
