"""The two doors of the pure part: a Case goes in, an Action comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from rotator.model.policy import Policy
from rotator.model.rotation import Verb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rotator.model.iam import AccessKey, LastUse, User
    from rotator.model.places import Failures, Place, PlaceState
    from rotator.model.policy import DoorName, Freeze, Timing
    from rotator.model.reasons import Reason
    from rotator.model.rotation import (
        Hold,
        Intent,
        Kind,
        Order,
        Outcome,
        Rotation,
        Step,
        Title,
    )
    from rotator.model.signing import Signer

__all__ = [
    "Action",
    "ActionName",
    "Approved",
    "Case",
    "Close",
    "Contested",
    "Deactivate",
    "Delete",
    "Deliver",
    "Delivered",
    "Departed",
    "Doubt",
    "Excluded",
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
    "Selected",
    "Selection",
    "Shut",
    "Stop",
    "SwitchedOff",
    "SwitchedOn",
    "Unselected",
    "Wait",
]


@dataclass(frozen=True, slots=True)
class Selected:
    """Exactly one policy selects the user."""

    policy: str


@dataclass(frozen=True, slots=True)
class Unselected:
    """No policy selects the user."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """A policy would select the user, and says to leave it alone."""

    policy: str
    why: str


@dataclass(frozen=True, slots=True)
class Contested:
    """More than one policy selects the user, so none decides."""

    policies: tuple[str, ...]


Selection = Selected | Unselected | Excluded | Contested


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that must be known is not. `hard` doubts stop even what mends."""

    reason: Reason
    message: str
    until: datetime | None = None
    hard: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of one user at one moment; `judge` needs nothing else.

    Attributes:
        policy: the policy whose periods apply: that of the open rotation, else the selecting one.
        enforced: the policy's mode, or a canary of `enforce_only`, means this user.
        listed_at: when this visit's complete listing of keys was read; None is a doubt.
        users_listed_at: when the account's users were last listed completely.
        user_missing_since: the first complete listing of users that lacked this UserId.
        keys: every key listed now, or listed once and not known to be deleted, oldest first.
        contradicted: ids of keys that the listing shows otherwise, or lacks, within the time in
            which it may be stale: they stand in `keys` as they are believed to be.
        former: ids of keys that are known to be deleted.
        places: the places of the policy in its order, then those that are only on record.
        place_problem: why a place's name cannot be made for this user.
        intents: requests whose outcome is not known for certain.
        failures: per step, how often it failed in a row in the open rotation.
        restart: rotations of this user that ended without effect, in a row.
        agreed: who of the live replicas has another configuration; None where all agree.
        counts: effects of the last 24 hours of this policy and account, per door.
        failed_in_a_row: users in a row whose beginning failed lately; `failed_until` ends that.
        signers: the live replicas of ours that sign with a user's key, and with which.
        secret_at_hand: the successor's secret is in this process's memory.
        doubts: what must be known and is not.
    """

    now: datetime
    timing: Timing
    user: User
    selection: Selection
    policy: Policy | None = None
    enforced: bool = False
    listed_at: datetime | None = None
    users_listed_at: datetime | None = None
    user_missing_since: datetime | None = None
    keys: tuple[AccessKey, ...] = ()
    contradicted: frozenset[str] = frozenset()
    former: frozenset[str] = frozenset()
    rotation: Rotation | None = None
    places: tuple[PlaceState, ...] = ()
    place_problem: str | None = None
    intents: tuple[Intent, ...] = ()
    failures: Mapping[Step, Failures] = field(default_factory=dict)
    restart: Failures | None = None
    orders: tuple[Order, ...] = ()
    hold: Hold | None = None
    agreed: str | None = None
    freezes: tuple[Freeze, ...] = ()
    counts: Mapping[DoorName, int] = field(default_factory=dict)
    failed_in_a_row: int = 0
    failed_until: datetime | None = None
    signers: tuple[Signer, ...] = ()
    quarantined_since: datetime | None = None
    secret_at_hand: bool = False
    doubts: tuple[Doubt, ...] = ()

    def key(self, key_id: str | None) -> AccessKey | None:
        """The key of this id, listed or missing; None where it is not this user's, or deleted."""
        return next((key for key in self.keys if key.key_id == key_id), None)

    @property
    def approvals(self) -> tuple[Order, ...]:
        """The approvals on record that have been accepted and not been spent, oldest first."""
        return tuple(
            order
            for order in self.orders
            if order.verb is Verb.APPROVE and order.accepted_at is not None
        )

    @property
    def open(self) -> Rotation:
        """The open rotation, asked only where there is one."""
        assert self.rotation is not None
        return self.rotation

    @property
    def terms(self) -> Policy:
        """The policy whose periods apply; where there is none, as many as have a default.

        A key that a person named may leave although no policy selects its user.
        """
        return self.policy or _NOBODYS

    @property
    def listed(self) -> tuple[AccessKey, ...]:
        """The keys that the latest complete listing shows: each takes a slot."""
        return tuple(key for key in self.keys if key.is_listed)

    @property
    def active(self) -> tuple[AccessKey, ...]:
        """The listed keys that can sign requests, oldest first."""
        return tuple(key for key in self.keys if key.is_active)


_NOBODYS = Policy(name="", include=(), rotate_after=timedelta(days=90))
"""The documented periods, for the keys of a user whom no policy selects."""


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
