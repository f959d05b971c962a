"""The types of single values in the YAML: text to duration, time zone, cron, address.

Each says what it expects, never what it got: the value may be a secret, and whoever writes the
sentence knows that and the value's place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from apscheduler.triggers.cron import CronTrigger
from pydantic import BeforeValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from rotator.config.faults import nearest

__all__ = [
    "UNFIT",
    "AccountId",
    "Address",
    "CronExpression",
    "Days",
    "Duration",
    "Given",
    "Kind",
    "Moment",
    "Name",
    "PathPrefix",
    "Region",
    "RoleArn",
    "RoleName",
    "StateUrl",
    "Text",
    "TimeOfDay",
    "TimeZone",
    "UnitId",
]

UNFIT = "rotator_unfit"
POSTGRES = "postgresql+psycopg://"
"""The error type by which these validators say what they expected."""

T = TypeVar("T")

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_DURATION = re.compile(r"(?P<count>[0-9]+)(?P<unit>ms|s|m|h|d|w)")
_NO_UNIT = "which has no unit: ms, s, m, h, d or w"
_NOT_ABOVE_ZERO = "which is not above zero"
_DURATION_MAX = timedelta(days=365_250)
"""A thousand years: sums of these still are dates that a calendar can write."""

_YEAR_MIN = 1970
_YEAR_MAX = 9000
"""Years whose moments still are dates in every time zone, durations added."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CRON_FIELDS = ("minute", "hour", "day", "month", "weekday")
_CRON_FROM = datetime(2024, 1, 1, tzinfo=UTC)
_WEEKDAY_NUMBER = re.compile(r"(^|[,\-/])[0-9]")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/([\x21-\x7e]+/)?[\w+=,.@-]{1,64}", re.ASCII)
_PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class Kind:
    """What a type is called in the reference."""

    name: str


def unfit(expected: str, *, why: str = "", at: int | None = None) -> PydanticCustomError:
    """The error of a value that does not fit; `at` is the list item that it is about."""
    context: dict[str, Any] = {"expected": expected, "why": why}
    if at is not None:
        context["at"] = at
    return PydanticCustomError(UNFIT, "unfit", context)


def _given(value: object) -> object:
    if value is None:
        raise unfit("a value", why="leave the field out if it has none")
    return value


