"""One function per effect: the intent, the request, the outcome; nothing is decided here."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from rotator.model import (
    Close,
    Deactivate,
    Delete,
    Deliver,
    Issue,
    Leave,
    Name,
    Obey,
    Reactivate,
    Record,
    Shut,
    Stop,
    Wait,
)
from rotator.reconcile.effects.deliver import deliver
from rotator.reconcile.effects.issue import catch_up, issue
from rotator.reconcile.effects.leave import leave
from rotator.reconcile.effects.progress import Progress
from rotator.reconcile.effects.record import close, name, obey, record
from rotator.reconcile.effects.switch import deactivate, delete, reactivate

if TYPE_CHECKING:
    from rotator.model import Action
    from rotator.reconcile.journey import Visit

__all__ = ["Progress", "act", "catch_up"]


def act(journey: Visit, action: Action) -> Progress:
    """Do what was judged, once."""
    match action:
        case Issue():
            return issue(journey, action)
        case Leave():
            return leave(journey, action)
        case Deliver():
            return deliver(journey, action)
        case Deactivate():
            return deactivate(journey, action)
        case Reactivate():
            return reactivate(journey, action)
        case Delete():
            return delete(journey, action)
        case Record():
            return record(journey, action)
        case Name():
            return name(journey, action)
        case Close():
            return close(journey, action)
        case Obey():
            return obey(journey, action)
        case Wait() | Stop() | Shut():
            return Progress.GO_ON
        case _:
            assert_never(action)
