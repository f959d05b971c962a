"""Mistakes that lose keys are noticed: each in turn is made in a copy of the product."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.teeth.breaking import ROOT, broken, copied
from tests.teeth.product import MISTAKES, Mistake

if TYPE_CHECKING:
    from pathlib import Path

PARTS = 12
"""Into how many parts `make test` cuts the mistakes; it makes those of another part each time."""

_SLICE = os.environ.get("LIVES_SLICE", "")
THIS_TIME = MISTAKES[int(_SLICE) % PARTS :: PARTS] if _SLICE else MISTAKES


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what)
def test_each_mistake_can_be_made(mistake: Mistake) -> None:
    """What it takes out stands in the source exactly once, and its tests are there."""
    source = (ROOT / "rotator" / mistake.file).read_text(encoding="utf-8")
    files = [ROOT / test.partition("::")[0] for test in mistake.tests]

    assert source.count(mistake.piece) == 1
    assert mistake.instead != mistake.piece
    assert [file for file in files if not file.exists()] == []


def test_mistakes_are_told_apart() -> None:
    """No two have one sentence."""
    assert len({mistake.what for mistake in MISTAKES}) == len(MISTAKES) >= 35


@pytest.mark.slow
@pytest.mark.lives
@pytest.mark.parametrize("mistake", THIS_TIME, ids=lambda mistake: mistake.what)
def test_each_mistake_is_noticed(mistake: Mistake, tmp_path: Path) -> None:
    """With a few lines of the product broken, one of the tests named beside them goes red."""
    verdict = broken(copied(tmp_path), mistake)

    print(verdict)  # noqa: T201 - the row of the table of `make teeth`
    assert verdict.noticed_by, verdict.why
