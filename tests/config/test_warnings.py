"""What is allowed but cannot keep its promises is warned about, where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.errors import Problem
from tests.config.worlds import loaded, policy

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000"}
LOCAL_IAM = {"AWS_ENDPOINT_URL_IAM": "http://127.0.0.1:5000"}
LAG = (
    "`last_used_lag` (59 min) is below 1 h, which is for a local AWS only: AWS's own IAM may "
    "report a use later, and a key in use would look quiet"
)
NEVER = (
    "the schedule may never meet the window: a sweep that finds the doors shut begins nothing, so "
    "sweep more often than the window is long, or at a time within it"
)
LATE = (
    "a key may get 65 d 6 h old, past `max_age` 65 d: rotate_after 50 d + the longest gap of "
    "schedule and window 6 h + grace_period 7 d + quiet_period 8 d"
)
FROZEN = (
    "a key may get 90 d 6 h old, past `max_age` 90 d: rotate_after 50 d + the longest gap of "
    "schedule and window 6 h + the longest freeze 25 d + grace_period 7 d + quiet_period 8 d"
)
UNSEEN = (
    "`quiet_period` (59 min) is shorter than IAM may take to report a use (`last_used_lag`, 1 h)"
)
SHORT = "timing: {last_used_lag: 59m}\n"


def warned(text: str, folder: Path, environ: dict[str, str] | None = None) -> list[str]:
    found = loaded(text, folder, environ=environ or {}).warnings
    assert all(isinstance(warning, Problem) for warning in found)
    return [str(warning).removeprefix(f"{folder}/rotator.yaml:") for warning in found]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param("", [], id="the defaults keep theirs"),
        pytest.param(
            "max_age: 65d",
            [f"4:19: {LATE}"],
            id="six hours too late",
        ),
        pytest.param("max_age: 66d", [], id="just in time"),
        pytest.param("max_age: 1566h\nschedule: {every: 6h}", [], id="in time to the hour"),
        pytest.param(
            "quiet_period: 59m",
            [f"5:19: {UNSEEN}"],
            id="a quiet that IAM cannot see",
        ),
        pytest.param(
            "window: {days: mon, from: '09:00', until: '10:00'}",
            [f"5:13: {NEVER}"],
            id="a window that sweeps may miss",
        ),
    ],
)
def test_policies(fields: str, expected: list[str], tmp_path: Path) -> None:
    """The figures of the case stand in the sentence."""
    assert expected == warned(policy(fields), tmp_path)


def test_a_freeze_counts(tmp_path: Path) -> None:
    """The longest time without an opening is added."""
    freeze = "freezes: [{name: f, from: 2026-01-01, until: 2026-01-26}]\n"

    assert warned(freeze + policy(), tmp_path) == [f"5:19: {FROZEN}"]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({}, [f"1:25: {LAG}"], id="AWS's own endpoint"),
        pytest.param(LOCAL, [], id="a local AWS"),
        pytest.param(LOCAL_IAM, [], id="a local IAM"),
    ],
)
def test_the_lag_of_aws(environ: dict[str, str], expected: list[str], tmp_path: Path) -> None:
    """A lag below an hour is for a local AWS, as the demo and the tests have it."""
    assert expected == warned(SHORT + policy(), tmp_path, environ)


def test_a_warning_about_a_default_stands_at_the_default(tmp_path: Path) -> None:
    """What no policy gives is warned about where it was given; what nobody gave, at the policy."""
    text = "timing: {last_used_lag: 9d}\ndefaults: {quiet_period: 1d}\n" + policy()
    other = "timing: {last_used_lag: 9d}\n" + policy()

    assert [line.split(": ")[0] for line in warned(text, tmp_path)] == ["2:26"]
    assert [line.split(": ")[0] for line in warned(other, tmp_path)] == ["3:5"]


def test_a_place_that_cannot_be_read_back_is_said(tmp_path: Path) -> None:
    """Where its format stands, and why; beside a readable place it is allowed."""
    text = policy(
        "mode: enforce\n"
        "sinks:\n"
        '  - {type: shelf, path: "a/{user}"}\n'
        '  - {type: shelf, id: odd, path: "b/{user}", format: {type: template, template: '
        '"{access_key_id}{secret_access_key}"}}\n'
    )
    expected = (
        "8:58: nothing can be read back from this template: {access_key_id} in line 1, column 1 of"
        " the template is followed by the next one, which may be part of its value; what is lacking"
        " there has to be read from another place of this policy"
    )

    assert [expected] == warned(text, tmp_path)
