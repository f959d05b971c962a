"""The real daemon over a real store, files and an AWS over HTTP: what a life is played on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rotator.demo.aws import LocalAws

OPTIONS = ("--lag", "1s", "--grain", "250ms", "--new-key-delay", "500ms")

POLICY = """\
version: 1
state: sqlite:///state.db
http: {{listen: "127.0.0.1:0"}}
timing: {{settle: 1s, last_used_lag: 1s, request_timeout: 2s, shutdown_timeout: 5s}}
accounts: {{main: {{}}}}
policies:
  - name: all
    mode: enforce
    schedule: {{every: 2s}}
    users: {{include: [{{name: "*"}}]}}
    rotate_after: 50d
    grace_period: {grace}
    quiet_period: 2s
    recovery_period: 2s
    require_first_use: {first_use}
    sinks:
{sinks}
"""

FILE = '      - {type: file, path: "secrets/{user}.json"}'


def user(name: str, *ages: str) -> dict[str, Any]:
    """A user with keys of these ages, used an hour ago."""
    keys = [{"age": age, "last_used": {"age": "1h", "service": "s3"}} for age in ages]
    return {"name": name, "keys": keys}


@dataclass
class Stage:
    """One folder with policies, a local AWS, and a daemon that can be started and killed."""

    folder: Path
    aws: LocalAws
    level: str = "info"
    daemon: subprocess.Popen[bytes] | None = None
    secrets: set[str] = field(default_factory=set)

    @classmethod
    def over(cls, folder: Path, aws: LocalAws, users: Sequence[dict[str, Any]]) -> Self:
        """Begin with these users."""
        aws.reset({"users": list(users)})
        return cls(folder, aws)

    @property
    def config(self) -> Path:
        return self.folder / "policies.yaml"

    @property
    def log(self) -> Path:
        return self.folder / "rotator.log"

    def declare(self, *, sinks: str = FILE, grace: str = "2s", first_use: bool = True) -> None:
        """Write the policy."""
        text = POLICY.format(sinks=sinks, grace=grace, first_use=str(first_use).lower())
        self.config.write_text(text)

    def environ(self) -> dict[str, str]:
        return {**os.environ, **self.aws.environ(), "ROTATOR_CONFIG": str(self.config)}

    def start(self) -> None:
        """Start the daemon; its log goes on in the same file."""
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen(
                [
                    *(sys.executable, "-m", "rotator", "daemon", "--init-state"),
                    *("--log-format", "json", "--log-level", self.level),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.environ(),
                cwd=self.folder,
            )

    def kill(self) -> None:
        """SIGKILL."""
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait()

    def stop(self) -> int:
        """SIGTERM, once the daemon listens to it; the exit status."""
        assert self.daemon is not None
        pid = self.daemon.pid
        self.wait_for(
            lambda: any(
                event["event"] == "daemon.started" and event["pid"] == pid
                for event in self.events()
            )
        )
        self.daemon.send_signal(signal.SIGTERM)
        return self.daemon.wait(timeout=20)

    def rotator(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        return subprocess.run(
            [sys.executable, "-m", "rotator", *arguments],
            env=self.environ(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def events(self) -> list[dict[str, Any]]:
        """What the daemon logged so far."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    def truth(self) -> dict[str, Any]:
        """What AWS holds; every secret that is seen is remembered, to be searched for."""
        truth = self.aws.truth()
        for one in truth.values():
            for key in one["keys"]:
                if key.get("secret_access_key"):
                    self.secrets.add(key["secret_access_key"])
        return truth

    def place(self, name: str) -> dict[str, str]:
        """What a consumer of this user reads now; its secret is remembered."""
        value: dict[str, str] = json.loads((self.folder / "secrets" / f"{name}.json").read_text())
        self.secrets.add(value["SecretAccessKey"])
        return value

    def give(self, name: str) -> None:
        """Put the present key of a user where its consumer reads it."""
        key = self.truth()[name]["keys"][0]
        path = self.folder / "secrets" / f"{name}.json"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(
            json.dumps(
                {
                    "Version": 1,
                    "AccessKeyId": key["access_key_id"],
                    "SecretAccessKey": key["secret_access_key"],
                    "UserName": name,
                    "AccountId": self.truth()[name]["account"],
                }
            )
        )

    def wait_for(self, what: Callable[[], bool], *, seconds: float = 40) -> None:
        """Look again and again until it is so; fail with the end of the log where it never is."""
        end = time.monotonic() + seconds
        while not what():
            if time.monotonic() > end:
                tail = "\n".join(self.log.read_text().splitlines()[-15:])
                raise AssertionError(f"it did not come to that in {seconds} s; the log:\n{tail}")
            time.sleep(0.05)

    def closed(self, name: str, outcome: str = "completed") -> bool:
        """Whether a rotation of this user has ended so."""
        return any(
            event["event"] == "rotation.closed"
            and event.get("user") == name
            and event.get("outcome") == outcome
            for event in self.events()
        )
