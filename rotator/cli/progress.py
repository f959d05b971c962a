"""How far it is, for whoever waits at a terminal; scripts are told nothing."""

from __future__ import annotations

import sys
from contextlib import suppress
from threading import Lock
from typing import TextIO

__all__ = ["Progress"]

WIDTH = 30


class Progress:
    """A bar on standard error that grows in place, and is wiped away at the end.

    Called with how many are done of how many, from any thread. Where standard error is no
    terminal nothing is written.
    """

    def __init__(self, what: str, stream: TextIO | None = None) -> None:
        self._what = what
        self._stream = stream or sys.stderr
        self._lock = Lock()
        self._drawn = 0

    def __call__(self, done: int, total: int) -> None:
        """Draw the bar as it is now."""
        if not self._stream.isatty():
            return
        filled = WIDTH * done // max(total, 1)
        line = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {done} of {total} {self._what}"
        with self._lock:
            self._write(line)

    def end(self) -> None:
        """Wipe the bar away, so that the answer begins on a line of its own."""
        with self._lock:
            if self._drawn:
                self._write("")

    def _write(self, line: str) -> None:
        # Who waits loses nothing where the terminal has gone away.
        with suppress(OSError):
            self._stream.write(f"\r{line.ljust(self._drawn)}")
            if not line:
                self._stream.write("\r")
            self._stream.flush()
        self._drawn = len(line)
