"""Our own keys: what one of ours signs with stays, whoever says otherwise, and it is said why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.judgement.beginning import overdue
from rotator.judgement.judge import judge
from rotator.judgement.ourselves import signed_by
from rotator.model import Case, Deactivate, Delete, Reason, Title, Wait
from tests.judgement.worlds import (
    DAY,
    HOUR,
    LAG,
    NEVER,
    NEW,
    NOW,
    OLD,
    POLICY,
    SETTLE,
    a_key,
    a_place,
    a_signer,
    ago,
    an_orphan,
    an_undelivered,
    delivered,
    got,
    grace,
    new_key,
    off_key,
    old_key,
    recovery,
    used,
)
from tests.judgement.worlds import leaving as a_leaving

if TYPE_CHECKING:
    from datetime import timedelta

FILE = "profile default of /etc/aws/credentials"
BY_HAND = (
    "AKIAOLDOLDOLDOLD0001 is in use now: rotator signs its own calls with it (replica one on"
    " web-1, from environment variables); restart one with AKIANEWNEWNEWNEW0002"
)
ITSELF = (
    "AKIAOLDOLDOLDOLD0001 is in use now: rotator signs its own calls with it (replica two on"
    f" web-1, from {FILE}); two moves over by itself once AKIANEWNEWNEWNEW0002 stands there"
)
BOTH = (
    "AKIAOLDOLDOLDOLD0001 is in use now: rotator signs its own calls with it (replica one on"
    f" web-1, from environment variables and replica two on web-1, from {FILE}); restart one with"
    " AKIANEWNEWNEWNEW0002, and two moves over by itself once AKIANEWNEWNEWNEW0002 stands there"
)
SOON = NOW + SETTLE

IN_ENVIRONMENT = a_signer(OLD)
IN_FILE = a_signer(OLD, "two", FILE, moves=True)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            grace(signers=(IN_ENVIRONMENT,)),
            Wait(Reason.NOT_QUIET, BY_HAND, SOON),
            id="one that only a restart moves",
        ),
        pytest.param(
            grace(signers=(IN_FILE,)),
            Wait(Reason.NOT_QUIET, ITSELF, SOON),
            id="one that moves by itself",
        ),
        pytest.param(
            grace(signers=(IN_ENVIRONMENT, IN_FILE)),
            Wait(Reason.NOT_QUIET, BOTH, SOON),
            id="two replicas, of which one moves by itself",
        ),
        pytest.param(
            grace(signers=(a_signer(NEW), IN_FILE)),
            Wait(Reason.NOT_QUIET, ITSELF, SOON),
            id="two replicas, of which one has moved",
        ),
        pytest.param(
            recovery(signers=(IN_FILE,)),
            Wait(Reason.NOT_QUIET, ITSELF, SOON),
            id="a key that is Inactive, and is not deleted under a replica that has it",
        ),
    ],
)
def test_our_own_key_is_in_use_now(world: Case, expected: Wait) -> None:
    """The wait says which replica signs with it, from where, and what ends it."""
    assert expected == judge(world)


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        pytest.param(
            grace(rotation=delivered(HOUR), signers=(IN_ENVIRONMENT,)),
            Reason.GRACE,
            id="grace is told before it",
        ),
        pytest.param(
            recovery(off_key(status_since=ago(DAY)), new_key(), signers=(IN_ENVIRONMENT,)),
            Reason.RECOVERY,
            id="recovery is told before it",
        ),
        pytest.param(
            grace(places=(got(), a_place("b", delivered_at=ago(DAY))), signers=(IN_ENVIRONMENT,)),
            Reason.SINK,
            id="places are told before it",
        ),
    ],
)
def test_other_causes_are_told_first(world: Case, reason: Reason) -> None:
    """Of several causes the first of the agreed order is told."""
    assert reason is judge(world).reason


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(an_orphan(signers=(a_signer(NEW),)), id="orphan"),
        pytest.param(an_undelivered(signers=(a_signer(NEW),)), id="undelivered"),
    ],
)
def test_no_title_is_enough_for_our_own_key(world: Case) -> None:
    """It would have been the last call that we could make."""
    assert not isinstance(judge(world), Deactivate | Delete)
    assert "rotator signs its own calls with it" in judge(world).message


@pytest.mark.parametrize(
    "title",
    [
        pytest.param(Title.NAMED, id="named, now"),
        pytest.param(Title.COMPROMISED, id="compromised, contained first"),
    ],
)
def test_no_person_s_word_is_enough_for_our_own_key(title: Title) -> None:
    """A word waives what consumers are promised, and not that there is somebody to keep it."""
    rotation = a_leaving(title, OLD, now=True)
    world = grace(rotation=rotation, signers=(IN_ENVIRONMENT,))

    expected = (
        "AKIAOLDOLDOLDOLD0001 is in use now: rotator signs its own calls with it (replica one on"
        " web-1, from environment variables); restart one with other credentials"
    )
    assert Wait(Reason.NOT_QUIET, expected, SOON) == judge(world)


@pytest.mark.parametrize(
    ("signers", "reason"),
    [
        pytest.param((a_signer(NEW),), Reason.GRACE_OVER, id="one of ours signs with it"),
        pytest.param((), Reason.NOT_USED_YET, id="only our proof was signed with it"),
    ],
)
def test_our_own_move_is_the_first_use(signers: tuple[object, ...], reason: Reason) -> None:
    """A successor with which a live replica signs is in use; its proof is no use."""
    world = grace(old_key(), new_key(last_use=NEVER), signers=signers)

    assert reason is judge(world).reason


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        pytest.param(POLICY.max_age - POLICY.quiet_period - LAG, False, id="it can still be quiet"),
        pytest.param(POLICY.max_age - POLICY.quiet_period, True, id="it cannot be quiet in time"),
    ],
)
def test_our_own_key_is_overdue_in_time(age: timedelta, expected: bool) -> None:
    """It is used until now, whatever IAM has recorded."""
    key = a_key(age=age, last_use=used(20 * DAY))
    world = grace(key, new_key(), signers=(IN_ENVIRONMENT,))

    assert expected is overdue(world)


def test_who_signs() -> None:
    """Each replica with the place it has the key from; nobody is None."""
    world = grace(signers=(IN_ENVIRONMENT, IN_FILE))

    expected = (
        "replica one on web-1, from environment variables and replica two on web-1, from"
        " profile default of /etc/aws/credentials"
    )
    assert (expected, None) == (signed_by(world, OLD), signed_by(world, NEW))
