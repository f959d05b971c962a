"""Name templates: nobody's name or tag leads outside of what the policy's author wrote."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.errors import RotatorError
from rotator.model import NameProblem, Template, User


def user(name: str = "bob", path: str = "/", **tags: str) -> User:
    return User("prod", "123456789012", "AIDA1", name, path=path, tags=tags)


@pytest.mark.parametrize(
    ("text", "whose", "expected"),
    [
        pytest.param("ci/{user}/aws", user(), "ci/bob/aws", id="a name"),
        pytest.param("{account}/{account_id}/x", user(), "prod/123456789012/x", id="both accounts"),
        pytest.param("ci/{path}/{user}", user(path="/a/b/"), "ci/a/b/bob", id="path in slashes"),
        pytest.param("ci{path}{user}", user(path="/a/b/"), "ci/a/b/bob", id="path makes slashes"),
        pytest.param("ci/{path}/{user}", user(), "ci/bob", id="the root path adds none"),
        pytest.param("{path}{user}", user(path="/a/"), "/a/bob", id="a leading slash stays"),
        pytest.param("t/{tag[the team]}", user(**{"the team": "x"}), "t/x", id="tag with a space"),
        pytest.param(
            "t/{tag[a/b:c]}.json", user(**{"a/b:c": "x"}), "t/x.json", id="tag with signs"
        ),
        pytest.param("//srv/{user}", user(), "//srv/bob", id="the prefix is left as it is"),
        pytest.param("../up/{user}", user(), "../up/bob", id="the author may step up"),
        pytest.param("a/{user}", user("n" * 64), "a/" + "n" * 64, id="64 characters"),
        pytest.param("a/{user}.json", user(".."), "a/...json", id="dots that are no step"),
        pytest.param("a/{user}", user("a..b"), "a/a..b", id="dots within a name"),
        pytest.param("a/{user}", user("+=,.@-_"), "a/+=,.@-_", id="all signs of a user name"),
        pytest.param("a/{user}", user("аdmin"), "a/аdmin", id="look-alike letters are others"),  # noqa: RUF001 - the look-alike is the test
        pytest.param("fixed/name", user(), "fixed/name", id="no placeholder"),
    ],
)
def test_a_template_gives_each_user_a_name(text: str, whose: User, expected: str) -> None:
    """Placeholders are filled in, and doubled slashes after the prefix are one."""
    assert expected == Template.parse(text).resolve(whose)


@pytest.mark.parametrize(
    ("text", "whose", "said"),
    [
        pytest.param("a/{user}", user(".."), "leaves its prefix", id="user .."),
        pytest.param("a/{user}/b", user("."), "leaves its prefix", id="user ."),
        pytest.param("a/.{user}/b", user("."), "leaves its prefix", id="a step made of two halves"),
        pytest.param("a/{user}{tag[t]}", user(".", t="."), "leaves its prefix", id="two dots join"),
        pytest.param("a/{path}/x", user(path="/../"), "leaves its prefix", id="path that steps up"),
        pytest.param(
            "a/{tag[t]}", user(t="../../etc"), "leaves its prefix", id="tag that steps up"
        ),
        pytest.param("a/{tag[t]}", user(t="b\\..\\c"), "leaves its prefix", id="backslashes"),
        pytest.param("a/{tag[t]}", user(t="‥"), "leaves its prefix", id="two dot leader"),
        pytest.param("a/{tag[t]}", user(t="．．"), "leaves its prefix", id="full-width dots"),  # noqa: RUF001 - the look-alike is the test
        pytest.param("a/{tag[t]}", user(t="b／c"), "leaves its prefix", id="full-width slash"),  # noqa: RUF001 - the look-alike is the test
        pytest.param("a/{tag[t]}", user(t="b\nc"), "unprintable", id="a newline"),
        pytest.param("a/{tag[t]}", user(t="b\0c"), "unprintable", id="a NUL"),
        pytest.param("a/{tag[t]}", user(t="b\u202ec"), "unprintable", id="right-to-left override"),
        pytest.param("a/{tag[t]}", user(t="b\u2028c"), "unprintable", id="a line separator"),
        pytest.param("a/{tag[t]}", user(), "has no tag 't'", id="no such tag"),
        pytest.param("a/{tag[t]}", user(t=""), "is empty", id="an empty tag"),
        pytest.param("a/{tag[t]}/b", user(t="  "), "is empty", id="a blank tag"),
        pytest.param("{path}", user(), "is empty", id="nothing but a slash"),
    ],
)
def test_a_user_without_a_usable_name_is_a_problem_of_that_user(
    text: str, whose: User, said: str
) -> None:
    """The sentence names the user and never carries an unprintable character."""
    with pytest.raises(NameProblem, match=said) as raised:
        Template.parse(text).resolve(whose)

    assert str(raised.value).isprintable()
    assert str(whose) in str(raised.value)
    assert isinstance(raised.value, RotatorError)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a/{usr}", r"unknown placeholder \{usr\}: did you mean \{user\}\?", id="near"),
        pytest.param("a/{User}", r"did you mean \{user\}\?", id="wrong case"),
        pytest.param("a/{accountid}", r"did you mean \{account_id\}\?", id="no underscore"),
        pytest.param("a/{tag}", r"did you mean \{tag\[NAME\]\}\?", id="a tag without its name"),
        pytest.param("a/{tag[]}", r"unknown placeholder", id="a tag with an empty name"),
        pytest.param("a/{zzzzz}", r"there are \{account\}", id="nothing near"),
        pytest.param("a/{}", r"unknown placeholder \{\}", id="an empty one"),
        pytest.param("a/{user", r"unbalanced '\{'", id="not closed"),
        pytest.param("a/user}", r"unbalanced '\}'", id="not opened"),
        pytest.param("a/{{user}}", r"unbalanced '\{'", id="doubled"),
        pytest.param("", "must not be empty", id="empty"),
        pytest.param("  ", "must not be empty", id="blank"),
        pytest.param("a/{user}/../b", "steps out", id="a step behind the user"),
        pytest.param("a/{user}/./b", "steps out", id="a dot behind the user"),
    ],
)
def test_a_wrong_template_is_told_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Template.parse(text)


def test_a_template_says_what_it_is_made_of() -> None:
    template = Template.parse("ci/{account}-{tag[team]}/{user}")

    assert template.fields == {"account", "tag[team]", "user"}
    assert template.prefix == "ci/"
    assert template.names_user
    assert str(template) == template.text == "ci/{account}-{tag[team]}/{user}"
    assert not Template.parse("ci/{account}").names_user
    assert Template.parse("{user}").prefix == ""
    assert Template.parse("fixed").prefix == "fixed"


@given(
    name=st.text(min_size=1, max_size=8),
    path=st.text("./a\\", max_size=8).map(lambda text: f"/{text}/"),
    tag=st.text("./a\\‥．", max_size=8),  # noqa: RUF001 - the look-alike is the test
    text=st.sampled_from(
        ["p/{user}", "p/x{path}{user}", "p/{tag[t]}/{user}", "p/.{tag[t]}.{user}"]
    ),
)
def test_no_name_leaves_the_prefix(name: str, path: str, tag: str, text: str) -> None:
    """Whatever a user is called: it is told, or its name stays below the prefix."""
    template = Template.parse(text)
    try:
        resolved = template.resolve(user(name, path, t=tag))
    except NameProblem:
        return

    assert resolved.startswith(template.prefix)
    assert posixpath.normpath(resolved) == resolved.rstrip("/")
    assert "//" not in resolved
