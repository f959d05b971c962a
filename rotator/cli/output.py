"""How answers are printed: aligned text for people, one JSON document for scripts."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from rotator.cli.clocks import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "document",
    "drop_stdout",
    "moment",
    "plain",
    "say",
    "table",
    "tell",
    "tell_document",
]

SCHEMA_VERSION = 1


def say(text: str) -> None:
    """A remark to whoever typed the command; answers go elsewhere, to standard output."""
    with suppress(OSError):
        sys.stderr.write(f"{_safe(text)}\n")
        sys.stderr.flush()


def tell(text: str) -> bool:
    """Print a part of the answer; False where nobody reads any more, which is no error.

    Raises:
        AnswerLost: it cannot be written: the disk is full, say.
    """
    from rotator.cli.outcomes import AnswerLost

    try:
        print(_safe(text))
    except BrokenPipeError:
        drop_stdout()
        return False
    except OSError as exc:
        drop_stdout()
        raise AnswerLost(f"the answer could not be written: {exc.strerror}") from exc
    return True


def tell_document(**fields: object) -> None:
    """Print one JSON document."""
    tell(json.dumps(document(**fields), indent=2))


def drop_stdout() -> None:
    """Let what is still to be printed, by Python's own end too, go nowhere."""
    # A stream without a file of its own, such as a test's, has nothing that could break.
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def document(**fields: object) -> dict[str, Any]:
    """An answer as a script gets it: versioned, dated, times as RFC 3339 in UTC."""
    return {"schema_version": SCHEMA_VERSION, "generated_at": moment(clock())} | {
        name: plain(value) for name, value in fields.items()
    }


def plain(value: object) -> Any:  # noqa: ANN401 - what JSON knows
    """A value as JSON knows it."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def moment(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the second."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns; the last one is as long as it needs to be."""
    cells = [list(headings), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _cell(value: object) -> str:
    text = plain(value)
    return "-" if text is None or text == "" else " ".join(str(text).split())


def _safe(text: str) -> str:
    r"""The text with everything spelled out that is no line break and could move a cursor.

    Names and error texts come from elsewhere: none may pass itself off as something else.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char == "\n" or char.isprintable() else json.dumps(char)[1:-1] for char in text
    )