Given = Annotated[T | None, BeforeValidator(_given)]
"""A field that may be left out, but not be given without a value."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        is_plain = isinstance(value, bool | int | float)
        raise unfit("text", why="put it in quotes" if is_plain else "")
    if not value.strip():
        raise unfit("text")
    return value


def _name(value: object) -> str:
    text = _text(value)
    if not text.isprintable() or text != text.strip():
        raise unfit("a name of printable characters on one line")
    return text


def _duration(value: object) -> timedelta:
    expected = "a duration such as 90d, 12h or 250ms"
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise unfit(expected, why=_NO_UNIT)
    if not isinstance(value, str):
        raise unfit(expected)
    match = _DURATION.fullmatch(value)
    if not match:
        bare = re.fullmatch(r"[0-9]+", value)
        below = _DURATION.fullmatch(value.removeprefix("-"))
        why = _NO_UNIT if bare else _NOT_ABOVE_ZERO if below else ""
        raise unfit(expected, why=why)
    digits = match["count"].lstrip("0")
    if not digits:
        raise unfit(expected, why=_NOT_ABOVE_ZERO)
    unit = _UNITS[match["unit"]]
    if len(digits) > 18 or int(digits) > _DURATION_MAX // unit:  # noqa: PLR2004 - far too many
        raise unfit("a duration of at most a thousand years")
    return int(digits) * unit


def _zone(value: object) -> ZoneInfo:
    expected = "a time zone such as Europe/Oslo"
    if not isinstance(value, str):
        raise unfit(expected)
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise unfit(expected, why=_nearest_zone(value)) from None


@lru_cache(maxsize=64)
def _nearest_zone(name: str) -> str:
    hint = nearest(name, available_timezones(), there_are="")
    return hint if hint.startswith("did you mean") else ""


def _cron(value: object) -> str:
    example = "a cron expression such as '0 6 * * mon-fri'"
    if not isinstance(value, str):
        raise unfit(example)
    fields = value.split()
    if len(fields) != len(_CRON_FIELDS):
        raise unfit(f"{example}, five fields: {', '.join(_CRON_FIELDS)}")
    if _WEEKDAY_NUMBER.search(fields[-1]):
        why = "whose weekday is a number; is 0 Monday or Sunday? say mon-fri"
        raise unfit(f"{example}, weekdays by name", why=why)
    for number, (name, field) in enumerate(zip(_CRON_FIELDS, fields, strict=True)):
        alone = ["*"] * len(fields)
        alone[number] = field
        if _trigger(" ".join(alone)) is None:
            raise unfit(example, why=f"whose {name} is impossible")
    trigger = _trigger(value)
    if trigger is None or trigger.get_next_fire_time(None, _CRON_FROM) is None:
        raise unfit(example, why="which never comes")
    return " ".join(fields)


def _trigger(expression: str) -> CronTrigger | None:
    try:
        return CronTrigger.from_crontab(expression, timezone=UTC)
    except (ValueError, ArithmeticError, LookupError, TypeError):
        return None


def _days(value: object) -> frozenset[int]:
    """The numbers of `mon-thu`, `sat`, or a list of such; Monday is 0."""
    if isinstance(value, list):
        if not value:
            raise unfit("at least one day")
        return frozenset().union(*(_span(item, at) for at, item in enumerate(value)))
    return _span(value, None)


def _span(value: object, at: int | None) -> frozenset[int]:
    expected = "days such as mon-thu or [mon, wed]"
    first, dash, last = value.partition("-") if isinstance(value, str) else ("", "", "")
    if first not in _DAYS or (dash and last not in _DAYS):
        raise unfit(expected, at=at)
    begin = _DAYS.index(first)
    length = (_DAYS.index(last) - begin) % 7 if dash else 0
    return frozenset((begin + offset) % 7 for offset in range(length + 1))


def _time_of_day(value: object) -> time:
    expected = "a time of day such as '09:00'"
    match = (
        re.fullmatch(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?", value)
        if isinstance(value, str)
        else None
    )
    if not match:
        raise unfit(expected)
    hour, minute, second = (int(part or 0) for part in match.groups())
    if (hour, minute, second) == (24, 0, 0):
        return time()
    try:
        return time(hour, minute, second)
    except ValueError:
        raise unfit(expected) from None


def _moment(value: object) -> date | datetime:
    expected = "a date such as 2027-01-04, or a date and time such as 2027-01-04T12:00"
    if not isinstance(value, str):
        raise unfit(expected)
    found = _date_or_time(value)
    if found is None or not _YEAR_MIN <= found.year <= _YEAR_MAX:
        raise unfit(expected)
    return found


def _date_or_time(text: str) -> date | datetime | None:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
        if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]", text):
            return datetime.fromisoformat(text)
    except ValueError:
        return None
    return None


def _path_prefix(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if not re.fullmatch(r"/([\x21-\x7e]*/)?", text):
        raise unfit("a path that begins and ends with a slash, such as /ci/")
    return text


def _role(value: object) -> str:
    if not isinstance(value, str) or not _ROLE.fullmatch(value):
        raise unfit("the ARN of a role, such as arn:aws:iam::111122223333:role/rotator")
    return value


def _region(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", value):
        raise unfit("a region such as eu-north-1")
    return value


def _account_id(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{12}", value):
        raise unfit('the 12 digits of an account\'s id, in quotes: "012345678901"')
    return value


def _unit(value: object) -> str:
    # AWS Organizations API Reference, ListAccountsForParent, ParentId.
    form = r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}"
    if not isinstance(value, str) or not re.fullmatch(form, value):
        raise unfit("the id of an organizational unit, such as ou-abcd-11112222")
    return value


def _role_name(value: object) -> str:
    # IAM API Reference, Role: the name, which a path may stand before.
    if not isinstance(value, str) or not re.fullmatch(r"([\w+=,.@-]+/)*[\w+=,.@-]{1,64}", value):
        raise unfit("the name of a role, without its account: rotator, or ops/rotator")
    return value


def _address(value: object) -> tuple[str, int]:
    expected = "an address and a port, such as 127.0.0.1:9180 or [::1]:9180"
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon or not re.fullmatch(r"[\w.:%-]+", host, re.ASCII):
        raise unfit(expected)
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > _PORT_MAX:
        raise unfit(expected, why=f"whose port is not one of 0 to {_PORT_MAX}")
    return host, int(port)


def _state(value: object) -> str:
    expected = (
        "the address of a store, such as sqlite:///state/rotator.db or "
        "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
    )
    if isinstance(value, str) and value.startswith(POSTGRES):
        return _database(value, expected)
    if not isinstance(value, str) or not value.startswith("sqlite:///"):
        raise unfit(expected)
    path = value.removeprefix("sqlite:///")
    if path in {"", "/", ":memory:"} or not path.isprintable():
        raise unfit(expected, why="which names no file")
    return value


def _database(value: str, expected: str) -> str:
    """A URL that can be read in one way only: else a part of a password would be taken for a host.

    Which server and database there are is known only to whoever connects.
    """
    address, _, _ = value.removeprefix(POSTGRES).partition("?")
    if address.count("@") > 1:
        raise unfit(expected, why="which has more than one @: in a user or password, write it %40")
    where = address.rpartition("@")[2]
    host, slash, database = where.partition("/")
    if not slash or not re.fullmatch(r"[\w.%-]+", database):
        raise unfit(expected, why="which names no database")
    if not re.fullmatch(r"(\[[\da-fA-F:.]+\]|[\w.%-]*)(:\d{1,5})?", host, re.ASCII):
        raise unfit(expected, why="which names no host")
    return value


def _string(pattern: str | None = None) -> WithJsonSchema:
    return WithJsonSchema({"type": "string"} | ({"pattern": pattern} if pattern else {}))


Text = Annotated[str, PlainValidator(_text), _string(), Kind("text")]
Name = Annotated[str, PlainValidator(_name), _string(), Kind("name")]
Duration = Annotated[
    timedelta, PlainValidator(_duration), _string("^[0-9]+(ms|s|m|h|d|w)$"), Kind("duration")
]
TimeZone = Annotated[ZoneInfo, PlainValidator(_zone), _string(), Kind("time zone")]
CronExpression = Annotated[str, PlainValidator(_cron), _string(), Kind("cron expression")]
Days = Annotated[frozenset[int], PlainValidator(_days), Kind("days")]
TimeOfDay = Annotated[time, PlainValidator(_time_of_day), _string(), Kind("time of day")]
Moment = Annotated[date | datetime, PlainValidator(_moment), _string(), Kind("date or date-time")]
PathPrefix = Annotated[str, PlainValidator(_path_prefix), _string("^/(.*/)?$"), Kind("path")]
RoleArn = Annotated[str, PlainValidator(_role), _string(), Kind("role ARN")]
RoleName = Annotated[str, PlainValidator(_role_name), _string(), Kind("role name")]
AccountId = Annotated[str, PlainValidator(_account_id), _string("^[0-9]{12}$"), Kind("account id")]
UnitId = Annotated[str, PlainValidator(_unit), _string(), Kind("id of a unit")]
Region = Annotated[str, PlainValidator(_region), _string(), Kind("region")]
Address = Annotated[tuple[str, int], PlainValidator(_address), _string(), Kind("address and port")]
StateUrl = Annotated[
    str,
    PlainValidator(_state),
    _string("^(sqlite:///|postgresql\\+psycopg://)."),
    Kind("store URL"),
]
