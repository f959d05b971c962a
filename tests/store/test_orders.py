"""What people said: obeyed once, ended once, and holds that stop until they are released."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.model import Hold, JournalOutcome, Reason, Scope, Step, UserRef, Verb
from rotator.store import OrderRow
from tests.store.worlds import (
    ACCOUNT,
    ALICE,
    BOB,
    HOUR,
    NOW,
    OLD,
    SECOND,
    a_rotation,
    a_user,
    an_order,
)

if TYPE_CHECKING:
    from rotator.store.rows import OrderOutcome
    from tests.store.worlds import World


def test_an_order_is_open_until_it_is_done(world: World) -> None:
    """Whoever holds the user's lease next finds it, oldest first."""
    world.known_user()
    every_word = replace(
        an_order(Verb.RETIRE, OLD),
        enforce=True,
        compromised=True,
        contain_first=True,
        now=True,
        confirmed=True,
    )
    first = world.store.give(ALICE, every_word)
    second = world.store.give(ALICE, an_order())
    expected = (replace(every_word, order_id=first), replace(an_order(), order_id=second))

    assert expected == world.store.know(ALICE).orders
    assert world.store.know(BOB).orders == ()
    assert [OrderRow(ALICE, order) for order in expected] == world.store.open_orders()


@pytest.mark.parametrize(
    ("outcome", "recorded"),
    [
        ("done", JournalOutcome.DONE),
        ("refused", JournalOutcome.REJECTED),
        ("withdrawn", JournalOutcome.OBSERVED),
    ],
)
def test_an_order_ends_once_and_is_recorded_in_the_name_of_who_gave_it(
    world: World, outcome: OrderOutcome, recorded: JournalOutcome
) -> None:
    """The person who waits is told how it ended, and history who had said it."""
    world.known_user()
    number = world.store.give(ALICE, an_order(Verb.RETIRE, OLD))
    with world.change() as change:
        assert change.order_done(number, outcome, "as you say")
        assert not change.order_done(number, "done", "again")

    expected = OrderRow(
        ALICE, replace(an_order(Verb.RETIRE, OLD), order_id=number), outcome, "as you say", NOW
    )
    (row,) = world.store.history()
    assert expected == world.store.order(number)
    assert world.store.open_orders() == []
    assert ("eve@laptop", Step.ORDER, recorded, OLD, "retire (leaver): as you say") == (
        row.actor,
        row.step,
        row.outcome,
        row.key_id,
        row.detail,
    )


def test_an_order_on_another_user_is_not_ended(world: World) -> None:
    """A lease on one user gives no right over another's orders."""
    number = world.store.give(BOB, an_order())
    with world.change() as change:
        assert not change.order_done(number, "done")

    assert world.store.withdraw(number, "thought better of it")
    assert not world.store.withdraw(number)

    row = world.store.order(number)
    assert row is not None
    assert (row.outcome, row.message, row.ended_at) == ("withdrawn", "thought better of it", NOW)
    assert world.store.order(99) is None


def test_a_rotation_names_the_order_that_began_it(world: World) -> None:
    """An order that does not exist begins nothing."""
    number = world.store.give(ALICE, an_order())
    rotation = world.begun(rotation=a_rotation(order_id=number))

    assert rotation == world.store.know(ALICE).rotation


SUBJECTS: dict[Scope, UserRef | str | None] = {
    Scope.USER: ALICE,
    Scope.POLICY: "ci",
    Scope.ACCOUNT: "prod",
    Scope.ALL: None,
}


@pytest.mark.parametrize("scope", list(Scope))
def test_a_hold_stops_whom_it_concerns_until_it_is_released(world: World, scope: Scope) -> None:
    """A user, a policy, an account or everything; both ends are recorded."""
    world.known_user()
    subject = SUBJECTS[scope]
    number = world.store.give_hold(scope, subject=subject, reason="audit", actor="eve")

    expected = Hold(scope, NOW, "eve", Reason.BY_HAND, "audit")
    assert expected == world.store.hold_on(ALICE, account="prod", policy="ci")
    other = world.store.hold_on(UserRef("444455556666", "AIDAX"), account="dev", policy="other")
    assert (expected if scope is Scope.ALL else None) == other
    assert world.store.know(ALICE).orders == ()
    assert world.store.open_orders() == []
    assert not world.store.withdraw(number)

    assert world.store.release_hold(scope, subject=subject, reason="over", actor="bob") == 1
    assert world.store.release_hold(scope, subject=subject, reason="over", actor="bob") == 0
    assert world.store.hold_on(ALICE, account="prod", policy="ci") is None
    recorded = [(row.step, row.outcome, row.actor) for row in world.store.history()]
    assert recorded == [
        (Step.ORDER, JournalOutcome.DONE, "eve"),
        (Step.ORDER, JournalOutcome.DONE, "bob"),
    ]
    assert world.store.check() == []


