"""What keeps other rotators from being safe, one world each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rotator.model import (
    KeyStatus,
    Order,
    Outcome,
    Reason,
    Scope,
    Verb,
    Wait,
)
from tests.simulation.consumers import Habit
from tests.simulation.faults import Fault
from tests.simulation.world import (
    DAY,
    HOUR,
    MINUTE,
    READABLE,
    WRITEONLY,
    World,
    policy,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rotator.model import User
    from rotator.reconcile import VisitResult
    from rotator.sinks import Sink, SinkContext

ACTIVE, INACTIVE = KeyStatus.ACTIVE, KeyStatus.INACTIVE
OLD, NEW, NEWER = (f"AKIAIOSFODNN7EXAM00{number}" for number in (1, 2, 3))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account whose policy has one readable place; what it recorded is checked at its end."""
    made = World.made(tmp_path)
    yield made
    made.close()


def strike(world: World, aimed_at: str, fault: Fault) -> None:
    """Let the next effect of a name be struck by a fault, the others be."""
    inner = world.effects.next
    struck = [False]

    def following(name: str) -> Fault | None:
        fate = inner(name)
        if name != aimed_at or struck[0]:
            return fate
        struck[0] = True
        return fault

    world.effects.next = following  # type: ignore[method-assign]  # aimed by name, not by number


def reason_of(result: VisitResult | None) -> Reason:
    """Why a visit ended."""
    assert result is not None
    assert result.last is not None
    return result.last.reason


def outcomes(world: World, user: User) -> list[str]:
    """How the user's rotations ended."""
    ends = {outcome.value for outcome in Outcome}
    rows = [row for row in world.history(user) if row.step.value == "close"]
    return [row.detail for row in rows if row.detail in ends]


def order(world: World, user: User, verb: Verb, **fields: Any) -> int:  # noqa: ANN401 - of an order
    """A person says something about a user."""
    said = Order(0, verb, world.clock(), actor="eve", reason="testing", **fields)
    return world.store.give(user.ref, said)


@pytest.mark.parametrize("fault", [Fault.LOST_AFTER, Fault.LOST_BEFORE], ids=str)
def test_a_sink_that_does_not_answer_is_read_before_anything_is_concluded(
    world: World, fault: Fault
) -> None:
    """Landed or not: no key is undone, and the same key reaches the place."""
    user = world.add_user()
    strike(world, "put m/bob", fault)

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert world.served() == {"m/bob": NEW}
    assert (1 if fault is Fault.LOST_AFTER else 2) == world.effects.counts["put m/bob"]


def test_a_write_only_place_that_does_not_answer_is_written_again(tmp_path: Path) -> None:
    """Of a write-only place an answer is the only evidence, and twice is once."""
    world = World.made(tmp_path, policy(sinks=(READABLE, WRITEONLY)))
    user = world.add_user()
    strike(world, "put w/bob", Fault.LOST_AFTER)

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert [address for address, _ in world.backend.puts] == ["m/bob", "w/bob", "w/bob"]
    world.close()


def test_a_create_that_did_not_answer_but_was_done_leaves_an_orphan_that_is_deleted(
    world: World,
) -> None:
    """The key that nobody holds is recognised, rests for orphan_age, and another is made."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.LOST_AFTER)

    world.live(user)

    assert outcomes(world, user) == ["orphan", "completed"]
    assert world.listed(user) == [(NEWER, ACTIVE)]
    rest = next(at for step, key, at in world.aws.executed if (step, key) == ("delete", NEW))
    assert rest - world.aws.keys[NEW].created_at >= world.configuration.timing.orphan_age


def test_a_create_that_did_not_answer_and_was_not_done_has_no_effect(world: World) -> None:
    """Absence is concluded after the wait only; then the rotation is begun again."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.LOST_BEFORE)

    world.live(user)

    assert outcomes(world, user) == ["no_effect", "completed"]
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_candidate_that_somebody_uses_is_no_orphan(world: World) -> None:
    """A key that appeared when the answer was lost, and that is used, is a person's."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.LOST_BEFORE)
    world.visit(user)
    world.aws.add_key(user)
    world.go(5 * MINUTE)
    world.aws.use(NEW)

    result = world.live(user)

    assert Reason.FOREIGN_KEY is reason_of(result)
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]


def test_an_unknown_last_use_keeps_the_old_key_alive(world: World) -> None:
    """Not knowing is not "never": nothing leaves until it can be read."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.aws.unknown_uses.add(OLD)
    world.go(DAY)

    assert Reason.LAST_USE_UNKNOWN is reason_of(world.visit(user))
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.aws.unknown_uses.clear()
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]


