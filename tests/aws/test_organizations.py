"""Listing the accounts of an organization, whole or not at all."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from rotator.aws.accounts import Accounts
from rotator.aws.organizations import _accounts
from rotator.errors import ReadError
from rotator.judgement.members import Member
from rotator.model import Account, Organization

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE = Organization("org", "rotator", region="us-east-1")
UNITS = Organization("org", "rotator", units=("ou-root-11111111",))


class Listed:
    """A client of AWS Organizations that gives the pages it was made with."""

    def __init__(self, **pages: list[dict[str, Any]]) -> None:
        self._pages = pages
        self.asked: list[tuple[str, dict[str, str]]] = []

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        def call(**asked: str) -> dict[str, Any]:
            self.asked.append((operation, asked))
            key = f"{operation}_{asked['ParentId']}" if "ParentId" in asked else operation
            pages = self._pages.get(key.replace("-", "_"), [{_MEMBERS[operation]: []}])
            return pages[int(asked.get("NextToken", "0")) % len(pages)]

        return call


_MEMBERS = {
    "list_accounts": "Accounts",
    "list_accounts_for_parent": "Accounts",
    "list_organizational_units_for_parent": "OrganizationalUnits",
}


def entry(number: int, **fields: str) -> dict[str, str]:
    """An account as AWS lists it."""
    return {"Id": f"{number:012}", "Name": f"account{number}", "State": "ACTIVE"} | fields


def ids(client: Listed, organization: Organization = WHOLE) -> list[str]:
    """The ids of the accounts that are listed."""
    return sorted(member.account_id for member in _accounts(client, organization))


def test_an_empty_page_is_not_the_last() -> None:
    """Only the absence of a token says so (Organizations API Reference, ListAccounts)."""
    client = Listed(
        list_accounts=[
            {"Accounts": [entry(1)], "NextToken": "1"},
            {"Accounts": [], "NextToken": "2"},
            {"Accounts": [entry(2)]},
        ]
    )

    assert ids(client) == [f"{1:012}", f"{2:012}"]


@pytest.mark.parametrize(
    ("pages", "says"),
    [
        pytest.param([{"Accounts": [], "NextToken": "0"}], "in a circle", id="a token repeats"),
        pytest.param([{}], "no Accounts", id="a page without accounts"),
        pytest.param([{"Accounts": [{"Name": "x"}]}], "without an id", id="an account without id"),
        pytest.param([{"Accounts": [{"Id": "1"}]}], "without an id or a state", id="or a state"),
    ],
)
def test_a_listing_that_makes_no_sense_is_none(pages: list[dict[str, Any]], says: str) -> None:
    """Nothing is concluded from a part of it."""
    with pytest.raises(ReadError, match=says):
        ids(Listed(list_accounts=pages))


def test_units_are_gone_through_with_all_that_is_in_them() -> None:
    """Each once, though they may be named beside what holds them."""
    child = "ou-root-22222222"
    client = Listed(
        list_accounts_for_parent_ou_root_11111111=[{"Accounts": [entry(1)]}],
        list_accounts_for_parent_ou_root_22222222=[{"Accounts": [entry(2)]}],
        list_organizational_units_for_parent_ou_root_11111111=[
            {"OrganizationalUnits": [{"Id": child}]}
        ],
    )

    both = Organization("org", "rotator", units=("ou-root-11111111", child))

    assert ids(client, UNITS) == [f"{1:012}", f"{2:012}"]
    assert ids(client, both) == [f"{1:012}", f"{2:012}"]
    assert [operation for operation, _ in client.asked].count("list_accounts_for_parent") == 4


def test_the_older_field_of_the_state_is_read_too() -> None:
    """`Status` was there before `State` was."""
    old = {"Id": f"{3:012}", "Name": "old", "Status": "SUSPENDED"}

    (member,) = _accounts(Listed(list_accounts=[{"Accounts": [old]}]), WHOLE)

    assert member == Member(f"{3:012}", "old", "SUSPENDED")


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> Accounts:
    """The accounts of a process whose credentials are those of the management account."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTSOWN00000001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return Accounts(
        (Account("default"),),
        environ=os.environ,
        clock=lambda: datetime.now(UTC),
        request_timeout=timedelta(seconds=5),
        rates=None,
    )


@mock_aws
def test_an_organization_is_listed_with_its_tags(accounts: Accounts) -> None:
    """With who we are in it; the tags only where they are asked for."""
    client = boto3.client("organizations", region_name="us-east-1")
    client.create_organization(FeatureSet="ALL")
    made = client.create_account(AccountName="dev", Email="dev@example.com")
    account_id = made["CreateAccountStatus"]["AccountId"]
    client.tag_resource(ResourceId=account_id, Tags=[{"Key": "env", "Value": "dev"}])

    listed, caller = accounts.members(WHOLE, tags=True)
    bare, _ = accounts.members(WHOLE, tags=False)

    assert Member(account_id, "dev", "ACTIVE", {"env": "dev"}) in listed
    assert {member.tags for member in bare} == {None}
    assert caller.account_id in {member.account_id for member in listed}
