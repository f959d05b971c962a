"""A key is in the wrong hands: every situation in which a person can say so, in every circumstance.

What is asked for is one command; what it does depends on where the key stands. Held, frozen or
observed it does the very same; a sink that is down delays a replacement and nothing else; and
`--contain-first` kills the key before anything is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.model import Freeze, KeyStatus, Limits, Mode, Order, Scope, Verb
from tests.reconcile.test_scenarios import order as say
from tests.reconcile.test_scenarios import strike
from tests.simulation.faults import Fault
from tests.simulation.world import DAY, HOUR, MINUTE, World, policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rotator.model import User
    from rotator.store import UserRow

ACTIVE, INACTIVE, DELETED = KeyStatus.ACTIVE, KeyStatus.INACTIVE, None
NO_STEP = Limits(issue=0, deactivate=0, delete=0, failures=1)
OLD, NEW, NEWER = (f"AKIAIOSFODNN7EXAM00{number}" for number in (1, 2, 3))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account whose policy has one readable place; what it recorded is checked at its end."""
    made = World.made(tmp_path)
    yield made
    made.close()


# Situations: each brings a world to where a key leaks, and says which.


def one_key(world: World) -> str:
    """The user's only key, which its place serves."""
    world.add_user(age=3 * DAY)
    return OLD


def one_unread_key(world: World) -> str:
    """The user's only key, which no place serves."""
    user = world.aws.add_user("bob")
    return world.aws.add_key(user, age=3 * DAY).access_key_id


def one_dead_key(world: World) -> str:
    """The user's only key, Inactive, which its place still serves."""
    world.add_user(age=3 * DAY)
    world.aws.switch(OLD, INACTIVE)
    world.monitor.given_up.add(OLD)
    return OLD


def the_served_of_two(world: World) -> str:
    """One of two keys: the one that the place serves."""
    user = world.add_user(age=3 * DAY)
    world.aws.add_key(user, age=2 * DAY)
    return OLD


def the_unserved_of_two(world: World) -> str:
    """One of two keys: the one that no place serves."""
    the_served_of_two(world)
    return NEW


def a_foreign_key(world: World) -> str:
    """A key that keeps a due one from being replaced."""
    user = world.add_user()
    world.aws.add_key(user, age=2 * DAY)
    world.visit(user)
    assert the_row(world).blocked_reason == "foreign_key"
    return NEW


def the_unread_beside_a_dead_one(world: World) -> str:
    """An Active key that nobody reads, beside an Inactive one."""
    user = world.aws.add_user("bob")
    world.aws.add_key(user, age=3 * DAY)
    world.aws.add_key(user, age=2 * DAY)
    world.aws.switch(OLD, INACTIVE)
    return NEW


def the_key_that_is_replaced(world: World) -> str:
    """A predecessor whose successor waits for a place that fails."""
    user = world.add_user()
    strike(world, "put m/bob", Fault.REJECTED)
    world.visit(user)
    assert the_phase(world) == "delivering"
    world.go(MINUTE)
    return OLD


def the_successor_on_its_way(world: World) -> str:
    """A successor that no place has yet."""
    the_key_that_is_replaced(world)
    return NEW


def the_predecessor_in_grace(world: World) -> str:
    """A predecessor that rests Active while consumers change over."""
    world.until(world.add_user(), "rotation.delivered")
    return OLD


def the_successor_in_grace(world: World) -> str:
    """A successor that its place serves, while its predecessor is Active."""
    the_predecessor_in_grace(world)
    return NEW


def the_predecessor_in_recovery(world: World) -> str:
    """A predecessor that is Inactive already."""
    world.until(world.add_user(), "key.deactivated")
    return OLD


def the_successor_in_recovery(world: World) -> str:
    """A successor that its place serves, while its predecessor is Inactive."""
    the_predecessor_in_recovery(world)
    return NEW


