"""The clock that the command line hands to everything it builds."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["clock"]


def clock() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)
