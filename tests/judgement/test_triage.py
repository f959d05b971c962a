"""A first look at an account, and policies that cover each of its users once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.judgement.selection import select
from rotator.judgement.triage import Proposal, proposals, triage
from rotator.model import (
    Exclusion,
    NeverUsed,
    Policy,
    Report,
    ReportedKey,
    ReportedUser,
    Selected,
    Selector,
    UsedAt,
    User,
    UseUnknown,
)
from tests.judgement.worlds import DAY, NEVER, NOW, USER

if TYPE_CHECKING:
    from datetime import timedelta

USED = UsedAt(NOW - DAY, "s3", "eu")


def key(
    age: timedelta, *, use: UsedAt | NeverUsed | UseUnknown = USED, is_active: bool = True
) -> ReportedKey:
    """A key by its age."""
    return ReportedKey(is_active=is_active, rotated_at=NOW - age, last_use=use)


def reported(*users: tuple[str, tuple[ReportedKey, ...]], root: int = 0) -> Report:
    """A report of these users."""
    rows = {name: ReportedUser(name, f"arn:{name}", NOW - 900 * DAY, keys) for name, keys in users}
    root_row = ReportedUser("<root_account>", "arn:root", NOW, (key(DAY),) * root)
    return Report(NOW, rows, root_row, "digest")


def test_each_kind_is_counted_and_named() -> None:
    """The oldest key first; an Inactive key is neither old nor unused."""
    report = reported(
        ("young", (key(DAY),)),
        ("old", (key(90 * DAY),)),
        ("older", (key(200 * DAY), key(DAY))),
        ("ancient", (key(200 * DAY),)),
        ("off", (key(300 * DAY, is_active=False),)),
        ("idle", (key(50 * DAY, use=UsedAt(NOW - 46 * DAY)),)),
        ("never", (key(50 * DAY, use=NEVER),)),
        ("new", (key(DAY, use=NEVER),)),
        ("idle to the day", (key(50 * DAY, use=UsedAt(NOW - 45 * DAY)),)),
        ("never to the day", (key(45 * DAY, use=NEVER),)),
        ("unclear", (key(50 * DAY, use=UseUnknown("no_information")),)),
        ("none", ()),
        root=2,
    )

    found = triage(report, NOW)

    assert (found.users, found.with_keys, found.keys, found.root_keys) == (12, 11, 12, 2)
    assert found.generated_at == report.generated_at
    assert found.old == (("ancient", 200 * DAY), ("older", 200 * DAY), ("old", 90 * DAY))
    assert found.doubled == ("older",)
    assert found.unused == ("idle", "idle to the day", "never", "never to the day")
    assert found.unclear == ("unclear",)


def test_a_report_without_a_row_of_root_has_no_keys_of_root() -> None:
    assert triage(replace(reported(("a", (key(DAY),))), root=None), NOW).root_keys == 0


def user(name: str, path: str = "/", **tags: str) -> User:
    """A user of this path and these tags."""
    return replace(USER, user_id=f"AIDA{name}", name=name, path=path, tags=tags)


def proposed(*users: User) -> list[Proposal]:
    """The policies for these users, of whom each has a key."""
    return proposals(users, reported(*((one.name, (key(DAY),)) for one in users)))


def test_a_policy_for_each_path() -> None:
    """By its first folder, since a longer one would lie within another."""
    found = proposed(user("a", "/ci/"), user("b", "/ci/deploy/"), user("c", "/apps/"))

    assert [(one.name, one.path, one.users) for one in found] == [
        ("apps", "/apps/", 1),
        ("ci", "/ci/", 2),
    ]


def test_users_without_a_path_are_parted_by_the_tag_that_tells_them_apart() -> None:
    """Most of them have it, and it has few values; the others are covered too."""
    users = [user(f"u{n}", team="blue" if n % 2 else "red", host=f"h{n}") for n in range(20)]

    found = proposed(*users, user("plain"), user("d", "/ci/"))

    assert [(one.name, one.tag, one.users) for one in found] == [
        ("ci", None, 1),
        ("team-blue", ("team", "blue"), 10),
        ("team-red", ("team", "red"), 10),
        ("others", None, 1),
    ]
    assert {one.without for one in found[1:]} == {("/ci/",)}
    assert found[-1].without_tag == (("team", "blue"), ("team", "red"))


@pytest.mark.parametrize(
    ("users", "expected"),
    [
        pytest.param(
            [user(f"u{n}", team=f"t{n % 12}") for n in range(24)],
            {f"team-t{n}" for n in range(12)},
            id="a dozen values",
        ),
        pytest.param(
            [*(user(f"u{n}", team="xy"[n % 2]) for n in range(4)), user("none")],
            {"team-x", "team-y", "others"},
            id="four users in five have it",
        ),
        pytest.param(
            [user("a", team="X1"), user("b", team="Y1")],
            {"team-x1", "team-y1"},
            id="letters of any kind",
        ),
        pytest.param(
            [user(f"u{n}", team="xy"[n % 2], a="pqr"[n % 3]) for n in range(6)],
            {"team-x", "team-y"},
            id="of two that all have, the one with fewer values",
        ),
        pytest.param(
            [
                *(user(f"u{n}", team="xyz"[n % 3], a="pq"[n % 2]) for n in range(5)),
                user("last", team="x"),
            ],
            {"team-x", "team-y", "team-z"},
            id="the one that more have, though it has more values",
        ),
        pytest.param(
            [user(f"u{n}", team="xy"[n % 2], a="pq"[n % 2]) for n in range(4)],
            {"a-p", "a-q"},
            id="of two that are alike, the first by name",
        ),
    ],
)
def test_which_tag_parts_users(users: list[User], expected: set[str]) -> None:
    assert expected == {one.name for one in proposed(*users)}


@pytest.mark.parametrize(
    "users",
    [
        pytest.param(
            [user("a", team="x"), user("b", team="y"), user("c"), user("d")],
            id="a tag that half of them have",
        ),
        pytest.param(
            [user(f"u{n}", team=f"t{n % 13}") for n in range(26)], id="one value more than a dozen"
        ),
        pytest.param([user(f"u{n}", host=f"h{n}") for n in range(20)], id="a value for each"),
        pytest.param([user(f"u{n}", team="blue") for n in range(20)], id="one value for all"),
        pytest.param([user("a", team="x"), user("b"), user("c")], id="a tag that few have"),
        pytest.param([user("a", team="x*"), user("b", team="y")], id="a value that is a glob"),
        pytest.param([user("a", team=" "), user("b", team="y")], id="a value that says nothing"),
    ],
)
def test_a_tag_that_tells_nothing_parts_nobody(users: list[User]) -> None:
    """One policy covers them all."""
    (only,) = proposed(*users)

    assert (only.path, only.tag, only.users) == (None, None, len(users))


def test_who_has_no_key_needs_no_policy() -> None:
    """A user of whom the report knows no key, or whom it does not know."""
    report = reported(("a", (key(DAY),)), ("b", ()))

    assert [one.users for one in proposals([user("a"), user("b"), user("c")], report)] == [1]


def test_no_two_policies_have_one_name() -> None:
    """Whatever the paths are called."""
    names = [one.name for one in proposed(user("a", "/CI/"), user("b", "/ci/"), user("c", "/_/"))]

    assert len(set(names)) == 3


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a..b/", "a-b"),
        ("/CI/", "ci"),
        ("/_/", "policy"),
        ("/X/", "x"),
        ("/data-team/x/", "data-team"),
    ],
)
def test_a_policy_is_named_by_its_path(path: str, name: str) -> None:
    """In letters, digits and dashes."""
    (found,) = proposed(user("a", path))

    assert (found.name, found.path) == (name, f"/{path.split('/')[1]}/")


def test_letters_that_are_none_of_ascii_make_no_name() -> None:
    found = proposed(user("a", team="é1"), user("b", team="b"))

    assert [one.name for one in found] == ["team-b", "team-1"]


def test_the_second_of_a_name_has_a_number() -> None:
    assert [one.name for one in proposed(user("a", "/CI/"), user("b", "/ci/"))] == ["ci", "ci-2"]


def test_a_name_that_was_made_is_not_given_again() -> None:
    """A path may be called what another's second name would be."""
    found = proposed(user("a", "/CI/"), user("b", "/ci-2/"), user("c", "/ci/"))

    assert [one.name for one in found] == ["ci", "ci-2", "ci-3"]


