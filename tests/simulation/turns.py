"""One piece of a process's work that may stand still in the middle, while others go on.

    turn = Turn(work)
    turn.go_on()            # until it stands still, or is over
    turn.is_over
    turn.go_on()            # from where it stood still

Only one thread runs at any time: whoever goes on is waited for. So the same script gives the same
schedule each time.
"""

from __future__ import annotations

from threading import Semaphore, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Turn"]


class Turn:
    """Work in a thread of its own, which runs only while somebody waits for it."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._may_run, self._stands = Semaphore(0), Semaphore(0)
        self._error: BaseException | None = None
        self.is_over = False
        self._thread = Thread(target=self._run, daemon=True, name="turn")
        self._thread.start()

    def go_on(self) -> None:
        """Let it work until it stands still or ends.

        Raises whatever the work raised.
        """
        self._may_run.release()
        self._stands.acquire()
        if self.is_over:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def stand_still(self) -> None:
        """Called by the work itself: return only when it is to go on."""
        self._stands.release()
        self._may_run.acquire()

    def _run(self) -> None:
        self._may_run.acquire()
        try:
            self._work()
        except BaseException as exc:  # noqa: BLE001 - handed to whoever waits, a kill too
            self._error = exc
        self.is_over = True
        self._stands.release()
