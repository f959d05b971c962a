"""Reading a key that a person brings: every form, and every way in which it is none."""

from __future__ import annotations

import getpass
import io
import json
import os
import sys
import traceback
from typing import TYPE_CHECKING

import pytest

from rotator.cli.bringing import SIZE_MAX, bring, understand
from rotator.errors import Refused
from rotator.formats import AwsCredentialsFormat, JsonFormat

if TYPE_CHECKING:
    from pathlib import Path

    from rotator.model import Credential

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
INI = f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
JSON = json.dumps({"AccessKeyId": KEY, "SecretAccessKey": SECRET})
OWN = JsonFormat(fields={"id": "access_key_id", "key": "secret_access_key"})


def pair(credential: Credential) -> tuple[str, str]:
    return credential.access_key_id, credential.secret_access_key.reveal()


def refusal_of(text: str, *formats: object) -> str:
    """Why a text is refused; neither the sentence nor what is chained to it holds the text."""
    with pytest.raises(Refused) as caught:
        understand(text, "that", formats)
    whole = "".join(traceback.format_exception(caught.value))
    assert SECRET not in whole
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(JSON, id="our JSON"),
        pytest.param(f'{{"AccessKey": {JSON}}}', id="what create-access-key prints"),
        pytest.param(f"AWS_ACCESS_KEY_ID={KEY}\nAWS_SECRET_ACCESS_KEY={SECRET}", id="lines"),
        pytest.param(
            f"export AWS_ACCESS_KEY_ID={KEY}\nexport AWS_SECRET_ACCESS_KEY={SECRET}\n",
            id="lines that a shell reads",
        ),
        pytest.param(f"[default]\n{INI}", id="a profile"),
        pytest.param(json.dumps({"id": KEY, "key": SECRET}), id="with the sink's own names"),
    ],
)
def test_every_form_is_understood(text: str) -> None:
    """Whatever we, or AWS, would write."""
    assert pair(understand(text, "that", [OWN, object()])) == (KEY, SECRET)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", "holds no access key id", id="nothing"),
        pytest.param(SECRET, "holds no access key id", id="a secret alone"),
        pytest.param(f'{{"AccessKeyId": "{KEY}"}}', "holds no access key id", id="an id alone"),
        pytest.param(f'{{"AccessKey": "{SECRET}"}}', "holds no access key id", id="no object"),
        pytest.param(f'{{"AccessKey": {{"x": "{SECRET}"}}}}', "holds no access", id="half of one"),
        pytest.param(f'["{SECRET}"]', "holds no access key id", id="a list"),
        pytest.param(f'{{"{SECRET}', "holds no access key id", id="cut JSON"),
        pytest.param(f"[{SECRET}\n", "holds no access key id", id="a cut profile"),
        pytest.param(
            f"[default]\n{INI}aws_session_token = {SECRET}\n", "session token", id="a session's"
        ),
        pytest.param(
            f"AWS_ACCESS_KEY_ID={KEY}\nAWS_SECRET_ACCESS_KEY={SECRET}\nAWS_SESSION_TOKEN=x\n",
            "session token",
            id="a session's, in lines",
        ),
        pytest.param(
            json.dumps({**json.loads(JSON), "id": "AKIAIOSFODNN7EXAMPL2", "key": SECRET[::-1]}),
            "more than one access key",
            id="two keys",
        ),
    ],
)
def test_what_is_no_key_is_not_quoted(text: str, sentence: str) -> None:
    """What cannot be understood may hold a secret all the same."""
    assert sentence in refusal_of(text, OWN)


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """AWS's own files, in a folder that is also the one from which the command is called."""
    (tmp_path / "credentials").write_text(f"[default]\n{INI}[theirs]\n{INI}[half]\nregion = x\n")
    (tmp_path / "config").write_text(
        f"[profile inside]\n{INI}[profile half]\n{INI}"
        "[profile run]\ncredential_process = touch ran\n"
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = default\n"
        f"[profile session]\n{INI}aws_session_token = x\n[profile bare]\nregion = x\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["default", "theirs", "inside", "half"])
def test_profiles_of_both_files(aws: Path, name: str) -> None:
    """As every AWS tool finds them, the file for credentials first."""
    assert pair(bring(name)) == (KEY, SECRET)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("run", "by credential_process, which is not followed here"),
        ("role", "by role_arn, which is not followed here"),
        ("session", "holds a session token"),
        ("bare", "holds no access key id with its secret. Bring"),
        ("nobody", "there is no profile 'nobody' in"),
    ],
)
def test_profiles_that_hold_no_key(aws: Path, name: str, sentence: str) -> None:
    """No process is run and no role assumed for a key that is to be taken over."""
    with pytest.raises(Refused, match=sentence):
        bring(name)

    assert not (aws / "ran").exists()


