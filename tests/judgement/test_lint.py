"""Lint: what a configuration allows but cannot keep is said as a warning."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.judgement.lint import lint_policy, lint_timing
from tests.judgement.worlds import DAY, HOUR, LAG, NOTHING, SECOND, TIMING, policy

if TYPE_CHECKING:
    from datetime import timedelta

    from rotator.model import Policy


@pytest.mark.parametrize(
    ("ruled", "gap", "freeze", "expected"),
    [
        pytest.param(policy(), NOTHING, NOTHING, [], id="the defaults can be kept"),
        pytest.param(policy(), DAY, 24 * DAY, [], id="to the day"),
        pytest.param(
            policy(), DAY + SECOND, 24 * DAY, ["rotate_after"], id="a second more is too much"
        ),
        pytest.param(policy(), None, NOTHING, ["window"], id="no sweep finds the window open"),
        pytest.param(policy(quiet_period=LAG), NOTHING, NOTHING, [], id="quiet as long as the lag"),
        pytest.param(
            policy(quiet_period=LAG - SECOND),
            NOTHING,
            NOTHING,
            ["quiet_period"],
            id="quiet is shorter than IAM may be late",
        ),
        pytest.param(
            policy(rotate_after=90 * DAY, quiet_period=SECOND),
            None,
            NOTHING,
            ["window", "rotate_after", "quiet_period"],
            id="all at once",
        ),
    ],
)
def test_lint_policy(
    ruled: Policy, gap: timedelta | None, freeze: timedelta, expected: list[str]
) -> None:
    """What the figures of a policy cannot keep is told by the field that is to be changed."""
    remarks = lint_policy(ruled, TIMING, gap=gap, freeze=freeze)

    assert expected == [remark.field for remark in remarks]


def test_a_promise_that_cannot_be_kept_is_told_with_its_terms() -> None:
    """Who reads the warning sees the sum; terms that are nothing are left out."""
    (remark,) = lint_policy(policy(), TIMING, gap=NOTHING, freeze=30 * DAY)

    assert remark.sentence == (
        "a key may get 95 d old, past `max_age` 90 d: rotate_after 50 d + the longest freeze 30 d"
        " + grace_period 7 d + quiet_period 8 d"
    )


@pytest.mark.parametrize(
    ("lag", "own", "expected"),
    [
        pytest.param(HOUR, False, [], id="an hour is ample"),
        pytest.param(HOUR - SECOND, False, ["last_used_lag"], id="less is not, at AWS itself"),
        pytest.param(SECOND, True, [], id="a local AWS is quicker"),
    ],
)
def test_lint_timing(lag: timedelta, own: bool, expected: list[str]) -> None:
    """A lag that AWS does not promise is told."""
    remarks = lint_timing(replace(TIMING, last_used_lag=lag), own_endpoint=own)

    assert expected == [remark.field for remark in remarks]


def test_the_longest_gap_is_a_term() -> None:
    (remark,) = lint_policy(policy(), TIMING, gap=30 * DAY, freeze=NOTHING)

    assert "rotate_after 50 d + the longest gap of schedule and window 30 d +" in remark.sentence


def test_a_window_that_is_never_met_is_told_with_its_cure() -> None:
    (remark,) = lint_policy(policy(), TIMING, gap=None, freeze=NOTHING)

    assert remark.sentence.startswith("the schedule may never meet the window")
    assert remark.sentence.endswith("than the window is long, or at a time within it")


def test_figures_that_are_too_short_are_told_with_what_they_would_do() -> None:
    (quiet,) = lint_policy(policy(quiet_period=SECOND), TIMING, gap=NOTHING, freeze=NOTHING)
    (lag,) = lint_timing(replace(TIMING, last_used_lag=SECOND), own_endpoint=False)

    assert quiet.sentence == (
        "`quiet_period` (1 s) is shorter than IAM may take to report a use (`last_used_lag`, 1 h)"
    )
    assert lag.sentence == (
        "`last_used_lag` (1 s) is below 1 h, which is for a local AWS only: AWS's own IAM may"
        " report a use later, and a key in use would look quiet"
    )
