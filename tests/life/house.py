"""The real daemon as a process, over a local AWS, a file sink and a store in one folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.request import urlopen

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from rotator.demo.aws import LocalAws

__all__ = ["AWS_OPTIONS", "Consumers", "House", "eventually"]

AWS_OPTIONS = ("--lag", "300ms", "--grain", "100ms", "--new-key-delay", "500ms")

POLICIES = """\
version: 1
state: sqlite:///{folder}/state/rotator.db
http: {{listen: "127.0.0.1:0"}}
timing: {{settle: 1s, last_used_lag: 500ms, request_timeout: 1s, shutdown_timeout: 5s}}
accounts: {{prod: {{}}}}
policies:
  - name: ci
    mode: enforce
    schedule: {{every: 1s}}
    rotate_after: 50d
    grace_period: 1500ms
    quiet_period: 1s
    recovery_period: 1s
    users: {{include: [{{path: /ci/}}]}}
    sinks:
      - {sink}
"""

_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

ROOT = Path(__file__).parents[2]
"""Where the program is found, and what aims at it."""

FILE_SINK = '{{type: file, path: "{folder}/secrets/{{user}}.json"}}'


@dataclass
class House:
    """One folder, one AWS, and the daemon that is started and killed in it.

    Use it in a `with`: whatever runs is ended with it. `endpoint` is where its processes find
    AWS, if not at the AWS itself. `own` are variables by which its processes find their own
    credentials, where they are not the operator's.
    """

    folder: Path
    aws: LocalAws
    sink: str = FILE_SINK
    level: str = "debug"
    endpoint: str = ""
    own: Mapping[str, str] = field(default_factory=dict)
    daemon: subprocess.Popen[bytes] | None = None
    kills: int = 0

    def __post_init__(self) -> None:
        sink = self.sink.format(folder=self.folder)
        self.config.write_text(POLICIES.format(folder=self.folder, sink=sink))
        (self.folder / "state").mkdir()
        self.secrets.mkdir(mode=0o700)
        self.log.touch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def config(self) -> Path:
        """Its policies."""
        return self.folder / "policies.yaml"

    @property
    def secrets(self) -> Path:
        """The folder of the sink: the only one in which secrets may be."""
        return self.folder / "secrets"

    @property
    def log(self) -> Path:
        """All that its processes wrote."""
        return self.folder / "rotator.log"

    @property
    def trace(self) -> Path:
        """The effects that processes with an aim came by."""
        return self.folder / "trace"

    def environ(self) -> dict[str, str]:
        """What a process of this house is given."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        given = self.aws.environ()
        if self.own:
            given = {n: v for n, v in given.items() if not n.startswith(_CREDENTIALS)} | dict(
                self.own
            )
        environ = {**kept, **given, "ROTATOR_CONFIG": str(self.config)}
        return environ | ({"AWS_ENDPOINT_URL": self.endpoint} if self.endpoint else {})

    def start(self, aim: str | None = None) -> subprocess.Popen[bytes]:
        """The daemon starts, the first time with an empty store.

        With an aim it notes its effects in `trace`, and is struck where the aim says, if anywhere.
        """
        self.daemon = self.spawn("daemon", "--init-state", *self._how(), aim=aim)
        return self.daemon

    def spawn(self, *words: str, aim: str | None = None) -> subprocess.Popen[bytes]:
        """A process of the program, which writes to the log; see `start`."""
        program, environ = "rotator", self.environ()
        if aim is not None:
            program, environ = "tests.life.aimed", environ | {"AIM_TRACE": str(self.trace)}
            environ |= {"AIM": aim} if aim else {}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", program, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environ,
                cwd=ROOT,
            )

    def kill(self) -> None:
        """SIGKILL: nothing of it can say goodbye."""
        if self.daemon is not None:
            self.kills += self.daemon.poll() is None
            self.daemon.kill()
            self.daemon.wait()
            self.daemon = None

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        status = self.daemon.wait(20)
        self.daemon = None
        return status

    def rotator(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of the command line."""
        return subprocess.run(
            [sys.executable, "-m", "rotator", *words],
            env=self.environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def events(self, *names: str) -> list[dict[str, Any]]:
        """What was logged, in order; of these names, or all."""
        lines = self.log.read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [event for event in found if not names or event.get("event") in names]

    def page(self, path: str) -> str:
        """What the daemon's HTTP server says."""
        addresses = [event["address"] for event in self.events("http.opened")]
        with urlopen(f"http://{addresses[-1]}{path}", timeout=5) as answer:
            text: str = answer.read().decode()
        return text

    def held(self, user: str) -> dict[str, str] | None:
        """What the place of a user holds, as its consumer reads it."""
        path = self.secrets / f"{user}.json"
        found: dict[str, str] | None = json.loads(path.read_text()) if path.exists() else None
        return found

    def plant(self, *users: str, sink: bool = True) -> None:
        """Users with one old key each, which their places hold."""
        keys = [{"age": "100d", "last_used": {"age": "1h", "service": "s3"}}]
        self.aws.plant({"users": [{"name": u, "path": "/ci/", "keys": keys} for u in users]})
        truth = self.aws.truth()
        for user in users if sink else ():
            key = truth[user]["keys"][0]
            place = self.secrets / f"{user}.json"
            place.touch(mode=0o600)
            place.write_text(
                json.dumps(
                    {
                        "Version": 1,
                        "AccessKeyId": key["access_key_id"],
                        "SecretAccessKey": key["secret_access_key"],
                        "UserName": user,
                        "AccountId": truth[user]["account"],
                    }
                )
            )

    def _how(self) -> Sequence[str]:
        return ("--log-format", "json", "--log-level", self.level)


@dataclass
class Consumers:
    """Programs that use the key that they read from their place, again and again."""

    house: House
    users: Sequence[str]
    calls: int = 0
    failures: list[str] = field(default_factory=list)
    _clients: dict[str, Any] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(20)
        for client in self._clients.values():
            client.close()

    def _work(self) -> None:
        while not self._stopping.wait(0.2):
            for user in tuple(self.users):
                self._call(user)

    def _call(self, user: str) -> None:
        held = self.house.held(user)
        if held is None:
            return
        key_id = held["AccessKeyId"]
        if key_id not in self._clients:
            # Making one takes longer than a call.
            self._clients[key_id] = self.house.aws.client(
                "sts",
                aws_access_key_id=key_id,
                aws_secret_access_key=held["SecretAccessKey"],
                aws_session_token=None,
            )
        self.calls += 1
        try:
            self._clients[key_id].get_caller_identity()
        except (ClientError, BotoCoreError) as exc:
            self.failures.append(f"{user} with {key_id}: {exc}")


def eventually(ask: Callable[[], Any], seconds: float) -> Any:  # noqa: ANN401 - of any kind
    """Ask until the answer is true, or the time is over; the last answer either way."""
    end = time.monotonic() + seconds
    answer = ask()
    while not answer and time.monotonic() < end:
        time.sleep(0.1)
        answer = ask()
    return answer
