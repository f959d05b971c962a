"""What is known of one user: the door by which it goes into the pure part."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.model.policy import Policy
from rotator.model.rotation import Verb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rotator.model.iam import AccessKey, User
    from rotator.model.places import Failures, PlaceState
    from rotator.model.policy import DoorName, Freeze, Timing
    from rotator.model.reasons import Reason
    from rotator.model.rotation import (
        Hold,
        Intent,
        Order,
        Rotation,
        Step,
    )
    from rotator.model.signing import Signer

__all__ = [
    "Case",
    "Contested",
    "Doubt",
    "Excluded",
    "Selected",
    "Selection",
    "Unselected",
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
        issuer_lives_until: until when another process, which asked for the successor, is held to
            live: its memory may have the answer, or the secret. None: there is no such process.
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
    issuer_lives_until: datetime | None = None
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
