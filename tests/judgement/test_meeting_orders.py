"""Orders that meet: which of them is obeyed next, and what none of them hides."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotator.judgement.judge import judge
from rotator.model import (
    Deactivate,
    Issue,
    Leave,
    Obey,
    Reactivate,
    Reason,
    Serves,
    Step,
    Title,
    Unreadable,
    Verb,
    Wait,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    NEW,
    NOTHING,
    NOW,
    OLD,
    OTHER,
    POLICY,
    a_case,
    a_key,
    a_place,
    ago,
    an_intent,
    an_order,
    failed,
    leaving,
    off_key,
    policy,
    recovery,
    used,
)

if TYPE_CHECKING:
    from datetime import timedelta

    from rotator.model import Action, Case, Order

UNREAD = a_place(reading=Unreadable("reset"))


def leaked(order_id: int = 8, **facts: Any) -> Order:  # noqa: ANN401 - facts of an order
    """A person says that the old key is in the wrong hands."""
    return an_order(order_id=order_id, key_id=OLD, compromised=True, **facts)


def one(*orders: Order, **facts: Any) -> Case:  # noqa: ANN401 - facts of a case
    """One young key, which the place serves, and what people say of it."""
    made = {"places": (a_place(),), "orders": orders, **facts}
    return a_case(a_key(age=5 * DAY, last_use=used(HOUR)), **made)


@pytest.mark.parametrize(
    "earlier",
    [
        pytest.param(an_order(Verb.DELIVER), id="a delivery that waits"),
        pytest.param(an_order(Verb.ROTATE), id="a rotation that waits"),
        pytest.param(leaked(7), id="the same word without `--contain-first`"),
    ],
)
def test_what_contains_a_leaked_key_goes_before_what_was_said_earlier(earlier: Order) -> None:
    """No sink is asked before the key is dead."""
    action = judge(one(earlier, leaked(contain_first=True), places=(UNREAD,)))

    assert isinstance(action, Leave)
    assert (action.key_id, action.now, action.order_id) == (OLD, True, 8)


def test_of_two_orders_that_wait_the_older_is_told() -> None:
    """Nothing can be done now: what is said is what the first of them waits for."""
    action = judge(one(leaked(7), leaked(8), places=(UNREAD,)))

    assert isinstance(action, Wait)
    assert action.reason is Reason.SINK


def test_an_order_behind_a_shut_gate_hides_no_late_evidence() -> None:
    """The old key is used after all: it is revived, whatever another order waits for."""
    said = an_order(Verb.RETIRE, key_id=OLD)
    world = recovery(
        off_key(last_use=used(HOUR)),
        a_key(NEW, 40 * DAY, last_use=used(HOUR)),
        orders=(said,),
        agreed="others",
    )

    assert isinstance(judge(world), Reactivate)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param((Step.DELIVER,), Leave, id="a put got no answer"),
        pytest.param((Step.PROVE, Step.DELIVER), Leave, id="nor did a proof"),
        pytest.param((Step.ISSUE, Step.DELIVER), Wait, id="a create got no answer"),
    ],
)
def test_containing_waits_for_no_place(steps: tuple[Step, ...], expected: type[Action]) -> None:
    """What a place has is all that is in doubt, and the key dies whatever it has."""
    doubtful = tuple(an_intent(step, MINUTE) for step in steps)

    assert isinstance(judge(one(leaked(contain_first=True), intents=doubtful)), expected)


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        pytest.param(10 * MINUTE, Issue, id="it failed before the key leaked: that counts no more"),
        pytest.param(NOTHING, Wait, id="it failed since: it is tried again later"),
    ],
)
def test_a_leaked_key_waits_for_its_own_failures_alone(
    since: timedelta, expected: type[Action]
) -> None:
    """Retries double for each failure; those of other rotations are not its concern."""
    assert isinstance(judge(one(leaked(given_at=ago(MINUTE)), restart=failed(9, since))), expected)


@pytest.mark.parametrize(
    ("off", "now"),
    [
        pytest.param(2 * HOUR, True, id="it was Inactive when that was said: delete it"),
        pytest.param(MINUTE, False, id="it was Active when that was said: it rests"),
    ],
)
def test_now_means_the_step_after_what_the_key_was(off: timedelta, now: bool) -> None:
    """Somebody may switch it off between the word and the deed, which then is done."""
    said = an_order(Verb.RETIRE, key_id=NEW, now=True)
    keys = (a_key(age=20 * DAY, last_use=used(HOUR)), a_key(NEW, 10 * DAY, off=off))
    action = judge(a_case(*keys, places=(a_place(),), orders=(said,)))

    assert isinstance(action, Leave)
    assert action.now is now


def without_its_heir(*others: str) -> Case:
    """The key that was to stay was deleted a day ago; the place serves what was made since."""
    said = an_order(Verb.RETIRE, 8, key_id=NEW)
    rotation = leaving(
        Title.NAMED, successor=OLD, predecessor=None, titled_at=ago(2 * DAY), order_id=7
    )
    made = [a_key(key_id, DAY) for key_id in others]
    serves = Serves(others[0] if others else OLD)
    place = a_place(reading=serves, delivered_at=ago(2 * DAY), answered_key=OLD)
    return a_case(
        a_key(NEW, 10 * DAY),
        *made,
        rotation=rotation,
        former=frozenset({OLD}),
        places=(place,),
        orders=(said,),
    )


def test_a_key_that_was_to_stay_and_died_is_chosen_anew() -> None:
    """The order said again begins with the key that is there now, and asks it for its proof."""
    action = judge(without_its_heir(OTHER))

    assert isinstance(action, Leave)
    assert (action.heir, action.order_id) == (OTHER, 8)


def test_where_no_key_is_left_to_stay_the_order_is_refused() -> None:
    """It is never answered with the name of a key that is deleted."""
    action = judge(without_its_heir())

    assert isinstance(action, Obey)
    assert (action.refused, "is the only Active key" in action.message) == (True, True)


def resting(title: Title, **facts: Any) -> Case:  # noqa: ANN401 - facts of a policy
    """Switched off three days ago; people were told that it can be revived for eleven more."""
    rotation = leaving(
        title,
        OLD,
        now=True,
        titled_at=ago(3 * DAY),
        deactivated_at=ago(3 * DAY),
        promised_at=NOW + 11 * DAY,
        evidence={OLD: NEVER},
    )
    keys = [a_key(age=90 * DAY, off=3 * DAY)]
    if title is Title.COMPROMISED:
        keys.append(a_key(NEW, 3 * DAY))
    shorter = policy(recovery_period=DAY, **facts)
    return a_case(*keys, rotation=rotation, policy=shorter)


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(resting(Title.UNUSED, retire=("only",)), id="a user's only key, unused"),
        pytest.param(resting(Title.COMPROMISED), id="a key that was contained"),
    ],
)
def test_a_date_that_was_told_is_kept_though_it_rests_by_now(world: Case) -> None:
    """`now` on record says how it was switched off; only a person's `retire --now` ends a rest."""
    action = judge(world)

    assert isinstance(action, Wait)
    assert action.until == NOW + 11 * DAY
    assert POLICY.recovery_period > DAY


def test_the_first_leaked_key_is_dead_before_the_second_takes_its_turn() -> None:
    """The rotation stays with the key that is alive, and its order."""
    second = an_order(order_id=9, key_id=NEW, compromised=True, contain_first=True)
    rotation = leaving(
        Title.COMPROMISED, OLD, now=True, predecessor=None, titled_at=ago(MINUTE), order_id=8
    )
    world = a_case(
        a_key(age=5 * DAY),
        a_key(NEW, DAY),
        rotation=rotation,
        orders=(leaked(contain_first=True), second),
        places=(a_place(reading=Serves(OTHER)),),
    )
    action = judge(world)
    dead = replace(
        world,
        keys=(a_key(age=5 * DAY, off=NOTHING), a_key(NEW, DAY)),
        rotation=replace(rotation, deactivated_at=NOW),
        orders=(second,),
    )
    next_one = judge(dead)

    assert isinstance(action, Deactivate)
    assert action.key_id == OLD
    assert isinstance(next_one, Leave)
    assert next_one.key_id == NEW
