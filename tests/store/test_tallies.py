"""Counting where everybody stands, at no row for each user."""

from __future__ import annotations

from sqlalchemy import event

from rotator.model import KeyStatus, NeverUsed, Phase, Reason, ReportedKey, UserRef
from tests.store.worlds import ACCOUNT, ALICE, BOB, DAY, NEW, NOW, OLD, World, a_key, a_user

EVE = UserRef(ACCOUNT, "AIDAEVE")


def test_everybody_is_counted_by_where_they_stand(world: World) -> None:
    """Whom no policy selects is not; a stop is counted by its reason, and overdue by itself."""
    world.store.note_users(
        [
            a_user(ALICE, blocked="stop", blocked_reason=Reason.FOREIGN_KEY, overdue=True),
            a_user(BOB, phase=Phase.GRACE),
            a_user(EVE, policy=None),
        ]
    )

    tally = world.store.tally()

    assert tally.standing == {("prod", "ci", Phase.IDLE): 1, ("prod", "ci", Phase.GRACE): 1}
    assert tally.blocked == {("ci", Reason.FOREIGN_KEY): 1}
    assert tally.overdue == {"ci": 1}


def test_the_oldest_active_key_is_told(world: World) -> None:
    """Of those that are listed still; and of those that only a report tells of."""
    with world.change() as change:
        change.note_user(a_user())
        change.sight([a_key(OLD, status=KeyStatus.INACTIVE), a_key(NEW)])
    assert world.store.tally().oldest == {("prod", "ci"): NOW - 90 * DAY}
    world.store.note_users([a_user(BOB, source="report")])
    slot = ReportedKey(is_active=True, rotated_at=NOW - 99 * DAY, last_use=NeverUsed())
    world.store.note_reported(ACCOUNT, {"AIDABOB": (slot,)})

    with world.change() as change:
        change.gone(NEW, NOW)

    assert world.store.tally().oldest == {("prod", "ci"): NOW - 99 * DAY}


def test_who_has_a_rotation_open_is_found(world: World) -> None:
    """With the names by which they are visited."""
    world.known_user(BOB)
    world.begun(ALICE)

    assert world.store.open_rotations() == [(ALICE, "prod", "alice")]


def test_accounts_and_policies_are_told_once(world: World) -> None:
    """However many users there are in them."""
    other = UserRef("444455556666", "AIDACAROL")
    world.store.note_users([a_user(ALICE), a_user(BOB), a_user(other, account="dev", policy=None)])

    assert sorted(world.store.account_ids()) == [("dev", "444455556666"), ("prod", ACCOUNT)]
    assert world.store.swept_pairs() == [("ci", ACCOUNT)]


def test_counting_reads_no_row_for_each_user(world: World) -> None:
    """Five questions, whose answers are as long for one user as for a million."""
    world.store.note_users([a_user(UserRef(ACCOUNT, f"AIDA{n:03}")) for n in range(50)])
    statements: list[str] = []
    event.listen(
        world.store._database.engine,
        "before_cursor_execute",
        lambda *call: statements.append(str(call[2])),
    )

    tally = world.store.tally()

    assert sum(tally.standing.values()) == 50
    selects = [text for text in statements if text.startswith("SELECT")]
    assert len(selects) == 5
    assert all("count(" in text or "min(" in text for text in selects)
