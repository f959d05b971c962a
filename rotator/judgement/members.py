"""Which accounts of an organization are worked in, by which names, and which policies mean them.

An exclusion fails closed: what cannot be told about an account, or about an exclusion, keeps us
out.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from rotator.model import Account, Configuration, Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rotator.model import Organization

__all__ = ["Member", "accounts_of", "expanded", "unknown_exclusions"]

ACTIVE = "ACTIVE"
"""The state of an account in which it can be worked in (Organizations API Reference, Account)."""


@dataclass(frozen=True, slots=True)
class Member:
    """One account as AWS Organizations lists it; `tags` are None where they were not read."""

    account_id: str
    name: str
    state: str = ACTIVE
    tags: Mapping[str, str] | None = None


def unknown_exclusions(organization: Organization, members: Iterable[Member]) -> list[str]:
    """Excluded ids that the organization does not have: a slip of the pen, perhaps."""
    known = {member.account_id for member in members}
    return [account_id for account_id in organization.exclude if account_id not in known]


def accounts_of(
    organization: Organization,
    members: Sequence[Member],
    *,
    partition: str,
    taken: Iterable[str],
    known_ids: Iterable[str],
) -> tuple[Account, ...]:
    """The accounts of an organization that are worked in, by their names.

    An account is called as AWS Organizations calls it where that is a name that nobody else has
    (`taken` are the configured ones) and is of letters, digits, `-` and `_`; else by its id. One
    that is configured by itself (`known_ids`) is not entered twice.
    """
    known = frozenset(known_ids)
    mine = [
        member
        for member in members
        if member.state == ACTIVE
        and member.account_id not in organization.exclude
        and member.account_id not in known
        and _has_tags(organization.tag, member.tags)
    ]
    called = Counter([*taken, *(member.name for member in mine)])
    return tuple(
        Account(
            name=member.name
            if _is_name(member.name) and called[member.name] == 1
            else member.account_id,
            role_arn=f"arn:{partition}:iam::{member.account_id}:role/{organization.role_name}",
            external_id=organization.external_id,
            region=organization.region,
            rate=organization.rate,
            organization=organization.name,
            tags=member.tags or {},
        )
        for member in sorted(mine, key=lambda member: member.account_id)
    )


def expanded(configuration: Configuration, found: Mapping[str, Sequence[Account]]) -> Configuration:
    """The configuration with the accounts that were found, and policies that name them.

    What an organization is named for stays in a policy's accounts, so that a policy of an
    organization without accounts never means all of them. The digest stays: what replicas agree
    on are the files, and not what AWS lists just now.
    """
    new = [account for accounts in found.values() for account in accounts]
    return replace(
        configuration,
        accounts=(*configuration.accounts, *new),
        policies=tuple(_widened(policy, new) for policy in configuration.policies),
    )


def _widened(policy: Policy, found: Sequence[Account]) -> Policy:
    if policy.account_tags:
        mine = [one.name for one in found if _has_tags(policy.account_tags, one.tags)]
        return replace(policy, accounts=(_NOBODY, *mine))
    mine = [one.name for one in found if one.organization in policy.accounts]
    return replace(policy, accounts=(*policy.accounts, *mine))


_NOBODY = ""
"""A name that no account has."""


def _has_tags(wanted: Mapping[str, str], tags: Mapping[str, str] | None) -> bool:
    """Whether every tag is there; of an account whose tags were not read nothing is known."""
    if not wanted:
        return True
    return tags is not None and all(
        name in tags and fnmatchcase(tags[name], glob) for name, glob in wanted.items()
    )


def _is_name(name: str) -> bool:
    return re.fullmatch("[A-Za-z0-9_-]*[A-Za-z0-9][A-Za-z0-9_-]*", name) is not None
