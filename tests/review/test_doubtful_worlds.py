"""Worlds in which a promise was once broken, each as small as it can be told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.model import KeyStatus, Order, Scope, Selector, Verb
from tests.simulation.faults import Fault
from tests.simulation.world import DAY, HOUR, MINUTE, READABLE, WRITEONLY, World, policy
from tests.sinks.fakes import ReadableFake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rotator.model import Served, User
    from rotator.reconcile import SweepResult

SECOND = timedelta(seconds=1)
ACTIVE, INACTIVE = KeyStatus.ACTIVE, KeyStatus.INACTIVE
OLD, NEW = "AKIAIOSFODNN7EXAM001", "AKIAIOSFODNN7EXAM002"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account whose policy has one readable place; what it recorded is checked at its end."""
    made = World.made(tmp_path)
    yield made
    made.close()


def before(world: World, aimed_at: str, what: Callable[[], object]) -> None:
    """Let something happen right before the next effect of a name."""
    inner, left = world.effects.next, [what]

    def following(name: str) -> Fault | None:
        if name == aimed_at and left:
            left.pop()()
        return inner(name)

    world.effects.next = following  # type: ignore[method-assign]  # aimed by name, not by number


def strike(world: World, aimed_at: str, fault: Fault) -> None:
    """Let the next effect of a name be struck by a fault."""
    before(
        world,
        aimed_at,
        lambda: world.effects.__setattr__("plan", {len(world.effects.names): fault}),
    )


def pass_visits(world: World, user: User, times: int) -> None:
    """Wait for the user's next moment and visit, so many times."""
    for _ in range(times):
        world.wait(user)
        world.visit(user)


def sweep(world: World) -> SweepResult:
    """One sweep of the first policy."""
    configuration = world.configuration
    return world.sweeper.sweep(
        configuration.policies[0], configuration.accounts[0], trigger="schedule"
    )


def outcomes(world: World, user: User) -> list[str]:
    """How the user's rotations ended."""
    return [row.detail for row in world.history(user) if row.step.value == "close"]


def give(world: World, user: User, verb: Verb) -> None:
    """A person says something about a user."""
    world.store.give(user.ref, Order(0, verb, world.clock(), actor="eve", reason="testing"))


def test_a_key_that_a_person_made_while_our_create_was_rejected_is_no_orphan(
    world: World,
) -> None:
    """P2: a rejected create made no key, so one that appeared meanwhile is somebody's."""
    user = world.add_user()
    before(world, "CreateAccessKey", lambda: world.aws.add_key(user))
    world.visit(user)
    pass_visits(world, user, 20)
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]
    assert outcomes(world, user) == ["no_effect"]


def test_a_key_that_a_person_switched_off_after_our_request_was_rejected_stays_off(
    world: World,
) -> None:
    """What we revive is what we switched off: a rejected request switched nothing off."""
    user = world.add_user()
    strike(world, "UpdateAccessKey", Fault.REJECTED)
    world.visit(user)
    while not world.effects.counts["UpdateAccessKey"]:
        pass_visits(world, user, 1)
    world.aws.use(OLD)
    world.aws.switch(OLD, INACTIVE)
    pass_visits(world, user, 4)
    assert world.aws.keys[OLD].status is not ACTIVE


def test_a_rollback_holds_its_user_beyond_a_hold_that_ends_by_itself(world: World) -> None:
    """A hold of everybody that lapses must not let go whom a person rolled back."""
    user = world.add_user()
    world.visit(user)
    world.store.give_hold(Scope.ALL, until=world.clock() + 4 * HOUR, reason="calm", actor="kim")
    give(world, user, Verb.ROLLBACK)
    world.visit(user)
    world.go(5 * HOUR)
    hold = world.store.hold_on(user.ref, account="prod", policy="ci")
    assert hold is not None
    assert (hold.scope, hold.until, hold.by) == (Scope.USER, None, "eve")


