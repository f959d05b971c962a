"""Leaving: a key goes by a title, past one guard, after its clocks, and rests before it dies."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.judgement import leaving
from rotator.judgement.judge import judge
from rotator.judgement.leaving import (
    heir_is_dead,
    is_waived,
    may_go,
    patient,
    rested,
    stays,
    title_of,
)
from rotator.model import (
    Absent,
    Case,
    Deactivate,
    Delete,
    Empty,
    KeyStatus,
    NeverUsed,
    Reason,
    Serves,
    Stranger,
    Title,
    Unreadable,
    Wait,
    WrittenAt,
)
from tests.judgement.worlds import (
    DAY,
    GRAIN,
    HOUR,
    LAG,
    MINUTE,
    NEVER,
    NEW,
    NOW,
    OLD,
    OTHER,
    POLICY,
    SECOND,
    SETTLE,
    UNKNOWN,
    a_case,
    a_key,
    a_place,
    a_rotation,
    ago,
    an_orphan,
    an_undelivered,
    bare,
    delivered,
    got,
    grace,
    issued,
    new_key,
    off_key,
    old_key,
    policy,
    recovering,
    recovery,
    used,
    write_only,
)
from tests.judgement.worlds import leaving as a_leaving

if TYPE_CHECKING:
    from rotator.model import AccessKey, Action

SOON = NOW + SETTLE


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


ORPHAN_LEFT = a_leaving(Title.ORPHAN)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(grace(), True, id="titled, read by nobody, its heir in every place"),
        pytest.param(recovery(), True, id="and so when it is to be deleted"),
        pytest.param(an_orphan(), True, id="an orphan needs no heir"),
        pytest.param(an_undelivered(), True, id="an undelivered key needs no heir"),
        pytest.param(
            an_undelivered(rotation=a_leaving(Title.COMPROMISED)),
            False,
            id="a title that is not in the table harms nothing",
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
def test_a_word_waives_p1_where_the_title_lets_it(
    monkeypatch: pytest.MonkeyPatch, now: bool, expected: bool
) -> None:
    """A title that a person gives can be given with the consumers' harm accepted."""
    monkeypatch.setitem(leaving.TITLES, Title.NAMED, leaving.Rule(heir=True, waivable=True))
    rotation = a_leaving(Title.NAMED, OLD, now=now)
    world = a_case(old_key(), rotation=rotation, places=(a_place(),))

    assert (expected, expected) == (is_waived(rotation), may_go(world, leaver_of(world)))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            an_undelivered(rotation=a_leaving(Title.COMPROMISED)),
            Wait(Reason.HEIR, f"{NEW} stays: no known title says that it may go", SOON),
            id="an unknown title",
        ),
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
def test_stays(world: Case, expected: Wait) -> None:
    """Why a key stays is said with its figures: the heir first, then the places."""
    assert expected == stays(world, leaver_of(world))


GRACE, QUIET = POLICY.grace_period, POLICY.quiet_period + LAG


def before_grace(span: timedelta, **facts: object) -> Case:
    """Delivered so long ago; the predecessor is quiet and the successor in use."""
    made = {"rotation": delivered(span), "places": (got(after=span),)}
    return grace(old_key(), a_key(NEW, span, last_use=used(NOTHING)), **{**made, **facts})


