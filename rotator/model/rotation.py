"""One rotation as it is stored: facts with times, never a status."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from rotator.model.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rotator.model.iam import LastUse
    from rotator.model.policy import DoorName

__all__ = [
    "Hold",
    "Intent",
    "JournalOutcome",
    "Kind",
    "Order",
    "Outcome",
    "Phase",
    "Rotation",
    "Scope",
    "Step",
    "Title",
    "Verb",
]


class Kind(StrEnum):
    """What a rotation is for."""

    REPLACE = "replace"
    FIRST = "first"
    LEAVE = "leave"


class Title(StrEnum):
    """The right by which a key leaves."""

    PREDECESSOR = "predecessor"
    COMPROMISED = "compromised"
    ORPHAN = "orphan"
    UNDELIVERED = "undelivered"
    UNUSED = "unused"
    NAMED = "named"


class Phase(StrEnum):
    """Where a user stands; derived from the earliest missing fact."""

    IDLE = "idle"
    ISSUING = "issuing"
    DELIVERING = "delivering"
    GRACE = "grace"
    RECOVERY = "recovery"


class Outcome(StrEnum):
    """How a rotation ended."""

    COMPLETED = "completed"
    NO_EFFECT = "no_effect"
    ORPHAN = "orphan"
    UNDELIVERED = "undelivered"
    GONE = "gone"
    SUPERSEDED = "superseded"
    BY_HAND = "by_hand"


class Step(StrEnum):
    """The column `step` of the journal."""

    BEGIN = "begin"
    ISSUE = "issue"
    PROVE = "prove"
    DELIVER = "deliver"
    DEACTIVATE = "deactivate"
    REACTIVATE = "reactivate"
    DELETE = "delete"
    CLOSE = "close"
    ORDER = "order"


class JournalOutcome(StrEnum):
    """The column `outcome` of the journal."""

    INTENT = "intent"
    DONE = "done"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    OBSERVED = "observed"


@dataclass(frozen=True, slots=True)
class Intent:
    """A request that was, or may have been, sent and whose outcome is not known for certain.

    `timeout_at` is the end of the request's own life; its effect may show until `settle` later.
    """

    step: Step
    at: datetime
    timeout_at: datetime
    key_id: str | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Rotation:
    """The life of one replacement: what has been recorded of it.

    Attributes:
        leaver: the key that goes, where a title other than predecessor was given.
        evidence: per key id the last use that the deactivation was decided on.
        promised_at: the date of deletion that people were told; never moved forward.
        blocked_at: when a sweep last found this rotation held or stopped.
        titled_at: when the title was given (an order's grace starts here).
        now: P1 is waived for the leaver, by `--now`, `--contain-first` or `retire: [only]`.
        order_id: the order that began it.
        issuer: the process that asks for its successor: until it is dead, its memory may have the
            answer, or the secret.
    """

    rotation_id: str
    kind: Kind
    policy: str
    begun_at: datetime
    reason: Reason = Reason.AGE
    predecessor: str | None = None
    successor: str | None = None
    issued_at: datetime | None = None
    own_use_at: datetime | None = None
    proven_at: datetime | None = None
    delivered_at: datetime | None = None
    leaver: str | None = None
    title: Title | None = None
    titled_at: datetime | None = None
    evidence: Mapping[str, LastUse] = field(default_factory=dict)
    deactivated_at: datetime | None = None
    promised_at: datetime | None = None
    blocked_at: datetime | None = None
    now: bool = False
    order_id: int | None = None
    issuer: str | None = None
    closed_at: datetime | None = None
    outcome: Outcome | None = None

    @property
    def leaving(self) -> str | None:
        """The key that goes out of service in this rotation, if one does.

        A title is one key's: with one on record only its leaver can go, and no predecessor.
        """
        return self.predecessor if self.title is None else self.leaver

    @property
    def right(self) -> Title | None:
        """The title by which it goes: the ordinary one is recorded by being the predecessor."""
        if self.title is not None:
            return self.title
        return Title.PREDECESSOR if self.predecessor else None


class Verb(StrEnum):
    """What a person can order."""

    ROTATE = "rotate"
    RETIRE = "retire"
    ROLLBACK = "rollback"
    DELIVER = "deliver"
    APPROVE = "approve"
    CLOSE = "close"
    HOLD = "hold"
    RELEASE = "release"


class Scope(StrEnum):
    """Whom a hold concerns."""

    USER = "user"
    POLICY = "policy"
    ACCOUNT = "account"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Order:
    """What a person said about one user: a row of the store, obeyed under the user's lease.

    Attributes:
        action: the door that is approved.
        sink_id: the one sink that is to be given what a readable one serves; None: all of them.
        take_over: a place that holds something else may be overwritten.
        accepted_at: when an approval was found to be one that something may wait for.
        open_since: when all other gates of its door were first found open with it given: it lapses
            a day later.
        used_at: when the intent of a step was committed that it let through.
        confirmed: `--yes` was said, or the question was answered so.
    """

    order_id: int
    verb: Verb
    given_at: datetime
    actor: str
    reason: str = ""
    key_id: str | None = None
    enforce: bool = False
    compromised: bool = False
    contain_first: bool = False
    now: bool = False
    confirmed: bool = False
    action: DoorName | None = None
    sink_id: str | None = None
    take_over: bool = False
    accepted_at: datetime | None = None
    open_since: datetime | None = None
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody said stop, or late evidence did; only `release` or its `until` ends it.

    Of several that stand it is the narrowest, and the oldest of these; `said_again_at` is when the
    youngest of the same scope was given.
    """

    scope: Scope
    since: datetime
    by: str
    reason: Reason = Reason.BY_HAND
    message: str = ""
    until: datetime | None = None
    said_again_at: datetime | None = None
