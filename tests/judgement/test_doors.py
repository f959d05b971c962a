"""Doors: each gate that may keep one shut, in the one order, and which title meets which."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.judgement import doors
from rotator.judgement.doors import door, door_of, shut_gates
from rotator.judgement.judge import judge
from rotator.judgement.leaving import TITLES
from rotator.model import (
    Deactivate,
    Delete,
    DoorName,
    Issue,
    Kind,
    Limits,
    Reason,
    Shut,
    Title,
    Window,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    NEW,
    NOW,
    OLD,
    a_freeze,
    a_hold,
    an_approval,
    an_orphan,
    an_undelivered,
    grace,
    idle,
    policy,
    recovery,
)

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import Case

ISSUE = Issue(Reason.AGE, "due", kind=Kind.REPLACE, predecessor=OLD)
OFF = Deactivate(Reason.GRACE_OVER, "quiet", key_id=OLD)
DELETE = Delete(Reason.RECOVERY_OVER, "rested", key_id=OLD)

FREEZE = a_freeze(-DAY, DAY)
NO_DAY = Window(frozenset(), None, None, NOW.tzinfo)  # type: ignore[arg-type] # NOW is aware
ALL_SHUT = {
    "hold": a_hold(),
    "enforced": False,
    "agreed": "replica-2 has another configuration",
    "freezes": (FREEZE,),
    "policy": policy(limits=Limits(issue=0, deactivate=0, delete=0), approve=frozenset(DoorName)),
}
ASKED = (
    "the policy asks for a person's approval before delete: `rotator approve prod/deploy --action"
    " delete` gives it"
)
ORDER = ["hold", "observe", "agreed", "closed", "limit", "approval"]


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        pytest.param(doors.BEGINNING, ORDER, id="a beginning by policy meets all"),
        pytest.param(
            doors.ALL,
            [gate for gate in ORDER if gate != "observe"],
            id="what is open is finished in observe mode too",
        ),
        pytest.param(doors.FEW, ["hold", "agreed"], id="what nobody has waits for no window"),
        pytest.param(doors.REQUESTED, ["hold", "agreed"], id="nor does a person's rotate"),
        pytest.param(doors.NONE, [], id="no gate at all"),
    ],
)
@pytest.mark.parametrize("name", list(DoorName))
def test_gates_stand_in_one_order(
    gates: tuple[doors.GateEntry, ...], expected: list[str], name: DoorName
) -> None:
    """Hold, observe, agreed, closed, limit, approval: told in this order before each door."""
    world = idle(**ALL_SHUT)

    assert expected == [gate.reason.value for gate in shut_gates(world, gates, name)]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        pytest.param(Title.PREDECESSOR, doors.ALL, id="a predecessor meets all"),
        pytest.param(Title.ORPHAN, doors.FEW, id="an orphan: hold and agreed"),
        pytest.param(Title.UNDELIVERED, doors.FEW, id="an undelivered key: hold and agreed"),
    ],
)
def test_each_title_has_its_gates(title: Title, expected: tuple[doors.GateEntry, ...]) -> None:
    """Which gates stand before a leaver's doors is data, by title."""
    assert expected == TITLES[title].gates


FAILED = (
    "the last 3 rotations in a row failed, within 1 h: nothing is issued until the cause has had"
    " time to pass"
)


def full(**limits: int) -> dict[str, object]:
    """A limit of one for a door, and one effect of it in the last 24 hours."""
    return {
        "policy": policy(limits=replace(Limits(), **limits)),
        "counts": {DoorName(name): 1 for name in limits},
    }


