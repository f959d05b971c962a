"""Looking ahead over every way in which a key leaves: by policy, and by a person's word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rotator.model import (
    AccessKey,
    Case,
    DoorName,
    Empty,
    Limits,
    Policy,
    Title,
    Verb,
)
from tests.judgement.test_ahead import play, told
from tests.judgement.worlds import (
    DAY,
    HOUR,
    NEW,
    OLD,
    OTHER,
    a_case,
    a_freeze,
    a_key,
    a_place,
    ago,
    an_order,
    delivered,
    got,
    grace,
    idle,
    new_key,
    old_key,
    policy,
    recovering,
    recovery,
    used,
)


def retiring(*what: str, **facts: Any) -> Policy:  # noqa: ANN401 - fields of a policy
    """The policy lets keys go by what is known of their use."""
    return policy(retire=frozenset(what), **facts)


def two(young: AccessKey | None = None, **facts: Any) -> Case:  # noqa: ANN401 - facts of a case
    """A key that is due and in use, which the place serves, and another beside it."""
    other = young or a_key(NEW, 55 * DAY)
    return idle(keys=(a_key(age=60 * DAY, last_use=used(HOUR)), other), **facts)


def pair(**facts: Any) -> Case:  # noqa: ANN401 - facts of a case
    """Two keys of which none is due: the old one is in use and served, the new one never was."""
    keys = (a_key(age=20 * DAY, last_use=used(HOUR)), a_key(NEW, 10 * DAY))
    return a_case(*keys, **{"places": (a_place(),), **facts})


def named(key_id: str, **facts: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of an order
    """A person says that a key goes."""
    return {"orders": (an_order(Verb.RETIRE, key_id=key_id, **facts),)}


def leaked(key_id: str = OLD, **facts: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of an order
    """A person says that a key is in the wrong hands."""
    return {"orders": (an_order(compromised=True, key_id=key_id, **facts),)}


def told_of(case: Case, policies: tuple[Policy, ...] = ()) -> str:
    """The life to come, in one line."""
    return ", ".join(map(told, play(case, policies=policies)))


BY_POLICY = [
    pytest.param(
        two(policy=retiring("unused")),
        "deactivate 0, delete 14, issue 14, deactivate 22, delete 36",
        id="an unused key makes room for the one that is due",
    ),
    pytest.param(
        two(a_key(NEW, 40 * DAY), policy=retiring("unused")),
        "stop foreign_key 0, deactivate 5, delete 19, issue 19, deactivate 27",
        id="one that will be unused in five days makes room then",
    ),
    pytest.param(
        two(a_key(NEW, 55 * DAY, off=20 * DAY), policy=retiring("inactive")),
        "record 0, delete 14, issue 14, deactivate 22, delete 36",
        id="an Inactive key makes room",
    ),
    pytest.param(
        two(
            a_key(NEW, 55 * DAY, off=10 * DAY, first_seen=20 * DAY),
            policy=retiring("inactive"),
        ),
        "record 4, delete 18, issue 18, deactivate 26",
        id="one that has not rested yet makes room when it has",
    ),
    pytest.param(
        two(policy=retiring("inactive")),
        "stop foreign_key 0",
        id="an Active key makes no room where only Inactive ones may",
    ),
    pytest.param(
        a_case(a_key(age=40 * DAY), places=(a_place(),), policy=retiring("only")),
        "deactivate 5, delete 19",
        id="an only key goes as soon as it is unused, and not when it is due",
    ),
    pytest.param(
        a_case(a_key(age=40 * DAY, off=10 * DAY), policy=retiring("only")),
        "record 4, delete 18",
        id="an only key that is Inactive goes when it has rested",
    ),
    pytest.param(
        a_case(
            a_key(age=50 * DAY, last_use=used(49 * DAY)),
            a_key(NEW, 49 * DAY),
            policy=retiring("only"),
        ),
        "deactivate 0, delete 14, deactivate 14, delete 28",
        id="of two the one that never was used goes first",
    ),
    pytest.param(
        a_case(
            a_key(age=40 * DAY, last_use=used(HOUR)),
            places=(a_place(),),
            policy=retiring("only"),
        ),
        "issue 10, deactivate 18, delete 32",
        id="what is in use stays in use, and is replaced",
    ),
    pytest.param(
        a_case(a_key(age=46 * DAY), policy=retiring("only"), enforced=False),
        "record 0 behind observe",
        id="where the policy observes a person is waited for",
    ),
    pytest.param(
        a_case(a_key(age=46 * DAY), policy=retiring("only"), freezes=(a_freeze(-DAY, 5 * DAY),)),
        "deactivate 5, delete 19",
        id="a freeze keeps it Active",
    ),
]


@pytest.mark.parametrize(("case", "expected"), BY_POLICY)
def test_a_key_goes_by_policy(case: Case, expected: str) -> None:
    """`retire` finds a key in the first sweep in which its time is over."""
    assert expected == told_of(case)


BY_WORD = [
    pytest.param(
        pair(**named(NEW)),
        "record 0, deliver 0, record 0, deactivate 7, delete 21, issue 30, deactivate 38",
        id="a named key goes when grace is over, with the other proven and in its place",
    ),
    pytest.param(
        pair(**named(NEW, now=True)),
        "deactivate 0, record 0, delete 14, issue 30, deactivate 38",
        id="now: it is switched off, and rests",
    ),
    pytest.param(
        replace(pair(**named(NEW)), keys=(pair().keys[0], a_key(NEW, 10 * DAY, off=DAY))),
        "record 0, record 0, delete 14, issue 30, deactivate 38",
        id="an Inactive one rests from now on",
    ),
    pytest.param(
        replace(pair(**named(NEW, now=True)), keys=(pair().keys[0], a_key(NEW, 10 * DAY, off=DAY))),
        "record 0, delete 0, record 0, issue 30, deactivate 38",
        id="now: an Inactive one is deleted at once",
    ),
    pytest.param(
        pair(**named(OLD, now=True)),
        "deactivate 0, record 0, delete 14, stop sink_serves_dead 40",
        id="now: whose readers are cut off is told when the other key is due",
    ),
    pytest.param(
        pair(**named(OTHER)),
        "record 0, stop foreign_key 30",
        id="nobody's key: refused, and all goes on",
    ),
    pytest.param(
        a_case(a_key(age=5 * DAY, last_use=used(HOUR)), places=(a_place(),), **leaked()),
        "issue 0, deactivate 0, record 0, delete 14",
        id="a leaked key goes as soon as its successor is delivered",
    ),
    pytest.param(
        a_case(
            a_key(age=5 * DAY, last_use=used(HOUR)),
            places=(a_place(),),
            **leaked(contain_first=True),
        ),
        "deactivate 0, issue 0, record 0, record 0, delete 14",
        id="contained first: it goes before its successor is made",
    ),
    pytest.param(
        pair(**leaked(NEW)),
        "deactivate 0, record 0, delete 14, issue 30, deactivate 38",
        id="a leaked key that no place may have goes without a successor",
    ),
    pytest.param(
        grace(old_key(last_use=used(HOUR)), new_key(), rotation=delivered(2 * DAY), **leaked()),
        "deactivate 0, record 0, delete 14, issue 30, deactivate 38",
        id="a leaked predecessor in its grace goes at once",
    ),
    pytest.param(
        recovery(
            rotation=replace(
                recovering(),
                leaver=OLD,
                title=Title.COMPROMISED,
                titled_at=ago(16 * DAY),
                order_id=7,
            ),
            **leaked(),
        ),
        "record 0, delete 0, issue 10, deactivate 18, delete 32",
        id="a leaked key that is off already is deleted when it has rested",
    ),
    pytest.param(
        replace(
            grace(old_key(last_use=used(HOUR)), new_key(), rotation=delivered(2 * DAY)),
            policy=policy(approve=frozenset(DoorName), limits=Limits(deactivate=1)),
            freezes=(a_freeze(-DAY, 5 * DAY),),
            **leaked(),
        ),
        "deactivate 0, record 0, delete 14, issue 30 behind approval",
        id="neither freeze, nor limit, nor approval keeps a leaked key",
    ),
    pytest.param(
        a_case(
            a_key(age=20 * DAY, last_use=used(HOUR)),
            places=(a_place(), a_place("b", reading=Empty(), claimed=False)),
            orders=(an_order(Verb.DELIVER, sink_id="b"),),
        ),
        "deliver 0, record 0, issue 30, deactivate 38",
        id="a place is brought the key before it is due",
    ),
    pytest.param(
        grace(orders=(an_order(Verb.CLOSE),), places=(got(), got("gone", sink_id=None))),
        "record 0, stop foreign_key 0",
        id="closed: the places that no policy names are given up",
    ),
    pytest.param(
        idle(
            places=(a_place(), a_place("gone", reading=Empty(), sink_id=None)),
            orders=(an_order(Verb.CLOSE),),
        ),
        "record 0, issue 0, deactivate 7, delete 21",
        id="closed with nothing open: the way is free again",
    ),
    pytest.param(
        grace(
            rotation=delivered(leaver=OLD, title=Title.NAMED, titled_at=ago(DAY), order_id=7),
            **named(OLD),
        ),
        "record 0, deactivate 6, delete 20, issue 30, deactivate 38",
        id="a named key is on its way",
    ),
    pytest.param(
        grace(
            rotation=delivered(
                leaver=OLD, title=Title.NAMED, titled_at=ago(DAY), order_id=7, now=True
            ),
            keys=(new_key(),),
            former=frozenset({OLD}),
            **named(OLD, now=True),
        ),
        "record 0, record 0, issue 30, deactivate 38",
        id="what a person named is gone by hand: the order has its answer",
    ),
]


@pytest.mark.parametrize(("case", "expected"), BY_WORD)
def test_a_key_goes_by_a_persons_word(case: Case, expected: str) -> None:
    """What was ordered and is not done yet is foreseen like all else."""
    assert expected == told_of(case)
