"""A wire to a PostgreSQL server that can be cut, slowed down, held still and taken away.

    with Wire(server) as wire, open_store(wire.url(database), clock=clock) as store:
        wire.cut_at_commit(Cut.AFTER)

It reads the messages of the protocol (PostgreSQL, chapter 54), so that it cuts at the COMMIT of a
transaction that wrote: before the server has it, or after the server has carried it out and before
its answer is passed on.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from tests.databases.postgres import Server

__all__ = ["Cut", "Wire"]

_SOCKET = ".s.PGSQL.5432"
_WRITES = (b"INSERT", b"UPDATE", b"DELETE", b"CREATE")
_HEAD = struct.Struct("!cI")


class Cut(Enum):
    """Where a commit loses its connection."""

    BEFORE = "before the server has it"
    DURING = "while the server carries it out"
    AFTER = "after it was carried out, before its answer"

    def __str__(self) -> str:
        return self.value


@dataclass(eq=False)
class _Line:
    """One connection, both ways; and what the transaction that is open on it has done."""

    near: socket.socket
    far: socket.socket
    statements: dict[bytes, bool] = field(default_factory=dict)
    wrote: bool = False
    cut: Cut | None = None

    def close(self) -> None:
        for end in (self.near, self.far):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Wire:
    """Stands between rotator and a server; for the length of a `with`.

    Attributes:
        delay: seconds by which each answer is late.
        commits: commits of transactions that wrote, so far.
        cuts: how many of them lost their connection.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._folder = Path(tempfile.mkdtemp(prefix="rotator-wire-"))
        self._listener = socket.socket(socket.AF_UNIX)
        self._lock = threading.Lock()
        self._lines: list[_Line] = []
        self._plan: dict[int, Cut] = {}
        self._away_until = 0.0
        self._away_after_cut = 0.0
        self._passing = threading.Event()
        self._passing.set()
        self.delay = 0.0
        self.commits = 0
        self.cuts = 0

    def __enter__(self) -> Self:
        self._listener.bind(str(self._folder / _SOCKET))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.go_on()
        # Closing it does not wake who waits in accept; shutting it down does.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.break_all()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, url: str) -> str:
        """The address of a database by this wire, of its address at the server."""
        return url.replace(str(self._server.socket), str(self._folder))

    def cut_at_commit(self, cut: Cut, *, number: int = 1, away: float = 0.0) -> None:
        """Cut at the commit of this number from now on; then be away for so many seconds."""
        with self._lock:
            self._plan[self.commits + number] = cut
            self._away_after_cut = away

    def go_away(self, seconds: float = float("inf")) -> None:
        """Break every connection, and let none come for a while."""
        self._away_until = time.monotonic() + seconds
        self.break_all()

    def come_back(self) -> None:
        """Let connections come again."""
        self._away_until = 0.0

    def stand_still(self) -> None:
        """Pass nothing on, either way, and break nothing."""
        self._passing.clear()

    def go_on(self) -> None:
        """Pass on what has come meanwhile, and what comes."""
        self._passing.set()

    def break_all(self) -> None:
        """Break the connections that there are."""
        with self._lock:
            lines, self._lines = self._lines, []
        for line in lines:
            line.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if time.monotonic() < self._away_until:
                near.close()
                continue
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(str(self._server.socket / _SOCKET))
            except OSError:
                near.close()
                far.close()
                continue
            line = _Line(near, far)
            with self._lock:
                self._lines.append(line)
            for work in (self._ask, self._answer):
                threading.Thread(target=work, args=(line,), daemon=True).start()

    def _ask(self, line: _Line) -> None:
        """Pass on what the client says, message by message."""
        with suppress(OSError, struct.error):
            self._greet(line)
            while True:
                kind, body = _message(line.near)
                if kind in b"QP" and _is_commit(body) and line.wrote:
                    line.wrote = False
                    self._strike(line)
                else:
                    _notice(line, kind, body)
                self._passing.wait()
                if line.cut is Cut.BEFORE:
                    break
                line.far.sendall(_HEAD.pack(kind, len(body) + 4) + body)
                if line.cut is Cut.DURING:
                    break
        line.close()

    def _greet(self, line: _Line) -> None:
        """Pass on the first messages of a connection, which have no kind."""
        while True:
            (length,) = struct.unpack("!I", _read(line.near, 4))
            body = _read(line.near, length - 4)
            self._passing.wait()
            line.far.sendall(struct.pack("!I", length) + body)
            (code,) = struct.unpack("!I", body[:4])
            # A question for TLS or GSS (1234, ...) is answered by one byte, and asked anew.
            if code >> 16 != 1234:
                return

    def _answer(self, line: _Line) -> None:
        """Pass on what the server answers."""
        with suppress(OSError):
            while part := line.far.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                self._passing.wait()
                if line.cut is not None:
                    break
                line.near.sendall(part)
        line.close()
        for end in (line.near, line.far):
            with suppress(OSError):
                end.close()

    def _strike(self, line: _Line) -> None:
        """Count a commit, and note whether the connection is to break at it."""
        with self._lock:
            self.commits += 1
            line.cut = self._plan.pop(self.commits, None)
        if line.cut is not None:
            self.cuts += 1
            if self._away_after_cut:
                self._away_until = time.monotonic() + self._away_after_cut


def _read(source: socket.socket, count: int) -> bytes:
    """Exactly so many bytes.

    Raises:
        OSError: it ended before.
    """
    found = bytearray()
    while len(found) < count:
        part = source.recv(count - len(found))
        if not part:
            raise ConnectionResetError(os.strerror(104))
        found += part
    return bytes(found)


def _message(source: socket.socket) -> tuple[bytes, bytes]:
    kind, length = _HEAD.unpack(_read(source, _HEAD.size))
    return kind, _read(source, length - 4)


def _is_commit(body: bytes) -> bool:
    return body.strip(b"\0") == b"COMMIT"


def _notice(line: _Line, kind: bytes, body: bytes) -> None:
    """Notice whether the open transaction writes; what is prepared once is only named later."""
    if kind == b"P":
        name, _, rest = body.partition(b"\0")
        line.statements[name] = rest.lstrip().startswith(_WRITES)
    elif kind == b"B":
        _portal, _, rest = body.partition(b"\0")
        line.wrote |= line.statements.get(rest.partition(b"\0")[0], False)
    elif kind == b"Q":
        line.wrote |= body.lstrip().startswith(_WRITES)
        if body.lstrip().startswith((b"ROLLBACK", b"BEGIN")):
            line.wrote = False
