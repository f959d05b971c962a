"""What `explain` shows of a case: gates, readings, and what may be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rotator.cli.evidence import approvals_of, door_of, may_do, reading_of, release_of, whose
from rotator.cli.status import role_of
from rotator.model import (
    Absent,
    AccessKey,
    Case,
    DoorName,
    Empty,
    Hold,
    KeyStatus,
    Kind,
    Mode,
    NeverUsed,
    Order,
    Place,
    PlaceState,
    Policy,
    Rotation,
    Scope,
    Selected,
    Selector,
    Served,
    Serves,
    Stranger,
    Timing,
    Title,
    Unreadable,
    User,
    Verb,
    WrittenAt,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OLD, NEW = "AKIAOLD", "AKIANEW"
PLACE = PlaceState(Place("file", "/a"), readable=True, sink_id="file", claimed=True)


def key(key_id: str, status: KeyStatus = KeyStatus.ACTIVE) -> AccessKey:
    made = NOW - 100 * DAY
    return AccessKey(key_id, status, made, NeverUsed(), made, made, NOW)


CASE = Case(
    now=NOW,
    timing=Timing(),
    user=User("prod", "111122223333", "AIDA1", "alice"),
    selection=Selected("ci"),
    policy=Policy("ci", (Selector(name="*"),), 50 * DAY, mode=Mode.ENFORCE),
    enforced=True,
    listed_at=NOW,
    keys=(key(OLD),),
    places=(PLACE,),
)
REPLACE = Rotation("r1", Kind.REPLACE, "ci", NOW - DAY, predecessor=OLD, successor=NEW)
ASKING = replace(CASE.terms, approve=frozenset(DoorName))
APPROVAL = Order(
    7,
    Verb.APPROVE,
    NOW,
    "kim",
    reason="checked",
    key_id=OLD,
    action=DoorName.DEACTIVATE,
    accepted_at=NOW,
    open_since=NOW,
)
HOLD = Hold(Scope.USER, NOW, "ops")


@pytest.mark.parametrize(
    ("reading", "answered", "expected"),
    [
        pytest.param(Serves(OLD), None, OLD, id="it serves a key"),
        pytest.param(Empty(), None, "empty", id="it is empty"),
        pytest.param(Absent(), None, "absent", id="it is not there"),
        pytest.param(Stranger("no JSON"), None, "stranger: no JSON", id="something else"),
        pytest.param(Unreadable("locked"), None, "unreadable: locked", id="it cannot be read"),
        pytest.param(None, None, "not read: no policy names it any more", id="it was not read"),
        pytest.param(WrittenAt(None), None, "write-only, never put by us", id="never ours"),
        pytest.param(
            WrittenAt(NOW),
            NEW,
            "write-only, last put AKIANEW, written 2026-11-24T12:00:00Z",
            id="write-only and ours",
        ),
    ],
)
def test_readings_in_words(reading: Served | None, answered: str | None, expected: str) -> None:
    """What a place serves is said as far as it can be known."""
    assert reading_of(replace(PLACE, reading=reading, answered_key=answered)) == expected


@pytest.mark.parametrize(
    ("case", "door", "gates"),
    [
        pytest.param(
            CASE,
            "issue",
            ["hold", "observe", "agreed", "closed", "limit", "approval"],
            id="no rotation is open",
        ),
        pytest.param(
            replace(CASE, rotation=REPLACE),
            "deactivate",
            ["hold", "agreed", "closed", "limit", "approval"],
            id="the leaver is Active",
        ),
        pytest.param(
            replace(CASE, rotation=REPLACE, keys=(key(OLD, KeyStatus.INACTIVE),)),
            "delete",
            ["hold", "agreed", "closed", "limit", "approval"],
            id="the leaver is Inactive",
        ),
        pytest.param(
            replace(
                CASE, rotation=replace(REPLACE, kind=Kind.LEAVE, leaver=NEW, title=Title.ORPHAN)
            ),
            "deactivate",
            ["hold", "agreed"],
            id="an orphan waits at few gates",
        ),
        pytest.param(
            replace(CASE, rotation=Rotation("r", Kind.FIRST, "ci", NOW), policy=None),
            "deactivate",
            ["hold", "agreed", "closed", "limit", "approval"],
            id="nobody leaves, and no policy is in charge",
        ),
    ],
)
def test_the_next_door_and_its_gates(case: Case, door: str, gates: list[str]) -> None:
    """Every gate of the door that comes next is shown, with a sentence."""
    found = door_of(case)

    assert found["door"].value == door
    assert [gate["gate"].value for gate in found["gates"]] == gates
    assert all(gate["open"] and gate["message"] for gate in found["gates"])


HISTORY, ROTATE = "rotator history prod/alice", "rotator rotate prod/alice"
HOLD_IT, CLOSE = "rotator hold prod/alice --reason …", "rotator close prod/alice --reason …"
ROLL_BACK = "rotator rollback prod/alice --reason …"
LEAKED, LEAKED_NEW = (f"rotator rotate {key_id} --compromised" for key_id in (OLD, NEW))
RETIRE = [f"rotator retire {key_id} --reason …" for key_id in (OLD, NEW)]
APPROVE = "rotator approve prod/alice --action"
UNNAMED = replace(PLACE, sink_id=None)
TWO_PLACES = (
    replace(PLACE, reading=Serves(OLD)),
    replace(PLACE, place=Place("file", "/b"), sink_id="b", reading=Empty()),
)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param(CASE, [HISTORY, HOLD_IT, ROTATE, LEAKED], id="idle"),
        pytest.param(
            replace(CASE, enforced=False),
            [HISTORY, HOLD_IT, f"{ROTATE} --enforce", f"{LEAKED} --enforce"],
            id="observed",
        ),
        pytest.param(
            replace(CASE, hold=HOLD), [HISTORY, "rotator release prod/alice", LEAKED], id="held"
        ),
        pytest.param(
            replace(CASE, keys=(key(OLD), key(NEW))),
            [HISTORY, HOLD_IT, *RETIRE, LEAKED, LEAKED_NEW],
            id="both slots taken",
        ),
        pytest.param(
            replace(CASE, rotation=REPLACE),
            [HISTORY, HOLD_IT, ROLL_BACK, CLOSE, LEAKED],
            id="in grace",
        ),
        pytest.param(
            replace(CASE, rotation=REPLACE, policy=ASKING),
            [HISTORY, HOLD_IT, ROLL_BACK, CLOSE, f"{APPROVE} deactivate", LEAKED],
            id="in grace, and the policy asks for a person's word",
        ),
        pytest.param(
            replace(CASE, policy=ASKING),
            [HISTORY, HOLD_IT, ROTATE, f"{APPROVE} issue", LEAKED],
            id="idle, and the policy asks for a person's word",
        ),
        pytest.param(
            replace(CASE, policy=ASKING, enforced=False),
            [HISTORY, HOLD_IT, f"{ROTATE} --enforce", f"{LEAKED} --enforce"],
            id="observed: nothing is approved that is not begun",
        ),
        pytest.param(
            replace(CASE, places=TWO_PLACES),
            [HISTORY, HOLD_IT, ROTATE, LEAKED, "rotator deliver prod/alice"],
            id="a place lacks what another serves",
        ),
        pytest.param(
            replace(CASE, rotation=REPLACE, keys=()),
            [HISTORY, HOLD_IT, CLOSE],
            id="the predecessor is gone",
        ),
        pytest.param(
            replace(CASE, places=(UNNAMED,), keys=(key(OLD), key(NEW))),
            [HISTORY, HOLD_IT, *RETIRE, LEAKED, LEAKED_NEW, CLOSE],
            id="a place that no policy names",
        ),
    ],
)
def test_only_what_is_not_refused(case: Case, expected: list[str]) -> None:
    """What is proposed is what the user's state allows."""
    assert may_do(case) == expected


