"""Whatever the world: the judgement answers, answers the same again, and harms by title only."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from rotator.judgement.beginning import due_at, is_curious, overdue
from rotator.judgement.judge import judge
from rotator.judgement.phases import phase_of
from rotator.model import (
    Absent,
    AccessKey,
    Case,
    Close,
    Contested,
    Deactivate,
    Delete,
    Deliver,
    DoorName,
    Doubt,
    Empty,
    Excluded,
    Failures,
    Freeze,
    Hold,
    Intent,
    Issue,
    KeyStatus,
    Kind,
    Limits,
    Name,
    NeverUsed,
    Obey,
    Order,
    Place,
    PlaceState,
    Policy,
    Reactivate,
    Reason,
    Record,
    Rotation,
    Scope,
    Selected,
    Selector,
    Serves,
    Shut,
    Signer,
    SigningKey,
    Step,
    Stop,
    Stranger,
    Timing,
    Title,
    Unreadable,
    Unselected,
    UsedAt,
    UseUnknown,
    Verb,
    Wait,
    Window,
    WrittenAt,
)
from tests.judgement.worlds import (
    DAY,
    HOUR,
    NOW,
    SECOND,
    USER,
    an_orphan,
    an_undelivered,
    grace,
    idle,
    recovery,
)
from tests.judgement.worlds import delivering as a_delivering
from tests.judgement.worlds import issuing as an_issuing

IDS = ("AKIAONE", "AKIATWO", "AKIATHREE")
ACTIONS = (
    Issue, Deliver, Deactivate, Reactivate, Delete, Record, Name, Close, Obey, Wait, Stop, Shut
)  # fmt: skip

spans = st.one_of(
    st.sampled_from(
        [timedelta(0), SECOND, timedelta(minutes=5), HOUR, 7 * DAY, 14 * DAY, 50 * DAY]
    ),
    st.timedeltas(timedelta(0), 120 * DAY),
)
lengths = st.one_of(st.timedeltas(timedelta(milliseconds=1), 120 * DAY), st.just(400 * DAY))
past = spans.map(lambda span: NOW - span)
future = spans.map(lambda span: NOW + span)
ids = st.sampled_from(IDS)
maybe_id = st.none() | ids
maybe_past = st.none() | past
words = st.just("why")

last_uses = st.one_of(st.builds(UsedAt, past), st.just(NeverUsed()), st.builds(UseUnknown, words))
keys = st.builds(
    AccessKey,
    key_id=ids,
    status=st.sampled_from(KeyStatus),
    created_at=past,
    last_use=last_uses,
    status_since=past,
    first_seen_at=past,
    last_seen_at=past,
    missing_since=maybe_past,
)
some_keys = st.lists(keys, max_size=3, unique_by=lambda key: key.key_id).map(
    lambda made: tuple(sorted(made, key=lambda key: (key.created_at, key.key_id)))
)
signers = st.builds(
    Signer, st.just("one"), words, st.builds(SigningKey, ids, words, moves=st.booleans())
)
failures = st.none() | st.builds(Failures, st.integers(1, 2000), past, words)
readings = st.one_of(
    st.none(),
    st.builds(Serves, ids | st.just("AKIASTRANGE")),
    st.just(Empty()),
    st.just(Absent()),
    st.builds(Stranger, words),
    st.builds(Unreadable, words),
    st.builds(WrittenAt, maybe_past),
)


@st.composite
def some_places(draw: st.DrawFn) -> tuple[PlaceState, ...]:
    """Up to three places, each in any state."""
    return tuple(
        draw(
            st.builds(
                PlaceState,
                place=st.just(Place("file", name)),
                readable=st.booleans(),
                sink_id=st.none() | st.just(name),
                owner=st.none() | st.none() | st.just("AIDAOTHER"),
                claimed=st.booleans(),
                reading=readings,
                check=st.none() | st.none() | words,
                begun_key=maybe_id,
                answered_key=maybe_id,
                written_at=maybe_past,
                delivered_at=maybe_past,
                failures=failures,
                create=st.booleans(),
            )
        )
        for name in draw(st.sets(st.sampled_from("abc")))
    )


FACTS = {
    "rotation_id": st.just("r1"),
    "policy": st.just("ci"),
    "begun_at": past,
    "titled_at": maybe_past,
    "evidence": st.dictionaries(ids, last_uses),
    "deactivated_at": maybe_past,
    "promised_at": st.none() | past | future,
    "blocked_at": maybe_past,
    "now": st.booleans(),
    "order_id": st.none() | st.integers(1, 3),
}
PROGRESS = {"own_use_at": maybe_past, "proven_at": maybe_past, "delivered_at": maybe_past}

issuing = {
    Kind.REPLACE: st.builds(Rotation, kind=st.just(Kind.REPLACE), predecessor=ids, **FACTS),
    Kind.FIRST: st.builds(Rotation, kind=st.just(Kind.FIRST), **FACTS),
}
delivering = st.builds(
    Rotation,
    kind=st.just(Kind.REPLACE),
    predecessor=st.just(IDS[0]),
    successor=st.just(IDS[1]),
    issued_at=past,
    **PROGRESS,
    **FACTS,
)
first = st.builds(
    Rotation,
    kind=st.just(Kind.FIRST),
    successor=st.just(IDS[1]),
    issued_at=past,
    **PROGRESS,
    **FACTS,
)
leaving = st.builds(
    Rotation,
    kind=st.just(Kind.LEAVE),
    predecessor=maybe_id,
    leaver=ids,
    title=st.sampled_from([title for title in Title if title is not Title.PREDECESSOR]),
    **FACTS,
)
rotations = st.one_of(
    st.none(), issuing[Kind.REPLACE], issuing[Kind.FIRST], delivering, first, leaving
)
selections = st.one_of(
    st.just(Selected("ci")),
    st.just(Selected("other")),
    st.just(Unselected()),
    st.just(Excluded("ci", "vendor")),
    st.just(Contested(("a", "b"))),
)
windows = st.builds(
    Window,
    days=st.frozensets(st.integers(0, 6)),
    opens=st.none() | st.times(),
    closes=st.none() | st.times(),
    timezone=st.sampled_from([UTC, ZoneInfo("Europe/Oslo"), ZoneInfo("Pacific/Auckland")]),
) | st.just(Window(frozenset(range(5)), time(9), time(15), ZoneInfo("Europe/Oslo")))
policies = st.builds(
    Policy,
    name=st.just("ci"),
    include=st.just((Selector(name="*"),)),
    rotate_after=lengths,
    window=st.none() | windows,
    max_age=lengths,
    grace_period=lengths,
    quiet_period=lengths,
    require_first_use=st.booleans(),
    recovery_period=lengths,
    unused_after=lengths,
    provision=st.booleans(),
    approve=st.frozensets(st.sampled_from(DoorName)),
    limits=st.builds(Limits, *[st.integers(0, 3)] * 4),
)
ENDS = st.one_of(future, st.just(datetime(9999, 12, 31, tzinfo=UTC)))
freezes = st.builds(Freeze, name=words, starts_at=past | future, until=ENDS)
intents = st.builds(
    Intent,
    step=st.sampled_from(Step),
    at=past,
    timeout_at=past | future,
    key_id=maybe_id,
)
orders = st.builds(
    Order,
    order_id=st.integers(1, 3),
    verb=st.sampled_from(Verb),
    given_at=past,
    actor=words,
    key_id=maybe_id,
    enforce=st.booleans(),
    compromised=st.booleans(),
    contain_first=st.booleans(),
    now=st.booleans(),
    action=st.none() | st.sampled_from(DoorName),
    accepted_at=st.none() | past,
    open_since=st.none() | past,
)
doubts = st.builds(
    Doubt,
    reason=st.sampled_from([Reason.LEASE, Reason.CLOCK, Reason.AWS_UNAVAILABLE]),
    message=words,
    until=st.none() | future,
    hard=st.booleans(),
)
timings = st.just(Timing()) | st.builds(
    Timing, settle=lengths, last_used_lag=lengths, request_timeout=lengths
)


def rarely(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    """One of them now and then, so that worlds without one are the rule."""
    return st.just(()) | st.just(()) | st.lists(strategy, max_size=2).map(tuple)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any well-formed case: a policy is missing only where none selects the user."""
    selection = draw(selections)
    needed = isinstance(selection, Selected)
    return draw(
        st.builds(
            Case,
            now=st.just(NOW),
            timing=timings,
            user=st.just(USER),
            selection=st.just(selection),
            policy=policies if needed else st.none() | policies,
            enforced=st.booleans(),
            listed_at=st.none() | st.just(NOW) | past,
            users_listed_at=maybe_past,
            user_missing_since=st.none() | st.none() | past,
            keys=some_keys,
            former=st.frozensets(ids, max_size=1),
            rotation=rotations,
            places=some_places(),
            place_problem=st.none() | st.none() | words,
            intents=rarely(intents),
            failures=st.dictionaries(st.sampled_from(Step), failures.filter(bool), max_size=2),
            restart=failures,
            orders=rarely(orders),
            hold=st.none() | st.builds(Hold, st.sampled_from(Scope), past, words),
            agreed=st.none() | st.none() | words,
            freezes=rarely(freezes),
            counts=st.dictionaries(st.sampled_from(DoorName), st.integers(0, 60)),
            failed_in_a_row=st.integers(0, 5),
            failed_until=st.none() | future,
            signers=st.lists(signers, max_size=2).map(tuple),
            quarantined_since=st.none() | st.none() | past,
            secret_at_hand=st.booleans(),
            doubts=rarely(doubts),
        )
    )


