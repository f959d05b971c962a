"""Formats: what is written can be read back, what was there besides is kept."""

from __future__ import annotations

import configparser
import json
from typing import TYPE_CHECKING

import pytest
from botocore.configloader import raw_config_parse
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rotator.errors import Rejected
from rotator.formats import FORMATS, AwsCredentialsFormat, EnvFormat, Format, JsonFormat
from rotator.model import Credential, Empty, Secret, Stranger

if TYPE_CHECKING:
    from pathlib import Path

KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLE=/+"
OLD = Credential("AKIAOLDOLDOLDOLDOLD1", Secret("old/+=secret"), "bob", "123456789012")
NEW = Credential(KEY, Secret(SECRET), "bob", "123456789012")

NAMED = JsonFormat(
    fields={"AWS_ACCESS_KEY_ID": "access_key_id", "AWS_SECRET_ACCESS_KEY": "secret_access_key"},
    constants={"AWS_REGION": "eu-north-1", "port": 5432, "tls": True},
)
ALL = [
    pytest.param(JsonFormat(), id="json"),
    pytest.param(NAMED, id="json with names"),
    pytest.param(EnvFormat(), id="env"),
    pytest.param(EnvFormat(constants={"AWS_REGION": "eu-north-1"}), id="env with a constant"),
    pytest.param(AwsCredentialsFormat(), id="default profile"),
    pytest.param(AwsCredentialsFormat(profile="ci deploy"), id="named profile"),
]


def pair(reading: object) -> tuple[str, str] | None:
    if not isinstance(reading, Credential):
        return None
    return reading.access_key_id, reading.secret_access_key.reveal()


@pytest.mark.parametrize("fmt", ALL)
def test_what_is_written_is_read_back(fmt: Format) -> None:
    """Odd characters included; in a place that is new, empty, or serves another key."""
    for existing in (None, "", "\n\n", fmt.render(OLD, None)):
        assert pair(NEW) == pair(fmt.read(fmt.render(NEW, existing)))


@pytest.mark.parametrize("fmt", ALL)
def test_twice_is_once(fmt: Format) -> None:
    once = fmt.render(NEW, fmt.render(OLD, None))

    assert once == fmt.render(NEW, once)
    assert once == fmt.render(NEW, None)


@pytest.mark.parametrize("fmt", ALL)
def test_text_without_a_key_is_empty(fmt: Format) -> None:
    assert fmt.read("") == Empty()
    assert fmt.read(" \n") == Empty()


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("a b", id="a space"),
        pytest.param("a\nb", id="a newline"),
        pytest.param("a'b", id="a quote"),
        pytest.param("", id="nothing"),
    ],
)
@pytest.mark.parametrize("fmt", ALL)
def test_a_secret_that_would_not_be_read_back_is_rejected(fmt: Format, secret: str) -> None:
    """The sentence names the user and the key's last characters, and not the secret."""
    with pytest.raises(Rejected, match=f"{KEY[-4:]} of user bob") as raised:
        fmt.render(Credential(KEY, Secret(secret), "bob", "1"), None)

    assert not secret or secret not in str(raised.value)


def test_default_json_is_what_credential_process_reads() -> None:
    expected = {
        "Version": 1,
        "AccessKeyId": KEY,
        "SecretAccessKey": SECRET,
        "UserName": "bob",
        "AccountId": "123456789012",
    }

    assert expected == json.loads(JsonFormat().render(NEW, None))
    assert JsonFormat().read(json.dumps(expected)) == NEW


def test_json_keeps_other_fields() -> None:
    """Order, nesting and letters of other alphabets included."""
    shared = {"host": "db", "n": 12345678901234567890, "é": [1.5, None, {"x": "æ\ud800"}]}

    written = json.loads(NAMED.render(NEW, json.dumps(shared)))

    assert list(written)[:3] == ["host", "n", "é"]
    assert shared == {name: written[name] for name in shared}
    assert {"AWS_REGION": "eu-north-1", "port": 5432, "tls": True}.items() <= written.items()
    assert "é" in NAMED.render(NEW, '{"x": "é"}')


def test_json_drops_what_goes_with_a_temporary_key() -> None:
    """A session token or an expiry beside a new key would make it unusable."""
    text = json.dumps(
        {"AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SessionToken": "t", "Expiration": "2026", "x": 1}
    )

    written = json.loads(JsonFormat().render(NEW, text))

    assert written["x"] == 1
    assert written.keys().isdisjoint({"SessionToken", "Expiration"})
    assert JsonFormat().read(text) == Stranger(
        "it holds a session token, which belongs to a temporary key"
    )


