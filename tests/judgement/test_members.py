"""Which accounts of an organization are worked in, by which names, and which policies mean them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rotator.judgement.members import Member, accounts_of, expanded, unknown_exclusions
from rotator.judgement.selection import select
from rotator.model import Account, Configuration, Organization, Selected, Unselected
from tests.judgement.worlds import NOW, POLICY, USER

ORG = Organization("org", "rotator")
PROD = Member("111111111111", "prod")
DEV = Member("222222222222", "dev", tags={"env": "dev"})


def found(
    *members: Member,
    organization: Organization = ORG,
    taken: tuple[str, ...] = (),
    known_ids: tuple[str, ...] = (),
) -> list[str]:
    """The names of the accounts that are worked in."""
    accounts = accounts_of(organization, members, partition="aws", taken=taken, known_ids=known_ids)
    return [account.name for account in accounts]


def test_each_is_entered_by_the_role_of_that_name() -> None:
    """In its own account and our partition, with what is configured for all of them."""
    organization = replace(ORG, role_name="ops/rotator", external_id="x", rate=5.0, region="eu")

    (account,) = accounts_of(organization, [DEV], partition="aws-cn", taken=(), known_ids=())

    assert account == Account(
        "dev",
        "arn:aws-cn:iam::222222222222:role/ops/rotator",
        "x",
        "eu",
        5.0,
        organization="org",
        tags={"env": "dev"},
    )


NAMES = {
    "as AWS calls it": ([PROD, DEV], (), ["prod", "dev"]),
    "by its id, where two have the name": (
        [PROD, replace(DEV, name="prod")],
        (),
        ["111111111111", "222222222222"],
    ),
    "by its id, where a configured one has the name": ([PROD], ("prod",), ["111111111111"]),
    "by its id, where the name is none of ours": (
        [replace(PROD, name="Prod (EU)")],
        (),
        ["111111111111"],
    ),
    "by its name, in letters, digits, dashes and underscores": (
        [replace(PROD, name="Prod-EU_1")],
        (),
        ["Prod-EU_1"],
    ),
    "by its id, where it has none": ([replace(PROD, name="")], (), ["111111111111"]),
}


@pytest.mark.parametrize(("members", "taken", "expected"), NAMES.values(), ids=NAMES.keys())
def test_what_an_account_is_called(
    members: list[Member], taken: tuple[str, ...], expected: list[str]
) -> None:
    """Names are for people; none stands for two accounts."""
    assert found(*members, taken=taken) == expected


LEFT_OUT = {
    "suspended": (replace(PROD, state="SUSPENDED"), ORG, ()),
    "about to be closed": (replace(PROD, state="PENDING_CLOSURE"), ORG, ()),
    "excluded": (PROD, replace(ORG, exclude=("111111111111",)), ()),
    "configured by itself": (PROD, ORG, ("111111111111",)),
    "of another tag": (DEV, replace(ORG, tag={"env": "prod"}), ()),
    "of tags that were not read": (PROD, replace(ORG, tag={"env": "*"}), ()),
}


@pytest.mark.parametrize(
    ("member", "organization", "known_ids"), LEFT_OUT.values(), ids=LEFT_OUT.keys()
)
def test_who_is_not_entered(
    member: Member, organization: Organization, known_ids: tuple[str, ...]
) -> None:
    """What cannot be told keeps us out."""
    assert found(member, organization=organization, known_ids=known_ids) == []


def test_tags_are_globs_and_all_of_them() -> None:
    """As in other selectors."""
    both = replace(ORG, tag={"env": "d*", "team": "blue"})

    assert found(DEV, organization=replace(ORG, tag={"env": "d*"})) == ["dev"]
    assert found(DEV, organization=both) == []


def test_an_exclusion_of_nobody_is_told() -> None:
    """It may be a slip of the pen, and the account that was meant would be entered."""
    organization = replace(ORG, exclude=("111111111111", "999999999999"))

    assert unknown_exclusions(organization, [PROD, DEV]) == ["999999999999"]


def configured(**fields: object) -> Configuration:
    """One policy, an account of its own, and an organization."""
    policy = replace(POLICY, **fields)  # type: ignore[arg-type] # fields of a policy
    return Configuration((policy,), (Account("own"),), organizations=(ORG,), digest="d")


ACCOUNTS = {
    "org": (
        Account("prod", organization="org", tags={"env": "prod"}),
        Account("dev", organization="org", tags={"env": "dev"}),
    )
}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"accounts": ("org",)}, {"prod", "dev"}, id="the organization"),
        pytest.param({"accounts": ("org", "own")}, {"prod", "dev", "own"}, id="and another"),
        pytest.param({"accounts": ("own",)}, {"own"}, id="another alone"),
        pytest.param({"account_tags": {"env": "p*"}}, {"prod"}, id="by tag"),
        pytest.param({"account_tags": {"env": "none"}}, set(), id="a tag that none has"),
    ],
)
def test_whom_a_policy_means(fields: dict[str, object], expected: set[str]) -> None:
    """The accounts that were found, by the name of their organization or by tag."""
    whole = expanded(configured(**fields), ACCOUNTS)
    names = [account.name for account in whole.accounts]

    meant = {
        name
        for name in names
        if select(replace(USER, account=name), whole.policies, names, NOW) == Selected(POLICY.name)
    }

    assert meant == expected
    assert whole.digest == "d"


@pytest.mark.parametrize("fields", [{"accounts": ("org",)}, {"account_tags": {"env": "p*"}}])
def test_a_policy_of_an_organization_that_was_never_listed_means_nobody(
    fields: dict[str, object],
) -> None:
    """And not everybody, as one would that names no account at all."""
    whole = expanded(configured(**fields), {})

    assert select(replace(USER, account="own"), whole.policies, ["own"], NOW) == Unselected()
