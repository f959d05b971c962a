"""A first look at an account by its credential report: what is old, doubled, unused, or root's.

And which policies would cover it, by path and tag, so that no two mean the same user.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, count
from typing import TYPE_CHECKING

from rotator.model import NeverUsed, UsedAt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from rotator.model import Report, ReportedKey, ReportedUser, User

__all__ = ["OLD", "UNUSED", "Proposal", "Triage", "proposals", "triage"]

OLD = timedelta(days=90)
"""The age at which CIS's benchmark of AWS wants a key to have been replaced (1.14)."""

UNUSED = timedelta(days=45)
"""How long a key may be unused by the same benchmark (1.12)."""

SHARE = 0.8
"""The part of a path's users who must have a tag for it to part them."""

VALUES_MAX = 12
"""So many values of a tag at most make policies of their own."""


@dataclass(frozen=True, slots=True)
class Triage:
    """What the report says of an account; users by name, the oldest key first.

    Attributes:
        old: users with an Active key older than 90 days, and how old it is at least.
        doubled: users with two keys.
        unused: users with an Active key that was not used for 45 days, or never.
        unclear: users of a key whose last use the report does not tell.
    """

    generated_at: datetime
    users: int
    with_keys: int
    keys: int
    root_keys: int
    old: tuple[tuple[str, timedelta], ...]
    doubled: tuple[str, ...]
    unused: tuple[str, ...]
    unclear: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A policy that would cover users: those of a path, or of a tag among them.

    Attributes:
        path: the beginning of their paths; None: whatever path they have.
        tag: a tag that they have, with its value.
        without: beginnings of paths that other proposals cover.
        without_tag: tag values that other proposals cover.
        users: how many users with keys it covers.
    """

    name: str
    users: int
    path: str | None = None
    tag: tuple[str, str] | None = None
    without: tuple[str, ...] = ()
    without_tag: tuple[tuple[str, str], ...] = ()


def triage(report: Report, now: datetime) -> Triage:
    """What the report says, counted and named."""
    owners = [user for user in report.users.values() if user.keys]
    ages = [(user.name, now - made_at) for user in owners if (made_at := _oldest(user)) is not None]
    old = [pair for pair in ages if pair[1] >= OLD]
    return Triage(
        generated_at=report.generated_at,
        users=len(report.users),
        with_keys=len(owners),
        keys=sum(len(user.keys) for user in owners),
        root_keys=len(report.root.keys) if report.root else 0,
        old=tuple(sorted(old, key=lambda pair: (-pair[1], pair[0]))),
        doubled=_named(user for user in owners if len(user.keys) > 1),
        unused=_named(user for user in owners if any(_is_unused(k, now) for k in user.keys)),
        unclear=_named(user for user in owners if any(map(_is_unclear, user.keys))),
    )


def proposals(users: Sequence[User], report: Report) -> list[Proposal]:
    """Policies that cover every user with a key once: a path each, and in `/` a tag's values."""
    owners = [user for user in users if (found := report.users.get(user.name)) and found.keys]
    by_path: dict[str, list[User]] = defaultdict(list)
    for user in owners:
        by_path[_first(user.path)].append(user)
    paths = tuple(sorted(path for path in by_path if path != "/"))
    names = _Names()
    own = [Proposal(names.of(path), len(by_path[path]), path=path) for path in paths]
    return [*own, *_of_the_rest(by_path["/"], paths, names)]


def _of_the_rest(users: list[User], paths: tuple[str, ...], names: _Names) -> list[Proposal]:
    """Users without a path of their own, parted by the tag that tells them apart, if one does."""
    if not users:
        return []
    tag = _telling_tag(users)
    counts = Counter(v for user in users for name, v in user.tags.items() if name == tag)
    values = sorted(counts)
    found = [
        Proposal(names.of(f"{tag}-{value}"), counts[value], tag=(str(tag), value), without=paths)
        for value in values
    ]
    rest = len(users) - sum(counts.values())
    if rest:
        others = tuple((str(tag), value) for value in values)
        found.append(Proposal(names.of("others"), rest, without=paths, without_tag=others))
    return found


def _telling_tag(users: list[User]) -> str | None:
    """The tag that most of them have and that has the fewest values, of which there are a few."""
    values: dict[str, set[str]] = defaultdict(set)
    having: Counter[str] = Counter()
    for user in users:
        for name, value in user.tags.items():
            values[name].add(value)
            having[name] += 1
    telling = [
        name
        for name in values
        if 1 < len(values[name]) <= VALUES_MAX
        and having[name] >= SHARE * len(users)
        and all(value.strip() and not set(value) & set("*?[") for value in values[name])
    ]
    return min(telling, key=lambda name: (-having[name], len(values[name]), name), default=None)


class _Names:
    """Names of policies: letters, digits and dashes, no two alike."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, text: str) -> str:
        """A name like the text, with the first number that makes it another where it is taken."""
        plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in text)
        like = "-".join(part for part in plain.lower().split("-") if part) or "policy"
        numbered = (f"{like}-{number}" for number in count(2))
        name = next(one for one in chain([like], numbered) if one not in self._taken)
        self._taken.add(name)
        return name


def _first(path: str) -> str:
    """The first folder of a path: `/ci/` of `/ci/deploy/`."""
    first = path.strip("/").split("/")[0]
    return f"/{first}/" if first else "/"


def _named(users: Iterable[ReportedUser]) -> tuple[str, ...]:
    return tuple(sorted(user.name for user in users))


def _oldest(user: ReportedUser) -> datetime | None:
    return min((k.rotated_at for k in user.keys if k.is_active and k.rotated_at), default=None)


def _is_unused(key: ReportedKey, now: datetime) -> bool:
    if not key.is_active:
        return False
    if isinstance(key.last_use, UsedAt):
        return key.last_use.at + UNUSED <= now
    made_at = key.rotated_at
    return isinstance(key.last_use, NeverUsed) and made_at is not None and made_at + UNUSED <= now


def _is_unclear(key: ReportedKey) -> bool:
    return key.is_active and not isinstance(key.last_use, UsedAt | NeverUsed)
