"""Ctrl-C and SIGTERM for commands that act: what is issued still reaches its places."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["Interrupts", "interrupts"]


@dataclass(slots=True)
class Interrupts:
    """Whether somebody wants the command to end; `stopping` keeps anything from being begun."""

    stopping: threading.Event = field(default_factory=threading.Event)
    number: int = 0

    def status(self, otherwise: int) -> int:
        """The exit status: 128 and the signal's number where one came, as shells have it."""
        return 128 + self.number if self.number else otherwise

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """The first asks to end, the second does not wait for it."""
        if self.stopping.is_set():
            raise KeyboardInterrupt
        self.number = number
        self.stopping.set()


@contextmanager
def interrupts(asked: Interrupts | None = None) -> Iterator[Interrupts]:
    """Listen to SIGINT and SIGTERM for as long as a command acts."""
    asked = asked or Interrupts()
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may listen to signals; nobody else is sent any.
        yield asked
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, asked.on_signal) for number in numbers]
    try:
        yield asked
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
