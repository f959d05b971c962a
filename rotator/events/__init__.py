"""The catalogue of events: what the log says, at which level, and what on-call does about it."""

from rotator.events.catalogue import CATALOGUE, Spec
from rotator.events.check import Emit, UndocumentedField, check_fields, level_of
from rotator.events.fields import COMMON, FIELDS, Field
from rotator.events.names import Event, Level
from rotator.events.reference import reference

__all__ = [
    "CATALOGUE",
    "COMMON",
    "FIELDS",
    "Emit",
    "Event",
    "Field",
    "Level",
    "Spec",
    "UndocumentedField",
    "check_fields",
    "level_of",
    "reference",
]
