"""Where a credential is delivered, and what was seen there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Absent",
    "Empty",
    "Failures",
    "Place",
    "PlaceState",
    "Served",
    "Serves",
    "Stranger",
    "Unreadable",
    "WrittenAt",
]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One place: a sink's type and its resolved, normalised address; equal places are one."""

    type: str
    address: str

    def __str__(self) -> str:
        return f"{self.type}:{self.address}"


@dataclass(frozen=True, slots=True)
class Serves:
    """A reading shows that consumers read this key here."""

    key_id: str


@dataclass(frozen=True, slots=True)
class Empty:
    """The place exists and holds no credential (other fields of a shared secret may be there)."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The place does not exist yet."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """The place holds something that is not a credential of the policy's shape."""

    why: str


@dataclass(frozen=True, slots=True)
class WrittenAt:
    """A write-only place: when it was last written, or None where it cannot tell."""

    at: datetime | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The place could not be read now; that is no evidence of anything."""

    why: str


Served = Serves | Empty | Absent | Stranger | WrittenAt | Unreadable


@dataclass(frozen=True, slots=True)
class Failures:
    """How often a step failed in a row, when it last did, and why."""

    count: int
    last_at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class PlaceState:
    """One place of a user: what is on record about it and what this visit read there.

    Attributes:
        sink_id: which sink of the policy it comes from; None where no policy names it any more.
        readable: whether id and secret can both be read back from it.
        owner: the user_id of *another* user whose place it is; None where it is ours or free.
        claimed: it is on record as this user's.
        reading: what this visit read; None where it did not look.
        check: why `check()` failed (not reachable, not permitted); None where it passed or was
            not asked.
        begun_key: the key whose put was last begun here and not rejected.
        answered_key: the key whose put was last answered here.
        written_at: the writing time that a write-only place showed right after that answer.
        delivered_at: when the open rotation's successor was known to be here.
        failures: puts of the open rotation that failed in a row.
    """

    place: Place
    readable: bool
    sink_id: str | None = None
    owner: str | None = None
    claimed: bool = False
    reading: Served | None = None
    check: str | None = None
    begun_key: str | None = None
    answered_key: str | None = None
    written_at: datetime | None = None
    delivered_at: datetime | None = None
    failures: Failures | None = None
    create: bool = True
