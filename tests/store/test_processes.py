"""Real processes on one store: at once, and killed in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rotator.model import Step
from rotator.store import open_store
from tests.store.worlds import ALICE, Clock, World

if TYPE_CHECKING:
    from pathlib import Path

WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from rotator.model import JournalOutcome, Step, UserRef
from rotator.store import open_store

url, user, holder, most = sys.argv[1:]
store = open_store(url, clock=lambda: datetime.now(UTC))
ref = UserRef("111122223333", user)
done = 0
while done < int(most):
    lease = store.acquire(ref, holder=holder, length=timedelta(seconds=30))
    if lease is None:
        continue
    with store.change(lease) as change:
        before = sum(1 for _ in store.history(ref))
        first = change.journal(Step.PROVE, JournalOutcome.DONE, detail=f"{holder} {before}")
        second = change.journal(Step.PROVE, JournalOutcome.DONE, detail=f"{holder} {before + 1}")
    print(first, second, flush=True)
    store.release(lease)
    done += 1
"""


def _writer(world: World, user: str, holder: str, most: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, world.url, user, holder, str(most)],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_processes_take_turns(world: World) -> None:
    """Nobody sees the other's half, and no row is lost, doubled or written over."""
    writers = [_writer(world, ALICE.user_id, name, 40) for name in ("one", "two")]
    outputs = [writer.communicate(timeout=60)[0] for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0]
    assert [len(output.splitlines()) for output in outputs] == [40, 40]
    counted = [int(row.detail.split()[1]) for row in world.store.history(ALICE)]
    assert list(range(160)) == counted
    assert world.store.check() == []


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 7, 23, 60])
def test_what_was_committed_survives_a_kill(world: World, lines: int) -> None:
    """SIGKILL at any moment: every row that was told is there, and none by halves."""
    writer = _writer(world, ALICE.user_id, "one", 1_000_000)
    assert writer.stdout is not None
    told = [writer.stdout.readline() for _ in range(lines)]
    writer.send_signal(signal.SIGKILL)
    told += writer.stdout.readlines()
    writer.wait(timeout=30)
    writer.stdout.close()

    seqs = {int(seq) for line in told if line.endswith("\n") for seq in line.split()}
    with open_store(world.url, clock=Clock()) as store:
        rows = list(store.history())
        assert seqs <= {row.seq for row in rows}
        assert len(rows) % 2 == 0
        assert {Step.PROVE} == {row.step for row in rows}
        assert store.check() == []


INTERRUPTED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from rotator.store import create, files

files._sync = lambda path: os.kill(os.getpid(), 9)
create(sys.argv[1], clock=lambda: datetime.now(UTC))
"""


def test_a_kill_while_a_store_is_made_leaves_none(tmp_path: Path) -> None:
    """So that it can be made again, and half a store is never opened."""
    path = tmp_path / "r.db"
    killed = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, f"sqlite:///{path}"], check=False, timeout=60
    )

    assert killed.returncode == -signal.SIGKILL
    assert not path.exists()

    World.made(tmp_path).store.close()
