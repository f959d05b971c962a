# ruff: noqa: ANN401 - a builder passes the fields of a noun on to it
"""`deliver`: which key is given to which places, and what is refused with which sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotator.judgement.handing import Refusal, give, why_not_taken
from rotator.judgement.judge import judge
from rotator.model import (
    Absent,
    Deliver,
    Doubt,
    Empty,
    Excluded,
    Obey,
    Place,
    PlaceReached,
    Reactivate,
    Reason,
    Record,
    Serves,
    Step,
    Stop,
    Stranger,
    Title,
    Unreadable,
    Unselected,
    Verb,
    Wait,
    WrittenAt,
)
from tests.judgement.said import told
from tests.judgement.worlds import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    NEW,
    NOW,
    OLD,
    OTHER,
    SECOND,
    a_case,
    a_hold,
    a_key,
    a_place,
    a_rotation,
    ago,
    an_intent,
    an_order,
    delivering,
    failed,
    got,
    grace,
    leaving,
    new_key,
    off_key,
    old_key,
    recovering,
    unread,
    unwritten,
    used,
)

if TYPE_CHECKING:
    from rotator.model import Action, Case, Order, PlaceState

A, B, W = (Place("file", name) for name in ("a", "b", "w"))
SERVED = a_place("a")
EMPTY = a_place("b", Empty(), claimed=False)
STRANGE = a_place("b", Stranger("no JSON"), claimed=False)


def to_deliver(**facts: Any) -> Order:
    return an_order(Verb.DELIVER, **facts)


def idle(*places: PlaceState, **facts: Any) -> Case:
    """A user with one Active key that is not due, and somebody's order to deliver."""
    made = {"orders": (to_deliver(),), "places": places}
    return a_case(a_key(), **{**made, **facts})


def put(*places: Place, key_id: str = OLD) -> tuple[object, ...]:
    return (Deliver, places, key_id)


def summed_up(action: Action) -> tuple[object, ...]:
    """An action without its sentence."""
    match told(action):
        case Deliver(places=places, key_id=key_id):
            return (Deliver, places, key_id)
        case Obey(refused=refused):
            return (Obey, "refused" if refused else "done")
        case _:
            return (type(action), action.reason)


WAITS = (Wait, Reason.SINK)
DONE, REFUSED = (Obey, "done"), (Obey, "refused")


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        pytest.param((SERVED,), DONE, id="the only place has it"),
        pytest.param((SERVED, EMPTY), put(B), id="an empty one is given it"),
        pytest.param((SERVED, a_place("b", Absent())), put(B), id="one that is absent is made"),
        pytest.param(
            (SERVED, a_place("b", Absent(), create=False)), REFUSED, id="or not, if it must not be"
        ),
        pytest.param((SERVED, unwritten()), put(W), id="write-only, and unable to tell"),
        pytest.param(
            (SERVED, unwritten(reading=WrittenAt(ago(DAY)))),
            REFUSED,
            id="write-only, and written by somebody",
        ),
        pytest.param(
            (SERVED, unwritten(reading=WrittenAt(ago(DAY)), begun_key=OLD)),
            put(W),
            id="write-only, and it was we who wrote, without an answer",
        ),
        pytest.param(
            (SERVED, unwritten(answered_key=OLD, begun_key=OLD)), DONE, id="write-only, answered"
        ),
        pytest.param(
            (SERVED, unwritten(answered_key=OLD, begun_key=NEW)),
            put(W),
            id="write-only, another was begun since",
        ),
        pytest.param(
            (
                SERVED,
                unwritten(
                    answered_key=OLD,
                    begun_key=OLD,
                    written_at=ago(DAY),
                    reading=WrittenAt(ago(HOUR)),
                ),
            ),
            put(W),
            id="write-only, written by another since",
        ),
        pytest.param((unwritten(), SERVED, EMPTY), put(B, W), id="readable ones first"),
        pytest.param((SERVED, STRANGE), REFUSED, id="a stranger is left alone"),
        pytest.param(
            (SERVED, replace(STRANGE, answered_key=NEW)), put(B), id="unless the place is ours"
        ),
        pytest.param((SERVED, a_place("b", Serves(OTHER))), REFUSED, id="nobody's key is left"),
        pytest.param(
            (SERVED, replace(EMPTY, owner="AIDABOB")), REFUSED, id="another user's is never written"
        ),
        pytest.param((SERVED, unread(a_place("b"))), WAITS, id="what was not read is waited for"),
        pytest.param(
            (SERVED, a_place("b", Unreadable("locked"))), WAITS, id="as is what cannot be read"
        ),
        pytest.param((SERVED, unread(unwritten())), WAITS, id="also where it is write-only"),
        pytest.param(
            (SERVED, replace(EMPTY, check="not permitted")), WAITS, id="and what is not permitted"
        ),
        pytest.param(
            (SERVED, replace(EMPTY, failures=failed(1, MINUTE / 60))), WAITS, id="and what failed"
        ),
        pytest.param(
            (SERVED, replace(EMPTY, failures=failed(1, DAY))), put(B), id="but not for ever"
        ),
        pytest.param(
            (SERVED, EMPTY, unread(unwritten())), put(B), id="one that waits stops no other"
        ),
        pytest.param((a_place("a", Serves(OTHER)),), REFUSED, id="nobody's key is not given"),
        pytest.param((EMPTY,), REFUSED, id="nothing is served"),
        pytest.param((), REFUSED, id="no sinks"),
        pytest.param((SERVED, a_place("c", Empty(), sink_id=None)), DONE, id="none names it"),
    ],
)
def test_which_places(places: tuple[PlaceState, ...], expected: tuple[object, ...]) -> None:
    """Those that lack the key; nothing is put anywhere as long as one of them is refused."""
    assert expected == summed_up(judge(idle(*places)))


