"""Delivering: from the answer of CreateAccessKey to the last place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.judgement.delivering import deliver, is_owed, lost_secret
from rotator.judgement.judge import judge
from rotator.model import (
    Close,
    Deliver,
    Empty,
    Kind,
    Name,
    Outcome,
    Place,
    PlaceReached,
    Reason,
    Record,
    Serves,
    Step,
    Stop,
    Stranger,
    Title,
    Unreadable,
    Wait,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    MINUTE,
    NEW,
    NOW,
    OLD,
    SETTLE,
    TIMING,
    a_hold,
    a_key,
    a_place,
    ago,
    an_undelivered,
    bare,
    delivered,
    delivering,
    failed,
    got,
    grace,
    idle,
    issued,
    issuing,
    new_key,
    unread,
    unwritten,
    write_only,
)

if TYPE_CHECKING:
    from rotator.model import Action, Case, PlaceState


KEY = a_key(age=60 * DAY)
NO_EFFECT = Close(Reason.NO_EFFECT, "", outcome=Outcome.NO_EFFECT)
ORPHAN = Name(Reason.ORPHAN, "", key_id=NEW, title=Title.ORPHAN)
SOON = NOW + SETTLE


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(idle(), False, id="nothing is open"),
        pytest.param(issuing(), False, id="nothing was issued"),
        pytest.param(an_undelivered(), False, id="a leaving delivers nothing"),
        pytest.param(delivering(), True, id="issued"),
        pytest.param(delivering(places=(got(),)), True, id="in every place, and not proven"),
        pytest.param(
            delivering(rotation=issued(HOUR, proven_at=ago(HOUR)), places=(got(),)),
            True,
            id="in every place, and not on record as delivered",
        ),
        pytest.param(grace(), False, id="delivered"),
        pytest.param(grace(places=(got(), a_place("b"))), True, id="a new place was named since"),
        pytest.param(
            grace(places=(got(), a_place("b", sink_id=None))),
            False,
            id="what no policy names is not written",
        ),
    ],
)
def test_is_owed(world: Case, expected: bool) -> None:
    """A successor is owed to its places until all that are named have it, and it is on record."""
    assert expected is is_owed(world)


PROVEN = issued(HOUR, own_use_at=ago(HOUR), proven_at=ago(HOUR))
A, B, W = Place("file", "a"), Place("file", "b"), Place("file", "w")


def putting(*places: Place) -> Deliver:
    """The delivery to these places, in this order."""
    return Deliver(Reason.ISSUED, "", places=places)


def waiting(*places: PlaceState, **facts: object) -> Case:
    """A successor that is proven, its secret at hand, with these places."""
    return replace(delivering(), **{"rotation": PROVEN, "places": places, **facts})  # type: ignore[arg-type] # the fields of a case


HALF = got(after=MINUTE)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(idle(), None, id="nothing is owed"),
        pytest.param(delivering(), putting(A), id="proven and put in one step"),
        pytest.param(
            waiting(a_place("b"), a_place("a")), putting(B, A), id="in the policy's order"
        ),
        pytest.param(waiting(HALF, a_place("b")), putting(B), id="to the one that lacks it"),
        pytest.param(
            waiting(unwritten(), a_place()),
            putting(A),
            id="a write-only place waits until a readable one has it",
        ),
        pytest.param(waiting(unwritten(), HALF), putting(W), id="and is written then"),
        pytest.param(
            waiting(unwritten(begun_key=NEW), HALF), putting(W), id="again, if not answered"
        ),
        pytest.param(
            waiting(unwritten(), HALF, a_place("b")),
            putting(B, W),
            id="after what can be read, wherever the policy names it",
        ),
        pytest.param(
            waiting(
                unwritten(),
                replace(HALF, reading=Unreadable("reset")),
                unwritten("x", sink_id=None),
            ),
            Wait(Reason.SINK, "", NOW + TIMING.retry_min),
            id="also where a write-only place is named no more",
        ),
        pytest.param(
            waiting(unwritten(), replace(HALF, reading=Unreadable("reset"))),
            Wait(Reason.SINK, "", NOW + TIMING.retry_min),
            id="not while the readable one cannot be read",
        ),
        pytest.param(
            waiting(unwritten(), replace(HALF, reading=Serves(OLD)), secret_at_hand=True),
            Stop(Reason.SINK_CONFLICT, ""),
            id="nor where that was put back to the old key: a person must say which it is",
        ),
        pytest.param(
            waiting(unwritten(), replace(HALF, reading=None, sink_id=None, claimed=True)),
            Stop(Reason.POLICY_UNCLEAR, ""),
            id="nor where no policy names that any more",
        ),
        pytest.param(
            waiting(unwritten(), HALF, secret_at_hand=False),
            putting(W),
            id="read back from a readable place, the secret is at hand",
        ),
        pytest.param(
            waiting(a_place(), secret_at_hand=False), None, id="the secret is nowhere at hand"
        ),
        pytest.param(
            waiting(a_place(), a_place("b", Serves(NEW), owner="AIDAOTHER"), secret_at_hand=False),
            None,
            id="another user's place is not read back from",
        ),
        pytest.param(
            waiting(a_place(failures=failed(2)), a_place("b")),
            putting(B),
            id="a place that failed keeps no other back",
        ),
        pytest.param(
            waiting(a_place(failures=failed(2, MINUTE))),
            Wait(Reason.SINK, "", NOW + MINUTE),
            id="it is tried again at its own moment",
        ),
        pytest.param(
            waiting(a_place(failures=failed(2, 2 * MINUTE))), putting(A), id="which is then"
        ),
        pytest.param(
            waiting(a_place(failures=failed(3)), a_place("b", failures=failed(1))),
            Wait(Reason.SINK, "", NOW + MINUTE),
            id="of several delays the shortest",
        ),
        pytest.param(
            waiting(a_place(failures=failed(1)), a_place("b", Stranger("no JSON"))),
            Stop(Reason.SINK_CONFLICT, ""),
            id="what a person must do is told before what is waited for",
        ),
        pytest.param(
            waiting(a_place(), a_place("b", Stranger("no JSON"))),
            putting(A),
            id="a place in conflict keeps no other back",
        ),
        pytest.param(
            waiting(a_place(reading=Unreadable("reset"))),
            Wait(Reason.SINK, "", NOW + TIMING.retry_max),
            id="a place that cannot be read is not written",
        ),
        pytest.param(
            delivering(failures={Step.PROVE: failed(1)}),
            Wait(Reason.PROVING, "", NOW + TIMING.retry_min),
            id="a proof that failed is repeated later",
        ),
        pytest.param(
            delivering(failures={Step.PROVE: failed(1, MINUTE)}), putting(A), id="which is then"
        ),
        pytest.param(
            waiting(a_place(), failures={Step.PROVE: failed(1)}),
            putting(A),
            id="what is proven waits for no proof",
        ),
        pytest.param(
            delivering(places=(HALF,)), putting(), id="it is everywhere, and only to be proven"
        ),
        pytest.param(
            delivering(keys=(KEY, a_key(NEW, HOUR, off=MINUTE))),
            Wait(Reason.HEIR, "", ago(MINUTE) + SETTLE),
            id="seen Inactive: it is put nowhere before that is settled",
        ),
        pytest.param(
            delivering(keys=(KEY, a_key(NEW, HOUR, missing_since=NOW))),
            Wait(Reason.HEIR, "", SOON),
            id="not listed: it is put nowhere before that is settled",
        ),
        pytest.param(
            delivering(contradicted=frozenset({NEW})),
            Wait(Reason.HEIR, "", NOW + TIMING.retry_min),
            id="the latest listing contradicts what is believed of it: it is asked again",
        ),
        pytest.param(
            delivering(keys=(KEY, a_key(NEW, HOUR, off=SETTLE))), None, id="dead: it is put nowhere"
        ),
        pytest.param(delivering(keys=(KEY,)), putting(A), id="not listed yet"),
        pytest.param(
            waiting(),
            Wait(Reason.SINK, ""),
            id="no place is known: it is said, and nothing is done for ever",
        ),
        pytest.param(
            waiting(place_problem="no tag team"),
            Stop(Reason.PLACE_NAME, ""),
            id="no place is known because its name cannot be made",
        ),
        pytest.param(waiting(a_place(), hold=a_hold()), putting(A), id="a hold does not stop it"),
    ],
)
def test_deliver(world: Case, expected: Action | None) -> None:
    """Readable places first, each at its own moment; nothing is put that is not known to live."""
    assert expected == bare(deliver(world))


UNDELIVERED = Name(Reason.UNDELIVERED, "", key_id=NEW, title=Title.UNDELIVERED)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(idle(), None, id="nothing is owed"),
        pytest.param(delivering(secret_at_hand=False), UNDELIVERED, id="no place may have it"),
        pytest.param(
            delivering(secret_at_hand=False, places=(a_place(begun_key=NEW),)),
            UNDELIVERED,
            id="a put was begun, and a reading shows that it did nothing",
        ),
        pytest.param(
            delivering(
                secret_at_hand=False, places=(a_place(begun_key=NEW, reading=Unreadable("reset")),)
            ),
            Wait(Reason.SINK, "", SOON),
            id="a put was begun at a place that cannot be read now",
        ),
        pytest.param(
            delivering(secret_at_hand=False, places=(a_place(), unwritten(begun_key=NEW))),
            Wait(Reason.SINK, "", SOON),
            id="a put was begun at a write-only place",
        ),
        pytest.param(
            delivering(secret_at_hand=False, places=(a_place(begun_key=NEW, reading=Empty()),)),
            UNDELIVERED,
            id="the place is still empty",
        ),
        pytest.param(
            delivering(
                secret_at_hand=False, places=(got(reading=Serves(OLD)), a_place("b", Empty()))
            ),
            Stop(Reason.SINK_CONFLICT, ""),
            id="a place got it and was put back: its readers may have it, so it only goes forward",
        ),
        pytest.param(
            delivering(keys=(KEY, a_key(NEW, HOUR, off=SETTLE))),
            UNDELIVERED,
            id="a person switched it off before any place had it",
        ),
        pytest.param(
            delivering(
                secret_at_hand=False,
                places=(a_place(), unread(a_place("b", begun_key=NEW, sink_id=None))),
            ),
            Stop(Reason.POLICY_UNCLEAR, ""),
            id="a put was begun at a place that no policy names any more, and nobody can read",
        ),
        pytest.param(
            delivering(
                secret_at_hand=False,
                places=(
                    unwritten(begun_key=NEW),
                    unread(a_place("b", begun_key=NEW, sink_id=None)),
                ),
            ),
            Stop(Reason.POLICY_UNCLEAR, ""),
            id="nor is that hidden by a place before it that may have it too",
        ),
        pytest.param(
            delivering(secret_at_hand=False, places=(got(reading=Stranger("of another format")),)),
            Stop(Reason.SINK_CONFLICT, ""),
            id="a place got it, and holds something that cannot be parsed now",
        ),
        pytest.param(grace(), None, id="every place has it"),
    ],
)
def test_lost_secret(world: Case, expected: Action | None) -> None:
    """Row 3: a key whose secret died is given up only if no place may have it, or ever had."""
    assert expected == bare(lost_secret(world))


@pytest.mark.parametrize(
    ("dead", "why"),
    [
        pytest.param(False, "lost its secret with the process that issued it", id="lost"),
        pytest.param(True, "is not Active any more", id="dead"),
    ],
)
def test_it_is_said_why_a_key_is_given_up(dead: bool, why: str) -> None:
    """A key that a person switched off is not said to have lost its secret."""
    new = a_key(NEW, HOUR, off=SETTLE if dead else None)
    world = delivering(keys=(KEY, new), secret_at_hand=dead)

    assert judge(world).message == f"{NEW} {why}, and no place has it"


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(delivering(), f"{NEW} is issued: prove it, then put it to file:a", id="both"),
        pytest.param(waiting(a_place()), f"{NEW} is issued: put it to file:a", id="only put"),
        pytest.param(delivering(places=(HALF,)), f"{NEW} is issued: prove it", id="only prove"),
    ],
)
def test_a_delivery_says_what_is_done(world: Case, expected: str) -> None:
    """Only what is done in this step is said to be done."""
    assert expected == judge(world).message


def test_a_put_that_was_taken_over_by_a_crash_is_read_first() -> None:
    """What a reading shows to be there is recorded, and not put again."""
    world = delivering(places=(a_place(begun_key=NEW, reading=Serves(NEW)),), secret_at_hand=False)

    assert bare(judge(world)) == Record(Reason.SEEN, "", PlaceReached(A))


def test_a_first_key_is_closed_when_it_is_delivered() -> None:
    """A first key has no predecessor: with its delivery nothing is left to do."""
    rotation = delivered(HOUR, kind=Kind.FIRST, predecessor=None)
    world = grace(new_key(), rotation=rotation)

    assert bare(judge(world)) == Close(Reason.COMPLETED, "", outcome=Outcome.COMPLETED)


def test_a_first_key_without_any_place_is_not_called_delivered() -> None:
    """Nothing is completed that nobody can read."""
    rotation = replace(PROVEN, kind=Kind.FIRST, predecessor=None)

    assert bare(judge(waiting(rotation=rotation))) == Wait(Reason.SINK, "")


def test_write_only_places_keep_what_we_put_last() -> None:
    """A write-only place with an unanswered put of the successor is written once more, not read."""
    world = waiting(HALF, write_only(delivered_at=None, answered_key=OLD, begun_key=NEW))

    assert bare(deliver(world)) == putting(W)
