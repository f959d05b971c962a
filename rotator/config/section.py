"""What every mapping of the YAML that we read has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, JsonValue

__all__ = ["Section", "StandIns"]

StandIns = Mapping[str, JsonValue]
"""Values of fields, by name."""


class Section(BaseModel):
    """One mapping of the YAML.

    Attributes:
        noun: what it is called in sentences, with its article.
        stand_ins: values in place of required fields that are missing or wrong, so that the
            others can be looked at too; such a configuration is refused anyhow.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    noun: ClassVar[str] = "a section"
    stand_ins: ClassVar[StandIns] = {}
