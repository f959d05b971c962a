"""Approvals in transactions: accepted, spent by the step that they let through, or withdrawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.events import Event
from rotator.model import DoorName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotator.model import Approved, Order, Record
    from rotator.reconcile.journey import Visit
    from rotator.store import Change

__all__ = ["Spent", "accept", "spend", "tell_spent", "withdraw"]


@dataclass(frozen=True, slots=True)
class Spent:
    """An approval that a step has used up, to be told once that is committed."""

    order: Order
    message: str


def accept(journey: Visit, action: Record, fact: Approved) -> None:
    """Let an approval count from now on."""
    with journey.change() as change:
        change.accept_approval(fact.order_id, action.message, is_open=fact.is_open)
    order = next(o for o in journey.case.orders if o.order_id == fact.order_id)
    journey.tell(
        Event.ORDER_ACCEPTED,
        order_id=order.order_id,
        verb=order.verb.value,
        actor=order.actor,
        access_key_id=order.key_id,
        message=action.message,
    )


def spend(journey: Visit, change: Change, door: DoorName, what: str) -> Sequence[Spent]:
    """End the approvals of a step that has happened, in the transaction that records so.

    Spent is the one that the step was sent by. An approval of a key's end that was not needed (a
    person was quicker in the console) is withdrawn; one of a beginning waits for its own.
    """
    rotation = journey.known.rotation
    spent = []
    for order in change.approvals(door):
        used = order.used_at is not None and rotation and order.used_at >= rotation.begun_at
        if used:
            message = f"spent: {what}"
            change.order_done(order.order_id, "done", message)
            spent.append(Spent(order, message))
        elif door is not DoorName.ISSUE:
            change.order_done(order.order_id, "withdrawn", f"not needed: {what}")
    return spent


def withdraw(change: Change, why: str) -> None:
    """End the approvals of a rotation that is over, in the transaction that ends it."""
    for door in (DoorName.DEACTIVATE, DoorName.DELETE):
        for order in change.approvals(door):
            change.order_done(order.order_id, "withdrawn", why)


def tell_spent(journey: Visit, spent: Sequence[Spent]) -> None:
    """Say that what was approved is done."""
    for one in spent:
        journey.tell(
            Event.ORDER_OBEYED,
            order_id=one.order.order_id,
            verb=one.order.verb.value,
            actor=one.order.actor,
            access_key_id=one.order.key_id,
            message=one.message,
        )
