"""What keeps other rotators from being safe, one world each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.model import (
    DoorName,
    Freeze,
    KeyStatus,
    Limits,
    Mode,
    Order,
    Outcome,
    Reason,
    Scope,
    Selector,
    Shut,
    Stop,
    Verb,
    Wait,
)
from tests.reconcile.faults import Fault
from tests.reconcile.world import (
    DAY,
    HOUR,
    MINUTE,
    READABLE,
    WRITEONLY,
    World,
    policy,
    sink_spec,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rotator.model import User
    from rotator.reconcile import VisitResult

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
    return [row.detail for row in world.history(user) if row.step.value == "close"]


def order(world: World, user: User, verb: Verb) -> int:
    """A person says something about a user."""
    return world.store.give(user.ref, Order(0, verb, world.clock(), actor="eve", reason="testing"))


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


def test_a_user_who_was_made_again_is_another_user(world: World) -> None:
    """The rotation of the one that is gone is closed; the other's keys are never touched."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.aws.delete_user(user)
    world.monitor.given_up.update({OLD, NEW})
    other = world.aws.add_user("bob", user_id="AIDAOTHER")
    theirs = world.aws.add_key(other)
    done = len(world.aws.executed)
    for _ in range(4):
        world.go(10 * MINUTE)
        world.visit(user)

    assert world.known(user).rotation is None
    assert outcomes(world, user) == ["gone"]
    assert done == len(world.aws.executed)
    assert [(theirs.access_key_id, ACTIVE)] == world.listed(other)


def test_a_renamed_user_is_the_same(tmp_path: Path) -> None:
    """The UserId is what counts, and the rotation goes on under the new name."""
    world = World.made(tmp_path, policy(sinks=(sink_spec("memory", "m/fixed"),)))
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.aws.rename(user, "robert")
    world.go(10 * MINUTE)

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert world.listed(user) == [(NEW, ACTIVE)]
    world.close()


def test_a_place_that_follows_the_name_stops_a_renamed_user(world: World) -> None:
    """Whether the place of the old name is still read cannot be told: a person must say."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.aws.rename(user, "robert")
    world.go(DAY)

    assert Reason.POLICY_UNCLEAR is reason_of(world.visit(user))
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.aws.rename(user, "bob")
    world.go(DAY)
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]


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
    """Its request arrives late, its save is refused, and the key is recognised as an orphan."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.FROZEN)

    world.visit(user)

    assert any("no longer ours" in failure for failure in world.failures)
    rotation = world.known(user).rotation
    assert rotation is not None
    assert rotation.successor is None

    assert world.equipment.hands.users() == (user.ref,)
    world.visit(user)
    assert world.equipment.hands.users() == ()

    world.live(user)

    assert outcomes(world, user) == ["orphan", "completed"]
    assert world.listed(user) == [(NEWER, ACTIVE)]


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


def test_a_freeze_over_the_end_of_grace_keeps_the_old_key_until_it_ends(world: World) -> None:
    """The door is shut in the freeze, and the old key goes out of service after it."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    until = world.clock() + 3 * DAY
    freeze = Freeze("year end", world.clock() + MINUTE, until)
    world.reconfigure(*world.configuration.policies, freezes=(freeze,))
    world.go(DAY)

    result = world.visit(user)

    assert result is not None
    assert isinstance(result.last, Shut)
    assert (Reason.CLOSED, until) == (result.last.reason, result.last.until)
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.live(user)

    at = next(at for step, _, at in world.aws.executed if step == "deactivate")
    assert at >= until


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


def test_a_policy_that_is_taken_away_stops_the_rotation_until_it_is_back(world: World) -> None:
    """Nobody says any more what is wanted: the keys stay as they are."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    ordinary = world.configuration.policies[0]
    world.reconfigure(replace(ordinary, include=(Selector(name="alice"),)))
    world.go(DAY)

    assert Reason.POLICY_UNCLEAR is reason_of(world.visit(user))
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.reconfigure(ordinary)
    resumed = world.clock()
    world.live(user)

    at = next(at for step, _, at in world.aws.executed if step == "deactivate")
    assert at - resumed >= ordinary.grace_period
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_another_policy_that_selects_the_user_takes_the_rotation_over(world: World) -> None:
    """And the record says so."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    ordinary = world.configuration.policies[0]
    world.reconfigure(replace(ordinary, name="other"))
    world.go(10 * MINUTE)

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert any("takes the rotation over" in row.detail for row in world.history(user))


def test_a_sink_that_is_taken_away_stops_the_rotation_until_it_is_named(tmp_path: Path) -> None:
    """Whether its place is still read cannot be told."""
    both = policy(sinks=(READABLE, WRITEONLY))
    world = World.made(tmp_path, both)
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.reconfigure(policy(sinks=(READABLE,)))
    world.go(DAY)

    assert Reason.POLICY_UNCLEAR is reason_of(world.visit(user))
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.reconfigure(both)
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]
    world.close()


def test_a_sink_that_is_added_in_the_middle_is_delivered_to(world: World) -> None:
    """From the readable place, since the secret is in memory no more; grace begins anew."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.boot()
    world.reconfigure(policy(sinks=(READABLE, WRITEONLY)))
    world.go(HOUR)

    world.live(user)

    assert world.served() == {"m/bob": NEW, "w/bob": NEW}
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_person_who_reactivates_in_the_console_is_obeyed(world: World) -> None:
    """In recovery the old key is Active again: held, once, and the clocks start anew."""
    user = world.add_user()
    world.until(user, "key.deactivated")
    world.go(HOUR)
    world.aws.switch(OLD, ACTIVE)

    world.visit(user)

    row = world.row(user)
    assert row is not None
    assert (row.blocked, row.blocked_reason) == ("hold", Reason.REACTIVATED)
    world.go(DAY)
    world.visit(user)
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.store.release_hold(Scope.USER, subject=user.ref, reason="done", actor="eve")
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]


