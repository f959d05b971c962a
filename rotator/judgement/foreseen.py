"""What an action would come to: the case of a user after it, if all goes as it usually does.

The effects are those that `reconcile` records, without the requests: each is answered at once, and
nothing fails.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from rotator.judgement.approvals import approval_for
from rotator.judgement.doors import door_of
from rotator.judgement.judge import ended
from rotator.judgement.leaving import TITLES
from rotator.judgement.presence import our_places
from rotator.model import (
    AccessKey,
    Approved,
    Close,
    Deactivate,
    Delete,
    Deliver,
    Delivered,
    Departed,
    Failures,
    HandedOver,
    Hold,
    Issue,
    KeyStatus,
    Kind,
    Leave,
    Name,
    NeverUsed,
    NotSwitchedOff,
    Obey,
    Outcome,
    PlaceReached,
    Reactivate,
    Record,
    Rotation,
    Scope,
    Serves,
    Step,
    SwitchedOff,
    SwitchedOn,
    WrittenAt,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rotator.model import Case, PlaceState, Reason

__all__ = ["Effect", "after"]

Effect = Issue | Leave | Deliver | Deactivate | Reactivate | Delete | Record | Name | Close | Obey
"""Everything that is done: what waits and what stops changes nothing."""

_BROKEN_OFF = frozenset({Outcome.NO_EFFECT, Outcome.ORPHAN, Outcome.UNDELIVERED})


def after(case: Case, action: Effect, new_key: str) -> Case:
    """The case after an action that is carried out now; `new_key` is the id of a key it makes."""
    if isinstance(action, Issue | Deactivate | Delete):
        case = _spending(case, action)
    match action:
        case Issue():
            return _issued(case, action, new_key)
        case Leave():
            return _left(case, action)
        case Deliver():
            return _put(case, action)
        case Deactivate():
            return _switched_off(_answered(case, Step.DEACTIVATE), action.key_id, action.evidence)
        case Reactivate():
            return _reactivated(case, action)
        case Delete():
            gone = _without_key(case, action.key_id)
            return _closed(gone, ended(case.open))
        case Record():
            return _recorded(case, action)
        case Name():
            return _facts(
                replace(case, secret_at_hand=False),
                kind=Kind.LEAVE,
                leaver=action.key_id,
                title=action.title,
                titled_at=case.now,
                successor=None,
            )
        case Close():
            return _ended(case, action)
        case Obey():
            return _obeyed(case, action)
        case _:
            assert_never(action)


def _facts(case: Case, **facts: object) -> Case:
    return replace(case, rotation=replace(case.open, **facts))  # type: ignore[arg-type]  # fields of a Rotation, each named at its call


def _answered(case: Case, step: Step) -> Case:
    """Nothing of this step is without an outcome any more, nor did it fail."""
    if not case.intents and not case.failures:
        return case
    return replace(
        case,
        intents=tuple(intent for intent in case.intents if intent.step is not step),
        failures={done: how for done, how in case.failures.items() if done is not step},
    )


def _issued(case: Case, action: Issue, new_key: str) -> Case:
    now = case.now
    made = AccessKey(
        new_key,
        KeyStatus.ACTIVE,
        created_at=now,
        last_use=NeverUsed(),
        status_since=now,
        first_seen_at=now,
        last_seen_at=now,
    )
    rotation = Rotation(
        rotation_id=new_key,
        kind=action.kind,
        policy=case.terms.name,
        begun_at=now,
        reason=action.reason,
        predecessor=action.predecessor,
        successor=new_key,
        issued_at=now,
        leaver=action.predecessor if action.title else None,
        title=action.title,
        titled_at=now if action.title else None,
        order_id=action.order_id,
    )
    case = _begun(case, rotation, claims=True)
    return replace(case, keys=(*case.keys, made), secret_at_hand=True)


def _left(case: Case, action: Leave) -> Case:
    """The key has its title: in the open rotation where it has a part in it, else in a new one."""
    now, rotation = case.now, case.rotation
    given: dict[str, object] = {
        "successor": action.heir,
        "leaver": action.key_id,
        "title": action.title,
        "titled_at": now,
        "now": action.now,
        "order_id": action.order_id,
    }
    if rotation is not None and not action.supersedes:
        known = action.heir is not None or rotation.title is action.title
        goes_on = known and action.heir == rotation.successor
        return _facts(case, kind=rotation.kind if goes_on else Kind.LEAVE, **given)
    begun = Rotation(
        rotation_id=f"leaving of {action.key_id}",
        kind=Kind.LEAVE,
        policy=case.terms.name,
        begun_at=now,
        reason=action.reason,
    )
    return _facts(_begun(case, begun, claims=action.heir is not None), **given)


def _begun(case: Case, rotation: Rotation, *, claims: bool) -> Case:
    """A rotation begins, and what a former one delivered and asked for is forgotten."""
    places = (
        replace(
            place,
            claimed=place.claimed or (claims and _is_written(place)),
            delivered_at=None,
            failures=None,
        )
        for place in case.places
    )
    return replace(case, rotation=rotation, places=tuple(places), intents=(), failures={})


def _is_written(place: PlaceState) -> bool:
    return place.owner is None and place.sink_id is not None


def _put(case: Case, action: Deliver) -> Case:
    """The places have the successor, or the key that a person's order is about."""
    successor = case.rotation.successor if case.rotation else None
    key_id = action.key_id or successor
    places = tuple(
        _holding(place, key_id, case.now) if place.place in action.places else place
        for place in case.places
    )
    case = _answered(_answered(case, Step.PROVE), Step.DELIVER)
    if case.rotation is None or key_id != successor:
        return replace(case, places=places)
    proven_at = case.open.proven_at or case.now
    own_use_at = case.open.own_use_at or case.now
    return _facts(
        replace(case, places=places, secret_at_hand=True),
        proven_at=proven_at,
        own_use_at=own_use_at,
    )