paths = st.sampled_from(["/", "/ci/", "/ci/deploy/", "/CI/", "/apps/x/y/", "/team-blue/"])
tags = st.dictionaries(st.sampled_from(["team", "env"]), st.sampled_from(["blue", "red", "*", ""]))


@given(st.lists(st.tuples(paths, tags), min_size=1, max_size=30))
def test_every_user_belongs_to_one_policy(drawn: list[tuple[str, dict[str, str]]]) -> None:
    """To none less, and to none more: two would stop the user."""
    users = [replace(user(f"u{n}", path), tags=tag) for n, (path, tag) in enumerate(drawn)]
    policies = [as_policy(one) for one in proposed(*users)]

    found = [select(one, policies, ["prod"], NOW) for one in users]

    assert all(isinstance(one, Selected) for one in found)
    assert sum(one.users for one in proposed(*users)) == len(users)


def as_policy(proposal: Proposal) -> Policy:
    """The policy that is proposed, as it would be loaded."""
    named = proposal.path is None and proposal.tag is None
    include = Selector(
        name="*" if named else None,
        path=proposal.path,
        tags=dict([proposal.tag] if proposal.tag else []),
    )
    without = [Selector(path=path) for path in proposal.without]
    without += [Selector(tags={name: value}) for name, value in proposal.without_tag]
    return Policy(
        name=proposal.name,
        include=(include,),
        exclude=tuple(map(Exclusion, without)),
        rotate_after=60 * DAY,
    )
