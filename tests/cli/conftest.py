"""The real entry point over a local AWS, an SQLite store and file sinks: one world for a test."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from rotator.cli import main
from rotator.demo.aws import LocalAws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TIMING = "{settle: 400ms, last_used_lag: 400ms, request_timeout: 2s, shutdown_timeout: 3s}"

POLICY = """\
  - name: ci
    mode: enforce
    users: {include: [{path: /ci/}]}
    rotate_after: 50d
    sinks: [{type: file, path: "FOLDER/out/{user}.json"}]
"""

PERIODS = (
    "{schedule: {every: 1s}, grace_period: 300ms, quiet_period: 300ms, recovery_period: 300ms}"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one command came to."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document that it printed."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def sentences(self) -> str:
        """What it told the person: standard error without the lines of the log."""
        return "\n".join(line for line in self.err.splitlines() if not line.startswith("{"))

    @property
    def logged(self) -> list[dict[str, Any]]:
        """The lines of the log."""
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]


@dataclass(slots=True)
class Program:
    """The program, called as a shell would call it, with its configuration in a folder."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """The configuration's file."""
        return self.folder / "rotator.yaml"

    @property
    def state(self) -> Path:
        """The store's file."""
        return self.folder / "state" / "rotator.db"

    def configure(self, policies: str = POLICY, *, head: str = "", defaults: str = PERIODS) -> None:
        """Write the configuration."""
        text = policies.replace("FOLDER", str(self.folder))
        self.config.write_text(
            f"version: 1\nstate: sqlite:///{self.state}\nhttp: null\ntiming: {TIMING}\n"
            f"accounts: {{prod: {{}}}}\n{head}defaults: {defaults}\npolicies:\n{text}"
        )

    def __call__(self, *argv: str) -> Answer:
        """Run one command in this process."""
        self.capture.readouterr()
        status = main(["--config", str(self.config), *argv])
        out, err = self.capture.readouterr()
        return Answer(status, out, err)

    def json(self, *argv: str) -> dict[str, Any]:
        """Run one command and read its document."""
        return self("--json", *argv).document

    def serve(self, user: str, key: dict[str, Any], account: str = "123456789012") -> None:
        """Put a key where the policy's file sink keeps the user's."""
        place = self.folder / "out" / f"{user}.json"
        place.parent.mkdir(exist_ok=True)
        place.write_text(
            json.dumps(
                {
                    "Version": 1,
                    "AccessKeyId": key["access_key_id"],
                    "SecretAccessKey": key.get("secret_access_key", "of-no-matter"),
                    "UserName": user,
                    "AccountId": account,
                }
            )
        )
        place.chmod(0o600)

    def served(self, user: str) -> str:
        """The key that consumers of a user read now."""
        text = (self.folder / "out" / f"{user}.json").read_text()
        return str(json.loads(text)["AccessKeyId"])


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    """The program with one policy, `ci`, and no store yet; AWS cannot be reached."""
    program = Program(tmp_path, capsys)
    program.configure()
    return program


@pytest.fixture(scope="session")
def running() -> Iterator[LocalAws]:
    """A local AWS in a process of its own."""
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def aws(running: LocalAws, monkeypatch: pytest.MonkeyPatch) -> LocalAws:
    """The local AWS, empty and without delays, as the AWS that the program finds.

    Its credential report may not be read, so that the first sweep lists everybody: `aws.reset()`
    gives it back to a test that is about who is left out.
    """
    running.reset()
    running.settings(lag="0s", grain="0s", new_key_delay="0s", revoke_delay="0s")
    running.fail("iam:GenerateCredentialReport", "deny", times=None)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    for name, value in running.environ().items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def stocked(program: Program, aws: LocalAws) -> Program:
    """The program with an empty store, over the local AWS."""
    assert os.environ["AWS_ENDPOINT_URL"] == aws.endpoint
    assert program("state", "init").status == 0
    return program


def eventually(ask: Callable[[], Any], seconds: float = 10) -> Any:  # noqa: ANN401 - of any kind
    """Ask until the answer is true, or the time is over; the last answer either way."""
    end = time.monotonic() + seconds
    answer = ask()
    while not answer and time.monotonic() < end:
        time.sleep(0.05)
        answer = ask()
    return answer
