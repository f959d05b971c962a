"""Approvals: which counts for which step, until when, and what nothing waits for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.judgement.approvals import approval_for
from rotator.judgement.approving import approve, newly_open
from rotator.judgement.judge import judge
from rotator.model import (
    Approved,
    Deactivate,
    Delete,
    DoorName,
    Issue,
    Kind,
    Obey,
    Reason,
    Record,
    Shut,
    Title,
    Unselected,
    Verb,
    Wait,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    NEW,
    OLD,
    OTHER,
    SECOND,
    a_freeze,
    a_hold,
    a_key,
    a_rotation,
    ago,
    an_approval,
    an_order,
    an_orphan,
    grace,
    idle,
    new_key,
    off_key,
    old_key,
    policy,
    recovery,
)

if TYPE_CHECKING:
    from rotator.model import AccessKey, Case, Order

ISSUE, OFF, DELETE = DoorName.ISSUE, DoorName.DEACTIVATE, DoorName.DELETE
ASKING = policy(approve=frozenset(DoorName))
DAY_AND_A_BIT = DAY + SECOND


def idle_(**facts: object) -> Case:
    return idle(**{"policy": ASKING, **facts})


def grace_(*keys: AccessKey, **facts: object) -> Case:
    return grace(*keys, **{"policy": ASKING, **facts})


def recovery_(*keys: AccessKey, **facts: object) -> Case:
    return recovery(*keys, **{"policy": ASKING, **facts})


WORLDS = {ISSUE: (idle_, Issue), OFF: (grace_, Deactivate), DELETE: (recovery_, Delete)}


@pytest.mark.parametrize("door", DoorName)
def test_a_door_waits_for_a_person(door: DoorName) -> None:
    """Where the policy asks for it, what is right to do waits for an approval of that very step."""
    world, act = WORLDS[door]
    others = [other for other in DoorName if other is not door]
    kept = judge(world())
    let = judge(world(orders=(an_approval(door),)))
    wrong = [judge(world(orders=(an_approval(other),))) for other in others]

    assert isinstance(kept, Shut)
    assert (kept.reason, type(kept.behind)) == (Reason.APPROVAL, act)
    assert isinstance(let, act)
    assert not any(isinstance(action, act) for action in wrong)


@pytest.mark.parametrize(
    ("world", "order", "counts"),
    [
        pytest.param(grace_(), an_approval(OFF), True, id="of a user, for whichever key leaves"),
        pytest.param(grace_(), an_approval(OFF, key_id=OLD), True, id="of the key that leaves"),
        pytest.param(grace_(), an_approval(OFF, key_id=NEW), False, id="of the other key"),
        pytest.param(idle_(), an_approval(ISSUE, key_id=OLD), True, id="of the key to be replaced"),
        pytest.param(idle_(), an_approval(ISSUE, key_id=OTHER), False, id="of a key that was"),
        pytest.param(grace_(), an_approval(OFF, 21 * DAY), False, id="of an earlier rotation"),
        pytest.param(grace_(), an_approval(OFF, None), False, id="that nobody has accepted"),
        pytest.param(grace_(), an_approval(OFF, DAY - SECOND), True, id="a day less a second old"),
        pytest.param(grace_(), an_approval(OFF, DAY), False, id="a day old: it has lapsed"),
        pytest.param(
            grace_(),
            an_approval(OFF, 9 * DAY, open_since=ago(HOUR)),
            True,
            id="old, whose door was shut by something else until an hour ago",
        ),
        pytest.param(
            grace_(),
            an_approval(OFF, 9 * DAY, open_since=None),
            True,
            id="old, whose door was shut by something else all the time",
        ),
    ],
)
def test_which_approval_counts(world: Case, order: Order, counts: bool) -> None:
    """It is for one door and one key, of this rotation, and for a day once nothing else is shut."""
    assert order.action is not None
    found = approval_for(replace(world, orders=(order,)), order.action)

    assert (order if counts else None) == found


def given(action: DoorName | None, **facts: object) -> Order:
    return an_order(Verb.APPROVE, 8, **{"action": action, **facts})


ACCEPTED = (
    pytest.param(
        grace_(), given(OFF), True, f"deactivate of {OLD} is approved by kim until", id="now"
    ),
    pytest.param(
        grace_(), given(DELETE), True, f"delete of {OLD} is approved", id="before its turn"
    ),
    pytest.param(idle_(), given(ISSUE), True, f"issue of {OLD} is approved", id="a beginning"),
    pytest.param(
        idle_(keys=(), policy=replace(ASKING, provision=True)),
        given(ISSUE),
        True,
        "issue is approved",
        id="a first key",
    ),
    pytest.param(
        grace_(hold=a_hold(), freezes=(a_freeze(-DAY, DAY),)),
        given(OFF, key_id=OLD),
        False,
        "until 1 d after the other gates before it are open (shut now: hold and closed)",
        id="while other gates are shut",
    ),
)


@pytest.mark.parametrize(("world", "order", "is_open", "sentence"), ACCEPTED)
def test_what_may_be_approved(world: Case, order: Order, is_open: bool, sentence: str) -> None:
    """An approval counts from its acceptance; its day runs once nothing else is shut."""
    action = judge(replace(world, orders=(order,)))

    assert isinstance(action, Record)
    assert action.fact == Approved(8, is_open=is_open)
    assert sentence in action.message


REFUSED = (
    pytest.param(idle_(), given(None), "it does not say what is approved", id="of nothing"),
    pytest.param(idle_(), given(OFF), "no key of this user is on its way out", id="nothing open"),
    pytest.param(grace_(), given(ISSUE), "a rotation is open", id="issue with a rotation open"),
    pytest.param(
        idle_(selection=Unselected()), given(ISSUE), "no policy, or more than one", id="no policy"
    ),
    pytest.param(
        idle(),
        given(ISSUE),
        "policy ci asks for no approval of issue; `rotator rotate prod/deploy` begins at once",
        id="issue is not asked about",
    ),
    pytest.param(
        grace(), given(OFF), "policy ci asks for no approval of deactivate", id="nor is deactivate"
    ),
    pytest.param(
        grace(policy=None, selection=Unselected()),
        given(OFF),
        "no policy asks for any approval",
        id="without a policy",
    ),
    pytest.param(
        idle_(enforced=False),
        given(ISSUE),
        "only observes this user, so that nothing waits for approval",
        id="observed",
    ),
    pytest.param(
        idle_(), given(ISSUE, key_id=OTHER), f"{OTHER} is no key of this user", id="not its key"
    ),
    pytest.param(
        idle_(former=frozenset({OTHER})),
        given(ISSUE, key_id=OTHER),
        f"{OTHER} is no key of this user: it was deleted",
        id="a deleted key",
    ),
    pytest.param(
        idle_(keys=(a_key(age=60 * DAY), a_key(NEW, DAY, off=HOUR))),
        given(ISSUE, key_id=NEW),
        f"{NEW} is not what the next rotation replaces, but {OLD}",
        id="not the key to be replaced",
    ),
    pytest.param(
        idle_(keys=(a_key(NEW, DAY, off=HOUR),)),
        given(ISSUE, key_id=NEW),
        "but none of its keys",
        id="no key is Active",
    ),
    pytest.param(
        grace_(),
        given(OFF, key_id=NEW),
        f"{NEW} is not the key that leaves, but {OLD}",
        id="the heir",
    ),
    pytest.param(
        grace_(), given(OFF, key_id=OTHER), f"{OTHER} is no key of this user", id="a stranger"
    ),
    pytest.param(
        an_orphan(policy=ASKING),
        given(DELETE),
        f"{NEW} leaves as orphan, which waits for no approval",
        id="an orphan",
    ),
    pytest.param(
        recovery_(),
        given(OFF),
        f"{OLD} is Inactive already; its deletion is `--action delete`",
        id="switched off already",
    ),
    pytest.param(
        idle_(rotation=a_rotation(predecessor=None, kind=Kind.FIRST)),
        given(DELETE),
        "no key of this user is on its way out",
        id="a first key",
    ),
)


@pytest.mark.parametrize(("world", "order", "sentence"), REFUSED)
def test_what_nothing_waits_for_is_refused(world: Case, order: Order, sentence: str) -> None:
    """Where there is nothing to approve a sentence says what is, or what to do instead."""
    action = approve(replace(world, orders=(order,)), order)

    assert isinstance(action, Obey)
    assert (action.refused, action.order_id) == (True, 8)
    assert sentence in action.message


@pytest.mark.parametrize(
    ("first", "sentence"),
    [
        pytest.param(
            an_approval(OFF, order_id=7),
            "kim approved deactivate 2026-03-04 11:00 UTC already",
            id="open",
        ),
        pytest.param(
            an_approval(OFF, order_id=7, open_since=None), "already, and it counts: one", id="shut"
        ),
    ],
)
def test_one_approval_is_enough(first: Order, sentence: str) -> None:
    """Of two people who approve one step the second is refused: it would open the next step too."""
    action = judge(grace_(orders=(first, given(OFF))))

    assert isinstance(action, Obey)
    assert (action.refused, action.order_id) == (True, 8)
    assert sentence in action.message


def test_a_second_one_after_the_first_lapsed() -> None:
    """What has lapsed is ended first, and stands in nobody's way."""
    case = grace_(orders=(an_approval(OFF, 2 * DAY, order_id=7), given(OFF)))

    assert approve(case, case.orders[1]) is not None
    assert isinstance(approve(case, case.orders[1]), Record)


