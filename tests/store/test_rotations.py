"""Rotations and their places: facts that the database itself keeps in order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert

from rotator.errors import PlaceTaken, Refused, StoreError
from rotator.model import (
    Failures,
    JournalOutcome,
    Kind,
    NeverUsed,
    Outcome,
    Place,
    Reason,
    Step,
    Title,
    UsedAt,
    UseUnknown,
)
from rotator.store import shapes
from rotator.store.rows import Facts
from rotator.store.schema import rotations
from tests.store.worlds import (
    ALICE,
    BOB,
    DAY,
    FILE,
    HOUR,
    MINUTE,
    NEW,
    NOW,
    OLD,
    VAULT,
    a_place,
    a_rotation,
    a_user,
)

if TYPE_CHECKING:
    from rotator.model import UserRef
    from tests.store.worlds import World


def test_a_second_open_rotation_is_refused(world: World) -> None:
    """At most one is open per user, and what came with the second is not written either."""
    first = world.begun()

    def begin() -> None:
        with world.change() as change:
            change.note_user(a_user(name="renamed"))
            change.begin(a_rotation("r2"), [a_place(VAULT)])

    with pytest.raises(Refused, match="already open"):
        begin()

    known = world.store.know(ALICE)
    assert (first, "alice", None) == (known.rotation, known.user and known.user.name, None)
    assert world.store.owner_of(VAULT) is None


def test_the_database_itself_refuses_a_second_open_rotation(world: World) -> None:
    """Even a program that does not ask is refused."""
    world.begun()

    columns = shapes.rotation_columns(ALICE, a_rotation("r2"))
    with (
        pytest.raises(StoreError, match="refuses the row"),
        world.store._database.writing() as connection,
    ):
        connection.execute(insert(rotations).values(**columns))


def test_another_rotation_is_begun_once_the_first_is_closed(world: World) -> None:
    """Closed ones are kept, and another user's are no matter."""
    world.begun(BOB, a_rotation("b1"))
    first = world.begun()
    with world.change() as change:
        change.close("r1", NOW + DAY, Outcome.COMPLETED)
        change.begin(a_rotation("r2", begun_at=NOW + DAY))

    closed = replace(first, closed_at=NOW + DAY, outcome=Outcome.COMPLETED)
    expected = [a_rotation("r2", begun_at=NOW + DAY), closed]
    assert expected == world.store.rotations(ALICE)
    assert expected[0] == world.store.know(ALICE).rotation


def test_a_beginning_for_a_user_who_was_never_noted_is_refused(world: World) -> None:
    """A rotation of nobody would be found by nobody."""
    with pytest.raises(StoreError, match=r"(?i)foreign key"), world.change() as change:
        change.begin(a_rotation())


EVERY_FACT = Facts(
    kind=Kind.LEAVE,
    policy="other",
    reason=Reason.COMPROMISED,
    predecessor=NEW,
    successor=NEW,
    issued_at=NOW + HOUR,
    own_use_at=NOW + 2 * HOUR,
    proven_at=NOW + 3 * HOUR,
    delivered_at=NOW + 4 * HOUR,
    leaver=OLD,
    title=Title.COMPROMISED,
    titled_at=NOW + 5 * HOUR,
    evidence={OLD: UsedAt(NOW, "s3", "eu-north-1"), NEW: NeverUsed(), "AKIA3": UseUnknown("no")},
    deactivated_at=NOW + 6 * HOUR,
    promised_at=NOW + 7 * HOUR,
    blocked_at=NOW + 8 * HOUR,
    now=True,
    order_id=None,
)


def test_every_fact_reads_as_it_was_written(world: World) -> None:
    """To the microsecond, with the last uses that were decided on."""
    rotation = world.begun()
    with world.change() as change:
        change.facts("r1", **EVERY_FACT)

    assert replace(rotation, **EVERY_FACT) == world.store.know(ALICE).rotation


@pytest.mark.parametrize(
    ("ref", "rotation_id"),
    [
        pytest.param(ALICE, "r9", id="one that is not there"),
        pytest.param(BOB, "r1", id="another user's"),
    ],
)
def test_facts_go_to_an_open_rotation_of_this_user_only(
    world: World, ref: UserRef, rotation_id: str
) -> None:
    """A lease on one user gives no right over another's."""
    world.begun()
    world.known_user(BOB)

    with pytest.raises(StoreError, match="no open rotation"), world.change(ref) as change:
        change.facts(rotation_id, successor=NEW)


def test_a_closed_rotation_is_not_written_again(world: World) -> None:
    """What is over stays as it ended."""
    world.begun()
    with world.change() as change:
        change.close("r1", NOW, Outcome.GONE)

    with pytest.raises(StoreError, match="no open rotation"), world.change() as change:
        change.facts("r1", successor=NEW)


