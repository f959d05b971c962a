"""What changes between a decision and its effect: another replica, a person, a rejection."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.model import Credential, KeyStatus, Limits, Reason, Secret, Stop, Wait
from rotator.reconcile import visit
from tests.reconcile.test_scenarios import ACTIVE, NEW, OLD, outcomes, reason_of, strike
from tests.simulation.faults import Fault
from tests.simulation.world import DAY, HOUR, MINUTE, World, policy, sink_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rotator.model import User


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account whose policy has one readable place."""
    made = World.made(tmp_path)
    yield made
    made.close()


def before(world: World, aimed_at: str, act: Callable[[], None]) -> None:
    """Something happens right before the next effect of a name, after its intent."""
    inner, done = world.effects.next, [False]

    def following(name: str) -> Fault | None:
        if name == aimed_at and not done[0]:
            done[0] = True
            act()
        return inner(name)

    world.effects.next = following  # type: ignore[method-assign]  # as in `strike`


def renamed(world: World, user: User) -> None:
    """A person renames the user."""
    world.aws.rename(user, "robert")


def made_again(world: World, user: User) -> None:
    """A person deletes the user, and makes one of the same name, who has no key."""
    world.aws.delete_user(user)
    world.aws.add_user(user.name, user_id="AIDAOTHER")


def test_a_key_that_somebody_deletes_first_is_deleted(world: World) -> None:
    """NoSuchEntity counts, since a complete listing of the same user lacks the key."""
    user = world.add_user()
    world.until(user, "key.deactivated")
    before(world, "DeleteAccessKey", lambda: world.aws.switch(OLD, None))
    world.monitor.given_up.add(OLD)

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_no_such_entity_of_a_renamed_user_is_no_deletion(tmp_path: Path) -> None:
    """The user has another name by now: the key is there, and is deleted under that name."""
    world = World.made(tmp_path, policy(sinks=(sink_spec("memory", "m/fixed"),)))
    user = world.add_user()
    world.until(user, "key.deactivated")
    before(world, "DeleteAccessKey", lambda: renamed(world, user))
    world.wait(user)
    world.visit(user)

    assert (OLD, KeyStatus.INACTIVE) in world.listed(user)
    assert outcomes(world, user) == []

    world.go(10 * MINUTE)
    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert world.listed(user) == [(NEW, ACTIVE)]
    world.close()


def test_no_such_entity_of_a_user_who_was_made_again_is_no_deletion(world: World) -> None:
    """The listing that lacks the key is another user's, and tells nothing of this one's."""
    user = world.add_user()
    world.until(user, "key.deactivated")
    before(world, "DeleteAccessKey", lambda: made_again(world, user))
    world.monitor.given_up.update({OLD, NEW})
    world.wait(user)
    world.visit(user)

    assert outcomes(world, user) == []
    assert "key.deleted" not in world.events()

    for _ in range(3):
        world.go(10 * MINUTE)
        world.visit(user)

    assert outcomes(world, user) == ["gone"]


@pytest.mark.parametrize("fault", [Fault.REJECTED, Fault.LOST_BEFORE, Fault.LOST_AFTER], ids=str)
def test_a_revival_that_fails_is_tried_until_it_is_seen(world: World, fault: Fault) -> None:
    """The key that was needed after all is Active in the end, and the user held once."""
    user = world.add_user()
    world.until(user, "key.deactivated")
    world.aws.keys[OLD].uses.append(world.clock() - 10 * timedelta(seconds=1))
    strike(world, "UpdateAccessKey", fault)
    for _ in range(6):
        world.go(30 * MINUTE)
        world.visit(user)

    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]
    assert world.events().count("user.held") == 1
    world.monitor.all_is_recorded()


