"""The accounts of organizations: found, kept, and told of when they come and go."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from rotator.errors import ReadError
from rotator.events import Event
from rotator.judgement.members import accounts_of, expanded, unknown_exclusions

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rotator.aws.accounts import Accounts
    from rotator.events import Emit
    from rotator.model import Account, Configuration, Organization

__all__ = ["Discovery", "Found"]

FRESH_FOR = timedelta(minutes=15)
"""How long the accounts of an organization are not listed again, whether it went well or not."""


@dataclass(slots=True)
class Found:
    """What is known of organizations, for as long as the process lives.

    Attributes:
        accounts: the accounts of each organization at its last complete listing.
        asked_at: when each was asked for last.
        failing: why each could not be listed then, and since when.
    """

    accounts: dict[Organization, tuple[Account, ...]] = field(default_factory=dict)
    asked_at: dict[Organization, datetime] = field(default_factory=dict)
    failing: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


class Discovery:
    """A configuration with the accounts of its organizations.

    A listing that breaks off is no listing: the last complete one stays, and what is open in its
    accounts goes on. In an organization that was never listed nothing is begun.
    """

    def __init__(
        self,
        configuration: Configuration,
        accounts: Accounts,
        *,
        clock: Callable[[], datetime],
        emit: Emit,
        found: Found | None = None,
    ) -> None:
        self._configuration = configuration
        self._accounts = accounts
        self._clock = clock
        self._emit = emit
        self._found = found or Found()
        self._current = self._expanded()

    def current(self) -> Configuration:
        """The configuration with the accounts that are known now."""
        return self._current

    def renew(self) -> None:
        """List the accounts of each organization whose listing is older than a quarter hour."""
        if not self._configuration.organizations:
            return
        with self._found.lock:
            for organization in self._configuration.organizations:
                asked_at, now = self._found.asked_at.get(organization), self._clock()
                if asked_at is None or not asked_at <= now < asked_at + FRESH_FOR:
                    self._found.asked_at[organization] = now
                    self._list(organization)
            self._current = self._expanded()

    def _expanded(self) -> Configuration:
        known = self._found.accounts
        found = {one.name: known[one] for one in self._configuration.organizations if one in known}
        return expanded(self._configuration, found)

    def _list(self, organization: Organization) -> None:
        try:
            accounts = self._accounts_of(organization)
        except ReadError as exc:
            self._tell_failing(organization, exc)
            return
        before = self._found.accounts.get(organization, ())
        self._found.accounts[organization] = accounts
        self._tell_back(organization)
        for event, ours, others in (
            (Event.ACCOUNT_FOUND, accounts, before),
            (Event.ACCOUNT_LOST, before, accounts),
        ):
            known = {one.role_arn for one in others}
            for one in ours:
                if one.role_arn not in known:
                    self._emit(event, account=one.name, organization=organization.name)

    def _accounts_of(self, organization: Organization) -> tuple[Account, ...]:
        """The accounts of one organization, complete.

        Raises:
            ReadError: it cannot be listed, or excludes what it does not have.
        """
        policies = self._configuration.policies
        tags = bool(organization.tag) or any(policy.account_tags for policy in policies)
        members, caller = self._accounts.members(organization, tags=tags)
        if unknown := unknown_exclusions(organization, members):
            raise ReadError(
                f"organization {organization.name} excludes {', '.join(unknown)}, which it does not"
                " have: correct the id, or take it out"
            )
        configured = self._configuration.accounts
        others = [
            one.name
            for other, found in self._found.accounts.items()
            if other.name != organization.name
            for one in found
        ]
        ids = [one.role_arn.split(":")[4] for one in configured if one.role_arn]
        own = [caller.account_id] if any(not one.role_arn for one in configured) else []
        return accounts_of(
            organization,
            members,
            partition=caller.partition,
            taken=[*(one.name for one in configured), *others],
            known_ids=[*ids, *own],
        )

    def _tell_failing(self, organization: Organization, error: ReadError) -> None:
        """Tell why an organization cannot be listed, once for each cause."""
        why, since = self._found.failing.get(organization.name, ("", self._clock()))
        self._found.failing[organization.name] = (str(error), since)
        if why != str(error):
            self._emit(
                Event.ORGANIZATION_FAILED,
                organization=organization.name,
                error=str(error),
                code=error.code,
                accounts=len(self._found.accounts.get(organization, ())),
            )

    def _tell_back(self, organization: Organization) -> None:
        failing = self._found.failing.pop(organization.name, None)
        if failing is not None:
            self._emit(
                Event.ORGANIZATION_RECOVERED, organization=organization.name, since=failing[1]
            )
