"""One event as one line: JSON for machines, and a plain line for a terminal."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from rotator.outlets.redaction import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotator.outlets.redaction import Plain

__all__ = ["console_line", "json_line"]

_BARE = re.compile(r"[^\s\"'=\\]+")


def json_line(fields: Mapping[str, Plain], *, ascii_only: bool) -> str:
    """One JSON object without a line break, its fields in the order given.

    `ascii_only` is for a stream that cannot say every character; otherwise only what could
    disturb a reader is escaped.
    """
    # What json leaves unescaped can only stand inside a string, where these escapes mean the same.
    return escape(json.dumps(fields, ensure_ascii=ascii_only))


def console_line(fields: Mapping[str, Plain]) -> str:
    """Time, level, event, then name=value; a traceback follows on lines that are set in."""
    rest = dict(fields)
    head = [rest.pop("timestamp"), f"{rest.pop('level'):<7}", f"{rest.pop('event'):<19}"]
    exception = rest.pop("exception", None)
    words = [f"{name}={_word(value)}" for name, value in rest.items()]
    line = escape(" ".join(map(str, [*head, *words]))).rstrip()
    if exception is None:
        return line
    return "\n".join([line, *(f"    | {escape(row)}" for row in str(exception).split("\n"))])


def _word(value: Plain) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)