@pytest.mark.parametrize(
    ("event", "limits", "door"),
    [
        pytest.param("rotation.delivered", Limits(deactivate=0), "deactivate", id="deactivate"),
        pytest.param("key.deactivated", Limits(delete=0), "delete", id="delete"),
    ],
)
def test_a_limit_that_is_used_up_keeps_a_key(
    world: World, event: str, limits: Limits, door: str
) -> None:
    """Each door has its own, and what is behind it waits."""
    user = world.add_user()
    world.until(user, event)
    world.reconfigure(replace(world.configuration.policies[0], limits=limits))
    world.go(DAY)

    assert reason_of(world.visit(user)) is Reason.LIMIT
    assert door not in [step for step, _, _ in world.aws.executed]


def test_a_name_that_cannot_be_made_stops_that_user_alone(tmp_path: Path) -> None:
    """Its tag is missing; the others are looked after."""
    world = World.made(tmp_path, policy(sinks=(sink_spec("memory", "m/{user}-{tag[team]}"),)))
    user = world.aws.add_user("bob")
    world.aws.add_key(user, age=20 * DAY)

    result = world.visit(user)

    assert isinstance(result and result.last, Stop)
    assert reason_of(result) is Reason.PLACE_NAME
    assert world.aws.executed == []
    world.close()


def test_a_place_that_is_not_to_be_made_stops_the_user(tmp_path: Path) -> None:
    """`create: false`, and it is not there."""
    spec = replace(sink_spec("memory", "m/{user}"), create=False)
    world = World.made(tmp_path, policy(sinks=(spec,)))
    user = world.aws.add_user("bob")
    world.aws.add_key(user, age=20 * DAY)

    result = world.visit(user)

    assert result is not None
    assert isinstance(result.last, Stop | Wait)
    assert reason_of(result) in {Reason.SINK, Reason.SINK_CONFLICT}
    assert world.aws.executed == []
    world.close()


def test_a_place_that_serves_another_key_after_delivery_stops_the_rotation(world: World) -> None:
    """Somebody wrote there: it is never overwritten by itself, and the old key stays."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    stranger = world.aws.add_user("eve")
    world.backend.write("m/bob", world.aws.add_key(stranger))
    world.go(HOUR)

    assert reason_of(world.visit(user)) is Reason.SINK_CONFLICT
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]


def test_a_place_that_serves_the_old_key_again_revives_it(world: World) -> None:
    """Somebody put the old value back while that key was Inactive: revived, and held."""
    user = world.add_user()
    old = world.backend.entries["m/bob"].held
    world.until(user, "key.deactivated")
    world.monitor.given_up.add(OLD)
    world.backend.write("m/bob", old)

    world.visit(user)

    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]
    row = world.row(user)
    assert row is not None
    assert row.blocked_reason is Reason.USED_AFTER_ALL


def test_a_place_that_another_user_takes_first_is_not_written(world: World) -> None:
    """The claim is compared in the transaction of the beginning, and nothing is issued."""
    user, other = world.add_user("bob"), world.aws.add_user("eve")
    world.aws.add_key(other, age=20 * DAY)
    entered = world.equipment.accounts.enter(world.configuration.accounts[0])
    roll = world.sweeper.rolls.of(entered)
    world.reconfigure(policy(sinks=(sink_spec("memory", "m/bob"),)))
    visit(world.equipment, entered, roll, user)

    result = visit(world.equipment, entered, roll, other)

    assert isinstance(result.last, Stop)
    assert result.last.reason is Reason.SINK_CONFLICT
    assert world.effects.counts["CreateAccessKey"] == 1


def test_a_compare_and_set_that_fails_overwrites_nothing(world: World) -> None:
    """Somebody else wrote between the reading and the put: told, and read again."""
    user = world.add_user()
    stranger = world.aws.add_user("eve")
    theirs = world.aws.add_key(stranger)
    before(world, "prove", lambda: world.backend.write("m/bob", theirs))

    world.visit(user)

    assert world.served() == {"m/bob": theirs.access_key_id}
    assert "sink.failed" in world.events()
    world.go(DAY)
    world.visit(user)
    assert world.served() == {"m/bob": theirs.access_key_id}


def test_a_place_that_cannot_be_read_keeps_the_old_key(world: World) -> None:
    """It may serve that key again for all we know, in grace as at the end of its rest."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.backend.unreadable.add("m/bob")
    world.go(DAY)

    assert reason_of(world.visit(user)) is Reason.SINK
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.backend.unreadable.clear()
    world.until(user, "key.deactivated")
    world.backend.unreadable.add("m/bob")
    world.go(DAY)

    assert reason_of(world.visit(user)) is Reason.SINK
    assert (OLD, KeyStatus.INACTIVE) in world.listed(user)


