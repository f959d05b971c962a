"""What a visit does after an effect."""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["Progress"]


class Progress(Enum):
    """How an effect came out, for the visit that goes on or ends."""

    GO_ON = auto()
    """Recorded; judge again with what was seen and what is on record now."""

    LOOK_AGAIN = auto()
    """IAM was changed; look at it anew before anything more is judged."""

    FAILED = auto()
    """It did not succeed, or nobody knows; the next moment is what the judgement then says."""
