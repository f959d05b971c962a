"""What the store hands out and takes in: frozen nouns that are rows, not facts of IAM."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypedDict

from rotator.model import (
    AccessKey,
    Failures,
    Intent,
    JournalOutcome,
    Kind,
    Mode,
    Order,
    Outcome,
    Phase,
    Place,
    Reason,
    Rotation,
    Step,
    Title,
    UserRef,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from rotator.model import DoorName, Hold, LastUse, ReportedKey, SigningKey, UsedAt

__all__ = [
    "Blocked",
    "Counts",
    "Facts",
    "JournalRow",
    "KeyRow",
    "KeyUse",
    "Known",
    "Lease",
    "OrderOutcome",
    "OrderRow",
    "PlaceColumns",
    "PlaceRow",
    "ReplicaRow",
    "Source",
    "Standing",
    "Surroundings",
    "SurveyRow",
    "SweepRow",
    "UserRow",
]

Blocked = Literal["stop", "hold"]
Source = Literal["live", "report"]
OrderOutcome = Literal["done", "refused", "withdrawn"]


@dataclass(frozen=True, slots=True)
class UserRow:
    """What is known of one user, and where the user stood when somebody last looked.

    Attributes:
        blocked: whether a stop or a hold stands; the fields `blocked_…` say which and since when.
        uncovered: no policy selects the user, or an exclusion that has expired did.
        missing_since: the first complete listing that lacked the UserId.
        as_of: how old this knowledge is; see `Change.note_user` for how exact it is kept.
        source: whether it was seen live, or read from the credential report.
        look_at: when the keys are to be listed for once, although none is known to be due.
        reported: what the credential report said of the keys when they were listed.
    """

    ref: UserRef
    account: str
    name: str
    path: str = "/"
    arn: str = ""
    policy: str | None = None
    mode: Mode | None = None
    phase: Phase = Phase.IDLE
    reason: Reason | None = None
    message: str = ""
    blocked: Blocked | None = None
    blocked_reason: Reason | None = None
    blocked_message: str = ""
    blocked_since: datetime | None = None
    blocked_by: str | None = None
    blocked_until: datetime | None = None
    uncovered: bool = False
    missing_since: datetime | None = None
    quarantined_since: datetime | None = None
    next_at: datetime | None = None
    due_at: datetime | None = None
    overdue: bool = False
    as_of: datetime | None = None
    source: Source = "live"
    look_at: datetime | None = None
    reported: str | None = None

    def __str__(self) -> str:
        return f"{self.account}/{self.name}"


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """One place that belongs to a user, and what is on record about it.

    Attributes:
        begun_key: the key whose put was last begun here and not rejected.
        answered_key: the key whose put was last answered here.
        written_at: the writing time that a write-only place showed right after that answer.
        delivered_at: when the latest rotation's successor was known to be here.
        failures: puts of the open rotation that failed in a row.
        reading: what was last read here, as a word (`serves`, `empty`, `absent`, …); None where
            nobody has looked.
        serves: the key id of that reading, where it was one.
    """

    place: Place
    readable: bool
    sink_id: str | None = None
    claimed_at: datetime | None = None
    begun_key: str | None = None
    answered_key: str | None = None
    written_at: datetime | None = None
    delivered_at: datetime | None = None
    failures: Failures | None = None
    reading: str | None = None
    serves: str | None = None
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key ever listed, whose it is, and what only the record can tell of it.

    Attributes:
        longest_silence: the longest time between two uses that was ever seen.
        gone_at: when it was known to be deleted.
    """

    ref: UserRef
    key: AccessKey
    longest_silence: timedelta | None = None
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """All that is on record about one user, as one transaction saw it.

    Attributes:
        keys: every key ever listed, missing and deleted ones included.
        former: ids of the keys that are known to be deleted.
        rotation: the open one.
        intents: see `rotator.store.journal.unsettled`.
        failures: per step of the open rotation, what failed or got no answer since it last
            succeeded; of deliveries, the places know better.
        restart: how many of the user's latest rotations in a row were closed with no_effect,
            orphan or undelivered.
        orders: open ones on this user, oldest first, holds left out.
    """

    user: UserRow | None = None
    keys: tuple[AccessKey, ...] = ()
    former: frozenset[str] = frozenset()
    rotation: Rotation | None = None
    places: tuple[PlaceRow, ...] = ()
    intents: tuple[Intent, ...] = ()
    failures: Mapping[Step, Failures] = field(default_factory=dict)
    restart: Failures | None = None
    orders: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """One user as `status` shows it.

    Attributes:
        reported: the keys of a user whose keys were never listed, as the report shows them.
    """

    user: UserRow
    keys: tuple[KeyRow, ...] = ()
    places: tuple[PlaceRow, ...] = ()
    rotation: Rotation | None = None
    reported: tuple[ReportedKey, ...] = ()


