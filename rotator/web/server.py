"""Serves the application on a thread of its own, within bounds, until it is closed."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.server import create_server

from rotator.errors import RotatorError

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from rotator.model import HttpSettings

__all__ = ["CannotListen", "Server", "serve"]

_THREADS = 4
_CONNECTIONS_MAX = 100
_IDLE_SECONDS = 15
_REQUEST_SECONDS = 10.0
"""How long a request may take to arrive; one that drips would keep its connection for ever."""

_HEADER_BYTES_MAX = 8192
_BODY_BYTES_MAX = 1024
_CLOSE_SECONDS = 5.0
_PORT_MAX = 65_535


class CannotListen(RotatorError):
    """The address cannot be listened on: taken, not ours, not permitted, or no address at all."""


class Server:
    """A server that listens; `serve` makes it.

    Attributes:
        host: the address that it listens on, as a number.
        port: the port; where 0 was asked for, the free one that was taken.
    """

    def __init__(self, app: WSGIApplication, listener: socket.socket) -> None:
        self.host, self.port = listener.getsockname()[:2]
        self._map: dict[int, object] = {}
        self._server = create_server(
            app,
            map=self._map,
            sockets=[listener],
            threads=_THREADS,
            connection_limit=_CONNECTIONS_MAX,
            channel_timeout=_IDLE_SECONDS,
            cleanup_interval=_IDLE_SECONDS,
            max_request_header_size=_HEADER_BYTES_MAX,
            max_request_body_size=_BODY_BYTES_MAX,
            expose_tracebacks=False,
            ident=None,
        )
        self._arriving: dict[Any, tuple[object, float]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._turn, name="http", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port as a URL writes them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def close(self) -> None:
        """Stop listening, let what is being answered be answered, and end; at most 10 seconds.

        The pipe that wakes the loop is closed last, when neither a worker nor the loop is left:
        whoever wrote into it afterwards would write into a file descriptor that may by then be
        somebody else's. A worker that is stuck is left, with the loop, to the end of the process.
        """
        if not self._thread.is_alive():
            return
        self._server.trigger.pull_trigger(lambda: wasyncore.dispatcher.close(self._server))
        workers = self._server.task_dispatcher
        workers.shutdown(timeout=_CLOSE_SECONDS)
        if workers.threads:
            return
        self._ended.set()
        self._server.trigger.pull_trigger()
        self._thread.join(_CLOSE_SECONDS)
        if not self._thread.is_alive():
            wasyncore.close_all(self._map)

    def _turn(self) -> None:
        while not self._ended.is_set():
            # select() cannot count beyond 1024 files, which a busy daemon may have open; poll can.
            wasyncore.loop(timeout=1, map=self._map, use_poll=True, count=1)
            self._drop_dripping()

    def _drop_dripping(self) -> None:
        """Close connections whose request does not come to its end.

        Each byte counts as activity, so that waitress would keep them: a hundred such connections
        would leave no room for whoever asks whether this process lives.
        """
        now = time.monotonic()
        arriving: dict[Any, tuple[object, float]] = {}
        for channel in list(self._server.active_channels.values()):
            request = channel.request
            if request is None:
                continue
            known, since = self._arriving.get(channel, (None, now))
            since = since if known is request else now
            arriving[channel] = request, since
            if now - since > _REQUEST_SECONDS:
                channel.will_close = True
        self._arriving = arriving


def serve(app: WSGIApplication, settings: HttpSettings) -> Server:
    """Listen where the settings say, and answer from now on.

    Raises:
        CannotListen: nothing was begun; the sentence says which address, and why not.
    """
    try:
        listener = _listener(settings.host, settings.port)
    except (OSError, OverflowError, UnicodeError) as exc:
        why = getattr(exc, "strerror", None) or str(exc)
        raise CannotListen(f"cannot listen on {settings.host}:{settings.port}: {why}") from exc
    return Server(app, listener)


def _listener(host: str, port: int) -> socket.socket:
    """One bound socket: of a name with several addresses the first, as they share no free port."""
    if not 0 <= port <= _PORT_MAX:
        # The resolver would silently take the remainder.
        raise OverflowError(f"a port is at most {_PORT_MAX}")
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    with contextlib.ExitStack() as undo:
        undo.callback(listener.close)
        # A port that waits for the last packets of a daemon that has ended is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
        undo.pop_all()
    return listener
