"""Noticing: what a reading or a listing shows to have happened is written down first."""

from datetime import timedelta
from typing import Any

import pytest

from rotator.judgement.judge import judge
from rotator.judgement.noticing import noticed, user_gone
from rotator.model import (
    Action,
    Case,
    Close,
    Contested,
    Delivered,
    Departed,
    Doubt,
    Fact,
    HandedOver,
    KeyStatus,
    Kind,
    NotSwitchedOff,
    Outcome,
    Place,
    PlaceReached,
    Reason,
    Record,
    Selected,
    Serves,
    Step,
    SwitchedOff,
    SwitchedOn,
    Title,
    UsedAt,
    Wait,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    NEW,
    NOW,
    OLD,
    OTHER,
    SECOND,
    SETTLE,
    a_key,
    a_place,
    ago,
    an_intent,
    an_order,
    an_orphan,
    an_undelivered,
    bare,
    delivered,
    delivering,
    got,
    grace,
    idle,
    issued,
    issuing,
    leaving,
    new_key,
    off_key,
    old_key,
    recovering,
    recovery,
    used,
)


def recorded(fact: Fact, reason: Reason = Reason.SEEN) -> Record:
    """The record of one fact."""
    return Record(reason, "", fact)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(idle(), None, id="with nothing open there is nothing to note"),
        pytest.param(grace(), None, id="nothing new"),
        pytest.param(issuing(), None, id="a create without an answer shows nothing"),
        pytest.param(
            grace(selection=Selected("other")),
            recorded(HandedOver("other")),
            id="another policy selects the user, and takes over",
        ),
        pytest.param(
            grace(selection=Contested(("a", "b"))), None, id="two policies take nothing over"
        ),
        pytest.param(
            delivering(places=(a_place(reading=Serves(NEW)),)),
            recorded(PlaceReached(Place("file", "a"))),
            id="a put without an answer is seen to have happened",
        ),
        pytest.param(
            delivering(places=(a_place(reading=Serves(NEW), readable=False),)),
            None,
            id="what a write-only place shows is no delivery",
        ),
        pytest.param(
            delivering(places=(a_place(reading=Serves(NEW), owner="AIDAOTHER"),)),
            None,
            id="what another user's place shows is no delivery",
        ),
        pytest.param(
            delivering(rotation=issued(HOUR, proven_at=ago(HOUR)), places=(got(after=HOUR),)),
            recorded(Delivered()),
            id="proven and in every place: grace starts",
        ),
        pytest.param(
            delivering(places=(got(after=HOUR),)), None, id="in every place, but not proven"
        ),
        pytest.param(
            delivering(
                rotation=issued(HOUR, proven_at=ago(HOUR)), places=(got(after=HOUR), a_place("b"))
            ),
            None,
            id="one place lacks it",
        ),
        pytest.param(
            delivering(rotation=issued(HOUR, proven_at=ago(HOUR)), places=(a_place(sink_id=None),)),
            None,
            id="no place that a policy names is no delivery",
        ),
        pytest.param(
            delivering(rotation=issued(HOUR, proven_at=ago(HOUR)), places=()),
            None,
            id="no place at all is no delivery",
        ),
        pytest.param(
            delivering(rotation=issued(HOUR, kind=Kind.LEAVE, proven_at=ago(HOUR))),
            None,
            id="a leaving delivers nothing",
        ),
    ],
)
def test_what_was_reached_is_noted(world: Case, expected: Action | None) -> None:
    """Only a reading of a readable place of ours shows a delivery; all of them start grace."""
    assert expected == bare(noticed(world))