@pytest.mark.parametrize("event", ["rotation.delivered", "key.deactivated"])
def test_a_person_who_deletes_the_old_key_ends_the_rotation(world: World, event: str) -> None:
    """In grace and in recovery: two listings, `settle` apart, and it is over."""
    user = world.add_user()
    world.until(user, event)
    world.aws.switch(OLD, None)
    world.monitor.given_up.add(OLD)
    world.go(10 * MINUTE)

    world.live(user)

    assert [Outcome.BY_HAND.value] == outcomes(world, user)
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_person_who_switches_the_old_key_off_starts_its_rest(world: World) -> None:
    """In grace: it is observed, and the rest is counted from when it was seen."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.go(30 * MINUTE)
    world.aws.switch(OLD, INACTIVE)
    world.monitor.given_up.add(OLD)
    seen_from = world.clock()

    world.live(user)

    assert outcomes(world, user) == ["completed"]
    assert [step for step, _, _ in world.aws.executed] == ["issue", "delete"]
    assert world.aws.executed[-1][2] - seen_from >= world.configuration.policies[0].recovery_period


def test_a_person_who_deletes_the_old_key_while_nothing_is_delivered_harms_nothing_more(
    world: World,
) -> None:
    """The successor still reaches its place."""
    user = world.add_user()
    strike(world, "put m/bob", Fault.LOST_BEFORE)
    world.visit(user)
    world.aws.switch(OLD, None)
    world.monitor.given_up.add(OLD)
    world.go(10 * MINUTE)

    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]
    assert world.served() == {"m/bob": NEW}


def test_a_successor_that_a_person_deletes_before_delivery_is_replaced(world: World) -> None:
    """No place has it: it counts as undelivered, and another is made."""
    user = world.add_user()
    strike(world, "put m/bob", Fault.REJECTED)
    world.visit(user)
    world.backend.unreadable.add("m/bob")
    world.go(10 * MINUTE)
    world.aws.switch(NEW, None)
    for _ in range(3):
        world.visit(user)
        world.go(10 * MINUTE)
    world.backend.unreadable.clear()

    world.live(user)

    assert outcomes(world, user)[-1] == "completed"
    assert world.listed(user) == [(NEWER, ACTIVE)]
    assert world.served() == {"m/bob": NEWER}


@pytest.mark.parametrize("event", ["rotation.delivered", "key.deactivated"])
def test_a_successor_that_a_person_deletes_brings_the_old_key_back(
    world: World, event: str
) -> None:
    """Its readers are down: what we switched off is revived, and the user is stopped."""
    user = world.add_user()
    world.until(user, event)
    world.aws.switch(NEW, None)
    world.monitor.given_up.add(NEW)
    world.go(10 * MINUTE)
    world.visit(user)
    world.go(10 * MINUTE)

    result = world.live(user)

    assert Reason.SUCCESSOR_GONE is reason_of(result)
    assert world.listed(user) == [(OLD, ACTIVE)]


def test_a_rollback_revives_the_old_key_and_holds_the_user(world: World) -> None:
    """Until it is released; then grace, quiet and recovery begin anew."""
    user = world.add_user()
    world.until(user, "key.deactivated")
    given = order(world, user, Verb.ROLLBACK)

    world.visit(user)

    row = world.store.order(given)
    assert row is not None
    assert row.outcome == "done"
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.go(DAY)
    world.visit(user)
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]

    world.store.release_hold(Scope.USER, subject=user.ref, reason="done", actor="eve")
    world.live(user)

    assert world.listed(user) == [(NEW, ACTIVE)]


def test_a_hold_starts_the_clocks_anew(world: World) -> None:
    """Who held for a day gets the whole grace period after the release."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.store.give_hold(Scope.USER, subject=user.ref, reason="incident", actor="eve")
    world.go(DAY)
    world.visit(user)
    world.store.release_hold(Scope.USER, subject=user.ref, reason="over", actor="eve")
    released = world.clock()

    world.live(user)

    at = next(at for step, _, at in world.aws.executed if step == "deactivate")
    assert at - released >= world.configuration.policies[0].grace_period


