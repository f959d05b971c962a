"""What is said of mutants that survive: `make teeth` holds it against those that do."""

from __future__ import annotations

import pytest

from tests.teeth.mutation import Mutant, complaints, explained

ROW = ("rotator.judgement.leaving.rested", "a < b", "a <= b")
MADE = Mutant(*ROW, "x_rested__mutmut_1")


def test_each_survivor_says_why() -> None:
    """That nobody could tell it apart, and why: nothing else is an explanation."""
    assert [
        row
        for row, why in explained().items()
        if not why.startswith("equivalent: ") or len(why) < 20
    ] == []


@pytest.mark.parametrize(
    ("killer", "why", "expected"),
    [
        pytest.param("a test", {}, None, id="killed"),
        pytest.param(None, {ROW: "equivalent: …"}, None, id="survives, as explained"),
        pytest.param(None, {}, "survives and is not explained", id="survives unexplained"),
        pytest.param("a test", {ROW: "equivalent: …"}, "does not survive", id="explained, killed"),
        pytest.param(
            "a test", {(ROW[0], "gone", "went"): "…"}, "no such mutant", id="explained, not made"
        ),
        pytest.param(
            "a test", {("rotator.judgement.doubt.f", "a", "b"): "…"}, None, id="of another module"
        ),
    ],
)
def test_survivors_and_explanations_stand_together(
    killer: str | None, why: dict[tuple[str, str, str], str], expected: str | None
) -> None:
    """Neither a survivor nor an explanation may stand alone."""
    found = complaints([MADE], {MADE: killer}, why)

    assert [expected] * bool(expected) == [
        part for part in [expected] if part and part in str(found)
    ]
    assert bool(expected) == bool(found)
