"""What cannot be done is refused with a sentence that says what to do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.model import Obey, Reason

if TYPE_CHECKING:
    from rotator.model import Order

__all__ = ["refuse"]


def refuse(order: Order, message: str) -> Obey:
    """The end of an order that nothing was done for."""
    return Obey(Reason.REFUSED, message, order_id=order.order_id, refused=True)
