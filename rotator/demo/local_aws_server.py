"""Listens, says where, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from rotator.demo.local_aws_app import LocalAwsApp
from rotator.demo.local_aws_ledger import Timing, parse_duration
from rotator.demo.local_aws_world import SeedError, World

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from pathlib import Path

    from rotator.demo.local_aws_ledger import Clock
    from rotator.demo.local_aws_world import Seed

_PARENT_POLL_SECONDS = 0.5


def _handler(clock: Clock) -> type[MotoRequestHandler]:
    """How moto reads requests, with the local AWS's time in the Date of every answer."""

    class Handler(MotoRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing: the log of calls is at `/local-aws/calls`."""

        def date_time_string(self, timestamp: float | None = None) -> str:
            at = clock.now() if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
            return format_datetime(at, usegmt=True)

    return Handler


def serve(given: Namespace, seed: Seed) -> int:
    """Serve until SIGTERM or SIGINT; the answer is an exit status."""
    try:
        timing = Timing(
            lag=parse_duration(given.lag),
            grain=parse_duration(given.grain),
            new_key_delay=parse_duration(given.new_key_delay),
            revoke_delay=parse_duration(given.revoke_delay),
        )
        world = World(timing)
        server = make_server(
            "127.0.0.1",
            given.port,
            LocalAwsApp(world, seed),
            threaded=True,
            request_handler=_handler(world.clock),
        )
    except (SeedError, ValueError, OSError) as exc:
        sys.stderr.write(f"The local AWS cannot start: {exc}\n")
        return 2

    def stop(*_: object) -> None:
        # `shutdown` waits for the loop, which runs in the thread that a signal interrupts.
        threading.Thread(target=server.shutdown).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if given.with_parent:
        _end_with_parent(stop)
    if given.port_file:
        _write(given.port_file, str(server.server_port))
    sys.stderr.write(f"The local AWS listens on http://127.0.0.1:{server.server_port}\n")
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    return 0


def _end_with_parent(stop: Callable[[], Any]) -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_POLL_SECONDS)
        stop()

    threading.Thread(target=watch, daemon=True).start()


def _write(path: Path, text: str) -> None:
    """Whole or not at all: whoever waits for the file may read it at once."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text)
    beside.replace(path)
