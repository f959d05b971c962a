"""`--compromised`: what the order says where it can do nothing, and what it waits for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotator.judgement.judge import judge
from rotator.judgement.leaked import others_turn
from rotator.judgement.orders import awaited, ordered
from rotator.model import (
    Deactivate,
    Empty,
    Issue,
    Leave,
    Name,
    Reason,
    Serves,
    Stranger,
    Title,
    Unreadable,
    Unselected,
    Verb,
    Wait,
)
from tests.judgement.said import told
from tests.judgement.worlds import (
    DAY,
    HOUR,
    MINUTE,
    NEW,
    NOW,
    OLD,
    OTHER,
    SETTLE,
    TIMING,
    a_case,
    a_key,
    a_place,
    a_signer,
    ago,
    an_order,
    bare,
    candidate,
    delivered,
    failed,
    grace,
    issued,
    issuing,
    leaving,
    old_key,
    used,
)

if TYPE_CHECKING:
    from datetime import timedelta

    from rotator.model import Case, Order

LEAKED: dict[str, Any] = {
    "leaver": OLD,
    "title": Title.COMPROMISED,
    "titled_at": ago(MINUTE),
    "order_id": 7,
}


def said(key_id: str | None = OLD, **facts: Any) -> tuple[Any, ...]:  # noqa: ANN401 - facts of an order
    """A person says that a key is in the wrong hands."""
    return (an_order(compromised=True, key_id=key_id, enforce=True, **facts),)


def one(**facts: Any) -> Case:  # noqa: ANN401 - facts of a case
    """One young key, which the place serves."""
    made = {"places": (a_place(),), "orders": said(), **facts}
    return a_case(a_key(age=5 * DAY, last_use=used(HOUR)), **made)


@pytest.mark.parametrize(
    ("world", "part"),
    [
        pytest.param(
            one(selection=Unselected(), policy=None, places=()),
            f"{OLD} is still Active; no policy, or more than one, selects this user, so no"
            f" successor can be delivered. `rotator retire {OLD} --now --reason …`",
            id="no policy selects the user",
        ),
        pytest.param(one(places=()), "the policy names no sink", id="the policy names no sink"),
        pytest.param(
            one(places=(a_place(reading=Stranger("no JSON")),)),
            f"{OLD} is still Active, and no successor is made: file:a holds something else",
            id="the place holds a stranger's value",
        ),
        pytest.param(one(orders=said(OTHER)), f"{OTHER} is no key of", id="nobody's key"),
        pytest.param(
            a_case(places=(a_place(),), orders=said(None)),
            "say which key of prod/deploy leaked: it has none",
            id="no key at all",
        ),
        pytest.param(
            replace(
                one(),
                keys=(*one().keys, a_key(NEW, 90 * DAY, last_use=used(DAY))),
            ),
            f"`rotator retire {NEW} --now --reason …` switches it off; said once more it is"
            " deleted (Active, 90 d old, used 1 d ago in s3, eu-north-1; whoever still uses it"
            " stops)",
            id="the other key takes the slot",
        ),
        pytest.param(
            replace(one(), keys=(*one().keys, a_key(NEW, 90 * DAY, off=DAY))),
            f"`rotator retire {NEW} --now --reason …` deletes it (Inactive, 90 d old, never used;"
            " it cannot be revived any more)",
            id="an Inactive key takes the slot",
        ),
        pytest.param(
            grace(
                old_key(),
                a_key(NEW, HOUR, off=HOUR),
                rotation=issued(HOUR, **LEAKED),
                orders=said(),
            ),
            f"`rotator retire {NEW} --now --reason …` deletes it",
            id="its successor is dead, and takes the slot",
        ),
    ],
)
def test_what_cannot_be_done_is_told_with_what_can(world: Case, part: str) -> None:
    """Nothing is touched, and the sentence says what frees the way and what it costs."""
    action = told(ordered(world))

    assert action is not None
    assert action.reason is Reason.REFUSED
    assert part in action.message


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            one(orders=said(None)), (Reason.COMPROMISED, OLD), id="the only Active key is meant"
        ),
        pytest.param(
            grace(
                old_key(off=HOUR),
                a_key(NEW, 20 * DAY),
                rotation=delivered(**LEAKED),
                orders=said(None),
            ),
            (Reason.COMPROMISED, OLD),
            id="then the one that this order began with is",
        ),
    ],
)
def test_a_user_stands_for_its_key(world: Case, expected: tuple[Reason, str]) -> None:
    """Where one key alone can be meant its id need not be said."""
    action = told(ordered(world))

    assert action is not None
    assert (action.reason, expected[1] in action.message) == (expected[0], True)


def test_an_observed_user_is_touched_only_where_that_is_said() -> None:
    """The policy observes: `--enforce` is part of the word."""
    orders = (an_order(compromised=True, key_id=OLD),)
    action = ordered(one(enforced=False, orders=orders))

    assert action is not None
    assert action.reason is Reason.REFUSED
    assert "say `--enforce` to act" in action.message


GONE: dict[str, Any] = {"former": frozenset({OLD}), "orders": said()}


@pytest.mark.parametrize(
    ("world", "part"),
    [
        pytest.param(
            a_case(a_key(NEW, 20 * DAY), places=(a_place(reading=Serves(NEW)),), **GONE),
            f"{OLD} is deleted. Alive: {NEW} (served by file:a)",
            id="the key that took its place lives, and where",
        ),
        pytest.param(
            a_case(a_key(NEW, 20 * DAY), places=(a_place(),), **GONE),
            f"Alive: {NEW}. ",
            id="a key that no place serves lives",
        ),
        pytest.param(
            a_case(a_key(NEW, 20 * DAY, off=DAY), **GONE),
            "prod/deploy has no Active key now",
            id="nothing lives",
        ),
    ],
)
def test_what_lives_is_told_when_the_key_is_deleted(world: Case, part: str) -> None:
    """And the sessions that outlive it, with the statement that ends them."""
    action = told(ordered(world))

    assert action is not None
    assert part in action.message
    assert "aws:TokenIssueTime" in action.message


def test_the_end_of_its_rotation_is_recorded_before_its_order_is_answered() -> None:
    """A key that is gone while its rotation is open."""
    world = grace(a_key(NEW, 20 * DAY), rotation=delivered(**LEAKED), **GONE)

    assert ordered(world) is None


def test_readers_of_the_other_key_are_counted_as_a_cost() -> None:
    """A place that serves the key that would make room."""
    keys = (*one().keys, a_key(NEW, 90 * DAY, last_use=used(DAY)))
    world = replace(one(), keys=keys, places=(a_place(), a_place("b", reading=Serves(NEW))))
    action = told(ordered(world))

    assert action is not None
    assert "its readers at file:b stop" in action.message


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            grace(
                rotation=issued(HOUR, **LEAKED), places=(a_place(reading=Empty()),), orders=said()
            ),
            None,
            id="its successor is on its way",
        ),
        pytest.param(
            issuing(rotation=replace(issuing().open, **LEAKED), orders=said()),
            None,
            id="its successor is being made",
        ),
        pytest.param(
            a_case(
                a_key(age=5 * DAY),
                a_key(NEW, HOUR),
                rotation=leaving(Title.ORPHAN, order_id=7),
                places=(a_place(),),
                orders=said(),
            ),
            None,
            id="what it began ends first: the orphan leaves",
        ),
        pytest.param(
            one(places=(a_place(reading=Unreadable("reset")),)),
            Wait(Reason.SINK, "", NOW + 12 * SETTLE),
            id="the place cannot be read",
        ),
    ],
)
def test_what_it_waits_for(world: Case, expected: Wait | None) -> None:
    """An order in progress asks for nothing, and one that cannot begin yet says why."""
    action = ordered(world) or awaited(world, Wait(Reason.NOT_DUE, ""))

    assert (expected or Wait(Reason.NOT_DUE, "")) == bare(action)


def test_contained_first_while_an_orphan_leaves() -> None:
    """The key dies first; what becomes of the orphan is a second matter."""
    world = a_case(
        a_key(age=5 * DAY),
        a_key(NEW, HOUR),
        rotation=leaving(Title.ORPHAN, order_id=7),
        places=(a_place(),),
        orders=said(contain_first=True),
    )
    action = told(ordered(world))

    assert isinstance(action, Leave)
    assert (action.key_id, action.now, action.supersedes) == (OLD, True, False)


def test_contain_first_may_be_said_again_while_the_successor_is_on_its_way() -> None:
    """It changes nothing but that the key goes at once."""
    rotation = issued(HOUR, **{**LEAKED, "order_id": 6})
    world = grace(
        rotation=rotation, places=(a_place(),), orders=said(contain_first=True), secret_at_hand=True
    )
    action = told(ordered(world))
    off = judge(replace(world, rotation=replace(rotation, now=True, order_id=7)))

    assert isinstance(action, Leave)
    assert (action.heir, action.supersedes) == (NEW, False)
    assert isinstance(off, Deactivate)


def test_a_lost_answer_is_judged_as_ever() -> None:
    """A key that appeared with the lost answer of a leaked key's replacement is an orphan."""
    world = issuing(
        keys=(a_key(age=60 * DAY, last_use=used(HOUR)), candidate()),
        rotation=replace(issuing().open, **LEAKED),
        orders=said(),
    )

    assert isinstance(judge(world), Name)


