"""Lengths of time and moments as people type them: `6h`, `90d`, `+4h`."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

from rotator.cli.clocks import clock

__all__ = ["ahead", "past", "span", "to_come"]

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_SPAN = re.compile(r"([0-9]+)(ms|s|m|h|d|w)")
_SPAN_MAX = timedelta(days=36_525)
_AHEAD_MAX = timedelta(days=3_653)


def span(text: str) -> timedelta:
    """A whole number and a unit, above zero and within a century: `30s 15m 12h 90d 2w`."""
    match = _SPAN.fullmatch(text.strip())
    try:
        length = int(match[1]) * _UNITS[match[2]] if match else timedelta(0)
    except (OverflowError, ValueError):
        length = timedelta.max
    if not timedelta(0) < length <= _SPAN_MAX:
        raise ArgumentTypeError(f"{text!r} is no length of time like 30s, 6h or 90d")
    return length


def past(text: str) -> datetime:
    """A length of time ago, like `6h`, or a moment with its zone in RFC 3339."""
    if _SPAN.fullmatch(text.strip()):
        return clock() - span(text)
    return _moment(text, "6h")


def to_come(text: str) -> datetime:
    """A length of time from now, like `+4h`, or a moment with its zone in RFC 3339."""
    now = clock()
    moment = now + span(text[1:]) if text.startswith("+") else _moment(text, "+4h")
    if moment <= now:
        raise ArgumentTypeError(f"{text!r} is over already")
    return moment


def ahead(text: str) -> datetime:
    """How far to look: a length of time from now, like `90d`, or a moment; within ten years."""
    now = clock()
    by_length = _SPAN.fullmatch(text.strip()) is not None
    moment = now + span(text) if by_length else _moment(text, "90d")
    if moment <= now:
        raise ArgumentTypeError(f"{text!r} is over already")
    if moment > now + _AHEAD_MAX:
        raise ArgumentTypeError(f"{text!r} is more than ten years ahead: nobody can tell")
    return moment


def _moment(text: str, like: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ArgumentTypeError(
        f"{text!r} is neither a length of time like {like} nor a moment like 2026-12-24T08:00Z"
    )