NOTHING = timedelta(0)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(before_grace(GRACE), None, id="grace is over to the second"),
        pytest.param(
            before_grace(GRACE - SECOND), Wait(Reason.GRACE, "", NOW + SECOND), id="a second early"
        ),
        pytest.param(
            grace(places=(got(), got("b", after=2 * DAY))),
            Wait(Reason.GRACE, "", ago(2 * DAY) + GRACE),
            id="grace starts with the last place's delivery",
        ),
        pytest.param(
            grace(places=(got(), got("b", after=20 * DAY, owner="AIDAOTHER", delivered_at=NOW))),
            None,
            id="another user's place does not count",
        ),
        pytest.param(
            grace(rotation=delivered(blocked_at=ago(2 * DAY))),
            Wait(Reason.GRACE, "", ago(2 * DAY) + GRACE),
            id="a hold that a sweep met starts grace anew",
        ),
        pytest.param(
            grace(old_key(status_since=ago(3 * DAY)), new_key()),
            Wait(Reason.GRACE, "", ago(3 * DAY) + GRACE),
            id="a reactivation starts grace anew",
        ),
        pytest.param(
            grace(old_key(last_use=UNKNOWN), new_key()),
            Wait(Reason.LAST_USE_UNKNOWN, "", SOON),
            id="unknown is never quiet",
        ),
        pytest.param(
            before_grace(DAY, keys=(old_key(last_use=UNKNOWN), a_key(NEW, DAY))),
            Wait(Reason.GRACE, "", ago(DAY) + GRACE),
            id="grace is told before an unknown use",
        ),
        pytest.param(
            grace(old_key(last_use=used(QUIET)), new_key()), None, id="quiet to the second"
        ),
        pytest.param(
            grace(old_key(last_use=used(QUIET - SECOND)), new_key()),
            Wait(Reason.NOT_QUIET, "", NOW + SECOND),
            id="used a second too late",
        ),
        pytest.param(
            grace(old_key(last_use=NEVER), new_key()), None, id="never used counts from creation"
        ),
        pytest.param(
            grace(a_key(age=QUIET - SECOND), a_key(NEW, QUIET - HOUR), rotation=delivered(GRACE)),
            Wait(Reason.NOT_QUIET, "", NOW + SECOND),
            id="never used, and too young to be quiet",
        ),
        pytest.param(
            grace(rotation=delivered(blocked_at=ago(GRACE + HOUR))),
            Wait(Reason.NOT_QUIET, "", ago(GRACE + HOUR) + QUIET),
            id="a hold starts quiet anew",
        ),
        pytest.param(
            grace(old_key(status_since=ago(GRACE + HOUR)), new_key()),
            Wait(Reason.NOT_QUIET, "", ago(GRACE + HOUR) + QUIET),
            id="a change of status starts quiet anew",
        ),
        pytest.param(
            grace(signing_keys=frozenset({OLD})),
            Wait(Reason.NOT_QUIET, "", NOW + POLICY.quiet_period),
            id="a key with which we sign is in use now",
        ),
        pytest.param(
            grace(old_key(), new_key(last_use=NEVER)),
            Wait(Reason.NOT_USED_YET, ""),
            id="nobody uses the successor",
        ),
        pytest.param(
            grace(old_key(), new_key(last_use=used(20 * DAY - GRAIN))),
            Wait(Reason.NOT_USED_YET, ""),
            id="a use within the grain of our proof may be our proof",
        ),
        pytest.param(
            grace(old_key(), new_key(last_use=used(20 * DAY - GRAIN - SECOND))),
            None,
            id="a use later than that is somebody's",
        ),
        pytest.param(
            grace(rotation=delivered(own_use_at=ago(HOUR))),
            Wait(Reason.NOT_USED_YET, ""),
            id="our last proof counts, not the first",
        ),
        pytest.param(
            grace(old_key(), new_key(last_use=used(HOUR)), rotation=delivered(own_use_at=None)),
            None,
            id="without a proof on record uses count from creation",
        ),
        pytest.param(
            grace(old_key(), new_key(last_use=UNKNOWN)),
            Wait(Reason.LAST_USE_UNKNOWN, "", SOON),
            id="whether the successor is used is not known",
        ),
        pytest.param(
            grace(old_key(), new_key(last_use=NEVER), signing_keys=frozenset({NEW})),
            None,
            id="we sign with the successor: that is a use",
        ),
        pytest.param(
            grace(old_key(last_use=used(45 * DAY)), new_key(last_use=NEVER)),
            None,
            id="first use is not asked where the predecessor was not used for `unused_after`",
        ),
        pytest.param(
            grace(old_key(last_use=used(45 * DAY - SECOND)), new_key(last_use=NEVER)),
            Wait(Reason.NOT_USED_YET, ""),
            id="but was used a second later than that",
        ),
        pytest.param(
            grace(old_key(last_use=NEVER), new_key(last_use=NEVER)),
            None,
            id="nor where it was never used in a longer life",
        ),
        pytest.param(
            grace(old_key(), new_key(last_use=NEVER), policy=policy(require_first_use=False)),
            None,
            id="the policy does not ask for first use",
        ),
        pytest.param(an_undelivered(), None, id="an undelivered key waits for nothing"),
        pytest.param(
            an_undelivered(a_key(NEW, 3 * DAY, last_use=UNKNOWN)),
            Wait(Reason.LAST_USE_UNKNOWN, "", SOON),
            id="but is not switched off while its use is not known",
        ),
        pytest.param(
            an_orphan(a_key(NEW, 3 * DAY, last_use=UNKNOWN), rotation=a_leaving(Title.ORPHAN)),
            Wait(Reason.LAST_USE_UNKNOWN, "", SOON),
            id="nor is an orphan",
        ),
    ],
)
def test_patient(world: Case, expected: Wait | None) -> None:
    """A predecessor waits for grace, quiet and first use, in this order; doubt is no answer."""
    assert expected == bare(patient(world, leaver_of(world)))