def test_a_replacement_passes_every_gate() -> None:
    """Held, frozen, at its limit: a key in the wrong hands waits for nobody's leave."""
    action = ordered(one())

    assert isinstance(action, Issue)
    assert (action.title, action.predecessor) == (Title.COMPROMISED, OLD)


def test_a_key_that_our_own_replica_signs_with_is_kept_for_it() -> None:
    """Without `--contain-first` we do not cut off the hand that finishes the work."""
    world = grace(
        old_key(last_use=used(HOUR)),
        a_key(NEW, 20 * DAY),
        rotation=delivered(**LEAKED),
        signers=(a_signer(OLD),),
    )

    assert bare(judge(world)) == Wait(Reason.NOT_QUIET, "", NOW + SETTLE)


def pair(first: Order, second: Order, *, off: timedelta | None = None, **facts: Any) -> Case:  # noqa: ANN401 - facts of a rotation
    """An order has the open rotation, in which the old key leaves; another follows."""
    made = {"leaver": OLD, "titled_at": ago(DAY), "order_id": first.order_id, **facts}
    return a_case(
        a_key(age=20 * DAY, last_use=used(HOUR), off=off),
        a_key(NEW, 10 * DAY),
        rotation=leaving(**{"title": Title.COMPROMISED, **made}),
        places=(a_place(),),
        orders=(first, second),
    )


