"""A whole organization, by the real daemon: its accounts are found, entered, and worked in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rotator.demo.aws import LocalAws
from tests.life.house import AWS_OPTIONS, House, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANAGEMENT = "123456789012"
PLACES = '{{type: file, path: "{folder}/secrets/{{account}}-{{user}}.json"}}'


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A daemon whose policy means the accounts of an organization, one of them excluded."""
    with LocalAws(options=AWS_OPTIONS) as aws:
        members = organized(aws, "alpha", "beta", "vendor")
        with House(tmp_path, aws, sink=PLACES) as house:
            text = house.config.read_text()
            excluded = json.dumps([MANAGEMENT, members["vendor"]])
            organization = f"{{role_name: rotator, exclude: {excluded}}}"
            text = text.replace(
                "accounts: {prod: {}}", f"accounts: {{org: {{organization: {organization}}}}}"
            )
            house.config.write_text(text)
            for account_id in members.values():
                populated(aws, account_id)
            yield house


def organized(aws: LocalAws, *names: str) -> dict[str, str]:
    """An organization with accounts of these names; their ids."""
    client: Any = aws.client("organizations")
    client.create_organization(FeatureSet="ALL")
    return {name: added(aws, name) for name in names}


def added(aws: LocalAws, name: str) -> str:
    """One more account, whose id is returned."""
    client: Any = aws.client("organizations")
    made = client.create_account(AccountName=name, Email=f"{name}@example.com")
    account_id: str = made["CreateAccountStatus"]["AccountId"]
    return account_id


def populated(aws: LocalAws, account_id: str) -> None:
    """The role that the daemon enters by, and a user with an old key."""
    keys = [{"age": "100d", "last_used": {"age": "30d", "service": "s3"}}]
    aws.plant(
        {
            "roles": [{"name": "rotator", "account": account_id}],
            "users": [{"name": "job", "path": "/ci/", "account": account_id, "keys": keys}],
        }
    )


def served(house: House) -> set[str]:
    """Of which accounts the user has a place with a key in it."""
    return {path.name.partition("-")[0] for path in house.secrets.glob("*-job.json")}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_every_account_is_found_entered_and_worked_in(house: House) -> None:
    """But for those that are excluded; and `status` knows each by its name."""
    house.start()

    assert eventually(lambda: served(house) == {"alpha", "beta"}, 60)

    document = json.loads(house.rotator("status", "--json").stdout)
    assert {row["account"] for row in document["users"]} == {"alpha", "beta"}
    assert {event["account"] for event in house.events("account.found")} == {"alpha", "beta"}
    assert house.stop() == 0
    assert served(house) == {"alpha", "beta"}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_an_account_that_comes_is_found_by_the_next_process(house: House) -> None:
    """And what is not ours to list any more ends nothing of what is known to be open."""
    house.start()
    assert eventually(lambda: served(house) == {"alpha", "beta"}, 60)
    assert house.stop() == 0
    populated(house.aws, added(house.aws, "gamma"))

    house.start()

    assert eventually(lambda: served(house) == {"alpha", "beta", "gamma"}, 60)
    assert house.stop() == 0


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_an_organization_that_cannot_be_listed_is_said_and_nothing_is_begun(house: House) -> None:
    house.aws.fail("ListAccounts", "deny", times=1000)
    house.start()

    assert eventually(lambda: house.events("organization.failed"), 60)
    [failed, *others] = house.events("organization.failed")

    assert "org" in failed["organization"]
    assert others == []
    assert served(house) == set()
    assert house.stop() == 0
