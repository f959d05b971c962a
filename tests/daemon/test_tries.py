"""Tries: whoever could not be looked at is not asked about at every look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rotator.daemon.tries import Tries
from rotator.model import Reason, Timing, User, Wait
from rotator.reconcile import VisitResult

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LOOK = timedelta(seconds=2)
TIMING = Timing()
BOB = User("prod", "111122223333", "AIDABOB", "bob")
EVE = User("prod", "111122223333", "AIDAEVE", "eve")
SEEN = VisitResult(BOB, Wait(Reason.GRACE, "both keys work"))
FAILED = VisitResult(BOB, None, failed=True)
LEFT = VisitResult(BOB, None, left_to_another=True)


def tried_at(
    *results: VisitResult, order: int | None = None, until: timedelta = timedelta(hours=5)
) -> list[int]:
    """After how many seconds a user is tried whose every look ends so, looked at every 2 s."""
    tries, now, found = Tries(), NOW, []
    orders = {} if order is None else {BOB.ref: order}
    while now < NOW + until:
        due = tries.due([BOB.ref], orders, now, TIMING)
        if due:
            found.append(int((now - NOW).total_seconds()))
            tries.ended(due, results, now)
        now += LOOK
    return found


def test_an_account_that_is_away_is_tried_ever_more_seldom() -> None:
    """After a minute, doubling to an hour: ten tries in five hours, where there were 9,000."""
    minutes = [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]

    assert [60 * minute for minute in minutes] == tried_at()


def test_a_look_that_fails_is_tried_as_seldom() -> None:
    """A mistake of ours, or a row that the store refuses."""
    assert tried_at() == tried_at(FAILED)


def test_whoever_was_looked_at_is_looked_at_when_its_moment_comes() -> None:
    """The judgement says when; so does another process that holds the lease."""
    a_minute = timedelta(minutes=1)

    assert list(range(0, 60, 2)) == tried_at(SEEN, until=a_minute)
    assert list(range(0, 60, 2)) == tried_at(LEFT, until=a_minute)


def test_an_order_is_asked_about_once_a_minute() -> None:
    """Whatever becomes of it: a person waits."""
    minutes = [0, 1, 2]

    assert [60 * minute for minute in minutes] == tried_at(order=7, until=timedelta(minutes=3))


def test_a_new_order_is_asked_about_at_once() -> None:
    """However often the look has failed before."""
    tries, soon = Tries(), NOW + timedelta(minutes=3) + LOOK
    for minute in (0, 1, 3):
        now = NOW + timedelta(minutes=minute)
        tries.ended(tries.due([BOB.ref], {}, now, TIMING), [], now)

    assert frozenset() == tries.due([BOB.ref], {}, soon, TIMING)
    assert frozenset({BOB.ref}) == tries.due([BOB.ref], {BOB.ref: 8}, soon, TIMING)


def test_one_success_begins_anew() -> None:
    """And nobody pays for another's failures."""
    tries = Tries()
    tries.ended(tries.due([BOB.ref], {}, NOW, TIMING), [], NOW)
    later = NOW + timedelta(minutes=1)

    assert frozenset({EVE.ref}) == tries.due([BOB.ref, EVE.ref], {}, NOW + LOOK, TIMING)

    tries.ended(tries.due([BOB.ref], {}, later, TIMING), [SEEN], later)

    assert frozenset({BOB.ref}) == tries.due([BOB.ref], {}, later + LOOK, TIMING)
