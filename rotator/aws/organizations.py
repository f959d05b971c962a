"""Lists the accounts of an AWS organization, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rotator.aws import listing
from rotator.errors import ReadError
from rotator.judgement.members import Member

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.client import BaseClient

    from rotator.aws.wire import Tap
    from rotator.model import Organization

__all__ = ["members"]

UNITS_MAX = 2000
"""Units that are gone through; an organization has fewer (AWS Organizations, Quotas)."""


def members(tap: Tap[BaseClient], organization: Organization, *, tags: bool) -> tuple[Member, ...]:
    """Every account of the organization, or of its units, each once.

    `tags`: whether the tags of each are asked for, which is one call an account.

    Raises:
        AccessDenied: the caller is neither the management account nor delegated.
        ReadError: a listing broke off.
    """

    def request() -> tuple[Member, ...]:
        found = {one.account_id: one for one in _accounts(tap.client, organization)}
        return tuple(found.values())

    doing = f"list the accounts of organization {organization.name}"
    found = tap.read(request, doing)
    if not tags:
        return found
    return tuple(
        Member(one.account_id, one.name, one.state, _tags(tap, one.account_id)) for one in found
    )


def _accounts(client: Any, organization: Organization) -> Iterator[Member]:  # noqa: ANN401 - a client without stubs
    if not organization.units:
        yield from map(_member, _pages(client, "list_accounts", "Accounts"))
        return
    waiting, seen = list(organization.units), set[str]()
    while waiting:
        unit = waiting.pop()
        if unit in seen:
            continue
        seen.add(unit)
        if len(seen) > UNITS_MAX:
            raise ReadError(f"organization {organization.name} has more than {UNITS_MAX} units")
        inside = {"ParentId": unit}
        yield from map(_member, _pages(client, "list_accounts_for_parent", "Accounts", **inside))
        units = "list_organizational_units_for_parent"
        waiting += [u["Id"] for u in _pages(client, units, "OrganizationalUnits", **inside)]


def _member(entry: Mapping[str, Any]) -> Member:
    # `State` has taken the place of `Status` (Organizations API Reference, Account, since 2025).
    state = entry.get("State") or entry.get("Status")
    account_id, name = entry.get("Id"), entry.get("Name")
    if not account_id or not state:
        raise ReadError("the answer of AWS lists an account without an id or a state")
    return Member(str(account_id), str(name or ""), str(state))


def _tags(tap: Tap[BaseClient], account_id: str) -> Mapping[str, str]:
    client: Any = tap.client

    def request() -> Mapping[str, str]:
        entries = _pages(client, "list_tags_for_resource", "Tags", ResourceId=account_id)
        return listing.tags_of(entries)

    return tap.read(request, f"read the tags of account {account_id}")


def _pages(client: Any, operation: str, member: str, **asked: str) -> Iterator[Any]:  # noqa: ANN401 - as above
    """Every entry of every page; a page may be empty and not be the last.

    Raises:
        ReadError: the pages go in a circle, or one lacks what it is asked for.
    """
    call, token, seen = getattr(client, operation), None, set[str]()
    while True:
        page = call(**asked) if token is None else call(**asked, NextToken=token)
        if member not in page:
            raise ReadError(f"the answer of AWS has no {member}")
        yield from page[member]
        token = page.get("NextToken")
        if not token:
            return
        if token in seen:
            raise ReadError(f"the pages of {member} go in a circle")
        seen.add(token)
