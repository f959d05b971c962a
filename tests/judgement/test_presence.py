"""Presence: which key may be read where, clause by clause of the one definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.judgement.presence import has, made_by_us, may_have, our_places, written_by_another
from rotator.model import Absent, Empty, Serves, Stranger, Title, Unreadable, WrittenAt
from tests.judgement.worlds import (
    DAY,
    HOUR,
    MINUTE,
    NEW,
    OLD,
    OTHER,
    SECOND,
    a_case,
    a_key,
    a_place,
    ago,
    an_orphan,
    an_undelivered,
    candidate,
    delivering,
    got,
    grace,
    idle,
    issued,
    issuing,
    leaving,
    old_key,
    unread,
    unwritten,
    write_only,
)

if TYPE_CHECKING:
    from rotator.model import Case, PlaceState

HELD = Unreadable("reset")
ODD = Stranger("no JSON")


def the_world() -> Case:
    """An old key, and a successor that we issued two hours ago."""
    return a_case(old_key(), a_key(NEW, 2 * HOUR), rotation=issued(2 * HOUR))


@pytest.mark.parametrize(
    ("place", "key_id", "expected"),
    [
        pytest.param(a_place(), OLD, True, id="a reading shows it"),
        pytest.param(a_place(), NEW, False, id="a reading shows another"),
        pytest.param(
            a_place(begun_key=NEW), NEW, False, id="a reading decides though a put was begun"
        ),
        pytest.param(
            a_place(reading=Empty(), answered_key=OLD), OLD, False, id="emptied: a reading decides"
        ),
        pytest.param(
            a_place(reading=Absent(), answered_key=OLD), OLD, False, id="removed: a reading decides"
        ),
        pytest.param(a_place(reading=HELD), OLD, True, id="readable, and cannot be read now"),
        pytest.param(a_place(reading=ODD), OLD, True, id="readable, and cannot be parsed"),
        pytest.param(unread(a_place()), OLD, True, id="readable, and was not read"),
        pytest.param(
            a_place(reading=WrittenAt(None)), OLD, True, id="readable, and told only a time"
        ),
        pytest.param(
            a_place(reading=HELD),
            NEW,
            False,
            id="made by us, and no put was begun: not there, though it cannot be read",
        ),
        pytest.param(
            a_place(reading=ODD), NEW, False, id="made by us, and no put was begun: no stranger"
        ),
        pytest.param(
            a_place(reading=HELD, begun_key=NEW),
            NEW,
            True,
            id="made by us, a put was begun, and it cannot be read",
        ),
        pytest.param(unwritten(begun_key=NEW), NEW, True, id="write-only, the last begun"),
        pytest.param(
            write_only(answered_key=NEW, begun_key=OTHER), NEW, True, id="write-only, last answered"
        ),
        pytest.param(write_only(), OLD, False, id="write-only, and we wrote another last"),
        pytest.param(
            write_only(reading=WrittenAt(ago(HOUR))),
            OLD,
            True,
            id="write-only, and somebody else wrote it after our last answered put",
        ),
        pytest.param(
            write_only(reading=HELD), OLD, True, id="write-only, and whether is not known"
        ),
        pytest.param(unread(write_only()), OLD, True, id="write-only, and it was not asked"),
        pytest.param(
            write_only(reading=WrittenAt(None)),
            OLD,
            False,
            id="write-only, and it cannot tell: taken at our own last answered put",
        ),
        pytest.param(
            write_only(written_at=None),
            OLD,
            True,
            id="write-only, and it could not be asked right after our put",
        ),
        pytest.param(
            write_only(reading=Absent()), OLD, False, id="write-only, and what we wrote is gone"
        ),
        pytest.param(unwritten(), OLD, True, id="write-only, never written, and the key is older"),
        pytest.param(
            unwritten(), OTHER, True, id="write-only, never written, and the age is not known"
        ),
        pytest.param(
            unwritten(),
            NEW,
            False,
            id="write-only, never written, and made by us since",
        ),
        pytest.param(
            unwritten(reading=WrittenAt(ago(HOUR))),
            NEW,
            True,
            id="made by us, but the place shows that it was written after that",
        ),
        pytest.param(
            unwritten(reading=WrittenAt(ago(2 * HOUR))),
            NEW,
            True,
            id="made by us, but written in the very second of its creation",
        ),
        pytest.param(
            unwritten(reading=WrittenAt(ago(2 * HOUR + SECOND))),
            NEW,
            False,
            id="made by us, and last written before that",
        ),
        pytest.param(
            write_only(answered_key=OLD, begun_key=OLD, after=HOUR),
            NEW,
            False,
            id="made by us, and written since, but by our own put of another key",
        ),
    ],
)
def test_may_have(place: PlaceState, key_id: str, expected: bool) -> None:
    """A place may have a key unless a reading or the record says no; doubt says yes."""
    assert expected is may_have(place, key_id, the_world())


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        pytest.param(2 * HOUR + SECOND, True, id="older than the open rotation"),
        pytest.param(2 * HOUR, False, id="as old as the open rotation"),
        pytest.param(HOUR, False, id="younger"),
    ],
)
def test_a_place_that_we_never_wrote_may_have_what_is_older(age: object, expected: bool) -> None:
    """Where we never wrote, a key made after the beginning was not put by anybody before."""
    world = a_case(a_key(OTHER, age), rotation=issued(2 * HOUR))  # type: ignore[arg-type] # an age is a span

    assert expected is may_have(unwritten(), OTHER, world)


def test_with_nothing_open_a_write_only_place_may_have_any_key() -> None:
    """There is no beginning that a key could be younger than."""
    assert may_have(unwritten(), OLD, idle())


def test_a_key_of_unknown_age_may_be_where_something_was_written() -> None:
    """What we made and have not listed yet is younger than any time only if that is known."""
    world = a_case(old_key(), rotation=issued(2 * HOUR))

    assert may_have(unwritten(reading=WrittenAt(ago(DAY))), NEW, world)


@pytest.mark.parametrize(
    ("world", "key_id", "expected"),
    [
        pytest.param(idle(), OLD, False, id="with nothing open we made none"),
        pytest.param(delivering(), NEW, True, id="the successor that IAM's answer gave us"),
        pytest.param(
            delivering(rotation=issued(HOUR, issued_at=None)),
            NEW,
            False,
            id="a successor that was there before",
        ),
        pytest.param(delivering(), OLD, False, id="not the predecessor"),
        pytest.param(an_orphan(), NEW, True, id="the orphan"),
        pytest.param(an_undelivered(), NEW, True, id="the undelivered key"),
        pytest.param(an_undelivered(), OLD, False, id="not the key beside it"),
        pytest.param(
            issuing(keys=(a_key(age=60 * DAY), candidate())),
            NEW,
            True,
            id="what appeared since a create without an answer",
        ),
        pytest.param(
            issuing(keys=(a_key(age=60 * DAY), candidate())), OLD, False, id="not what was there"
        ),
        pytest.param(
            issuing(keys=(a_key(age=60 * DAY), candidate(first_seen=2 * HOUR))),
            NEW,
            False,
            id="not what was listed at the beginning",
        ),
        pytest.param(issuing(), NEW, False, id="not a key that nobody listed"),
        pytest.param(
            issuing(
                keys=(a_key(age=60 * DAY), candidate()),
                rotation=leaving(Title.NAMED, OLD, 2 * HOUR),
            ),
            NEW,
            False,
            id="a leaving creates nothing",
        ),
        pytest.param(
            delivering(keys=(a_key(age=60 * DAY), a_key(OTHER, HOUR))),
            OTHER,
            False,
            id="with a successor on record, no other",
        ),
    ],
)
def test_made_by_us(world: Case, key_id: str, expected: bool) -> None:
    """Only the open rotation's own create makes keys, and what it may have made counts as its."""
    assert expected is made_by_us(world, key_id)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param(got(), True, id="delivered, and read to serve it"),
        pytest.param(got(delivered_at=None), False, id="read to serve it, and not yet on record"),
        pytest.param(got(reading=Serves(OLD)), False, id="delivered, and read to serve another"),
        pytest.param(got(reading=HELD), False, id="delivered, and cannot be read"),
        pytest.param(unread(got()), False, id="delivered, and was not read"),
        pytest.param(write_only(), True, id="write-only, and its own put was answered"),
        pytest.param(write_only(answered_key=OLD), False, id="write-only, and another was put"),
        pytest.param(
            write_only(reading=WrittenAt(ago(HOUR))), False, id="write-only, rewritten by somebody"
        ),
        pytest.param(unread(write_only()), False, id="write-only, and was not asked"),
        pytest.param(
            write_only(reading=WrittenAt(None), written_at=None), True, id="write-only, cannot tell"
        ),
        pytest.param(unwritten(begun_key=NEW), False, id="write-only, and its put was only begun"),
    ],
)
def test_has(place: PlaceState, expected: bool) -> None:
    """A place has a key when it was delivered and nothing that was read since says otherwise."""
    assert expected is has(place, NEW)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param(unwritten(reading=WrittenAt(ago(HOUR))), False, id="we never wrote it"),
        pytest.param(write_only(), False, id="it shows the time of our own put"),
        pytest.param(
            write_only(reading=WrittenAt(ago(20 * DAY - MINUTE))), True, id="it shows a later time"
        ),
        pytest.param(
            write_only(reading=WrittenAt(ago(21 * DAY))), True, id="it shows an earlier time"
        ),
        pytest.param(write_only(reading=Empty()), True, id="what we wrote is not there"),
    ],
)
def test_written_by_another(place: PlaceState, expected: bool) -> None:
    """A write-only place was written by another if its time is not that of our answered put."""
    assert expected is written_by_another(place)


def test_a_place_of_another_user_is_none_of_ours() -> None:
    """Only places that belong, or are about to belong, to this user are asked and written."""
    mine, theirs = got(), a_place("b", owner="AIDAOTHER")

    assert (mine,) == our_places(grace(places=(mine, theirs)))
