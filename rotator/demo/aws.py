"""A local AWS, for the demo and the tests: moto's server, made as strict and as slow as AWS.

`python -m rotator.demo.aws --port 0 --port-file F` runs it; `LocalAws` runs that as a process of
its own and speaks with it. It knows IAM, STS and Secrets Manager in the partition `aws`.

Requests are authenticated: the key must be known, Active and old enough, the signature right, a
session alive. Permissions are not evaluated. Whoever runs the show speaks JSON to `/local-aws/`:

    GET    health, truth, calls[?action=…&user=…&since=…&console=yes], faults
    DELETE calls, faults
    POST   seed      what to add (see `local_aws_world`)
    POST   reset     a new seed; everything else is forgotten
    POST   settings  lag, grain, new_key_delay, revoke_delay, page_max, clock_offset
    POST   faults    action, kind, and user, target, times, for_seconds, seconds, status, code
    POST   console   action, parameters: one call as a person in the console would make it
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload
from urllib.parse import urlencode

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from botocore.client import BaseClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sts import STSClient

# Where secrets of a seed are unless it says otherwise, and where clients look for them.
REGION = "eu-north-1"
# One request a call, to this machine: what a client sees is what the local AWS answered.
DIRECT = Config(retries={"total_max_attempts": 1, "mode": "standard"}, proxies={})
_START_MAX_SECONDS = 60
_STOP_MAX_SECONDS = 5
_HTTP_OK = 200


class LocalAwsFailed(Exception):
    """The local AWS did not start, or refused an order; the sentence says why."""


class LocalAws:
    """A local AWS in a process of its own, for the length of a `with`.

    `seed` is what there is at first (see `local_aws_world`); operator credentials are made up
    unless it holds some. Its log is `local-aws.log` in `folder`, a temporary one by default. The
    process also ends when this one does, however that ends.
    """

    def __init__(
        self,
        seed: Mapping[str, Any] | None = None,
        *,
        folder: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self._own_folder = tempfile.TemporaryDirectory() if folder is None else None
        self.folder = folder or Path(self._own_folder.name if self._own_folder else "")
        self.operator = {
            "access_key_id": "ASIA" + secrets.token_hex(8).upper(),
            "secret_access_key": secrets.token_urlsafe(30),
            "session_token": secrets.token_urlsafe(60),
        }
        self._seed = {"operator": self.operator, **(seed or {})}
        self.operator = self._seed["operator"]
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None
        # Loading the models of a service takes longer than a call, and a session does it once.
        self._session: Any = boto3.session.Session()
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Its address, as `AWS_ENDPOINT_URL` takes it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the process wrote."""
        return self.folder / "local-aws.log"

    def __enter__(self) -> Self:
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [
                    sys.executable,
                    *("-m", "rotator.demo.aws", "--port", "0", "--port-file", str(port_file)),
                    *("--seed", "-", "--with-parent", *self._options),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**_without_aws(os.environ), "HOME": str(self.folder)},
            )
        try:
            self._hand_over_seed(self._process)
            self._await_port(self._process, port_file)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process, and the temporary folder; twice is once."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_MAX_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._own_folder is not None:
            self._own_folder.cleanup()

    def environ(self) -> dict[str, str]:
        """The environment in which every AWS tool finds this AWS, and nothing else of AWS."""
        nothing = str(self.folder / "none")
        environ = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.operator["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.operator["secret_access_key"],
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": nothing,
            "AWS_SHARED_CREDENTIALS_FILE": nothing,
            "NO_PROXY": "127.0.0.1",
        }
        if self.operator.get("session_token"):
            environ["AWS_SESSION_TOKEN"] = self.operator["session_token"]
        return environ

    def admin(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        """Send one order to `/local-aws/`.

        Raises:
            LocalAwsFailed: it was refused; the sentence is the server's.
        """
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_START_MAX_SECONDS)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, f"/local-aws/{path}", text)
            answer = connection.getresponse()
            told: dict[str, Any] = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != _HTTP_OK:
            raise LocalAwsFailed(told["error"])
        return told

    def truth(self) -> dict[str, Any]:
        """Every user by name, as it truly is."""
        return {user["user"]: user for user in self.admin("GET", "truth")["users"]}

    def calls(self, **wanted: str) -> list[dict[str, Any]]:
        """The calls that arrived, oldest first; those of the console only with `console="yes"`."""
        calls: list[dict[str, Any]] = self.admin("GET", f"calls?{urlencode(wanted)}")["calls"]
        return calls

    def counts(self, **wanted: str) -> dict[str, int]:
        """How often each action was called."""
        counts: dict[str, int] = self.admin("GET", f"calls?{urlencode(wanted)}")["counts"]
        return counts

    def fail(self, action: str, kind: str, **more: object) -> None:
        """Let the next call of an action fail (see `local_aws_faults`)."""
        self.admin("POST", "faults", {"action": action, "kind": kind, **more})

    def console(self, action: str, **parameters: object) -> dict[str, Any]:
        """Do what a person in the console does; an action is spelled `iam:UpdateAccessKey`."""
        return self.admin("POST", "console", {"action": action, "parameters": parameters})

    def settings(self, **settings: object) -> None:
        """Change delays, pages and the clock from now on."""
        self.admin("POST", "settings", settings)

    def plant(self, seed: Mapping[str, Any]) -> None:
        """Add users, keys, roles and secrets to what there is."""
        self.admin("POST", "seed", seed)

    def reset(self, seed: Mapping[str, Any] | None = None) -> None:
        """Begin anew with another seed, the same operator and the same settings."""
        self.admin("POST", "reset", seed or {})

    @overload
    def client(self, service: Literal["iam"], **given: object) -> IAMClient: ...
    @overload
    def client(self, service: Literal["sts"], **given: object) -> STSClient: ...
    @overload
    def client(
        self, service: Literal["secretsmanager"], **given: object
    ) -> SecretsManagerClient: ...
    @overload
    def client(self, service: Literal["ssm", "organizations"], **given: object) -> BaseClient: ...

    def client(self, service: str, **given: object) -> BaseClient:
        """A boto3 client that never retries; the operator's, unless other credentials are given."""
        settings: dict[str, object] = {
            "endpoint_url": self.endpoint,
            "region_name": REGION,
            "config": DIRECT,
        }
        if "aws_access_key_id" not in given:
            settings |= {f"aws_{name}": value or None for name, value in self.operator.items()}
        client: BaseClient = self._session.client(service, **{**settings, **given})
        return client

    def _hand_over_seed(self, process: subprocess.Popen[bytes]) -> None:
        """Over a pipe: the secrets of a seed are in no file and in no list of arguments."""
        if process.stdin is None:
            return
        with suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(json.dumps(self._seed).encode())

    def _await_port(self, process: subprocess.Popen[bytes], port_file: Path) -> None:
        end = time.monotonic() + _START_MAX_SECONDS
        while not port_file.exists():
            if process.poll() is not None:
                raise LocalAwsFailed(self.log.read_text().strip() or "it ended without a word")
            if time.monotonic() > end:
                raise LocalAwsFailed(f"it did not start within {_START_MAX_SECONDS} s")
            time.sleep(0.02)
        self.port = int(port_file.read_text())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the local AWS until SIGTERM or SIGINT."""
    given = _arguments(argv)
    if any(importlib.util.find_spec(name) is None for name in ("moto", "flask")):
        sys.stderr.write("The local AWS needs moto: install rotator with its extra `demo`.\n")
        return 2
    # The extra is needed here only, so that whoever starts a local AWS need not load it.
    from rotator.demo.local_aws_server import serve  # noqa: PLC0415 - see above

    try:
        seed = _read_seed(given.seed)
    except (OSError, ValueError) as exc:
        sys.stderr.write(f"The seed cannot be read: {exc}\n")
        return 2
    if "operator" not in seed:
        sys.stderr.write(
            "Nobody could use this AWS: give `operator` in the seed, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY in the environment.\n"
        )
        return 2
    return serve(given, seed)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rotator.demo.aws", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--port-file", type=Path, help="where the port is written once it answers")
    parser.add_argument("--seed", help="a file of JSON, or - for stdin")
    parser.add_argument("--lag", default="2s", help="until a use of a key is shown")
    parser.add_argument("--grain", default="500ms", help="span in which one use is recorded")
    parser.add_argument("--new-key-delay", default="1s", help="until a new key is accepted")
    parser.add_argument("--revoke-delay", default="0s", help="until a change of status tells")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent ends")
    return parser.parse_args(argv)


def _read_seed(source: str | None) -> dict[str, Any]:
    text = (
        "{}" if source is None else sys.stdin.read() if source == "-" else Path(source).read_text()
    )
    seed: dict[str, Any] = json.loads(text)
    key_id = os.environ.get("AWS_ACCESS_KEY_ID")
    secret = os.environ.get("AWS_SECRET_ACCESS_KEY")
    if "operator" not in seed and key_id and secret:
        token = os.environ.get("AWS_SESSION_TOKEN", "")
        seed["operator"] = {
            "access_key_id": key_id,
            "secret_access_key": secret,
            "session_token": token,
        }
    return seed


def _without_aws(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith("AWS_")}


if __name__ == "__main__":
    sys.exit(main())
