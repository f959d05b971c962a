"""Looking ahead past all that keeps a door shut, and from what has happened unnoticed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from rotator.model import (
    Case,
    DoorName,
    Empty,
    Exclusion,
    KeyStatus,
    Limits,
    Mode,
    Policy,
    Selector,
    Serves,
    Step,
    Window,
)
from tests.judgement.test_ahead import play, seen, told
from tests.judgement.test_ways_ahead import told_of, two
from tests.judgement.worlds import (
    DAY,
    HOUR,
    NEVER,
    NOW,
    OLD,
    a_case,
    a_freeze,
    a_hold,
    a_key,
    a_place,
    a_rotation,
    ago,
    an_approval,
    an_intent,
    an_order,
    delivered,
    delivering,
    got,
    grace,
    idle,
    issued,
    issuing,
    new_key,
    off_key,
    old_key,
    policy,
    recovering,
    recovery,
    unwritten,
    used,
)

GATES = [
    pytest.param(
        idle(policy=policy(approve=frozenset({DoorName.ISSUE}))),
        "issue 0 behind approval",
        id="no key is issued before somebody approves it",
    ),
    pytest.param(
        idle(
            policy=policy(approve=frozenset(DoorName)),
            orders=(an_approval(DoorName.ISSUE, None),),
        ),
        "record 0, issue 0, deactivate 7 behind approval",
        id="an approval is accepted, and opens one door once",
    ),
    pytest.param(
        recovery(policy=policy(approve=frozenset({DoorName.DELETE}))),
        "delete 0 behind approval",
        id="no key is deleted before somebody approves it",
    ),
    pytest.param(
        idle(freezes=(a_freeze(-DAY, 5 * DAY),)),
        "issue 5, deactivate 12, delete 26",
        id="a freeze: at its end",
    ),
    pytest.param(
        idle(freezes=(a_freeze(3 * DAY, 12 * DAY),)),
        "issue 0, deactivate 12, delete 26",
        id="a freeze that comes when the key would be switched off",
    ),
    pytest.param(
        a_case(
            a_key(age=30 * DAY, last_use=used(HOUR)),
            places=(a_place(),),
            freezes=(a_freeze(20 * DAY, 120 * DAY),),
        ),
        "issue 5, deactivate 13, delete 27 behind closed",
        id="before a freeze that would keep it past max_age, early enough to be off by then",
    ),
    pytest.param(
        idle(policy=policy(window=Window(frozenset({0, 1}), None, None, UTC))),
        "issue 5, deactivate 12, delete 26",
        id="a window: on its next day, a Monday",
    ),
    pytest.param(
        idle(policy=policy(window=Window(frozenset(), None, None, UTC))),
        "issue 0 behind closed",
        id="a window that never opens",
    ),
    pytest.param(
        idle(failed_in_a_row=3),
        "issue 1, deactivate 8, delete 22",
        id="three failures in a row: when the cause has had time to pass",
    ),
    pytest.param(
        idle(agreed="web-2 has another configuration"),
        "issue 0 behind agreed",
        id="replicas that do not agree",
    ),
    pytest.param(
        two(hold=a_hold(until=NOW + 10 * DAY)),
        "stop foreign_key 0",
        id="a hold that ends does not end what else is in the way",
    ),
    pytest.param(
        grace(hold=a_hold(), user_missing_since=NOW, users_listed_at=NOW),
        "deactivate 0 behind hold",
        id="held, and not listed",
    ),
]


@pytest.mark.parametrize(("case", "expected"), GATES)
def test_a_gate_keeps_a_door_shut(case: Case, expected: str) -> None:
    """As long as is known; what waits for a person waits to the end."""
    assert expected == told_of(case)


NOTED = [
    pytest.param(a_case(places=(a_place(),)), "", id="no key, and nothing to do"),
    pytest.param(
        a_case(places=(a_place(reading=Empty(), claimed=False),), policy=policy(provision=True)),
        "issue 0, record 0",
        id="a first key is issued, and its rotation is over",
    ),
    pytest.param(
        a_case(
            a_key(age=60 * DAY), places=(a_place(), unwritten(answered_key=None)), policy=policy()
        ),
        "issue 0, deactivate 7, delete 21",
        id="a place that cannot tell when it was written",
    ),
    pytest.param(
        grace(old_key(status=KeyStatus.EXPIRED), new_key()),
        "deactivate 0, delete 14, issue 30, deactivate 38",
        id="an Expired key is switched off like an Active one",
    ),
    pytest.param(
        grace(
            intents=(an_intent(Step.DEACTIVATE, 2 * HOUR), an_intent(Step.DELIVER, 2 * HOUR)),
            rotation=replace(delivered(), evidence={OLD: NEVER}),
        ),
        "record 0, deactivate 0, delete 14, issue 30, deactivate 38",
        id="a switch that was not done is done",
    ),
    pytest.param(
        recovery(
            intents=(an_intent(Step.DEACTIVATE, 2 * HOUR),),
            rotation=replace(recovering(), deactivated_at=None, promised_at=None),
        ),
        "record 0, delete 14, issue 14, deactivate 22, delete 36",
        id="a switch that was done, and not noted",
    ),
    pytest.param(
        recovery(a_key(age=100 * DAY, last_use=used(60 * DAY)), new_key()),
        "record 0, deactivate 0 behind hold",
        id="somebody switched the key on again",
    ),
    pytest.param(
        recovery(off_key(last_use=used(HOUR)), new_key()),
        "reactivate 0, wait hold 0",
        id="the key was used after all",
    ),
    pytest.param(
        recovery(off_key(last_use=used(HOUR)), new_key(), hold=a_hold()),
        "reactivate 0, wait hold 0",
        id="a hold that stands stays as it is",
    ),
    pytest.param(
        grace(old_key(missing_since=ago(2 * HOUR), last_seen_at=ago(DAY)), new_key()),
        "record 0, issue 30, deactivate 38",
        id="somebody deleted the key",
    ),
    pytest.param(
        grace(old_key(last_use=used(HOUR)), new_key()),
        "wait not_quiet 0",
        id="whoever uses the old key now does so for ever",
    ),
    pytest.param(
        issuing(restart=None, rotation=a_rotation(2 * HOUR, order_id=7), orders=(an_order(),)),
        "record 0, issue 0, record 0, deactivate 7, delete 21",
        id="an order whose create had no effect begins again",
    ),
    pytest.param(
        delivering(places=(a_place(), got("b", after=HOUR, delivered_at=None))),
        "record 0, deliver 0, deactivate 7, delete 21",
        id="a place is seen to have it",
    ),
]


@pytest.mark.parametrize(("case", "expected"), NOTED)
def test_what_is_noted_first(case: Case, expected: str) -> None:
    """What has happened is written down, and then all goes on from there."""
    assert expected == told_of(case)


def test_a_visit_is_bounded() -> None:
    """What is too much for one visit is done in another a minute later."""
    places = tuple(got(str(n), delivered_at=None, answered_key=None) for n in range(45))
    rotation = issued(HOUR, proven_at=ago(HOUR), own_use_at=ago(HOUR))
    rows = play(grace(rotation=rotation, places=places))
    noted = [row.at - NOW for row in rows if told(row).startswith("record")]

    assert [timedelta(0)] * 40 + [timedelta(minutes=1)] * 6 == noted
    assert "deactivate 8" in map(told, rows)


def excluding(until: int, **facts: Any) -> Policy:  # noqa: ANN401 - fields of a policy
    """The policy leaves the user alone until a day, an hour after the sweep."""
    spare = Exclusion(Selector(name="deploy"), expires=NOW + until * DAY + HOUR)
    return policy(mode=Mode.ENFORCE, exclude=(spare,), **facts)


TOO = replace(excluding(10), name="too")
ANOTHER = policy(
    name="another",
    include=(Selector(name="eve"),),
    exclude=(Exclusion(Selector(name="eve"), expires=NOW + 3 * DAY),),
)
SPARED = excluding(10)


@pytest.mark.parametrize(
    ("case", "policies", "expected"),
    [
        pytest.param(
            idle(),
            (SPARED,),
            "issue 11, deactivate 18, delete 32",
            id="the first sweep after the exclusion has expired",
        ),
        pytest.param(
            idle(),
            (ANOTHER, SPARED),
            "issue 11, deactivate 18, delete 32",
            id="another's exclusion that expires before changes nothing",
        ),
        pytest.param(
            idle(),
            (replace(SPARED, mode=Mode.OBSERVE),),
            "issue 11 behind observe",
            id="a policy that observes",
        ),
        pytest.param(idle(), (ANOTHER,), "", id="no policy ever selects the user"),
        pytest.param(
            grace(),
            (SPARED,),
            "stop policy_unclear 0, deactivate 18, delete 32, issue 32",
            id="an open rotation is stopped until then, and its grace starts anew",
        ),
        pytest.param(
            idle(policy=policy(mode=Mode.ENFORCE), keys=(a_key(age=30 * DAY),)),
            (policy(mode=Mode.ENFORCE), TOO),
            "stop policy_unclear 11",
            id="a second policy selects the user from then on",
        ),
    ],
)
def test_who_is_excluded_until_a_day(
    case: Case, policies: tuple[Policy, ...], expected: str
) -> None:
    """Nothing is begun before an exclusion expires; then the policy is the user's."""
    assert expected == told_of(case, policies=policies)