TWO = {
    "keys": (a_key(), a_key(NEW, 10 * DAY)),
    "places": (SERVED, a_place("b", Serves(NEW)), a_place("c", Empty())),
}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({"orders": (to_deliver(sink_id="b"),)}, put(B), id="one place alone"),
        pytest.param({"orders": (to_deliver(sink_id="x"),)}, REFUSED, id="no such sink"),
        pytest.param(
            {"orders": (to_deliver(sink_id="a"),)}, REFUSED, id="what it serves itself is no source"
        ),
        pytest.param(
            {"places": (SERVED, STRANGE), "orders": (to_deliver(take_over=True),)},
            put(B),
            id="a stranger, with a word",
        ),
        pytest.param(
            {
                "places": (SERVED, replace(STRANGE, owner="AIDABOB")),
                "orders": (to_deliver(take_over=True),),
            },
            REFUSED,
            id="another user's, for no word",
        ),
        pytest.param(TWO, REFUSED, id="two keys are served"),
        pytest.param(
            {**TWO, "orders": (to_deliver(sink_id="b"),)}, put(B), id="the other one is meant"
        ),
        pytest.param(
            {**TWO, "keys": (a_key(), a_key(NEW, 20 * DAY, off=15 * DAY))},
            put(*(B, Place("file", "c"))),
            id="one is off",
        ),
        pytest.param({"keys": (off_key(),)}, REFUSED, id="the key is Inactive"),
        pytest.param({"keys": (), "former": frozenset({OLD})}, REFUSED, id="the key is deleted"),
        pytest.param({"keys": (a_key(missing_since=NOW),)}, REFUSED, id="the key is missing"),
        pytest.param({"enforced": False}, put(B), id="observed is no reason"),
        pytest.param({"hold": a_hold()}, put(B), id="held is no reason"),
        pytest.param({"agreed": "another has"}, put(B), id="nor that replicas differ"),
        pytest.param({"selection": Unselected(), "policy": None}, REFUSED, id="no policy"),
        pytest.param({"selection": Excluded("ci", "x"), "policy": None}, REFUSED, id="excluded"),
        pytest.param({"place_problem": "no tag"}, REFUSED, id="a place has no name"),
        pytest.param(
            {"doubts": (Doubt(Reason.CLOCK, "it is wrong"),)}, (Wait, Reason.CLOCK), id="doubt"
        ),
        pytest.param({"listed_at": None}, (Wait, Reason.AWS_UNAVAILABLE), id="nothing is listed"),
        pytest.param(
            {"intents": (an_intent(Step.DELIVER, MINUTE),)}, (Wait, Reason.SETTLING), id="unsettled"
        ),
    ],
)
def test_which_key_of_an_idle_user(facts: dict[str, Any], expected: tuple[object, ...]) -> None:
    """The one Active key that a readable place serves, whatever the policy's mode."""
    made: dict[str, Any] = {"places": (SERVED, EMPTY), "orders": (to_deliver(),)}
    keys = facts.get("keys", (a_key(),))
    rest = {name: value for name, value in facts.items() if name != "keys"}

    assert expected == summed_up(judge(a_case(*keys, **{**made, **rest})))


