"""Who belongs to which policy; exclusions fail closed."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from rotator.judgement.wording import moment
from rotator.model import Contested, Excluded, Mode, Selected, Unselected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from rotator.model import Exclusion, Policy, Selection, Selector, User

__all__ = [
    "described",
    "is_enforced",
    "matches",
    "needs_groups",
    "needs_tags",
    "select",
    "serves_account",
]


def select(
    user: User, policies: Sequence[Policy], accounts: Sequence[str], now: datetime
) -> Selection:
    """Which policy decides about a user; more than one means that none does.

    `accounts` are the names of all configured accounts: a policy that names none means the only
    one there is.
    """
    excluded: Excluded | None = None
    selecting: list[str] = []
    for policy in policies:
        if not serves_account(policy, user.account, accounts):
            continue
        if not any(matches(selector, user) for selector in policy.include):
            continue
        exclusion = _exclusion(policy, user, now)
        if exclusion is None:
            selecting.append(policy.name)
        else:
            excluded = Excluded(policy.name, _why(exclusion))
    if len(selecting) > 1:
        return Contested(tuple(selecting))
    if selecting:
        return Selected(selecting[0])
    return excluded or Unselected()


def serves_account(policy: Policy, account: str, accounts: Sequence[str]) -> bool:
    """Whether a policy concerns an account of this name."""
    return account in (policy.accounts or accounts)


def matches(selector: Selector, user: User) -> bool:
    """Whether every field that the selector gives matches the user.

    Groups that were not read match nothing here; what must fail closed asks `_may_match`.
    """
    return (
        (selector.name is None or fnmatchcase(user.name, selector.name))
        and (selector.path is None or user.path.startswith(selector.path))
        and all(_tag_matches(user, name, glob) for name, glob in selector.tags.items())
        and (selector.group is None or selector.group in (user.groups or frozenset()))
    )


def described(selector: Selector) -> str:
    """A selector as a person wrote it."""
    parts = [
        *([f"name {selector.name}"] if selector.name else []),
        *([f"path {selector.path}"] if selector.path else []),
        *(f"tag {name}={value}" for name, value in selector.tags.items()),
        *([f"group {selector.group}"] if selector.group else []),
    ]
    return ", ".join(parts)


def is_enforced(policy: Policy, user: User) -> bool:
    """Whether the policy acts on this user, or only judges and reports."""
    if policy.mode is not Mode.ENFORCE:
        return False
    return policy.enforce_only is None or any(
        matches(selector, user) for selector in policy.enforce_only
    )


def needs_groups(policies: Sequence[Policy]) -> bool:
    """Whether any selector asks for a group, so that groups must be read."""
    return any(selector.group is not None for selector in _selectors(policies))


def needs_tags(policies: Sequence[Policy]) -> bool:
    """Whether any selector asks for a tag, so that the tags of everybody must be read.

    The tags of which a place's name is made are read with the user when its keys are looked at.
    """
    return any(selector.tags for selector in _selectors(policies))


def _selectors(policies: Sequence[Policy]) -> Iterator[Selector]:
    for policy in policies:
        yield from policy.include
        yield from (exclusion.selector for exclusion in policy.exclude)
        yield from policy.enforce_only or ()


def _exclusion(policy: Policy, user: User, now: datetime) -> Exclusion | None:
    for exclusion in policy.exclude:
        if exclusion.expires is not None and exclusion.expires <= now:
            continue
        if _may_match(exclusion.selector, user):
            return exclusion
    return None


def _may_match(selector: Selector, user: User) -> bool:
    """As `matches`, but what could not be read counts as matching: an exclusion fails closed."""
    if selector.group is not None and user.groups is None:
        return matches(replace(selector, group=None), user)
    return matches(selector, user)


def _tag_matches(user: User, name: str, glob: str) -> bool:
    return name in user.tags and fnmatchcase(user.tags[name], glob)


def _why(exclusion: Exclusion) -> str:
    parts = [exclusion.reason or "no reason given"]
    if exclusion.ticket:
        parts.append(exclusion.ticket)
    if exclusion.expires:
        parts.append(f"until {moment(exclusion.expires)}")
    return ", ".join(parts)
