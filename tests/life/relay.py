"""A relay on loopback that keeps every byte that AWS answered: all secrets that a process got."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Relay"]

_SECRET = re.compile(rb"SecretAccessKey\W+(?:quot;)?([A-Za-z0-9/+=]{12,})")


class Relay:
    """Listens on a free port and passes everything on, both ways; for the length of a `with`."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._answers: list[bytearray] = []
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()

    def secrets(self) -> set[str]:
        """Every secret access key that was answered, one that was cut off as far as it went."""
        with self._lock:
            answers = [bytes(answer) for answer in self._answers]
        return {found.decode() for answer in answers for found in _SECRET.findall(answer)}

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._to, timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            answer = bytearray()
            with self._lock:
                self._answers.append(answer)
            threading.Thread(target=self._copy, args=(near, far, None), daemon=True).start()
            threading.Thread(target=self._copy, args=(far, near, answer), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
        with suppress(OSError):
            while part := source.recv(65536):
                if kept is not None:
                    with self._lock:
                        kept += part
                target.sendall(part)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            if kept is not None:
                end.close()
