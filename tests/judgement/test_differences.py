"""What a change of configuration is told to do to one user, from its case under both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotator.judgement.differences import Standpoint, differences
from rotator.judgement.outlook import Foreseen
from rotator.model import (
    Contested,
    Delete,
    Excluded,
    Reason,
    Selected,
    Shut,
    Stop,
    Unselected,
    Wait,
)
from tests.judgement import said
from tests.judgement.worlds import DAY, MINUTE, NOW, OLD, USER, a_place, grace, idle

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import Action, Case, Selection

OFF = Delete(Reason.RECOVERY_OVER, "it may go", key_id=OLD)
WAITING = Shut(Reason.APPROVAL, "it may go; a person must say so", behind=OFF)
STOP = Stop(Reason.FOREIGN_KEY, "two keys")
HELD = Wait(Reason.HOLD, "held")
LATER = NOW + DAY


def first(action: Action, at: datetime = NOW) -> Foreseen:
    """What is to be done first, or is in the way."""
    return Foreseen(at, USER, None, action, None)


def at(row: Foreseen | None = None, case: Case | None = None, **facts: Any) -> Standpoint:  # noqa: ANN401 - facts of a case
    """Where the user stands; unless said, selected by `ci` with nothing open."""
    return Standpoint(replace(case or idle(), **facts), row)


def selected(selection: Selection, **facts: Any) -> Standpoint:  # noqa: ANN401 - as `at`
    """A user whom the policies treat so."""
    return at(selection=selection, **facts)


def told(before: Standpoint | None, after: Standpoint | None) -> list[tuple[str, ...]]:
    """Each change with what it was and what it becomes."""
    found = list(map(said.told, differences(before, after)))
    assert all(one.user == USER for one in found)
    return [(one.change.value, one.before or "", one.after or "") for one in found]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(at(), at(), [], id="nothing"),
        pytest.param(
            selected(Unselected()), at(), [("enters", "", "ci")], id="a policy selects the user"
        ),
        pytest.param(
            selected(Selected("old")), at(), [("moves", "old", "ci")], id="another policy does"
        ),
        pytest.param(None, at(), [("enters", "", "ci")], id="the account is new"),
        pytest.param(
            at(enforced=False),
            at(),
            [("enforced", "observe", "enforce")],
            id="it is acted on from now on",
        ),
        pytest.param(
            at(),
            at(enforced=False),
            [("observed", "enforce", "observe")],
            id="it is observed from now on",
        ),
        pytest.param(
            selected(Unselected(), enforced=False), at(), [("enters", "", "ci")], id="and not twice"
        ),
    ],
)
def test_to_whom_a_user_belongs(
    before: Standpoint | None, after: Standpoint | None, expected: list[tuple[str, ...]]
) -> None:
    """The policy that selects the user, and whether it acts."""
    assert expected == told(before, after)


@pytest.mark.parametrize(
    ("after", "why"),
    [
        pytest.param(None, "its account is not configured any more", id="no account"),
        pytest.param(
            selected(Excluded("ci", "vendor")), "policy ci excludes it now (vendor)", id="excluded"
        ),
        pytest.param(
            selected(Contested(("too", "ci"))),
            "ci and too all select it now, so that none acts",
            id="contested",
        ),
        pytest.param(selected(Unselected()), "none does any more", id="unselected"),
    ],
)
def test_why_a_user_leaves(after: Standpoint | None, why: str) -> None:
    """It is said what has become of the policy that selected the user."""
    leaves = next(differences(at(), after))

    assert (leaves.change, leaves.before, leaves.policy) == ("leaves", "ci", "ci")
    assert leaves.user == USER
    assert leaves.message == f"policy ci selected the user; {why}"


def test_each_row_names_the_policy_that_selects_the_user_now() -> None:
    [moves] = differences(selected(Selected("old")), at())

    assert moves.policy == "ci"


@pytest.mark.parametrize(
    ("after", "moment"),
    [
        pytest.param(at(first(OFF, LATER)), LATER, id="what is done then"),
        pytest.param(at(first(STOP, LATER)), LATER, id="what stops it then"),
        pytest.param(at(), None, id="nothing"),
    ],
)
def test_a_row_tells_when_it_shows(after: Standpoint, moment: datetime | None) -> None:
    [row] = differences(at(first(OFF)), after)

    assert moment == row.at


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(at(first(OFF)), at(first(OFF, NOW + MINUTE)), [], id="a minute is nothing"),
        pytest.param(
            at(first(OFF)),
            at(first(OFF, LATER)),
            [("due", "delete 2026-03-04 12:00 UTC", "delete 2026-03-05 12:00 UTC")],
            id="a day later",
        ),
        pytest.param(
            at(first(OFF)),
            at(first(WAITING)),
            [("due", "delete 2026-03-04 12:00 UTC", "delete 2026-03-04 12:00 UTC, gate approval")],
            id="a gate is shut",
        ),
        pytest.param(
            at(first(OFF)),
            at(),
            [("due", "delete 2026-03-04 12:00 UTC", "")],
            id="nothing as far as one can see",
        ),
        pytest.param(
            at(case=grace(), row=first(OFF)),
            at(case=grace(), row=first(HELD)),
            [("rescheduled", "delete 2026-03-04 12:00 UTC", "wait 2026-03-04 12:00 UTC")],
            id="an open rotation",
        ),
        pytest.param(
            at(first(OFF)),
            at(first(STOP)),
            [("stopped", "delete 2026-03-04 12:00 UTC", "stop (foreign_key) 2026-03-04 12:00 UTC")],
            id="stopped",
        ),
        pytest.param(
            at(),
            at(first(STOP)),
            [("stopped", "", "stop (foreign_key) 2026-03-04 12:00 UTC")],
            id="stopped before anything was to be done",
        ),
        pytest.param(at(first(STOP)), at(first(STOP, LATER)), [], id="stopped for the same reason"),
        pytest.param(
            at(first(STOP)),
            at(first(OFF)),
            [("resumed", "stop (foreign_key) 2026-03-04 12:00 UTC", "delete 2026-03-04 12:00 UTC")],
            id="what stopped it is gone",
        ),
        pytest.param(
            selected(Unselected(), row=first(OFF)),
            selected(Unselected()),
            [],
            id="a user who is nobody's, and has nothing open, is not told of",
        ),
    ],
)
def test_what_is_to_be_done_first(
    before: Standpoint, after: Standpoint, expected: list[tuple[str, ...]]
) -> None:
    """It is told where it is another thing, behind another gate, or on another day."""
    assert expected == told(before, after)


HERE, THERE = a_place(), a_place("b", claimed=False)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            at(), at(places=(HERE, THERE)), [("place_added", "", "file:b")], id="one is added"
        ),
        pytest.param(
            at(places=(HERE, THERE)), at(), [("place_removed", "file:b", "")], id="one is removed"
        ),
        pytest.param(
            at(),
            at(places=(replace(HERE, sink_id=None),)),
            [("place_removed", "file:a", "")],
            id="one is only on record any more",
        ),
        pytest.param(None, at(), [("enters", "", "ci")], id="of a new account none is news"),
    ],
)
def test_which_places_are_written(
    before: Standpoint | None, after: Standpoint, expected: list[tuple[str, ...]]
) -> None:
    """A place that is on record as the user's is not forgotten: that is said with the cure."""
    assert expected == told(before, after)


@pytest.mark.parametrize(
    ("place", "after", "stays"),
    [
        pytest.param(HERE, at(places=()), True, id="the user's, and a policy selects it"),
        pytest.param(THERE, at(places=()), False, id="a place that was never written"),
        pytest.param(HERE, selected(Unselected(), places=()), False, id="nobody's user any more"),
        pytest.param(HERE, None, False, id="no account any more"),
    ],
)
def test_a_place_that_was_written_stays_on_record(
    place: object, after: Standpoint | None, stays: bool
) -> None:
    """Nothing would be begun there before it is named again or given up."""
    removed = list(differences(at(places=(place,)), after))[-1]

    assert (removed.change, "rotator close" in removed.message) == ("place_removed", stays)
