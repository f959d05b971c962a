# ruff: noqa: ANN401 - a builder passes the fields of a noun on to it
"""Orders: what a person said is done as it says, or refused with a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotator.judgement.judge import judge
from rotator.judgement.orders import ordered
from rotator.model import (
    Close,
    Contested,
    Deactivate,
    Delete,
    DoorName,
    Issue,
    Kind,
    Limits,
    Obey,
    Outcome,
    Reactivate,
    Reason,
    Serves,
    Shut,
    Step,
    Stranger,
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
    NOW,
    OLD,
    OTHER,
    TIMING,
    a_case,
    a_freeze,
    a_hold,
    a_key,
    a_place,
    ago,
    an_intent,
    an_order,
    an_orphan,
    bare,
    delivering,
    failed,
    grace,
    idle,
    issued,
    leaving,
    off_key,
    old_key,
    policy,
    recovering,
    recovery,
)

if TYPE_CHECKING:
    from rotator.model import Action, Case

ROTATE = an_order()
REFUSED = Obey(Reason.REFUSED, "", order_id=7, refused=True)
BEGIN = Issue(Reason.REQUESTED, "", kind=Kind.REPLACE, predecessor=OLD, order_id=7)
FIRST = Issue(Reason.REQUESTED, "", kind=Kind.FIRST, order_id=7)


def young(**facts: Any) -> Case:
    """A user whose only key is not due, and whom somebody wants rotated."""
    made = {"places": (a_place(),), "orders": (ROTATE,)}
    return a_case(a_key(), **{**made, **facts})


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(young(), BEGIN, id="a key that is not due is replaced"),
        pytest.param(
            young(orders=(an_order(key_id=OLD, reason="leaver"),)), BEGIN, id="a key told by its id"
        ),
        pytest.param(
            young(orders=(an_order(key_id=OTHER),)), REFUSED, id="a key that is not this user's"
        ),
        pytest.param(
            young(
                keys=(a_key(), a_key(OTHER, missing_since=ago(DAY))),
                orders=(an_order(key_id=OTHER),),
            ),
            REFUSED,
            id="a key that is not listed any more",
        ),
        pytest.param(young(keys=(a_key(), a_key(OTHER))), REFUSED, id="both slots are taken"),
        pytest.param(
            young(keys=(), former=frozenset({OLD})),
            FIRST,
            id="a user without keys gets one, `provision` or not",
        ),
        pytest.param(young(keys=(a_key(off=DAY),)), FIRST, id="and one whose only key is Inactive"),
        pytest.param(young(enforced=False), REFUSED, id="an observed user is not touched"),
        pytest.param(
            young(enforced=False, orders=(an_order(enforce=True),)),
            BEGIN,
            id="unless the order says `--enforce`",
        ),
        pytest.param(young(hold=a_hold()), REFUSED, id="a held user is released first"),
        pytest.param(young(selection=Unselected()), REFUSED, id="no policy selects the user"),
        pytest.param(
            young(selection=Contested(("a", "b"))), REFUSED, id="two policies select the user"
        ),
        pytest.param(young(places=()), REFUSED, id="there is no sink to deliver to"),
        pytest.param(
            young(places=(a_place(reading=Stranger("no JSON")),)),
            REFUSED,
            id="a place would be overwritten",
        ),
        pytest.param(
            young(places=(a_place(owner="AIDAOTHER"),)), REFUSED, id="a place is another user's"
        ),
        pytest.param(
            young(place_problem="no tag team"), REFUSED, id="a place's name cannot be made"
        ),
        pytest.param(
            young(places=(a_place(reading=Unreadable("reset")),)),
            Wait(Reason.SINK, "", NOW + TIMING.retry_max),
            id="a place that cannot be read is waited for",
        ),
        pytest.param(
            young(places=(a_place(reading=Serves(OTHER)),), former=frozenset({OTHER})),
            BEGIN,
            id="a place that serves a dead key is cured by it",
        ),
        pytest.param(
            young(restart=failed()),
            Wait(Reason.BACKOFF, "", NOW + TIMING.retry_min),
            id="after a beginning without effect it is begun again later",
        ),
        pytest.param(
            young(keys=(a_key(), a_key(OTHER, missing_since=NOW))),
            Wait(Reason.SETTLING, "", NOW + TIMING.settle),
            id="a slot that was freed just now may not be free",
        ),
        pytest.param(
            young(
                freezes=(a_freeze(-HOUR, HOUR),),
                policy=policy(limits=Limits(issue=0), approve=frozenset({DoorName.ISSUE})),
            ),
            BEGIN,
            id="it passes closed, limit and approval",
        ),
        pytest.param(
            young(agreed="replica-2 differs"),
            Shut(Reason.AGREED, "", behind=BEGIN),
            id="but not a disagreement of replicas",
        ),
        pytest.param(
            grace(orders=(ROTATE,)), REFUSED, id="a rotation is open: it cannot be begun again"
        ),
        pytest.param(
            young(quarantined_since=ago(DAY)), BEGIN, id="quarantine does not bar a person's order"
        ),
    ],
)
def test_rotate(world: Case, expected: Action) -> None:
    """`rotate` begins now, or says what must be done first."""
    assert expected == bare(judge(world))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            delivering(rotation=issued(HOUR, order_id=7), orders=(ROTATE,)),
            None,
            id="in progress it asks for nothing more",
        ),
        pytest.param(
            an_orphan(rotation=leaving(Title.ORPHAN, order_id=7), orders=(ROTATE,)),
            None,
            id="while its orphan leaves it asks for nothing more",
        ),
        pytest.param(
            delivering(
                rotation=issued(HOUR, order_id=7, delivered_at=ago(MINUTE)), orders=(ROTATE,)
            ),
            Obey(Reason.COMPLETED, "", order_id=7),
            id="delivered: it is done",
        ),
        pytest.param(
            delivering(
                rotation=issued(
                    HOUR, order_id=7, kind=Kind.FIRST, predecessor=None, delivered_at=ago(MINUTE)
                ),
                orders=(ROTATE,),
            ),
            Obey(Reason.COMPLETED, "", order_id=7),
            id="a first key is delivered: it is done",
        ),
        pytest.param(
            delivering(rotation=issued(HOUR, order_id=7), orders=(ROTATE, an_order(Verb.CLOSE, 8))),
            Close(Reason.BY_HAND, "", outcome=Outcome.BY_HAND, order_id=8),
            id="what was said after it is heard meanwhile",
        ),
        pytest.param(idle(), None, id="nobody said anything"),
        pytest.param(
            idle(orders=(an_order(Verb.HOLD),)), REFUSED, id="a verb that is no order on a user"
        ),
    ],
)
def test_an_order_in_progress(world: Case, expected: Action | None) -> None:
    """An order is done when what it asks for is so; until then it is not obeyed again."""
    assert expected == bare(ordered(world))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            recovery(),
            Reactivate(Reason.BY_HAND, "", key_id=OLD, hold=Reason.REACTIVATED, order_id=7),
            id="in recovery the predecessor is revived, and held",
        ),
        pytest.param(
            recovery(hold=a_hold()),
            Reactivate(Reason.BY_HAND, "", key_id=OLD, hold=Reason.REACTIVATED, order_id=7),
            id="a hold does not keep it from being revived",
        ),
        pytest.param(
            grace(), Obey(Reason.BY_HAND, "", order_id=7, hold=Reason.BY_HAND), id="in grace: held"
        ),
        pytest.param(
            delivering(),
            Obey(Reason.BY_HAND, "", order_id=7, hold=Reason.BY_HAND),
            id="before the delivery: held",
        ),
        pytest.param(recovery(a_key(NEW)), REFUSED, id="a deleted key cannot be revived"),
        pytest.param(
            recovery(off_key(missing_since=ago(MINUTE)), a_key(NEW)),
            REFUSED,
            id="nor one that is not listed",
        ),
        pytest.param(idle(), REFUSED, id="nothing is open"),
        pytest.param(
            delivering(rotation=issued(HOUR, kind=Kind.FIRST, predecessor=None)),
            REFUSED,
            id="a first key replaces none",
        ),
        pytest.param(
            an_orphan(),
            REFUSED,
            id="nobody has the secret of an orphan, and nobody can want it back",
        ),
        pytest.param(
            recovery(intents=(an_intent(Step.REACTIVATE),)),
            Wait(Reason.SETTLING, "", NOW + TIMING.settle),
            id="not again while its request is not settled",
        ),
    ],
)
def test_rollback(world: Case, expected: Action) -> None:
    """`rollback` revives the predecessor and holds; it revives nothing else."""
    said = replace(world, orders=(an_order(Verb.ROLLBACK),))

    assert expected == bare(judge(said))


CLOSE = an_order(Verb.CLOSE)


def test_a_leaked_key_is_revived_only_by_a_second_word() -> None:
    """It was said to be in the wrong hands: `--yes` lets it live all the same."""
    leaked = replace(recovering(), leaver=OLD, title=Title.COMPROMISED, titled_at=ago(16 * DAY))
    world = recovery(rotation=leaked)
    once = ordered(replace(world, orders=(an_order(Verb.ROLLBACK),)))
    twice = ordered(replace(world, orders=(an_order(Verb.ROLLBACK, confirmed=True),)))

    assert once is not None
    assert bare(once) == REFUSED
    assert "say `--yes` to let it live" in once.message
    assert isinstance(twice, Reactivate)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            grace(orders=(CLOSE,)),
            Close(Reason.BY_HAND, "", outcome=Outcome.BY_HAND, order_id=7),
            id="an open rotation ends, the keys stay",
        ),
        pytest.param(
            idle(orders=(CLOSE,), places=(a_place(sink_id=None),)),
            Obey(Reason.BY_HAND, "", order_id=7, gives_up_places=True),
            id="with nothing open places that no policy names are given up",
        ),
        pytest.param(idle(orders=(CLOSE,)), REFUSED, id="there is nothing to end"),
        pytest.param(
            grace(orders=(CLOSE,), hold=a_hold()),
            Close(Reason.BY_HAND, "", outcome=Outcome.BY_HAND, order_id=7),
            id="a hold does not bar it",
        ),
        pytest.param(
            grace(old_key(), a_key(NEW, 20 * DAY, off=DAY), orders=(CLOSE,)),
            Close(Reason.BY_HAND, "", outcome=Outcome.BY_HAND, order_id=7),
            id="it is the answer to a successor that is gone",
        ),
    ],
)
def test_close(world: Case, expected: Action) -> None:
    """`close` ends the rotation and leaves the keys as they are."""
    assert expected == bare(judge(world))


def judged(world: Case) -> Issue | Deactivate | Delete:
    """What would be done in this world if all doors were open."""
    action = judge(world)
    assert isinstance(action, Issue | Deactivate | Delete)
    return replace(action, message="")


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            idle(hold=a_hold()),
            Shut(
                Reason.HOLD,
                "",
                behind=Issue(Reason.AGE, "", kind=Kind.REPLACE, predecessor=OLD),
            ),
            id="nothing is begun",
        ),
        pytest.param(
            grace(hold=a_hold(until=NOW + HOUR)),
            Shut(
                Reason.HOLD,
                "",
                behind=judged(grace()),
                until=NOW + HOUR,
            ),
            id="nothing is switched off, and it says until when",
        ),
        pytest.param(
            recovery(hold=a_hold(message="incident 12")),
            Shut(Reason.HOLD, "", behind=judged(recovery())),
            id="nothing is deleted",
        ),
        pytest.param(
            an_orphan(hold=a_hold()),
            Shut(Reason.HOLD, "", behind=judged(an_orphan())),
            id="nor an orphan",
        ),
        pytest.param(
            delivering(hold=a_hold()),
            bare(judge(delivering())),
            id="but a key that is issued reaches its places",
        ),
    ],
)
def test_a_hold(world: Case, expected: Action) -> None:
    """A hold stops beginnings and harm, and never what mends."""
    assert expected == bare(judge(world))


def test_a_sentence_says_who_asked_and_why() -> None:
    """Who reads the journal learns who asked, and with what reason."""
    world = young(orders=(an_order(reason="left the team"),))

    assert judge(world).message == "kim asked for it: left the team"
