"""Leaving: what was switched off rests before it is deleted, by title."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.judgement import leaving
from rotator.judgement.judge import judge
from rotator.judgement.leaving import (
    rested,
)
from rotator.model import (
    Case,
    Deactivate,
    Delete,
    KeyStatus,
    NeverUsed,
    Reason,
    Title,
    Wait,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    LAG,
    MINUTE,
    NEW,
    NOW,
    OLD,
    POLICY,
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
    grace,
    new_key,
    off_key,
    old_key,
    recovering,
    recovery,
    used,
)
from tests.judgement.worlds import leaving as a_leaving

if TYPE_CHECKING:
    from datetime import timedelta

    from rotator.model import AccessKey, Action


SOON = NOW + SETTLE


def leaver_of(case: Case) -> AccessKey:
    """The key that leaves in this world."""
    key = case.key(case.open.leaving)
    assert key is not None
    return key


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
            recovery(
                off_key(off=RECOVERY, last_use=used(RECOVERY - SETTLE)),
                new_key(),
                rotation=recovering(RECOVERY),
            ),
            None,
            id="to the second",
        ),
        pytest.param(
            recovery(
                off_key(off=RECOVERY, last_use=used(RECOVERY - MINUTE)),
                new_key(),
                rotation=recovering(RECOVERY),
            ),
            None,
            id="and does not delay the end",
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


def test_a_named_key_that_is_known_no_more_is_promised_its_whole_rest() -> None:
    """Nobody can say that it was Inactive when a person said that it goes now."""
    world = a_case(rotation=a_leaving(Title.NAMED, OLD, DAY, titled_at=ago(DAY), now=True))

    assert leaving.TITLES[Title.NAMED].rest(world) == RECOVERY