def test_a_name_of_both_is_asked_about(aws: Path) -> None:
    """A file that is called like a profile is meant only where a folder stands before it."""
    (aws / "theirs").write_text(JSON)

    with pytest.raises(Refused, match=r"is both a profile and a file here: say \./theirs"):
        bring("theirs")
    assert pair(bring("./theirs")) == (KEY, SECRET)


def test_files(aws: Path) -> None:
    """By their names; a mark of byte order before the text does no harm."""
    (aws / "key").write_bytes(b"\xef\xbb\xbf" + JSON.encode())

    assert pair(bring("key")) == (KEY, SECRET)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xfe" + SECRET.encode(), "is not UTF-8 text"),
        (b" " * (SIZE_MAX + 1), "is larger than 64 KiB"),
        (None, "No such file"),
        ("folder", "is a folder: name the file"),
    ],
    ids=["bytes", "large", "absent", "folder"],
)
def test_files_that_are_none(aws: Path, content: bytes | str | None, sentence: str) -> None:
    """A sentence says what is there instead, and not what is in it."""
    path = aws / "sub" / "key"
    path.parent.mkdir()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()

    with pytest.raises(Refused, match=sentence) as caught:
        bring(str(path))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("broken", ["credentials", "config"])
def test_broken_files_of_profiles(aws: Path, broken: str) -> None:
    """What botocore would refuse is refused, without a line of it."""
    (aws / broken).write_text(f"{SECRET}\n[x")

    with pytest.raises(Refused, match="is not a file of profiles") as caught:
        bring("other")
    assert caught.value.__context__ is None


def test_unreadable_files_of_profiles(aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read is told, and is not taken for absent."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(aws))

    with pytest.raises(Refused, match="cannot be read: Is a directory"):
        bring("theirs")


def test_without_files_of_profiles(aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs to have them."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(aws / "nowhere" / name))
    (aws / "key").write_text(JSON)

    assert pair(bring("key")) == (KEY, SECRET)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Piped, it is read whole."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(JSON.encode())))

    assert pair(bring("-")) == (KEY, SECRET)


@pytest.mark.parametrize(
    ("typed", "secret", "sentence"),
    [
        (KEY, SECRET, None),
        ("", SECRET, "what was typed is not"),
        (KEY, "", "what was typed is not"),
        (KEY, None, "no secret access key was typed"),
    ],
)
def test_a_terminal(
    typed: str, secret: str | None, sentence: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for the id, and without echo for the secret."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def asked(_prompt: str) -> str:
        if secret is None:
            raise EOFError
        return secret

    monkeypatch.setattr(sys, "stdin", Terminal(f"{typed}\n"))
    monkeypatch.setattr(getpass, "getpass", asked)
    if sentence is None:
        assert pair(bring("-")) == (KEY, SECRET)
        return
    with pytest.raises(Refused, match=sentence):
        bring("-")


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    """`<(…)` of a shell names one; the key then stands in no file at all."""
    reader, writer = os.pipe()
    os.write(writer, JSON.encode())
    os.close(writer)

    assert pair(bring(f"/dev/fd/{reader}")) == (KEY, SECRET)
    os.close(reader)


def test_a_profile_of_a_sink_is_understood() -> None:
    """The profile that a sink of the configuration writes need not be the default one."""
    own = AwsCredentialsFormat(profile="ci")

    assert pair(understand(f"[ci]\n{INI}", "that", [own])) == (KEY, SECRET)
