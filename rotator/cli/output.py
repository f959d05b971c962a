"""How answers are printed: aligned text for people, one JSON document for scripts."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from rotator.cli.build import clock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["document", "moment", "plain", "print_document", "print_table", "say", "table"]

SCHEMA_VERSION = 1


def say(text: str) -> None:
    """A remark to whoever typed the command; answers go elsewhere, to standard output."""
    sys.stderr.write(f"{text}\n")


def document(**fields: object) -> dict[str, Any]:
    """An answer as a script gets it: versioned, dated, times as RFC 3339 in UTC."""
    return {"schema_version": SCHEMA_VERSION, "generated_at": plain(clock())} | {
        name: plain(value) for name, value in fields.items()
    }


def print_document(**fields: object) -> None:
    """Print one JSON document."""
    print(json.dumps(document(**fields), indent=2))


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
    if isinstance(value, list | tuple | set | frozenset):
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


def print_table(headings: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows under headings that are their keys, in capitals."""
    names = [heading.lower() for heading in headings]
    print(table(headings, [[row.get(name) for name in names] for row in rows]))


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return str(moment(value))
    if isinstance(value, Enum):
        return str(value.value)
    return " ".join(str(value).split())
