"""The format `template`: the policy's own text, read back wherever that is possible for certain."""

from __future__ import annotations

import json
import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rotator.errors import Rejected
from rotator.formats import TemplateFormat
from rotator.model import Credential, Empty, Secret, Stranger, User

KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLE=/+"
NEW = Credential(KEY, Secret(SECRET), "bob", "123456789012")
BOB = User("prod", "123456789012", "AIDABOB", "bob")
PAIR = "{access_key_id} {secret_access_key}"


def made(template: str) -> TemplateFormat:
    return TemplateFormat(template=template).of(BOB)


READABLE = [
    pytest.param(PAIR, f"{KEY} {SECRET}", id="the shortest"),
    pytest.param(
        "# key of {user} in {account} ({account_id})\n"
        "aws_access_key_id = {access_key_id}\naws_secret_access_key = {secret_access_key}\n",
        f"# key of bob in prod (123456789012)\n"
        f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n",
        id="comments of its own",
    ),
    pytest.param(
        '{"id": "{access_key_id}", "in": {"account": {account_id}}, "key": "{secret_access_key}"}',
        f'{{"id": "{KEY}", "in": {{"account": 123456789012}}, "key": "{SECRET}"}}',
        id="JSON, without care for its braces",
    ),
    pytest.param(
        "{access_key_id}\n{access_key_id}:{secret_access_key}\n{secret_access_key}",
        f"{KEY}\n{KEY}:{SECRET}\n{SECRET}",
        id="everything twice",
    ),
    pytest.param(
        "{account_id}{access_key_id}|{secret_access_key}",
        f"123456789012{KEY}|{SECRET}",
        id="a number of one length before another value",
    ),
    pytest.param(
        "{{user}} {{{user}}} {{{{user}}}} {{ .user }} ${{ x }} {User} {} " + PAIR,
        "{user} {bob} {{user}} {{ .user }} ${{ x }} {User} {} " + f"{KEY} {SECRET}",
        id="doubled braces, and braces around no name",
    ),
    pytest.param(
        "{{access_key_id} {secret_access_key}}}",
        f"{{{KEY} {SECRET}}}}}",
        id="more braces on one side",
    ),
    pytest.param(
        "<id>{access_key_id}</id><secret>{secret_access_key}</secret>",
        f"<id>{KEY}</id><secret>{SECRET}</secret>",
        id="XML, which needs no escaping either",
    ),
    pytest.param(
        "s3://{access_key_id}:{secret_access_key}@files",
        f"s3://{KEY}:{SECRET}@files",
        id="an address",
    ),
    pytest.param("a.*[b]\\ (" + PAIR + ")", f"a.*[b]\\ ({KEY} {SECRET})", id="signs of patterns"),
]


@pytest.mark.parametrize(("template", "expected"), READABLE)
def test_what_is_written_is_read_back(template: str, expected: str) -> None:
    fmt = made(template)
    text = fmt.render(NEW, "whatever was there")
    read = fmt.read(text)

    assert expected == text
    assert not fmt.one_way
    assert isinstance(read, Credential)
    assert (read.access_key_id, read.secret_access_key.reveal()) == (KEY, SECRET)
    assert text == fmt.render(NEW, text)


def test_json_of_a_template_is_json() -> None:
    """No value can hold what would have to be escaped."""
    template = '{"id": "{access_key_id}", "key": "{secret_access_key}", "user": "{user}"}'

    expected = {"id": KEY, "key": SECRET, "user": "bob"}
    assert expected == json.loads(made(template).render(NEW, None))


def test_what_the_text_names_is_read_too() -> None:
    """User and account; another user's text is not taken for ours."""
    fmt = made("{user}:{account_id}:" + PAIR)
    other = replace(NEW, user_name="alice", account_id="111122223333")

    assert fmt.read(fmt.render(NEW, None)) == NEW
    assert fmt.read(fmt.render(other, None)) == other
    assert made(PAIR).read(f"{KEY} {SECRET}") == replace(NEW, user_name="", account_id="")


@pytest.mark.parametrize(
    "ending", [pytest.param("", id="none"), "\n", "\r\n", pytest.param(" \n\n", id="blanks")]
)
def test_white_space_at_the_end_does_not_matter(ending: str) -> None:
    """Editors add it, and stores may trim it."""
    assert isinstance(made(PAIR + "\n").read(f"{KEY} {SECRET}{ending}"), Credential)
    assert isinstance(made(PAIR).read(f"{KEY} {SECRET}{ending}"), Credential)


@pytest.mark.parametrize("text", ["", " \n"])
def test_text_without_anything_is_empty(text: str) -> None:
    assert made(PAIR).read(text) == Empty()


CANARY = "CANARYcanaryCANARYcanary"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CANARY, id="something else"),
        pytest.param(f"{KEY}", id="half of it"),
        pytest.param(f"{KEY}  {CANARY}", id="a blank too many"),
        pytest.param(f"{KEY} {CANARY}\nmore", id="more at the end"),
        pytest.param(f"x{KEY} y {CANARY}", id="more within"),
        pytest.param(f"KEY {CANARY}", id="no key id"),
        pytest.param("x" * 1_000_000, id="a megabyte"),
    ],
)
def test_what_we_would_not_write_is_a_stranger(text: str) -> None:
    """As a whole: nothing of it is quoted."""
    assert made(PAIR).read(text) == Stranger("it is not the text of the template")


