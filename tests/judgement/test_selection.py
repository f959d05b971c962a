"""Selection: who belongs to which policy; exclusions fail closed, and an expired one is over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.judgement.selection import (
    described,
    is_enforced,
    matches,
    needs_groups,
    needs_tags,
    select,
    serves_account,
)
from rotator.model import (
    Contested,
    Excluded,
    Exclusion,
    Mode,
    Selected,
    Selector,
    Unselected,
)
from tests.judgement.worlds import DAY, NOW, SECOND, USER, policy

if TYPE_CHECKING:
    from rotator.model import Policy, Selection, User

CI = replace(
    USER,
    name="deploy-web",
    path="/ci/web/",
    tags={"rotate": "true", "team": "web"},
    groups=frozenset({"deployers"}),
)
GROUPLESS = replace(CI, groups=None)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param(Selector(name="deploy-*"), True, id="a name by its glob"),
        pytest.param(Selector(name="Deploy-*"), False, id="a name is case-sensitive"),
        pytest.param(Selector(name="deploy"), False, id="a glob matches the whole name"),
        pytest.param(Selector(path="/ci/"), True, id="a path by its prefix"),
        pytest.param(Selector(path="/cd/"), False, id="another path"),
        pytest.param(Selector(tags={"rotate": "true"}), True, id="a tag"),
        pytest.param(Selector(tags={"rotate": "t*"}), True, id="a tag by its glob"),
        pytest.param(Selector(tags={"rotate": "TRUE"}), False, id="a value is case-sensitive"),
        pytest.param(Selector(tags={"Rotate": "true"}), False, id="a tag's name too"),
        pytest.param(Selector(tags={"owner": "*"}), False, id="a tag that is not there"),
        pytest.param(
            Selector(tags={"rotate": "true", "team": "ops"}), False, id="all tags must match"
        ),
        pytest.param(Selector(group="deployers"), True, id="a group"),
        pytest.param(Selector(group="admins"), False, id="another group"),
        pytest.param(
            Selector(name="deploy-*", path="/ci/", group="admins"),
            False,
            id="all fields must match",
        ),
        pytest.param(
            Selector(name="deploy-*", path="/ci/", group="deployers"), True, id="and here they do"
        ),
    ],
)
def test_matches(selector: Selector, expected: bool) -> None:
    """Fields of one entry are and-ed."""
    assert expected is matches(selector, CI)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param(Selector(name="deploy-*"), "name deploy-*", id="a name"),
        pytest.param(Selector(group="deployers"), "group deployers", id="a group"),
        pytest.param(
            Selector(name="a", path="/ci/", tags={"team": "ops"}, group="b"),
            "name a, path /ci/, tag team=ops, group b",
            id="all of it",
        ),
    ],
)
def test_a_selector_is_told_as_it_was_written(selector: Selector, expected: str) -> None:
    """Only what it gives, in one order."""
    assert expected == described(selector)


def test_groups_that_were_not_read_match_nothing() -> None:
    """An inclusion by a group that is not known does not hold."""
    assert not matches(Selector(group="deployers"), GROUPLESS)


def excluding(*exclusions: Exclusion, name: str = "ci") -> Policy:
    """A policy of all users but some."""
    return policy(name=name, exclude=exclusions)


LEGACY = Exclusion(Selector(name="deploy-web"), reason="vendor appliance")
BY_GROUP = Exclusion(Selector(group="legacy"), reason="vendor appliance")
BOTH_DEPLOY = Exclusion(Selector(name="deploy-*"))
BOTH = Exclusion(Selector(name="other-*", group="legacy"))


@pytest.mark.parametrize(
    ("user", "policies", "expected"),
    [
        pytest.param(CI, [], Unselected(), id="no policy"),
        pytest.param(CI, [policy(include=(Selector(name="x"),))], Unselected(), id="none matches"),
        pytest.param(CI, [policy()], Selected("ci"), id="one matches"),
        pytest.param(
            CI,
            [policy(name="elsewhere", accounts=("other",)), policy()],
            Selected("ci"),
            id="one matches, after one of another account",
        ),
        pytest.param(
            CI,
            [policy(name="x", include=(Selector(name="x"),)), policy()],
            Selected("ci"),
            id="one matches, after one that does not",
        ),
        pytest.param(
            CI,
            [excluding(replace(LEGACY, expires=NOW), BOTH_DEPLOY)],
            Excluded("ci", "no reason given"),
            id="an exclusion holds after one that has expired",
        ),
        pytest.param(
            GROUPLESS,
            [excluding(Exclusion(Selector(path="/cd/", group="legacy")))],
            Selected("ci"),
            id="a group that was not read excludes nobody of another path",
        ),
        pytest.param(
            GROUPLESS,
            [excluding(Exclusion(Selector(tags={"team": "ops"}, group="legacy")))],
            Selected("ci"),
            id="nor of another tag",
        ),
        pytest.param(
            CI,
            [policy(include=(Selector(name="x"), Selector(path="/ci/")))],
            Selected("ci"),
            id="entries are or-ed",
        ),
        pytest.param(
            CI, [policy(), policy(name="b")], Contested(("ci", "b")), id="two match: none decides"
        ),
        pytest.param(
            CI, [policy(accounts=("test",))], Unselected(), id="a policy of another account"
        ),
        pytest.param(CI, [policy(accounts=("prod",))], Selected("ci"), id="of this account"),
        pytest.param(
            CI, [excluding(LEGACY)], Excluded("ci", "vendor appliance"), id="excluded, and why"
        ),
        pytest.param(
            CI,
            [excluding(Exclusion(LEGACY.selector, ticket="OPS-1", expires=NOW + DAY))],
            Excluded("ci", "no reason given, OPS-1, until 2026-03-05 12:00 UTC"),
            id="excluded, by a ticket, until a moment",
        ),
        pytest.param(
            CI,
            [excluding(replace(LEGACY, expires=NOW + SECOND))],
            Excluded("ci", "vendor appliance, until 2026-03-04 12:00:01 UTC"),
            id="a second before it expires",
        ),
        pytest.param(
            CI,
            [excluding(replace(LEGACY, expires=NOW))],
            Selected("ci"),
            id="expired: covers no more",
        ),
        pytest.param(
            CI,
            [excluding(replace(LEGACY, expires=NOW), BY_GROUP), policy(name="b")],
            Contested(("ci", "b")),
            id="and then two match",
        ),
        pytest.param(
            CI,
            [excluding(LEGACY), policy(name="b")],
            Selected("b"),
            id="an exclusion is its own policy's",
        ),
        pytest.param(CI, [excluding(BY_GROUP)], Selected("ci"), id="not in the excluded group"),
        pytest.param(
            GROUPLESS,
            [excluding(BY_GROUP)],
            Excluded("ci", "vendor appliance"),
            id="groups that were not read: the exclusion fails closed",
        ),
        pytest.param(
            GROUPLESS,
            [excluding(BOTH)],
            Selected("ci"),
            id="unless another field shows that it cannot match",
        ),
        pytest.param(
            GROUPLESS,
            [excluding(Exclusion(Selector(path="/cd/")))],
            Selected("ci"),
            id="an exclusion that asks for no group needs none",
        ),
    ],
)
def test_select(user: User, policies: list[Policy], expected: Selection) -> None:
    """Exactly one policy decides about a user, and what is unclear is left alone."""
    assert expected == select(user, policies, ["prod"], NOW)


def test_a_policy_without_accounts_means_the_only_one() -> None:
    """Accounts that a policy names are the ones it concerns, else all that there are."""
    named = policy(accounts=("test",))

    assert [
        serves_account(policy(), "prod", ["prod"]),
        serves_account(policy(), "test", ["prod"]),
        serves_account(named, "test", ["prod", "test"]),
        serves_account(named, "prod", ["prod", "test"]),
    ] == [True, False, True, False]


CANARY = (Selector(name="deploy-web"),)


@pytest.mark.parametrize(
    ("ruled", "expected"),
    [
        pytest.param(policy(), False, id="observe is the default"),
        pytest.param(policy(mode=Mode.ENFORCE), True, id="enforce means all"),
        pytest.param(
            policy(mode=Mode.ENFORCE, enforce_only=CANARY), True, id="a canary is enforced"
        ),
        pytest.param(
            policy(mode=Mode.ENFORCE, enforce_only=(Selector(name="x"),)),
            False,
            id="the others are observed",
        ),
        pytest.param(
            policy(mode=Mode.ENFORCE, enforce_only=()), False, id="no canary at all: nobody"
        ),
        pytest.param(policy(enforce_only=CANARY), False, id="a canary of an observing policy"),
    ],
)
def test_is_enforced(ruled: Policy, expected: bool) -> None:
    """A policy acts only on those whom enforce means."""
    assert expected is is_enforced(ruled, CI)


GROUP = Selector(group="deployers")


@pytest.mark.parametrize(
    ("ruled", "expected"),
    [
        pytest.param(policy(), False, id="no selector asks"),
        pytest.param(policy(include=(GROUP,)), True, id="an inclusion asks"),
        pytest.param(policy(exclude=(Exclusion(GROUP),)), True, id="an exclusion asks"),
        pytest.param(policy(enforce_only=(GROUP,)), True, id="a canary asks"),
    ],
)
def test_needs_groups(ruled: Policy, expected: bool) -> None:
    """Groups cost calls, and are read where any selector asks for one."""
    assert expected is needs_groups([policy(), ruled])


TAGGED = Selector(tags={"team": "*"})


@pytest.mark.parametrize(
    ("ruled", "expected"),
    [
        pytest.param(policy(), False, id="nobody asks"),
        pytest.param(policy(include=(GROUP,)), False, id="a group is no tag"),
        pytest.param(policy(include=(TAGGED,)), True, id="a selector asks"),
        pytest.param(policy(exclude=(Exclusion(TAGGED),)), True, id="an exclusion asks"),
        pytest.param(policy(enforce_only=(TAGGED,)), True, id="a canary asks"),
    ],
)
def test_needs_tags(ruled: Policy, expected: bool) -> None:
    """Where the details of an account are forbidden, tags cost a call for each user."""
    assert expected is needs_tags([policy(), ruled])
