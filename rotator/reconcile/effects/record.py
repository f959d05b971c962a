"""What changes nothing outside the store: facts that were seen, titles, ends, answers to orders."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from rotator.events import Event
from rotator.judgement.beginning import vanished
from rotator.judgement.leaving import TITLES
from rotator.model import (
    Approved,
    Delivered,
    Departed,
    DoorName,
    HandedOver,
    JournalOutcome,
    Kind,
    NotSwitchedOff,
    Outcome,
    PlaceReached,
    Reason,
    Scope,
    Step,
    SwitchedOff,
    SwitchedOn,
    Title,
    Verb,
)
from rotator.reconcile.effects.approvals import Spent, accept, spend, tell_spent, withdraw
from rotator.reconcile.effects.progress import Progress
from rotator.store import PlaceRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rotator.model import Close, Name, Obey, Record
    from rotator.reconcile.journey import Visit
    from rotator.store import Change
    from rotator.store.rows import Facts, OrderOutcome

__all__ = [
    "NOTHING_YET",
    "close",
    "close_rotation",
    "hold_for_good",
    "name",
    "obey",
    "promise",
    "record",
]


NOTHING_YET: Facts = {"deactivated_at": None, "promised_at": None, "evidence": {}}
"""What is on record of a key that has not been switched off, or is on again."""


def record(journey: Visit, action: Record) -> Progress:
    """Write down a fact that was seen to be so."""
    fact = action.fact
    match fact:
        case PlaceReached():
            _reached(journey, fact)
        case Delivered():
            _delivered(journey)
        case SwitchedOff():
            _switched_off(journey, action, fact)
        case SwitchedOn():
            _switched_on(journey, action, fact)
        case NotSwitchedOff():
            _not_switched_off(journey, action, fact)
        case HandedOver():
            _handed_over(journey, action, fact)
        case Departed():
            _departed(journey, action)
        case Approved():
            accept(journey, action, fact)
        case _:
            assert_never(fact)
    return Progress.GO_ON


def _reached(journey: Visit, fact: PlaceReached) -> None:
    rotation, now = journey.case.rotation, journey.equipment.clock()
    key_id = fact.key_id or journey.case.open.successor
    state = next(state for state in journey.case.places if state.place == fact.place)
    with journey.change() as change:
        change.claim(PlaceRow(state.place, state.readable, state.sink_id))
        change.place(fact.place, answered_key=key_id, delivered_at=now, failures=None)
        change.journal(
            Step.DELIVER,
            JournalOutcome.OBSERVED,
            key_id=key_id,
            place=fact.place,
            reason=Reason.SEEN,
        )
    journey.tell(
        Event.KEY_DELIVERED,
        successor=key_id,
        predecessor=rotation.predecessor if rotation else None,
        sink=state.sink_id,
        place=str(fact.place),
        observed=True,
    )


def _delivered(journey: Visit) -> None:
    rotation, now = journey.case.open, journey.equipment.clock()
    with journey.change() as change:
        change.facts(rotation.rotation_id, delivered_at=now)
    journey.equipment.hands.let_go(journey.user.ref)
    journey.tell(
        Event.ROTATION_DELIVERED,
        predecessor=rotation.predecessor,
        successor=rotation.successor,
        places=len(journey.case.places),
    )


def _switched_off(journey: Visit, action: Record, fact: SwitchedOff) -> None:
    rotation = journey.case.open
    promised_at = promise(journey, fact.at)
    with journey.change() as change:
        change.facts(rotation.rotation_id, deactivated_at=fact.at, promised_at=promised_at)
        change.journal(
            Step.DEACTIVATE,
            JournalOutcome.OBSERVED,
            key_id=fact.key_id,
            reason=action.reason,
            detail=action.message,
        )
        spent = spend(journey, change, DoorName.DEACTIVATE, action.message)
    tell_spent(journey, spent)
    journey.tell(
        Event.KEY_DEACTIVATED,
        access_key_id=fact.key_id,
        title=rotation.right,
        reason=action.reason,
        message=action.message,
        successor=rotation.successor,
        promised_at=promised_at,
        observed=True,
    )


def _switched_on(journey: Visit, action: Record, fact: SwitchedOn) -> None:
    rotation = journey.case.open
    with journey.change() as change:
        change.facts(rotation.rotation_id, **NOTHING_YET)
        change.journal(
            Step.REACTIVATE,
            JournalOutcome.OBSERVED,
            key_id=fact.key_id,
            reason=action.reason,
            detail=action.message,
        )
        hold_for_good(journey, change, fact.hold, action.message)
    journey.tell(
        Event.KEY_REACTIVATED,
        access_key_id=fact.key_id,
        title=rotation.right,
        reason=action.reason,
        message=action.message,
        observed=True,
    )


def _not_switched_off(journey: Visit, action: Record, fact: NotSwitchedOff) -> None:
    with journey.change() as change:
        change.facts(journey.case.open.rotation_id, evidence={})
        change.undone(
            Step.DEACTIVATE, key_id=fact.key_id, reason=action.reason, detail=action.message
        )


def hold_for_good(
    journey: Visit,
    change: Change,
    reason: Reason | None,
    message: str,
    order_id: int | None = None,
) -> None:
    """Hold the user until somebody releases it, if there is a reason and no such hold yet.

    A hold that ends by itself, or with that of a policy or an account, is none of these. Before a
    key in the wrong hands only a later word counts, so there it is said again.
    """
    hold, rotation = journey.case.hold, journey.case.rotation
    lasts = hold is not None and hold.scope is Scope.USER and hold.until is None
    lasts = lasts and not (rotation and rotation.right is Title.COMPROMISED)
    if reason is not None and not lasts:
        change.hold(reason, message=message, by=journey.who(order_id))
    if reason is not None and rotation is not None:
        _withdraw_words_against(journey, change, rotation.leaving, but=order_id)


def _withdraw_words_against(
    journey: Visit, change: Change, key_id: str | None, *, but: int | None
) -> None:
    """Whoever lets a key live takes back what was said against it, or it would go again at once."""
    for order in journey.case.orders:
        against = order.compromised or order.verb is Verb.RETIRE
        about = order.key_id == key_id or order.order_id == journey.case.open.order_id
        if against and about and order.order_id != but:
            change.order_done(order.order_id, "withdrawn", f"{key_id} is to live: the user is held")


def _handed_over(journey: Visit, action: Record, fact: HandedOver) -> None:
    with journey.change() as change:
        change.facts(journey.case.open.rotation_id, policy=fact.policy)
        change.journal(
            Step.BEGIN,
            JournalOutcome.OBSERVED,
            reason=action.reason,
            detail=action.message,
        )


def _departed(journey: Visit, action: Record) -> None:
    """Let go what belonged to a user who is gone, and refuse what was asked for it."""
    with journey.change() as change:
        for row in journey.known.places:
            change.give_up(row.place)
        change.journal(
            Step.CLOSE, JournalOutcome.OBSERVED, reason=action.reason, detail=action.message
        )
        for order in journey.case.orders:
            change.order_done(order.order_id, "refused", action.message)
    for order in journey.case.orders:
        journey.tell(
            Event.ORDER_REFUSED,
            order_id=order.order_id,
            verb=order.verb.value,
            actor=order.actor,
            reason=action.reason,
            message=action.message,
        )


def promise(journey: Visit, at: datetime) -> datetime | None:
    """The date of deletion that people are told when a key is switched off at `at`."""
    title = journey.case.open.right
    if title is None:
        return None
    rest = TITLES[title].rest(journey.case)
    return at + rest if rest > timedelta(0) else None


def name(journey: Visit, action: Name) -> Progress:
    """Give the key that we made its title; the rotation is a leaving from now on."""
    rotation, now = journey.case.open, journey.equipment.clock()
    with journey.change() as change:
        change.facts(
            rotation.rotation_id,
            kind=Kind.LEAVE,
            leaver=action.key_id,
            title=action.title,
            titled_at=now,
            successor=None,
        )
        change.facts(rotation.rotation_id, **NOTHING_YET)
        change.journal(
            Step.ISSUE,
            JournalOutcome.OBSERVED,
            key_id=action.key_id,
            reason=action.reason,
            detail=action.message,
        )
        spent = spend(journey, change, DoorName.ISSUE, action.message)
    tell_spent(journey, spent)
    journey.equipment.hands.let_go(journey.user.ref)
    journey.tell(
        Event.ORPHAN_FOUND if action.title is Title.ORPHAN else Event.SECRET_LOST,
        access_key_id=action.key_id,
        message=action.message,
    )
    return Progress.GO_ON


def close(journey: Visit, action: Close) -> Progress:
    """End the open rotation; the keys are left as they are."""
    deleted, now = _seen_deleted(journey, action), journey.equipment.clock()
    spent: Sequence[Spent] = ()
    with journey.change() as change:
        if deleted is not None:
            change.journal(
                Step.DELETE,
                JournalOutcome.OBSERVED,
                key_id=deleted,
                reason=action.reason,
                detail=action.message,
            )
            change.gone(deleted, now)
            spent = spend(journey, change, DoorName.DELETE, action.message)
        close_rotation(journey, change, action.outcome, action.reason, now)
        if action.outcome is Outcome.BY_HAND:
            _end_orders(journey, change, action)
    journey.equipment.hands.let_go(journey.user.ref)
    if deleted is not None:
        journey.tell(
            Event.KEY_DELETED,
            access_key_id=deleted,
            title=journey.case.open.right,
            reason=action.reason,
            message=action.message,
            observed=True,
        )
    tell_spent(journey, spent)
    journey.tell_closed(action.outcome, action.reason, action.message)
    return Progress.LOOK_AGAIN


def _seen_deleted(journey: Visit, action: Close) -> str | None:
    """The leaver, where a rotation ends because it is gone, by our own request or another's.

    One that only the latest listing lacks may be there: whoever ends the rotation says no more.
    """
    case = journey.case
    key = case.key(case.open.leaving)
    asked = any(intent.step is Step.DELETE for intent in case.intents)
    if key is None and asked:
        # An earlier look found it gone, and could not save the end.
        return case.open.leaving
    if key is None or (key.is_listed and action.outcome is not Outcome.GONE):
        return None
    if action.outcome is not Outcome.GONE and not asked and vanished(case, key):
        return None
    return key.key_id


def _end_orders(journey: Visit, change: Change, action: Close) -> None:
    """A rotation that a person ended takes the order with it that had begun it."""
    if action.order_id is not None:
        _give_up_unnamed(journey, change)
        change.order_done(action.order_id, "done", action.message)
    begun_by = journey.case.open.order_id
    if begun_by is not None and begun_by in {order.order_id for order in journey.case.orders}:
        change.order_done(begun_by, "withdrawn", action.message)


def close_rotation(
    journey: Visit, change: Change, outcome: Outcome, reason: Reason, at: datetime
) -> None:
    """Put the end of the open rotation into a transaction."""
    change.journal(
        Step.CLOSE,
        JournalOutcome.DONE,
        key_id=journey.case.open.leaving,
        reason=reason,
        detail=outcome.value,
    )
    withdraw(change, f"the rotation is over: {outcome}")
    change.close(journey.case.open.rotation_id, at, outcome)


def obey(journey: Visit, action: Obey) -> Progress:
    """Answer an order that needs no request: done as it stands, or refused with a sentence."""
    with journey.change() as change:
        hold_for_good(journey, change, action.hold, action.message, action.order_id)
        if action.gives_up_places:
            _give_up_unnamed(journey, change)
        change.order_done(action.order_id, _outcome_of(action), action.message)
    order = next(o for o in journey.case.orders if o.order_id == action.order_id)
    told = {"order_id": order.order_id, "verb": order.verb.value, "actor": order.actor}
    if action.refused:
        journey.tell(Event.ORDER_REFUSED, **told, reason=action.reason, message=action.message)
    elif action.withdrawn:
        journey.tell(Event.ORDER_LAPSED, **told, reason=action.reason, message=action.message)
    else:
        journey.tell(Event.ORDER_OBEYED, **told, message=action.message)
    return Progress.GO_ON


def _outcome_of(action: Obey) -> OrderOutcome:
    if action.withdrawn:
        return "withdrawn"
    return "refused" if action.refused else "done"


def _give_up_unnamed(journey: Visit, change: Change) -> None:
    for place in journey.case.places:
        if place.claimed and place.sink_id is None:
            change.give_up(place.place)
