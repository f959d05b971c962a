"""Nothing grows from one sweep to the next but what is on record, and that by a stated rule.

`make leaks` makes 10,000 sweeps; the suite makes some hundreds, with the same assertions. Counts
are compared exactly; memory by its slope, since Python and SQLite keep what they may need again.
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import IOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection

from rotator.aws.accounts import Accounts
from rotator.demo.aws import LocalAws
from rotator.model import Limits, UserRef
from tests.endurance.running import (
    RELOAD_EACH,
    Running,
    blocks,
    grown,
    resident,
    rows_of,
    slope,
    wal_bytes,
)
from tests.simulation.aws import ACCOUNT_ID
from tests.simulation.world import DAY, HOUR, READABLE, WRITEONLY, World, policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotator.model import Configuration

SWEEPS = int(os.environ.get("LEAK_SWEEPS", "120"))
LONG = SWEEPS >= 1000
HTTP_SWEEPS = 600 if LONG else 20
WARM = 3 * RELOAD_EACH


YEARS = 365 * DAY
BLOCKS_A_SWEEP = 0.5 if LONG else 2.0
"""Whoever keeps a single object of each sweep holds one block more after it. Over a few sweeps some
hundred blocks that come and go are as much as two of each."""

RESIDENT_MAX = 32
"""MiB by which a process may grow in 10,000 sweeps; caches and the allocator take a few."""

WAL_MAX = 5 * 2**20
"""SQLite writes its log to the file after 1000 pages; a transaction may take it a bit further."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two users whose keys are not due for centuries."""
    idle = policy(rotate_after=500 * YEARS, max_age=600 * YEARS)
    world = World.made(tmp_path, idle)
    for name in ("ann", "bob"):
        world.add_user(name)
    yield world
    world.close()


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Says a figure to whoever runs the tests."""

    def say(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{text}\n")

    return say


def idle(running: Running, sweeps: int, *, then: Callable[[], None] = lambda: None) -> list[int]:
    """So many sweeps, a day each; the blocks that Python held at twenty moments of it."""
    samples: list[int] = []
    for number in range(sweeps):
        running.world.clock.advance(DAY)
        running.turn()
        then()
        if number % max(1, sweeps // 20) == 0:
            samples.append(blocks())
    return samples


@pytest.mark.timeout(3600)
def test_idle_sweeps_leave_nothing_behind(world: World, said: Callable[[str], None]) -> None:
    """Neither a row, nor a file, a thread, a connection or a thing that is held; no memory."""
    running = Running(world)
    running.size()
    idle(running, WARM)
    before, resident_before = running.size(), resident()

    samples = idle(running, SWEEPS)

    after = running.size()
    a_sweep = slope(samples) / (SWEEPS / 20)
    more = (resident() - resident_before) / 2**20
    said(f"{SWEEPS} idle sweeps: {a_sweep:+.3f} blocks each, {more:+.1f} MiB, {after.told()}")
    assert running.failures == []
    assert grown(before, after) == {}
    assert after.rows["sweeps"] == 31
    assert wal_bytes(world.path) <= WAL_MAX
    assert a_sweep < BLOCKS_A_SWEEP
    assert more < RESIDENT_MAX


def busy_world(folder: Path) -> World:
    """Two users of two places each, whose keys are replaced every three days."""
    often = policy(
        rotate_after=3 * DAY, max_age=9 * DAY, sinks=(READABLE, WRITEONLY), limits=Limits(issue=50)
    )
    world = World.made(folder, often)
    for name in ("ann", "bob"):
        world.add_user(name)
    return world


def rotate(running: Running, *, rotations: int) -> None:
    """Sweep every two hours until so many more rotations are closed and none is open."""
    world = running.world
    ends = rows_of(world.store)["rotations"] + rotations
    for _ in range(60 * rotations):
        world.go(2 * HOUR)
        running.turn()
        if rows_of(world.store)["rotations"] >= ends and not any(
            row.rotation for row in world.store.users()
        ):
            return
    raise AssertionError(world.store.users())


@pytest.mark.timeout(3600)
def test_a_rotation_leaves_only_its_record(tmp_path: Path, said: Callable[[str], None]) -> None:
    """Each rotation leaves one row of its own, its key's, and always as many of the journal."""
    world = busy_world(tmp_path)
    running = Running(world)
    running.size()
    rotate(running, rotations=4)
    before = running.size()

    rotate(running, rotations=200 if LONG else 4)

    after = running.size()
    more = {name: after.rows[name] - before.rows[name] for name in before.rows}
    rotations = more.pop("rotations")
    said(f"{rotations} rotations: {more['journal'] / rotations:g} rows of the journal each")
    assert running.failures == []
    assert {name for name, rows in more.items() if rows} <= {"keys", "journal", "sweeps"}
    assert more["keys"] == rotations
    assert more["journal"] % rotations == 0
    if grown(replace(before, rows={}), replace(after, rows={})):
        # What other tests in this process left to be collected; what leaks grows again.
        before = running.size()
        rotate(running, rotations=4)
        after = running.size()
    assert grown(replace(before, rows={}), replace(after, rows={})) == {}
    assert after.rows["sweeps"] <= 30 * 12 + 1
    world.close()


