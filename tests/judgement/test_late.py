"""Late evidence: what comes to light after a key was switched off, or its heir was delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.judgement import leaving as titles
from rotator.judgement.judge import judge
from rotator.judgement.late import late_evidence
from rotator.model import (
    Close,
    Deactivate,
    Empty,
    Kind,
    NeverUsed,
    Outcome,
    Reactivate,
    Reason,
    Serves,
    Stop,
    Stranger,
    Title,
    Unreadable,
    UseUnknown,
    WrittenAt,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    NEW,
    OLD,
    OTHER,
    SECOND,
    SETTLE,
    UNKNOWN,
    a_case,
    a_key,
    a_place,
    ago,
    an_orphan,
    an_undelivered,
    bare,
    delivered,
    delivering,
    got,
    grace,
    idle,
    issued,
    leaving,
    new_key,
    off_key,
    old_key,
    recovering,
    recovery,
    unread,
    used,
    write_only,
)

if TYPE_CHECKING:
    from rotator.model import Action, Case

AFTER_ALL = Reactivate(Reason.USED_AFTER_ALL, "", key_id=OLD, hold=Reason.USED_AFTER_ALL)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(idle(), None, id="with nothing open nothing can come to light"),
        pytest.param(recovery(), None, id="nothing came to light"),
        pytest.param(
            recovery(off_key(last_use=used(60 * DAY - SECOND)), new_key()),
            AFTER_ALL,
            id="a use came to light, a second later than was known",
        ),
        pytest.param(
            recovery(off_key(), new_key(), rotation=recovering(evidence={OLD: NEVER})),
            AFTER_ALL,
            id="a use came to light where none was known",
        ),
        pytest.param(
            recovery(off_key(last_use=NEVER), new_key()), None, id="IAM has forgotten the use"
        ),
        pytest.param(
            recovery(off_key(last_use=UNKNOWN), new_key()), None, id="not knowing is no evidence"
        ),
        pytest.param(
            recovery(
                off_key(), new_key(), rotation=recovering(evidence={OLD: UseUnknown("denied")})
            ),
            None,
            id="nothing was known that a use could be later than",
        ),
        pytest.param(
            recovery(places=(got(), a_place("b", delivered_at=ago(DAY)))),
            AFTER_ALL,
            id="a place is read to serve it again",
        ),
        pytest.param(
            recovery(places=(got(), a_place("b", owner="AIDAOTHER"))),
            None,
            id="what another user's place serves is none of ours",
        ),
        pytest.param(
            recovery(places=(got(reading=Unreadable("reset")),)),
            None,
            id="a place that cannot be read is no evidence",
        ),
        pytest.param(
            recovery(off_key(last_use=used(HOUR)), new_key(), rotation=recovering(evidence={})),
            None,
            id="a person switched it off: it is not ours to revive",
        ),
        pytest.param(
            recovery(off_key(last_use=used(HOUR)), new_key(), listed_at=None),
            None,
            id="what is not listed now may not be Inactive",
        ),
        pytest.param(
            recovery(off_key(last_use=used(HOUR), missing_since=ago(MINUTE)), new_key()),
            None,
            id="what is gone cannot be revived",
        ),
        pytest.param(recovery(a_key(NEW, DAY)), None, id="nor what was deleted"),
        pytest.param(
            grace(old_key(last_use=used(HOUR)), new_key()), None, id="in grace a use is no news"
        ),
        pytest.param(
            recovery(
                off_key(last_use=used(HOUR)), new_key(), rotation=recovering(title=Title.NAMED)
            ),
            None,
            id="a title that this version does not know",
        ),
        pytest.param(
            an_undelivered(
                a_key(NEW, 3 * DAY, off=DAY, last_use=used(HOUR)),
                rotation=leaving(Title.UNDELIVERED, evidence={NEW: NEVER}, deactivated_at=ago(DAY)),
            ),
            None,
            id="an undelivered key has no readers to revive it for",
        ),
    ],
)
def test_used_after_all(world: Case, expected: Action | None) -> None:
    """In recovery, what we switched off is revived when a later use or a reader is seen; hold."""
    assert expected == bare(late_evidence(world))


GONE = Stop(Reason.SUCCESSOR_GONE, "")


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(grace(old_key(), new_key(off=DAY)), GONE, id="in grace, Inactive: stop"),
        pytest.param(
            grace(old_key(), new_key(missing_since=ago(DAY))), GONE, id="in grace, missing: stop"
        ),
        pytest.param(grace(old_key(), former=frozenset({NEW})), GONE, id="in grace, deleted: stop"),
        pytest.param(
            grace(old_key(), new_key(off=SETTLE - SECOND)), None, id="seen only once: no evidence"
        ),
        pytest.param(
            recovery(off_key(), new_key(off=DAY)),
            Reactivate(Reason.SUCCESSOR_GONE, "", key_id=OLD),
            id="in recovery what we switched off is revived",
        ),
        pytest.param(
            recovery(off_key(), new_key(off=DAY), rotation=recovering(evidence={})),
            GONE,
            id="what a person switched off is left to a person",
        ),
        pytest.param(
            recovery(new_key(off=DAY)), GONE, id="there is nothing left that could be revived"
        ),
        pytest.param(
            delivering(keys=(a_key(age=60 * DAY), a_key(NEW, HOUR, off=SETTLE)), places=(got(),)),
            GONE,
            id="while one place has it already",
        ),
        pytest.param(
            delivering(keys=(a_key(age=60 * DAY), a_key(NEW, HOUR, off=SETTLE))),
            None,
            id="while no place has it, nobody is down",
        ),
        pytest.param(
            delivering(
                keys=(a_key(NEW, HOUR, off=SETTLE),),
                rotation=issued(HOUR, kind=Kind.FIRST, predecessor=None),
                places=(got(), a_place("b")),
            ),
            GONE,
            id="a first key too",
        ),
        pytest.param(
            delivering(
                keys=(a_key(NEW, HOUR),),
                rotation=issued(HOUR, kind=Kind.FIRST, predecessor=None),
                places=(got(), a_place("b")),
            ),
            None,
            id="a first key that lives",
        ),
    ],
)
def test_successor_gone(world: Case, expected: Action | None) -> None:
    """An heir that is gone or Inactive in two listings revives its predecessor, then stops."""
    assert expected == bare(late_evidence(world))


DRIFTED = Stop(Reason.SINK_CONFLICT, "")


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            grace(places=(got(reading=Serves(OTHER)),)), DRIFTED, id="it serves a third key"
        ),
        pytest.param(recovery(places=(got(reading=Serves(OTHER)),)), DRIFTED, id="and in recovery"),
        pytest.param(grace(places=(got(reading=Empty()),)), DRIFTED, id="it was emptied"),
        pytest.param(
            grace(places=(got(reading=Stranger("no JSON")),)), DRIFTED, id="it holds anything else"
        ),
        pytest.param(
            grace(places=(got(reading=Serves(OLD)),)), None, id="put back by hand: waited for"
        ),
        pytest.param(
            grace(places=(got(reading=Unreadable("reset")),)), None, id="it cannot be read"
        ),
        pytest.param(grace(places=(unread(got()),)), None, id="it was not read"),
        pytest.param(
            grace(places=(got(), a_place("b", reading=Serves(OTHER)))),
            None,
            id="a new place that never got it has not drifted",
        ),
        pytest.param(
            grace(places=(got(), write_only(reading=WrittenAt(ago(HOUR))))),
            DRIFTED,
            id="a write-only place was written by somebody since",
        ),
        pytest.param(grace(places=(got(), write_only())), None, id="a write-only place was not"),
        pytest.param(
            grace(places=(got(), write_only(reading=Unreadable("reset")))),
            None,
            id="a write-only place that cannot be asked",
        ),
        pytest.param(
            grace(rotation=issued(20 * DAY, proven_at=ago(DAY)), places=(got(reading=Empty()),)),
            None,
            id="before the delivery is complete it is judged there",
        ),
    ],
)
def test_drift(world: Case, expected: Action | None) -> None:
    """A place that got the successor and is read to serve neither key is never overwritten."""
    assert expected == bare(late_evidence(world))


FOREIGN = Close(Reason.NO_EFFECT, "", outcome=Outcome.NO_EFFECT)
ON = leaving(Title.ORPHAN)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(an_orphan(), None, id="nobody uses it"),
        pytest.param(
            an_orphan(a_key(NEW, 3 * DAY, last_use=used(HOUR)), rotation=ON),
            FOREIGN,
            id="used before it was switched off: it is somebody's, and left alone",
        ),
        pytest.param(
            an_orphan(a_key(NEW, 3 * DAY, off=2 * DAY, last_use=used(HOUR))),
            Reactivate(Reason.USED_AFTER_ALL, "", key_id=NEW),
            id="used, and we switched it off: revived",
        ),
        pytest.param(
            an_orphan(a_key(NEW, 3 * DAY, off=2 * DAY, last_use=used(2 * DAY + HOUR)), rotation=ON),
            FOREIGN,
            id="used, and a person switched it off: it is not ours to delete",
        ),
        pytest.param(
            an_orphan(a_key(NEW, 3 * DAY)), FOREIGN, id="a person switched it on: it is theirs"
        ),
        pytest.param(
            an_orphan(
                a_key(NEW, 3 * DAY),
                rotation=leaving(Title.ORPHAN, deactivated_at=ago(SETTLE - SECOND)),
            ),
            None,
            id="Active right after we switched it off is a stale answer",
        ),
        pytest.param(
            an_orphan(a_key(NEW, 3 * DAY), listed_at=None), None, id="what was not listed"
        ),
        pytest.param(
            an_orphan(a_key(NEW, 3 * DAY, last_use=UNKNOWN), rotation=ON),
            None,
            id="not knowing makes it nobody's",
        ),
        pytest.param(
            an_orphan(a_key(NEW, 3 * DAY, last_use=used(HOUR), missing_since=ago(MINUTE))),
            None,
            id="it is gone",
        ),
        pytest.param(an_orphan(a_key(OTHER)), None, id="it was deleted"),
    ],
)
def test_an_orphan_in_use_is_no_orphan(world: Case, expected: Action | None) -> None:
    """What is used, or switched on by somebody, is foreign: revived if need be, and let be."""
    assert expected == bare(late_evidence(world))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(False, AFTER_ALL, id="without `--now` it is revived"),
        pytest.param(True, None, id="with `--now` its use was accepted"),
    ],
)
def test_late_evidence_and_a_persons_word(
    monkeypatch: pytest.MonkeyPatch, now: bool, expected: Action | None
) -> None:
    """Who orders `--now` has accepted that the key is in use."""
    monkeypatch.setitem(titles.TITLES, Title.NAMED, titles.Rule(late=True, waivable=True))
    rotation = leaving(Title.NAMED, OLD, now=now, evidence={OLD: NeverUsed()})
    world = a_case(off_key(), rotation=rotation, places=(a_place(reading=Empty()),))

    assert expected == bare(late_evidence(world))


def test_what_was_revived_is_stopped_and_told() -> None:
    """After the reactivation the stop says what a person must do; nothing is switched off."""
    world = grace(old_key(), new_key(off=DAY), rotation=delivered(40 * DAY))
    action = judge(world)

    assert bare(action) == GONE
    assert "rotator close prod/deploy" in action.message


def test_an_orphan_used_by_somebody_is_never_deleted() -> None:
    """The whole way: used, then switched off by hand, rested for long; and left alone."""
    world = an_orphan(
        a_key(NEW, 30 * DAY, off=20 * DAY, last_use=used(21 * DAY)),
        rotation=leaving(Title.ORPHAN, NEW, 30 * DAY, deactivated_at=ago(20 * DAY)),
    )

    assert bare(judge(world)) == FOREIGN


def test_without_late_evidence_the_leaving_goes_on() -> None:
    """Evidence that is not there stops nothing."""
    assert isinstance(judge(grace()), Deactivate)
