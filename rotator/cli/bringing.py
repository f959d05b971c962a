"""Reading the access key that a person brings: from an AWS profile, a file, or standard input.

A profile is read, and nothing else: no process is run for it, no role assumed, no service asked.
What cannot be understood may still hold a secret, so no sentence quotes it, and no error is
chained to one that holds it.
"""

from __future__ import annotations

import configparser
import getpass
import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rotator.errors import Refused
from rotator.formats import AwsCredentialsFormat, EnvFormat, JsonFormat
from rotator.formats.base import Format, interpret
from rotator.model import Credential, Stranger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["bring", "understand"]

SIZE_MAX = 64 * 1024
"""Bytes; a file that holds one key is smaller, but for the profiles beside it."""

_INPUT = "-"
_ELSEWHERE = ("credential_process", "role_arn", "sso_session", "sso_start_url", "login_session")
"""Settings of a profile that has its key from somewhere else."""


def bring(source: str, formats: Iterable[object] = ()) -> Credential:
    """The credential at a source: `-`, the path of a file, or the name of a profile.

    `formats` are understood besides the ordinary ones: those of the sinks, with their own names.

    Raises:
        Refused: there is none; the sentence says what was found and what is expected.
    """
    if source == _INPUT:
        return _asked() if sys.stdin.isatty() else understand(_of_input(), "that", formats)
    path = Path(source).expanduser()
    profiles = _profiles(source)
    if os.sep not in source and profiles and path.exists():
        raise Refused(
            f"{source} is both a profile and a file here: say ./{source} where the file is meant,"
            " or call from another folder"
        )
    if profiles:
        return _of_profile(source, profiles)
    if os.sep in source or path.exists():
        return understand(_of_file(path), f"the file {source}", formats)
    raise Refused(
        f"there is no profile {source!r} in {' or '.join(map(str, _files()))}, and no file of that"
        " name: name a profile, a file that holds the key, or - for standard input"
    )


def understand(text: str, what: str, formats: Iterable[object] = ()) -> Credential:
    """The one credential that a text holds, in whatever form we, or AWS, would write it.

    Raises:
        Refused: it holds none, or a temporary one.
    """
    own = [known for known in formats if isinstance(known, Format) and not known.one_way]
    ordinary = [JsonFormat(), EnvFormat(), AwsCredentialsFormat()]
    answers = [_created(text), *(known.read(text) for known in [*own, *ordinary])]
    found = {answer for answer in answers if isinstance(answer, Credential)}
    pairs = {(one.access_key_id, one.secret_access_key) for one in found}
    if len(pairs) == 1:
        return next(iter(found))
    if pairs:
        raise Refused(f"{what} holds more than one access key: leave the one that is meant")
    strange = [answer.why for answer in answers if isinstance(answer, Stranger)]
    temporary = next((why for why in strange if "session token" in why), None)
    why = f"; {temporary}" if temporary else ""
    raise Refused(
        f"{what} holds no access key id with its secret, as JSON (also as `aws iam"
        f" create-access-key` prints it), as lines NAME=value, or as the profile [default]{why}"
    )


def _created(text: str) -> Credential | None:
    """What `aws iam create-access-key` prints: the key in an object of its own."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    key = found.get("AccessKey") if isinstance(found, dict) else None
    if not isinstance(key, dict):
        return None
    read = interpret(
        [
            ("access_key_id", key.get("AccessKeyId")),
            ("secret_access_key", key.get("SecretAccessKey")),
            ("user_name", key.get("UserName")),
        ]
    )
    return read if isinstance(read, Credential) else None


def _asked() -> Credential:
    """What a person types; the secret is not shown, and nothing of it is kept by the terminal."""
    sys.stderr.write("Access key id: ")
    sys.stderr.flush()
    key_id = sys.stdin.readline().strip()
    try:
        secret = getpass.getpass("Secret access key (it is not shown): ").strip()
    except EOFError as exc:
        raise Refused("no secret access key was typed: nothing was done") from exc
    read = interpret([("access_key_id", key_id), ("secret_access_key", secret)])
    if isinstance(read, Credential):
        return read
    raise Refused("what was typed is not an access key id with its secret: nothing was done")


def _of_input() -> str:
    return _text(sys.stdin.buffer.read(SIZE_MAX + 1), "standard input")


def _of_file(path: Path) -> str:
    try:
        # Not to wait for somebody to write: a pipe may be a substituted process.
        if stat.S_ISDIR(path.stat().st_mode):
            raise Refused(f"{path} is a folder: name the file that holds the key")
        with path.open("rb") as file:
            content = file.read(SIZE_MAX + 1)
    except OSError as exc:
        raise Refused(f"{path} cannot be read: {exc.strerror}") from exc
    return _text(content, str(path))


def _text(content: bytes, what: str) -> str:
    if len(content) > SIZE_MAX:
        raise Refused(f"{what} is larger than {SIZE_MAX // 1024} KiB, so it is no access key")
    text = content.decode("utf-8-sig", errors="replace")
    if "\ufffd" in text:
        raise Refused(f"{what} is not UTF-8 text, so it is no access key")
    return text


def _files() -> tuple[Path, Path]:
    """AWS's own files, the one for credentials first: it goes before the other."""
    return (
        Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser(),
        Path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser(),
    )


def _profiles(name: str) -> list[Mapping[str, str]]:
    """What AWS's files say of a profile, the one for credentials first."""
    credentials, config = _files()
    in_config = name if name == "default" else f"profile {name}"
    sections = [_section(credentials, name), _section(config, in_config)]
    return [section for section in sections if section is not None]


def _section(path: Path, name: str) -> Mapping[str, str] | None:
    """One section of a file, as botocore reads it; None where it, or the file, is not there."""
    parser = configparser.RawConfigParser(default_section="\n")
    broken = False
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise Refused(f"{path} cannot be read: {exc.strerror}") from exc
    except (configparser.Error, UnicodeDecodeError):
        broken = True  # the error holds lines of the text: it must go no further
    if broken:
        raise Refused(f"{path} is not a file of profiles that could be read")
    return dict(parser[name]) if parser.has_section(name) else None


def _of_profile(name: str, sections: list[Mapping[str, str]]) -> Credential:
    for section in sections:
        if section.get("aws_session_token") or section.get("aws_security_token"):
            raise Refused(
                f"profile {name} holds a session token, which belongs to a temporary key: bring an"
                " access key of the user itself"
            )
        read = interpret(
            [
                ("access_key_id", section.get("aws_access_key_id")),
                ("secret_access_key", section.get("aws_secret_access_key")),
            ]
        )
        if isinstance(read, Credential):
            return read
    elsewhere = [option for option in _ELSEWHERE if any(option in one for one in sections)]
    why = f": it has its key by {elsewhere[0]}, which is not followed here" if elsewhere else ""
    raise Refused(
        f"profile {name} holds no access key id with its secret{why}. Bring the key in a file, or"
        " on standard input"
    )
