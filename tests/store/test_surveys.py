"""What surveys of whole accounts leave on record, without a lease on any user."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event

from rotator.model import NeverUsed, ReportedKey, UsedAt, UserRef, UseUnknown
from rotator.store import KeyUse, SurveyRow
from tests.store.worlds import (
    ACCOUNT,
    ALICE,
    BOB,
    DAY,
    HOUR,
    MINUTE,
    NOW,
    OLD,
    World,
    a_key,
    a_user,
)

SURVEY = SurveyRow(
    ACCOUNT,
    "prod",
    NOW,
    users=3,
    report_at=NOW - HOUR,
    report_digest="d1",
    uncovered=1,
    root_keys=0,
)
SLOTS = (
    ReportedKey(is_active=True, rotated_at=NOW - DAY, last_use=UsedAt(NOW - HOUR, "s3", "eu")),
    ReportedKey(is_active=False, rotated_at=None, last_use=UseUnknown("no_information")),
)


def test_the_latest_survey_of_each_account_is_kept(world: World) -> None:
    """One row for each account, whatever it is called now."""
    world.store.note_survey(SURVEY)
    world.store.note_survey(replace(SURVEY, account_id="444455556666", account="dev", why="denied"))
    world.store.note_survey(replace(SURVEY, account="production", users=4, uncovered=None))

    found = world.store.surveys()

    assert set(found) == {ACCOUNT, "444455556666"}
    assert found[ACCOUNT] == replace(SURVEY, account="production", users=4, uncovered=None)
    assert found["444455556666"].why == "denied"


def test_a_later_use_is_kept_with_the_silence_before_it(world: World) -> None:
    """An earlier one changes nothing, and a key that nobody listed is not made up."""
    with world.change() as change:
        change.note_user(a_user())
        change.sight([a_key(OLD, UsedAt(NOW - 10 * DAY, "s3", "eu"))])
    later = UsedAt(NOW - 3 * DAY, "ec2", "us")

    world.store.note_uses(ACCOUNT, [KeyUse(ALICE, OLD, later), KeyUse(ALICE, "AKIAUNKNOWN", later)])
    world.store.note_uses(ACCOUNT, [KeyUse(ALICE, OLD, UsedAt(NOW - 5 * DAY, "s3", "eu"))])

    (row,) = world.store.users()[0].keys
    assert row.key.last_use == later
    assert row.longest_silence == 7 * DAY


@pytest.mark.parametrize(
    "before", [NeverUsed(), UseUnknown("throttled")], ids=lambda use: type(use).__name__
)
def test_a_first_use_ends_never_and_unknown(world: World, before: NeverUsed | UseUnknown) -> None:
    """A key that was never used was silent since it was made; of one unknown nothing is said."""
    with world.change() as change:
        change.note_user(a_user())
        change.sight([a_key(OLD, before)])

    world.store.note_uses(ACCOUNT, [KeyUse(ALICE, OLD, UsedAt(NOW, "s3", "eu"))])

    (row,) = world.store.users()[0].keys
    assert row.key.last_use == UsedAt(NOW, "s3", "eu")
    assert row.longest_silence == (90 * DAY if isinstance(before, NeverUsed) else None)


def test_keys_of_the_report_are_kept_of_whom_nobody_listed(world: World) -> None:
    """And of nobody else: where keys were listed, they are on record themselves."""
    world.store.note_users([a_user(ALICE, source="report"), a_user(BOB)])

    world.store.note_reported(ACCOUNT, {"AIDAALICE": SLOTS, "AIDABOB": SLOTS, "AIDAEVE": SLOTS})

    rows = {row.user.ref: row for row in world.store.users()}
    assert rows[ALICE].reported == SLOTS
    assert rows[BOB].reported == ()
    assert UserRef(ACCOUNT, "AIDAEVE") not in rows


def test_keys_of_the_report_go_when_the_keys_are_listed(world: World) -> None:
    """What was listed is better than what was reported."""
    world.store.note_users([a_user(ALICE, source="report")])
    world.store.note_reported(ACCOUNT, {"AIDAALICE": SLOTS})
    with world.change() as change:
        change.note_user(a_user(as_of=NOW + MINUTE))

    world.store.note_reported(ACCOUNT, {"AIDABOB": SLOTS})
    with world.change() as change:
        change.note_user(a_user(source="report", as_of=NOW + 2 * MINUTE))

    assert world.store.users()[0].reported == ()


def test_what_is_not_new_is_not_written(world: World) -> None:
    """An idle account costs its store nothing but looks."""
    world.store.note_users([a_user(ALICE, source="report")])
    world.store.note_reported(ACCOUNT, {"AIDAALICE": SLOTS})
    statements: list[str] = []
    event.listen(
        world.store._database.engine,
        "before_cursor_execute",
        lambda *call: statements.append(str(call[2])),
    )

    world.store.note_reported(ACCOUNT, {"AIDAALICE": SLOTS})
    world.store.note_uses(ACCOUNT, [])

    assert [text for text in statements if text.startswith(("INSERT", "UPDATE", "DELETE"))] == []


def test_a_user_who_is_to_be_looked_at_is_a_moment(world: World) -> None:
    """At its time, and not before."""
    world.store.note_users([a_user(ALICE, source="report", look_at=NOW + HOUR)])

    assert world.store.next_moment() == NOW + HOUR
    assert world.store.moments(NOW) == []
    assert [ref for ref, *_ in world.store.moments(NOW + HOUR)] == [ALICE]


def test_one_account_is_read_alone(world: World) -> None:
    """With what the report told of it."""
    other = UserRef("444455556666", "AIDACAROL")
    world.store.note_users([a_user(ALICE), a_user(other, source="report")])
    world.store.note_reported("444455556666", {"AIDACAROL": SLOTS})

    (row,) = world.store.users("444455556666")

    assert (row.user.ref, row.reported) == (other, SLOTS)


def test_a_few_users_are_read_without_the_others(world: World) -> None:
    """As everybody is, and by account and id; of nobody, nothing is asked."""
    other = UserRef("444455556666", "AIDAALICE")
    world.begun(ALICE)
    world.store.note_users([a_user(BOB), a_user(other)])
    everybody = {row.user.ref: row for row in world.store.users()}

    assert world.store.standings([ALICE]) == [everybody[ALICE]]
    assert {row.user.ref for row in world.store.standings([ALICE, BOB])} == {ALICE, BOB}
    assert world.store.standings([]) == []
