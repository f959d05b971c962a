"""The record: append-only, bound row to row, and what it says about requests without an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from rotator.errors import LimitReached, StoreError
from rotator.model import (
    DoorName,
    Failures,
    Intent,
    JournalOutcome,
    Outcome,
    Reason,
    Step,
    Title,
)
from rotator.store import JournalRow
from rotator.store.journal import hash_of
from tests.store.worlds import (
    ACCOUNT,
    ALICE,
    BOB,
    DAY,
    FILE,
    HOUR,
    MINUTE,
    NEW,
    NOW,
    OLD,
    SECOND,
    SETTLE,
    a_place,
    a_rotation,
    a_user,
)

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from tests.store.worlds import World

ENDS = NOW + MINUTE
UNKNOWN, DONE = JournalOutcome.UNKNOWN, JournalOutcome.DONE
REJECTED, OBSERVED = JournalOutcome.REJECTED, JournalOutcome.OBSERVED


def test_a_row_says_who_did_what_to_whom_and_why(world: World) -> None:
    """Names and policy are those of the moment; an outcome takes the rest from its intent."""
    world.begun()
    lease = world.lease()
    with world.store.change(
        lease, actor="run", sweep_id="sweep-1", policy_digest="abc123"
    ) as change:
        intent = change.intent(
            Step.DEACTIVATE,
            timeout_at=ENDS,
            key_id=OLD,
            title=Title.PREDECESSOR,
            reason=Reason.GRACE_OVER,
            detail="quiet",
        )
        change.outcome(intent, DONE)

    first, second = world.store.history()
    expected = JournalRow(
        seq=1,
        at=NOW,
        step=Step.DEACTIVATE,
        outcome=JournalOutcome.INTENT,
        account_id=ACCOUNT,
        user_id="AIDAALICE",
        account="prod",
        user="alice",
        policy="ci",
        policy_digest="abc123",
        rotation_id="r1",
        sweep_id="sweep-1",
        timeout_at=ENDS,
        key_id=OLD,
        title=Title.PREDECESSOR,
        reason=Reason.GRACE_OVER,
        detail="quiet",
        actor="run",
    )
    answer = replace(
        expected, seq=2, outcome=DONE, timeout_at=None, detail="", intent_seq=1, hash=second.hash
    )
    assert replace(expected, hash=hash_of("", expected)) == first
    assert answer == second
    assert second.hash == hash_of(first.hash, second)


def test_rows_name_the_rotation_that_ends_in_their_transaction(world: World) -> None:
    """Closing does not make the last rows homeless, and the next rotation's are its own."""
    world.begun()
    with world.change() as change:
        change.close("r1", NOW, Outcome.SUPERSEDED)
        change.journal(Step.CLOSE, DONE)
        change.begin(a_rotation("r2", policy="other"))
        change.journal(Step.BEGIN, DONE)

    expected = [("r1", "ci"), ("r2", "other")]
    assert expected == [(row.rotation_id, row.policy) for row in world.store.history()]


def test_a_user_who_was_never_noted_has_a_record_too(world: World) -> None:
    """What was done is recorded, whatever else is known."""
    with world.change() as change:
        change.journal(Step.DEACTIVATE, OBSERVED, key_id=OLD)

    (row,) = world.store.history()
    assert (row.user_id, row.user, row.policy, row.rotation_id) == ("AIDAALICE", "", None, None)


def test_an_outcome_belongs_to_an_intent_of_the_same_user(world: World) -> None:
    """Another user's request, or none, has no outcome here."""
    with world.change(BOB) as change:
        theirs = change.intent(Step.ISSUE, timeout_at=ENDS)
        no_intent = change.journal(Step.BEGIN, DONE)
    for number in (theirs, no_intent, 99):
        with pytest.raises(StoreError, match="has no intent"), world.change() as change:
            change.outcome(number, DONE)


@pytest.mark.parametrize("statement", ["UPDATE journal SET detail = 'x'", "DELETE FROM journal"])
def test_the_database_refuses_to_change_the_record(world: World, statement: str) -> None:
    """Append-only by the database's own word, not by our good manners."""
    with world.change() as change:
        change.journal(Step.BEGIN, DONE)

    with (
        pytest.raises(StoreError, match="append-only"),
        world.store._database.writing() as connection,
    ):
        connection.execute(text(statement))

    assert [row.step for row in world.store.history()] == [Step.BEGIN]


