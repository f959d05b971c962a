"""Patience: what is waited for before a predecessor is switched off."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.judgement.leaving import (
    patient,
)
from rotator.model import (
    Case,
    Reason,
    Title,
    Wait,
)
from tests.judgement.worlds import (
    DAY,
    GRAIN,
    HOUR,
    LAG,
    NEVER,
    NEW,
    NOW,
    OLD,
    POLICY,
    SECOND,
    SETTLE,
    UNKNOWN,
    a_case,
    a_key,
    a_signer,
    ago,
    an_orphan,
    an_undelivered,
    bare,
    delivered,
    got,
    grace,
    new_key,
    old_key,
    policy,
    used,
)
from tests.judgement.worlds import leaving as a_leaving

if TYPE_CHECKING:
    from rotator.model import AccessKey


SOON = NOW + SETTLE


def leaver_of(case: Case) -> AccessKey:
    """The key that leaves in this world."""
    key = case.key(case.open.leaving)
    assert key is not None
    return key


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
            a_case(old_key(), rotation=a_leaving(Title.UNUSED, OLD)),
            Wait(Reason.NOT_QUIET, "", ago(30 * DAY) + POLICY.unused_after),
            id="a key that is to go for want of use was used too lately",
        ),
        pytest.param(
            a_case(old_key(last_use=used(46 * DAY)), rotation=a_leaving(Title.UNUSED, OLD)),
            None,
            id="and one that was not",
        ),
        pytest.param(
            grace(signers=(a_signer(OLD),)),
            Wait(Reason.NOT_QUIET, "", NOW + SETTLE),
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
            grace(old_key(), new_key(last_use=NEVER), signers=(a_signer(NEW),)),
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
