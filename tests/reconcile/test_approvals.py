"""Approvals in the life of a rotation: spent once, whatever becomes of the request, or lapsed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.model import DoorName, Freeze, KeyStatus, Order, Reason, Verb
from tests.reconcile.test_scenarios import outcomes, reason_of, strike
from tests.simulation.aws import FakeIam
from tests.simulation.faults import Fault
from tests.simulation.world import DAY, HOUR, MINUTE, World, policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rotator.model import User
    from rotator.store import OrderRow

ISSUE, OFF, DELETE = DoorName.ISSUE, DoorName.DEACTIVATE, DoorName.DELETE
ASKING = policy(approve=frozenset(DoorName))
OLD, NEW, NEWER = (f"AKIAIOSFODNN7EXAM00{number}" for number in (1, 2, 3))
REQUESTS = {ISSUE: "CreateAccessKey", OFF: "UpdateAccessKey", DELETE: "DeleteAccessKey"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account whose policy waits for a person before every door."""
    made = World.made(tmp_path, ASKING)
    yield made
    made.close()


def approve(world: World, user: User, action: DoorName, **facts: object) -> int:
    said = Order(0, Verb.APPROVE, world.clock(), actor="eve", reason="fine", action=action)
    return world.store.give(user.ref, replace(said, **facts))  # type: ignore[arg-type] # any of its fields


def became(world: World, number: int) -> OrderRow:
    row = world.store.order(number)
    assert row is not None
    return row


def wait_for_gate(world: World, user: User, action: DoorName) -> None:
    """Let everything happen that needs no person, until the door of this step waits for one."""
    for _ in range(60):
        result = world.visit(user)
        row = world.row(user)
        assert row is not None
        if row.reason is Reason.APPROVAL and action in row.message:
            return
        assert result is not None
        world.wait(user)
    raise AssertionError(f"the door of {action} never waited: {world.row(user)}")


def test_a_whole_rotation_by_three_words(world: World) -> None:
    """Each door takes one approval, and nothing goes through it without."""
    user = world.add_user()
    spent = []
    for door in (ISSUE, OFF, DELETE):
        wait_for_gate(world, user, door)
        before = list(world.effects.names)
        world.go(DAY)
        world.visit(user)
        spent.append(approve(world, user, door))
        assert world.effects.names == before
        world.visit(user)

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert world.listed(user) == [(NEW, KeyStatus.ACTIVE)]
    assert [became(world, number).outcome for number in spent] == ["done"] * 3
    assert [row.detail.split(":")[0] for row in world.history(user) if row.step == "order"] == [
        "approve (fine)"
    ] * 6
    assert world.events().count("order.accepted") == 3
    assert world.events().count("order.obeyed") == 3


@pytest.mark.parametrize("door", DoorName)
@pytest.mark.parametrize("fault", Fault, ids=str)
def test_it_is_spent_by_what_happened(world: World, door: DoorName, fault: Fault) -> None:
    """A retry within the day needs no second word; a step that happened needs it for no second."""
    user = world.add_user()
    for earlier in DoorName:
        wait_for_gate(world, user, earlier)
        if earlier is door:
            break
        approve(world, user, earlier)
        world.visit(user)
    strike(world, REQUESTS[door], fault)
    number = approve(world, user, door)
    sent = world.effects.counts[REQUESTS[door]]
    for _ in range(20):
        world.visit(user)
        if became(world, number).outcome is not None:
            break
        world.go(10 * MINUTE)

    tries = world.effects.counts[REQUESTS[door]] - sent
    world.go(DAY)
    world.visit(user)
    assert became(world, number).outcome == "done"
    assert world.store.know(user.ref).orders == ()
    assert tries in {1, 2}
    assert world.effects.counts[REQUESTS[door]] - sent == tries