def test_history_is_read_by_user_time_and_step(world: World) -> None:
    """Each of the three narrows it; the order is that of writing."""
    for ref, step in ((ALICE, Step.BEGIN), (BOB, Step.BEGIN), (ALICE, Step.CLOSE)):
        with world.change(ref) as change:
            change.journal(step, DONE)
        world.clock.go(HOUR)

    def seqs(*asked: Any) -> list[int]:  # noqa: ANN401 - what history may be asked for
        return [row.seq for row in world.store.history(*asked)]

    assert seqs() == [1, 2, 3]
    assert seqs(ALICE) == [1, 3]
    assert seqs(None, NOW + HOUR) == [2, 3]
    assert seqs(None, None, Step.BEGIN) == [1, 2]
    assert seqs(ALICE, NOW + HOUR, Step.CLOSE) == [3]


def test_a_long_history_is_read_whole(world: World) -> None:
    """Page by page, nothing twice and nothing left out."""
    with world.change() as change:
        for _ in range(1001):
            change.journal(Step.PROVE, DONE)

    assert list(range(1, 1002)) == [row.seq for row in world.store.history()]
    assert world.store.seq_max() == 1001


# Requests without an answer


@pytest.mark.parametrize(
    ("outcomes", "is_settled"),
    [
        pytest.param([], False, id="none: it may be on its way"),
        pytest.param([UNKNOWN], False, id="unknown is none"),
        pytest.param([DONE], True, id="done"),
        pytest.param([REJECTED], True, id="rejected: nothing happened"),
        pytest.param([OBSERVED], True, id="observed: it was seen to have happened"),
        pytest.param([UNKNOWN, OBSERVED], True, id="unknown, then observed"),
    ],
)
def test_what_settles_an_intent(
    world: World, outcomes: list[JournalOutcome], *, is_settled: bool
) -> None:
    """An intent is waited for until it is known what became of it."""
    world.begun()
    with world.change() as change:
        intent = change.intent(Step.DEACTIVATE, timeout_at=ENDS, key_id=OLD)
        for outcome in outcomes:
            change.outcome(intent, outcome)

    expected = () if is_settled else (Intent(Step.DEACTIVATE, NOW, ENDS, OLD),)
    assert expected == world.store.know(ALICE).intents
    assert world.store.know(BOB).intents == ()


@pytest.mark.parametrize(
    ("step", "key_id", "is_settled"),
    [
        pytest.param(Step.ISSUE, NEW, True, id="a create names no key, its result does"),
        pytest.param(Step.DEACTIVATE, OLD, True, id="the same key"),
        pytest.param(Step.DEACTIVATE, NEW, False, id="another key"),
        pytest.param(Step.DELETE, OLD, False, id="another step"),
    ],
)
def test_what_is_observed_settles_its_intent_at_once(
    world: World, step: Step, key_id: str, *, is_settled: bool
) -> None:
    """What is seen to have happened is linked to the request that asked for it."""
    world.begun()
    asked = Step.ISSUE if step is Step.ISSUE else Step.DEACTIVATE
    with world.change() as change:
        intent = change.intent(asked, timeout_at=ENDS, key_id=None if asked is Step.ISSUE else OLD)
        change.outcome(intent, UNKNOWN)
    with world.change() as change:
        change.journal(step, OBSERVED, key_id=key_id)

    assert is_settled == (world.store.know(ALICE).intents == ())
    assert (intent if is_settled else None) == list(world.store.history())[-1].intent_seq


def test_a_delivery_is_observed_place_by_place(world: World) -> None:
    """That one place has the key says nothing about another."""
    world.begun()
    other = replace(FILE, address="/srv/other.json")
    with world.change() as change:
        for place in (FILE, other):
            change.claim(a_place(place))
            change.intent(Step.DELIVER, timeout_at=ENDS, key_id=NEW, place=place)
        change.journal(Step.DELIVER, OBSERVED, key_id=NEW, place=FILE)

    assert [str(other)] == [intent.place for intent in world.store.know(ALICE).intents]


def test_a_later_intent_of_the_same_request_supersedes_the_earlier(world: World) -> None:
    """Its life ends later, so waiting for it is waiting for both."""
    world.begun()
    with world.change() as change:
        change.intent(Step.DELETE, timeout_at=ENDS, key_id=OLD)
        change.intent(Step.DELETE, timeout_at=ENDS, key_id=NEW)
        change.intent(Step.DELETE, timeout_at=ENDS + MINUTE, key_id=OLD)

    expected = [(NEW, ENDS), (OLD, ENDS + MINUTE)]
    found = world.store.know(ALICE).intents
    assert expected == [(intent.key_id, intent.timeout_at) for intent in found]


@pytest.mark.parametrize(
    ("later", "is_waited_for"),
    [
        pytest.param(MINUTE + SETTLE - SECOND, True, id="while its effect may still show"),
        pytest.param(MINUTE + SETTLE, False, id="once that wait is over"),
    ],
)
def test_success_of_a_second_try_ends_the_first_after_its_wait(
    world: World, later: timedelta, *, is_waited_for: bool
) -> None:
    """Until then the first, whose answer was lost, may still be carried out."""
    world.begun()
    with world.change() as change:
        change.intent(Step.REACTIVATE, timeout_at=ENDS, key_id=OLD)
        again = change.intent(Step.REACTIVATE, timeout_at=ENDS + SECOND, key_id=OLD)
        change.outcome(again, DONE)
    world.clock.go(later)

    assert is_waited_for == bool(world.store.know(ALICE, settle=SETTLE).intents)