def test_a_rotation_that_a_person_ends_on_a_late_listing_declares_no_key_deleted(
    world: World,
) -> None:
    """P6: a key that one listing lacks is not gone, whoever ends the rotation."""
    user = world.add_user()
    world.visit(user)
    world.go(30 * MINUTE)
    give(world, user, Verb.CLOSE)
    hidden = world.aws.keys.pop(OLD)
    world.visit(user)
    world.aws.keys[OLD] = hidden
    assert outcomes(world, user) == ["by_hand"]
    assert world.known(user).former == frozenset()


def test_an_orphan_that_is_revived_without_an_answer_is_recorded_so(world: World) -> None:
    """P7: each reactivation has an outcome on record, that of a used orphan too."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.LOST_AFTER)
    world.visit(user)
    while world.aws.keys[NEW].status is ACTIVE:
        pass_visits(world, user, 1)
    world.aws.keys[NEW].uses.append(world.clock() - MINUTE)
    strike(world, "UpdateAccessKey", Fault.LOST_AFTER)
    pass_visits(world, user, 6)
    world.monitor.all_is_recorded()
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]


def test_a_secret_that_was_read_back_and_is_not_accepted_is_not_tried_all_day(
    tmp_path: Path,
) -> None:
    """A proof that fails is asked again at its moment, the second proof of a key like the first."""
    world = World.made(tmp_path, policy(sinks=(READABLE, WRITEONLY)))
    user = world.add_user()
    strike(world, "put w/bob", Fault.CRASH_BEFORE)
    world.visit(user)
    world.go(10 * MINUTE)
    known_after, world.aws.new_key_delay = world.aws.new_key_delay, DAY
    result = world.visit(user)
    assert result is not None
    assert len(result.acted) == 1
    world.aws.new_key_delay = known_after
    world.live(user)
    assert outcomes(world, user) == ["completed"]
    world.close()


def test_a_write_only_place_that_could_not_be_looked_at_is_written_again(tmp_path: Path) -> None:
    """Our own write whose time was not seen must not look like somebody else's."""
    world = World.made(tmp_path, policy(sinks=(READABLE, WRITEONLY)))
    user = world.add_user()
    before(world, "put w/bob", lambda: world.backend.unreadable.add("w/bob"))
    world.visit(user)
    world.backend.unreadable.clear()
    world.live(user)
    assert outcomes(world, user) == ["completed"]
    world.close()


def test_a_clock_that_steps_back_a_little_delivers_once(world: World) -> None:
    """What was delivered is not put again because the beginning is dated later."""
    user = world.add_user()
    before(world, "put m/bob", lambda: setattr(world.clock, "now", world.clock() - 30 * SECOND))
    world.live(user)
    assert outcomes(world, user) == ["completed"]
    assert world.effects.counts["put m/bob"] == 1


def test_a_secret_that_another_replica_brought_everywhere_is_forgotten(world: World) -> None:
    """P4: a secret is in memory for as long as it is owed, and no longer."""
    user = world.add_user()
    strike(world, "put m/bob", Fault.REJECTED)
    world.visit(user)
    first = (world.effects.life, world.equipment, world.sweeper)
    assert first[1].hands.users() == (user.ref,)
    world.boot()
    world.go(10 * MINUTE)
    world.live(user)
    world.effects.life, world.equipment, world.sweeper = first
    world.visit(user)
    assert world.equipment.hands.users() == ()