def test_it_lapses_a_day_after_nothing_else_was_shut(world: World) -> None:
    """Given in a freeze it counts for a day after; then it is ended, which is told."""
    user = world.add_user()
    wait_for_gate(world, user, ISSUE)
    freeze = Freeze("year end", world.clock() - DAY, world.clock() + 9 * DAY)
    world.configuration = replace(world.configuration, freezes=(freeze,))
    number = approve(world, user, ISSUE)
    world.visit(user)
    in_freeze = became(world, number).order
    world.go(9 * DAY)
    strike(world, REQUESTS[ISSUE], Fault.REJECTED)
    world.visit(user)
    used = became(world, number).order
    world.go(DAY)
    world.visit(user)

    assert (in_freeze.accepted_at is not None, in_freeze.open_since) == (True, None)
    assert used.open_since == used.used_at
    assert used.open_since is not None
    ended = became(world, number)
    assert (ended.outcome, "lapsed" in ended.message) == ("withdrawn", True)
    assert world.events().count("order.lapsed") == 1
    assert Reason.APPROVAL is reason_of(world.visit(user))


def test_the_day_runs_although_the_step_must_wait(world: World) -> None:
    """Approved in grace, when no gate but this is shut: a day later it has lapsed, on time."""
    world.reconfigure(replace(ASKING, grace_period=3 * DAY))
    user = world.add_user()
    wait_for_gate(world, user, ISSUE)
    approve(world, user, ISSUE)
    world.visit(user)
    number = approve(world, user, OFF)
    world.visit(user)
    row = world.row(user)
    assert row is not None
    due = became(world, number).order.open_since
    assert due is not None
    assert row.next_at == due + DAY
    world.go(DAY)
    world.visit(user)

    assert became(world, number).outcome == "withdrawn"
    wait_for_gate(world, user, OFF)


def test_it_dies_with_its_rotation(world: World) -> None:
    """What was approved of a rotation that is over is withdrawn; the next waits for its own."""
    user = world.add_user()
    wait_for_gate(world, user, ISSUE)
    approve(world, user, ISSUE)
    world.visit(user)
    number = approve(world, user, DELETE)
    world.visit(user)
    world.store.give(user.ref, Order(0, Verb.CLOSE, world.clock(), actor="eve", reason="enough"))
    world.visit(user)

    ended = became(world, number)
    assert (ended.outcome, ended.message) == ("withdrawn", "the rotation is over: by_hand")


def test_what_a_person_did_in_the_console_needs_no_approval(world: World) -> None:
    """The old key was switched off by hand: the approval of that is not needed, and not kept."""
    user = world.add_user()
    wait_for_gate(world, user, ISSUE)
    approve(world, user, ISSUE)
    world.visit(user)
    number = approve(world, user, OFF)
    world.visit(user)
    world.aws.switch(OLD, KeyStatus.INACTIVE)
    world.go(HOUR)
    world.visit(user)

    ended = became(world, number)
    assert ended.outcome == "withdrawn"
    assert ended.message.startswith("not needed: ")


def test_of_two_approvals_one_is_enough(world: World) -> None:
    """Two people at once: one is spent, the other refused, and the next step waits for its own."""
    user = world.add_user()
    wait_for_gate(world, user, ISSUE)
    first, second = approve(world, user, ISSUE), approve(world, user, ISSUE, actor="kim")
    world.visit(user)
    wait_for_gate(world, user, OFF)

    assert became(world, first).outcome == "done"
    assert became(world, second).outcome == "refused"
    assert "eve approved issue" in became(world, second).message


def test_one_that_is_taken_back_in_between_lets_nothing_through(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction of the intent looks whether it is still in force, and compares the fence."""
    user = world.add_user()
    wait_for_gate(world, user, ISSUE)
    number = approve(world, user, ISSUE)
    monkeypatch.setattr(
        FakeIam, "turn", lambda _iam: world.store.withdraw(number, "thought better of it")
    )
    world.visit(user)

    assert REQUESTS[ISSUE] not in world.effects.counts
    assert world.known(user).rotation is None
    assert Reason.APPROVAL is reason_of(world.visit(user))
