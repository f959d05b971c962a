"""`retire KEY`: what a person may name, with whom to stay, and what `--now` takes at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotator.judgement.judge import judge
from rotator.judgement.orders import awaited, ordered
from rotator.model import (
    Close,
    Deactivate,
    Delete,
    Deliver,
    Empty,
    Leave,
    Obey,
    Outcome,
    Place,
    Reason,
    Serves,
    Shut,
    Stop,
    Title,
    Unreadable,
    Unselected,
    Verb,
    Wait,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    MINUTE,
    NEW,
    NOTHING,
    NOW,
    OLD,
    OTHER,
    POLICY,
    a_case,
    a_hold,
    a_key,
    a_place,
    a_signer,
    ago,
    an_order,
    an_orphan,
    bare,
    candidate,
    delivered,
    delivering,
    grace,
    issuing,
    leaving,
    recovery,
    used,
)

if TYPE_CHECKING:
    from rotator.model import Action, Case

IDLE = Wait(Reason.NOT_DUE, "")
REFUSED = Obey(Reason.REFUSED, "", order_id=7, refused=True)
DONE = Obey(Reason.NAMED, "", order_id=7)


def named(key_id: str = NEW, **facts: Any) -> Any:  # noqa: ANN401 - an order, or facts of a case
    """A person wants this key to go."""
    return an_order(Verb.RETIRE, key_id=key_id, reason="two keys", **facts)


def two(**facts: Any) -> Case:  # noqa: ANN401 - facts of a case
    """Two Active keys, none due, no rotation: the place serves the old one."""
    made = {"places": (a_place(),), "orders": (named(),), **facts}
    return a_case(a_key(age=20 * DAY, last_use=used(HOUR)), a_key(NEW, 10 * DAY), **made)


def a_leave(key_id: str = NEW, heir: str | None = OLD, *, now: bool = False) -> Leave:
    """The key gets its title."""
    return Leave(Reason.NAMED, "", key_id=key_id, title=Title.NAMED, heir=heir, now=now, order_id=7)


def off(**facts: Any) -> Case:  # noqa: ANN401 - facts of a case
    """One Active key that the place serves, and an Inactive one."""
    keys = (a_key(age=20 * DAY, last_use=used(HOUR)), a_key(NEW, 30 * DAY, off=DAY))
    return replace(two(**facts), keys=keys)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(two(), a_leave(), id="the other key stays, and a place serves it"),
        pytest.param(
            two(places=(a_place(reading=Empty()),)),
            REFUSED,
            id="no place serves the one that stays",
        ),
        pytest.param(
            two(places=(a_place(reading=Serves(NEW)),)),
            REFUSED,
            id="the place serves the very key that is to go",
        ),
        pytest.param(
            replace(
                two(places=(a_place(), a_place("b", reading=Serves(OTHER)))),
                keys=(*two().keys, a_key(OTHER, 5 * DAY)),
            ),
            REFUSED,
            id="the places serve two others: nobody knows which stays",
        ),
        pytest.param(
            a_case(a_key(NEW, 20 * DAY), places=(a_place(),), orders=(named(),)),
            REFUSED,
            id="the only Active key",
        ),
        pytest.param(
            two(orders=(named(now=True),)), a_leave(heir=None, now=True), id="now: nobody need stay"
        ),
        pytest.param(off(), a_leave(heir=None), id="an Inactive key: nobody need stay"),
        pytest.param(
            off(places=(a_place(reading=Serves(NEW)),)),
            REFUSED,
            id="an Inactive key that a place serves",
        ),
        pytest.param(
            off(orders=(named(now=True),)),
            a_leave(heir=None, now=True),
            id="an Inactive key, now",
        ),
        pytest.param(
            two(selection=Unselected(), policy=None, places=(), orders=(named(now=True),)),
            a_leave(heir=None, now=True),
            id="a user whom no policy selects, now",
        ),
        pytest.param(two(hold=a_hold()), REFUSED, id="held"),
        pytest.param(
            two(agreed="b differs"),
            Shut(Reason.AGREED, "", behind=a_leave()),
            id="replicas that do not agree wait",
        ),
        pytest.param(two(orders=(named(OTHER),)), REFUSED, id="nobody's key"),
        pytest.param(
            two(orders=(named(OTHER),), former=frozenset({OTHER})), DONE, id="deleted already"
        ),
        pytest.param(
            grace(orders=(named(OLD),)),
            a_leave(OLD, heir=NEW),
            id="the predecessor in grace: its successor stays",
        ),
        pytest.param(
            grace(orders=(named(OLD, now=True),)),
            a_leave(OLD, heir=NEW, now=True),
            id="the predecessor in grace, now",
        ),
        pytest.param(grace(orders=(named(NEW),)), REFUSED, id="the successor has its readers"),
        pytest.param(
            recovery(orders=(named(OLD, now=True),)),
            a_leave(OLD, heir=NEW, now=True),
            id="the predecessor in recovery, now",
        ),
        pytest.param(
            issuing(orders=(named(OLD),)), REFUSED, id="a predecessor whose successor is not known"
        ),
        pytest.param(
            issuing(orders=(named(OLD, now=True),)),
            a_leave(OLD, heir=None, now=True),
            id="and now",
        ),
        pytest.param(
            replace(
                issuing(orders=(named(),)),
                keys=(a_key(age=60 * DAY, last_use=used(HOUR)), candidate(last_use=used(MINUTE))),
            ),
            a_leave(),
            id="the unexplained key: the predecessor stays",
        ),
        pytest.param(
            an_orphan(orders=(named(now=True),)),
            a_leave(heir=None, now=True),
            id="an orphan that rests, now",
        ),
        pytest.param(
            a_case(
                a_key(age=20 * DAY, off=HOUR),
                a_key(NEW, 10 * DAY),
                rotation=leaving(Title.COMPROMISED, OLD, deactivated_at=ago(HOUR), order_id=6),
                places=(a_place(),),
                orders=(named(now=True),),
            ),
            replace(a_leave(heir=None, now=True), supersedes=True),
            id="the key that takes the slot of a leaked one, now",
        ),
        pytest.param(
            grace(rotation=delivered(leaver=OLD, title=Title.COMPROMISED), orders=(named(OLD),)),
            REFUSED,
            id="one in the wrong hands leaves already",
        ),
    ],
)
def test_what_a_person_may_name(world: Case, expected: Action) -> None:
    """A key that stays must be known and read by somebody; only `--now` goes without."""
    assert expected == bare(ordered(world) or awaited(world, IDLE))


def leaving_by_name(**facts: Any) -> Case:  # noqa: ANN401 - facts of a rotation
    """The leave that the order began ten days ago; the place serves the key that stays."""
    made = {
        "begun": 10 * DAY,
        "successor": OLD,
        "predecessor": None,
        "titled_at": ago(10 * DAY),
        "order_id": 7,
        **facts,
    }
    place = a_place(delivered_at=ago(10 * DAY), answered_key=OLD)
    return two(rotation=leaving(Title.NAMED, **made), places=(place,))


PROVEN = {"own_use_at": ago(10 * DAY), "proven_at": ago(10 * DAY)}
READY = {**PROVEN, "delivered_at": ago(10 * DAY)}


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            replace(leaving_by_name(), places=(a_place(),)),
            (Reason.SEEN, "record"),
            id="the place is seen to serve the key that stays",
        ),
        pytest.param(
            leaving_by_name(), (Reason.ISSUED, "deliver"), id="the key that stays is proven"
        ),
        pytest.param(
            replace(
                leaving_by_name(**PROVEN),
                places=(*leaving_by_name().places, a_place("b", reading=Empty())),
            ),
            (Reason.ISSUED, "deliver"),
            id="and put to the other places",
        ),
        pytest.param(leaving_by_name(**PROVEN), (Reason.SEEN, "record"), id="it is everywhere"),
        pytest.param(leaving_by_name(**READY), (Reason.NAMED, "record"), id="what was asked is so"),
        pytest.param(
            replace(leaving_by_name(**READY), orders=()),
            (Reason.NAMED, "deactivate"),
            id="grace and quiet are over: it is switched off",
        ),
        pytest.param(
            replace(leaving_by_name(**{**READY, "titled_at": ago(6 * DAY)}), orders=()),
            (Reason.GRACE, "wait"),
            id="grace counts from the order",
        ),
        pytest.param(
            replace(leaving_by_name(), places=(a_place(reading=Empty()),)),
            (Reason.SINK_CONFLICT, "stop"),
            id="no place serves the key that stays any more",
        ),
        pytest.param(
            replace(leaving_by_name(), places=(a_place(reading=Unreadable("reset")),)),
            (Reason.SINK, "wait"),
            id="the place cannot be read",
        ),
        pytest.param(
            replace(
                leaving_by_name(),
                keys=(a_key(age=20 * DAY, off=DAY), a_key(NEW, 10 * DAY)),
                places=(a_place(),),
                orders=(),
            ),
            (Reason.SEEN, "record"),
            id="what a place serves is noted though that key is dead",
        ),
        pytest.param(
            replace(
                leaving_by_name(),
                keys=(a_key(age=20 * DAY, off=DAY), a_key(NEW, 10 * DAY)),
                orders=(),
            ),
            (Reason.SUCCESSOR_GONE, "stop"),
            id="the key that stays is dead",
        ),
    ],
)
def test_the_key_that_stays_is_proven_and_delivered_first(
    world: Case, expected: tuple[Reason, str]
) -> None:
    """What is nobody's of ours is never given up, and the other leaves only after it is ready."""
    action = judge(world)

    assert expected == (action.reason, action.name.value)


