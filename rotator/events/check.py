"""What may be emitted, and how loud it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rotator.events.catalogue import CATALOGUE
from rotator.events.fields import COMMON
from rotator.events.names import Event, Level
from rotator.model import SEVERE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Emit", "UndocumentedField", "check_fields", "level_of"]


class Emit(Protocol):
    """Tells everybody who listens that something has happened; never raises, never waits."""

    def __call__(self, event: Event, /, **fields: object) -> None:
        """Tell of one event, with the fields that the catalogue lists for it."""


class UndocumentedField(TypeError):
    """An event was given a field that the catalogue does not list for it: a bug of the caller."""


def check_fields(event: Event, fields: Mapping[str, object]) -> None:
    """Hold the fields of one event against the catalogue.

    Raises:
        UndocumentedField: a field is neither common nor listed for this event.
    """
    unknown = sorted(fields.keys() - COMMON.keys() - set(CATALOGUE[event].fields))
    if unknown:
        raise UndocumentedField(f"{event} has no field {', '.join(unknown)}")


def level_of(event: Event, fields: Mapping[str, object]) -> Level:
    """The level of one event: its own, or error where it tells of a severe reason."""
    spec = CATALOGUE[event]
    if spec.by_reason and fields.get("reason") in SEVERE:
        return Level.ERROR
    return spec.level
