"""The page that people read about the events, written from the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.events.catalogue import CATALOGUE, Spec
from rotator.events.fields import COMMON, FIELDS
from rotator.model import SEVERE

if TYPE_CHECKING:
    from rotator.events.names import Event

__all__ = ["reference"]

_HEAD = """\
# Events

<!-- Written by rotator.events.reference(); a test fails when this page and the code differ. -->

Everything that rotator does is told as an event: a line of the log, and a change of the metrics.
The names and fields below are stable. In JSON each line has `timestamp` (RFC 3339, UTC), `level`
and `event`, then the event's own fields; a field that does not apply is left out.
Access key ids are masked to their last four characters.

Levels: *debug* is for decisions, *info* for facts that were recorded, *warning* for what is
stopped, retried or overdue, *error* for what needs a person now. Where the table says "by reason",
the event is an error if its `reason` is one of {severe}.
"""


def reference() -> str:
    """The whole page as Markdown, ending in a newline."""
    severe = ", ".join(f"`{reason}`" for reason in sorted(SEVERE))
    parts = [
        _HEAD.format(severe=severe),
        _overview(),
        *(_section(event, spec) for event, spec in CATALOGUE.items()),
        _fields(),
    ]
    return "\n".join(parts)


def _overview() -> str:
    rows = [
        f"| [`{event}`](#{_anchor(event)}) | {_level(spec)} |" for event, spec in CATALOGUE.items()
    ]
    return "\n".join(["| event | level |", "|---|---|", *rows, ""])


def _section(event: Event, spec: Spec) -> str:
    fields = ", ".join(f"`{name}`" for name in spec.fields) or "none of its own"
    return "\n".join(
        [
            f"## {event}",
            "",
            f"Level: {_level(spec)}. {spec.means}",
            "",
            f"**What to do:** {spec.does}",
            "",
            f"Fields: {fields}.",
            "",
        ]
    )


def _fields() -> str:
    rows = [
        f"| `{name}` | {field.means} | {'masked' if field.is_key else ''} |"
        for name, field in FIELDS.items()
    ]
    common = ", ".join(f"`{name}`" for name in COMMON)
    return "\n".join(
        [
            "## Fields",
            "",
            f"Every event may carry {common}, where they apply.",
            "",
            "| field | means | |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _level(spec: Spec) -> str:
    return f"{spec.level}, by reason" if spec.by_reason else str(spec.level)


def _anchor(event: Event) -> str:
    """The anchor that GitHub and most renderers give to a heading: points fall away."""
    return event.replace(".", "")