RIPE = (
    idle(), an_issuing(), a_delivering(), grace(), recovery(), an_orphan(), an_undelivered()
)  # fmt: skip
"""Worlds in which something is done, and that a little may change."""


@st.composite
def disturbed(draw: st.DrawFn) -> Case:
    """A world in which something is done, with one or two of its parts as they come."""
    world, other = draw(st.sampled_from(RIPE)), draw(cases())
    names = draw(st.sets(st.sampled_from([f.name for f in fields(Case)]), max_size=2))
    if names & {"selection", "policy"}:
        names |= {"selection", "policy"}
    return replace(world, **{name: getattr(other, name) for name in names})


worlds = cases() | disturbed()


@given(worlds)
def test_every_world_is_answered_and_answered_alike(case: Case) -> None:
    """No well-formed case makes the judgement fail, and none makes it change its mind."""
    action = judge(case)

    assert isinstance(action, ACTIONS)
    assert action.message
    assert action == judge(case)


@given(disturbed())
def test_harm_is_by_title_and_in_no_doubt(case: Case) -> None:
    """Whatever the world: titled, not held, not in doubt, listed, known; Active: never deleted."""
    action = judge(case)
    if not isinstance(action, Deactivate | Delete):
        return
    key, rotation = case.key(action.key_id), case.open

    assert key is not None
    assert key.is_listed
    assert not isinstance(key.last_use, UseUnknown)
    assert action.key_id == (rotation.leaver if rotation.title else rotation.predecessor)
    assert case.hold is None
    assert not case.doubts
    assert case.listed_at is not None
    assert isinstance(action, Deactivate) or key.status is KeyStatus.INACTIVE


@given(worlds)
def test_what_is_shown_of_a_world_is_answered_too(case: Case) -> None:
    """Phases, dates and alarms are told of every world."""
    leaver = case.key(case.rotation.leaving) if case.rotation else None

    assert isinstance(overdue(case), bool)
    assert isinstance(is_curious(case), bool)
    assert phase_of(case.rotation, leaver) in phase_of(case.rotation, leaver).__class__
    assert all(due_at(case, key) or case.policy is None for key in case.keys)
