"""Consumers that know nothing of rotator never see a call fail, through a whole rotation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from tests.life.stage import FILE, Stage, user

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotator.demo.aws import LocalAws

BIN = Path(sys.executable).parent
PROFILE_FILE = '      - {type: file, id: ini, path: "profiles/{user}", format: aws-credentials}'


class AwsCommand:
    """The `aws` command line, a process for each call, with a profile of its own."""

    def __init__(self, stage: Stage, profile: str, **environ: str) -> None:
        self.calls = 0
        self.keys: set[str] = set()
        self._command = [str(BIN / "aws"), "sts", "get-caller-identity", "--profile", profile]
        self._environ = {
            "PATH": f"{BIN}:/usr/bin:/bin",
            "HOME": str(stage.folder),
            "AWS_ENDPOINT_URL": stage.aws.endpoint,
            "AWS_DEFAULT_REGION": "eu-north-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            **environ,
        }

    def call(self) -> None:
        """One call, which must not fail."""
        done = subprocess.run(
            self._command, env=self._environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        self.calls += 1


def play(stage: Stage, name: str, *consumers: Callable[[], None]) -> None:
    """Rotate one user's key from beginning to end, with everybody at work all the time."""
    stage.start()

    def done() -> bool:
        for call in consumers:
            call()
        return stage.closed(name)

    stage.wait_for(done, seconds=60)
    for call in consumers:
        call()
    assert stage.stop() == 0


def held_open(stage: Stage, profile: str, config: Path) -> Callable[[], None]:
    """One session and one client of boto3, made once: it looks again as its provider says."""
    session = boto3.session.Session(profile_name=profile, region_name="eu-north-1")
    assert config.exists()
    client = session.client(
        "sts",
        endpoint_url=stage.aws.endpoint,
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )

    def call() -> None:
        client.get_caller_identity()

    return call


@pytest.mark.slow
def test_credential_process_carries_everybody_over(
    tmp_path: Path, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The `aws` command and one session held open read the new key in time, by themselves."""
    stage = Stage.over(tmp_path, aws, [user("ci", "100d")])
    stage.declare(sinks=FILE, grace="4s")
    stage.give("ci")
    config = tmp_path / "aws-config"
    served = tmp_path / "secrets" / "ci.json"
    config.write_text(
        f"[profile ci]\ncredential_process = {BIN / 'rotator'} credentials {served}"
        " --expires-in 2s\n"
    )
    command = AwsCommand(stage, "ci", AWS_CONFIG_FILE=str(config))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    before = stage.place("ci")["AccessKeyId"]

    play(stage, "ci", command.call, held_open(stage, "ci", config))

    assert before != stage.place("ci")["AccessKeyId"]
    assert command.calls > 3
    assert [stage.place("ci")["AccessKeyId"]] == [
        key["access_key_id"] for key in stage.truth()["ci"]["keys"]
    ]


@pytest.mark.slow
def test_a_profile_is_read_by_the_command_line(tmp_path: Path, aws: LocalAws) -> None:
    """With the format `aws-credentials` the file is the consumer's own credentials file."""
    stage = Stage.over(tmp_path, aws, [user("ops", "100d")])
    stage.declare(sinks=PROFILE_FILE)
    key = stage.truth()["ops"]["keys"][0]
    path = tmp_path / "profiles" / "ops"
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    path.write_text(
        f"[default]\naws_access_key_id = {key['access_key_id']}\n"
        f"aws_secret_access_key = {key['secret_access_key']}\n"
    )
    command = AwsCommand(
        stage,
        "default",
        AWS_SHARED_CREDENTIALS_FILE=str(path),
        AWS_CONFIG_FILE=str(tmp_path / "none"),
    )

    play(stage, "ops", command.call)

    assert key["access_key_id"] not in path.read_text()
    assert command.calls > 3


@pytest.mark.slow
def test_what_credentials_prints_is_what_sdks_expect(tmp_path: Path, aws: LocalAws) -> None:
    """The document of a credential process, with the moment at which to look again."""
    stage = Stage.over(tmp_path, aws, [user("ci", "1d")])
    stage.declare()
    stage.give("ci")

    done = stage.rotator("credentials", str(tmp_path / "secrets" / "ci.json"))

    printed = json.loads(done.stdout)
    assert {"Version", "AccessKeyId", "SecretAccessKey", "Expiration"} <= set(printed)
    assert stage.place("ci")["AccessKeyId"] == printed["AccessKeyId"]