def the_key_behind_a_lost_answer(world: World) -> str:
    """A predecessor whose create got no answer, and made a key."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.LOST_AFTER)
    world.visit(user)
    world.go(10 * MINUTE)
    world.visit(user)
    assert the_phase(world) == "issuing"
    return OLD


def the_orphan(world: World) -> str:
    """The key of a create whose answer was lost."""
    the_key_behind_a_lost_answer(world)
    world.until(the_user(world), "orphan.found")
    return NEW


def the_key_that_a_person_retires(world: World) -> str:
    """A key that was named, and stays Active for its grace."""
    user = world.add_user(age=3 * DAY)
    world.aws.add_key(user, age=2 * DAY)
    world.visit(user)
    said = Order(0, Verb.RETIRE, world.clock(), actor="eve", reason="two keys", key_id=NEW)
    world.store.give(user.ref, said)
    world.visit(user)
    assert the_phase(world) == "grace"
    return NEW


def the_first_key(world: World) -> str:
    """The first key of a user, on its way to a place that fails."""
    world.reconfigure(policy(provision=True))
    user = world.aws.add_user("bob")
    strike(world, "put m/bob", Fault.LOST_AFTER)
    world.visit(user)
    world.go(10 * MINUTE)
    return OLD


def a_deleted_key(world: World) -> str:
    """A key that is gone already."""
    world.live(world.add_user())
    return OLD


REPLACED, LEAVES, GONE, WAITS = "replaced", "leaves", "is gone already", "waits"
NO_SLOT = "refused: no slot"

SITUATIONS: dict[Callable[[World], str], str] = {
    one_key: REPLACED,
    one_unread_key: REPLACED,
    one_dead_key: REPLACED,
    the_served_of_two: NO_SLOT,
    the_unserved_of_two: LEAVES,
    a_foreign_key: LEAVES,
    the_unread_beside_a_dead_one: NO_SLOT,
    the_key_that_is_replaced: LEAVES,
    the_successor_on_its_way: LEAVES,
    the_predecessor_in_grace: LEAVES,
    the_successor_in_grace: NO_SLOT,
    the_predecessor_in_recovery: LEAVES,
    the_successor_in_recovery: NO_SLOT,
    the_key_behind_a_lost_answer: NO_SLOT,
    the_orphan: LEAVES,
    the_key_that_a_person_retires: LEAVES,
    the_first_key: REPLACED,
    a_deleted_key: GONE,
}
"""Where a key stands when it leaks, and what the command comes to."""


# Circumstances: what else is so when the command is given.


def plainly(_world: World) -> None:
    """Nothing else is so."""


def while_held(world: World) -> None:
    """The user and everybody are held."""
    for scope, subject in ((Scope.USER, the_user(world).ref), (Scope.ALL, None)):
        world.store.give_hold(scope, subject=subject, reason="exam", actor="eve")
    world.go(MINUTE)


def in_a_freeze(world: World) -> None:
    """A freeze shuts every door of every policy."""
    now = world.clock()
    world.reconfigure(
        *world.configuration.policies, freezes=(Freeze("year end", now - DAY, now + 30 * DAY),)
    )


def at_its_limits(world: World) -> None:
    """Not one step of any kind is allowed any more."""
    (ours,) = world.configuration.policies
    world.reconfigure(policy(limits=NO_STEP, provision=ours.provision))


def while_observed(world: World) -> None:
    """The policy only observes the user, and the order says `--enforce`."""
    (ours,) = world.configuration.policies
    world.reconfigure(policy(mode=Mode.OBSERVE, provision=ours.provision))


def with_a_sink_that_is_down(world: World) -> None:
    """No place can be read or written."""
    world.backend.unreadable.add("m/bob")


ALIKE = (plainly, while_held, in_a_freeze, at_its_limits, while_observed)
"""Circumstances that make no difference."""

UNREAD: dict[Callable[[World], str], str] = {
    one_key: WAITS,
    one_unread_key: WAITS,
    one_dead_key: WAITS,
    the_unserved_of_two: NO_SLOT,
    a_foreign_key: NO_SLOT,
    the_key_that_is_replaced: WAITS,
    the_successor_on_its_way: WAITS,
    the_predecessor_in_grace: WAITS,
    the_orphan: NO_SLOT,
    the_key_that_a_person_retires: WAITS,
    the_first_key: WAITS,
}
"""What it comes to while no place can be read, where that makes a difference: a place that cannot
be read may have the key, so its readers must be given another first."""

CONTAINED_UNREAD: dict[Callable[[World], str], str] = {
    **UNREAD,
    the_successor_on_its_way: NO_SLOT,
    the_predecessor_in_grace: LEAVES,
    the_key_that_a_person_retires: NO_SLOT,
}
"""The same with `--contain-first`: the key is dead whatever the word is."""


@pytest.mark.parametrize("circumstance", ALIKE, ids=lambda made: made.__name__.replace("_", " "))
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda made: made.__name__.replace("_", " "))
def test_a_leaked_key_is_dead_or_nothing_is_touched(
    world: World, situation: Callable[[World], str], circumstance: Callable[[World], None]
) -> None:
    """No gate keeps a leaked key alive; without a free slot nothing is touched at all."""
    key_id = situation(world)
    circumstance(world)
    before = len(world.aws.executed)

    word = comes_to(world, key_id, leaked(world, key_id))

    assert word == SITUATIONS[situation]
    if word == NO_SLOT:
        assert len(world.aws.executed) == before
    else:
        assert world.aws.keys[key_id].status is not ACTIVE


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda made: made.__name__.replace("_", " "))
def test_contained_first_a_leaked_key_is_dead_before_anything_else(
    world: World, situation: Callable[[World], str]
) -> None:
    """Slot or no slot: the very next change is the key's end, and then it goes on as without."""
    key_id = situation(world)
    was, before = world.aws.keys[key_id].status, len(world.aws.executed)

    word = comes_to(world, key_id, leaked(world, key_id, contain=True))

    assert word == SITUATIONS[situation]
    assert world.aws.keys[key_id].status is not ACTIVE
    if was is ACTIVE:
        assert world.aws.executed[before][:2] == ("deactivate", key_id)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda made: made.__name__.replace("_", " "))
