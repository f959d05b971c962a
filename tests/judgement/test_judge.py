"""Judge: the first line that has an answer decides, and every answer has its figures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.judgement.judge import ended, judge
from rotator.model import (
    Action,
    Close,
    Deactivate,
    Delete,
    Deliver,
    Doubt,
    Empty,
    Issue,
    Name,
    Obey,
    Outcome,
    Reactivate,
    Reason,
    Record,
    Rotation,
    Serves,
    Shut,
    Step,
    Stop,
    Timing,
    Title,
    Unselected,
    Verb,
    Wait,
)
from tests.judgement.said import told
from tests.judgement.worlds import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    NEW,
    NOW,
    OLD,
    SECOND,
    SETTLE,
    TIMING,
    a_hold,
    a_key,
    a_place,
    a_rotation,
    ago,
    an_intent,
    an_order,
    an_orphan,
    an_undelivered,
    bare,
    candidate,
    delivered,
    delivering,
    failed,
    got,
    grace,
    idle,
    issuing,
    leaving,
    new_key,
    off_key,
    old_key,
    recovering,
    recovery,
    used,
)

if TYPE_CHECKING:
    from datetime import timedelta

    from rotator.model import Case

LEASE = Doubt(Reason.LEASE, "another holds the lease")
GONE_AT = ago(HOUR)


@pytest.mark.parametrize(
    ("world", "expected", "reason"),
    [
        pytest.param(
            grace(doubts=(LEASE,), user_missing_since=GONE_AT),
            Wait,
            Reason.LEASE,
            id="a hard doubt before a user who is gone",
        ),
        pytest.param(
            grace(user_missing_since=GONE_AT, places=(got(delivered_at=None),)),
            Close,
            Reason.GONE,
            id="a user who is gone before what is noted",
        ),
        pytest.param(
            grace(places=(got(delivered_at=None),), intents=(an_intent(Step.DELIVER),)),
            Record,
            Reason.SEEN,
            id="what is noted before a soft doubt",
        ),
        pytest.param(
            idle(intents=(an_intent(Step.DELIVER),), orders=(an_order(),)),
            Wait,
            Reason.SETTLING,
            id="a soft doubt before an order",
        ),
        pytest.param(
            recovery(off_key(last_use=used(HOUR)), new_key(), orders=(an_order(Verb.CLOSE),)),
            Close,
            Reason.BY_HAND,
            id="an order before late evidence",
        ),
        pytest.param(
            recovery(
                off_key(last_use=used(HOUR)), new_key(), places=(got(), a_place("b", Empty()))
            ),
            Reactivate,
            Reason.USED_AFTER_ALL,
            id="late evidence before a delivery",
        ),
        pytest.param(idle(), Issue, Reason.AGE, id="nothing is open: a beginning"),
        pytest.param(
            issuing(keys=(a_key(age=60 * DAY), candidate())),
            Name,
            Reason.ORPHAN,
            id="a create without an answer before a leaving",
        ),
        pytest.param(
            delivering(hold=a_hold(), selection=Unselected()),
            Deliver,
            Reason.ISSUED,
            id="a delivery before holds and stops",
        ),
        pytest.param(
            delivering(secret_at_hand=False),
            Name,
            Reason.UNDELIVERED,
            id="a lost secret before a leaving",
        ),
        pytest.param(
            grace(new_key(), selection=Unselected()),
            Close,
            Reason.BY_HAND,
            id="an end before a stop",
        ),
        pytest.param(
            grace(selection=Unselected(), places=(a_place(delivered_at=ago(DAY)),)),
            Stop,
            Reason.POLICY_UNCLEAR,
            id="a stop before what a place may have",
        ),
        pytest.param(
            grace(old_key(last_use=used(HOUR)), new_key(), hold=a_hold()),
            Wait,
            Reason.NOT_QUIET,
            id="quiet before a gate",
        ),
        pytest.param(grace(hold=a_hold()), Shut, Reason.HOLD, id="a gate before the harm"),
        pytest.param(grace(), Deactivate, Reason.GRACE_OVER, id="switched off"),
        pytest.param(recovery(), Delete, Reason.RECOVERY_OVER, id="deleted"),
        pytest.param(idle(orders=(an_order(Verb.ROLLBACK),)), Obey, Reason.REFUSED, id="a refusal"),
    ],
)
def test_the_first_line_that_holds_decides(
    world: Case, expected: type[Action], reason: Reason
) -> None:
    """Each line of the judgement is asked in its order."""
    action = told(judge(world))

    assert (expected, reason) == (type(action), action.reason)


DELETING = (an_intent(Step.DELETE, HOUR),)


def ends(outcome: Outcome) -> Close:
    """The rotation ends like this."""
    return Close(Reason(outcome.value), "", outcome=outcome)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            recovery(new_key(), intents=DELETING),
            ends(Outcome.COMPLETED),
            id="we asked for its deletion, and it is not known any more",
        ),
        pytest.param(
            recovery(off_key(missing_since=NOW), new_key(), intents=DELETING),
            ends(Outcome.COMPLETED),
            id="we asked for its deletion, and a listing after the wait lacks it",
        ),
        pytest.param(
            recovery(off_key(missing_since=NOW), new_key()),
            Wait(Reason.SETTLING, "", NOW + SETTLE),
            id="nobody asked, and one listing lacks it",
        ),
        pytest.param(
            recovery(off_key(missing_since=ago(SETTLE - SECOND)), new_key()),
            Wait(Reason.SETTLING, "", NOW + SECOND),
            id="two, but too close together",
        ),
        pytest.param(
            recovery(off_key(missing_since=ago(SETTLE)), new_key()),
            ends(Outcome.BY_HAND),
            id="two, `settle` apart: a person deleted it",
        ),
        pytest.param(
            grace(new_key()), ends(Outcome.BY_HAND), id="a person deleted it while it was Active"
        ),
        pytest.param(
            an_orphan(a_key("AKIAOTHER")), ends(Outcome.ORPHAN), id="an orphan is gone, by whomever"
        ),
        pytest.param(
            an_undelivered(a_key(NEW, 3 * DAY, missing_since=ago(HOUR))),
            ends(Outcome.UNDELIVERED),
            id="an undelivered key is gone",
        ),
    ],
)
def test_the_end(world: Case, expected: Action) -> None:
    """A rotation ends when its leaver is gone: asked for, or missing in two listings."""
    assert expected == bare(judge(world))


@pytest.mark.parametrize(
    ("rotation", "expected"),
    [
        pytest.param(a_rotation(), Outcome.COMPLETED, id="a predecessor"),
        pytest.param(leaving(Title.ORPHAN), Outcome.ORPHAN, id="an orphan"),
        pytest.param(leaving(Title.UNDELIVERED), Outcome.UNDELIVERED, id="an undelivered key"),
        pytest.param(leaving(Title.NAMED), Outcome.COMPLETED, id="any other"),
        pytest.param(a_rotation(predecessor=None), Outcome.COMPLETED, id="nobody"),
    ],
)
def test_ended(rotation: Rotation, expected: Outcome) -> None:
    """The outcome says by which title the key left."""
    assert expected == ended(rotation)


REVIVED = recovery(off_key(last_use=used(HOUR)), new_key())


@pytest.mark.parametrize(
    ("world", "step", "expected"),
    [
        pytest.param(grace(), Step.DEACTIVATE, Deactivate, id="switching off"),
        pytest.param(recovery(), Step.DELETE, Delete, id="deleting"),
        pytest.param(REVIVED, Step.REACTIVATE, Reactivate, id="reviving"),
    ],
)
def test_what_failed_is_tried_again_at_its_own_moment(
    world: Case, step: Step, expected: type[Action]
) -> None:
    """Retries double, from `settle / 5` to 12 times `settle`, and end in the same action."""
    early = replace(world, failures={step: failed(2, MINUTE)})
    later = replace(world, failures={step: failed(2, 2 * MINUTE)})
    other = replace(world, failures={Step.PROVE: failed(2, MINUTE)})

    assert bare(judge(early)) == Wait(Reason.BACKOFF, "", NOW + MINUTE)
    assert [expected, expected] == [type(judge(later)), type(judge(other))]


@pytest.mark.parametrize("settle", [TIMING.settle, 75 * DAY], ids=["minutes", "months"])
@pytest.mark.parametrize("count", [7, 27, 1000])
def test_doubling_ends_at_the_longest_delay(count: int, settle: timedelta) -> None:
    """However often a step failed, and however long a delay is, there is a longest one."""
    timing = Timing(settle=settle)
    world = grace(failures={Step.DEACTIVATE: failed(count)}, timing=timing)

    assert bare(judge(world)) == Wait(Reason.BACKOFF, "", NOW + timing.retry_max)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            grace(),
            f"{OLD} (predecessor) may go: used 30 d ago in s3, eu-north-1 and every place serves"
            f" {NEW}",
            id="why a predecessor may go",
        ),
        pytest.param(
            an_undelivered(), f"{NEW} (undelivered) may go: never used", id="why a lost key may go"
        ),
        pytest.param(
            recovery(),
            f"{OLD} is Inactive since 2026-02-17 12:00 UTC and was not missed",
            id="why a key is deleted",
        ),
        pytest.param(
            grace(old_key(last_use=used(3 * HOUR)), new_key()),
            f"{OLD} was used 3 h ago in s3, eu-north-1; it must be quiet for 8 d (and IAM's lag of"
            " 1 h)",
            id="why a key stays",
        ),
        pytest.param(recovery(new_key()), f"{OLD} is gone from IAM", id="why a rotation is over"),
    ],
)
def test_a_sentence_has_the_figures_of_the_case(world: Case, expected: str) -> None:
    """People are told what the decision rests on."""
    assert expected == judge(world).message


def test_a_whole_life_in_the_order_of_the_step_table() -> None:
    """From a due key to its end: one action after another, each from what is on record."""
    keys = (a_key(age=60 * DAY, last_use=used(HOUR)), a_key(NEW, HOUR))
    proven = delivered(HOUR, delivered_at=None)
    steps = [
        idle(),
        delivering(),
        delivering(keys=keys, rotation=proven, places=(got(after=MINUTE),)),
        grace(old_key(last_use=used(HOUR)), new_key()),
        grace(),
        recovery(rotation=recovering(deactivated_at=None)),
        recovery(off_key(off=DAY), new_key(), rotation=recovering(DAY)),
        recovery(),
        recovery(off_key(missing_since=NOW), new_key(), intents=DELETING),
    ]

    assert [type(judge(world)).__name__ for world in steps] == [
        "Issue",
        "Deliver",
        "Record",
        "Wait",
        "Deactivate",
        "Record",
        "Wait",
        "Delete",
        "Close",
    ]


def test_a_place_that_is_served_decides_though_the_key_was_never_used() -> None:
    """Use of a key is evidence about no place, and neither is its absence."""
    world = grace(old_key(last_use=NEVER), new_key(), places=(got(reading=Serves(OLD)),))

    assert bare(judge(world)) == Wait(Reason.SINK, "", NOW + SETTLE)