CANARY = "CANARYcanaryCANARYcanary"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{CANARY}", id="not JSON"),
        pytest.param(f'{{"AccessKeyId": "{CANARY}"', id="cut off"),
        pytest.param(f'["{CANARY}"]', id="a list"),
        pytest.param(f'"{CANARY}"', id="a string"),
        pytest.param(f'{{"AccessKeyId": "{CANARY}"}}', id="no secret"),
        pytest.param(f'{{"SecretAccessKey": "{CANARY}"}}', id="no id"),
        pytest.param(f'{{"AccessKeyId": 5, "SecretAccessKey": "{CANARY}"}}', id="a number"),
        pytest.param(f'{{"AccessKeyId": "x y", "SecretAccessKey": "{CANARY}"}}', id="no key id"),
        pytest.param(f'{{"AccessKeyId": "{KEY}", "SecretAccessKey": "{CANARY} "}}', id="a blank"),
        pytest.param(f'{{"a": "{CANARY}", "a": 1}}', id="a name twice"),
        pytest.param(f'{{"a": "{CANARY}", "b": NaN}}', id="not a number"),
        pytest.param(f'{{"a": "{CANARY}", "b": 1e400}}', id="a number that overflows"),
        pytest.param(f'{{"a": "{CANARY}", "b": 1e-99999999999999999999}}', id="an absurd number"),
        pytest.param(f'{{"a": "{CANARY}", "b": 0.1000000000000000000001}}', id="a precise number"),
        pytest.param("[" * 100_000, id="nested without end"),
    ],
)
def test_json_that_we_would_not_write_is_a_stranger(text: str) -> None:
    """It is said why, and nothing of the content is quoted."""
    reading = JsonFormat().read(text)

    assert isinstance(reading, Stranger)
    assert CANARY not in reading.why
    assert KEY not in reading.why


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"host": "db"}', id="only other fields"),
        pytest.param('{"AccessKeyId": "", "SecretAccessKey": null}', id="prepared fields"),
        pytest.param("{}", id="an empty object"),
    ],
)
def test_json_without_a_key_is_empty(text: str) -> None:
    assert JsonFormat().read(text) == Empty()


def test_fields_that_disagree_are_a_stranger() -> None:
    fmt = JsonFormat(fields={"a": "access_key_id", "b": "access_key_id", "s": "secret_access_key"})

    assert fmt.read(f'{{"a": "{KEY}", "b": "AKIAOLDOLDOLDOLDOLD1", "s": "x"}}') == Stranger(
        "its fields disagree about the access_key_id"
    )
    assert pair(NEW) == pair(fmt.read(f'{{"b": "{KEY}", "s": "{SECRET}"}}'))


def test_env_changes_only_its_own_lines() -> None:
    existing = (
        "# the old key\n"
        "export AWS_ACCESS_KEY_ID='AKIAOLDOLDOLDOLDOLD1'\r\n"
        'OTHER="x y"\n'
        "AWS_SECRET_ACCESS_KEY=old/+=secret\n"
        "AWS_SESSION_TOKEN=\n"
        "NO LINE OF OURS\n"
        "\n\n"
    )
    fmt = EnvFormat(constants={"AWS_REGION": "eu-north-1"})
    expected = (
        "# the old key\n"
        f"export AWS_ACCESS_KEY_ID={KEY}\r\n"
        'OTHER="x y"\n'
        f"AWS_SECRET_ACCESS_KEY={SECRET}\n"
        "NO LINE OF OURS\n"
        "AWS_REGION=eu-north-1\n"
    )

    assert pair(OLD) == pair(fmt.read(existing))
    assert expected == fmt.render(NEW, existing)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"AWS_ACCESS_KEY_ID={KEY}\n", id="no secret"),
        pytest.param(f"AWS_ACCESS_KEY_ID={KEY}\nAWS_ACCESS_KEY_ID={KEY}\n", id="set twice"),
        pytest.param(f"AWS_ACCESS_KEY_ID={KEY} # x\nAWS_SECRET_ACCESS_KEY=x", id="a comment"),
        pytest.param(f"AWS_SESSION_TOKEN=x\nAWS_ACCESS_KEY_ID={KEY}", id="a session token"),
        pytest.param("\0AWS_ACCESS_KEY_ID=", id="binary"),
    ],
)
def test_env_that_we_would_not_write_is_a_stranger(text: str) -> None:
    reading = EnvFormat().read(text)

    assert isinstance(reading, Stranger)
    assert KEY not in reading.why


SHARED = f"""\
# kept
[other]
aws_access_key_id = AKIAOTHEROTHEROTHER1
aws_secret_access_key = other/secret
[ci]
region = eu-north-1
aws_access_key_id=AKIAOLDOLDOLDOLDOLD1
AWS_SECRET_ACCESS_KEY : old/+=secret
s3 =
  max_concurrent_requests = 1

[last]
aws_secret_access_key = {CANARY}
"""


def test_a_profile_is_changed_within_its_file() -> None:
    expected = f"""\
# kept
[other]
aws_access_key_id = AKIAOTHEROTHEROTHER1
aws_secret_access_key = other/secret
[ci]
aws_access_key_id = {KEY}
aws_secret_access_key = {SECRET}
region = eu-north-1
s3 =
  max_concurrent_requests = 1

[last]
aws_secret_access_key = {CANARY}
"""
    fmt = AwsCredentialsFormat(profile="ci")

    assert pair(OLD) == pair(fmt.read(SHARED))
    assert expected == fmt.render(NEW, SHARED)