def test_a_sink_that_is_down_delays_the_successor_and_no_more(
    world: World, situation: Callable[[World], str]
) -> None:
    """What must reach a place first waits for it, and ends as without once the place is up."""
    key_id = situation(world)
    with_a_sink_that_is_down(world)
    order_id = leaked(world, key_id)
    word = comes_to(world, key_id, order_id)
    world.backend.unreadable.clear()
    world.go(2 * HOUR)

    assert word == UNREAD.get(situation, SITUATIONS[situation])
    if word == WAITS:
        assert comes_to(world, key_id, order_id) == SITUATIONS[situation]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda made: made.__name__.replace("_", " "))
def test_contained_first_no_sink_is_waited_for(
    world: World, situation: Callable[[World], str]
) -> None:
    """The key is dead in the first visit, whatever its places do."""
    key_id = situation(world)
    with_a_sink_that_is_down(world)

    word = comes_to(world, key_id, leaked(world, key_id, contain=True))

    assert word == CONTAINED_UNREAD.get(situation, SITUATIONS[situation])
    assert world.aws.keys[key_id].status is not ACTIVE


def test_the_table_has_no_empty_cell() -> None:
    """Every situation has its word in every circumstance."""
    cells = len(SITUATIONS) * (len(ALIKE) + 3)

    print(f"\n{len(SITUATIONS)} situations x {len(ALIKE) + 3} circumstances = {cells} cells")  # noqa: T201 - for who asks with -s
    assert cells == 144
    assert {*UNREAD, *CONTAINED_UNREAD} <= set(SITUATIONS)


def test_it_ends_by_saying_what_is_dead_what_lives_and_what_outlives_it(world: World) -> None:
    """The answer names the keys, and has the statement that ends sessions, ready to paste."""
    one_key(world)
    order_id = leaked(world, OLD)
    comes_to(world, OLD, order_id)
    row = world.store.order(order_id)

    assert row is not None
    assert row.message.startswith(f"{OLD} is Inactive since 2026-11-02 09:00")
    assert f"Alive: {NEW} (served by memory:m/bob)" in row.message
    assert '"Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-11-02T09:0' in row.message


def test_what_nobody_enforces_is_left_alone_without_a_word(world: World) -> None:
    """An observed user's key is replaced only where the order says `--enforce`."""
    one_key(world)
    while_observed(world)
    order_id = leaked(world, OLD, enforce=False)

    assert "say `--enforce`" in comes_to(world, OLD, order_id)
    assert world.aws.keys[OLD].status is ACTIVE


