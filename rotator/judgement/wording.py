"""How figures stand in sentences for people: spans, moments, last uses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import assert_never

from rotator.model import Hold, LastUse, NeverUsed, Scope, UsedAt, UseUnknown

__all__ = ["listing", "moment", "release_of", "span", "used"]

_UNITS = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
    (timedelta(seconds=1), "s"),
)


def span(length: timedelta) -> str:
    """A length in its two largest units: `6 d 23 h`, `45 min`, `0 s`."""
    parts: list[str] = []
    rest = max(length, timedelta(0))
    for unit, name in _UNITS:
        count, rest = divmod(rest, unit)
        if count:
            parts.append(f"{count} {name}")
        if len(parts) == 2 or (parts and not count):  # noqa: PLR2004 - two units are enough
            break
    return " ".join(parts) or "0 s"


def moment(at: datetime) -> str:
    """A moment in UTC, to the second where it is not a whole minute."""
    utc = at.astimezone(UTC)
    return utc.strftime("%Y-%m-%d %H:%M UTC" if utc.second == 0 else "%Y-%m-%d %H:%M:%S UTC")


def used(last_use: LastUse, now: datetime) -> str:
    """What is known of a key's last use: `used 3 h ago in s3, eu-north-1`."""
    match last_use:
        case UsedAt(at, service, region):
            where = ", ".join(part for part in (service, region) if part not in {"", "N/A"})
            return f"used {span(now - at)} ago" + (f" in {where}" if where else "")
        case NeverUsed():
            return "never used"
        case UseUnknown(why):
            return f"its last use is not known ({why})"
        case _:
            assert_never(last_use)


def listing(words: list[str]) -> str:
    """Several things as one phrase: `a`, `a and b`, `a, b and c`."""
    *head, last = words
    return f"{', '.join(head)} and {last}" if head else last


def release_of(hold: Hold, user: str, account: str, policy: str) -> str:
    """The command that ends a hold: that of its very scope."""
    whom = {
        Scope.USER: user,
        Scope.POLICY: f"--policy {policy}",
        Scope.ACCOUNT: f"--account {account}",
        Scope.ALL: "--all",
    }
    return f"rotator release {whom[hold.scope]}"
