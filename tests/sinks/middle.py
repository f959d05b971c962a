"""A server between a sink and its backend, which lets chosen requests go wrong on the wire."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Break", "Middle", "serving"]


class Break(Enum):
    """What happens to one request; those that end in AFTER reach the backend first."""

    RESET = auto()
    RESET_AFTER = auto()
    HANG = auto()
    HANG_AFTER = auto()
    DRIP_AFTER = auto()
    LONG_AFTER = auto()
    EMPTY_AFTER = auto()
    GARBAGE_AFTER = auto()
    QUOTING_400 = auto()
    ERROR_500 = auto()
    ERROR_500_AFTER = auto()
    BUSY_503 = auto()
    GATEWAY_504_AFTER = auto()
    UNAUTHORIZED_401 = auto()
    FORBIDDEN_403 = auto()
    MISSING_404 = auto()
    TIMEOUT_408_AFTER = auto()
    CONFLICT_409 = auto()
    THROTTLED_429 = auto()
    REDIRECT_307 = auto()

    @property
    def arrives(self) -> bool:
        """Whether the backend gets the request."""
        return self.name.endswith("AFTER")

    @property
    def status(self) -> int | None:
        """The status in its name."""
        numbers = [part for part in self.name.split("_") if part.isdigit()]
        return int(numbers[0]) if numbers else None


class Middle:
    """Passes requests on to `upstream`, but for those that it was told to break.

    `seen` are method and path of all that arrived here; `astray` those that came to the host to
    which redirects point.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.seen: list[tuple[str, str]] = []
        self.astray: list[str] = []
        self.url = ""
        self._breaks: dict[str, deque[Break | None]] = {}
        self._pool = urllib3.PoolManager(retries=False)
        self._elsewhere = ""
        self._meddlers: dict[str, Callable[[], object]] = {}

    def fail(self, method: str, *breaks: Break | None) -> None:
        """Let the next requests of this method go wrong, in this order; None: this one does not."""
        self._breaks.setdefault(method, deque()).extend(breaks)

    def before(self, method: str, meddler: Callable[[], object]) -> None:
        """Do something, once, just before the next request of this method arrives."""
        self._meddlers[method] = meddler

    @contextmanager
    def listening(self) -> Iterator[Middle]:
        """Both hosts, on loopback, until the end."""
        middle = self

        class Handler(_Handler):
            between = middle

        class Stranger(_Handler):
            between = middle
            is_stranger = True

        with serving(Handler) as self.url, serving(Stranger) as self._elsewhere:
            yield self
        self._pool.clear()

    def answer(self, handler: _Handler, body: bytes) -> None:
        """One request: passed on, or broken."""
        self.seen.append((handler.command, handler.path))
        if handler.command in self._meddlers:
            self._meddlers.pop(handler.command)()
        breaks = self._breaks.get(handler.command)
        chosen = breaks.popleft() if breaks else None
        if chosen is None or chosen.arrives:
            headers = {k: v for k, v in handler.headers.items() if k.lower() != "host"}
            got = self._pool.request(
                handler.command, self.upstream + handler.path, headers=headers, body=body
            )
            if chosen is None:
                handler.reply(got.status, got.data)
                return
        self._break(handler, chosen, body)

    def _break(self, handler: _Handler, chosen: Break, body: bytes) -> None:
        match chosen:
            case Break.RESET | Break.RESET_AFTER:
                handler.hang_up()
            case Break.HANG | Break.HANG_AFTER:
                handler.wait_for_them()
            case Break.DRIP_AFTER:
                handler.drip()
            case Break.LONG_AFTER:
                handler.reply(200, b"x" * 50_000_000)
            case Break.EMPTY_AFTER:
                handler.reply(200, b"")
            case Break.GARBAGE_AFTER:
                handler.reply(200, b"<html>\xff" + body)
            case Break.QUOTING_400:
                handler.reply(400, b'{"errors": ["' + body.replace(b'"', b"'") + b'"]}')
            case Break.REDIRECT_307:
                handler.reply(307, b"", Location=self._elsewhere + handler.path)
            case _:
                handler.reply(chosen.status or 500, b'{"message": "' + b"no" + b'"}')


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    between: ClassVar[Middle]
    is_stranger: ClassVar[bool] = False

    def handle_one_request(self) -> None:
        with suppress(ConnectionError):
            super().handle_one_request()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.is_stranger:
            self.between.astray.append(self.path)
            self.reply(200, b"{}")
        else:
            self.between.answer(self, body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the server's own names

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        """An answer with a body of known length."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(body)

    def hang_up(self) -> None:
        """Reset the connection."""
        self.close_connection = True
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def wait_for_them(self) -> None:
        """Answer nothing until they have gone."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.recv(1)

    def drip(self) -> None:
        """A byte now and then, for ever."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(b" ")
                time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on loopback, until the end; where it listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
