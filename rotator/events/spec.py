"""What is written down of one event."""

from __future__ import annotations

from dataclasses import dataclass

from rotator.events.names import Level

__all__ = ["DEBUG", "ERROR", "INFO", "NOTHING", "WARNING", "Spec"]

DEBUG, INFO, WARNING, ERROR = Level.DEBUG, Level.INFO, Level.WARNING, Level.ERROR

NOTHING = "Nothing."


@dataclass(frozen=True, slots=True)
class Spec:
    """The documentation of one event.

    Attributes:
        level: its own level.
        fields: names of the vocabulary that it may carry besides the common ones.
        means: what has happened, in one or two sentences.
        does: what the person on call does about it.
        by_reason: a severe `reason` makes it an error.
    """

    level: Level
    fields: tuple[str, ...]
    means: str
    does: str = NOTHING
    by_reason: bool = False
