"""First contact: what stands in the places that a new key would be put to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.judgement.beginning import contact_of, ready
from rotator.judgement.judge import judge
from rotator.model import (
    Absent,
    Empty,
    Issue,
    Kind,
    Reason,
    Serves,
    Stop,
    Stranger,
    Unreadable,
    Wait,
    WrittenAt,
)
from tests.judgement.worlds import (
    DAY,
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
    ago,
    bare,
    delivering,
    failed,
    idle,
    unread,
    unwritten,
    write_only,
)

if TYPE_CHECKING:
    from rotator.model import Action, Case, PlaceState


AGE = Issue(Reason.AGE, "", kind=Kind.REPLACE, predecessor=OLD)
FIRST = Issue(Reason.FIRST_KEY, "", kind=Kind.FIRST)
LATER = NOW + TIMING.retry_max


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
