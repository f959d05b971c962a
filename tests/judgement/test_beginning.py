"""Beginning: what is due, whether there is room, and whether its places may be written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rotator.judgement.beginning import contact_of, due_at, is_curious, overdue, ready
from rotator.judgement.judge import judge
from rotator.model import (
    Absent,
    Contested,
    Empty,
    Excluded,
    Freeze,
    Issue,
    Kind,
    Reason,
    Serves,
    Shut,
    Stop,
    Stranger,
    Unreadable,
    Unselected,
    Verb,
    Wait,
    Window,
    WrittenAt,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    LAG,
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
    a_freeze,
    a_key,
    a_place,
    ago,
    an_order,
    bare,
    delivered,
    delivering,
    failed,
    grace,
    idle,
    new_key,
    policy,
    recovery,
    unread,
    unwritten,
    used,
    write_only,
)

if TYPE_CHECKING:
    from rotator.model import Action, Case, PlaceState

AGE = Issue(Reason.AGE, "", kind=Kind.REPLACE, predecessor=OLD)
FIRST = Issue(Reason.FIRST_KEY, "", kind=Kind.FIRST)
PROVISION = policy(provision=True)
NEED = POLICY.grace_period + POLICY.quiet_period + LAG
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
        f" {NEW} (Inactive, 10 d old, never used). Delete the key that nobody needs in IAM, and"
        " rotation goes on by itself"
    )


@pytest.mark.parametrize(
    ("freezes", "fields", "expected"),
    [
        pytest.param((), {}, 50 * DAY, id="no freeze"),
        pytest.param(
            (a_freeze(55 * DAY, 74 * DAY),),
            {},
            50 * DAY,
            id="begun before the freeze, and switched off in time after it",
        ),
        pytest.param(
            (a_freeze(55 * DAY, 90 * DAY),),
            {},
            50 * DAY,
            id="switched off on the very day of `max_age`",
        ),
        pytest.param(
            (a_freeze(55 * DAY, 90 * DAY + SECOND),),
            {},
            55 * DAY - NEED,
            id="begun before the freeze, and switched off too late after it: early",
        ),
        pytest.param(
            (a_freeze(50 * DAY, 90 * DAY - NEED),),
            {},
            50 * DAY,
            id="begun after the freeze, and just in time",
        ),
        pytest.param(
            (a_freeze(50 * DAY, 90 * DAY - NEED + SECOND),),
            {},
            50 * DAY - NEED,
            id="begun after the freeze would be too late: early",
        ),
        pytest.param(
            (a_freeze(50 * DAY + NEED, 300 * DAY),),
            {},
            50 * DAY,
            id="out of service before the freeze anyway",
        ),
        pytest.param((a_freeze(300 * DAY, 400 * DAY),), {}, 50 * DAY, id="a freeze of next year"),
        pytest.param(
            (a_freeze(-DAY, 80 * DAY),), {}, 50 * DAY, id="a freeze that has begun shuts its door"
        ),
        pytest.param(
            (a_freeze(50 * DAY, 70 * DAY),),
            {"window": Window(frozenset({5}), None, None, UTC)},
            50 * DAY,
            id="the window opens soon enough after it",
        ),
        pytest.param(
            (a_freeze(50 * DAY, 74 * DAY + 12 * HOUR),),
            {"window": Window(frozenset({6}), None, None, UTC)},
            50 * DAY - NEED,
            id="the window opens too long after it",
        ),
        pytest.param(
            (a_freeze(50 * DAY, 90 * DAY),),
            {"window": Window(frozenset(), None, None, UTC)},
            50 * DAY - NEED,
            id="a window that never opens is no reason to be late",
        ),
        pytest.param(
            (Freeze("stop", NOW + 50 * DAY, datetime(9999, 12, 31, tzinfo=UTC)),),
            {},
            50 * DAY - NEED,
            id="a freeze for ever",
        ),
    ],
)
def test_due_at(freezes: tuple[Freeze, ...], fields: dict[str, object], expected: object) -> None:
    """A key is due by its age, or early enough to be out of service before a long freeze."""
    key = a_key(age=0 * DAY)
    world = a_case(key, policy=policy(**fields), freezes=freezes)

    assert NOW + expected == due_at(world, key)  # type: ignore[operator] # a span


def test_nothing_is_due_without_a_policy() -> None:
    """Ages are judged by a policy's figures only."""
    world = a_case(a_key(age=999 * DAY), policy=None)

    assert due_at(world, world.keys[0]) is None