def test_values_that_disagree_are_a_stranger() -> None:
    fmt = made("{access_key_id} {access_key_id} {secret_access_key}")

    assert isinstance(fmt.read(f"{KEY} AKIAOTHEROTHEROTHER1 {SECRET}"), Stranger)


@pytest.mark.parametrize(
    ("template", "because"),
    [
        pytest.param(
            "{access_key_id}:{secret_access_key}/",
            "{secret_access_key} in line 1, column 17 of the template is followed by `/`, which "
            "may be part of its value",
            id="a sign that a secret may hold",
        ),
        pytest.param(
            "key:\n  {access_key_id}{secret_access_key}",
            "{access_key_id} in line 2, column 3 of the template is followed by the next one, "
            "which may be part of its value",
            id="nothing between id and secret",
        ),
        pytest.param(
            "{user}.id=" + PAIR,
            "{user} in line 1, column 1 of the template is followed by `.`, which may be part of "
            "its value",
            id="a user whose name may hold what follows",
        ),
        pytest.param(
            "{access_key_id}_ {secret_access_key}",
            "{access_key_id} in line 1, column 1 of the template is followed by `_`, which may be "
            "part of its value",
            id="a sign that an id may hold",
        ),
    ],
)
def test_what_could_be_read_in_two_ways_is_one_way(template: str, because: str) -> None:
    """It is written all the same, and the reason is at hand; it is never read."""
    fmt = made(template)
    text = fmt.render(NEW, None)

    assert fmt.one_way
    assert because == fmt.one_way_because
    assert KEY in text
    assert SECRET in text
    assert text == fmt.render(NEW, text)
    assert fmt.read(text) == Stranger("its template cannot be read back")
    assert fmt.read(" ") == Empty()


@pytest.mark.parametrize("template", [PAIR, "{access_key_id}{secret_access_key}"])
@pytest.mark.parametrize("secret", ["a b", "a\nb", "a'b", "", "a<b", "a&b", "a$b"])
def test_a_secret_that_would_need_escaping_is_rejected(template: str, secret: str) -> None:
    """One-way or not: IAM makes none, and who reads the text could take it for something else."""
    with pytest.raises(Rejected, match=f"{KEY[-4:]} of user bob") as raised:
        made(template).render(replace(NEW, secret_access_key=Secret(secret)), None)

    assert not secret or secret not in str(raised.value)


_TEXTS = st.text("ab \n{}[]\"':=.|/<>\\$^*+?()", max_size=8)
_NAMES = st.sampled_from(["user", "account", "account_id", "access_key_id", "secret_access_key"])
_PIECES = st.one_of(_TEXTS, _NAMES.map("{{{}}}".format))
_SECRETS = st.text(string.ascii_letters + "/+=", min_size=1, max_size=20)
_IDS = st.text(string.ascii_uppercase + string.digits + "_", min_size=16, max_size=24)
_USERS = st.text(string.ascii_letters + "+=,.@-_", min_size=1, max_size=8)


@given(
    before=st.lists(_PIECES, max_size=5),
    after=st.lists(_PIECES, max_size=5),
    key_id=_IDS,
    secret=_SECRETS,
    user=_USERS,
)
def test_no_template_is_read_back_as_another_credential(
    before: list[str], after: list[str], key_id: str, secret: str, user: str
) -> None:
    """Any template: refused when loaded, one-way, or read back as what was written."""
    template = "".join([*before, "{access_key_id}", *after, "\t{secret_access_key}"])
    try:
        fmt = made(template)
    except ValidationError:
        return
    credential = Credential(key_id, Secret(secret), user, "123456789012")
    text = fmt.render(credential, None)
    read = fmt.read(text)

    assert fmt.one_way or (
        isinstance(read, Credential)
        and (read.access_key_id, read.secret_access_key.reveal()) == (key_id, secret)
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({}, "it needs `template`", id="no text"),
        pytest.param({"file": "x"}, "it needs `template`", id="a file that nobody has read"),
        pytest.param({"template": ""}, r"no \{access_key_id\} and no \{secret", id="empty"),
        pytest.param({"template": "{access_key_id}"}, r"no \{secret_access_key\};", id="no secret"),
        pytest.param(
            {"template": "{{access_key_id}} {secret_access_key}"},
            r"no \{access_key_id\}",
            id="an id that only looks like one",
        ),
        pytest.param({"template": "{ACCESS_KEY_ID}"}, r"no \{access_key_id\}", id="capitals"),
        pytest.param(
            {"template": PAIR + "\n {secret_access_kay}"},
            r"\{secret_access_kay\} in line 2, column 2 of it: did you mean \{secret_access_key\}",
            id="a typing mistake",
        ),
        pytest.param(
            {"template": PAIR + " {tag[team]}"},
            r"unknown placeholder \{tag\[team\]\} in line 1, column 37 of it: there are",
            id="a tag, as in names of places",
        ),
        pytest.param({"template": PAIR, "x": 1}, "not permitted", id="unknown option"),
        pytest.param({"template": 5}, "valid string", id="a number"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TemplateFormat.model_validate(options)
