"""Column types that mean the same in every database, and refuse what cannot be.

SQLite keeps any value in any column. What is read and is not what belongs there raises RowDamaged:
no judgement is built on it, and it is never taken for "never", "no" or "none".
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import BigInteger, Boolean, Integer, Text
from sqlalchemy.types import TypeDecorator

from rotator.errors import RowDamaged
from rotator.model import NeverUsed, UsedAt, UseUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import StrEnum

    from sqlalchemy import Dialect

    from rotator.model import LastUse

__all__ = [
    "Count",
    "Evidence",
    "Flag",
    "Moment",
    "Name",
    "Number",
    "Prose",
    "Span",
    "Word",
    "last_use_from",
    "last_use_to",
    "micros",
    "odd",
    "plain",
]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENT_MAX = datetime(9000, 1, 1, tzinfo=UTC)
"""The latest moment there is: any length that a configuration takes can be added to it."""

SHOWN_MAX = 40
"""How much of a value that cannot be is shown."""
MICROSECOND = timedelta(microseconds=1)
SPAN_MAX = timedelta.max // MICROSECOND

W = TypeVar("W", bound="StrEnum")


def micros(moment: datetime) -> int:
    """A moment as whole microseconds since 1970 in UTC; one without a zone is refused."""
    if moment.tzinfo is None:
        msg = f"{moment} has no time zone; moments are aware"
        raise ValueError(msg)
    return (moment - EPOCH) // MICROSECOND


class Moment(TypeDecorator[datetime]):
    """An aware moment in UTC, exact to the microsecond, that sorts and compares as a number."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        """Turn a moment into what is stored."""
        return None if value is None else micros(value)

    def process_result_value(self, value: object, _dialect: Dialect) -> datetime | None:
        """Turn what is stored into a moment; what is none is damage."""
        if value is None:
            return None
        return _moment(value)


def plain(text: str) -> str:
    """Text as every database takes it: NUL and halves of characters are replaced."""
    return text.encode("utf-16", "replace").decode("utf-16", "replace").replace("\x00", "\ufffd")


class Name(TypeDecorator[str]):
    """Text as it is: names, ids, addresses."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: object, _dialect: Dialect) -> str | None:
        """Take what is stored; what is no text is damage."""
        if value is None or isinstance(value, str):
            return value
        raise odd(value, "text")


class Prose(Name):
    """Text that others wrote, such as an error's: whatever is in it, it can be stored."""

    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Turn text into what is stored."""
        return None if value is None else plain(value)


class Flag(TypeDecorator[bool]):
    """Yes or no."""

    impl = Boolean
    cache_ok = True

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[object], bool | None]:
        """What is stored, before the driver's own way makes yes of anything."""
        del coltype
        return lambda value: self.process_result_value(value, dialect)

    def process_result_value(self, value: object, _dialect: Dialect) -> bool | None:
        """Turn what is stored into yes or no; what is neither is damage."""
        if value is None:
            return None
        if value in (0, 1) and isinstance(value, int):
            return bool(value)
        raise odd(value, "yes or no")


class Count(TypeDecorator[int]):
    """How many there are of something."""

    impl = Integer
    cache_ok = True

    def process_result_value(self, value: object, _dialect: Dialect) -> int | None:
        """Take what is stored; what is no number, or less than none, is damage."""
        if value is None:
            return None
        number = _whole(value)
        if number < 0:
            raise odd(value, "a count")
        return number


class Number(Count):
    """The number of another row, or of a lease's holder; of the same size as those of rows."""

    impl = BigInteger
    cache_ok = True