def another(number: int, case: Case) -> Case:
    """The same for a user of another name."""
    user = replace(case.user, user_id=f"AIDA{number}", name=f"user-{number}")
    return replace(case, user=user)


def in_grace(age: int, terms: Policy) -> Case:
    """A user whose predecessor may go, created so many days ago."""
    return another(age, grace(old_key(created_at=ago(age * DAY)), new_key(), policy=terms))


def test_of_those_who_wait_at_a_limit_the_oldest_key_goes_first() -> None:
    """One a day is switched off, one a day is deleted: who waits has its row on its day."""
    terms = policy(limits=Limits(deactivate=1, delete=1), rotate_after=100 * DAY)
    rows = play(*(in_grace(age, terms) for age in (70, 80, 90)), days=30)

    assert [(row.user.name, told(row)) for row in rows] == [
        ("user-70", "deactivate 0"),
        ("user-90", "deactivate 2"),
        ("user-80", "deactivate 4"),
        ("user-70", "delete 14"),
        ("user-90", "delete 16"),
        ("user-80", "delete 18"),
    ]


def test_how_old_keys_get() -> None:
    """Of each user the oldest Active key to come, and when it passes `max_age`."""
    watched = another(1, idle(enforced=False))
    bare = another(2, a_case())
    served = another(3, a_case(a_key(age=30 * DAY), places=(a_place(reading=Serves(OLD)),)))
    fresh = another(4, a_case(places=(a_place(reading=Empty()),), policy=policy(provision=True)))
    ages = [
        (one.user.name, one.key_id, one.age, one.passes_at)
        for one in seen(watched, bare, served, fresh).greatest
    ]

    assert ages == [
        ("user-1", OLD, 100 * DAY, NOW + 30 * DAY),
        ("user-2", None, None, None),
        ("user-3", OLD, 57 * DAY, None),
        ("user-4", None, 40 * DAY, None),
    ]
