"""May go: the only guard before the only two calls that harm, and what it says when it says no."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotator.judgement.leaving import (
    heir_is_dead,
    is_waived,
    may_go,
    stays,
    title_of,
)
from rotator.judgement.stops import place_stop
from rotator.model import (
    Absent,
    Case,
    Empty,
    KeyStatus,
    Reason,
    Serves,
    Stop,
    Stranger,
    Title,
    Unreadable,
    Wait,
    WrittenAt,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    MINUTE,
    NEW,
    NOW,
    OLD,
    OTHER,
    SECOND,
    SETTLE,
    a_case,
    a_key,
    a_place,
    a_rotation,
    a_signer,
    ago,
    an_orphan,
    an_undelivered,
    delivered,
    got,
    grace,
    issued,
    new_key,
    old_key,
    recovery,
    used,
    write_only,
)
from tests.judgement.worlds import leaving as a_leaving

if TYPE_CHECKING:
    from rotator.model import AccessKey


SOON = NOW + SETTLE
LEAKED: dict[str, Any] = {"leaver": OLD, "title": Title.COMPROMISED, "titled_at": ago(DAY)}
STAYS: dict[str, Any] = {
    "successor": NEW,
    "proven_at": ago(DAY),
    "own_use_at": ago(DAY),
    "delivered_at": ago(DAY),
    "titled_at": ago(DAY),
}


def leaver_of(case: Case) -> AccessKey:
    """The key that leaves in this world."""
    key = case.key(case.open.leaving)
    assert key is not None
    return key


@pytest.mark.parametrize(
    ("world", "key_id", "expected"),
    [
        pytest.param(a_case(a_key()), OLD, None, id="with nothing open no key has a title"),
        pytest.param(grace(), OLD, Title.PREDECESSOR, id="the predecessor, from the beginning"),
        pytest.param(grace(), NEW, None, id="the successor has none"),
        pytest.param(grace(), OTHER, None, id="a key that the rotation does not know has none"),
        pytest.param(an_orphan(), NEW, Title.ORPHAN, id="the orphan"),
        pytest.param(an_orphan(), OLD, None, id="a predecessor is safe while an orphan leaves"),
        pytest.param(an_undelivered(), NEW, Title.UNDELIVERED, id="the undelivered key"),
        pytest.param(
            an_orphan(rotation=a_leaving(Title.ORPHAN, leaver=None)),
            OLD,
            None,
            id="a title without its key is nobody's, above all not the predecessor's",
        ),
    ],
)
def test_title_of(world: Case, key_id: str, expected: Title | None) -> None:
    """A title is on record for one very key, and for no other."""
    assert expected == title_of(world, a_key(key_id))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(grace(), True, id="titled, read by nobody, its heir in every place"),
        pytest.param(recovery(), True, id="and so when it is to be deleted"),
        pytest.param(an_orphan(), True, id="an orphan needs no heir"),
        pytest.param(an_undelivered(), True, id="an undelivered key needs no heir"),
        pytest.param(
            grace(signers=(a_signer(OLD),)), False, id="a live replica of ours signs with it"
        ),
        pytest.param(
            recovery(signers=(a_signer(OLD, moves=True),)),
            False,
            id="nor is it deleted where one signs with it",
        ),
        pytest.param(
            an_undelivered(signers=(a_signer(NEW),)), False, id="no title is enough for that"
        ),
        pytest.param(
            grace(signers=(a_signer(NEW), a_signer(OTHER))), True, id="ours sign with other keys"
        ),
        pytest.param(
            grace(old_key(last_use=used(HOUR)), new_key(), rotation=delivered(**LEAKED)),
            True,
            id="compromised: its heir stands in",
        ),
        pytest.param(
            grace(rotation=issued(**LEAKED), places=(a_place(),)),
            False,
            id="compromised: its heir is nowhere yet",
        ),
        pytest.param(
            a_case(old_key(), rotation=a_leaving(Title.COMPROMISED, OLD), places=(a_place(),)),
            False,
            id="compromised, without an heir: a place serves it",
        ),
        pytest.param(
            a_case(
                old_key(),
                new_key(),
                rotation=a_leaving(Title.COMPROMISED, OLD),
                places=(a_place(reading=Serves(NEW)),),
            ),
            True,
            id="compromised, without an heir: no place may have it",
        ),
        pytest.param(
            a_case(old_key(), rotation=a_rotation(**LEAKED), places=()),
            False,
            id="compromised: a successor is owed, and not known yet",
        ),
        pytest.param(
            grace(rotation=a_leaving(Title.NAMED, OLD, **STAYS)),
            True,
            id="named: the key that stays is proven and everywhere",
        ),
        pytest.param(
            grace(rotation=a_leaving(Title.NAMED, OLD, successor=NEW)),
            False,
            id="named: the key that stays is not proven",
        ),
        pytest.param(
            a_case(old_key(off=DAY), rotation=a_leaving(Title.NAMED, OLD)),
            True,
            id="named when it was Inactive: nobody need stay",
        ),
        pytest.param(
            a_case(old_key(), rotation=a_leaving(Title.UNUSED, OLD), places=(a_place(),)),
            False,
            id="unused: a place serves it",
        ),
        pytest.param(
            a_case(old_key(), rotation=a_leaving(Title.UNUSED, OLD)),
            True,
            id="unused: no place may have it, and nobody need stay",
        ),
        pytest.param(
            grace(rotation=delivered(kind="first", predecessor=None, leaver=None)),
            False,
            id="no title at all",
        ),
        pytest.param(
            grace(places=(got(), a_place("b", delivered_at=ago(DAY)))),
            False,
            id="a place serves the leaver again",
        ),
        pytest.param(
            grace(places=(got(reading=Unreadable("reset")),)),
            False,
            id="a place cannot be read",
        ),
        pytest.param(grace(places=(got(reading=Empty()),)), False, id="a place was emptied"),
        pytest.param(grace(places=(got(reading=Absent()),)), False, id="a place was removed"),
        pytest.param(
            grace(places=(got(), a_place("b", Empty()))), False, id="a place never got the heir"
        ),
        pytest.param(
            grace(places=(got(), a_place("b", Empty(), owner="AIDAOTHER"))),
            True,
            id="another user's place says nothing about this user",
        ),
        pytest.param(grace(places=()), False, id="no place is known at all"),
        pytest.param(
            grace(places=(got(), a_place("b", Serves(OTHER), sink_id=None))),
            False,
            id="a place that no policy names has not got the heir",
        ),
        pytest.param(grace(old_key(), new_key(off=DAY)), False, id="the heir is Inactive"),
        pytest.param(
            grace(old_key(), new_key(status=KeyStatus.EXPIRED)), False, id="the heir is Expired"
        ),
        pytest.param(
            grace(old_key(), new_key(missing_since=NOW)), False, id="the heir is not listed"
        ),
        pytest.param(
            grace(contradicted=frozenset({NEW})),
            False,
            id="the latest listing does not show the heir as Active, and may be stale",
        ),
        pytest.param(
            grace(contradicted=frozenset({OLD})),
            True,
            id="what the latest listing says of another key does not matter",
        ),
        pytest.param(
            grace(place_problem="no tag team"), False, id="a place whose name cannot be made"
        ),
        pytest.param(grace(old_key()), False, id="the heir is not known"),
        pytest.param(grace(rotation=delivered(proven_at=None)), False, id="the heir is not proven"),
        pytest.param(
            grace(places=(got(), write_only())), True, id="a write-only place that we wrote last"
        ),
        pytest.param(
            grace(places=(got(), write_only(reading=WrittenAt(ago(DAY))))),
            False,
            id="a write-only place that somebody else wrote since",
        ),
        pytest.param(
            an_undelivered(places=(a_place(), write_only(begun_key=NEW, answered_key=None))),
            False,
            id="an undelivered key whose put was begun at a write-only place",
        ),
        pytest.param(
            an_orphan(places=(a_place(reading=Serves(NEW)),)),
            False,
            id="an orphan that a place is read to serve",
        ),
        pytest.param(
            grace(rotation=delivered(now=True), places=(a_place(),)),
            False,
            id="no person's word waives P1 for a predecessor",
        ),
        pytest.param(
            an_orphan(
                rotation=a_leaving(Title.ORPHAN, now=True), places=(a_place(reading=Serves(NEW)),)
            ),
            False,
            id="a word for one key does not waive it for the orphan that came of it",
        ),
    ],
)
def test_may_go(world: Case, expected: bool) -> None:
    """The only guard before the only calls that harm: a title, no reader, and an heir."""
    key = world.key(world.open.leaving) or a_key(OTHER)

    assert expected is may_go(world, key)


def test_may_go_without_a_rotation() -> None:
    """With nothing open nothing may go."""
    assert not may_go(a_case(a_key()), a_key())


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(True, True, id="waived by a person's word"),
        pytest.param(False, False, id="not waived"),
    ],
)
def test_a_word_waives_p1_where_the_title_lets_it(now: bool, expected: bool) -> None:
    """A title that a person gives can be given with the consumers' harm accepted."""
    rotation = a_leaving(Title.NAMED, OLD, now=now)
    world = a_case(old_key(), rotation=rotation, places=(a_place(),))

    assert (expected, expected) == (is_waived(rotation), may_go(world, leaver_of(world)))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            grace(old_key(), new_key(off=MINUTE), places=(a_place(),)),
            Wait(
                Reason.HEIR,
                f"{OLD} stays: its successor {NEW} is not listed as Active and proven",
                SOON,
            ),
            id="the heir is told before the places",
        ),
        pytest.param(
            grace(old_key()),
            Wait(
                Reason.HEIR,
                f"{OLD} stays: its successor {NEW} is not listed as Active and proven",
                SOON,
            ),
            id="no heir is known",
        ),
        pytest.param(
            grace(contradicted=frozenset({NEW})),
            Wait(
                Reason.HEIR,
                f"{OLD} stays: its successor {NEW} is not listed as Active and proven",
                SOON,
            ),
            id="a listing that may be stale does not show the heir as Active",
        ),
        pytest.param(
            grace(place_problem="the place of sink b needs the tag team"),
            Wait(Reason.SINK, f"{OLD} stays: the place of sink b needs the tag team", SOON),
            id="a place has no name",
        ),
        pytest.param(
            grace(rotation=delivered(proven_at=None)),
            Wait(
                Reason.HEIR,
                f"{OLD} stays: its successor {NEW} is not listed as Active and proven",
                SOON,
            ),
            id="the heir is not proven",
        ),
        pytest.param(
            grace(places=(got(reading=Unreadable("reset")),)),
            Wait(
                Reason.SINK,
                f"{OLD} stays: file:a could not be read (reset), so it may still serve that key",
                SOON,
            ),
            id="a place could not be read",
        ),
        pytest.param(
            grace(places=(replace(got(), reading=None),)),
            Wait(
                Reason.SINK,
                f"{OLD} stays: file:a was not read, so it may still serve that key",
                SOON,
            ),
            id="a place was not read",
        ),
        pytest.param(
            grace(places=(got(), a_place("b", delivered_at=ago(DAY)))),
            Wait(Reason.SINK, f"{OLD} stays: file:b may still serve that key", SOON),
            id="a place serves it",
        ),
        pytest.param(
            an_orphan(places=(a_place(reading=Serves(NEW)),)),
            Wait(Reason.SINK, f"{NEW} stays: file:a may still serve that key", SOON),
            id="a place serves the orphan",
        ),
        pytest.param(
            grace(places=(got(), a_place("b", sink_id=None, reading=Serves(OLD)))),
            place_stop(grace(places=(got(), a_place("b", sink_id=None, reading=Serves(OLD))))),
            id="a place that no policy names any more serves it: only a person can say",
        ),
        pytest.param(
            grace(
                places=(
                    got(reading=Unreadable("reset")),
                    a_place("b", sink_id=None, reading=Serves(OLD)),
                )
            ),
            Wait(
                Reason.SINK,
                f"{OLD} stays: file:a could not be read (reset), so it may still serve that key",
                SOON,
            ),
            id="one that is named is told before one that is not",
        ),
        pytest.param(
            grace(places=(got(), a_place("b", Empty()), a_place("c", Empty()))),
            Wait(Reason.SINK, f"{OLD} stays: {NEW} is not in file:b and file:c", SOON),
            id="places never got the heir",
        ),
        pytest.param(
            grace(places=()),
            Wait(Reason.SINK, f"{OLD} stays: {NEW} is in no place that is known", SOON),
            id="no place is known",
        ),
    ],
)
def test_stays(world: Case, expected: Wait | Stop | None) -> None:
    """Why a key stays is said with its figures: the heir first, then the places."""
    assert expected is not None
    assert expected == stays(world, leaver_of(world))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(grace(), False, id="Active"),
        pytest.param(grace(old_key()), False, id="not known, and not known to be deleted"),
        pytest.param(grace(old_key(), former=frozenset({NEW})), True, id="known to be deleted"),
        pytest.param(grace(old_key(), new_key(off=SETTLE)), True, id="Inactive twice"),
        pytest.param(grace(old_key(), new_key(off=SETTLE - SECOND)), False, id="Inactive once"),
        pytest.param(
            grace(old_key(), new_key(missing_since=ago(SETTLE))), True, id="missing twice"
        ),
        pytest.param(grace(old_key(), new_key(missing_since=NOW)), False, id="missing once"),
        pytest.param(
            grace(old_key(), new_key(off=DAY), listed_at=None), False, id="nothing was listed"
        ),
    ],
)
def test_heir_is_dead(world: Case, expected: bool) -> None:
    """An heir is dead when two complete listings, `settle` apart, show it gone or not Active."""
    assert expected is heir_is_dead(world)


def test_a_predecessor_without_a_proof_on_record_is_waited_for() -> None:
    """The facts of the rotation are asked, not only what is listed."""
    world = grace(rotation=issued(20 * DAY))

    assert not may_go(world, old_key())


def test_an_open_rotation_that_nothing_was_issued_for_harms_nothing() -> None:
    """A predecessor has its title from the beginning, and is safe until its heir serves."""
    world = a_case(old_key(), rotation=a_rotation(), places=(a_place(),))

    assert not may_go(world, old_key())


def test_a_stranger_in_a_place_keeps_every_key() -> None:
    """What we cannot parse may hold any key."""
    world = grace(places=(got(reading=Stranger("no JSON")),))

    assert not may_go(world, old_key())
