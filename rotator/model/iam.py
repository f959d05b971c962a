"""What IAM knows: users, access keys and when a key was last used."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = [
    "KEYS_MAX",
    "AccessKey",
    "Credential",
    "KeyStatus",
    "LastUse",
    "ListedKey",
    "NeverUsed",
    "Secret",
    "UseUnknown",
    "UsedAt",
    "User",
    "UserRef",
    "mask",
]

KEYS_MAX = 2
"""Access keys a user may have, Inactive ones included (IAM quota, not adjustable)."""


class KeyStatus(StrEnum):
    """The status of an access key, as IAM spells it."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"
    EXPIRED = "Expired"


@dataclass(frozen=True, slots=True)
class UsedAt:
    """The last request that IAM recorded for a key; it lags and is recorded in 15-minute grains."""

    at: datetime
    service: str = "N/A"
    region: str = "N/A"


@dataclass(frozen=True, slots=True)
class NeverUsed:
    """IAM answered, and has recorded no use of the key."""


@dataclass(frozen=True, slots=True)
class UseUnknown:
    """The last use could not be read, which is neither "never" nor "long ago"."""

    why: str


LastUse = UsedAt | NeverUsed | UseUnknown


def mask(key_id: str) -> str:
    """Shorten an access key id to what logs may show: its last four characters."""
    return f"…{key_id[-4:]}"


@dataclass(frozen=True, slots=True, order=True)
class UserRef:
    """Which user: the account's id and the immutable UserId (AIDA…), never the name."""

    account_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class User:
    """One IAM user as last seen; `name` and `path` may change, `ref` never does."""

    account: str
    account_id: str
    user_id: str
    name: str
    path: str = "/"
    arn: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    groups: frozenset[str] | None = None
    attached_policies: frozenset[str] | None = None
    created_at: datetime | None = field(default=None, compare=False)

    @property
    def ref(self) -> UserRef:
        """The identity that tables, leases and rotations use."""
        return UserRef(self.account_id, self.user_id)

    def __str__(self) -> str:
        return f"{self.account}/{self.name}"


@dataclass(frozen=True, slots=True)
class ListedKey:
    """One entry of a ListAccessKeys answer."""

    key_id: str
    status: KeyStatus
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One access key: what the last listing said, and since when we have known it so.

    Attributes:
        status_since: since when the key is known to have this status without a break; its
            creation where it was Active at first sight.
        first_seen_at: when a listing of ours first showed it, or IAM's answer gave it to us.
        missing_since: the first complete listing that lacked the key; None while it is listed.
        last_seen_at: the latest listing that showed it.
    """

    key_id: str
    status: KeyStatus
    created_at: datetime
    last_use: LastUse
    status_since: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    missing_since: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether requests signed with it can succeed (`Expired` is not Active)."""
        return self.status is KeyStatus.ACTIVE and self.missing_since is None

    @property
    def is_listed(self) -> bool:
        """Whether the latest complete listing showed it."""
        return self.missing_since is None

    def with_last_use(self, last_use: LastUse) -> AccessKey:
        """The same key with what was just read about its use."""
        return replace(self, last_use=last_use)


class Secret:
    """A secret access key: readable only by asking for it by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; only a sink's format and a request's signature may ask."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", len(self._value)))

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        msg = "a secret is never serialised"
        raise TypeError(msg)


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key with its secret: lives in memory and in sinks, nowhere else."""

    access_key_id: str
    secret_access_key: Secret
    user_name: str
    account_id: str