DRIFTED = got("a", reading=Serves(OTHER))


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param(
            delivering(places=(STRANGE,)), (Stop, Reason.SINK_CONFLICT), id="nobody ordered it"
        ),
        pytest.param(
            delivering(places=(STRANGE,), orders=(to_deliver(take_over=True),)),
            put(B, key_id=NEW),
            id="the successor takes a place over",
        ),
        pytest.param(
            delivering(places=(unwritten(),), orders=(to_deliver(),)),
            WAITS,
            id="no write-only place before a readable one",
        ),
        pytest.param(
            delivering(
                places=(EMPTY,), orders=(to_deliver(),), failures={Step.PROVE: failed(1, MINUTE)}
            ),
            put(B, key_id=NEW),
            id="a proof that failed a while ago",
        ),
        pytest.param(
            delivering(
                places=(EMPTY,),
                orders=(to_deliver(),),
                failures={Step.PROVE: failed(1, MINUTE / 60)},
            ),
            (Wait, Reason.PROVING),
            id="a proof that failed just now",
        ),
        pytest.param(
            delivering(places=(EMPTY,), orders=(to_deliver(),), secret_at_hand=False),
            (Record, Reason.UNDELIVERED),
            id="its secret is lost: the rotation has its own way",
        ),
        pytest.param(
            grace(places=(DRIFTED, got("b"))),
            (Stop, Reason.SINK_CONFLICT),
            id="somebody changed it",
        ),
        pytest.param(
            grace(places=(DRIFTED, got("b")), orders=(to_deliver(),)),
            put(A, key_id=NEW),
            id="and given it again",
        ),
        pytest.param(
            grace(places=(got("a", reading=Serves(OLD)), got("b")), orders=(to_deliver(),)),
            put(A, key_id=NEW),
            id="never the leaver's",
        ),
        pytest.param(
            grace(places=(DRIFTED,), orders=(to_deliver(),)), REFUSED, id="its secret is nowhere"
        ),
        pytest.param(
            grace(places=(DRIFTED, unread(got("b"))), orders=(to_deliver(),)),
            WAITS,
            id="or nobody could look",
        ),
        pytest.param(
            grace(old_key(), new_key(status_since=ago(DAY)), orders=(to_deliver(),)),
            DONE,
            id="every place has it",
        ),
        pytest.param(
            grace(old_key(), a_key(NEW, 20 * DAY, off=MINUTE), orders=(to_deliver(),)),
            (type(None), None),
            id="the successor may be dead",
        ),
        pytest.param(
            grace(old_key(), a_key(NEW, 20 * DAY, off=15 * DAY), orders=(to_deliver(),)),
            REFUSED,
            id="the successor is dead",
        ),
        pytest.param(
            a_case(
                a_key(age=60 * DAY),
                rotation=a_rotation(2 * HOUR),
                places=(SERVED,),
                intents=(an_intent(Step.ISSUE, 2 * HOUR),),
                orders=(to_deliver(),),
            ),
            (type(None), None),
            id="the successor is being made",
        ),
        pytest.param(
            a_case(
                a_key(),
                a_key(NEW, 20 * DAY, off=15 * DAY),
                rotation=leaving(
                    Title.ORPHAN, deactivated_at=ago(2 * DAY), evidence={NEW: NEVER, OLD: NEVER}
                ),
                places=(SERVED, EMPTY),
                orders=(to_deliver(),),
            ),
            put(B),
            id="an orphan leaves: what is served is given",
        ),
        pytest.param(
            a_case(
                a_key(),
                rotation=leaving(Title.UNDELIVERED, OLD),
                places=(SERVED, EMPTY),
                orders=(to_deliver(),),
            ),
            REFUSED,
            id="what leaves is not given",
        ),
    ],
)
def test_which_key_while_a_rotation_is_open(case: Case, expected: tuple[object, ...]) -> None:
    """Its successor, wherever its secret is; what the rotation does by itself goes first."""
    action = judge(case)

    if expected == (type(None), None):
        assert not isinstance(action, Obey | Deliver)
    elif expected == (Record, Reason.UNDELIVERED):
        assert action.reason is Reason.UNDELIVERED
    else:
        assert expected == summed_up(action)