@pytest.mark.parametrize(
    ("world", "name", "expected"),
    [
        pytest.param(idle(), DoorName.ISSUE, None, id="all are open"),
        pytest.param(
            idle(hold=a_hold()),
            DoorName.ISSUE,
            ("hold", "held by kim since 2026-03-04 11:00 UTC", None),
            id="hold",
        ),
        pytest.param(
            idle(hold=a_hold(until=NOW + HOUR, message="incident 12")),
            DoorName.DELETE,
            (
                "hold",
                "held by kim since 2026-03-04 11:00 UTC until 2026-03-04 13:00 UTC: incident 12",
                NOW + HOUR,
            ),
            id="hold until a moment, and why",
        ),
        pytest.param(
            idle(enforced=False),
            DoorName.ISSUE,
            ("observe", "the policy only observes this user: nothing is begun", None),
            id="observe",
        ),
        pytest.param(
            idle(agreed="replica-2 differs"),
            DoorName.ISSUE,
            ("agreed", "replica-2 differs", None),
            id="agreed",
        ),
        pytest.param(
            idle(freezes=(a_freeze(3 * DAY, 4 * DAY), FREEZE)),
            DoorName.ISSUE,
            (
                "closed",
                "the freeze 'year end' keeps this door shut; it opens 2026-03-05 12:00 UTC",
                NOW + DAY,
            ),
            id="closed by a freeze",
        ),
        pytest.param(
            idle(freezes=(a_freeze(DAY, 2 * DAY),)), DoorName.ISSUE, None, id="a coming freeze"
        ),
        pytest.param(
            idle(freezes=(a_freeze(-DAY, 0 * DAY),)),
            DoorName.ISSUE,
            None,
            id="a freeze that ends now",
        ),
        pytest.param(
            idle(policy=policy(window=replace(NO_DAY, days=frozenset({3})))),
            DoorName.ISSUE,
            (
                "closed",
                "the policy's window keeps this door shut; it opens 2026-03-05 00:00 UTC",
                NOW + 12 * HOUR,
            ),
            id="closed by a window",
        ),
        pytest.param(
            idle(policy=policy(window=NO_DAY)),
            DoorName.ISSUE,
            ("closed", "the policy's window keeps this door shut; it never opens", None),
            id="closed for ever",
        ),
        pytest.param(
            idle(policy=None, freezes=(FREEZE,)),
            DoorName.DELETE,
            (
                "closed",
                "the freeze 'year end' keeps this door shut; it opens 2026-03-05 12:00 UTC",
                NOW + DAY,
            ),
            id="a freeze holds for all policies, and without one",
        ),
        pytest.param(
            idle(policy=None), DoorName.DELETE, None, id="no policy, no limit, no approval"
        ),
        pytest.param(
            idle(**full(issue=1)),
            DoorName.ISSUE,
            ("limit", "1 of 1 allowed issue steps of the last 24 h are used up", None),
            id="the limit of issues",
        ),
        pytest.param(
            idle(**full(deactivate=1)),
            DoorName.DEACTIVATE,
            ("limit", "1 of 1 allowed deactivate steps of the last 24 h are used up", None),
            id="the limit of deactivations",
        ),
        pytest.param(
            idle(**full(delete=1)),
            DoorName.DELETE,
            ("limit", "1 of 1 allowed delete steps of the last 24 h are used up", None),
            id="the limit of deletions",
        ),
        pytest.param(idle(**full(delete=1)), DoorName.ISSUE, None, id="each door has its own"),
        pytest.param(idle(**full(issue=2)), DoorName.ISSUE, None, id="one is left"),
        pytest.param(
            idle(failed_in_a_row=3, failed_until=NOW + HOUR),
            DoorName.ISSUE,
            (
                "limit",
                FAILED,
                NOW + HOUR,
            ),
            id="too many failed in a row",
        ),
        pytest.param(
            idle(failed_in_a_row=2, failed_until=NOW + HOUR), DoorName.ISSUE, None, id="not yet"
        ),
        pytest.param(
            idle(failed_in_a_row=3, failed_until=NOW + HOUR),
            DoorName.DELETE,
            None,
            id="failures keep no other door shut",
        ),
        pytest.param(
            idle(policy=policy(approve=frozenset({DoorName.DELETE}))),
            DoorName.DELETE,
            ("approval", ASKED, None),
            id="approval",
        ),
        pytest.param(
            idle(policy=policy(approve=frozenset({DoorName.DELETE}))),
            DoorName.DEACTIVATE,
            None,
            id="approval of another door",
        ),
        pytest.param(
            recovery(
                policy=policy(approve=frozenset({DoorName.DELETE})),
                orders=(an_approval(DoorName.DELETE),),
            ),
            DoorName.DELETE,
            None,
            id="approved",
        ),
    ],
)
def test_each_gate(
    world: Case, name: DoorName, expected: tuple[str, str, datetime | None] | None
) -> None:
    """A gate says that it is shut, why, and when it may open by itself."""
    gate = next(shut_gates(world, doors.BEGINNING, name), None)

    assert expected == (gate and (gate.reason.value, gate.message, gate.until))


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        pytest.param(ISSUE, DoorName.ISSUE, id="issue"),
        pytest.param(OFF, DoorName.DEACTIVATE, id="deactivate"),
        pytest.param(DELETE, DoorName.DELETE, id="delete"),
    ],
)
def test_a_door(action: Issue | Deactivate | Delete, expected: DoorName) -> None:
    """An open door lets the action through; a shut one says what is judged, and what keeps it."""
    held = idle(hold=a_hold(until=NOW + HOUR))

    assert expected == door_of(action)
    assert action == door(idle(), action, doors.BEGINNING)
    assert door(held, action, doors.BEGINNING) == Shut(
        Reason.HOLD,
        f"{action.message}; held by kim since 2026-03-04 11:00 UTC until 2026-03-04 13:00 UTC",
        behind=action,
        until=NOW + HOUR,
    )


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(idle(**ALL_SHUT), "hold", id="a beginning"),
        pytest.param(idle(enforced=False), "observe", id="a beginning in observe mode"),
        pytest.param(grace(freezes=(FREEZE,)), "closed", id="a predecessor is not switched off"),
        pytest.param(recovery(freezes=(FREEZE,)), "closed", id="a predecessor is not deleted"),
        pytest.param(grace(enforced=False), None, id="in observe mode what is open is finished"),
        pytest.param(recovery(enforced=False), None, id="to the very end"),
        pytest.param(an_orphan(freezes=(FREEZE,)), None, id="an orphan waits for no freeze"),
        pytest.param(an_orphan(agreed="replica-2 differs"), "agreed", id="but for agreement"),
        pytest.param(an_undelivered(freezes=(FREEZE,)), None, id="nor an undelivered key"),
        pytest.param(an_undelivered(hold=a_hold()), "hold", id="but for a hold"),
        pytest.param(grace(counts={DoorName.DEACTIVATE: 50}), "limit", id="a used-up limit"),
        pytest.param(grace(counts={DoorName.DEACTIVATE: 49}), None, id="one is left"),
    ],
)
def test_the_first_shut_gate_is_told(world: Case, expected: str | None) -> None:
    """What is right to do and kept back is shown with the first gate that keeps it."""
    action = judge(world)

    assert expected == (action.reason.value if isinstance(action, Shut) else None)


def test_the_successor_is_behind_no_door() -> None:
    """The names of the keys behind a door are those that are harmed."""
    assert [action.harmed for action in (ISSUE, OFF, DELETE)] == [None, OLD, OLD]
    assert NEW not in {action.harmed for action in (ISSUE, OFF, DELETE)}