FIRST = an_order(compromised=True, key_id=OLD, enforce=True)
ALSO = replace(FIRST, order_id=8, key_id=NEW)
GOES = an_order(Verb.RETIRE, 8, key_id=NEW, reason="two keys")
BY_NAME = an_order(Verb.RETIRE, key_id=OLD, reason="two keys")
IN_TURN = Wait(Reason.SETTLING, "", NOW + TIMING.retry_min)


@pytest.mark.parametrize(
    ("world", "order", "expected"),
    [
        pytest.param(pair(FIRST, ALSO), ALSO, IN_TURN, id="a leaked key dies before the next"),
        pytest.param(pair(FIRST, ALSO, off=HOUR), ALSO, None, id="it is dead: the next one's turn"),
        pytest.param(
            pair(BY_NAME, ALSO, title=Title.NAMED), ALSO, None, id="whoever is named makes way"
        ),
        pytest.param(
            pair(BY_NAME, GOES, title=Title.NAMED),
            GOES,
            IN_TURN,
            id="who is named makes no way for another such",
        ),
        pytest.param(
            pair(FIRST, GOES, off=HOUR), GOES, IN_TURN, id="nor does a leaked key that is dead"
        ),
        pytest.param(pair(FIRST, ALSO), FIRST, None, id="the rotation is its own"),
        pytest.param(
            pair(FIRST, replace(ALSO, key_id=OLD)),
            replace(ALSO, key_id=OLD),
            None,
            id="the very same key",
        ),
    ],
)
def test_orders_on_two_keys_are_obeyed_in_turn(
    world: Case, order: Order, expected: Wait | None
) -> None:
    """An order does not rob another of its rotation but for a key in the wrong hands."""
    assert order.key_id is not None
    assert expected == bare(others_turn(world, order, order.key_id))


def test_what_the_order_waits_for_is_told_instead_of_the_stop_that_it_answers() -> None:
    """Readers are down, and the order that gives them a key is on its way: that is what is told."""
    keys = (a_key(age=5 * DAY, off=HOUR),)
    world = replace(one(restart=failed(3, MINUTE)), keys=keys)

    assert judge(world).reason is Reason.BACKOFF
    assert judge(replace(world, orders=())).reason is Reason.SINK_SERVES_DEAD


@pytest.mark.parametrize("contain_first", [False, True], ids=["not said", "said"])
def test_a_leaked_key_is_switched_off_first_where_that_is_said(contain_first: bool) -> None:
    """P1 is waived by that word alone, and not by "it is in the wrong hands"."""
    order = an_order(key_id=OLD, compromised=True, contain_first=contain_first, reason="in a log")
    world = a_case(
        a_key(), a_key(NEW, HOUR), places=(a_place(reading=Serves(NEW)),), orders=(order,)
    )

    assert bare(ordered(world)) == Leave(
        Reason.COMPROMISED,
        "",
        key_id=OLD,
        title=Title.COMPROMISED,
        heir=None,
        now=contain_first,
        order_id=order.order_id,
    )


@pytest.mark.parametrize("leaked_id", [7, 9], ids=["said first", "said later"])
def test_a_key_that_is_to_go_at_once_goes_before_other_orders(leaked_id: int) -> None:
    """A word that contains a leak waits for no other word about the user."""
    leaked = an_order(order_id=leaked_id, key_id=OLD, compromised=True, contain_first=True)
    world = one(places=(), orders=(an_order(order_id=8), leaked))

    action = ordered(world)

    assert isinstance(action, Leave)
    assert (action.key_id, action.now, action.order_id) == (OLD, True, leaked_id)