EVIDENCE = {OLD: used(30 * DAY)}


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            grace(old_key(off=MINUTE), new_key(), rotation=delivered(evidence=EVIDENCE)),
            recorded(SwitchedOff(OLD, NOW, EVIDENCE)),
            id="our request without an answer did it: the clock starts now, not then",
        ),
        pytest.param(
            grace(old_key(off=3 * DAY), new_key()),
            recorded(SwitchedOff(OLD, NOW)),
            id="a person did it: it rests from now on",
        ),
        pytest.param(
            grace(old_key(off=3 * DAY), new_key(), listed_at=None),
            None,
            id="a status that was not seen in this visit is noted in another",
        ),
        pytest.param(
            grace(old_key(off=3 * DAY, missing_since=NOW), new_key()),
            None,
            id="a key that is not listed is not seen Inactive",
        ),
        pytest.param(
            grace(old_key(status=KeyStatus.EXPIRED), new_key()), None, id="Expired is not Inactive"
        ),
        pytest.param(recovery(), None, id="noted before"),
        pytest.param(
            delivering(keys=(old_key(off=DAY), a_key(NEW, HOUR))),
            None,
            id="before the delivery a predecessor does not rest",
        ),
        pytest.param(
            an_undelivered(a_key(NEW, 3 * DAY, off=MINUTE)),
            recorded(SwitchedOff(NEW, ago(MINUTE))),
            id="an undelivered key needs no delivery to rest",
        ),
        pytest.param(
            delivering(
                keys=(a_key(age=60 * DAY, off=MINUTE), a_key(NEW, HOUR)),
                rotation=issued(HOUR, leaver=OLD, title=Title.COMPROMISED),
            ),
            recorded(SwitchedOff(OLD, NOW)),
            id="one in the wrong hands rests although its successor is not delivered",
        ),
        pytest.param(
            delivering(rotation=delivered(HOUR, kind=Kind.FIRST, predecessor=None)),
            None,
            id="nobody leaves",
        ),
    ],
)
def test_switched_off_is_noted(world: Case, expected: Action | None) -> None:
    """An Inactive leaver rests from the moment at which it is seen: late, never early."""
    assert expected == bare(noticed(world))


ON = {"key_id": OLD, "hold": Reason.REACTIVATED}


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            recovery(old_key(), new_key()),
            recorded(SwitchedOn(OLD, Reason.REACTIVATED), Reason.REACTIVATED),
            id="a person reactivated it: hold",
        ),
        pytest.param(
            recovery(old_key(), new_key(), rotation=recovering(SETTLE)),
            recorded(SwitchedOn(OLD, Reason.REACTIVATED), Reason.REACTIVATED),
            id="`settle` after it was switched off a listing is no longer stale",
        ),
        pytest.param(
            recovery(old_key(), new_key(), rotation=recovering(SETTLE - SECOND)),
            None,
            id="within `settle` Active is a stale answer",
        ),
        pytest.param(
            recovery(old_key(), new_key(), intents=(an_intent(Step.REACTIVATE, HOUR),)),
            recorded(SwitchedOn(OLD)),
            id="our own reactivation without an answer holds nobody",
        ),
        pytest.param(
            recovery(old_key(), new_key(), listed_at=None),
            None,
            id="what was not listed was not seen",
        ),
        pytest.param(an_orphan(a_key(NEW, 3 * DAY)), None, id="an orphan is left to late evidence"),
        pytest.param(
            an_undelivered(rotation=leaving(Title.UNDELIVERED, deactivated_at=ago(DAY))),
            recorded(SwitchedOn(NEW, Reason.REACTIVATED), Reason.REACTIVATED),
            id="a person revived an undelivered key: hold",
        ),
    ],
)
def test_switched_on_is_noted(world: Case, expected: Action | None) -> None:
    """Active again, past the time in which a listing may be stale, is somebody's doing."""
    assert expected == bare(noticed(world))


def doubtful(age: timedelta = HOUR, **facts: Any) -> Case:  # noqa: ANN401 - facts of a case
    """A request to switch the predecessor off got no answer, and it is seen Active."""
    made = {"intents": (an_intent(Step.DEACTIVATE, age),)}
    return grace(**{**made, "rotation": delivered(evidence={OLD: NEVER}), **facts})


