"""The format `env`: lines of NAME=value, whose other lines are kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from rotator.formats.base import (
    Format,
    FormatReading,
    Source,
    check_fields,
    interpret,
    is_session,
    values,
)
from rotator.model import Credential, Stranger

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EnvFormat"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")
_LINE = re.compile(r"(?P<before>[ \t]*(?:export[ \t]+)?)(?P<name>[A-Za-z_]\w*)=(?P<value>[^\r]*)")


class EnvFormat(Format):
    """NAME=value lines without quotes, which shells, containers and systemd read alike."""

    fields: dict[str, Source] = Field(
        default={
            "AWS_ACCESS_KEY_ID": "access_key_id",
            "AWS_SECRET_ACCESS_KEY": "secret_access_key",
        },
        description="Names of the variables and what each holds.",
    )
    constants: dict[str, str] = Field(
        default={}, description="Further variables with a fixed value, such as AWS_REGION."
    )

    @model_validator(mode="after")
    def _is_plain(self) -> Self:
        check_fields(self.fields, self.constants)
        if not all(_NAME.fullmatch(name) for name in [*self.fields, *self.constants]):
            raise ValueError("a variable is named by letters, digits and `_`, no digit first")
        if not all(_PLAIN.fullmatch(value) for value in self.constants.values()):
            raise ValueError("a constant must not need quotes: readers differ in undoing them")
        return self

    def read(self, text: str) -> FormatReading:
        """What the variables say; see `Format.read`."""
        if "\0" in text:
            return Stranger("it is not text")
        found: dict[str, str] = {}
        for line in text.split("\n"):
            match = _LINE.match(line)
            if match is None or not (match["name"] in self.fields or is_session(match["name"])):
                continue
            if match["name"] in found:
                return Stranger(f"it sets {match['name']} twice")
            found[match["name"]] = _unquoted(match["value"])
        if any(is_session(name) and value for name, value in found.items()):
            return Stranger("it holds a session token, which belongs to a temporary key")
        return interpret((source, found.get(name)) for name, source in self.fields.items())

    def compose(self, credential: Credential, existing: str | None) -> str:
        """The lines with their own variables set, each where it was; see `Format.render`."""
        missing = {**self.constants, **values(self.fields, credential)}
        own = frozenset(missing)
        lines: list[str] = []
        for line in (existing or "").split("\n"):
            match = _LINE.match(line)
            if match is None or not (match["name"] in own or is_session(match["name"])):
                lines.append(line)
            elif match["name"] in missing:
                value = missing.pop(match["name"])
                lines.append(f"{match['before']}{match['name']}={value}{line[match.end() :]}")
        return _with_added(lines, missing)


def _with_added(lines: list[str], missing: Mapping[str, str]) -> str:
    """The lines, and after them those that had no place yet; the last one is ended."""
    while lines and not lines[-1].strip():
        lines.pop()
    return "".join(f"{line}\n" for line in [*lines, *(f"{n}={v}" for n, v in missing.items())])


def _unquoted(value: str) -> str:
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