def test_an_unknown_last_use_keeps_the_old_key_from_being_deleted(world: World) -> None:
    """Nor is it deleted when that cannot be read at the end of its rest."""
    user = world.add_user()
    world.until(user, "key.deactivated")
    world.aws.unknown_uses.add(OLD)
    world.go(DAY)

    assert Reason.LAST_USE_UNKNOWN is reason_of(world.visit(user))
    assert (OLD, INACTIVE) in world.listed(user)


def test_three_keys_are_told_and_none_is_harmed(world: World) -> None:
    """IAM's quota is not atomic: who has more than two is stopped, and every key is named."""
    world.aws.quota = 3
    user = world.add_user()
    world.aws.add_key(user, age=DAY)
    world.aws.add_key(user, age=HOUR, status=INACTIVE)

    result = world.visit(user)

    assert Reason.FOREIGN_KEY is reason_of(result)
    assert result is not None
    assert result.last is not None
    assert all(key in result.last.message for key in (OLD, NEW, NEWER))
    assert world.aws.executed == []


def test_two_processes_never_decide_about_one_user_at_once(world: World) -> None:
    """The second finds the lease taken, and leaves the user to the first."""
    user = world.add_user()
    lease = world.store.acquire(user.ref, holder="the other", length=5 * MINUTE)
    assert lease is not None

    result = world.visit(user)

    assert result is not None
    assert result.left_to_another
    assert world.aws.executed == []
    world.go(6 * MINUTE)
    assert (world.live(user), outcomes(world, user))[1] == ["completed"]


def test_a_process_that_stood_still_past_its_lease_saves_nothing(world: World) -> None:
    """Its save is refused; with the lease anew it records what it was answered, and goes on."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.FROZEN)

    world.visit(user)

    assert any("no longer ours" in failure for failure in world.failures)
    rotation = world.known(user).rotation
    assert rotation is not None
    assert rotation.successor is None

    assert world.equipment.hands.stranded() == (user.ref,)
    world.visit(user)
    assert world.equipment.hands.users() == ()

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_process_that_stood_still_and_died_leaves_an_orphan(world: World) -> None:
    """What it was answered died with it: its request arrived late all the same."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.FROZEN)
    world.visit(user)
    world.boot()

    world.live(user)

    assert outcomes(world, user) == ["orphan", "completed"]
    assert world.listed(user) == [(NEWER, ACTIVE)]