def test_reviving_goes_first() -> None:
    """A place that serves what we switched off has readers who are down: that is mended before."""
    world = grace(
        off_key(last_use=used(60 * DAY)),
        new_key(),
        rotation=recovering(DAY),
        places=(got("a", reading=Serves(OLD)), got("b")),
        orders=(to_deliver(),),
    )

    assert isinstance(judge(world), Reactivate)


def test_an_answer_that_was_lost_is_observed() -> None:
    """A put that an order had begun is read to have been done, and that is written down."""
    world = a_case(a_key(), places=(a_place("a", begun_key=OLD, answered_key=NEW),))
    same = a_case(a_key(), places=(a_place("a", begun_key=OLD, answered_key=OLD),))

    assert judge(world) == Record(
        Reason.SEEN, f"file:a serves {OLD}", PlaceReached(Place("file", "a"), OLD)
    )
    assert not isinstance(judge(same), Record)


@pytest.mark.parametrize(
    ("case", "sentences"),
    [
        pytest.param(
            idle(SERVED, STRANGE, a_place("c", Serves(OTHER))),
            (
                "file:b holds something else (no JSON); `--take-over` has it overwritten",
                f"file:c serves {OTHER}, which is no key of prod/deploy; `--take-over` has",
                "Nothing was written",
            ),
            id="every place that is refused",
        ),
        pytest.param(
            a_case(*TWO["keys"], places=TWO["places"], orders=(to_deliver(),)),  # type: ignore[arg-type] # a table
            (f"file:a serves {OLD} and file:b serves {NEW}", "`--sink`", "`--from`"),
            id="which place serves which key",
        ),
        pytest.param(
            idle(SERVED, orders=(to_deliver(sink_id="x"),)),
            ("policy ci has no sink 'x'; it has a",),
            id="which sinks there are",
        ),
        pytest.param(
            idle(SERVED, a_place("b", Serves(NEW), answered_key=NEW), former=frozenset({NEW})),
            (f"{OLD} is put to file:b; file:b served {NEW} (no key now) until then",),
            id="what readers lose",
        ),
        pytest.param(
            idle(SERVED, replace(STRANGE, answered_key=NEW)),
            ("file:b held something else until then (no JSON)",),
            id="what was overwritten",
        ),
        pytest.param(
            idle(SERVED, hold=a_hold()), ("nothing was rotated; the user stays held",), id="held"
        ),
    ],
)
def test_sentences(case: Case, sentences: tuple[str, ...]) -> None:
    """The figures of the case stand in what people are told."""
    message = judge(case).message

    assert [sentence for sentence in sentences if sentence not in message] == []


