"""A disk that is full, for real: nothing half-written, nothing harmed, and work goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
UNSHARE = ["unshare", "--mount", "--map-root-user"]
STEP = 3
"""Every so many commits one meets the full disk; `python -m tests.survival.disk` takes all."""


def kinds() -> list[str]:
    """How a disk is made full here: both ways, where a file system of its own may be mounted."""
    unshare = shutil.which("unshare")
    may = unshare and subprocess.run([*UNSHARE, "true"], capture_output=True, check=False)
    return ["tmpfs", "rlimit"] if may and may.returncode == 0 else ["rlimit"]


def told_by(folder: Path, kind: str, step: int) -> dict[str, Any]:
    """What a run on a small disk prints."""
    program = [sys.executable, "-m", "tests.survival.disk", str(folder), kind, str(step)]
    done = subprocess.run(
        [*(UNSHARE if kind == "tmpfs" else []), *program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.slow
@pytest.mark.parametrize("kind", kinds())
def test_a_disk_that_is_full_at_any_commit_is_survived(kind: str, tmp_path: Path) -> None:
    """Each such visit fails with a sentence; when there is room again the life ends as ever."""
    told = told_by(tmp_path, kind, STEP)

    print(told)  # noqa: T201 - what the run came to
    assert told["commits"] >= 15
    assert told["met"] == told["lives"] == -(-told["commits"] // STEP)
    (sentence,) = told["sentences"]
    assert sentence.endswith(
        {
            "tmpfs": "cannot be written: the disk is full",
            "rlimit": "cannot be read or written: the disk answers with an error",
        }[kind]
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", kinds())
def test_a_place_on_a_full_disk_is_left_as_it_was(kind: str, tmp_path: Path) -> None:
    """Rejected for certain: consumers read what they read before, and no sibling stays behind."""
    put = told_by(tmp_path, kind, 0)

    assert put["said"] == "rejected"
    assert "cannot be written" in put["sentence"]
    assert put["holds"] == "{}"
    assert put["left"] == ["bob.json"]