def rests(off: timedelta, **facts: object) -> Case:
    """In recovery for so long; `facts` of the rotation."""
    keys = (off_key(off=off), a_key(NEW, 40 * DAY, last_use=used(HOUR)))
    return recovery(*keys, rotation=recovering(off, **facts))


RECOVERY = POLICY.recovery_period


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(rests(RECOVERY), None, id="rested to the second"),
        pytest.param(
            rests(RECOVERY - SECOND), Wait(Reason.RECOVERY, "", NOW + SECOND), id="a second early"
        ),
        pytest.param(
            rests(20 * DAY, promised_at=NOW + DAY),
            Wait(Reason.RECOVERY, "", NOW + DAY),
            id="the date that people were told is kept",
        ),
        pytest.param(
            rests(20 * DAY, promised_at=ago(DAY), now=True), None, id="a promise that is past"
        ),
        pytest.param(
            rests(20 * DAY, promised_at=None), None, id="rested though nothing was promised"
        ),
        pytest.param(
            rests(20 * DAY, deactivated_at=ago(DAY), promised_at=None),
            Wait(Reason.RECOVERY, "", ago(DAY) + RECOVERY),
            id="counted from the later of what was seen and what was recorded",
        ),
        pytest.param(
            rests(20 * DAY, deactivated_at=None, promised_at=None),
            None,
            id="counted from what was seen where nothing is on record",
        ),
        pytest.param(
            recovery(off_key(off=DAY), new_key(), rotation=recovering(20 * DAY)),
            Wait(Reason.RECOVERY, "", ago(DAY) + RECOVERY),
            id="a change of status starts recovery anew",
        ),
        pytest.param(
            rests(20 * DAY, blocked_at=ago(DAY)),
            Wait(Reason.RECOVERY, "", ago(DAY) + RECOVERY),
            id="a hold that a sweep met starts recovery anew",
        ),
        pytest.param(
            rests(20 * DAY, blocked_at=ago(30 * DAY)), None, id="an older hold changes nothing"
        ),
        pytest.param(
            recovery(off_key(last_use=UNKNOWN), new_key()),
            Wait(Reason.LAST_USE_UNKNOWN, "", SOON),
            id="no deletion while the last use is not known",
        ),
        pytest.param(
            recovery(off_key(off=DAY, last_use=UNKNOWN), new_key(), rotation=recovering(DAY)),
            Wait(Reason.RECOVERY, "", ago(DAY) + RECOVERY),
            id="recovery is told before an unknown use",
        ),
        pytest.param(
            recovery(off_key(last_use=used(15 * DAY - SETTLE)), new_key()),
            None,
            id="a use within `settle` of the switch is of before",
        ),
        pytest.param(
            recovery(off_key(last_use=used(10 * DAY)), new_key()),
            Wait(Reason.RECOVERY, "", ago(10 * DAY) + RECOVERY),
            id="a use after that starts its rest anew",
        ),
        pytest.param(
            an_orphan(a_key(NEW, 3 * DAY, off=24 * LAG)), None, id="an orphan rests for a day"
        ),
        pytest.param(
            an_orphan(
                a_key(NEW, 3 * DAY, off=24 * LAG - SECOND),
                rotation=a_leaving(Title.ORPHAN, deactivated_at=ago(24 * LAG)),
            ),
            Wait(Reason.ORPHAN_AGE, "", NOW + SECOND),
            id="an orphan a second early",
        ),
        pytest.param(
            an_undelivered(
                a_key(NEW, 3 * DAY, off=MINUTE),
                rotation=a_leaving(Title.UNDELIVERED, deactivated_at=ago(MINUTE)),
            ),
            None,
            id="an undelivered key rests not at all",
        ),
        pytest.param(
            an_undelivered(
                a_key(NEW, 3 * DAY, off=DAY, last_use=used(HOUR)),
                rotation=a_leaving(Title.UNDELIVERED, deactivated_at=ago(DAY)),
                policy=None,
            ),
            Wait(Reason.RECOVERY, "", ago(HOUR) + 24 * LAG),
            id="unless somebody used it after it was switched off",
        ),
    ],
)
def test_rested(world: Case, expected: Wait | None) -> None:
    """A key is deleted after it was known Inactive for as long as its title says, unused."""
    assert expected == bare(rested(world, leaver_of(world)))