@pytest.mark.parametrize("is_closed", [False, True], ids=["open", "closed"])
def test_an_open_rotation_never_forgets_an_intent(world: World, *, is_closed: bool) -> None:
    """Whether our create made a key is asked for weeks; of a closed rotation nothing is."""
    world.begun()
    with world.change() as change:
        change.intent(Step.ISSUE, timeout_at=ENDS)
        if is_closed:
            change.close("r1", NOW, Outcome.NO_EFFECT)

    assert [intent.step for intent in world.store.know(ALICE).intents] == [Step.ISSUE]

    world.clock.go(30 * DAY)

    expected = [] if is_closed else [Step.ISSUE]
    assert expected == [intent.step for intent in world.store.know(ALICE).intents]


def test_failures_are_counted_since_the_last_success(world: World) -> None:
    """Per step of the open rotation, with the latest reason; an intent alone is no failure."""
    world.begun()
    with world.change() as change:
        for outcome in (REJECTED, DONE, UNKNOWN, REJECTED):
            prove = change.intent(Step.PROVE, timeout_at=ENDS)
            change.outcome(prove, outcome, detail=f"it was {outcome}")
        change.intent(Step.PROVE, timeout_at=ENDS)
        issue = change.intent(Step.ISSUE, timeout_at=ENDS)
        change.outcome(issue, REJECTED, reason=Reason.AWS_UNAVAILABLE)

    expected = {
        Step.PROVE: Failures(2, NOW, "it was rejected"),
        Step.ISSUE: Failures(1, NOW, "aws_unavailable"),
    }
    assert expected == world.store.know(ALICE).failures


def test_failures_of_a_closed_rotation_are_its_own(world: World) -> None:
    """A new rotation begins without a past."""
    world.begun()
    with world.change() as change:
        change.outcome(change.intent(Step.ISSUE, timeout_at=ENDS), REJECTED)
        change.close("r1", NOW, Outcome.NO_EFFECT)

    assert world.store.know(ALICE).failures == {}

    with world.change() as change:
        change.begin(a_rotation("r2"))

    assert world.store.know(ALICE).failures == {}


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        pytest.param([], None, id="none"),
        pytest.param(["completed"], None, id="the last one was completed"),
        pytest.param(["no_effect"], (1, "no_effect"), id="one without effect"),
        pytest.param(
            ["orphan", "completed", "undelivered", "orphan"], (2, "orphan"), id="two in a row"
        ),
        pytest.param(["orphan", "by_hand"], None, id="ended by a person"),
    ],
)
def test_rotations_that_came_to_nothing_are_counted_in_a_row(
    world: World, outcomes: list[str], expected: tuple[int, str] | None
) -> None:
    """They are begun again later, doubling."""
    for number, outcome in enumerate(outcomes):
        at = world.clock.go(HOUR)
        world.begun(rotation=a_rotation(f"r{number}", begun_at=at))
        with world.change() as change:
            change.close(f"r{number}", at, Outcome(outcome))

    found = world.store.know(ALICE).restart
    assert expected == (None if found is None else (found.count, found.why))
    assert found is None or found.last_at == world.clock.now


def failed_in_a_row(world: World, policy: str, *, since: datetime) -> int:
    """How many of the policy's latest rotations failed, as whoever judges a user is told."""
    around = world.store.around(
        ALICE, account="prod", policy=policy, counted_since=since, failed_since=since
    )
    return around.failed_in_a_row


# Limits


def _counts(world: World) -> dict[DoorName, int]:
    return dict(world.store.counts("ci", ACCOUNT, world.clock.now - DAY))


def test_a_limit_is_counted_in_the_transaction_of_the_intent(world: World) -> None:
    """The one too many is refused by figures, and nothing of its transaction is written."""
    for ref in (ALICE, BOB):
        world.begun(ref, a_rotation(ref.user_id))
    since = NOW - DAY
    with world.change(ALICE) as change:
        change.intent(Step.ISSUE, timeout_at=ENDS, limit=(1, since))

    def one_too_many() -> None:
        with world.change(BOB) as change:
            change.note_user(a_user(BOB, message="about to issue"))
            change.intent(Step.ISSUE, timeout_at=ENDS, limit=(1, since))

    with pytest.raises(LimitReached, match="prod/bob: policy ci did 1 of at most 1"):
        one_too_many()

    user = world.store.know(BOB).user
    assert user is not None
    assert (user.message, _counts(world)[DoorName.ISSUE]) == ("", 1)


