"""SIGKILL at every effect and at random: the real daemon, a real file and store, AWS over HTTP."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from rotator.demo.aws import LocalAws
from tests.life import tearing
from tests.life.house import AWS_OPTIONS, ROOT
from tests.life.kills import EFFECTS, live, plan, table

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 14
SEED = int(os.environ.get("LIVES_SLICE") or time.time())


@pytest.mark.timeout(180)
def test_a_daemon_that_is_killed_again_and_again_harms_nobody(tmp_path: Path) -> None:
    """P5, P1, P4 and P7: at the end everybody has one new key that works, and no call ever failed.

    So many spots of `make kills`, other ones each time: before, in the middle of and after commits,
    requests and the writing of a place, and at random. After each kill every byte is searched.
    """
    chance = random.Random(SEED)
    with LocalAws(options=AWS_OPTIONS) as aws:
        tally = live(tmp_path, aws, plan(KILLS, chance), chance)

    print(f"SEED={SEED}\n{table(tally.kills)}")  # noqa: T201 - what the run came to
    assert tally.broken == [], f"SEED={SEED}"
    assert tally.kills.total() == KILLS
    assert tally.calls > 100
    # A rotation that is lived through to its end has come by every effect that is aimed at.
    assert set(EFFECTS) <= tally.effects


def test_a_plan_goes_once_through_every_moment_of_every_effect() -> None:
    """Before any comes twice; a quarter is at random, and one seed replays it all."""
    every = sum(map(len, EFFECTS.values()))
    spots = plan(every * 4 // 3, random.Random(1))

    assert tearing.can_tear()
    assert len(set(spots)) == every + 1
    assert spots == plan(every * 4 // 3, random.Random(1))
    assert every >= 100


WRITES = """
import sqlite3, sys
from tests.life.aim import Aim, install

install(Aim("kill", "commit to things", sys.argv[2]))
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("PRAGMA synchronous=FULL")
store.execute("BEGIN IMMEDIATE")
store.execute("INSERT INTO things VALUES (zeroblob(20000))")
store.commit()
"""


@pytest.mark.parametrize(
    ("moment", "rows", "pages"),
    [
        ("before", 0, 0),
        ("torn early", 0, 0),
        ("torn late", 0, 5),
        ("unsynced", 1, 6),
        ("after", 1, 6),
    ],
)
def test_a_commit_is_killed_where_it_is_aimed_at(
    moment: str, rows: int, pages: int, tmp_path: Path
) -> None:
    """What is in the log tells where the process died, and what is read back that SQLite copes."""
    path = tmp_path / "things.db"
    with closing(sqlite3.connect(path)) as store:
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("CREATE TABLE things (thing)")
        store.commit()

    ended = subprocess.run(
        [sys.executable, "-c", WRITES, path, moment], check=False, cwd=ROOT, timeout=60
    )
    log = tmp_path / "things.db-wal"
    written = (log.stat().st_size if log.exists() else 0) / (4096 + 24)
    with closing(sqlite3.connect(path)) as store:
        (found,) = store.execute("SELECT count(*) FROM things").fetchone()

    assert ended.returncode == -signal.SIGKILL
    assert (found, int(written)) == (rows, pages)
    # Of a page that is torn, half is there.
    assert (0.4 < written % 1 < 0.6) == moment.startswith("torn")
