"""What is to be done next: the door by which a judgement leaves the pure part."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rotator.model.iam import LastUse
    from rotator.model.places import Place
    from rotator.model.reasons import Reason
    from rotator.model.rotation import (
        Kind,
        Outcome,
        Title,
    )

__all__ = [
    "Action",
    "ActionName",
    "Approved",
    "Close",
    "Deactivate",
    "Delete",
    "Deliver",
    "Delivered",
    "Departed",
    "Fact",
    "HandedOver",
    "Issue",
    "Leave",
    "Name",
    "NotSwitchedOff",
    "Obey",
    "PlaceReached",
    "Reactivate",
    "Record",
    "Shut",
    "Stop",
    "SwitchedOff",
    "SwitchedOn",
    "Wait",
]


class ActionName(StrEnum):
    """The column `action` of a plan."""

    ISSUE = "issue"
    DELIVER = "deliver"
    DEACTIVATE = "deactivate"
    REACTIVATE = "reactivate"
    DELETE = "delete"
    RECORD = "record"
    STOP = "stop"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Judged:
    """What all actions carry: a stable reason, and a sentence with the figures of the case."""

    name: ClassVar[ActionName]

    reason: Reason
    message: str

    @property
    def harmed(self) -> str | None:
        """The key that is switched off, revived or deleted, if one is."""
        return None


@dataclass(frozen=True, slots=True)
class Issue(Judged):
    """Begin a rotation and create its successor.

    `title` is what the predecessor leaves by, where it is more than having been replaced. An open
    rotation is ended in the same transaction (superseded).
    """

    name = ActionName.ISSUE
    kind: Kind
    predecessor: str | None = None
    order_id: int | None = None
    title: Title | None = None


@dataclass(frozen=True, slots=True)
class Leave(Judged):
    """Give a key the title by which it leaves: in the open rotation, or in one that begins so.

    Attributes:
        heir: the key that must be proven and in every place before the leaver is switched off.
        now: a person's word, or the policy's `only`, waives P1 for this key.
        supersedes: the open rotation has nothing to do with this key, and is ended for it.
    """

    name = ActionName.RECORD
    key_id: str
    title: Title
    heir: str | None = None
    now: bool = False
    order_id: int | None = None
    supersedes: bool = False

    @property
    def harmed(self) -> str | None:
        """The key that this is about."""
        return self.key_id


@dataclass(frozen=True, slots=True)
class Deliver(Judged):
    """Prove a key if need be, then put it to these places, in this order.

    It is the successor, or the key that a person's order is about (`key_id`).
    """

    name = ActionName.DELIVER
    places: tuple[Place, ...] = ()
    key_id: str | None = None
    order_id: int | None = None


@dataclass(frozen=True, slots=True)
class Deactivate(Judged):
    """Switch the leaver off; `evidence` is what the decision rests on."""

    name = ActionName.DEACTIVATE
    key_id: str
    evidence: Mapping[str, LastUse] = field(default_factory=dict)

    @property
    def harmed(self) -> str | None:
        """The key that this is about."""
        return self.key_id


@dataclass(frozen=True, slots=True)
class Reactivate(Judged):
    """Switch a key on again that we switched off, and hold the user if `hold` says why."""

    name = ActionName.REACTIVATE
    key_id: str
    hold: Reason | None = None
    order_id: int | None = None

    @property
    def harmed(self) -> str | None:
        """The key that this is about."""
        return self.key_id


@dataclass(frozen=True, slots=True)
class Delete(Judged):
    """Delete the leaver, which has rested Inactive."""

    name = ActionName.DELETE
    key_id: str

    @property
    def harmed(self) -> str | None:
        """The key that this is about."""
        return self.key_id


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """The leaver is seen Inactive: its rest is counted from here, late and never early."""

    key_id: str
    at: datetime
    evidence: Mapping[str, LastUse] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SwitchedOn:
    """The leaver is seen Active again: whatever was decided about it is decided anew."""

    key_id: str
    hold: Reason | None = None


@dataclass(frozen=True, slots=True)
class NotSwitchedOff:
    """The leaver is Active after the wait: the request that got no answer was not carried out."""

    key_id: str


@dataclass(frozen=True, slots=True)
class PlaceReached:
    """A reading shows the successor at this place, or the key that an order had put there."""

    place: Place
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The successor is at every place: the grace period starts."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Another policy selects the user now, and takes the open rotation over."""

    policy: str


@dataclass(frozen=True, slots=True)
class Departed:
    """The user was deleted: its places are free for others, and its orders have no object."""


@dataclass(frozen=True, slots=True)
class Approved:
    """A person's approval has something to approve; `is_open`: nothing else keeps the door shut."""

    order_id: int
    is_open: bool


Fact = (
    Approved
    | SwitchedOff
    | SwitchedOn
    | NotSwitchedOff
    | PlaceReached
    | Delivered
    | HandedOver
    | Departed
)


@dataclass(frozen=True, slots=True)
class Record(Judged):
    """Write down what is seen to have happened; nothing is changed outside the store."""

    name = ActionName.RECORD
    fact: Fact


@dataclass(frozen=True, slots=True)
class Name(Judged):
    """Give a key that we made, and whose secret is lost, the title by which it leaves."""

    name = ActionName.RECORD
    key_id: str
    title: Title


@dataclass(frozen=True, slots=True)
class Close(Judged):
    """End the open rotation; the keys are left as they are."""

    name = ActionName.RECORD
    outcome: Outcome
    order_id: int | None = None


@dataclass(frozen=True, slots=True)
class Obey(Judged):
    """An order that needs no call: done as it stands (and held, or places given up), or refused.

    `withdrawn`: an approval that has lapsed, or whose rotation is over.
    """

    name = ActionName.RECORD
    order_id: int
    refused: bool = False
    withdrawn: bool = False
    hold: Reason | None = None
    gives_up_places: bool = False


@dataclass(frozen=True, slots=True)
class Wait(Judged):
    """Nothing to do before `until` (None: before the next sweep)."""

    name = ActionName.WAIT
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stop(Judged):
    """A person must remove the cause; it ends by itself when the cause is gone."""

    name = ActionName.STOP


@dataclass(frozen=True, slots=True)
class Shut(Judged):
    """What is judged is right to do, and the first of its gates that is shut keeps it back.

    `reason` is the gate's, `message` says what is judged and then what keeps it back; `until` is
    when the gate may open, where that is known.
    """

    name = ActionName.WAIT
    behind: Issue | Leave | Deactivate | Delete
    until: datetime | None = None


Action = (
    Issue
    | Leave
    | Deliver
    | Deactivate
    | Reactivate
    | Delete
    | Record
    | Name
    | Close
    | Obey
    | Wait
    | Stop
    | Shut
)
