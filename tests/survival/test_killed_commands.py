"""SIGKILL to commands about a whole store: whatever they leave, nothing is lost, and it is told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

STRIKES = 8
"""Moments at which a command is killed, spread over the time that it takes."""


def rotator(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One command about the store of this folder, to its end."""
    return subprocess.run(command(folder, *words), capture_output=True, text=True, check=False)


def command(folder: Path, *words: str) -> list[str]:
    """How it is typed."""
    url = f"sqlite:///{folder / 'rotator.db'}"
    return [sys.executable, "-m", "rotator", "--state", url, "state", *words]


def killed(folder: Path, *words: str, after: float) -> int:
    """The same, killed after so many seconds unless it has ended; its exit status."""
    with subprocess.Popen(command(folder, *words), stderr=subprocess.DEVNULL) as process:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
        return process.wait()


def seconds_of(folder: Path, *words: str) -> float:
    """How long a command takes that nobody kills."""
    began = time.monotonic()
    assert rotator(folder, *words).returncode == 0
    return time.monotonic() - began


def test_a_store_that_was_being_made_is_made_by_the_same_command(tmp_path: Path) -> None:
    """It is there whole, or not at all, or is said to be no store; nobody works with a part."""
    (tmp_path / "alone").mkdir()
    whole = seconds_of(tmp_path / "alone", "init")
    ends = set()
    for number in range(STRIKES):
        folder = tmp_path / str(number)
        folder.mkdir()
        ends.add(killed(folder, "init", after=whole * (0.5 + number / STRIKES / 1.6)))

        again = rotator(folder, "init")
        checked = rotator(folder, "check")

        assert again.returncode in {0, 1}, again.stderr
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "Traceback" not in again.stderr + checked.stderr
    assert -9 in ends


def test_a_backup_that_was_being_made_harms_nothing(tmp_path: Path) -> None:
    """The store is what it was, a part is not taken for a copy, and the next backup is whole."""
    assert rotator(tmp_path, "init").returncode == 0
    before = (tmp_path / "rotator.db").read_bytes()
    whole = seconds_of(tmp_path, "backup", str(tmp_path / "alone.db"))
    ends = set()
    for number in range(STRIKES):
        copy = tmp_path / f"{number}.db"
        ends.add(
            killed(tmp_path, "backup", str(copy), after=whole * (0.5 + number / STRIKES / 1.6))
        )

        checked = rotator(tmp_path, "check")
        again = rotator(tmp_path, "backup", str(tmp_path / f"{number}-again.db"))

        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert again.returncode == 0, again.stderr
        if copy.exists():
            url = f"sqlite:///{copy}"
            read = subprocess.run(
                [sys.executable, "-m", "rotator", "--state", url, "state", "check"],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "ROTATOR_LOG_FORMAT": "json"},
            )
            # Whole, and a backup that waits for a person's word; or no store, and said to be none.
            assert read.returncode == 1, read.stdout + read.stderr
            assert "Traceback" not in read.stderr
    assert -9 in ends
    assert (tmp_path / "rotator.db").read_bytes() == before
