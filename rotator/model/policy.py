"""What people declared: policies, windows, freezes and timing, after loading."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Account",
    "Configuration",
    "Cron",
    "DoorName",
    "Every",
    "Exclusion",
    "Freeze",
    "HttpSettings",
    "Limits",
    "Mode",
    "Organization",
    "Policy",
    "Schedule",
    "Selector",
    "SinkSpec",
    "Timing",
    "Window",
]


class Mode(StrEnum):
    """Whether a policy only judges and reports, or acts."""

    OBSERVE = "observe"
    ENFORCE = "enforce"


class DoorName(StrEnum):
    """The three kinds of step that have gates before them."""

    ISSUE = "issue"
    DEACTIVATE = "deactivate"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Timing:
    """The times that follow from how IAM behaves; all others are derived from these.

    Attributes:
        settle: how long after a request's time-out its effect may still show up.
        last_used_lag: how long IAM may take to report a use (AWS gives no bound; 1 h is ample).
        request_timeout: longest life of one request that changes something.
        shutdown_timeout: how long a stopping daemon works to deliver a key that is issued.
    """

    settle: timedelta = timedelta(minutes=5)
    last_used_lag: timedelta = timedelta(hours=1)
    request_timeout: timedelta = timedelta(seconds=60)
    shutdown_timeout: timedelta = timedelta(seconds=100)

    @property
    def grain(self) -> timedelta:
        """IAM records one use of a key in so much time: 15 minutes (IAM User Guide)."""
        return self.last_used_lag / 4

    @property
    def orphan_age(self) -> timedelta:
        """How long an orphan rests Inactive before it is deleted."""
        return self.last_used_lag * 24

    @property
    def lease(self) -> timedelta:
        """How long a lease on a user lasts without being extended."""
        return self.request_timeout * 2

    @property
    def proof(self) -> timedelta:
        """How long a new key may take to be accepted by STS."""
        return self.request_timeout

    @property
    def retry_min(self) -> timedelta:
        """The first back-off after a failure; it doubles from here."""
        return self.settle / 5

    @property
    def retry_max(self) -> timedelta:
        """The longest back-off."""
        return self.settle * 12

    def backoff(self, failures: int) -> timedelta:
        """How long to wait after so many failures in a row (1 is the first)."""
        assert failures >= 1
        doublings = min(failures - 1, 6)  # the longest is 60 times the first
        return min(self.retry_min * (1 << doublings), self.retry_max)


@dataclass(frozen=True, slots=True)
class Selector:
    """Which users: all the fields that are given must match. At least one is."""

    name: str | None = None
    path: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Users whom a policy leaves alone, why, and until when (exclusive)."""

    selector: Selector
    reason: str | None = None
    ticket: str | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Every:
    """A schedule by interval."""

    interval: timedelta


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule by a five-field cron expression in a time zone."""

    expression: str
    timezone: str


Schedule = Every | Cron


@dataclass(frozen=True, slots=True)
class Window:
    """On which days and between which local times doors may be open.

    `days` are numbered as Python does, Monday is 0. `opens` after `closes` means over midnight,
    belonging to the day on which it opens. Without times it is the whole day.
    """

    days: frozenset[int]
    opens: time | None
    closes: time | None
    timezone: tzinfo


@dataclass(frozen=True, slots=True)
class Freeze:
    """A span in which all doors of all policies are shut; `until` is exclusive."""

    name: str
    starts_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """How many effects a policy may have in one account over the last 24 hours."""

    issue: int = 50
    deactivate: int = 50
    delete: int = 50
    failures: int = 3

    def of(self, door: DoorName) -> int:
        """The limit that belongs to a door."""
        return {
            DoorName.ISSUE: self.issue,
            DoorName.DEACTIVATE: self.deactivate,
            DoorName.DELETE: self.delete,
        }[door]


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """One entry of a policy's `sinks`, checked: the type's own options and the format's.

    `options` and `format` are instances of the models that the sink type and the format declare;
    this layer only carries them. `base` is the folder that relative paths start from.
    """

    id: str
    type: str
    options: object
    format: object
    readable: bool
    base: str = ""
    account: str | None = None
    create: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """Which users, when and how: one entry of the YAML with its defaults filled in."""

    name: str
    include: tuple[Selector, ...]
    rotate_after: timedelta
    mode: Mode = Mode.OBSERVE
    description: str = ""
    exclude: tuple[Exclusion, ...] = ()
    enforce_only: tuple[Selector, ...] | None = None
    accounts: tuple[str, ...] = ()
    account_tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    schedule: Schedule = Every(timedelta(hours=6))
    window: Window | None = None
    max_age: timedelta = timedelta(days=90)
    grace_period: timedelta = timedelta(days=7)
    quiet_period: timedelta = timedelta(days=8)
    require_first_use: bool = True
    recovery_period: timedelta = timedelta(days=14)
    unused_after: timedelta = timedelta(days=45)
    retire: frozenset[str] = frozenset()
    provision: bool = False
    approve: frozenset[DoorName] = frozenset()
    limits: Limits = Limits()
    sinks: tuple[SinkSpec, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """How one AWS account is entered: ambient credentials, or a role to assume.

    `rate` is how many requests a second may read there; None: as many as it is found to bear.
    `organization` names the one that it was found through, if it was, and `tags` are its own there.
    """

    name: str
    role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)
    region: str | None = None
    rate: float | None = None
    organization: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Organization:
    """An AWS organization whose accounts are found, and entered by a role of one name.

    Attributes:
        units: organizational units, with all that is in them; empty: the whole organization.
        tag: tags that an account must have; the values are globs.
        exclude: ids of accounts that are never entered.
    """

    name: str
    role_name: str
    units: tuple[str, ...] = ()
    tag: Mapping[str, str] = field(default_factory=dict, hash=False)
    exclude: tuple[str, ...] = ()
    external_id: str | None = field(default=None, repr=False)
    region: str | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where health, metrics and the status page are served; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 9180


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that was loaded, whole; `digest` is what live replicas must agree on."""

    policies: tuple[Policy, ...]
    accounts: tuple[Account, ...]
    organizations: tuple[Organization, ...] = ()
    timing: Timing = Timing()
    freezes: tuple[Freeze, ...] = ()
    http: HttpSettings | None = HttpSettings()
    state: str = field(default="sqlite:///state/rotator.db", repr=False)
    digest: str = ""
    source: str = ""
    files: tuple[str, ...] = ()
    warnings: tuple[object, ...] = ()

    def policy(self, name: str) -> Policy | None:
        """The policy of this name, if there is one."""
        return next((policy for policy in self.policies if policy.name == name), None)

    def account(self, name: str) -> Account | None:
        """The account of this name, if there is one."""
        return next((account for account in self.accounts if account.name == name), None)
