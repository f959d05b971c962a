"""Doubt: what could not be known stops everything but what mends."""

from dataclasses import replace

import pytest

from rotator.judgement.doubt import settled_at
from rotator.judgement.judge import judge
from rotator.model import (
    Action,
    Case,
    Deliver,
    Doubt,
    Issue,
    Place,
    Reactivate,
    Reason,
    Step,
    UseUnknown,
    Verb,
    Wait,
)
from tests.judgement.worlds import (
    HOUR,
    MINUTE,
    NEW,
    NOW,
    OLD,
    SECOND,
    SETTLE,
    a_key,
    ago,
    an_intent,
    an_order,
    bare,
    delivering,
    got,
    grace,
    idle,
    issuing,
    off_key,
    old_key,
    recovery,
    used,
)

LEASE = Doubt(Reason.LEASE, "another holds the lease", ago(-MINUTE))
AWAY = Doubt(Reason.AWS_UNAVAILABLE, "the role cannot be assumed", ago(-HOUR), hard=False)
DELIVER = Deliver(Reason.ISSUED, "", places=(Place("file", "a"),))


def used_late() -> Case:
    """In recovery, and a use came to light that the decision did not know of."""
    return recovery(off_key(last_use=used(20 * HOUR)), a_key(NEW, 40 * 24 * HOUR))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            idle(doubts=(LEASE,)),
            Wait(Reason.LEASE, "", ago(-MINUTE)),
            id="a lease that another holds bars a beginning",
        ),
        pytest.param(
            delivering(doubts=(LEASE,)),
            Wait(Reason.LEASE, "", ago(-MINUTE)),
            id="and even a delivery",
        ),
        pytest.param(
            replace(used_late(), doubts=(LEASE,)),
            Wait(Reason.LEASE, "", ago(-MINUTE)),
            id="and even a reactivation",
        ),
        pytest.param(
            idle(orders=(an_order(),), doubts=(LEASE,)),
            Wait(Reason.LEASE, "", ago(-MINUTE)),
            id="and an order",
        ),
        pytest.param(
            delivering(doubts=(AWAY, LEASE)),
            Wait(Reason.LEASE, "", ago(-MINUTE)),
            id="a hard doubt is told before a soft one",
        ),
    ],
)
def test_a_hard_doubt_stops_everything(world: Case, expected: Action) -> None:
    """Without lease, clock or store nothing is done, not even what mends."""
    assert expected == bare(judge(world))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            idle(listed_at=None),
            Wait(Reason.AWS_UNAVAILABLE, "", NOW + SETTLE),
            id="keys that were not listed are not known",
        ),
        pytest.param(
            grace(listed_at=None),
            Wait(Reason.AWS_UNAVAILABLE, "", NOW + SETTLE),
            id="no harm without a listing",
        ),
        pytest.param(
            recovery(listed_at=None),
            Wait(Reason.AWS_UNAVAILABLE, "", NOW + SETTLE),
            id="no deletion without a listing",
        ),
        pytest.param(
            grace(old_key(off=HOUR), a_key(NEW, 20 * 24 * HOUR), listed_at=None),
            Wait(Reason.AWS_UNAVAILABLE, "", NOW + SETTLE),
            id="a status known from before is not seen now, and starts no clock",
        ),
        pytest.param(
            grace(doubts=(AWAY,)),
            Wait(Reason.AWS_UNAVAILABLE, "", ago(-HOUR)),
            id="a soft doubt stops harm though the keys are listed",
        ),
        pytest.param(
            idle(doubts=(AWAY,)),
            Wait(Reason.AWS_UNAVAILABLE, "", ago(-HOUR)),
            id="a soft doubt stops a beginning",
        ),
        pytest.param(
            idle(doubts=(AWAY,), orders=(an_order(),)),
            Wait(Reason.AWS_UNAVAILABLE, "", ago(-HOUR)),
            id="a soft doubt stops an order",
        ),
        pytest.param(
            idle(listed_at=None, doubts=(AWAY,)),
            Wait(Reason.AWS_UNAVAILABLE, "", ago(-HOUR)),
            id="a doubt says more than that nothing was listed",
        ),
        pytest.param(delivering(listed_at=None), DELIVER, id="delivery goes on without a listing"),
        pytest.param(delivering(doubts=(AWAY,)), DELIVER, id="delivery goes on in a soft doubt"),
        pytest.param(
            replace(used_late(), doubts=(AWAY,)),
            Reactivate(Reason.USED_AFTER_ALL, "", key_id=OLD, hold=Reason.USED_AFTER_ALL),
            id="what was used after all is revived in a soft doubt",
        ),
    ],
)
def test_a_soft_doubt_stops_all_but_what_mends(world: Case, expected: Action) -> None:
    """What could not be read is not "absent": only a delivery or a reactivation goes on."""
    assert expected == bare(judge(world))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            issuing(intents=(an_intent(Step.ISSUE, MINUTE),)),
            Wait(Reason.SETTLING, "", NOW + SETTLE),
            id="a create whose request has just timed out may still show up",
        ),
        pytest.param(
            issuing(intents=(an_intent(Step.ISSUE, MINUTE + SETTLE - SECOND),)),
            Wait(Reason.SETTLING, "", NOW + SECOND),
            id="a second before the end of the wait",
        ),
        pytest.param(
            issuing(intents=(an_intent(Step.ISSUE, MINUTE + SETTLE),), listed_at=ago(SECOND)),
            Wait(Reason.SETTLING, "", NOW),
            id="the wait is over, but the listing was made before its end",
        ),
        pytest.param(
            grace(
                intents=(an_intent(Step.DEACTIVATE, HOUR), an_intent(Step.DELIVER, MINUTE)),
            ),
            Wait(Reason.SETTLING, "", NOW + SETTLE),
            id="the last of several ends it",
        ),
        pytest.param(
            delivering(intents=(an_intent(Step.DELIVER, MINUTE),)),
            DELIVER,
            id="putting the recorded successor again does not wait",
        ),
        pytest.param(
            replace(used_late(), intents=(an_intent(Step.DEACTIVATE, MINUTE),)),
            Reactivate(Reason.USED_AFTER_ALL, "", key_id=OLD, hold=Reason.USED_AFTER_ALL),
            id="reactivating does not wait",
        ),
        pytest.param(
            replace(used_late(), intents=(an_intent(Step.REACTIVATE, MINUTE),)),
            Wait(Reason.SETTLING, "", NOW + SETTLE),
            id="but is not repeated before its own wait is over",
        ),
        pytest.param(
            delivering(intents=(an_intent(Step.REACTIVATE, MINUTE),)),
            DELIVER,
            id="a reactivation without an answer does not keep a delivery back",
        ),
        pytest.param(
            idle(intents=(an_intent(Step.DELIVER, MINUTE),), orders=(an_order(Verb.CLOSE),)),
            Wait(Reason.SETTLING, "", NOW + SETTLE),
            id="an order waits too",
        ),
    ],
)
def test_a_request_without_an_answer_is_waited_for(world: Case, expected: Action) -> None:
    """Absence is evidence only where it was seen `settle` after the request's time-out."""
    assert expected == bare(judge(world))