@pytest.mark.parametrize(
    ("open_since", "end"),
    [
        pytest.param(NOW, "it counts until 2026-11-25T12:00:00Z", id="its day runs"),
        pytest.param(None, "it counts until 1 d after the other gates are open", id="not yet"),
    ],
)
def test_who_approved_and_until_when(open_since: datetime | None, end: str) -> None:
    """An approval is shown with its words, and at the gate that it opens."""
    approval = replace(APPROVAL, open_since=open_since)
    case = replace(CASE, rotation=REPLACE, policy=ASKING, orders=(approval,))
    (shown,) = approvals_of(case)
    gate = door_of(case)["gates"][-1]

    said = f"approved by kim 2026-11-24T12:00:00Z (checked); {end}"
    assert shown["message"] == f"deactivate of {OLD}: {said}"
    assert (shown["by"], shown["until"]) == ("kim", open_since and open_since + DAY)
    assert (gate["gate"], gate["open"], gate["message"]) == ("approval", True, said)


def test_an_approval_that_has_lapsed_is_not_shown() -> None:
    """What does not count any more is not told as if it did."""
    lapsed = replace(APPROVAL, open_since=NOW - DAY, key_id=None, reason="")
    case = replace(CASE, rotation=REPLACE, policy=ASKING, orders=(lapsed,))

    assert approvals_of(case) == []
    assert not door_of(case)["gates"][-1]["open"]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope.USER, "rotator release prod/alice"),
        (Scope.POLICY, "rotator release --policy ci"),
        (Scope.ACCOUNT, "rotator release --account prod"),
        (Scope.ALL, "rotator release --all"),
    ],
)
def test_a_hold_is_released_as_it_was_given(scope: Scope, expected: str) -> None:
    """Only an order of the very scope ends a hold."""
    assert release_of(replace(HOLD, scope=scope), "prod/alice", "prod", "ci") == expected


@pytest.mark.parametrize(
    ("key_id", "expected"),
    [
        (None, None),
        ("AKIAGONE", "AKIAGONE was a key of prod/alice, and was deleted"),
        (OLD, "AKIAOLD is a key of prod/alice: Active, 100 d old"),
        (
            NEW,
            "AKIANEW is a key of prod/alice: Active, 100 d old, though the latest listing lacks it",
        ),
    ],
)
def test_whose_key_it_is(key_id: str | None, expected: str | None) -> None:
    """Whoever names a key is told what it is to its user."""
    missing = replace(key(NEW), missing_since=NOW)
    case = replace(CASE, keys=(key(OLD), missing), former=frozenset({"AKIAGONE"}))

    assert whose(case, key_id) == expected


@pytest.mark.parametrize(
    ("rotation", "ours", "expected"),
    [
        pytest.param(None, set(), ["foreign", "foreign"], id="two keys, and no record"),
        pytest.param(None, {NEW}, ["foreign", "current"], id="one of them is ours"),
        pytest.param(REPLACE, set(), ["predecessor", "successor"], id="a rotation is open"),
        pytest.param(
            replace(REPLACE, leaver=NEW, successor=None),
            set(),
            ["predecessor", "leaver"],
            id="the new key leaves",
        ),
        pytest.param(
            replace(REPLACE, predecessor=None, successor=None),
            set(),
            ["foreign", "foreign"],
            id="keys that the rotation does not know",
        ),
    ],
)
def test_roles(rotation: Rotation | None, ours: set[str], expected: list[str]) -> None:
    """What a key is to its user."""
    keys = (key(OLD), key(NEW))

    assert [role_of(one, keys, rotation, ours) for one in keys] == expected
    assert role_of(keys[0], keys[:1], None) == "current"
