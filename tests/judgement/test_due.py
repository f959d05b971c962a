"""Due and overdue: by age, and by the freezes and windows that are in the way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rotator.judgement.beginning import due_at, overdue
from rotator.model import (
    Freeze,
    Issue,
    Kind,
    Reason,
    Wait,
    Window,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    LAG,
    NEW,
    NOW,
    OLD,
    OTHER,
    POLICY,
    SECOND,
    TIMING,
    a_case,
    a_freeze,
    a_key,
    ago,
    delivered,
    delivering,
    grace,
    new_key,
    policy,
    recovery,
    used,
)

if TYPE_CHECKING:
    from rotator.model import Case


AGE = Issue(Reason.AGE, "", kind=Kind.REPLACE, predecessor=OLD)
FIRST = Issue(Reason.FIRST_KEY, "", kind=Kind.FIRST)
NEED = POLICY.grace_period + POLICY.quiet_period + LAG
MONDAYS = Window(frozenset({0}), None, None, UTC)
SUNDAYS = Window(frozenset({6}), None, None, UTC)
LATER = NOW + TIMING.retry_max


@pytest.mark.parametrize(
    ("freezes", "fields", "expected"),
    [
        pytest.param((), {}, 50 * DAY, id="no freeze"),
        pytest.param(
            (a_freeze(55 * DAY, 74 * DAY),),
            {},
            50 * DAY,
            id="begun before the freeze, and switched off in time after it",
        ),
        pytest.param(
            (a_freeze(55 * DAY, 90 * DAY),),
            {},
            50 * DAY,
            id="switched off on the very day of `max_age`",
        ),
        pytest.param(
            (a_freeze(55 * DAY, 90 * DAY + SECOND),),
            {},
            55 * DAY - NEED,
            id="begun before the freeze, and switched off too late after it: early",
        ),
        pytest.param(
            (a_freeze(50 * DAY, 90 * DAY - NEED),),
            {},
            50 * DAY,
            id="begun after the freeze, and just in time",
        ),
        pytest.param(
            (a_freeze(50 * DAY, 90 * DAY - NEED + SECOND),),
            {},
            50 * DAY - NEED,
            id="begun after the freeze would be too late: early",
        ),
        pytest.param(
            (a_freeze(50 * DAY + NEED, 300 * DAY),),
            {},
            50 * DAY,
            id="out of service before the freeze anyway",
        ),
        pytest.param((a_freeze(300 * DAY, 400 * DAY),), {}, 50 * DAY, id="a freeze of next year"),
        pytest.param(
            (a_freeze(-DAY, 80 * DAY),), {}, 50 * DAY, id="a freeze that has begun shuts its door"
        ),
        pytest.param(
            (a_freeze(0 * DAY, 400 * DAY),), {}, 50 * DAY, id="and one that begins this moment"
        ),
        pytest.param(
            (a_freeze(-2 * DAY, -DAY), a_freeze(55 * DAY, 90 * DAY + SECOND)),
            {},
            55 * DAY - NEED,
            id="one is over, and the next is too long",
        ),
        pytest.param(
            (a_freeze(50 * DAY, 70 * DAY),),
            {"window": Window(frozenset({5}), None, None, UTC)},
            50 * DAY,
            id="the window opens soon enough after it",
        ),
        pytest.param(
            (a_freeze(50 * DAY, 74 * DAY + 12 * HOUR),),
            {"window": Window(frozenset({6}), None, None, UTC)},
            50 * DAY - NEED,
            id="the window opens too long after it",
        ),
        pytest.param(
            (a_freeze(50 * DAY, 90 * DAY),),
            {"window": Window(frozenset(), None, None, UTC)},
            50 * DAY - NEED,
            id="a window that never opens is no reason to be late",
        ),
        pytest.param(
            (Freeze("stop", NOW + 50 * DAY, datetime(9999, 12, 31, tzinfo=UTC)),),
            {},
            50 * DAY - NEED,
            id="a freeze for ever",
        ),
    ],
)
def test_due_at(freezes: tuple[Freeze, ...], fields: dict[str, object], expected: object) -> None:
    """A key is due by its age, or early enough to be out of service before a long freeze."""
    key = a_key(age=0 * DAY)
    world = a_case(key, policy=policy(**fields), freezes=freezes)

    assert NOW + expected == due_at(world, key)  # type: ignore[operator] # a span


def test_nothing_is_due_without_a_policy() -> None:
    """Ages are judged by a policy's figures only."""
    world = a_case(a_key(age=999 * DAY), policy=None)

    assert due_at(world, world.keys[0]) is None


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(a_case(), False, id="no key"),
        pytest.param(a_case(a_key(age=99 * DAY), policy=None), False, id="no policy"),
        pytest.param(a_case(a_key(age=99 * DAY, off=DAY)), False, id="no Active key"),
        pytest.param(a_case(a_key(age=90 * DAY + SECOND)), True, id="a second past `max_age`"),
        pytest.param(a_case(a_key(age=83 * DAY)), False, id="it can just be replaced in time"),
        pytest.param(
            a_case(a_key(age=83 * DAY + SECOND)), True, id="grace alone would last too long"
        ),
        pytest.param(
            a_case(a_key(age=82 * DAY, last_use=used(HOUR))), False, id="and quiet just in time"
        ),
        pytest.param(
            a_case(a_key(age=82 * DAY, last_use=used(HOUR - SECOND))),
            True,
            id="it was used so late that it cannot be quiet in time",
        ),
        pytest.param(
            a_case(a_key(age=80 * DAY), freezes=(a_freeze(-DAY, 3 * DAY),)),
            False,
            id="a freeze ends early enough to begin",
        ),
        pytest.param(
            a_case(a_key(age=80 * DAY), freezes=(a_freeze(-DAY, 3 * DAY + SECOND),)),
            True,
            id="a freeze ends too late to begin",
        ),
        pytest.param(
            a_case(a_key(age=80 * DAY), freezes=(a_freeze(DAY, 11 * DAY),)),
            True,
            id="it can begin, and a freeze keeps it from being switched off in time",
        ),
        pytest.param(
            a_case(
                a_key(), freezes=(Freeze("stop", ago(DAY), datetime(9999, 12, 31, tzinfo=UTC)),)
            ),
            True,
            id="a freeze for ever",
        ),
        pytest.param(
            a_case(a_key(), policy=policy(window=Window(frozenset(), None, None, UTC))),
            True,
            id="a window that never opens",
        ),
        pytest.param(
            grace(
                a_key(age=89 * DAY, last_use=used(30 * DAY)), new_key(), rotation=delivered(6 * DAY)
            ),
            False,
            id="in grace, which ends in time",
        ),
        pytest.param(
            grace(
                a_key(age=89 * DAY, last_use=used(30 * DAY)), new_key(), rotation=delivered(5 * DAY)
            ),
            True,
            id="in grace, which ends too late",
        ),
        pytest.param(
            delivering(
                keys=(a_key(age=82 * DAY), a_key(NEW, HOUR)), freezes=(a_freeze(-DAY, 6 * DAY),)
            ),
            False,
            id="being delivered: no door stops that",
        ),
        pytest.param(
            grace(
                a_key(age=89 * DAY, last_use=used(30 * DAY)),
                new_key(),
                rotation=delivered(30 * DAY),
                policy=policy(window=Window(frozenset(), None, None, UTC)),
            ),
            True,
            id="in grace, and the door never opens",
        ),
        pytest.param(
            grace(
                a_key(age=90 * DAY, last_use=used(30 * DAY)),
                new_key(),
                rotation=delivered(30 * DAY),
            ),
            False,
            id="it may be switched off at the very moment of `max_age`",
        ),
        pytest.param(
            grace(
                a_key(age=88 * DAY, last_use=used(30 * DAY)),
                new_key(),
                rotation=delivered(9 * DAY),
                policy=policy(window=MONDAYS),
            ),
            True,
            id="its grace ended on a Monday, and the next Monday is too late",
        ),
        pytest.param(
            a_case(a_key(age=85 * DAY), policy=policy(grace_period=3 * DAY, window=SUNDAYS)),
            True,
            id="begun on Sunday its grace ends past it, and the next Sunday is too late",
        ),
        pytest.param(
            grace(
                a_key(age=83 * DAY + SECOND),
                a_key(OTHER, 60 * DAY),
                new_key(),
                rotation=delivered(30 * DAY, predecessor=OTHER),
            ),
            True,
            id="the grace of another key is not its own",
        ),
        pytest.param(recovery(), False, id="switched off: it is the successor's age that counts"),
    ],
)
def test_overdue(world: Case, expected: bool) -> None:
    """A key is overdue when it has passed `max_age`, or cannot be out of service before it does."""
    assert expected is overdue(world)


SINK = Wait(Reason.SINK, "", LATER)
