"""Hand-overs while a key leaves by a person's word, or for want of use: more of the same table.

A person's word is about one key and needs no policy: it is obeyed while a policy excludes the user,
only observes it or is frozen. What it cannot do without are the places and the account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.reconcile import sweep
from tests.reconcile.leavings import LEAVINGS
from tests.reconcile.lives import AtOnce
from tests.reconcile.situations import SITUATIONS
from tests.reconcile.test_handovers import lives_through

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.slow

Row = tuple[str, str, str, str]

DONE = "completed"
TWICE = "completed, completed"
"""The unused key is gone, and then the one that is due was replaced."""


def stops(reason: str, *, delivery: str = "grace") -> Row:
    """What a person must say first, whoever gave the title."""
    said = f"stops {reason} in"
    return f"{said} grace", f"{said} recovery", f"{said} {delivery}", f"{said} recovery"


GOES_ON: Row = (DONE, TWICE, DONE, DONE)
BY_WORD_ONLY: Row = (DONE, "stops policy_unclear in recovery", DONE, DONE)
FINISHED: Row = (DONE, DONE, DONE, DONE)
GONE: Row = ("gone", "gone", "gone", "gone")
OUT_OF_REACH: Row = (
    "waits aws_unavailable in grace",
    "waits aws_unavailable in recovery",
    "waits aws_unavailable in delivering",
    "waits aws_unavailable in recovery",
)
RESTS: Row = ("waits recovery in recovery",) * 4
THEN_UNCLEAR = f"{DONE}, stops policy_unclear in idle"

TABLE: Mapping[str, Row] = {
    **dict.fromkeys(SITUATIONS, GOES_ON),
    "moved to a policy with other places": stops("policy_unclear"),
    "excluded": BY_WORD_ONLY,
    "deselected by a tag": BY_WORD_ONLY,
    "deselected by the YAML": BY_WORD_ONLY,
    "selected by two policies": (
        THEN_UNCLEAR,
        "stops policy_unclear in recovery",
        THEN_UNCLEAR,
        THEN_UNCLEAR,
    ),
    "covered by enforce_only no more": FINISHED,
    "only observed": FINISHED,
    "without its policy's file": stops("policy_unclear", delivery="delivering"),
    "without its policy's file, beside another": stops("policy_unclear", delivery="delivering"),
    "in an account that its policy names no more": BY_WORD_ONLY,
    "renamed, in places that follow the name": stops("policy_unclear"),
    "made again under the same name": GONE,
    "deleted": GONE,
    "tagged so that its places have other names": stops("policy_unclear"),
    "tagged so that its places are another user's": stops("sink_conflict", delivery="delivering"),
    "tagged so that its places have no name": stops("place_name", delivery="delivering"),
    "in an account whose role cannot be assumed": OUT_OF_REACH,
    "under an account's name that leads elsewhere": OUT_OF_REACH,
    "in an account that has two names": OUT_OF_REACH,
    "with one sink less": stops("policy_unclear"),
    "with a sink that was moved": stops("policy_unclear"),
    "with a sink in another format": (
        "stops sink_conflict in grace",
        "waits sink in recovery",
        "stops sink_conflict in delivering",
        "stops sink_conflict in recovery",
    ),
    "with its write-only sink alone": stops("policy_unclear", delivery="delivering"),
    "with rotate_after shortened": (TWICE, TWICE, DONE, DONE),
    "with rotate_after lengthened": FINISHED,
    "with grace_period lengthened": (
        "waits grace in grace",
        f"{DONE}, waits grace in grace",
        DONE,
        DONE,
    ),
    "with quiet_period lengthened": (
        "waits not_quiet in grace",
        f"{DONE}, waits not_quiet in grace",
        DONE,
        DONE,
    ),
    "with recovery_period lengthened": RESTS,
    "in a freeze": (DONE, "waits closed in recovery", DONE, DONE),
}
"""What is so two days after each thing happened, in the order of `LEAVINGS`."""

CELLS = [
    pytest.param(situation, phase, expected, id=f"{situation}, {phase}: {expected}")
    for situation, cells in TABLE.items()
    for phase, expected in zip(LEAVINGS, cells, strict=True)
]


def test_no_situation_is_left_out() -> None:
    """Every situation has an expectation for every leaving."""
    assert list(TABLE) == list(SITUATIONS)
    assert len(CELLS) == len(SITUATIONS) * len(LEAVINGS)


@pytest.mark.parametrize(("situation", "phase", "expected"), CELLS)
def test_a_hand_over_of_a_leaving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, situation: str, phase: str, expected: str
) -> None:
    """As the table says; nothing is harmed while it is unclear, and it comes back."""
    monkeypatch.setattr(sweep, "ThreadPoolExecutor", AtOnce)
    lives_through(tmp_path, situation, phase, expected)
