"""Consumers that know nothing of rotator: the aws command line, and an SDK session held open."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.config import Config

from rotator.demo.aws import LocalAws
from tests.life.house import AWS_OPTIONS, House, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "deploy"
PROFILES = '{{type: file, path: "{folder}/secrets/{{user}}", format: aws-credentials}}'
AWS_CLI = Path(sys.executable).with_name("aws")


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    """A local AWS in a process of its own."""
    with LocalAws(options=AWS_OPTIONS) as running:
        yield running


def profile(house: House, *, expires_in: str) -> Path:
    """A configuration of AWS's own whose default profile runs `rotator credentials`."""
    path = house.folder / "aws-config"
    place = house.secrets / f"{USER}.json"
    path.write_text(
        f"[default]\nregion = eu-north-1\n"
        f"credential_process = {sys.executable} -m rotator credentials {place}"
        f" --expires-in {expires_in}\n"
    )
    return path


def called(house: House, **settings: str) -> tuple[int, str]:
    """One call of the aws command line, which is given no key but by these settings."""
    environ = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": house.aws.endpoint,
        "AWS_DEFAULT_REGION": "eu-north-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        **settings,
    }
    answer = subprocess.run(
        [AWS_CLI, "sts", "get-caller-identity", "--query", "Arn", "--output", "text"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return answer.returncode, answer.stdout + answer.stderr


def is_rotated(house: House, first: str) -> bool:
    """The old key is gone from IAM."""
    keys = house.aws.truth()[USER]["keys"]
    return len(keys) == 1 and keys[0]["access_key_id"] != first


@pytest.mark.slow
def test_the_aws_command_line_works_all_the_time(aws: LocalAws, tmp_path: Path) -> None:
    """With `credential_process`, before, while and after its key is replaced."""
    with House(tmp_path, aws) as house:
        house.plant(USER)
        first = aws.truth()[USER]["keys"][0]["access_key_id"]
        config = str(profile(house, expires_in="1h"))
        house.start()
        calls = []

        def call() -> bool:
            calls.append(
                called(house, AWS_CONFIG_FILE=config, AWS_SHARED_CREDENTIALS_FILE="/dev/null")
            )
            return is_rotated(house, first)

        assert eventually(call, 40)
        call()

    assert {(0, f"arn:aws:iam::123456789012:user/ci/{USER}\n")} == set(calls)


@pytest.mark.slow
def test_the_aws_command_line_works_with_a_shared_credentials_file(
    aws: LocalAws, tmp_path: Path
) -> None:
    """The format `aws-credentials`: the file is the consumer's own, and needs nothing of ours."""
    with House(tmp_path, aws, PROFILES) as house:
        house.plant(USER, sink=False)
        key = aws.truth()[USER]["keys"][0]
        place = house.secrets / USER
        place.touch(mode=0o600)
        place.write_text(
            f"[default]\naws_access_key_id = {key['access_key_id']}\n"
            f"aws_secret_access_key = {key['secret_access_key']}\n"
        )
        house.start()
        calls = []

        def call() -> bool:
            calls.append(
                called(house, AWS_SHARED_CREDENTIALS_FILE=str(place), AWS_CONFIG_FILE="/dev/null")
            )
            return is_rotated(house, key["access_key_id"])

        assert eventually(call, 40)
        call()

    assert {(0, f"arn:aws:iam::123456789012:user/ci/{USER}\n")} == set(calls)


@pytest.mark.slow
def test_one_session_is_held_open_over_a_whole_rotation(
    aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An SDK looks again when its credential is about to expire, and never makes a failing call."""
    with House(tmp_path, aws) as house:
        house.plant(USER)
        first = aws.truth()[USER]["keys"][0]["access_key_id"]
        # Whatever expires within 15 minutes is renewed before the next call.
        monkeypatch.setenv("AWS_CONFIG_FILE", str(profile(house, expires_in="1m")))
        client: Any = botocore.session.Session().create_client(
            "sts",
            endpoint_url=aws.endpoint,
            region_name="eu-north-1",
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )
        house.start()
        used = []

        def call() -> bool:
            client.get_caller_identity()
            credentials = client._request_signer._credentials
            used.append(credentials.access_key)
            return is_rotated(house, first)

        assert eventually(call, 40)
        call()

    assert used[0] == first
    assert used[-1] != first
    assert len(set(used)) == 2
