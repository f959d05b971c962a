"""What the configuration must be told: which sinks, formats and notifiers are installed.

The command line passes these tables in, so that this package never imports a sink.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

    from rotator.model import Template

__all__ = ["NamesPlaces", "SinkType", "Tables"]


@runtime_checkable
class NamesPlaces(Protocol):
    """Options that say from which name templates a user's place is made."""

    def name_templates(self) -> Iterable[Template]:
        """All templates among the options; together they say which place a user gets."""
        ...


class SinkType(Protocol):
    """What a class of sinks declares about itself: the class, not an instance, is meant."""

    @property
    def Options(self) -> type[BaseModel]:  # noqa: N802 - the sink's class attribute is a class
        """The fields of its own that an entry in the YAML may have."""
        ...

    @property
    def default_format(self) -> str:
        """The format that is written where the policy names none."""
        ...

    def reads_back(self, options: Any, fmt: Any) -> bool:  # noqa: ANN401 - the sink's own models
        """Whether id and secret can both be read back, with these options and this format."""
        ...


@dataclass(frozen=True, slots=True)
class Tables:
    """The installed types by the names that the YAML uses.

    A model in `formats` may have an attribute `one_way`: nothing can be read back from it, and
    `one_way_because` says why. It may have `from_files`: options that name a file, each with the
    option that the file's content is.
    """

    sinks: Mapping[str, SinkType]
    formats: Mapping[str, type[BaseModel]]
    notifiers: Mapping[str, type[BaseModel]] = field(default_factory=dict)
