"""The format `json`: one object, whose other fields are kept."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Self

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

__all__ = ["JsonFormat", "dump_object", "parse_object"]

Constant = str | int | bool

# What `credential_process` expects (AWS SDKs and Tools Reference Guide, "Process credential
# provider"); an SDK passes over the names that it does not know.
_PROCESS_FIELDS: Mapping[str, Source] = {
    "AccessKeyId": "access_key_id",
    "SecretAccessKey": "secret_access_key",
    "UserName": "user_name",
    "AccountId": "account_id",
}
_PROCESS_CONSTANTS: Mapping[str, Constant] = {"Version": 1}


class JsonFormat(Format):
    """A JSON object: by default what `credential_process` reads, else the policy's own names."""

    is_object: ClassVar[bool] = True

    fields: dict[str, Source] | None = Field(
        default=None,
        description="Names of the object's fields and what each holds; by default AccessKeyId, "
        "SecretAccessKey, UserName and AccountId.",
    )
    constants: dict[str, Constant] = Field(
        default={},
        description="Further fields with a fixed value; the default fields have Version: 1.",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        check_fields(self._fields, self.constants)
        return self

    @property
    def _fields(self) -> Mapping[str, Source]:
        return _PROCESS_FIELDS if self.fields is None else self.fields

    def read(self, text: str) -> FormatReading:
        """What the object says; see `Format.read`."""
        found = parse_object(text)
        if isinstance(found, Stranger):
            return found
        if any(is_session(name) and value for name, value in found.items()):
            return Stranger("it holds a session token, which belongs to a temporary key")
        return interpret((source, found.get(name)) for name, source in self._fields.items())

    def compose(self, credential: Credential, existing: str | None) -> str:
        """The object with its own fields set; see `Format.render`."""
        found = parse_object(existing or "")
        kept = {} if isinstance(found, Stranger) else found
        kept = {name: value for name, value in kept.items() if not is_session(name)}
        own = values(self._fields, credential)
        constants = dict(self.constants)
        if self.fields is None:
            constants = {**_PROCESS_CONSTANTS, **constants}
            kept.pop("Expiration", None)
        whole = {**constants, **own} if not kept else {**kept, **constants, **own}
        return dump_object(whole)


def parse_object(text: str) -> dict[str, object] | Stranger:
    """The object in a text; nothing but white space is an object without fields."""
    if not text.strip():
        return {}
    try:
        found = json.loads(
            text,
            object_pairs_hook=_without_doubles,
            parse_float=_exact,
            parse_constant=_exact,
        )
    except (ValueError, ArithmeticError, RecursionError):
        # The error holds the text: it must go no further.
        return Stranger("it is not JSON that can be kept as it is")
    return found if isinstance(found, dict) else Stranger("it is not a JSON object")


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _exact(literal: str) -> float:
    """A number that is written again as it was; raises ValueError for any other."""
    number = float(literal)
    if not Decimal(literal).is_finite() or Decimal(repr(number)) != Decimal(literal):
        raise ValueError("a number would change")
    return number


def dump_object(whole: Mapping[str, object]) -> str:
    """Readable for people, unless a lone surrogate, which no file can hold, must be escaped."""
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    readable = not any("\ud800" <= character <= "\udfff" for character in text)
    return text if readable else json.dumps(whole, indent=2) + "\n"