def test_a_failed_save_leaves_nothing(world: World) -> None:
    """One transaction: whatever breaks in the middle takes all of it back."""
    world.begun()

    def save() -> None:
        with world.change() as change:
            change.facts("r1", successor=NEW)
            change.intent(Step.DEACTIVATE, timeout_at=NOW, key_id=OLD)
            change.hold(Reason.USED_AFTER_ALL, message="used", by="daemon")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save()

    assert a_rotation() == world.store.know(ALICE).rotation
    assert world.store.seq_max() == 0
    assert world.store.hold_on(ALICE, account="prod", policy="ci") is None


def test_a_place_belongs_to_one_user(world: World) -> None:
    """A claim on another user's place is refused by name, and nothing is begun."""
    world.known_user(BOB)
    with world.change(BOB) as change:
        change.claim(a_place(FILE))
    world.known_user()

    with (
        pytest.raises(PlaceTaken, match=r"file:/srv/alice.json belongs to user prod/bob") as told,
        world.change() as change,
    ):
        change.begin(a_rotation(), [a_place(VAULT), a_place(FILE)])

    assert told.value.owner == "prod/bob"
    assert world.store.know(ALICE).rotation is None
    assert world.store.know(ALICE).places == ()
    assert world.store.owner_of(FILE) == BOB


def test_a_place_that_was_given_up_is_free(world: World) -> None:
    """Only the owner can give it up."""
    world.known_user(BOB)
    world.known_user()
    with world.change(BOB) as change:
        change.claim(a_place(FILE))
    with world.change() as change:
        change.give_up(FILE)

    assert world.store.owner_of(FILE) == BOB

    with world.change(BOB) as change:
        change.give_up(FILE)
    with world.change() as change:
        change.claim(a_place(FILE))

    assert world.store.owner_of(FILE) == ALICE


def test_claiming_again_keeps_what_is_on_record(world: World) -> None:
    """A sink that was renamed is the same place, with all that happened there."""
    world.known_user()
    failures = Failures(3, NOW, "no")
    with world.change() as change:
        change.claim(a_place(FILE))
        change.place(FILE, answered_key=OLD, written_at=NOW, failures=failures, serves=OLD)
        change.claim(replace(a_place(FILE, readable=False), sink_id="renamed"))

    (place,) = world.store.know(ALICE).places
    expected = replace(
        a_place(FILE, readable=False),
        sink_id="renamed",
        claimed_at=NOW,
        answered_key=OLD,
        written_at=NOW,
        failures=failures,
        serves=OLD,
    )
    assert expected == place


def test_a_beginning_forgets_the_deliveries_of_the_rotation_before(world: World) -> None:
    """Delivered means: the open rotation's successor is there."""
    world.begun()
    mine = Place("file", "/srv/AIDAALICE.json")
    with world.change() as change:
        change.place(mine, delivered_at=NOW, failures=Failures(1, NOW, "no"), answered_key=NEW)
        change.close("r1", NOW, Outcome.COMPLETED)
        change.begin(a_rotation("r2"), [a_place(mine)])

    (place,) = world.store.know(ALICE).places
    assert (place.delivered_at, place.failures, place.answered_key) == (None, None, NEW)


@pytest.mark.parametrize("act", ["record", "put"])
def test_a_place_is_written_about_by_its_owner_only(world: World, act: str) -> None:
    """What is not on record as this user's is not delivered to."""
    world.known_user()

    def write() -> None:
        with world.change() as change:
            if act == "record":
                change.place(FILE, delivered_at=NOW)
            else:
                change.intent(Step.DELIVER, timeout_at=NOW, key_id=NEW, place=FILE)

    with pytest.raises(StoreError, match="not on record"):
        write()


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        pytest.param(None, ("K2", "K1"), id="no outcome: begun"),
        pytest.param(JournalOutcome.UNKNOWN, ("K2", "K1"), id="no answer: begun"),
        pytest.param(JournalOutcome.DONE, ("K2", "K2"), id="answered: begun and answered"),
        pytest.param(JournalOutcome.REJECTED, ("K1", "K1"), id="rejected: the one before"),
        pytest.param(JournalOutcome.OBSERVED, ("K2", "K1"), id="observed: no answer of its own"),
    ],
)
def test_a_place_knows_which_put_was_begun_and_answered_last(
    world: World, outcome: JournalOutcome | None, expected: tuple[str, str]
) -> None:
    """Of a write-only place this is all that is known about which key it may have."""
    world.known_user()
    ends = NOW + MINUTE
    with world.change() as change:
        change.claim(a_place(VAULT, readable=False))
        first = change.intent(Step.DELIVER, timeout_at=ends, key_id="K1", place=VAULT)
        change.outcome(first, JournalOutcome.DONE)
        second = change.intent(Step.DELIVER, timeout_at=ends, key_id="K2", place=VAULT)
        if outcome is not None:
            change.outcome(second, outcome)

    (place,) = world.store.know(ALICE).places
    assert expected == (place.begun_key, place.answered_key)