def test_a_word_ends_a_promise_where_the_title_lets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--now` does not wait for the date that people were told; nothing else may pass it."""
    monkeypatch.setitem(leaving.TITLES, Title.NAMED, leaving.Rule(waivable=True))
    rotation = a_leaving(Title.NAMED, OLD, deactivated_at=ago(DAY), promised_at=NOW + DAY)
    worlds = [a_case(off_key(), rotation=replace(rotation, now=now)) for now in (True, False)]

    assert [None, Wait(Reason.RECOVERY, "", NOW + DAY)] == [
        bare(rested(world, leaver_of(world))) for world in worlds
    ]


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


EVIDENCE = {OLD: used(30 * DAY), NEW: used(HOUR)}


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            grace(),
            Deactivate(Reason.GRACE_OVER, "", key_id=OLD, evidence=EVIDENCE),
            id="the predecessor is switched off, with what is known of all keys",
        ),
        pytest.param(
            grace(old_key(status=KeyStatus.EXPIRED), new_key()),
            Deactivate(Reason.GRACE_OVER, "", key_id=OLD, evidence=EVIDENCE),
            id="an Expired one is switched off like an Active one, and never deleted as it is",
        ),
        pytest.param(
            recovery(), Delete(Reason.RECOVERY_OVER, "", key_id=OLD), id="and deleted when rested"
        ),
        pytest.param(
            an_undelivered(),
            Deactivate(
                Reason.UNDELIVERED, "", key_id=NEW, evidence={OLD: used(HOUR), NEW: NeverUsed()}
            ),
            id="an undelivered key at once",
        ),
        pytest.param(
            an_orphan(a_key(NEW, 3 * DAY), rotation=a_leaving(Title.ORPHAN)),
            Deactivate(Reason.ORPHAN, "", key_id=NEW, evidence={OLD: used(HOUR), NEW: NeverUsed()}),
            id="an orphan at once",
        ),
        pytest.param(
            an_orphan(), Delete(Reason.RECOVERY_OVER, "", key_id=NEW), id="an orphan when rested"
        ),
        pytest.param(
            grace(places=(a_place(delivered_at=ago(20 * DAY)),)),
            Wait(Reason.SINK, "", SOON),
            id="a key that a place serves stays",
        ),
    ],
)
def test_leaving_step_by_step(world: Case, expected: Action) -> None:
    """Switched off, rested, deleted: each behind the same guard."""
    assert expected == bare(judge(world))


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