def test_a_profile_that_is_not_there_is_added() -> None:
    fmt = AwsCredentialsFormat(profile="new one")
    text = fmt.render(NEW, SHARED)

    assert fmt.read(SHARED) == Empty()
    assert text.startswith(SHARED)
    assert pair(NEW) == pair(fmt.read(text))


def test_botocore_reads_the_profile_that_we_write(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text(AwsCredentialsFormat(profile="ci").render(NEW, SHARED))

    profile = raw_config_parse(str(file))

    assert profile["ci"]["aws_access_key_id"] == KEY
    assert profile["ci"]["aws_secret_access_key"] == SECRET
    assert profile["other"]["aws_secret_access_key"] == "other/secret"


def test_a_value_on_a_line_of_its_own_goes_with_its_name() -> None:
    text = "[default]\naws_access_key_id =\n  AKIAOLDOLDOLDOLDOLD1\nx = 1\n"
    expected = f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\nx = 1\n"

    assert expected == AwsCredentialsFormat().render(NEW, text)


def test_a_profile_that_cannot_be_changed_safely_is_rejected() -> None:
    """Lines that go on the one above would come to belong to another; nothing is quoted."""
    with pytest.raises(Rejected) as raised:
        AwsCredentialsFormat().render(NEW, f"[default]\n  x = {CANARY}\n")

    assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"aws_access_key_id = {CANARY}", id="no profile above"),
        pytest.param(f"[default]\nx = {CANARY}\n[default]\n", id="a profile twice"),
        pytest.param(f"[default]\nx = {CANARY}\nx = 1", id="a setting twice"),
        pytest.param(f"[default]\n{CANARY}", id="no setting"),
        pytest.param(f"[default]\raws_access_key_id = {CANARY}", id="bare carriage returns"),
        pytest.param(f"[default]\naws_access_key_id = {CANARY}", id="no secret"),
        pytest.param(f"[default]\naws_session_token = {CANARY}", id="a session token"),
    ],
)
def test_profiles_that_we_would_not_write_are_a_stranger(text: str) -> None:
    fmt = AwsCredentialsFormat()
    reading = fmt.read(text)

    assert isinstance(reading, Stranger)
    assert CANARY not in reading.why
    assert pair(NEW) == pair(fmt.read(fmt.render(NEW, text)))


@given(
    st.lists(
        st.sampled_from(
            [
                "[default]",
                "[ci]",
                "[b]",
                "x = 1",
                "aws_access_key_id = q",
                "  more",
                "",
                "# c",
                ";d",
            ]
        ),
        max_size=9,
    )
)
def test_other_profiles_survive_any_change(lines: list[str]) -> None:
    """Of a file that can be read, all that is not this profile's key reads as before."""
    text = "\n".join(lines)
    before = configparser.RawConfigParser(default_section="\n")
    try:
        before.read_string(text)
        written = AwsCredentialsFormat(profile="ci").render(NEW, text)
    except (configparser.Error, Rejected):
        return
    after = configparser.RawConfigParser(default_section="\n")
    after.read_string(written)
    before.read_dict({"ci": dict(after["ci"])} if after.has_section("ci") else {})

    assert set(before.sections()) == set(after.sections())
    for section in set(before.sections()) - {"ci"}:
        assert {k: v.strip() for k, v in before[section].items()} == {
            k: v.strip() for k, v in after[section].items()
        }


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        pytest.param("json", {"fields": {"a": "access_key_id"}}, "secret_access_key", id="half"),
        pytest.param("json", {"fields": {}}, "access_key_id and secret", id="no fields"),
        pytest.param("json", {"constants": {"UserName": "x"}}, "UserName cannot be", id="both"),
        pytest.param("json", {"constants": {"SessionToken": "x"}}, "session token", id="session"),
        pytest.param("json", {"fields": {"a": "nonsense"}}, "access_key_id", id="unknown part"),
        pytest.param("json", {"field": {}}, "not permitted", id="unknown option"),
        pytest.param("env", {"constants": {"A": "x y"}}, "quotes", id="a constant with a blank"),
        pytest.param("env", {"constants": {"1A": "x"}}, "letters", id="no name of a variable"),
        pytest.param("aws-credentials", {"profile": "a]b"}, "pattern", id="no name of a profile"),
        pytest.param("aws-credentials", {"profile": ""}, "pattern", id="an empty profile"),
    ],
)
def test_wrong_options_are_told(kind: str, options: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FORMATS[kind].model_validate(options)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_described(name: str) -> None:
    """Unknown options are refused, and each option that there is has a meaning."""
    schema = FORMATS[name].model_json_schema()

    assert schema["additionalProperties"] is False
    assert all("description" in option for option in schema["properties"].values())


@pytest.mark.parametrize("fmt", ALL)
def test_every_format_of_named_fields_can_be_read_back(fmt: Format) -> None:
    assert not fmt.one_way
    assert fmt.one_way_because is None
