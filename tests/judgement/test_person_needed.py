"""A wait that only a person can end is no wait: it is a stop that says what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rotator.judgement.judge import judge
from rotator.model import Case, Reason, Stop, Title
from tests.judgement.worlds import HOUR, NEW, OLD, ago, got, grace, leaving, unread

UNNAMED = replace(unread(got()), sink_id=None, claimed=True)
STAYS: dict[str, Any] = {"titled_at": ago(HOUR), "successor": NEW}


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(
            grace(rotation=leaving(Title.NAMED, OLD, **STAYS), places=(UNNAMED,)),
            id="the key that stays cannot be proven: no policy names the place that has it",
        ),
        pytest.param(
            grace(
                rotation=leaving(
                    Title.NAMED, OLD, proven_at=ago(HOUR), delivered_at=ago(HOUR), **STAYS
                ),
                places=(got(), replace(UNNAMED, place=replace(UNNAMED.place, address="b"))),
            ),
            id="the key that goes may be in a place that no policy names",
        ),
        pytest.param(
            grace(rotation=leaving(Title.COMPROMISED, OLD, titled_at=ago(HOUR)), places=(UNNAMED,)),
            id="a leaked key may be in a place that no policy names",
        ),
    ],
)
def test_what_a_person_must_say_first_is_a_stop(world: Case) -> None:
    """Also where the gates of the title are few: what is in the way is told with its cure."""
    action = judge(world)

    assert isinstance(action, Stop)
    assert Reason.POLICY_UNCLEAR is action.reason
    assert "rotator close" in action.message
