"""What is done with an error that nobody knows: one line for the person, a file for us."""

from __future__ import annotations

import os
import tempfile
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

from rotator.outlets.redaction import Redaction, escape

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["report"]


def report(exc: BaseException) -> str:
    """Keep the traceback of a bug, and say in one line where.

    Only the lines of code are kept, never local variables, and of the error's own text what a
    log may show: its type is said to the person, its text is not.
    """
    what = f"this is a bug, please report it: {type(exc).__name__} at {_where(exc.__traceback__)}"
    kept = _keep(exc)
    return f"{what}; its traceback is in {kept}" if kept else what


def _keep(exc: BaseException) -> str | None:
    """The file that holds the traceback; None where none can be written."""
    redact = Redaction()
    lines = "".join(traceback.format_exception(exc)).splitlines()
    text = "\n".join(escape(redact.text(line)) for line in lines)
    with suppress(OSError):
        number, name = tempfile.mkstemp(prefix="rotator-bug-", suffix=".txt")
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
        return name
    return None


def _where(trace: TracebackType | None) -> str:
    """The file and line at which it was raised."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
