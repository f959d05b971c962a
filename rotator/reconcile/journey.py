"""What one visit works with, and the voice in which it records and tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import timedelta

    from rotator.aws.accounts import Entered
    from rotator.model import Case, Outcome, Reason, User
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.looks import Look
    from rotator.reconcile.places import OpenPlaces
    from rotator.reconcile.rolls import Roll
    from rotator.store import Change, Known, Lease

__all__ = ["Visit"]


@dataclass(slots=True)
class Visit:
    """What one visit works with; `known`, `seen` and `case` are replaced as it goes on.

    `keep` keeps the lease; it is called before whatever may take long and changes nothing.
    """

    equipment: Equipment
    entered: Entered
    roll: Roll
    lease: Lease
    user: User
    places: OpenPlaces
    keep: Callable[[], None]
    known: Known
    seen: Look
    case: Case
    sweep_id: str | None = None

    def tell(self, event: Event, /, **fields: object) -> None:
        """Emit an event about this user, with the fields that run through everything."""
        rotation = self.known.rotation
        self.equipment.emit(
            event,
            account=self.user.account,
            account_id=self.user.account_id,
            user=self.user.name,
            user_id=self.user.user_id,
            policy=self.case.policy.name if self.case.policy else None,
            rotation_id=rotation.rotation_id if rotation else None,
            sweep_id=self.sweep_id,
            **fields,
        )

    def change(
        self, *, extend: timedelta | None = None, mends: bool = False
    ) -> AbstractContextManager[Change]:
        """One transaction about this user; it compares holder and fence first.

        `mends`: what was seen may be noted even in a store that went back.
        """
        return self.equipment.store.change(
            self.lease,
            extend=extend,
            actor=self.equipment.actor,
            sweep_id=self.sweep_id,
            policy_digest=self.case.policy.digest if self.case.policy else "",
            mends=mends,
        )

    def who(self, order_id: int | None) -> str:
        """Who acts: whoever gave this order, else the process itself."""
        given = (order.actor for order in self.case.orders if order.order_id == order_id)
        return next(given, self.equipment.actor)

    def tell_closed(self, outcome: Outcome, reason: Reason, message: str) -> None:
        """Emit that the open rotation is over, and how."""
        rotation = self.case.open
        self.tell(
            Event.ROTATION_CLOSED,
            kind=rotation.kind.value,
            outcome=outcome.value,
            reason=reason,
            message=message,
            predecessor=rotation.predecessor,
            successor=rotation.successor,
            leaver=rotation.leaver,
            title=rotation.right,
            begun_at=rotation.begun_at,
            seconds=(self.equipment.clock() - rotation.begun_at).total_seconds(),
        )
