"""Beginning: with nothing open, what is due, and is there room for it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.judgement.beginning import is_curious, ready
from rotator.judgement.judge import judge
from rotator.model import (
    Absent,
    Contested,
    Excluded,
    Issue,
    Kind,
    Reason,
    Serves,
    Shut,
    Stop,
    Unselected,
    Verb,
    Wait,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    MINUTE,
    NEW,
    NOW,
    OLD,
    OTHER,
    POLICY,
    SECOND,
    SETTLE,
    TIMING,
    a_case,
    a_key,
    a_place,
    ago,
    an_order,
    bare,
    failed,
    grace,
    idle,
    policy,
    used,
)

if TYPE_CHECKING:
    from datetime import timedelta

    from rotator.model import Action, Case


AGE = Issue(Reason.AGE, "", kind=Kind.REPLACE, predecessor=OLD)
FIRST = Issue(Reason.FIRST_KEY, "", kind=Kind.FIRST)
PROVISION = policy(provision=True)
LATER = NOW + TIMING.retry_max


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(a_case(), Wait(Reason.NO_KEY, ""), id="no key, and none is provided"),
        pytest.param(
            a_case(a_key(off=DAY)), Wait(Reason.NO_KEY, ""), id="no Active key: none is due"
        ),
        pytest.param(
            a_case(a_key(off=DAY), policy=PROVISION),
            Wait(Reason.NO_KEY, ""),
            id="an Inactive key is a key: no first one beside it",
        ),
        pytest.param(
            a_case(a_key(age=50 * DAY - SECOND)),
            Wait(Reason.NOT_DUE, "", NOW + SECOND),
            id="a second early",
        ),
        pytest.param(a_case(a_key(age=50 * DAY), places=(a_place(),)), AGE, id="due to the second"),
        pytest.param(
            a_case(a_key(age=60 * DAY, off=DAY), a_key(NEW, 10 * DAY)),
            Wait(Reason.NOT_DUE, "", ago(10 * DAY) + POLICY.rotate_after),
            id="an Inactive key is never due",
        ),
        pytest.param(
            a_case(a_key(age=60 * DAY), a_key(NEW, 10 * DAY)),
            Stop(Reason.FOREIGN_KEY, ""),
            id="due, but both slots are taken",
        ),
        pytest.param(
            a_case(a_key(age=60 * DAY), a_key(NEW, 10 * DAY, off=DAY)),
            Stop(Reason.FOREIGN_KEY, ""),
            id="an Inactive key takes a slot too",
        ),
        pytest.param(
            a_case(a_key(age=60 * DAY), a_key(NEW), a_key(OTHER)),
            Stop(Reason.FOREIGN_KEY, ""),
            id="more keys than the quota allows",
        ),
        pytest.param(
            a_case(a_key(age=30 * DAY), a_key(NEW, 10 * DAY)),
            Wait(Reason.NOT_DUE, "", ago(30 * DAY) + POLICY.rotate_after),
            id="two keys, and none is due: nobody is stopped",
        ),
        pytest.param(
            a_case(policy=PROVISION, places=(a_place(reading=Absent()),)),
            FIRST,
            id="a first key where the policy provides one",
        ),
        pytest.param(
            a_case(
                policy=PROVISION,
                places=(a_place(reading=Serves(OLD)),),
                former=frozenset({OLD}),
            ),
            FIRST,
            id="a first key is the cure of a place that serves a dead one",
        ),
        pytest.param(
            a_case(a_key(missing_since=NOW), policy=PROVISION, places=(a_place(),)),
            Wait(Reason.SETTLING, "", NOW + SETTLE),
            id="a key that was listed until now is not gone by one listing",
        ),
        pytest.param(
            a_case(a_key(missing_since=ago(SETTLE)), policy=PROVISION, places=(a_place(),)),
            FIRST,
            id="by two, it is",
        ),
        pytest.param(
            idle(keys=(a_key(age=60 * DAY), a_key(NEW, missing_since=ago(MINUTE)))),
            Wait(Reason.SETTLING, "", ago(MINUTE) + SETTLE),
            id="nor is a slot free by one listing",
        ),
        pytest.param(
            idle(enforced=False), Shut(Reason.OBSERVE, "", behind=AGE), id="an observed user"
        ),
        pytest.param(idle(restart=failed(3, HOUR)), AGE, id="after three failures, an hour later"),
        pytest.param(
            idle(restart=failed(3, 4 * MINUTE - SECOND)),
            Wait(Reason.BACKOFF, "", NOW + SECOND),
            id="after three failures, a second before the doubled delay is over",
        ),
        pytest.param(idle(restart=failed(3, 4 * MINUTE)), AGE, id="and when it is over"),
        pytest.param(
            idle(selection=Unselected()), Wait(Reason.NOT_DUE, ""), id="no policy selects the user"
        ),
        pytest.param(
            idle(selection=Excluded("ci", "vendor")),
            Wait(Reason.NOT_DUE, ""),
            id="an exclusion counts, whatever policy is at hand",
        ),
        pytest.param(
            idle(selection=Contested(("a", "b"))),
            Stop(Reason.POLICY_UNCLEAR, ""),
            id="two policies select the user",
        ),
        pytest.param(
            a_case(a_key(), quarantined_since=ago(DAY)),
            Stop(Reason.QUARANTINED, ""),
            id="quarantined, due or not",
        ),
        pytest.param(
            idle(place_problem="no tag team"), Stop(Reason.PLACE_NAME, ""), id="no place's name"
        ),
        pytest.param(
            a_case(a_key(), place_problem="no tag team", places=(a_place(owner="AIDAOTHER"),)),
            Wait(Reason.NOT_DUE, "", ago(30 * DAY) + POLICY.rotate_after),
            id="what keeps a place from being written is told when it is to be written",
        ),
    ],
)
def test_begin(world: Case, expected: Action) -> None:
    """With nothing open, an Active key's age, a free slot and its places decide."""
    assert expected == bare(judge(world))


