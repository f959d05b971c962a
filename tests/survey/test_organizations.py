"""Accounts of an organization: found, entered side by side, and isolated from each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import pytest

from rotator.judgement.members import Member
from rotator.model import Account, Organization
from rotator.reconcile import Discovery, Found, Sweeper, accounts_of
from tests.simulation.aws import ACCOUNT_ID, FakeAccounts
from tests.simulation.world import DAY, HOUR, MINUTE, World, policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotator.aws.accounts import Accounts

ORG = Organization("org", "rotator")


@dataclass
class Organized:
    """A world whose one policy is for the accounts of an organization."""

    world: World
    found: Found
    discovery: Discovery

    @classmethod
    def made(cls, organization: Organization = ORG, *, count: int = 20) -> Organized:
        """So many accounts, each with one user who is due, and none entered yet."""
        world = World.made(None, policy(accounts=("org",)))
        world.reconfigure(*world.configuration.policies, accounts=(), organizations=(organization,))
        world.aws.members = [
            Member(f"{number:012}", f"team{number}") for number in range(1, count + 1)
        ]
        world.aws.ids = {one.name: one.account_id for one in world.aws.members}
        made = cls(world, Found(), cast("Discovery", None))
        made.start()
        return made

    def start(self) -> None:
        """A process with this configuration, and with what was found before."""
        world = self.world
        accounts = cast("Accounts", FakeAccounts(world.aws))
        self.discovery = Discovery(
            world.configuration, accounts, clock=world.clock, emit=world._emit, found=self.found
        )
        world.equipment = replace(
            world.equipment,
            accounts=accounts,
            configuration=self.discovery.current,
            discover=self.discovery.renew,
        )
        world.sweeper = Sweeper(world.equipment)

    def names(self) -> list[str]:
        """The accounts that the policy concerns now."""
        equipment = self.world.equipment
        equipment.discover()
        terms = equipment.configuration().policies[0]
        return [account.name for account in accounts_of(equipment, terms)]

    def told(self, event: str) -> list[dict[str, object]]:
        """The events of one name."""
        return [fields for name, fields in self.world.told if name.value == event]


@pytest.fixture
def organized() -> Iterator[Organized]:
    """An organization of twenty accounts."""
    made = Organized.made()
    yield made
    made.world.close()


def test_every_account_is_found_and_told_once(organized: Organized) -> None:
    """And not listed again within a quarter of an hour."""
    names = [organized.names() for _ in range(3)]

    assert names[0] == names[1] == names[2] == [f"team{number}" for number in range(1, 21)]
    assert organized.world.aws.calls.count("ListAccounts") == 1
    assert [fields["account"] for fields in organized.told("account.found")] == names[0]


def test_before_anything_was_listed_nobody_is_meant(organized: Organized) -> None:
    """A policy of an organization is none of every account."""
    terms = organized.discovery.current().policies[0]

    assert accounts_of(organized.world.equipment, terms) == []


def test_an_account_that_cannot_be_entered_stops_no_other(organized: Organized) -> None:
    """Two of twenty have no such role: they are told, and the others swept."""
    world = organized.world
    for number in (1, 5, 20):
        user = world.aws.add_user(f"bob{number}", account_id=f"{number:012}")
        world.aws.users[user.user_id] = replace(user, account=f"team{number}")
        world.aws.add_key(world.aws.users[user.user_id], age=DAY)
    world.aws.refused = {"team3", "team5"}
    organized.names()
    terms = world.equipment.configuration().policies[0]

    results = [
        world.sweeper.sweep(terms, account, trigger="schedule")
        for account in accounts_of(world.equipment, terms)
    ]

    failed = {fields["account"] for fields in organized.told("account.failed")}
    looked_at = {visit.user.name for result in results for visit in result.visits}
    assert failed == {"team3", "team5"}
    assert looked_at == {"bob1", "bob20"}


def test_accounts_come_and_go(organized: Organized) -> None:
    """A new one is worked in, a suspended one is not any more, and both are told."""
    organized.names()
    members = organized.world.aws.members
    assert members is not None
    members[0] = replace(members[0], state="SUSPENDED")
    members.append(Member("999999999999", "new"))
    organized.world.go(20 * MINUTE)

    names = organized.names()

    assert "team1" not in names
    assert "new" in names
    assert [fields["account"] for fields in organized.told("account.lost")] == ["team1"]
    assert organized.told("account.found")[-1]["account"] == "new"


def test_an_organization_that_may_not_be_listed_keeps_what_was_known(organized: Organized) -> None:
    """Told once for each cause, and when it is over."""
    known, members = organized.names(), organized.world.aws.members
    organized.world.aws.members = None
    for _ in range(3):
        organized.world.go(HOUR)
        organized.names()
    kept = organized.names()
    organized.world.aws.members = members
    organized.world.go(HOUR)
    organized.names()

    (failed,) = organized.told("organization.failed")
    assert kept == known
    assert (failed["code"], failed["accounts"]) == ("AccessDenied", 20)
    assert len(organized.told("organization.recovered")) == 1


def test_what_was_found_outlives_a_configuration(organized: Organized) -> None:
    """A reload lists nothing anew, and forgets nothing."""
    known = organized.names()
    organized.start()

    assert organized.names() == known
    assert organized.world.aws.calls.count("ListAccounts") == 1


def test_an_excluded_account_that_is_not_there_shuts_all_out() -> None:
    """A slip of the pen must not let an account in."""
    made = Organized.made(replace(ORG, exclude=("012345678901",)))

    assert made.names() == []
    (failed,) = made.told("organization.failed")
    assert "excludes 012345678901, which it does not have" in str(failed["error"])
    made.world.close()


def test_an_account_that_is_configured_is_not_found_again() -> None:
    """By its role, or as the one whose credentials we have."""
    made = Organized.made()
    own = [*(made.world.aws.members or []), Member(ACCOUNT_ID, "own")]
    made.world.aws.members = own
    made.world.reconfigure(
        policy(accounts=("org",)),
        accounts=(Account("prod", f"arn:aws:iam::{7:012}:role/rotator"), Account("default")),
        organizations=(ORG,),
    )
    made.found = Found()
    made.start()

    names = made.names()

    assert "team7" not in names
    assert "own" not in names
    assert len(names) == 19
    made.world.close()
