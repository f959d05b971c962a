"""What `rotator credentials PATH` prints, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from rotator.credentials import CredentialsProblem, process_output
from rotator.formats import JsonFormat
from rotator.model import Credential, Secret

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
CANARY = "CANARYcanaryCANARYcanary"
NEW = Credential("AKIAIOSFODNN7EXAMPLE", Secret("wJalr/+=x"), "bob", "123456789012")


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(NOW, id="in UTC"),
        pytest.param(NOW.astimezone(timezone(timedelta(hours=2))), id="elsewhere"),
    ],
)
def test_the_file_is_printed_with_an_expiration(tmp_path: Path, now: datetime) -> None:
    file = tmp_path / "bob.json"
    file.write_text(JsonFormat().render(NEW, None))
    expected = {
        "Version": 1,
        "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "SecretAccessKey": "wJalr/+=x",
        "AccountId": "123456789012",
        "Expiration": "2026-11-02T10:00:00Z",
    }

    assert expected == json.loads(process_output(file, expires_in=HOUR, now=now))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(f'{{"AccessKeyId": "{CANARY}"'.encode(), "not a JSON object", id="cut off"),
        pytest.param(f'["{CANARY}"]'.encode(), "not a JSON object", id="a list"),
        pytest.param(b"", "not a JSON object", id="empty"),
        pytest.param(CANARY.encode() + b"\xff\xfe", "not a JSON object", id="not text"),
        pytest.param(b"[" * 100_000, "not a JSON object", id="nested without end"),
        pytest.param(
            f'{{"AccessKeyId": "{CANARY}", "SecretAccessKey": "{CANARY}"}}'.encode(),
            "no `Version` 1",
            id="no version",
        ),
        pytest.param(
            f'{{"Version": 1, "AccessKeyId": "{CANARY}"}}'.encode(),
            "lacks SecretAccessKey",
            id="no secret",
        ),
        pytest.param(
            f'{{"Version": 1, "SecretAccessKey": "{CANARY}", "AccessKeyId": 5}}'.encode(),
            "lacks AccessKeyId",
            id="no id",
        ),
        pytest.param(b" " * 2_000_000, "larger than 1 MiB", id="huge"),
    ],
)
def test_a_file_that_cannot_be_served_is_told_without_its_content(
    tmp_path: Path, content: bytes, said: str
) -> None:
    """Nor does the error carry along another one that holds the content."""
    file = tmp_path / "bob.json"
    file.write_bytes(content)

    with pytest.raises(CredentialsProblem, match=said) as raised:
        process_output(file, expires_in=HOUR, now=NOW)

    assert str(file) in str(raised.value)
    assert CANARY not in str(raised.value)
    assert raised.value.__context__ is None


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CredentialsProblem, match="there is no file"):
        process_output(tmp_path / "none", expires_in=HOUR, now=NOW)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    """A FIFO is not waited for."""
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(CredentialsProblem, match="not a regular file"):
        process_output(tmp_path / "fifo", expires_in=HOUR, now=NOW)
    with pytest.raises(CredentialsProblem, match="cannot be read: Is a directory"):
        process_output(tmp_path, expires_in=HOUR, now=NOW)


def test_nothing_heavy_is_imported() -> None:
    """An SDK starts this for every look; no library may make it slow."""
    code = (
        "import sys, rotator.credentials; print(sorted({name.partition('.')[0] for name in "
        "sys.modules} & {'pydantic', 'boto3', 'botocore', 'sqlalchemy', 'ruamel', 'structlog'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