def test_a_taken_slot_is_told_with_what_each_key_does() -> None:
    """A person chooses by age, use, and by which place serves which key."""
    world = a_case(
        a_key(age=60 * DAY, last_use=used(HOUR)),
        a_key(NEW, 10 * DAY, off=DAY),
        places=(a_place(), a_place("b")),
    )

    assert judge(world).message == (
        f"{OLD} is due, but both slots are taken and only a deletion frees one:"
        f" {OLD} (Active, 60 d old, used 1 h ago in s3, eu-north-1, served by file:a and file:b);"
        f" {NEW} (Inactive, 10 d old, never used). Say which of them goes with `rotator retire KEY"
        " --reason …` (--now: at once, whoever uses it), and rotation goes on by itself"
    )


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(grace(), True, id="a rotation is open"),
        pytest.param(a_case(a_key()), False, id="idle, and not due"),
        pytest.param(idle(), True, id="due"),
        pytest.param(idle(listed_at=None), False, id="nothing was listed"),
        pytest.param(a_case(a_key(), orders=(an_order(),)), True, id="somebody wants it rotated"),
        pytest.param(
            a_case(a_key(), orders=(an_order(Verb.CLOSE),)), False, id="other orders write nothing"
        ),
        pytest.param(a_case(policy=PROVISION), True, id="a first key is due"),
    ],
)
def test_is_curious(world: Case, expected: bool) -> None:
    """Places are asked only where it matters what they serve."""
    assert expected is is_curious(world)


SINK = Wait(Reason.SINK, "", LATER)


def test_the_message_of_a_beginning_has_its_figures() -> None:
    """Who reads a plan learns why now."""
    assert judge(idle()).message == (
        f"{OLD} is 60 d old (rotate_after 50 d): a successor is created, proven and delivered"
    )


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        pytest.param(MINUTE, True, id="said at the very moment of the failure"),
        pytest.param(MINUTE - SECOND, False, id="said a second after it"),
    ],
)
def test_a_later_word_waits_for_no_earlier_failure(said: timedelta, waits: bool) -> None:
    """A person who has seen the failures and orders again is not made to wait for them."""
    world = idle(restart=failed(5, MINUTE))

    assert waits == isinstance(ready(world, contact_forgives=False, said_at=ago(said)), Wait)