class OverHttp(Running):
    """The same daemon over clients of botocore, and an AWS in a process of its own."""

    def accounts(self, configuration: Configuration) -> Accounts:
        """Clients of their own for each configuration, as the command line makes them."""
        return Accounts(
            configuration.accounts,
            environ=os.environ,
            clock=self.world.clock,
            request_timeout=timedelta(seconds=10),
            rates=None,
            on_request=self.metrics.on_request,
        )


@pytest.fixture
def over_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World) -> Iterator[OverHttp]:
    """Three users of a local AWS, whose keys are not due."""
    users = [{"name": name, "keys": [{"age": "20d"}]} for name in ("ann", "bob", "eve")]
    with LocalAws({"users": users}, folder=tmp_path) as aws:
        for name, value in aws.environ().items():
            monkeypatch.setenv(name, value)
        yield OverHttp(world)


@pytest.mark.timeout(3600)
def test_clients_of_aws_leave_nothing_behind(
    over_http: OverHttp, said: Callable[[str], None]
) -> None:
    """Each account keeps its few connections; those of a configuration that was replaced end."""

    def sweep(times: int) -> None:
        for _ in range(times):
            over_http.world.clock.now = datetime.now(UTC)
            over_http.turn()

    over_http.size()
    sweep(RELOAD_EACH)
    before = over_http.size()

    sweep(HTTP_SWEEPS)

    after = over_http.size()
    said(f"{HTTP_SWEEPS} sweeps over HTTP: {after.told()}")
    assert over_http.failures == []
    assert after.rows["users"] == 3
    assert grown(replace(before, rows={}), replace(after, rows={})) == {}
    assert before.rows | {"sweeps": before.rows["sweeps"] + HTTP_SWEEPS} == after.rows


@pytest.fixture
def kept() -> Iterator[list[Any]]:
    """What planted faults never give back; given back when the test is over."""
    kept: list[Any] = []
    yield kept
    for it in kept:
        if isinstance(it, threading.Timer):
            it.cancel()
            it.join()
        if isinstance(it, IOBase | Connection):
            it.close()


def leak(running: Running, kept: list[Any]) -> None:
    """Keep one thing of each kind of one sweep."""
    ref = UserRef(ACCOUNT_ID, f"AIDA{running.turns}")
    kept.append([running.turns])
    running.daemon._tries._failed[ref] = (1, running.world.clock())
    running.world.store.acquire(ref, holder="h", length=HOUR)
    if running.turns % RELOAD_EACH != 0:
        return
    kept.append(Path(os.devnull).open("rb"))  # noqa: SIM115 - never closed: that is the fault
    kept.append(threading.Timer(3600, print))
    kept[-1].start()
    kept.append(running.world.store._database.engine.connect())


def test_planted_leaks_are_found(world: World, kept: list[Any]) -> None:
    """What is kept of a few dozen sweeps shows, each kind by a figure of its own."""
    running = Running(world)
    running.size()
    idle(running, RELOAD_EACH)
    before = running.size()

    samples = idle(running, RELOAD_EACH * 2, then=lambda: leak(running, kept))

    found = grown(before, running.size())
    expected = {
        "files",
        "threads",
        "checked_out",
        "held Daemon._tries._failed",
        "rows leases",
    }
    assert expected <= found.keys()
    assert slope(samples) / 2 >= BLOCKS_A_SWEEP
