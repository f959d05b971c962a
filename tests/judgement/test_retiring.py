"""`retire` in a policy: which key leaves by itself, and which never does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotator.judgement.judge import judge
from rotator.judgement.retiring import candidates, retiring
from rotator.model import Leave, Reason, Serves, Shut, Stop, Title, Unreadable, Wait
from tests.judgement.worlds import (
    DAY,
    HOUR,
    NEVER,
    NEW,
    NOW,
    OLD,
    OTHER,
    SETTLE,
    UNKNOWN,
    a_case,
    a_freeze,
    a_hold,
    a_key,
    a_place,
    a_signer,
    bare,
    grace,
    policy,
    used,
)

if TYPE_CHECKING:
    from rotator.model import AccessKey, Action, Case

ALL = frozenset({"inactive", "unused", "only"})
ROOM = frozenset({"inactive", "unused"})


def due(**facts: object) -> AccessKey:
    """The key that is to be replaced, used an hour ago."""
    return a_key(age=60 * DAY, **{"last_use": used(HOUR), **facts})  # type: ignore[arg-type] # facts of a key


def beside(*keys: AccessKey, retire: frozenset[str] = ROOM, **facts: Any) -> Case:  # noqa: ANN401 - facts of a case
    """A user who is due and has other keys; its place serves the due one."""
    made = {"policy": policy(retire=retire), "places": (a_place(),), **facts}
    return a_case(*keys, **made)


def a_leave(key_id: str, *, now: bool = False) -> Leave:
    """The key gets its title."""
    return Leave(Reason.UNUSED, "", key_id=key_id, title=Title.UNUSED, now=now)


STOPPED = Stop(Reason.FOREIGN_KEY, "")


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            beside(due(), a_key(NEW, 90 * DAY, off=20 * DAY)),
            a_leave(NEW),
            id="inactive for the recovery period: it makes room",
        ),
        pytest.param(
            beside(due(), a_key(NEW, 90 * DAY, off=13 * DAY)),
            STOPPED,
            id="inactive a day too short",
        ),
        pytest.param(
            beside(due(), a_key(NEW, 90 * DAY, off=20 * DAY), retire=frozenset({"unused"})),
            STOPPED,
            id="inactive, and the policy names unused ones only",
        ),
        pytest.param(
            beside(due(), a_key(NEW, 90 * DAY, off=20 * DAY, first_seen_at=NOW)),
            STOPPED,
            id="inactive, and seen for the first time: one sighting tells no length",
        ),
        pytest.param(
            beside(due(), a_key(NEW, 90 * DAY, last_use=used(50 * DAY))),
            a_leave(NEW),
            id="unused beside one that is in use",
        ),
        pytest.param(
            beside(due(), a_key(NEW, 90 * DAY)),
            a_leave(NEW),
            id="never used beside one that is in use: it counts from its creation",
        ),
        pytest.param(
            beside(due(), a_key(NEW, 30 * DAY)),
            STOPPED,
            id="never used, and too young to be called unused",
        ),
        pytest.param(
            beside(due(), a_key(NEW, 90 * DAY, last_use=used(44 * DAY))),
            STOPPED,
            id="unused a day too short",
        ),
        pytest.param(
            beside(due(last_use=used(60 * DAY)), a_key(NEW, 90 * DAY, last_use=used(70 * DAY))),
            STOPPED,
            id="neither is in use: nothing tells which is needed",
        ),
        pytest.param(
            beside(
                due(last_use=used(50 * DAY)),
                a_key(NEW, 30 * DAY, last_use=used(HOUR)),
                places=(a_place(reading=Serves(NEW)),),
            ),
            a_leave(OLD),
            id="the due one itself is unused beside one that is in use",
        ),
        pytest.param(
            beside(due(), a_key(NEW, 90 * DAY), retire=frozenset()),
            STOPPED,
            id="the policy retires nothing",
        ),
        pytest.param(
            beside(a_key(age=10 * DAY, last_use=used(HOUR)), a_key(NEW, 90 * DAY, off=80 * DAY)),
            Wait(Reason.NOT_DUE, "", NOW + 40 * DAY),
            id="nobody is due: nothing need go",
        ),
        pytest.param(
            beside(
                due(last_use=NEVER), a_key(NEW, 90 * DAY, off=20 * DAY, last_use=used(30 * DAY))
            ),
            STOPPED,
            id="the inactive one was used last: never that one",
        ),
        pytest.param(
            beside(due(last_use=NEVER), a_key(NEW, 90 * DAY, off=20 * DAY)),
            STOPPED,
            id="both were never used: a tie stops",
        ),
        pytest.param(
            beside(
                due(), a_key(NEW, 90 * DAY, off=20 * DAY), places=(a_place(reading=Serves(NEW)),)
            ),
            STOPPED,
            id="a place serves it",
        ),
        pytest.param(
            beside(
                due(),
                a_key(NEW, 90 * DAY, off=20 * DAY),
                places=(a_place(reading=Unreadable("reset")),),
            ),
            Wait(Reason.SINK, "", NOW + SETTLE),
            id="a place may serve it, and cannot be read",
        ),
        pytest.param(
            beside(due(), a_key(NEW, 90 * DAY, off=20 * DAY, last_use=UNKNOWN)),
            Wait(Reason.LAST_USE_UNKNOWN, "", NOW + SETTLE),
            id="its last use is not known",
        ),
        pytest.param(
            beside(due(), a_key(NEW, 90 * DAY), signers=(a_signer(NEW),)),
            STOPPED,
            id="we sign with it: it is in use",
        ),
        pytest.param(
            beside(
                due(last_use=NEVER),
                a_key(NEW, 90 * DAY, last_use=used(50 * DAY)),
                signers=(a_signer(OLD),),
            ),
            STOPPED,
            id="the other one is ours in use, and yet this one was used later",
        ),
        pytest.param(
            beside(due(), a_key(NEW, 90 * DAY), a_key(OTHER, 80 * DAY, off=20 * DAY)),
            a_leave(OTHER),
            id="three keys: the inactive one goes before the unused one",
        ),
        pytest.param(
            beside(
                due(),
                a_key(NEW, 90 * DAY, last_use=used(60 * DAY)),
                a_key(OTHER, 80 * DAY, last_use=used(70 * DAY)),
            ),
            a_leave(OTHER),
            id="three keys: the one that was used the longest ago",
        ),
        pytest.param(
            beside(due(), a_key(NEW, 90 * DAY), a_key(OTHER, 80 * DAY)),
            STOPPED,
            id="three keys, two of them never used: never both, and nothing tells which",
        ),
        pytest.param(
            grace(policy=policy(retire=ALL)),
            None,
            id="a rotation is open",
        ),
        pytest.param(
            beside(a_key(age=20 * DAY, last_use=used(50 * DAY)), retire=frozenset({"only"})),
            a_leave(OLD, now=True),
            id="only: the last key of a user, though a place serves it",
        ),
        pytest.param(
            beside(a_key(age=46 * DAY), retire=frozenset({"only"})),
            a_leave(OLD, now=True),
            id="only: one that was never used",
        ),
        pytest.param(
            beside(a_key(age=44 * DAY), retire=frozenset({"only"})),
            Wait(Reason.NOT_DUE, "", NOW + 6 * DAY),
            id="only: one that is too young to be called unused",
        ),
        pytest.param(
            beside(a_key(age=90 * DAY, off=20 * DAY), retire=frozenset({"only"})),
            a_leave(OLD, now=True),
            id="only: an inactive one",
        ),
        pytest.param(
            beside(
                a_key(age=90 * DAY, last_use=used(80 * DAY)),
                a_key(NEW, 90 * DAY, last_use=used(70 * DAY)),
                retire=frozenset({"only"}),
            ),
            a_leave(OLD, now=True),
            id="only: of two unused ones the one that was used the longest ago",
        ),
        pytest.param(
            beside(
                a_key(age=90 * DAY, last_use=used(80 * DAY)),
                retire=frozenset({"only"}),
                signers=(a_signer(OLD),),
            ),
            STOPPED,
            id="only: never the key that we sign with",
        ),
    ],
)
def test_which_key_leaves_by_itself(world: Case, expected: Action | None) -> None:
    """Room is made for a due key by what nobody needs; never both, never the one used last."""
    if expected is None:
        assert retiring(world, None) is None
        return
    found = bare(judge(world))

    if expected is STOPPED:
        assert not isinstance(found, Leave)
    else:
        assert expected == found


@pytest.mark.parametrize(
    ("facts", "gate"),
    [
        pytest.param({"hold": a_hold()}, Reason.HOLD, id="held"),
        pytest.param({"enforced": False}, Reason.OBSERVE, id="observed"),
        pytest.param({"agreed": "b differs"}, Reason.AGREED, id="replicas that do not agree"),
        pytest.param({"freezes": (a_freeze(-DAY, DAY),)}, Reason.CLOSED, id="in a freeze"),
    ],
)
def test_a_policy_lets_no_key_leave_past_a_gate(facts: dict[str, object], gate: Reason) -> None:
    """The gates of a beginning stand before it, and the plan says which is shut."""
    world = replace(beside(due(), a_key(NEW, 90 * DAY, off=20 * DAY)), **facts)  # type: ignore[arg-type] # facts of a case
    action = judge(world)

    assert isinstance(action, Shut)
    assert (gate, a_leave(NEW)) == (action.reason, replace(action.behind, message=""))


def test_what_is_said_of_it() -> None:
    """The sentence has the figures."""
    world = beside(a_key(age=90 * DAY, last_use=used(50 * DAY)), retire=frozenset({"only"}))

    assert judge(world).message == (
        f"{OLD} was not used for 45 d (used 50 d ago in s3, eu-north-1): the policy retires it,"
        " the user's only key too"
    )


def test_candidates_need_no_reading() -> None:
    """Places are read where a key may go, and only there."""
    world = beside(due(), a_key(NEW, 90 * DAY, off=20 * DAY))

    assert [key.key_id for key in candidates(world, world.keys[1])] == [NEW]
    assert candidates(replace(world, policy=None), world.keys[1]) == []


def test_an_inactive_key_that_will_make_room_is_waited_for() -> None:
    """Nobody is asked for what comes by itself: the sentence has the day."""
    world = beside(due(), a_key(NEW, 90 * DAY, off=13 * DAY))

    assert bare(judge(world)) == Wait(Reason.RECOVERY, "", NOW + DAY)
    assert f"{OLD} is due, and {NEW} takes the other slot" in judge(world).message


def test_readers_of_a_dead_key_are_told_though_nobody_is_due() -> None:
    """The user has no Active key, and a place serves one that was switched off."""
    world = a_case(a_key(age=30 * DAY, off=DAY), places=(a_place(),))
    only = replace(world, policy=policy(retire=frozenset({"only"})))

    assert judge(world).reason is Reason.SINK_SERVES_DEAD
    assert judge(only).reason is Reason.NO_KEY
