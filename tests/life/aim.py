"""Kills a process, or stops it, at one exact point of one effect.

The program itself is not changed: what strikes sits in the libraries below it, where it commits to
SQLite, sends a request to AWS, or writes a file. SIGKILL is sent by the process to itself, from the
very thread that is at that point, so that it never comes a moment late.

Each effect that is come by is noted in the file that AIM_TRACE names, and so is the blow.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from botocore.awsrequest import AWSConnection, AWSHTTPConnection
from botocore.httpsession import URLLib3Session

from tests.life import tearing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Aim", "install"]

SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM}

_INSERT = re.compile(r"INSERT INTO (\w+) \(([^)]*)\)")
_WRITES = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM) (\w+)")
_SIBLING = re.compile(r"\..+\.rotator-[0-9a-f]{16}")
_SIGNED = re.compile(r"Credential=(\w+)/\d+/[\w-]+/(\w+)/")
_ACTION = re.compile(r"(?:^|&)Action=(\w+)")


@dataclass(slots=True)
class Aim:
    """Where the process is struck: the first time that an effect gets to a moment.

    A blow is `kill`; `term`, after which the process goes on to its end; or `halt`: the thread
    that is there waits until the file `gate` exists, while whoever sees that stops the process.
    """

    blow: str = ""
    effect: str = ""
    moment: str = ""
    trace: str = os.devnull
    _is_over: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def given(cls) -> Self:
        """What the environment says."""
        trace = os.environ.get("AIM_TRACE", os.devnull)
        if "AIM" not in os.environ:
            return cls(trace=trace)
        blow, effect, moment = (part.strip() for part in os.environ["AIM"].split("|"))
        return cls(blow, effect, moment, trace)

    @property
    def gate(self) -> str:
        """The file whose coming lets a thread that was halted go on."""
        return f"{self.trace}.gate"

    def is_on(self, effect: str, moment: str) -> bool:
        """Whether this is the point, this time."""
        if (effect, moment) != (self.effect, self.moment):
            return False
        with self._lock:
            was_over, self._is_over = self._is_over, True
        return not was_over

    def reach(self, effect: str, moment: str) -> None:
        """Strike here, if this is the point."""
        if self.is_on(effect, moment):
            self.strike()

    def strike(self) -> None:
        """SIGKILL does not return.

        A SIGSTOP of our own would stop this thread a moment late, and others in a transaction.
        """
        self.note(f"struck {self.effect} | {self.moment}")
        if self.blow in SIGNALS:
            os.kill(os.getpid(), SIGNALS[self.blow])
            return
        while not Path(self.gate).exists():
            time.sleep(0.005)

    def note(self, line: str) -> None:
        """Add a line to the trace, whole."""
        file = _open(self.trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            _write(file, f"{line}\n".encode())
        finally:
            os.close(file)


AIM = Aim()
_open, _write, _fsync, _rename = os.open, os.write, os.fsync, os.rename


# The store


class AimedCursor(sqlite3.Cursor):
    """Tells its connection what it writes."""

    def execute(self, sql: str, parameters: Any = (), /) -> Self:  # noqa: ANN401 - as the base
        if isinstance(self.connection, AimedConnection):
            self.connection.note_written(sql, parameters)
        return super().execute(sql, parameters)


class AimedConnection(sqlite3.Connection):
    """Knows by what it wrote which effect it commits."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as the base
        super().__init__(*given, **named)
        self.rows: list[str] = []
        self.tables: list[str] = []

    def execute(self, sql: str, parameters: Any = (), /) -> AimedCursor:  # noqa: ANN401 - as the base
        cursor: AimedCursor = self.cursor()
        return cursor.execute(sql, parameters)

    def cursor(self, factory: Any = AimedCursor) -> Any:  # noqa: ANN401 - as the base
        return super().cursor(factory)

    def note_written(self, sql: str, parameters: Sequence[Any]) -> None:
        """Keep the journal's rows and the tables of the transaction that is open."""
        if sql.startswith("BEGIN"):
            self.rows, self.tables = [], []
        written = _WRITES.match(sql)
        if written is None:
            return
        self.tables.append(written[2])
        insert = _INSERT.match(sql)
        if insert is not None and insert[1] == "journal":
            row = dict(zip(insert[2].split(", "), parameters, strict=False))
            self.rows.append(f"{row['step']} {row['outcome']}")

    def commit(self) -> None:
        effect = self._effect() if self.in_transaction else ""
        if not effect:
            super().commit()
            return
        AIM.note(effect)
        AIM.reach(effect, "before")
        with tearing.committing(effect):
            super().commit()
        AIM.reach(effect, "after")

    def _effect(self) -> str:
        """The last row of the journal names it, or the tables where there is none."""
        if self.rows:
            return f"commit {self.rows[-1]}"
        tables = sorted(set(self.tables) - {"meta"})
        return f"commit to {', '.join(tables)}" if tables else ""