BACK = delivered(6 * DAY)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(a_case(), False, id="no key"),
        pytest.param(a_case(a_key(age=99 * DAY), policy=None), False, id="no policy"),
        pytest.param(a_case(a_key(age=99 * DAY, off=DAY)), False, id="no Active key"),
        pytest.param(a_case(a_key(age=90 * DAY + SECOND)), True, id="a second past `max_age`"),
        pytest.param(a_case(a_key(age=83 * DAY)), False, id="it can just be replaced in time"),
        pytest.param(
            a_case(a_key(age=83 * DAY + SECOND)), True, id="grace alone would last too long"
        ),
        pytest.param(
            a_case(a_key(age=82 * DAY, last_use=used(HOUR))), False, id="and quiet just in time"
        ),
        pytest.param(
            a_case(a_key(age=82 * DAY, last_use=used(HOUR - SECOND))),
            True,
            id="it was used so late that it cannot be quiet in time",
        ),
        pytest.param(
            a_case(a_key(age=80 * DAY), freezes=(a_freeze(-DAY, 3 * DAY),)),
            False,
            id="a freeze ends early enough to begin",
        ),
        pytest.param(
            a_case(a_key(age=80 * DAY), freezes=(a_freeze(-DAY, 3 * DAY + SECOND),)),
            True,
            id="a freeze ends too late to begin",
        ),
        pytest.param(
            a_case(a_key(age=80 * DAY), freezes=(a_freeze(DAY, 11 * DAY),)),
            True,
            id="it can begin, and a freeze keeps it from being switched off in time",
        ),
        pytest.param(
            a_case(
                a_key(), freezes=(Freeze("stop", ago(DAY), datetime(9999, 12, 31, tzinfo=UTC)),)
            ),
            True,
            id="a freeze for ever",
        ),
        pytest.param(
            a_case(a_key(), policy=policy(window=Window(frozenset(), None, None, UTC))),
            True,
            id="a window that never opens",
        ),
        pytest.param(
            grace(
                a_key(age=89 * DAY, last_use=used(30 * DAY)), new_key(), rotation=delivered(6 * DAY)
            ),
            False,
            id="in grace, which ends in time",
        ),
        pytest.param(
            grace(
                a_key(age=89 * DAY, last_use=used(30 * DAY)), new_key(), rotation=delivered(5 * DAY)
            ),
            True,
            id="in grace, which ends too late",
        ),
        pytest.param(
            delivering(
                keys=(a_key(age=82 * DAY), a_key(NEW, HOUR)), freezes=(a_freeze(-DAY, 6 * DAY),)
            ),
            False,
            id="being delivered: no door stops that",
        ),
        pytest.param(
            grace(
                a_key(age=89 * DAY, last_use=used(30 * DAY)),
                new_key(),
                rotation=delivered(30 * DAY),
                policy=policy(window=Window(frozenset(), None, None, UTC)),
            ),
            True,
            id="in grace, and the door never opens",
        ),
        pytest.param(recovery(), False, id="switched off: it is the successor's age that counts"),
    ],
)
def test_overdue(world: Case, expected: bool) -> None:
    """A key is overdue when it has passed `max_age`, or cannot be out of service before it does."""
    assert expected is overdue(world)


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


