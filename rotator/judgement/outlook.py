"""From what one looks ahead, and what is seen: the nouns of the calendar."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rotator.model import Shut, Stop, Wait

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from rotator.judgement.turns import Rhythm
    from rotator.model import Action, Case, Configuration, DoorName, User, UserRef

__all__ = ["ASSUMED", "Calendar", "Foreseen", "Greatest", "Scene"]

ASSUMED = (
    "nothing else changes: no key, user, place or configuration, and no person acts",
    "every request succeeds, and what cannot be read now stays unreadable",
    "keys that are in use stay in use, and unused ones stay unused",
    "from the delivery of a new key on its consumers use it, and the old one no more",
)
"""What the calendar takes for granted, for people to read beside it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """From what one looks ahead.

    Attributes:
        cases: one of each user, all as they are at one moment.
        rhythm: when each policy is swept.
        spent: per policy and account, when requests went through each door in the last 24 hours.
        recorded: users whose keys are on record; of the others no sweep knows how old they are.
    """

    cases: Sequence[Case]
    configuration: Configuration
    rhythm: Rhythm
    spent: Mapping[tuple[str, str], Mapping[DoorName, Sequence[datetime]]] = field(
        default_factory=dict
    )
    recorded: frozenset[UserRef] = frozenset()


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One thing that will be done, or that will be found to keep it from being done.

    `key_id` is the key that is harmed or revived; None where it does not exist yet, or none is.
    """

    at: datetime
    user: User
    policy: str | None
    action: Action
    key_id: str | None

    @property
    def acts(self) -> bool:
        """Whether something is done."""
        return not isinstance(self.action, Wait | Shut | Stop)


@dataclass(frozen=True, slots=True)
class Greatest:
    """The greatest age that an Active key of one user reaches, and when that passes `max_age`.

    `key_id` is None where that key does not exist yet.
    """

    user: User
    policy: str | None
    key_id: str | None = None
    age: timedelta | None = None
    max_age: timedelta | None = None
    passes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    """What will be done, in order, and how old keys get meanwhile."""

    begins: datetime
    until: datetime
    rows: tuple[Foreseen, ...]
    greatest: tuple[Greatest, ...]
