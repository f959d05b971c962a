"""What each process was last told: whoever holds it to its promises about doubt has to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from rotator.model import KeyStatus

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import ListedKey

__all__ = ["Heard", "Said", "Topic"]


class Topic(Enum):
    """What was asked."""

    KEYS = "its keys"
    USER = "who it is"
    USE = "when it was last used"
    PLACE = "what it serves"
    CLOCK = "how far its clock is from AWS's"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: its number among all, when it came, and why it was none where it was none."""

    number: int
    at: datetime
    why: str = ""
    value: object = None

    @property
    def is_answer(self) -> bool:
        """Whether it tells anything; an error never does."""
        return not self.why


@dataclass
class Heard:
    """The latest answer to each question of each process.

    Attributes:
        inactive: when we were told of each key that it is Inactive.
    """

    inactive: dict[str, list[datetime]] = field(default_factory=dict)
    count: int = 0
    _said: dict[tuple[str, Topic, str], Said] = field(default_factory=dict)

    def hear(
        self,
        life: str,
        topic: Topic,
        about: str,
        at: datetime,
        *,
        why: str = "",
        value: object = None,
    ) -> None:
        """A process got an answer, or an error."""
        self.count += 1
        self._said[life, topic, about] = Said(self.count, at, why, value)

    def hear_keys(
        self, life: str, user_id: str, listed: tuple[ListedKey, ...], at: datetime
    ) -> None:
        """A process was shown a user's keys."""
        self.hear(life, Topic.KEYS, user_id, at, value=listed)
        for key in listed:
            self.hear_status(key.key_id, key.status, at)

    def hear_status(self, key_id: str, status: KeyStatus, at: datetime) -> None:
        """Somebody of us was told a key's status, by a listing or by the answer to a change."""
        if status is KeyStatus.INACTIVE:
            self.inactive.setdefault(key_id, []).append(at)

    def inactive_since(self, key_id: str, truly: datetime) -> datetime | None:
        """When we were first told that a key is Inactive, of those that truly is since a moment."""
        return next((at for at in self.inactive.get(key_id, ()) if at >= truly), None)

    def forget(self) -> None:
        """Keep nothing of what was said; for whoever measures what is kept."""
        self._said.clear()
        self.inactive.clear()

    def last(self, life: str, topic: Topic, about: str) -> Said | None:
        """What a process was last told about something."""
        return self._said.get((life, topic, about))
