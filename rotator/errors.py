"""What the caller then knows: every error that crosses a module's edge.

RotatorError
├── ConfigError             the configuration is wrong; carries every problem at once
├── Refused                 an order or command cannot be done; says what to do instead
├── AnswerError             a request that changes something was sent, or tried
│   ├── Rejected            nothing happened, for certain
│   └── OutcomeUnknown      it may have happened, or may still happen until its time-out
├── ReadError               something could not be read; never the same as "absent"
│   └── AccessDenied        … because a permission is missing
├── LimitReached            the transaction of an intent found a limit used up
├── PlaceTaken              a place belongs to another user
├── LeaseLost               another holder may be acting on this user: stop at once
└── StoreError              the store cannot be used now, or refuses one row (the class itself)
    ├── RowDamaged          one row makes no sense; other users' rows do
    ├── StoreMissing        there is none; only `state init` makes one
    ├── StoreDamaged        it fails its integrity check, or is no store at all
    ├── StoreTooNew         it needs a newer rotator
    ├── StoreUnavailable    locked, full, unreachable: it may work again by itself
    │   └── CommitUnknown   … lost in the middle of a commit: it may be written, or not
    └── StoreWentBack       a backup, or a fail-over that lost commits: needs `state accept`

Messages name the user and the key id that are concerned and never hold a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "STORE_AWAY",
    "AccessDenied",
    "AnswerError",
    "CommitUnknown",
    "ConfigError",
    "LeaseLost",
    "LimitReached",
    "OutcomeUnknown",
    "PlaceTaken",
    "Problem",
    "ReadError",
    "Refused",
    "Rejected",
    "RotatorError",
    "RowDamaged",
    "StoreDamaged",
    "StoreError",
    "StoreMissing",
    "StoreTooNew",
    "StoreUnavailable",
    "StoreWentBack",
]


class RotatorError(Exception):
    """The root of all errors that a person may be told in one sentence."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault of the configuration, where it stands, and what was expected.

    `line` and `column` are 1-based, as editors count them.
    """

    file: str
    line: int
    column: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.sentence}"


class ConfigError(RotatorError):
    """The configuration is wrong; `problems` holds all of its faults, in order of place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class Refused(RotatorError):
    """What a person asked for cannot be done; the sentence says what to do instead."""


class AnswerError(RotatorError):
    """The answer to a request that changes something was not a plain yes."""


class Rejected(AnswerError):
    """Nothing happened, for certain: the state of the other side is what it was."""

    def __init__(self, message: str, *, code: str = "") -> None:
        self.code = code
        super().__init__(message)


class OutcomeUnknown(AnswerError):
    """The request may have been carried out, or may still be until its time-out has passed."""


class ReadError(RotatorError):
    """Something could not be read: not an answer, above all not "none" or "never"."""

    def __init__(self, message: str, *, code: str = "") -> None:
        self.code = code
        super().__init__(message)


class AccessDenied(ReadError):
    """Something could not be read because a permission is missing."""


class LimitReached(RotatorError):
    """The limit of the last 24 hours was used up when the intent was to be committed."""


class PlaceTaken(RotatorError):
    """A place is claimed by another user; two users must never share one."""

    def __init__(self, place: str, owner: str) -> None:
        self.place = place
        self.owner = owner
        super().__init__(f"{place} belongs to user {owner}")


class LeaseLost(RotatorError):
    """The lease on this user is no longer ours: another holder may be deciding now."""


class StoreError(RotatorError):
    """The store cannot be used; nothing is begun, and nothing that began is concluded."""


class RowDamaged(StoreError):
    """A row holds what cannot be: nothing is concluded from it, and nobody else is concerned."""


class StoreMissing(StoreError):
    """There is no store at this address; `rotator state init` makes one."""


class StoreDamaged(StoreError):
    """The store fails its integrity check, or the file is no store; it is never replaced."""


class StoreTooNew(StoreError):
    """The store was written by a newer rotator that this one cannot read safely."""


class StoreUnavailable(StoreError):
    """The store does not answer now (locked, full, no connection); work resumes by itself."""


class CommitUnknown(StoreUnavailable):
    """The connection was lost while a transaction was committed: it was written whole, or not."""


class StoreWentBack(StoreError):
    """The store is a backup or lost commits: `rotator state accept` is asked of a person."""


STORE_AWAY = (StoreMissing, StoreDamaged, StoreTooNew, StoreUnavailable, StoreWentBack)
"""What says that the whole store cannot be used; any other StoreError concerns one row of it."""