@pytest.mark.parametrize(
    ("title", "outcome", "expected"),
    [
        pytest.param(None, None, 1, id="no outcome: it may have happened"),
        pytest.param(None, UNKNOWN, 1, id="unknown: it may have happened"),
        pytest.param(None, REJECTED, 0, id="rejected: it did not happen"),
        pytest.param(Title.PREDECESSOR, DONE, 1, id="a predecessor"),
        pytest.param(Title.ORPHAN, DONE, 0, id="an orphan is apart"),
        pytest.param(Title.UNDELIVERED, DONE, 0, id="an undelivered key is apart"),
    ],
)
def test_what_a_limit_counts(
    world: World, title: Title | None, outcome: JournalOutcome | None, expected: int
) -> None:
    """Requests that may have had an effect, but for those that clear up after ourselves."""
    world.begun()
    with world.change() as change:
        intent = change.intent(Step.DELETE, timeout_at=ENDS, key_id=OLD, title=title)
        if outcome is not None:
            change.outcome(intent, outcome)

    assert {DoorName.ISSUE: 0, DoorName.DEACTIVATE: 0, DoorName.DELETE: expected} == _counts(world)


@pytest.mark.parametrize(
    ("policy", "later", "expected"),
    [
        pytest.param("ci", DAY, 1, id="to the second a day ago"),
        pytest.param("ci", DAY + SECOND, 0, id="longer ago"),
        pytest.param("other", HOUR, 0, id="of another policy"),
    ],
)
def test_limits_are_per_policy_and_day(
    world: World, policy: str, later: timedelta, expected: int
) -> None:
    """The end of a freeze does not fire everything at once."""
    world.begun()
    with world.change() as change:
        change.intent(Step.ISSUE, timeout_at=ENDS, policy=policy)
    world.clock.go(later)

    assert expected == _counts(world)[DoorName.ISSUE]


F, S, N, C = "failed", "succeeded", "no answer yet", "cut off"


@pytest.mark.parametrize(
    ("lives", "expected"),
    [
        pytest.param([], 0, id="nobody"),
        pytest.param([F, F, F], 3, id="all failed"),
        pytest.param([F, S, F, F], 2, id="only those since the last success"),
        pytest.param([F, F, S], 0, id="the last succeeded"),
        pytest.param([F, N], 1, id="one that is under way is passed over"),
        pytest.param([F, C], 1, id="one that our own end broke off does not count"),
        pytest.param([F, C, F], 2, id="nor does it end the row"),
    ],
)
def test_failures_in_a_row_over_users(world: World, lives: list[str], expected: int) -> None:
    """What stops a policy from issuing a key per user into a broken world."""
    for number, life in enumerate(lives):
        ref = replace(ALICE, user_id=f"AIDA{number}")
        at = world.clock.go(SECOND)
        world.begun(ref, a_rotation(f"r{number}", begun_at=at))
        with world.change(ref) as change:
            intent = change.intent(Step.ISSUE, timeout_at=at)
            if life is F:
                change.outcome(intent, UNKNOWN if number % 2 else REJECTED)
            if life is S:
                change.outcome(intent, DONE, key_id=NEW)
                change.facts(f"r{number}", successor=NEW, delivered_at=at)
            if life is C:
                change.close(f"r{number}", at, Outcome.ORPHAN)

    assert expected == failed_in_a_row(world, "ci", since=NOW)
    assert failed_in_a_row(world, "ci", since=NOW + HOUR) == 0
    assert failed_in_a_row(world, "other", since=NOW) == 0


def test_a_user_who_failed_again_and_again_counts_once(world: World) -> None:
    """Three failures of one user are one user's trouble, not the policy's."""
    for number in range(3):
        at = world.clock.go(SECOND)
        world.begun(rotation=a_rotation(f"r{number}", begun_at=at))
        with world.change() as change:
            change.outcome(change.intent(Step.ISSUE, timeout_at=at), REJECTED)
            change.close(f"r{number}", at, Outcome.NO_EFFECT)

    assert failed_in_a_row(world, "ci", since=NOW) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("naïve 😀 \u2028", "naïve 😀 \u2028", id="any language"),
        pytest.param("cut\x00off", "cut\ufffdoff", id="NUL"),
        pytest.param("half \udc80", "half ?", id="half a character"),
    ],
)
def test_whatever_an_error_says_can_be_recorded(world: World, text: str, expected: str) -> None:
    """What cannot be stored in every database is replaced, and the record stays whole."""
    with world.change() as change:
        change.note_user(a_user(message=text))
        change.journal(Step.PROVE, REJECTED, detail=text)

    user = world.store.know(ALICE).user
    assert (expected, [expected]) == (
        user and user.message,
        [row.detail for row in world.store.history()],
    )
    assert world.store.check() == []