def _holding(place: PlaceState, key_id: str | None, now: datetime) -> PlaceState:
    """The place after a put: a readable one serves the key, another shows when it was written."""
    assert key_id is not None
    tells = place.reading != WrittenAt(None)
    return replace(
        place,
        claimed=True,
        begun_key=key_id,
        answered_key=key_id,
        written_at=now if tells else None,
        delivered_at=now,
        failures=None,
        reading=Serves(key_id) if place.readable else WrittenAt(now if tells else None),
    )


def _switched_off(case: Case, key_id: str, evidence: object) -> Case:
    case = _with_status(case, key_id, KeyStatus.INACTIVE)
    title = case.open.right
    rest = TITLES[title].rest(case) if title else timedelta(0)
    return _facts(
        case,
        evidence=evidence,
        deactivated_at=case.now,
        promised_at=case.now + rest if rest > timedelta(0) else None,
    )


def _switched_on(case: Case) -> Case:
    return _facts(case, deactivated_at=None, promised_at=None, evidence={})


def _with_status(case: Case, key_id: str, status: KeyStatus) -> Case:
    keys = tuple(
        replace(key, status=status, status_since=case.now)
        if key.key_id == key_id and key.status is not status
        else key
        for key in case.keys
    )
    return replace(case, keys=keys)


def _reactivated(case: Case, action: Reactivate) -> Case:
    case = _answered(_with_status(case, action.key_id, KeyStatus.ACTIVE), Step.REACTIVATE)
    case = _held(_switched_on(case), action.hold, action.message)
    return _without_order(case, action.order_id)


def _held(case: Case, reason: Reason | None, message: str) -> Case:
    hold = case.hold
    lasts = hold is not None and hold.scope is Scope.USER and hold.until is None
    if reason is None or lasts:
        return case
    return replace(case, hold=Hold(Scope.USER, case.now, "rotator", reason, message))


def _without_order(case: Case, order_id: int | None) -> Case:
    orders = tuple(order for order in case.orders if order.order_id != order_id)
    return replace(case, orders=orders) if len(orders) != len(case.orders) else case


def _without_key(case: Case, key_id: str) -> Case:
    return replace(
        case,
        keys=tuple(key for key in case.keys if key.key_id != key_id),
        former=case.former | {key_id},
    )


def _closed(case: Case, outcome: Outcome) -> Case:
    """No rotation is open any more; one that broke off is begun again later."""
    restart = None
    if outcome in _BROKEN_OFF:
        restart = Failures((case.restart.count if case.restart else 0) + 1, case.now, outcome.value)
    places = (replace(place, delivered_at=None, failures=None) for place in case.places)
    return replace(
        case,
        rotation=None,
        places=tuple(places),
        intents=(),
        failures={},
        restart=restart,
        secret_at_hand=False,
    )


def _ended(case: Case, action: Close) -> Case:
    """The rotation ends; the orders that it answers with it, and keys that are gone stay gone."""
    leaving = case.key(case.open.leaving)
    begun_by = case.open.order_id
    if leaving is not None and (not leaving.is_listed or action.outcome is Outcome.GONE):
        case = _without_key(case, leaving.key_id)
    case = _closed(case, action.outcome)
    if action.order_id is not None:
        case = replace(case, places=tuple(_named(case.places)))
    if action.outcome is Outcome.BY_HAND:
        case = _without_order(case, begun_by)
    return _without_order(case, action.order_id)


def _named(places: Iterable[PlaceState]) -> Iterable[PlaceState]:
    return (place for place in places if place.sink_id is not None)


def _obeyed(case: Case, action: Obey) -> Case:
    if action.gives_up_places:
        case = replace(case, places=tuple(_named(case.places)))
    return _without_order(_held(case, action.hold, action.message), action.order_id)


def _recorded(case: Case, action: Record) -> Case:
    fact = action.fact
    match fact:
        case Approved():
            return _approved(case, fact)
        case PlaceReached(place, key_id):
            return _reached(case, place, key_id or case.open.successor)
        case Delivered():
            return _facts(replace(case, secret_at_hand=False), delivered_at=case.now)
        case SwitchedOff():
            return _switched_off(_answered(case, Step.DEACTIVATE), fact.key_id, fact.evidence)
        case SwitchedOn():
            return _held(_switched_on(_answered(case, Step.REACTIVATE)), fact.hold, action.message)
        case NotSwitchedOff():
            return _facts(_answered(case, Step.DEACTIVATE), evidence={})
        case HandedOver(policy):
            return _facts(case, policy=policy)
        case Departed():
            return replace(case, places=(), orders=())
        case _:
            assert_never(fact)


def _approved(case: Case, fact: Approved) -> Case:
    orders = (
        replace(
            order,
            accepted_at=order.accepted_at or case.now,
            open_since=order.open_since or (case.now if fact.is_open else None),
        )
        if order.order_id == fact.order_id
        else order
        for order in case.orders
    )
    return replace(case, orders=tuple(orders))


def _spending(case: Case, action: Issue | Deactivate | Delete) -> Case:
    """An approval is spent by the step that it opened a door for."""
    spent = approval_for(case, door_of(action))
    return case if spent is None else _without_order(case, spent.order_id)


def _reached(case: Case, place: object, key_id: str | None) -> Case:
    places = (
        replace(one, claimed=True, answered_key=key_id, delivered_at=case.now, failures=None)
        if one.place == place and one in our_places(case)
        else one
        for one in case.places
    )
    return replace(case, places=tuple(places))