def test_a_user_with_two_active_keys_must_be_asked_which(world: World) -> None:
    """A name is not enough where it may be either."""
    the_served_of_two(world)
    order_id = leaked(world, None)

    assert f"{OLD} (Active) and {NEW} (Active)" in comes_to(world, OLD, order_id)


def test_the_only_active_key_needs_no_naming(world: World) -> None:
    """Also once its successor is Active beside it."""
    one_key(world)
    order_id = leaked(world, None)

    assert comes_to(world, OLD, order_id) == REPLACED


def test_a_rollback_of_a_leaked_key_needs_a_second_word_and_then_holds(world: World) -> None:
    """It is switched on only with `--yes`, and stays on while the user is held."""
    one_key(world)
    comes_to(world, OLD, leaked(world, OLD))
    refused = say(world, the_user(world), Verb.ROLLBACK)
    world.visit(the_user(world))
    row = world.store.order(refused)
    meant = Order(0, Verb.ROLLBACK, world.clock(), actor="eve", confirmed=True)
    world.store.give(the_user(world).ref, meant)
    for _ in range(3):
        world.go(HOUR)
        world.visit(the_user(world))

    assert row is not None
    assert (row.outcome, "say `--yes`" in row.message) == ("refused", True)
    assert world.aws.keys[OLD].status is ACTIVE
    assert the_row(world).blocked_reason == "reactivated"


def test_a_person_who_switches_it_on_again_is_heard_once(world: World) -> None:
    """Active again by somebody's hand: held, until it is released."""
    one_key(world)
    comes_to(world, OLD, leaked(world, OLD))
    world.go(HOUR)
    world.aws.switch(OLD, ACTIVE)
    world.visit(the_user(world))
    held = (world.aws.keys[OLD].status, the_row(world).blocked_reason)
    world.store.release_hold(Scope.USER, subject=the_user(world).ref, reason="seen to", actor="eve")
    world.visit(the_user(world))

    assert held == (ACTIVE, "reactivated")
    assert world.aws.keys[OLD].status is INACTIVE


def test_it_rests_and_is_deleted_even_if_somebody_goes_on_using_it(world: World) -> None:
    """Late use of a leaked key is told and stops nothing."""
    user = world.add_user(age=3 * DAY)
    comes_to(world, OLD, leaked(world, OLD))
    world.go(HOUR)
    world.aws.keys[OLD].uses.append(world.clock())
    world.live(user)

    assert world.aws.keys[OLD].status is DELETED
    assert "key.used" in world.events()


def the_user(world: World) -> User:
    """The only user there is."""
    return next(iter(world.aws.users.values()))


def the_row(world: World) -> UserRow:
    row = world.row(the_user(world))
    assert row is not None
    return row


def the_phase(world: World) -> str:
    return the_row(world).phase.value


def leaked(world: World, key_id: str | None, *, contain: bool = False, enforce: bool = True) -> int:
    """A person says that a key is in the wrong hands; whoever uses it is not asked any more."""
    if world.row(the_user(world)) is None:
        world.visit(the_user(world))
    world.monitor.given_up.add(key_id or OLD)
    said = Order(
        0,
        Verb.ROTATE,
        world.clock(),
        actor="eve",
        reason="it was pushed to a public repository",
        key_id=key_id,
        compromised=True,
        contain_first=contain,
        enforce=enforce,
    )
    return world.store.give(the_user(world).ref, said)


def comes_to(world: World, key_id: str, order_id: int) -> str:
    """What became of the order after two looks, in a word."""
    before = issues(world)
    for _ in range(2):
        world.visit(the_user(world))
    row = world.store.order(order_id)
    assert row is not None
    if row.outcome is None:
        return WAITS
    if row.outcome == "refused":
        return NO_SLOT if "both slots are taken" in row.message else row.message
    if f"{key_id} is deleted" in row.message:
        return GONE
    return REPLACED if issues(world) > before else LEAVES


def issues(world: World) -> int:
    return sum(step == "issue" for step, _, _ in world.aws.executed)
