"""Takes out of a value what nobody outside may read, and makes it fit into one line.

Three walls, one behind the other. A `Secret` or `Credential` is never rendered, whatever holds it.
A field that the catalogue declares to hold key ids is masked. And in every text whatsoever what
looks like an access key id, a spelled-out secret or the password of an address is replaced, since
texts come from libraries too. There is no list of live secrets to compare with: such a list would
be one more place where secrets live.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rotator.events import FIELDS
from rotator.model import Credential, Secret, mask

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Plain", "Redaction", "escape", "rfc3339"]

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]
"""What JSON can say."""

WITHHELD = "[withheld]"

_TEXT_MAX = 16_384
_ITEMS_MAX = 200
_DEPTH_MAX = 6

# AKIA are long-lived keys, ASIA those of sessions (IAM User Guide, "Unique identifiers"). Their
# length is not promised: 16 to 128 characters (IAM API Reference, AccessKey).
_KEY_ID = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{12,124}")
# However it is quoted: JSON, XML, INI, a repr, JSON within JSON, percent-encoded.
_BETWEEN = r"(?:[\"'\\\s:=>]|%20|%22|%3A){1,12}"
_SPELLED_SECRET = re.compile(
    rf"((?:secret_?access_?key|secret_?key|(?:session|security)_?token){_BETWEEN})"
    r"[A-Za-z0-9/+=_%.\\-]{4,}",
    re.IGNORECASE,
)
_ADDRESS_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^@\s/]+@")


class Redaction:
    """Turns the fields of an event into plain values that may be shown.

    Args:
        full_key_ids: show access key ids whole; without it their last four characters.
    """

    def __init__(self, *, full_key_ids: bool = False) -> None:
        self._full_key_ids = full_key_ids

    def fields(self, fields: Mapping[str, object]) -> dict[str, Plain]:
        """All fields that apply: those that are None are left out."""
        return {
            name: self._field(name, value) for name, value in fields.items() if value is not None
        }

    def text(self, text: str) -> str:
        """One text, without what nobody may read, and of bounded length."""
        if not self._full_key_ids:
            text = _KEY_ID.sub(lambda found: mask(found[0]), text)
        text = _SPELLED_SECRET.sub(rf"\1{WITHHELD}", text)
        text = _ADDRESS_PASSWORD.sub(r"\1…@", text)
        if len(text) > _TEXT_MAX:
            text = f"{text[:_TEXT_MAX]}… ({len(text) - _TEXT_MAX} more characters)"
        return text

    def _field(self, name: str, value: object) -> Plain:
        field = FIELDS.get(name)
        if field is not None and field.is_key and not self._full_key_ids:
            value = _masked(value)
        return self._plain(value, _DEPTH_MAX)

    def _plain(self, value: object, depth: int) -> Plain:
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Secret | Credential) or depth == 0:
            return WITHHELD
        if isinstance(value, datetime):
            return rfc3339(value)
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, Mapping):
            return self._plain_mapping(value, depth)
        if isinstance(value, list | tuple):
            return self._plain_items(value, depth)
        if isinstance(value, AbstractSet):
            return self._plain_items(sorted(value, key=str), depth)
        return self.text(str(value))

    def _plain_mapping(self, value: Mapping[object, object], depth: int) -> dict[str, Plain]:
        items = list(value.items())[:_ITEMS_MAX]
        return {self.text(str(name)): self._plain(item, depth - 1) for name, item in items}

    def _plain_items(self, items: Iterable[object], depth: int) -> list[Plain]:
        items = list(items)
        plain = [self._plain(item, depth - 1) for item in items[:_ITEMS_MAX]]
        if len(items) > _ITEMS_MAX:
            plain.append(f"… ({len(items) - _ITEMS_MAX} more)")
        return plain


def _masked(value: object) -> object:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list | tuple | AbstractSet):
        return [_masked(item) for item in value]
    return value


def rfc3339(at: datetime) -> str:
    """An aware time in UTC with milliseconds and a Z, as RFC 3339 has it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def escape(text: str) -> str:
    r"""Spell out what could end a line, move a cursor or turn text around.

    Control characters, line separators of every script, direction marks and lone surrogates
    become `\uXXXX`, as in JSON, so that no value can pass itself off as another line.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