@pytest.mark.parametrize(
    ("case", "key_id", "sentence"),
    [
        pytest.param(idle(EMPTY), OLD, None, id="an Active key"),
        pytest.param(idle(EMPTY), OTHER, None, id="of one that is not listed STS says more"),
        pytest.param(idle(EMPTY), "ASIA" + OLD[4:], "temporary key", id="a session's"),
        pytest.param(
            a_case(off_key(), places=(EMPTY,)), OLD, "is Inactive, so nobody", id="Inactive"
        ),
        pytest.param(
            a_case(former=frozenset({OLD}), places=(EMPTY,)), OLD, "was deleted", id="deleted"
        ),
        pytest.param(
            a_case(a_key(missing_since=NOW), places=(EMPTY,)), OLD, "was deleted", id="missing"
        ),
        pytest.param(
            idle(EMPTY, doubts=(Doubt(Reason.CLOCK, "the clock is wrong"),)),
            OLD,
            "the clock is wrong. Nothing was written",
            id="in doubt",
        ),
        pytest.param(
            idle(EMPTY, intents=(an_intent(Step.DELIVER, MINUTE),)),
            OLD,
            "at the earliest",
            id="unsettled",
        ),
        pytest.param(
            grace(
                off_key(last_use=used(60 * DAY)),
                new_key(),
                rotation=recovering(DAY),
                places=(got("a", reading=Serves(OLD)), got("b")),
                intents=(an_intent(Step.DELIVER, MINUTE),),
            ),
            NEW,
            "something else is done for prod/deploy first",
            id="what mends goes first",
        ),
        pytest.param(grace(), NEW, None, id="the successor"),
        pytest.param(grace(), OLD, f"{OLD} is leaving", id="the leaver"),
        pytest.param(
            grace(old_key(), new_key(), a_key(OTHER)),
            OTHER,
            f"its places are to have {NEW}",
            id="a third",
        ),
        pytest.param(
            a_case(a_key(), rotation=replace(a_rotation(HOUR), predecessor=None)),
            OLD,
            "that makes a new key",
            id="a first key is being made",
        ),
        pytest.param(
            a_case(
                a_key(),
                a_key(NEW, 20 * DAY, off=15 * DAY),
                rotation=leaving(Title.ORPHAN),
                places=(EMPTY,),
            ),
            OLD,
            None,
            id="while an orphan leaves",
        ),
    ],
)
def test_what_is_brought(case: Case, key_id: str, sentence: str | None) -> None:
    """A key that a person brings is refused where it could do harm, each with its sentence."""
    refusal = why_not_taken(case, key_id)

    assert (refusal is None) == (sentence is None)
    assert refusal is None or sentence is None or sentence in refusal.sentence


def test_twice_is_once() -> None:
    """Where every place has the key there is nothing to give."""
    case = idle(SERVED)

    assert give(case, OLD, sink_id=None, take_over=False) is None
    assert give(case, OLD, sink_id="a", take_over=True) is None


def test_of_several_that_wait_the_soonest_is_told() -> None:
    """Wherever it stands."""
    later = a_place("b", Empty(), answered_key=OLD, failures=failed(5, SECOND))
    sooner = a_place("c", Empty(), answered_key=OLD, failures=failed(1, SECOND))
    waits = give(idle(places=(SERVED, later, sooner)), OLD, sink_id=None, take_over=False)

    assert isinstance(waits, Wait)
    assert "file:c failed 1 time(s)" in waits.message


def test_a_write_only_place_waits_for_a_readable_one_that_serves_that_very_key() -> None:
    readable = a_place(reading=Serves(OTHER))
    case = a_case(a_key(), a_key(OTHER, DAY), places=(readable, unwritten()))
    waits = give(case, OLD, sink_id="w", take_over=False)

    assert isinstance(waits, Wait)
    assert "is write-only: a readable place gets the key first" in waits.message


def test_every_place_that_is_refused_is_told() -> None:
    strange = [a_place(name, Stranger("it is not JSON")) for name in "ab"]
    refused = give(idle(places=strange), OLD, sink_id=None, take_over=False)

    assert isinstance(refused, Refusal)
    assert refused.sentence == (
        "file:a holds something else (it is not JSON); `--take-over` has it overwritten; file:b"
        " holds something else (it is not JSON); `--take-over` has it overwritten."
        " Nothing was written"
    )
