"""Approvals on record: which of them opens a door, for which key, and how long each counts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.model import DoorName

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import Case, Order

__all__ = [
    "LIFE",
    "about",
    "approval_for",
    "concerns",
    "has_lapsed",
    "is_of_this_rotation",
    "lapses_at",
]

LIFE = timedelta(hours=24)
"""How long an approval counts, from the moment at which nothing else kept its door shut."""


def approval_for(case: Case, door: DoorName) -> Order | None:
    """The approval that opens this door now, for the very key that the step is about."""
    return next(
        (
            order
            for order in case.approvals
            if order.action is door and concerns(case, order) and not has_lapsed(case, order)
        ),
        None,
    )


def about(case: Case, door: DoorName) -> str | None:
    """The key that the next step through this door is about, as far as it can be told.

    Of another door than that of beginnings it is asked while a rotation is open.
    """
    if door is not DoorName.ISSUE:
        return case.open.leaving
    return case.active[0].key_id if case.active else None


def concerns(case: Case, order: Order) -> bool:
    """Whether an approval is for that key: one that names no key is for whichever it is.

    What was approved of a rotation that is over is not approved of the one that is open.
    """
    assert order.action is not None
    if order.action is not DoorName.ISSUE and not is_of_this_rotation(case, order):
        return False
    return order.key_id is None or order.key_id == about(case, order.action)


def is_of_this_rotation(case: Case, order: Order) -> bool:
    """Whether an approval was accepted while the open rotation was."""
    return case.rotation is not None and (
        order.accepted_at is None or case.rotation.begun_at <= order.accepted_at
    )


def lapses_at(order: Order) -> datetime | None:
    """When an approval ends by itself; None while something else keeps its door shut."""
    return order.open_since + LIFE if order.open_since else None


def has_lapsed(case: Case, order: Order) -> bool:
    """Whether an approval's time is over, whether or not somebody has written that down."""
    until = lapses_at(order)
    return until is not None and until <= case.now