def test_an_answer_is_of_no_use_once_somebody_else_has_concluded(world: World) -> None:
    """The key was named an orphan meanwhile: it goes, and nothing is put on record of it."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.FROZEN)
    world.visit(user)
    frozen = (world.effects.life, world.equipment, world.sweeper)
    world.boot()
    world.until(user, "orphan.found")
    world.effects.life, world.equipment, world.sweeper = frozen

    world.visit(user)

    assert world.equipment.hands.users() == ()
    rotation = world.known(user).rotation
    assert rotation is not None
    assert (rotation.successor, rotation.leaver) == (None, NEW)


@pytest.mark.parametrize("skew", [-2 * MINUTE, 2 * MINUTE], ids=["ahead", "behind"])
def test_nothing_is_changed_by_a_clock_that_is_wrong(world: World, skew: timedelta) -> None:
    """More than a minute off AWS's clock: told, and waited for."""
    user = world.add_user()
    world.aws.skew = skew

    assert Reason.CLOCK is reason_of(world.visit(user))
    assert world.aws.executed == []

    world.aws.skew = timedelta(0)
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_clock_that_leaps_after_the_look_switches_nothing_off(world: World) -> None:
    """Grace seems to be over by a clock that AWS's answers say nothing of."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    ours, build = world.equipment, world.equipment.build_sink

    def leaping(context: SinkContext) -> Sink:
        world.effects.life.clock_ahead = DAY
        return build(context)

    world.equipment = replace(
        ours, build_sink=leaping, clock=lambda: world.clock() + world.effects.life.clock_ahead
    )

    assert reason_of(world.visit(user)) is Reason.CLOCK
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.effects.life.clock_ahead, world.equipment = timedelta(0), ours
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_sink_that_says_yes_and_reads_otherwise_is_not_believed(world: World) -> None:
    """Of a readable place the reading decides: the grace period does not begin."""
    user = world.add_user()
    world.backend.lies.add("m/bob")
    world.visit(user)
    world.go(DAY)
    world.visit(user)

    assert "sink.failed" in world.events()
    assert "rotation.delivered" not in world.events()
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.backend.lies.clear()
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]
    assert world.served() == {"m/bob": NEW}


def test_a_write_only_place_that_says_yes_and_was_not_written_is_not_believed() -> None:
    """It shows the writing time of the key before: that key stays, however seldom it is used."""
    world = World.made(None, policy(sinks=(READABLE, WRITEONLY)))
    user = world.add_user()
    world.live(user)
    world.backend.lies.add("w/bob")
    world.habits["w/bob"] = Habit(silent_from=world.clock(), silent_for=60 * DAY)
    world.go(10 * DAY)
    for _ in range(30):
        world.visit(user)
        world.wait(user)

    assert world.listed(user) == [(NEW, ACTIVE), (NEWER, ACTIVE)]
    assert world.served() == {"m/bob": NEWER, "w/bob": NEW}

    world.backend.lies.clear()
    world.live(user)

    assert world.listed(user) == [(NEWER, ACTIVE)]
    assert set(world.served().values()) == {NEWER}
    world.close()


def test_a_use_one_minute_before_the_deactivation_brings_the_old_key_back(world: World) -> None:
    """IAM told of the use too late; as soon as it does, the key is revived, and held."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    row = world.row(user)
    assert row is not None
    assert row.next_at is not None
    world.go(row.next_at - world.clock() - MINUTE)
    world.visit(user)
    row = world.row(user)
    assert row is not None
    assert row.next_at is not None
    world.go(row.next_at - world.clock() - MINUTE)
    world.aws.use(OLD)
    world.until(user, "key.deactivated")
    world.wait(user)

    world.visit(user)

    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]
    row = world.row(user)
    assert row is not None
    assert (row.blocked, row.blocked_reason) == ("hold", Reason.USED_AFTER_ALL)

    world.store.release_hold(Scope.USER, subject=user.ref, reason="it was I", actor="eve")
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_listing_that_is_late_misleads_nobody(world: World) -> None:
    """IAM is eventually consistent: a stale listing is neither an absence nor a person's hand."""
    world.aws.list_lag = 2 * MINUTE
    user = world.add_user()

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert "user.held" not in world.events()
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_an_account_that_cannot_be_read_is_waited_for(world: World) -> None:
    """Nothing is concluded, and it goes on by itself."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.aws.unreadable = "the role is gone"
    for _ in range(3):
        world.go(DAY)
        world.visit(user)
    world.aws.unreadable = ""

    world.live(user)

    assert outcomes(world, user) == ["completed"]


def test_a_key_in_use_is_never_switched_off(world: World) -> None:
    """A job that keeps the old key keeps it alive, however long that takes."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    result = None
    for _ in range(30):
        world.aws.use(OLD)
        world.go(HOUR)
        result = world.visit(user)

        assert isinstance(result and result.last, Wait)
    assert Reason.NOT_QUIET is reason_of(result)
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]


def test_a_key_that_sts_never_knows_is_thrown_away(world: World) -> None:
    """No proof in time is as if the secret were lost; it is begun again later."""
    user = world.add_user()
    world.aws.new_key_delay = 10 * MINUTE
    world.visit(user)
    world.aws.new_key_delay = timedelta(0)

    world.live(user)

    assert outcomes(world, user) == ["undelivered", "completed"]
    assert world.listed(user) == [(NEWER, ACTIVE)]


def test_a_key_of_another_user_is_never_delivered(world: World) -> None:
    """STS says whose it is: a wrong identity is a secret lost, and no place has it."""
    user, eve = world.add_user("bob"), world.aws.add_user("eve")
    strike(world, "prove", Fault.LOST_BEFORE)
    world.aws.impostor = eve.user_id

    world.visit(user)

    assert world.served() == {"m/bob": OLD}
    world.aws.impostor = ""
    world.live(user)
    assert outcomes(world, user) == ["undelivered", "completed"]