@pytest.mark.parametrize("scope", list(Scope))
def test_who_is_released_with_a_rotation_open_is_looked_at_now(world: World, scope: Scope) -> None:
    """Its moment may have passed while it was held; who is idle waits for the next sweep."""
    world.begun()
    with world.change() as change:
        change.note_user(a_user(next_at=None))
    world.known_user(BOB)
    subject = SUBJECTS[scope]
    world.store.give_hold(scope, subject=subject, reason="audit", actor="eve")
    before = [ref for ref, _, _ in world.store.moments(NOW)]

    world.store.release_hold(scope, subject=subject, reason="over", actor="bob")

    assert (before, [ref for ref, _, _ in world.store.moments(NOW)]) == ([], [ALICE])


def test_an_account_is_held_by_its_name_or_its_id(world: World) -> None:
    """A person knows the one, a record the other."""
    world.store.give_hold(Scope.ACCOUNT, subject=ACCOUNT, reason="audit", actor="eve")

    assert world.store.hold_on(ALICE, account="prod", policy=None) is not None


def test_the_narrowest_hold_is_told(world: World) -> None:
    """It is the one that a person would release first."""
    for scope in (Scope.ALL, Scope.ACCOUNT, Scope.POLICY, Scope.USER):
        world.store.give_hold(scope, subject=SUBJECTS[scope], reason="audit", actor="eve")
        found = world.store.hold_on(ALICE, account="prod", policy="ci")

        assert found is not None
        assert scope is found.scope


@pytest.mark.parametrize("is_over", [False, True], ids=["a second before", "at its end"])
def test_a_hold_ends_by_itself_at_its_until(world: World, *, is_over: bool) -> None:
    """After that there is nothing to release."""
    world.store.give_hold(Scope.USER, subject=ALICE, until=NOW + HOUR, reason="audit", actor="eve")
    world.clock.go(HOUR if is_over else HOUR - SECOND)

    held = world.store.hold_on(ALICE, account="prod", policy="ci")
    assert is_over == (held is None)
    released = world.store.release_hold(Scope.USER, subject=ALICE, reason="over", actor="eve")
    assert int(not is_over) == released


def test_late_evidence_holds_a_user_in_the_transaction_that_found_it(world: World) -> None:
    """With its own reason, and recorded."""
    world.known_user()
    with world.change() as change:
        change.hold(Reason.USED_AFTER_ALL, message="used an hour ago", by="daemon")

    expected = Hold(Scope.USER, NOW, "daemon", Reason.USED_AFTER_ALL, "used an hour ago")
    assert expected == world.store.hold_on(ALICE, account="prod", policy="ci")
    (row,) = world.store.history()
    assert (row.step, row.reason, row.user) == (Step.ORDER, Reason.USED_AFTER_ALL, "alice")
    assert world.store.release_hold(Scope.USER, subject=ALICE, reason="ok", actor="eve") == 1


@pytest.mark.parametrize(
    ("scope", "subject"),
    [(Scope.ALL, "ci"), (Scope.POLICY, None), (Scope.POLICY, ALICE), (Scope.USER, None)],
)
def test_a_hold_names_what_its_scope_asks_for(
    world: World, scope: Scope, subject: UserRef | str | None
) -> None:
    """A hold that concerns nobody would be believed in."""
    with pytest.raises(ValueError, match="cannot concern"):
        world.store.give_hold(scope, subject=subject, reason="audit", actor="eve")
    with pytest.raises(ValueError, match="cannot concern"):
        world.store.release_hold(scope, subject=subject, reason="audit", actor="eve")


@pytest.mark.parametrize(
    ("account", "policy", "expected"),
    [
        pytest.param("prod", "ci", "policy ci", id="a policy's is narrower than an account's"),
        pytest.param("prod", None, "account by id", id="an account's by id, which is older"),
        pytest.param("dev", "ci", "policy ci", id="a policy's in whichever account"),
    ],
)
def test_the_holds_of_one_moment_are_those_of_each_user(
    world: World, account: str, policy: str | None, expected: str
) -> None:
    """Asked for once and looked at for one user after the other, as `status` does."""
    for scope, subject, reason in (
        (Scope.ALL, None, "everything"),
        (Scope.ACCOUNT, ACCOUNT, "account by id"),
        (Scope.ACCOUNT, "prod", "account by name"),
        (Scope.POLICY, "ci", "policy ci"),
        (Scope.POLICY, "ci", "policy ci once more"),
        (Scope.USER, BOB, "bob"),
    ):
        world.store.give_hold(scope, subject=subject, reason=reason, actor="eve")

    hold = world.store.holds().on(ALICE, account=account, policy=policy)

    assert hold is not None
    assert expected == hold.message