@pytest.mark.parametrize(
    ("world", "order", "sentence"),
    [
        pytest.param(
            grace_(),
            an_approval(OFF, DAY_AND_A_BIT),
            "kim's approval of deactivate lapsed 2026-03-04 11:59:59 UTC",
            id="a day after its door was open but for it",
        ),
        pytest.param(
            idle_(), an_approval(OFF, HOUR), "the rotation is over", id="with its rotation"
        ),
        pytest.param(
            grace_(),
            an_approval(DELETE, 30 * DAY, open_since=None),
            "the rotation is over",
            id="another one is open",
        ),
    ],
)
def test_it_ends_unspent(world: Case, order: Order, sentence: str) -> None:
    """An approval is no blank cheque: it lapses, and dies with the rotation it was given for."""
    action = judge(replace(world, orders=(order,)))

    assert isinstance(action, Obey)
    assert (action.withdrawn, action.refused) == (True, False)
    assert sentence in action.message


def test_an_approval_of_issue_outlives_a_rotation_without_effect() -> None:
    """It is for the next beginning, and a request that was rejected was none."""
    case = idle_(orders=(an_approval(ISSUE, HOUR, used_at=ago(HOUR)),))

    assert isinstance(judge(case), Issue)


@pytest.mark.parametrize(
    ("world", "order", "is_news"),
    [
        pytest.param(grace_(), an_approval(OFF, open_since=None), True, id="nothing else is shut"),
        pytest.param(grace_(), an_approval(OFF), False, id="known already"),
        pytest.param(grace_(hold=a_hold()), an_approval(OFF, open_since=None), False, id="held"),
        pytest.param(
            grace_(old_key(last_use=new_key().last_use), new_key()),
            an_approval(OFF, open_since=None),
            True,
            id="a wait is no gate: the day runs",
        ),
        pytest.param(idle_(), an_approval(ISSUE, open_since=None), True, id="a beginning"),
    ],
)
def test_when_the_day_begins(world: Case, order: Order, is_news: bool) -> None:
    """It runs from when all other gates are first found open, whatever else is waited for."""
    assert (order,) * is_news == newly_open(replace(world, orders=(order,)))


def test_approved_too_early() -> None:
    """An approval lets nobody go before the time: grace, quiet and first use are waited for."""
    quiet_only = grace_(old_key(last_use=new_key().last_use), new_key(), orders=(an_approval(OFF),))
    resting = recovery_(
        off_key(status_since=ago(DAY)),
        new_key(),
        orders=(an_approval(DELETE),),
    )

    assert isinstance(judge(quiet_only), Wait)
    assert isinstance(judge(resting), Wait)


def test_titles_without_the_gate() -> None:
    """A key whose secret nobody has waits for no approval, and neither does a person's rotate."""
    asked = idle_(orders=(an_order(Verb.ROTATE),))

    assert isinstance(judge(an_orphan(policy=ASKING)), Delete)
    assert isinstance(judge(asked), Issue)
    assert an_orphan().open.title is Title.ORPHAN
