"""Tells every outlet of every event, and lets none of them disturb the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rotator.events import Event, UndocumentedField, check_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Outlet", "Outlets"]


class Outlet(Protocol):
    """Somebody who is told of events, from any thread."""

    @property
    def name(self) -> str:
        """What it is called in metrics and in `outlet.failed`."""

    def on_event(self, event: Event, fields: Mapping[str, object]) -> None:
        """Take note of one event; must not wait for anybody outside this process."""


class Outlets:
    """All outlets as one: its `emit` is the `Emit` that everybody who does something is given.

    Args:
        outlets: who is told, in this order.
        on_failure: is given the name of an outlet that failed at an event; must not fail itself.
        strict: raise on a field that the catalogue does not list. For tests; a daemon must not
            lose a rotation to a misspelt field, so there it is counted as a failure of the
            `catalogue`, and the event is told nevertheless.
    """

    def __init__(
        self,
        *outlets: Outlet,
        on_failure: Callable[[str], None] | None = None,
        strict: bool = False,
    ) -> None:
        self._outlets = outlets
        self._on_failure = on_failure or (lambda _name: None)
        self._strict = strict

    def emit(self, event: Event, /, **fields: object) -> None:
        """Tell everybody of one event.

        Raises:
            UndocumentedField: a field is not in the catalogue, and this is `strict`.
        """
        try:
            check_fields(event, fields)
        except UndocumentedField:
            if self._strict:
                raise
            self._on_failure("catalogue")
        for outlet in self._outlets:
            exc = self._tell(outlet, event, fields)
            if exc is not None:
                self._tell_others(outlet, exc)

    def _tell(self, outlet: Outlet, event: Event, fields: Mapping[str, object]) -> Exception | None:
        """Tell one outlet; the answer is what it failed with.

        This is the one edge where any error at all is caught and work goes on. An outlet only
        looks on: what it fails at (a full disk under the log, a bug in a counter, a notifier's
        odd answer) says nothing about the key that is being rotated, and raising it into the
        middle of an effect would leave an outcome unrecorded. It is not silent: it is counted,
        and the other outlets are told.
        """
        try:
            outlet.on_event(event, fields)
        except Exception as exc:  # noqa: BLE001 - said above
            self._on_failure(outlet.name)
            return exc
        return None

    def _tell_others(self, failed: Outlet, exc: Exception) -> None:
        """Report a failed outlet to the rest; a failure at this is counted and no more."""
        fields = {"outlet": failed.name, "error": type(exc).__name__, "exc_info": exc}
        for outlet in self._outlets:
            if outlet is not failed:
                self._tell(outlet, Event.OUTLET_FAILED, fields)