def test_limits_are_counted_in_the_store(tmp_path: Path) -> None:
    """One issue a day: the second user waits for the next one."""
    world = World.made(tmp_path, policy(limits=Limits(issue=1)))
    bob, eve = world.add_user("bob"), world.add_user("eve")
    world.visit(bob)

    result = world.visit(eve)

    assert result is not None
    assert isinstance(result.last, Shut)
    assert (Reason.LIMIT, DoorName.ISSUE.value) == (result.last.reason, result.last.behind.name)
    world.go(DAY + MINUTE)
    world.visit(eve)
    assert world.effects.counts["CreateAccessKey"] == 2
    world.close()


def test_two_users_never_share_a_place(tmp_path: Path) -> None:
    """The one who came first has it; the other is stopped, and its key stays."""
    world = World.made(tmp_path, policy(sinks=(sink_spec("memory", "m/shared"),)))
    bob = world.aws.add_user("bob")
    world.serve(bob, world.aws.add_key(bob, age=20 * DAY))
    eve = world.aws.add_user("eve")
    world.aws.add_key(eve, age=20 * DAY)
    world.live(bob)

    result = world.visit(eve)

    assert isinstance(result and result.last, Stop)
    assert Reason.SINK_CONFLICT is reason_of(result)
    assert len(world.aws.keys_of(eve.user_id)) == 1
    world.close()


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


def test_observing_begins_nothing_and_finishes_what_is_open(world: World) -> None:
    """From enforce to observe in the middle of a rotation."""
    user, other = world.add_user(), world.add_user("eve")
    world.until(user, "rotation.delivered")
    world.reconfigure(policy(mode=Mode.OBSERVE))

    world.live(user)

    assert world.listed(user) == [(NEWER, ACTIVE)]
    assert Reason.OBSERVE is reason_of(world.visit(other))
    assert len(world.listed(other)) == 1


def test_an_ordered_rotation_is_done_and_the_order_ended(world: World) -> None:
    """A young key is replaced since a person said so; who said so stands in the record."""
    user = world.add_user(age=DAY)
    given = order(world, user, Verb.ROTATE)

    world.live(user)

    row = world.store.order(given)
    assert row is not None
    assert row.outcome == "done"
    assert world.listed(user) == [(NEW, ACTIVE)]


def test_an_order_that_cannot_be_done_is_refused_with_a_sentence(world: World) -> None:
    """A rotation is open already."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    given = order(world, user, Verb.ROTATE)

    world.visit(user)

    row = world.store.order(given)
    assert row is not None
    assert row.outcome == "refused"
    assert "a rotation is open" in row.message
    assert "order.refused" in world.events()


@pytest.mark.parametrize("verb", [Verb.ROLLBACK, Verb.CLOSE])
def test_a_person_may_stop_an_open_rotation_in_grace(world: World, verb: Verb) -> None:
    """A rollback holds, a close ends it; both keys stay as they are."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    given = order(world, user, verb)

    world.visit(user)

    row = world.store.order(given)
    assert row is not None
    assert row.outcome == "done"
    assert world.listed(user) == [(OLD, ACTIVE), (NEW, ACTIVE)]
    assert outcomes(world, user) == ([] if verb is Verb.ROLLBACK else ["by_hand"])


def test_a_close_gives_up_places_that_no_policy_names(tmp_path: Path) -> None:
    """And the rotation that waited for a word is over."""
    world = World.made(tmp_path, policy(sinks=(READABLE, WRITEONLY)))
    user = world.add_user()
    world.until(user, "rotation.delivered")
    world.reconfigure(policy(sinks=(READABLE,)))
    world.go(DAY)
    order(world, user, Verb.CLOSE)

    world.visit(user)

    assert outcomes(world, user) == ["by_hand"]
    assert [row.place.type for row in world.known(user).places] == ["memory"]
    world.close()


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


def test_a_quarantined_user_is_a_stop_until_a_person_orders_a_rotation(world: World) -> None:
    """AWS says that the key leaked: told as an error, due or not."""
    user = world.add_user(age=DAY)
    quarantined = frozenset({"AWSCompromisedKeyQuarantineV3"})
    world.aws.users[user.user_id] = replace(user, attached_policies=quarantined)

    assert reason_of(world.visit(user)) is Reason.QUARANTINED

    order(world, user, Verb.ROTATE)
    world.go(10 * MINUTE)
    world.live(user)

    assert outcomes(world, user) == ["completed"]