def at_once(**facts: Any) -> Case:  # noqa: ANN401 - facts of a rotation
    """The leave that an order with `--now` began a minute ago."""
    made = {"begun": MINUTE, "predecessor": None, "titled_at": ago(MINUTE), "order_id": 7}
    rotation = leaving(Title.NAMED, now=True, **{**made, **facts})
    return two(rotation=rotation, orders=(named(now=True),), places=(a_place(reading=Serves(NEW)),))


def test_now_switches_off_whatever_a_place_serves() -> None:
    """P1 is waived by the word, whatever is known of its use."""
    action = judge(at_once())

    assert isinstance(action, Deactivate)
    assert (action.key_id, action.reason) == (NEW, Reason.NAMED)


def test_now_takes_one_step_and_no_more() -> None:
    """The key that it switched off rests for its time, and the order is done."""
    keys = (a_key(age=20 * DAY, last_use=used(HOUR)), a_key(NEW, 10 * DAY, off=NOTHING))
    world = replace(at_once(deactivated_at=NOW), keys=keys)
    done = judge(world)
    rests = judge(replace(world, orders=()))

    assert bare(done) == DONE
    assert "The same order given again deletes it at once" in done.message
    assert bare(rests) == Wait(Reason.RECOVERY, "", NOW + POLICY.recovery_period)