CONFLICT = Stop(Reason.SINK_CONFLICT, "")
SINK = Wait(Reason.SINK, "", LATER)
DEAD = Stop(Reason.SINK_SERVES_DEAD, "")


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param(a_place(), None, id="it serves an Active key of this user"),
        pytest.param(a_place(reading=Empty()), None, id="it is empty"),
        pytest.param(a_place(reading=Absent()), None, id="it is absent, and will be made"),
        pytest.param(
            a_place(reading=Absent(), create=False), CONFLICT, id="absent, and not to be made"
        ),
        pytest.param(a_place(reading=Serves(NEW)), DEAD, id="it serves an Inactive key"),
        pytest.param(a_place(reading=Serves("AKIAGONE")), DEAD, id="it serves a deleted key"),
        pytest.param(a_place(reading=Serves("AKIAMISSING")), DEAD, id="it serves a missing key"),
        pytest.param(a_place(reading=Serves(OTHER)), CONFLICT, id="it serves nobody's key"),
        pytest.param(a_place(reading=Stranger("no JSON")), CONFLICT, id="it holds anything else"),
        pytest.param(a_place(reading=Unreadable("reset")), SINK, id="it cannot be read"),
        pytest.param(unread(a_place()), Wait(Reason.SINK, "", NOW + SETTLE), id="it was not read"),
        pytest.param(a_place(check="forbidden"), SINK, id="a put would not work"),
        pytest.param(unwritten(), None, id="write-only, and cannot tell"),
        pytest.param(
            unwritten(reading=WrittenAt(ago(DAY))), CONFLICT, id="write-only, written by somebody"
        ),
        pytest.param(write_only(), None, id="write-only, last written by us"),
        pytest.param(
            write_only(reading=WrittenAt(ago(DAY))), CONFLICT, id="write-only, rewritten since"
        ),
        pytest.param(unwritten(reading=Absent()), None, id="write-only, and absent"),
    ],
)
def test_first_contact(place: PlaceState, expected: Action | None) -> None:
    """Nothing is overwritten that is not ours, and nobody's dead key is passed over in silence."""
    world = a_case(
        a_key(),
        a_key(NEW, off=DAY),
        a_key("AKIAMISSING", missing_since=ago(DAY)),
        former=frozenset({"AKIAGONE"}),
    )

    assert expected == bare(contact_of(world, place))


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param(a_place(reading=Serves(OTHER)), CONFLICT, id="a stranger's key stays"),
        pytest.param(a_place(reading=Serves("AKIAGONE")), None, id="a dead key is overwritten"),
        pytest.param(
            unwritten(reading=WrittenAt(ago(MINUTE)), begun_key=NEW),
            None,
            id="write-only, and our put without an answer may be what wrote it",
        ),
        pytest.param(
            unwritten(reading=WrittenAt(ago(MINUTE)), begun_key=OTHER),
            CONFLICT,
            id="write-only, and our put was of another key",
        ),
    ],
)
def test_contact_while_delivering(place: PlaceState, expected: Action | None) -> None:
    """An open rotation will write the place itself: it is the cure of a dead key there."""
    world = delivering(former=frozenset({"AKIAGONE"}))

    assert expected == bare(contact_of(world, place))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(idle(places=()), None, id="nothing stands in the way"),
        pytest.param(
            idle(places=(a_place(reading=Unreadable("reset")), a_place("b", Stranger("no JSON")))),
            CONFLICT,
            id="what a person must do is told before what is waited for",
        ),
        pytest.param(
            idle(places=(a_place(), a_place("b", Unreadable("reset")))), SINK, id="one of several"
        ),
        pytest.param(
            idle(places=(a_place(sink_id=None),)),
            Stop(Reason.POLICY_UNCLEAR, ""),
            id="a place on record that no policy names",
        ),
        pytest.param(
            idle(places=(a_place(sink_id=None, claimed=False),)), None, id="one that is not claimed"
        ),
        pytest.param(
            idle(restart=failed(), places=(a_place(reading=Unreadable("reset")),)),
            Wait(Reason.BACKOFF, "", NOW + TIMING.retry_min),
            id="a delay is told before a place",
        ),
        pytest.param(
            idle(restart=failed(), place_problem="no tag team"),
            Stop(Reason.PLACE_NAME, ""),
            id="a name that cannot be made is told before a delay",
        ),
    ],
)
def test_ready(world: Case, expected: Action | None) -> None:
    """Whoever asks for a key, its places must be known, free, readable and willing."""
    assert expected == bare(ready(world))


def test_a_second_key_is_made_only_where_one_was_read() -> None:
    """A due key whose place was not read waits: nothing is issued in doubt."""
    assert bare(judge(idle(places=(unread(a_place()),)))) == Wait(Reason.SINK, "", NOW + SETTLE)


def test_the_message_of_a_beginning_has_its_figures() -> None:
    """Who reads a plan learns why now."""
    assert judge(idle()).message == (
        f"{OLD} is 60 d old (rotate_after 50 d): a successor is created, proven and delivered"
    )
