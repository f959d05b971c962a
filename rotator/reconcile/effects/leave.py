"""A key gets the title by which it leaves; nothing is changed in AWS yet."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from rotator.errors import PlaceTaken, Refused
from rotator.events import Event
from rotator.judgement.presence import our_places
from rotator.model import JournalOutcome, Kind, Outcome, Reason, Rotation, Step
from rotator.reconcile.effects.progress import Progress
from rotator.reconcile.effects.record import NOTHING_YET, close_rotation
from rotator.store import PlaceRow

if TYPE_CHECKING:
    from rotator.model import Leave
    from rotator.reconcile.journey import Visit
    from rotator.store import Change

__all__ = ["leave", "places_named", "supersede", "take_over"]


def leave(journey: Visit, action: Leave) -> Progress:
    """Record the title: in the open rotation where the key has a part in it, else in a new one."""
    rotation = journey.case.rotation
    try:
        with journey.change() as change:
            if rotation is None or action.supersedes:
                supersede(journey, change)
                change.begin(_begun(journey, action), places_named(journey) if action.heir else ())
            else:
                _retitle(journey, change, action)
            take_over(journey, change, action.order_id, action.key_id)
            change.journal(
                Step.BEGIN,
                JournalOutcome.DONE,
                key_id=action.key_id,
                reason=action.reason,
                detail=action.message,
            )
    except (PlaceTaken, Refused):
        # Another replica was quicker: what is on record now is judged anew.
        return Progress.FAILED
    if rotation is not None and action.supersedes:
        journey.tell_closed(Outcome.SUPERSEDED, Reason.SUPERSEDED, action.message)
    if rotation is not None and rotation.successor != action.heir:
        journey.equipment.hands.let_go(journey.user.ref)
    journey.tell(
        Event.ROTATION_BEGUN,
        kind=Kind.LEAVE.value,
        reason=action.reason,
        message=action.message,
        leaver=action.key_id,
        title=action.title,
        successor=action.heir,
        order_id=action.order_id,
    )
    return Progress.LOOK_AGAIN


def supersede(journey: Visit, change: Change) -> None:
    """End the open rotation, if there is one, in the transaction that begins the next."""
    if journey.case.rotation is not None:
        close_rotation(
            journey,
            change,
            Outcome.SUPERSEDED,
            Reason.SUPERSEDED,
            journey.equipment.clock(),
        )


def take_over(journey: Visit, change: Change, order_id: int | None, key_id: str | None) -> None:
    """The open rotation is this order's from now on: that of another order asks no more.

    The order is about this very key from now on, whatever other keys the user comes to have.
    """
    owner = journey.case.rotation.order_id if journey.case.rotation else None
    if owner is not None and owner != order_id and _is_open(journey, owner):
        change.order_done(owner, "withdrawn", f"superseded by order {order_id}")
    if order_id is not None and key_id is not None:
        change.order_about(order_id, key_id)


def _is_open(journey: Visit, order_id: int) -> bool:
    return any(order.order_id == order_id for order in journey.case.orders)


def places_named(journey: Visit) -> list[PlaceRow]:
    """The places of the policy, as they are claimed when a key is to be delivered to them."""
    return [
        PlaceRow(place=place.place, readable=place.readable, sink_id=place.sink_id)
        for place in our_places(journey.case)
        if place.sink_id is not None
    ]


def _begun(journey: Visit, action: Leave) -> Rotation:
    now = journey.equipment.clock()
    return Rotation(
        rotation_id=uuid4().hex,
        kind=Kind.LEAVE,
        policy=journey.case.terms.name,
        begun_at=now,
        reason=action.reason,
        successor=action.heir,
        leaver=action.key_id,
        title=action.title,
        titled_at=now,
        now=action.now,
        order_id=action.order_id,
    )


def _retitle(journey: Visit, change: Change, action: Leave) -> None:
    """The rotation is about this key from now on; a delivery to the key that stays goes on."""
    rotation = journey.case.open
    known = action.heir is not None or rotation.title is action.title
    goes_on = known and action.heir == rotation.successor
    change.facts(
        rotation.rotation_id,
        kind=rotation.kind if goes_on else Kind.LEAVE,
        successor=action.heir,
        leaver=action.key_id,
        title=action.title,
        titled_at=journey.equipment.clock(),
        now=action.now,
        order_id=action.order_id,
    )
    if rotation.leaving != action.key_id:
        change.facts(rotation.rotation_id, **NOTHING_YET)
    if rotation.successor != action.heir:
        # What was known of another heir says nothing of this one.
        change.facts(
            rotation.rotation_id,
            issued_at=None,
            own_use_at=None,
            proven_at=None,
            delivered_at=None,
        )
        for row in journey.known.places:
            change.place(row.place, delivered_at=None, failures=None)