class Span(TypeDecorator[timedelta]):
    """A length of time, exact to the microsecond."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, _dialect: Dialect) -> int | None:
        """Turn a length into what is stored."""
        return None if value is None else value // MICROSECOND

    def process_result_value(self, value: object, _dialect: Dialect) -> timedelta | None:
        """Turn what is stored into a length; what is none is damage."""
        if value is None:
            return None
        if not 0 <= _whole(value) <= SPAN_MAX:
            raise odd(value, "a length of time")
        return timedelta(microseconds=_whole(value))


class Word(TypeDecorator[W]):
    """One word of a closed list, stored as text; another word is damage."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[W]) -> None:
        self.words = words
        super().__init__()

    def process_bind_param(self, value: W | None, _dialect: Dialect) -> str | None:
        """Turn a word into what is stored."""
        return None if value is None else self.words(value).value

    def process_result_value(self, value: object, _dialect: Dialect) -> W | None:
        """Turn what is stored into the word."""
        if value is None:
            return None
        try:
            return self.words(str(value))
        except ValueError as exc:
            raise odd(value, f"a word for {self.words.__name__.lower()}") from exc


class Evidence(TypeDecorator["Mapping[str, LastUse]"]):
    """The last uses that a deactivation was decided on, as JSON: key id → kind and figures."""

    impl = Text
    cache_ok = True

    def process_bind_param(
        self,
        value: Mapping[str, LastUse] | None,
        _dialect: Dialect,
    ) -> str:
        """Turn the uses into text in one spelling."""
        uses = {} if value is None else value
        figures = {key_id: _figures(use) for key_id, use in uses.items()}
        return json.dumps(figures, sort_keys=True, separators=(",", ":"))

    def process_result_value(
        self,
        value: object,
        _dialect: Dialect,
    ) -> Mapping[str, LastUse]:
        """Turn the text into uses; text that is not ours is damage."""
        try:
            figures = json.loads(str(value))
            return {str(key_id): _use(columns) for key_id, columns in figures.items()}
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as exc:
            raise odd(value, "evidence") from exc


def last_use_to(use: LastUse) -> dict[str, Any]:
    """A last use as the columns of a key."""
    if isinstance(use, UsedAt):
        return {
            "use_kind": "used",
            "used_at": use.at,
            "used_service": use.service,
            "used_region": use.region,
            "use_why": None,
        }
    bare = {"used_at": None, "used_service": None, "used_region": None}
    if isinstance(use, NeverUsed):
        return {"use_kind": "never", **bare, "use_why": None}
    return {"use_kind": "unknown", **bare, "use_why": use.why}


def last_use_from(columns: Mapping[str, Any]) -> LastUse:
    """The last use that the columns of a key hold. An unclear row is unknown, never "never"."""
    if columns["use_kind"] == "never":
        return NeverUsed()
    if columns["use_kind"] == "used" and columns["used_at"] is not None:
        return UsedAt(
            columns["used_at"],
            columns["used_service"] or "N/A",
            columns["used_region"] or "N/A",
        )
    return UseUnknown(columns["use_why"] or "not on record")


def _figures(use: LastUse) -> dict[str, Any]:
    columns = last_use_to(use)
    if columns["used_at"] is not None:
        columns["used_at"] = micros(columns["used_at"])
    return {name: value for name, value in columns.items() if value is not None}


def _use(figures: Mapping[str, Any]) -> LastUse:
    columns = dict.fromkeys(("used_at", "used_service", "used_region", "use_why")) | dict(figures)
    if columns["used_at"] is not None:
        columns["used_at"] = _moment(columns["used_at"])
    return last_use_from(columns)


def _moment(value: object) -> datetime:
    if not 0 <= _whole(value) <= micros(MOMENT_MAX):
        raise odd(value, "a moment")
    return EPOCH + timedelta(microseconds=_whole(value))


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise odd(value, "a whole number")


def odd(value: object, expected: str) -> RowDamaged:
    """What is raised where a value cannot be: cut short, since it may be anything."""
    shown = repr(value)
    shown = shown if len(shown) <= SHOWN_MAX else f"{shown[:SHOWN_MAX]}…"
    return RowDamaged(f"the store holds {shown} where {expected} belongs")