def _connected(connect: Callable[..., Any]) -> Callable[..., Any]:
    def aimed(*given: object, **named: object) -> object:
        return connect(*given, **{"factory": AimedConnection} | named)

    return aimed


# Requests


class _Sending(threading.local):
    """What this thread is sending."""

    effect = ""


_SENDING = _Sending()


def _request_of(request: Any) -> str:  # noqa: ANN401 - botocore's own
    """The effect that a signed request is: its service and action."""
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    signed = _SIGNED.search(headers.get("authorization", ""))
    action = _ACTION.search(_text(request.body or b""))
    if signed is None or action is None:
        return ""
    proof = action[1] == "GetCallerIdentity" and signed[1].startswith("AKIA")
    return f"request {signed[2]}:{action[1]}{' (proof)' if proof else ''}"


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _exchanged(send: Callable[..., Any]) -> Callable[..., Any]:
    def aimed(session: object, request: object) -> object:
        effect = _request_of(request)
        AIM.note(effect)
        AIM.reach(effect, "before")
        _SENDING.effect = effect
        try:
            answer = send(session, request)
        finally:
            _SENDING.effect = ""
        AIM.reach(effect, "after")
        return answer

    return aimed


def _sent(send: Callable[..., Any]) -> Callable[..., Any]:
    def aimed(connection: object, message: Any) -> None:  # noqa: ANN401 - botocore's own
        if b"Action=" not in bytes(message) or not AIM.is_on(_SENDING.effect, "torn"):
            send(connection, message)
            return
        send(connection, message[: len(message) // 2])
        AIM.strike()
        send(connection, message[len(message) // 2 :])

    return aimed


def _awaited(receive: Callable[..., Any]) -> Callable[..., Any]:
    def aimed(connection: Any, *given: object, **named: object) -> object:  # noqa: ANN401 - botocore's own
        if AIM.is_on(_SENDING.effect, "answered"):
            # What can be read by now was executed; nobody ever reads it.
            select.select([connection.sock], [], [])
            AIM.strike()
        return receive(connection, *given, **named)

    return aimed


# The file sink


@dataclass(slots=True)
class Files:
    """A put of the file sink, told by the name of its temporary sibling."""

    siblings: set[int] = field(default_factory=set)
    renamed: dict[int, int] = field(default_factory=dict)

    def open(self, path: Any, flags: int, *given: Any, **named: Any) -> int:  # noqa: ANN401 - as the base
        file = _open(path, flags, *given, **named)
        if flags & os.O_CREAT and isinstance(path, str) and _SIBLING.fullmatch(path):
            self.siblings.add(file)
            AIM.note("put")
            AIM.reach("put", "before")
        return file

    def write(self, file: int, content: Any) -> int:  # noqa: ANN401 - as the base
        if file not in self.siblings:
            return _write(file, content)
        if AIM.is_on("put", "torn"):
            _write(file, content[: len(content) // 2])
            AIM.strike()
            return len(content) // 2
        count = _write(file, content)
        AIM.reach("put", "written")
        return count

    def fsync(self, file: int) -> None:
        _fsync(file)
        if file in self.siblings:
            self.siblings.discard(file)
            AIM.reach("put", "synced")
        elif self.renamed.pop(threading.get_ident(), None) == file:
            AIM.reach("put", "after")

    def rename(self, source: Any, target: Any, **named: Any) -> None:  # noqa: ANN401 - as the base
        ours = isinstance(source, str) and _SIBLING.fullmatch(source)
        if ours:
            AIM.reach("put", "to be renamed")
        _rename(source, target, **named)
        if ours:
            self.renamed[threading.get_ident()] = named["dst_dir_fd"]
            AIM.reach("put", "renamed")


def install(aim: Aim) -> None:
    """Put the points into the libraries; before the program imports any of them."""
    global AIM  # noqa: PLW0603 - one process, one aim
    AIM = aim
    files = Files()
    for name in ("open", "write", "fsync", "rename"):
        setattr(os, name, getattr(files, name))
    setattr(sqlite3, "connect", _connected(sqlite3.connect))  # noqa: B010 - mypy lets no module be changed
    setattr(URLLib3Session, "send", _exchanged(URLLib3Session.send))  # noqa: B010 - as above
    setattr(AWSConnection, "send", _sent(AWSConnection.send))  # noqa: B010 - as above
    received = _awaited(AWSHTTPConnection.getresponse)
    setattr(AWSHTTPConnection, "getresponse", received)  # noqa: B010 - as above
    if aim.moment in tearing.MOMENTS:
        tearing.install(aim.is_on, aim.strike)
