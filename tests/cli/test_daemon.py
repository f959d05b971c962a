"""`daemon`: the real process, from its start to its quiet end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.request import urlopen

import pytest

from rotator.cli import daemon
from rotator.cli.build import load_configuration, settings_of
from rotator.cli.gauges import StepTimes, standing_of
from rotator.cli.parser import make_parser
from rotator.errors import StoreMissing, StoreUnavailable
from rotator.events import Event
from tests.cli.conftest import eventually

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from pathlib import Path

    from rotator.demo.aws import LocalAws
    from tests.cli.conftest import Program

pytestmark = pytest.mark.slow


class Running:
    """A daemon that runs; its log is read as it grows."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def events(self, name: Event) -> list[dict[str, Any]]:
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [event for line in lines if (event := json.loads(line))["event"] == name]

    def told(self, name: Event) -> list[dict[str, Any]]:
        """The events of this name, once there is one."""
        found: list[dict[str, Any]] = eventually(lambda: self.events(name), seconds=20)
        return found

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@contextmanager
def running(program: Program, *argv: str) -> Iterator[Running]:
    log = program.folder / "daemon.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "rotator", "-c", str(program.config), "daemon", *argv],
            stderr=stream,
            stdout=stream,
            env=dict(os.environ),
        )
    try:
        yield Running(process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_from_start_to_end(program: Program, aws: LocalAws) -> None:
    """It makes the store if it is told to, rotates, serves health and metrics, takes orders, and
    ends quietly.
    """
    aws.plant({"users": [{"name": "alice", "path": "/ci/", "keys": [{"age": "100d"}]}]})
    aws.plant({"users": [{"name": "bob", "path": "/ci/", "keys": [{"age": "3d"}]}]})
    with running(program, "--init-state", "--listen", "127.0.0.1:0") as started:
        address = started.told(Event.HTTP_OPENED)[0]["address"]
        assert started.told(Event.ROTATION_CLOSED)
        ready = read(f"http://{address}/readyz")
        healthy = read(f"http://{address}/healthz")
        idle = 'rotator_users{account="prod",phase="idle",policy="ci"} 2.0'
        assert eventually(lambda: idle in read(f"http://{address}/metrics"))
        metrics = read(f"http://{address}/metrics")
        answer = program("rotate", "bob", "--reason", "just so")
        rotated = len(aws.truth()["bob"]["keys"])
        status = started.stop()

    assert json.loads(ready)["ready"] is True
    assert healthy == "The daemon's loop turns.\n"
    assert 'rotator_rotations_total{outcome="completed",policy="ci"} 1.0' in metrics
    assert 'rotator_step_duration_seconds_count{step="issue"} 1.0' in metrics
    assert answer.status == 0
    assert rotated == 2
    assert (status, started.events(Event.DAEMON_STOPPED)[0]["signal"]) == (0, "SIGTERM")


def read(address: str) -> str:
    with urlopen(address, timeout=10) as answer:
        return str(answer.read().decode())


def test_a_taken_port_is_an_error_and_work_goes_on(stocked: Program, aws: LocalAws) -> None:
    """Rotation does not depend on who can look at it."""
    aws.plant({"users": [{"name": "alice", "path": "/ci/", "keys": [{"age": "100d"}]}]})
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with running(stocked, "--listen", f"127.0.0.1:{port}") as started:
            failed = started.told(Event.HTTP_FAILED)
            assert started.told(Event.KEY_DELIVERED)
            status = started.stop()

    assert failed[0]["address"] == f"127.0.0.1:{port}"
    assert status == 0


def test_a_store_that_is_away_is_awaited(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that does not answer now is no reason to refuse the start; a missing one is."""

    def away(_url: str) -> NoReturn:
        raise StoreUnavailable("locked")

    configuration = load_configuration(settings_of(given(program)))
    with pytest.raises(StoreMissing):
        daemon.look_for_store(configuration)
    monkeypatch.setattr(daemon, "opened", away)
    daemon.look_for_store(configuration)


def given(program: Program) -> Namespace:
    return make_parser().parse_args(["-c", str(program.config), "daemon"])


class TestGauges:
    """What the metrics are told about where everybody stands."""

    def test_no_store_is_no_answer(self) -> None:
        """Before the store is open there is nothing to tell."""
        with pytest.raises(StoreUnavailable):
            standing_of(None)

    def test_step_times(self) -> None:
        """Each event of a step hands on its seconds; what was only observed has none."""
        seen: list[tuple[str, float]] = []
        outlet = StepTimes(lambda step, seconds: seen.append((step, seconds)))
        outlet.on_event(Event.KEY_ISSUED, {"seconds": 0.5})
        outlet.on_event(Event.KEY_DELIVERED, {"observed": True})
        outlet.on_event(Event.SWEEP_COMPLETED, {"seconds": 1.5})

        assert seen == [("issue", 0.5)]