@dataclass(frozen=True, slots=True)
class SurveyRow:
    """What the latest survey of one account came to.

    Attributes:
        at: when its users were listed.
        report_at: the moment whose state the credential report shows; None: there was none.
        report_digest: the SHA-256 of the report that was read.
        why: why there was no report, or none that could be read.
        uncovered: users with keys whom no policy selects; None where no report tells.
        root_keys: keys of the account's root; None where no report tells.
    """

    account_id: str
    account: str
    at: datetime
    users: int
    report_at: datetime | None = None
    report_digest: str | None = None
    why: str = ""
    uncovered: int | None = None
    root_keys: int | None = None


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A use of a key that a report told."""

    ref: UserRef
    key_id: str
    use: UsedAt


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One line of the record. `user_id` is empty where an order concerned more than a user."""

    seq: int
    at: datetime
    step: Step
    outcome: JournalOutcome
    account_id: str = ""
    user_id: str = ""
    account: str = ""
    user: str = ""
    policy: str | None = None
    policy_digest: str = ""
    rotation_id: str | None = None
    sweep_id: str | None = None
    intent_seq: int | None = None
    timeout_at: datetime | None = None
    key_id: str | None = None
    place: str | None = None
    title: Title | None = None
    reason: Reason | None = None
    detail: str = ""
    actor: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order with the user it is about and how it ended; `outcome` is None while it is open."""

    ref: UserRef
    order: Order
    outcome: OrderOutcome | None = None
    message: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one holder to decide about one user until it runs out.

    `until` is what the acquisition gave; every `change` with `extend` may move the stored one.
    """

    ref: UserRef
    holder: str
    fence: int
    until: datetime


@dataclass(frozen=True, slots=True)
class ReplicaRow:
    """One process of ours, as it last announced itself; `keys` are those that it signs with."""

    replica_id: str
    version: str
    config_digest: str
    seen_at: datetime
    host: str = ""
    keys: tuple[SigningKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is on record around one user, as one transaction saw it.

    Attributes:
        went_back: why the store is behind what was committed to it; None where it is not.
        replicas: every process of ours that is on record, live or not.
        hold: the hold that stops this user now.
        counts: see `rotator.store.limits.counts`.
        failed_in_a_row: see `rotator.store.limits.recent_failures`.
    """

    went_back: str | None
    replicas: tuple[ReplicaRow, ...]
    hold: Hold | None
    counts: Mapping[DoorName, int]
    failed_in_a_row: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What one sweep came to, in users."""

    selected: int = 0
    observed: int = 0
    acted: int = 0
    waiting: int = 0
    blocked: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One run of one policy over one account; `ok` is None until it has ended."""

    sweep_id: str
    policy: str
    account_id: str
    begun_at: datetime
    ended_at: datetime | None = None
    ok: bool | None = None
    counts: Counts = Counts()
    message: str = ""


class Facts(TypedDict, total=False):
    """The facts of an open rotation that may be recorded after its beginning."""

    kind: Kind
    policy: str
    reason: Reason
    predecessor: str | None
    successor: str | None
    issued_at: datetime | None
    own_use_at: datetime | None
    proven_at: datetime | None
    delivered_at: datetime | None
    leaver: str | None
    title: Title | None
    titled_at: datetime | None
    evidence: Mapping[str, LastUse]
    deactivated_at: datetime | None
    promised_at: datetime | None
    blocked_at: datetime | None
    now: bool
    order_id: int | None
    closed_at: datetime
    outcome: Outcome


class PlaceColumns(TypedDict, total=False):
    """What may be recorded about a place that belongs to the user."""

    readable: bool
    sink_id: str | None
    begun_key: str | None
    answered_key: str | None
    written_at: datetime | None
    delivered_at: datetime | None
    failures: Failures | None
    reading: str | None
    serves: str | None
    read_at: datetime | None