NOT_DONE = recorded(NotSwitchedOff(OLD))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(doubtful(), NOT_DONE, id="after the wait it was not done"),
        pytest.param(doubtful(MINUTE), None, id="within the wait it may still come"),
        pytest.param(
            doubtful(contradicted=frozenset({OLD})), None, id="a listing that may be stale"
        ),
        pytest.param(doubtful(listed_at=None), None, id="no listing"),
        pytest.param(
            doubtful(rotation=delivered()), None, id="nothing was decided, so nothing is forgotten"
        ),
        pytest.param(doubtful(keys=(new_key(),)), None, id="the key is gone"),
    ],
)
def test_a_switch_that_was_not_done_is_noted(world: Case, expected: Action | None) -> None:
    """Or a person's switch later would be taken for ours."""
    assert expected == bare(noticed(world))


GONE = Close(Reason.GONE, "", outcome=Outcome.GONE)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(
            idle(user_missing_since=ago(DAY)),
            Record(Reason.GONE, "", Departed()),
            id="with nothing open its places are let go",
        ),
        pytest.param(
            idle(user_missing_since=ago(DAY), places=(), orders=(an_order(),)),
            Record(Reason.GONE, "", Departed()),
            id="an order for a user who is gone has no object",
        ),
        pytest.param(
            idle(user_missing_since=ago(DAY), places=(a_place(claimed=False),)),
            Wait(Reason.GONE, ""),
            id="with nothing left there is nothing to do",
        ),
        pytest.param(
            idle(user_missing_since=ago(DAY), intents=(an_intent(Step.DELIVER, MINUTE),)),
            None,
            id="a put may still be under way: its place is nobody else's yet",
        ),
        pytest.param(grace(), None, id="the user is listed"),
        pytest.param(
            grace(user_missing_since=NOW), None, id="one listing without the user is no evidence"
        ),
        pytest.param(
            grace(user_missing_since=ago(SETTLE - SECOND)), None, id="two, but too close together"
        ),
        pytest.param(grace(user_missing_since=ago(SETTLE)), GONE, id="two, `settle` apart"),
        pytest.param(
            grace(user_missing_since=ago(DAY), users_listed_at=None),
            None,
            id="no whole listing of users",
        ),
        pytest.param(
            grace(user_missing_since=ago(SETTLE), users_listed_at=ago(SECOND)),
            None,
            id="the second listing was made too early",
        ),
        pytest.param(
            grace(user_missing_since=ago(DAY), intents=(an_intent(Step.DEACTIVATE, MINUTE),)),
            None,
            id="a request is unsettled: nothing is concluded",
        ),
        pytest.param(
            grace(user_missing_since=ago(DAY), listed_at=None),
            GONE,
            id="the keys of a user who is gone cannot be listed",
        ),
    ],
)
def test_user_gone(world: Case, expected: Action | None) -> None:
    """A user is gone when two complete listings, `settle` apart, lack the UserId."""
    assert expected == bare(user_gone(world))


def test_what_is_noted_is_decided_on_only_in_the_next_step() -> None:
    """Facts come before decisions: one action at a time."""
    world = recovery(off_key(), new_key(), rotation=recovering(deactivated_at=None))

    assert recorded(SwitchedOff(OLD, NOW, {OLD: UsedAt(ago(60 * DAY), "s3", "eu-north-1")})) == (
        bare(judge(world))
    )


def test_a_user_who_is_gone_is_closed_before_anything_else() -> None:
    """Nothing can be done for a user who does not exist."""
    world = grace(user_missing_since=ago(DAY), selection=Selected(OTHER))

    assert bare(judge(world)) == GONE


PROVEN = issued(20 * DAY, own_use_at=ago(20 * DAY), proven_at=ago(20 * DAY))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, Record(Reason.SEEN, "", Delivered()), id="every place has it"),
        pytest.param({"place_problem": "no tag team"}, None, id="one place has no name"),
        pytest.param(
            {"doubts": (Doubt(Reason.SINK, "no account", hard=False),)}, None, id="one is in doubt"
        ),
    ],
)
def test_a_part_of_the_places_is_never_all_of_them(
    facts: dict[str, Any], expected: Record | None
) -> None:
    """Grace starts once every place that the policy names has the key, as far as all are known."""
    assert expected == bare(noticed(grace(rotation=PROVEN, **facts)))
