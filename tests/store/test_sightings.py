"""What was seen: kept for ever, and written only when it says something new."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import StatementError

from rotator.errors import StoreError
from rotator.model import KeyStatus, Mode, NeverUsed, Phase, Reason, UsedAt, UserRef, UseUnknown
from rotator.store import KeyRow
from tests.store.worlds import (
    ACCOUNT,
    ALICE,
    BOB,
    DAY,
    HOUR,
    MINUTE,
    NEW,
    NOW,
    OLD,
    SECOND,
    a_key,
    a_user,
    an_order,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from rotator.model import AccessKey, LastUse
    from tests.store.worlds import World

EVERYTHING = a_user(
    path="/ci/",
    arn="arn:aws:iam::111122223333:user/ci/alice",
    mode=Mode.ENFORCE,
    phase=Phase.GRACE,
    reason=Reason.NOT_QUIET,
    message="used 3 h ago",
    blocked="hold",
    blocked_reason=Reason.REACTIVATED,
    blocked_message="somebody reactivated it",
    blocked_since=NOW,
    blocked_by="eve",
    blocked_until=NOW + DAY,
    uncovered=True,
    missing_since=NOW,
    quarantined_since=NOW,
    next_at=NOW + HOUR,
    due_at=NOW + DAY,
    overdue=True,
    source="report",
)


def test_everything_known_of_a_user_reads_as_it_was_written(world: World) -> None:
    """No field is lost on the way."""
    with world.change() as change:
        change.note_user(a_user())
        change.note_user(EVERYTHING)

    assert world.store.know(ALICE).user == EVERYTHING


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, False, id="nothing new"),
        pytest.param({"as_of": NOW + MINUTE - SECOND}, False, id="seen again within a minute"),
        pytest.param({"as_of": NOW + MINUTE}, True, id="seen again a minute later"),
        pytest.param({"as_of": NOW + SECOND, "overdue": True}, True, id="something else changed"),
        pytest.param({"as_of": None}, True, id="no longer known when"),
    ],
)
def test_a_user_is_written_only_when_something_changed(
    world: World, changes: dict[str, Any], *, expected: bool
) -> None:
    """A sweep that learns nothing writes nothing."""
    world.known_user()
    user = a_user(**changes)
    with world.change() as change:
        written = change.note_user(user)

    assert expected == written
    assert (user if expected else a_user()) == world.store.know(ALICE).user


def test_a_lease_gives_no_right_to_note_another_user(world: World) -> None:
    """Whose row it is was decided when the lease was taken."""
    with pytest.raises(StoreError, match="prod/bob is not the user"), world.change() as change:
        change.note_user(a_user(BOB))


def test_every_key_ever_listed_stays_known(world: World) -> None:
    """Missing and deleted ones too; those known to be deleted are told apart."""
    old, new = a_key(OLD), a_key(NEW, status=KeyStatus.INACTIVE)
    missing = replace(old, missing_since=NOW + HOUR)
    with world.change() as change:
        change.note_user(a_user())
        change.sight([old, new])
        change.sight([missing])

    known = world.store.know(ALICE)
    assert ((new, missing), frozenset()) == (known.keys, known.former)

    with world.change() as change:
        change.gone(OLD, NOW + DAY)
        change.gone(NEW, NOW + DAY)

    known = world.store.know(ALICE)
    assert (replace(new, missing_since=NOW + DAY), missing) == known.keys
    assert frozenset({OLD, NEW}) == known.former


def test_a_key_that_is_listed_again_is_not_deleted(world: World) -> None:
    """Which listing is stale is judged by those who made it."""
    with world.change() as change:
        change.note_user(a_user())
        change.sight([a_key()])
        change.gone(OLD, NOW)
        change.sight([a_key()])

    known = world.store.know(ALICE)
    assert ((a_key(),), frozenset()) == (known.keys, known.former)


def _updates(world: World) -> list[str]:
    """The statements that change a key from now on."""
    found: list[str] = []

    def note(*call: object) -> None:
        if str(call[2]).startswith("UPDATE keys"):
            found.append(str(call[2]))

    event.listen(world.store._database.engine, "before_cursor_execute", note)
    return found


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(a_key(), 0, id="as before"),
        pytest.param(a_key(seen_at=NOW + DAY - SECOND), 0, id="listed again within a day"),
        pytest.param(a_key(seen_at=NOW + DAY), 1, id="listed again a day later"),
        pytest.param(a_key(last_use=UsedAt(NOW)), 1, id="used"),
        pytest.param(a_key(status=KeyStatus.INACTIVE), 1, id="switched off"),
    ],
)
def test_a_key_is_written_only_when_something_changed(
    world: World, seen: AccessKey, expected: int
) -> None:
    """That it is still listed is worth a row a day."""
    with world.change() as change:
        change.note_user(a_user())
        change.sight([a_key()])
    updates = _updates(world)
    with world.change() as change:
        change.sight([seen])

    assert expected == len(updates)


@pytest.mark.parametrize(
    ("uses", "silence", "last"),
    [
        pytest.param([NeverUsed()], None, NeverUsed(), id="never used"),
        pytest.param(
            [NeverUsed(), UsedAt(NOW)], 90 * DAY, UsedAt(NOW), id="first use: since it was made"
        ),
        pytest.param([UsedAt(NOW)], None, UsedAt(NOW), id="used before it was first seen"),
        pytest.param(
            [UsedAt(NOW), UsedAt(NOW + 9 * DAY), UsedAt(NOW + 10 * DAY)],
            9 * DAY,
            UsedAt(NOW + 10 * DAY),
            id="the longest of several",
        ),
        pytest.param(
            [UsedAt(NOW), UseUnknown("denied"), UsedAt(NOW + 3 * DAY)],
            3 * DAY,
            UsedAt(NOW + 3 * DAY),
            id="over a time when it could not be read",
        ),
        pytest.param(
            [UsedAt(NOW), UseUnknown("denied")],
            None,
            UseUnknown("denied"),
            id="what cannot be read is unknown, not as before",
        ),
        pytest.param([UseUnknown("denied"), UsedAt(NOW)], None, UsedAt(NOW), id="first known use"),
    ],
)
def test_the_longest_silence_between_two_uses_is_remembered(
    world: World, uses: list[LastUse], silence: timedelta | None, last: LastUse
) -> None:
    """A key that is used once a month is found out in no other way."""
    with world.change() as change:
        change.note_user(a_user())
        for use in uses:
            change.sight([a_key(last_use=use)])

    expected = KeyRow(ALICE, a_key(last_use=last), longest_silence=silence)
    assert [expected] == world.store.find_key(OLD)


# What a survey says, without a lease


def test_a_survey_writes_what_changed(world: World) -> None:
    """Users of several accounts, new and known ones."""
    world.known_user()
    away = UserRef("444455556666", "AIDACAROL")
    rows = [a_user(), a_user(BOB), a_user(away, account="dev")]

    assert world.store.note_users(rows) == 2
    assert world.store.note_users(rows) == 0

    expected = ["dev/carol", "prod/alice", "prod/bob"]
    assert expected == [str(standing.user) for standing in world.store.users()]


def _rotates(world: World) -> None:
    world.begun()


def _is_leased(world: World) -> None:
    world.known_user()
    world.lease()


def _has_an_order(world: World) -> None:
    world.known_user()
    world.store.give(ALICE, an_order())


def _was_seen_later(world: World) -> None:
    with world.change() as change:
        change.note_user(a_user(as_of=NOW + SECOND))


@pytest.mark.parametrize("happens", [_rotates, _is_leased, _has_an_order, _was_seen_later])
def test_a_survey_leaves_alone_whom_somebody_looks_at(
    world: World, happens: Callable[[World], None]
) -> None:
    """The report is hours old; whoever looks live knows better."""
    happens(world)

    assert world.store.note_users([a_user(message="from the report")]) == 0


def test_users_missing_from_a_complete_listing_are_told_since_when(world: World) -> None:
    """The first listing that lacked them counts, and a later one may take it back."""
    for ref in (ALICE, BOB, UserRef("444455556666", "AIDACAROL")):
        world.known_user(ref)

    def missing() -> list[object]:
        return [standing.user.missing_since for standing in world.store.users()]

    world.store.note_missing(ACCOUNT, {"AIDABOB"}, NOW)
    world.store.note_missing(ACCOUNT, ["AIDABOB"], NOW + HOUR)

    assert missing() == [NOW, None, None]

    world.store.note_missing(ACCOUNT, {"AIDAALICE", "AIDABOB"}, NOW + DAY)

    assert missing() == [None, None, None]


def test_a_moment_without_a_time_zone_is_not_stored(world: World) -> None:
    """Whose noon it was could never be told again."""
    with pytest.raises(StatementError, match="no time zone"), world.change() as change:
        change.note_user(a_user(next_at=NOW.replace(tzinfo=None)))