def test_a_successor_that_a_person_has_just_switched_off_keeps_the_old_key(world: World) -> None:
    """One listing is enough to do no harm; two are needed to call the successor dead."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.go(DAY)
    world.aws.switch(NEW, KeyStatus.INACTIVE)
    world.monitor.given_up.add(NEW)

    assert reason_of(world.visit(user)) is Reason.HEIR
    assert (OLD, ACTIVE) in world.listed(user)

    world.aws.switch(NEW, ACTIVE)
    world.go(10 * MINUTE)
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_successor_that_is_switched_off_while_it_is_put_keeps_the_old_key(tmp_path: Path) -> None:
    """What was seen before the put says nothing of now: before a key is harmed one looks again."""
    world = World.made(tmp_path, policy(grace_period=timedelta(0), quiet_period=timedelta(0)))
    user = world.aws.add_user("bob")
    world.aws.add_key(user, age=20 * DAY)
    before(world, "put m/bob", lambda: world.aws.switch(NEW, KeyStatus.INACTIVE))
    world.monitor.given_up.add(NEW)

    result = world.visit(user)

    assert reason_of(result) is Reason.HEIR
    assert (OLD, ACTIVE) in world.listed(user)
    world.close()


@pytest.mark.parametrize(
    ("request_", "life"),
    [
        pytest.param("CreateAccessKey", 2, id="a create"),
        pytest.param("put m/bob", 3, id="a put, which may begin its last request late"),
        pytest.param("UpdateAccessKey", 2, id="a deactivation"),
        pytest.param("DeleteAccessKey", 2, id="a deletion"),
    ],
)
def test_nobody_takes_a_user_over_while_a_request_may_live(
    world: World, request_: str, life: int
) -> None:
    """The lease lasts beyond whatever is sent, whenever in the visit that is."""
    user = world.add_user()
    taken: list[object] = []

    def later() -> None:
        now = world.clock.now
        world.clock.now = now + life * world.configuration.timing.request_timeout
        taken.append(world.store.acquire(user.ref, holder="another", length=MINUTE))
        world.clock.now = now

    before(world, request_, later)

    world.live(user)

    assert taken == [None]


def test_a_use_of_a_key_by_ourselves_is_on_record_before_it_is_made(world: World) -> None:
    """Killed right after it, we would take our own proof for somebody's first use."""
    user = world.add_user()
    recorded: list[bool] = []

    def look() -> None:
        rotation = world.known(user).rotation
        recorded.append(rotation is not None and rotation.own_use_at == world.clock())

    before(world, "prove", look)

    world.until(user, "rotation.delivered")

    assert recorded == [True]


def test_a_secret_that_is_read_back_is_proven_before_it_is_put_anywhere(tmp_path: Path) -> None:
    """Somebody may have changed it since it was proven: what is wrong in one place stays there."""
    world = World.made(
        tmp_path, policy(sinks=(sink_spec("memory", "a/{user}"), sink_spec("memory", "b/{user}")))
    )
    user = world.add_user()
    strike(world, "put b/bob", Fault.REJECTED)
    world.visit(user)
    wrong = Credential(NEW, Secret("w" * 40), user.name, user.account_id)
    world.backend.write("a/bob", wrong)
    world.boot()
    world.go(10 * MINUTE)

    world.visit(user)

    assert world.served()["b/bob"] == OLD
    world.close()