def test_now_deletes_a_key_that_was_inactive() -> None:
    """Without a rest, and the order is done when it is gone."""
    keys = (a_key(age=20 * DAY, last_use=used(HOUR)), a_key(NEW, 10 * DAY, off=DAY))
    world = replace(at_once(deactivated_at=NOW), keys=keys)

    assert isinstance(judge(world), Delete)


def test_a_second_word_is_needed_to_delete_what_was_just_switched_off() -> None:
    """`--now` said again, an hour later."""
    keys = (a_key(age=20 * DAY, last_use=used(HOUR)), a_key(NEW, 10 * DAY, off=2 * HOUR))
    again = an_order(Verb.RETIRE, 8, key_id=NEW, now=True, reason="gone")
    rotation = replace(at_once().open, titled_at=ago(3 * HOUR), deactivated_at=ago(2 * HOUR))
    world = replace(at_once(), keys=keys, rotation=rotation, orders=(again,))

    assert bare(judge(world)) == replace(a_leave(heir=None, now=True), order_id=8)


def test_an_inactive_key_that_was_named_rests() -> None:
    """Without `--now` it rests from when it was known Inactive, and the order is answered."""
    rotation = leaving(
        Title.NAMED, predecessor=None, begun=MINUTE, titled_at=ago(MINUTE), order_id=7
    )
    world = off(rotation=replace(rotation, deactivated_at=NOW))

    assert judge(world).message == f"{NEW} is Inactive, and is deleted when it has rested"
    assert bare(judge(replace(world, orders=()))) == Wait(
        Reason.RECOVERY, "", NOW + POLICY.recovery_period
    )


def test_a_predecessor_that_was_named_goes_on_being_replaced() -> None:
    """The delivery to the successor is not given up, and the order waits for it."""
    rotation = replace(
        delivering().open, title=Title.NAMED, leaver=OLD, titled_at=ago(MINUTE), order_id=7
    )
    world = delivering(rotation=rotation, orders=(named(OLD),))

    assert isinstance(judge(world), Deliver)


def test_the_unused_stays_when_it_is_used_after_all() -> None:
    """Before it was switched off: the rotation ends, and nobody is held for it."""
    keys = (a_key(age=20 * DAY, last_use=used(HOUR)), a_key(NEW, 90 * DAY, last_use=used(DAY)))
    world = replace(
        a_case(*keys, places=(a_place(),)),
        rotation=leaving(Title.UNUSED, predecessor=None, titled_at=ago(DAY)),
    )

    assert bare(judge(world)) == Close(Reason.SUPERSEDED, "", outcome=Outcome.SUPERSEDED)


def test_a_key_that_we_come_to_sign_with_is_not_unused() -> None:
    """Before it was switched off one of our replicas began to use it: it stays."""
    world = replace(
        a_case(a_key(NEW, 90 * DAY, last_use=used(80 * DAY)), signers=(a_signer(NEW),)),
        rotation=leaving(Title.UNUSED, predecessor=None, titled_at=ago(DAY), now=True),
    )
    action = judge(world)

    expected = (
        f"{NEW} signs rotator's own calls (replica one on web-1, from environment variables): it"
        " is not unused, and stays"
    )
    assert action == Close(Reason.SUPERSEDED, expected, outcome=Outcome.SUPERSEDED)


def test_a_stop_of_the_policy_does_not_keep_what_a_person_named() -> None:
    """No policy selects the user: what was named leaves all the same."""
    world = replace(at_once(), selection=Unselected(), policy=None)

    assert isinstance(judge(world), Deactivate)


def test_a_stop_of_the_policy_keeps_what_the_policy_retires() -> None:
    """No policy selects the user any more: nobody says that its keys may go."""
    world = replace(
        a_case(a_key(NEW, 90 * DAY), selection=Unselected()),
        rotation=leaving(Title.UNUSED, predecessor=None, titled_at=ago(DAY)),
    )
    action = judge(world)

    assert isinstance(action, Stop)
    assert action.reason is Reason.POLICY_UNCLEAR


def test_what_another_users_place_serves_counts_for_nothing() -> None:
    """A key in a place that another user owns is read by nobody of ours."""
    stranger = replace(a_place(), place=Place("file", "x"), owner="AIDAOTHER")

    assert bare(ordered(two(places=(stranger,)))) == REFUSED