def test_an_old_intent_is_no_doubt_any_more() -> None:
    """After the wait what is listed decides, though no answer was ever recorded."""
    world = idle(intents=(an_intent(Step.DELIVER, MINUTE + SETTLE),))

    assert isinstance(judge(world), Issue)


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        pytest.param([], None, id="nothing is in doubt"),
        pytest.param([HOUR], None, id="what is listed now was listed after the wait"),
        pytest.param([MINUTE + SETTLE], None, id="just after the wait"),
        pytest.param([HOUR, 2 * MINUTE], NOW + SETTLE - MINUTE, id="the later one counts"),
    ],
)
def test_settled_at(ages: list[object], expected: object) -> None:
    """A wait ends `settle` after the time-out of the last request without an outcome."""
    world = idle(intents=tuple(an_intent(Step.ISSUE, age) for age in ages))  # type: ignore[arg-type] # ages are spans

    assert expected == settled_at(world, NOW)


def test_a_delivered_rotation_mends_nothing_in_doubt() -> None:
    """Where nothing is owed and nothing came to light, a doubt is only waited for."""
    world = grace(places=(got(),), doubts=(AWAY,), listed_at=None)

    assert Wait(Reason.AWS_UNAVAILABLE, AWAY.message, AWAY.until) == judge(world)


def test_a_use_that_could_not_be_read_is_no_late_evidence() -> None:
    """Not knowing neither harms nor revives."""
    world = recovery(off_key(last_use=UseUnknown("denied")), a_key(NEW, 40 * 24 * HOUR))

    assert judge(world).reason is Reason.LAST_USE_UNKNOWN
