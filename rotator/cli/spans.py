"""Spans as people type them: `6h`, `90d`, `+4h`; and moments."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

__all__ = ["NoSpan", "moment_of", "span_of"]

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_SPAN = re.compile(r"(\d{1,9})(ms|s|m|h|d|w)")


class NoSpan(ValueError):
    """The text is no length of time, or no moment; the sentence says what one looks like."""


def span_of(text: str) -> timedelta:
    """A whole number and a unit, above zero: `250ms 30s 15m 12h 90d 2w`. Raises NoSpan."""
    match = _SPAN.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise NoSpan(f"{text!r} is no length of time like 30s, 6h or 90d")
    return int(match[1]) * _UNITS[match[2]]


def moment_of(text: str, now: datetime) -> datetime:
    """A span from now like `+4h`, or a time with its zone in RFC 3339. Raises NoSpan."""
    if text.startswith("+"):
        return now + span_of(text[1:])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise NoSpan(
            f"{text!r} is neither a span like +4h nor a time like 2026-12-24T08:00Z"
        ) from exc
    if moment.tzinfo is None:
        raise NoSpan(f"{text!r} has no time zone; write it like 2026-12-24T08:00Z")
    if moment <= now:
        raise NoSpan(f"{text!r} is over already")
    return moment.astimezone(UTC)
