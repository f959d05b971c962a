"""Stops: causes that only a person can remove; each ends by itself when its cause is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.judgement.judge import judge
from rotator.judgement.stops import place_stop, standing_stop, user_stop
from rotator.model import (
    Contested,
    Deactivate,
    Delete,
    Excluded,
    Reason,
    Selected,
    Stop,
    Unselected,
)
from tests.judgement.said import told
from tests.judgement.worlds import (
    DAY,
    HOUR,
    SECOND,
    a_case,
    a_key,
    a_place,
    ago,
    an_orphan,
    delivered,
    delivering,
    got,
    grace,
    idle,
    off_key,
    recovery,
)

if TYPE_CHECKING:
    from rotator.model import Case

UNCLEAR, LEAKED = Reason.POLICY_UNCLEAR, Reason.QUARANTINED


def reason_of(stop: Stop | None) -> Reason | None:
    """Why it stops."""
    return told(stop).reason if stop else None


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(idle(), None, id="nothing"),
        pytest.param(idle(selection=Contested(("b", "a"))), UNCLEAR, id="two policies select"),
        pytest.param(idle(selection=Unselected()), None, id="no policy selects, nothing is open"),
        pytest.param(
            idle(selection=Excluded("ci", "vendor")), None, id="excluded, nothing is open"
        ),
        pytest.param(grace(selection=Unselected()), UNCLEAR, id="open, and no policy selects"),
        pytest.param(grace(selection=Excluded("ci", "vendor")), UNCLEAR, id="open, and excluded"),
        pytest.param(grace(selection=Contested(("a", "b"))), UNCLEAR, id="open, and two select"),
        pytest.param(
            a_case(a_key(age=2 * DAY), quarantined_since=ago(DAY)),
            LEAKED,
            id="quarantined, and a key older than that is Active",
        ),
        pytest.param(
            a_case(a_key(age=DAY), quarantined_since=ago(DAY)), None, id="no Active key is older"
        ),
        pytest.param(
            a_case(a_key(age=DAY + SECOND), quarantined_since=ago(DAY)), LEAKED, id="by a second"
        ),
        pytest.param(
            a_case(off_key(), quarantined_since=ago(DAY)), None, id="the older is switched off"
        ),
        pytest.param(
            grace(quarantined_since=ago(DAY)), LEAKED, id="what the policy began is stopped"
        ),
        pytest.param(
            grace(quarantined_since=ago(DAY), rotation=delivered(order_id=7)),
            None,
            id="what a person began goes on",
        ),
    ],
)
def test_user_stop(world: Case, expected: Reason | None) -> None:
    """A cause that lies in the user is told whether or not one of its keys is due."""
    assert expected == reason_of(user_stop(world))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(idle(), None, id="nothing"),
        pytest.param(
            idle(place_problem="no tag team"), Reason.PLACE_NAME, id="a name cannot be made"
        ),
        pytest.param(
            idle(places=(a_place(), a_place("b", owner="AIDAOTHER"))),
            Reason.SINK_CONFLICT,
            id="a place belongs to another user",
        ),
        pytest.param(
            idle(places=(a_place(), a_place("b", sink_id=None))),
            UNCLEAR,
            id="a place on record that no policy names",
        ),
        pytest.param(
            idle(places=(a_place(owner="AIDAOTHER", sink_id=None),), place_problem="no tag team"),
            Reason.PLACE_NAME,
            id="the name first",
        ),
    ],
)
def test_place_stop(world: Case, expected: Reason | None) -> None:
    """A cause that lies in the places is told when they are about to be written."""
    assert expected == reason_of(place_stop(world))


def test_the_user_is_told_before_its_places() -> None:
    """Of several causes the one that lies in the user is told first."""
    world = grace(selection=Unselected(), place_problem="no tag team")

    assert reason_of(standing_stop(world)) is UNCLEAR


@pytest.mark.parametrize(
    "cause",
    [
        pytest.param({"selection": Unselected()}, id="no policy selects the user"),
        pytest.param({"selection": Excluded("ci", "vendor")}, id="an exclusion arrived"),
        pytest.param({"selection": Contested(("ci", "b"))}, id="two policies select the user"),
        pytest.param({"place_problem": "no tag team"}, id="a place's name cannot be made"),
        pytest.param({"quarantined_since": ago(HOUR)}, id="quarantined"),
        pytest.param(
            {"places": (got(), got("b", sink_id=None))}, id="a place is not named any more"
        ),
        pytest.param(
            {"places": (got(), a_place("b", owner="AIDAOTHER"))}, id="a new place is another user's"
        ),
    ],
)
def test_a_stop_keeps_a_predecessor_and_no_orphan(cause: dict[str, object]) -> None:
    """A stop stands before all that meets every gate; what nobody has goes all the same."""
    assert isinstance(judge(grace(**cause)), Stop)
    assert isinstance(judge(recovery(**cause)), Stop) or "quarantined_since" in cause
    orphan = an_orphan(**{name: cause[name] for name in cause if name != "places"})
    assert isinstance(judge(orphan), Delete)


def test_a_cause_that_is_gone_stops_nothing() -> None:
    """A stop is judged anew each time, and is never stored."""
    assert isinstance(judge(grace(selection=Selected("ci"))), Deactivate)


def test_a_delivery_is_not_stopped() -> None:
    """What is issued reaches its places, whatever became of the policy."""
    world = delivering(selection=Unselected(), quarantined_since=ago(HOUR))

    assert not isinstance(judge(world), Stop)