def test_places_that_answer_slowly_do_not_cost_the_lease(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P5: a user whose places take their time is looked at all the same."""
    user = world.add_user()
    inner = ReadableFake.current

    def slowly(sink: ReadableFake) -> Served:
        world.clock.advance(70 * SECOND)
        return inner(sink)

    def no_answer(_: ReadableFake) -> None:
        world.clock.advance(70 * SECOND)

    monkeypatch.setattr(ReadableFake, "current", slowly)
    monkeypatch.setattr(ReadableFake, "check", no_answer)
    world.visit(user)
    assert world.failures == []
    assert world.known(user).rotation is not None


def made_again(world: World, user: User) -> User:
    """Somebody deletes the user, and makes another of the same name."""
    world.aws.delete_user(user)
    return world.aws.add_user(user.name, user_id="AIDAANOTHER")


def test_a_place_of_a_user_who_is_gone_is_free(world: World) -> None:
    """A user who is made again under the same name has the same place, and is not stopped."""
    user = world.add_user()
    world.live(user)
    world.go(HOUR)
    another = made_again(world, user)
    world.consumers.clear()
    world.serve(another, world.aws.add_key(another, age=20 * DAY))
    sweep(world)
    assert [row.place.address for row in world.known(user).places] == ["m/bob"]
    world.go(HOUR)
    sweep(world)
    assert world.known(user).places == ()
    sweep(world)
    assert [row.place.address for row in world.known(another).places] == ["m/bob"]


def test_an_order_for_a_user_who_is_gone_is_refused(world: World) -> None:
    """An order that can never be obeyed does not stay open."""
    user = world.add_user()
    world.visit(user)
    world.go(HOUR)
    world.aws.delete_user(user)
    world.backend.entries.clear()
    world.visit(user)
    world.go(HOUR)
    give(world, user, Verb.ROLLBACK)
    world.visit(user)
    assert world.store.open_orders() == []
    assert outcomes(world, user)[0] == "gone"


def test_a_user_made_again_right_before_our_create_keeps_nobody_from_being_swept(
    world: World,
) -> None:
    """A key that was taken for another user's is whose the latest listing says."""
    user = world.add_user()
    others: list[User] = []
    before(world, "CreateAccessKey", lambda: others.append(made_again(world, user)))
    world.effects.after = lambda _: None  # the key that is made there is nobody's promise
    world.consumers.clear()
    world.backend.entries.clear()
    world.visit(user)
    world.go(HOUR)
    result = sweep(world)
    assert result.error is None
    assert [key.key_id for key in world.known(others[0]).keys] == [NEW]
    assert world.listed(others[0]) == [(NEW, ACTIVE)]


def test_keys_are_never_listed_under_a_user_who_was_made_again(world: World) -> None:
    """Whose name it is, is asked after its keys were listed: no stranger's key is taken in."""
    world.reconfigure(policy(include=(Selector(name="nobody"),)))
    user = world.add_user()
    world.visit(user)
    another = made_again(world, user)
    world.consumers.clear()
    world.aws.add_key(another)
    world.visit(user)
    assert [key.key_id for key in world.known(user).keys] == [OLD]


def test_a_lease_that_runs_out_while_an_account_is_away_ends_nothing_else(world: World) -> None:
    """Whoever took over says where the user stands; the daemon's look goes on without an error."""
    user = world.add_user()
    world.visit(user)
    world.go(HOUR)
    world.aws.unreadable = "Service Unavailable"
    world.effects.commits = True
    before(world, "commit", lambda: world.clock.advance(4 * MINUTE))
    assert world.sweeper.visit_now([(user.ref, "prod", "bob")]) == []
    row = world.row(user)
    assert row is not None
    assert row.message != "Service Unavailable"
    world.aws.unreadable = ""


def test_a_deletion_that_was_noticed_and_not_closed_is_on_record(world: World) -> None:
    """P7: its answer was lost, two looks found the key gone and could not save the end."""
    user = world.add_user()
    world.until(user, "key.deactivated")
    strike(world, "DeleteAccessKey", Fault.CRASH_AFTER)
    world.effects.commits = True
    pass_visits(world, user, 1)
    for _ in range(2):
        before(world, "commit", lambda: strike(world, "commit", Fault.LOST_BEFORE))
        world.go(6 * MINUTE)
        world.visit(user)
    world.go(HOUR)
    world.visit(user)
    assert outcomes(world, user) == ["completed"]
    world.monitor.all_is_recorded()
