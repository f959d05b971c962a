"""Sweeps, visits at their moments, and plans: users and accounts are isolated from each other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from rotator.errors import StoreUnavailable
from rotator.model import Account, Exclusion, Issue, Limits, Reason, Selector, Wait
from rotator.reconcile import Planner, Sweeper, accounts_of
from tests.simulation.faults import Fault
from tests.simulation.world import DAY, HOUR, World, policy
from tests.sinks.fakes import Fault as Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rotator.reconcile import SweepResult


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account whose policy has one readable place."""
    made = World.made(tmp_path)
    yield made
    made.close()


def sweep(world: World) -> SweepResult:
    """One sweep of the first policy over the one account."""
    terms = world.configuration.policies[0]
    (account,) = accounts_of(world.equipment, terms)
    return world.sweeper.sweep(terms, account, trigger="schedule")


def told(world: World, name: str) -> list[dict[str, object]]:
    """The events of one name."""
    return [fields for event, fields in world.told if event.value == name]


def test_a_sweep_looks_at_everybody_and_counts(world: World) -> None:
    """One is due and rotated, one is young and waits."""
    world.add_user("bob")
    world.add_user("eve", age=DAY)

    result = sweep(world)

    assert not result.failed
    assert not result.blocked
    (ended,) = told(world, "sweep.completed")
    assert (ended["users"], ended["acted"], ended["waiting"]) == (2, 1, 1)
    assert world.effects.counts["CreateAccessKey"] == 1


def test_one_user_that_fails_stops_nobody_else(world: World) -> None:
    """A bug that is met with one user is told, and the others are looked after."""
    world.add_user("bob")
    world.add_user("eve")
    world.aws.bugs.add("bob")

    result = sweep(world)

    assert result.failed
    assert {one.user.name: one.failed for one in result.visits} == {"bob": True, "eve": False}
    (failed,) = told(world, "user.failed")
    assert failed["error"] == "ZeroDivisionError"
    assert world.effects.counts["CreateAccessKey"] == 1


def test_the_oldest_key_is_first(world: World) -> None:
    """Where a limit lets one go, it is the one whose key is known to be the oldest."""
    world.reconfigure(policy(limits=Limits(issue=1), rotate_after=20 * DAY))
    for name, age in (("young", 15), ("oldest", 19), ("older", 17)):
        world.add_user(name, age=age * DAY)
    sweep(world)
    world.go(6 * DAY)

    result = sweep(world)

    assert [one.user.name for one in result.visits] == ["oldest", "older", "young"]


def test_an_account_that_cannot_be_entered_is_told(world: World) -> None:
    """And nothing is concluded about anybody in it."""
    world.add_user()
    world.aws.unreadable = "no such role"

    result = sweep(world)

    assert result.error == "no such role"
    assert told(world, "account.failed")
    assert world.aws.executed == []


def test_a_store_that_fails_ends_the_sweep(world: World) -> None:
    """Nothing is begun that could not be recorded."""
    world.add_user()
    world.effects.commits = True
    world.effects.plan = {0: Fault.REJECTED}

    result = sweep(world)

    assert result.error is not None
    assert told(world, "store.failed")
    assert world.aws.executed == []


def test_what_is_doubtful_about_a_policy_is_told_once(world: World) -> None:
    """Nobody selected, a limit too low, an exclusion that has expired."""
    gone = Exclusion(Selector(name="bob"), reason="vendor", expires=world.clock() - DAY)
    world.reconfigure(
        policy(exclude=(gone,), limits=Limits(issue=1), rotate_after=DAY / 2, include=(Selector(),))
    )
    sweep(world)
    world.add_user("bob", age=HOUR)
    world.add_user("eve", age=HOUR)
    world.go(HOUR)
    sweep(world)
    world.go(HOUR)
    sweep(world)

    assert len(told(world, "policy.unmatched")) == 1
    assert len(told(world, "policy.limited")) == 1
    (expired,) = told(world, "exclusion.expired")
    assert expired["exclusion"] == "name bob"


def test_what_was_told_before_last_is_forgotten(world: World) -> None:
    """The number of users stands in the sentence: whoever keeps each keeps one more at a sweep."""
    world.reconfigure(policy(limits=Limits(issue=1)))
    for number in range(30):
        world.add_user(f"u{number}")
    for number in range(4):
        sweep(world)
        world.clock.advance(HOUR)
        world.add_user(f"more{number}")

    assert len(told(world, "policy.limited")) == 4
    assert len(world.sweeper._remarks._told) == 1


def test_a_rotation_is_visited_when_its_moment_comes(world: World) -> None:
    """Whatever the schedule: the store tells who, and nobody else is looked at."""
    user = world.add_user()
    world.add_user("eve", age=DAY)
    sweep(world)
    moment = world.store.next_moment()
    assert moment is not None
    world.go(moment - world.clock())

    due = world.store.moments(world.clock())
    results = world.sweeper.visit_now(due)

    assert [one.user.ref for one in results] == [user.ref]


def test_an_account_that_is_configured_no_more_is_left_alone(world: World) -> None:
    """Its users stay on record."""
    user = world.add_user()
    sweep(world)
    world.reconfigure(*world.configuration.policies, accounts=())

    assert world.sweeper.visit_now([(user.ref, "prod", "bob")]) == []


def test_an_account_of_another_name_is_known_by_its_id(world: World) -> None:
    """A user's next moment is kept whatever the account is called meanwhile."""
    user = world.add_user()
    sweep(world)
    renamed = (Account("stage"), Account("production"))
    world.aws.ids["stage"] = "999988887777"
    world.reconfigure(*world.configuration.policies, accounts=renamed)
    world.sweeper = Sweeper(world.equipment)

    (result,) = world.sweeper.visit_now([(user.ref, "prod", "bob")])

    assert result.user.account == "production"


def test_nothing_of_a_user_reaches_an_account_that_took_the_name(world: World) -> None:
    """The secret is at hand, and yet it is not delivered through another account's door."""
    user = world.add_user()
    world.backend.fail("m/bob", Refusal.REJECTED)
    sweep(world)
    puts = list(world.backend.puts)
    world.aws.ids["prod"] = "999988887777"
    world.sweeper = Sweeper(world.equipment)
    world.go(DAY)

    (result,) = world.sweeper.visit_now([(user.ref, "prod", "bob")])

    assert isinstance(result.last, Wait)
    assert result.last.reason is Reason.AWS_UNAVAILABLE
    assert "999988887777" in result.last.message
    assert world.backend.puts == puts


def test_of_each_user_of_an_account_that_cannot_be_entered_it_is_said(world: World) -> None:
    """Once, beside what is known of it else; and with the next look it is over."""
    user = world.add_user()
    sweep(world)
    world.aws.unreadable = "no such role"

    for _ in range(2):
        assert world.sweeper.visit_now([(user.ref, "prod", "bob")]) == []

    row = world.row(user)
    assert row is not None
    assert (row.reason, row.message) == (Reason.AWS_UNAVAILABLE, "no such role")
    assert row.phase.value == "grace"

    world.aws.unreadable = ""
    world.sweeper.visit_now([(user.ref, "prod", "bob")])
    row = world.row(user)
    assert row is not None
    assert row.reason is Reason.GRACE


def test_an_open_rotation_that_no_policy_selects_is_looked_at_all_the_same(world: World) -> None:
    """No sweep may be left that would: what stops it is seen to stand, and to end."""
    user = world.add_user()
    sweep(world)
    world.reconfigure()
    world.sweeper.visit_now([(user.ref, "prod", "bob")])

    row = world.row(user)
    assert row is not None
    assert row.blocked_reason is Reason.POLICY_UNCLEAR
    assert row.next_at == world.clock() + world.configuration.timing.retry_max


def test_a_plan_changes_nothing_and_is_what_a_sweep_does(world: World) -> None:
    """The same looks, the same judgement, and not one row in the store."""
    world.add_user("bob")
    world.add_user("eve", age=DAY)
    (account,) = world.configuration.accounts
    before = world.stored()

    planned = Planner(world.equipment).plan(world.configuration.policies[0], account)

    assert world.stored() == before
    assert world.store.users() == []
    actions = {one.user.name: one.action for one in planned}
    assert isinstance(actions["bob"], Issue)
    assert isinstance(actions["eve"], Wait)
    assert actions["eve"].reason is Reason.NOT_DUE
    acted = {one.user.name: one.acted[:1] for one in sweep(world).visits}
    assert acted == {"bob": (actions["bob"],), "eve": ()}


def test_a_key_that_is_issued_reaches_its_place_before_the_process_ends(world: World) -> None:
    """Asked to stop, nothing is begun any more, and what is at hand is delivered."""
    user, other = world.add_user("bob"), world.add_user("eve")
    world.effects.plan = {4: Fault.REJECTED, 5: Fault.REJECTED}
    names = world.effects.names
    world.visit(user)
    assert "put m/bob" in names
    world.equipment.stopping.set()

    world.sweeper.deliver_held(time.monotonic() + 20)
    world.visit(other)

    assert world.equipment.hands.users() == ()
    assert world.served()["m/bob"] != "AKIAIOSFODNN7EXAM001"
    assert world.effects.counts["CreateAccessKey"] == 1


def test_a_process_announces_itself(world: World) -> None:
    """With its configuration, so that replicas see whether they agree."""
    world.sweeper.announce()

    (row,) = world.store.replicas(world.clock() - HOUR)
    assert row.config_digest == "configuration-1"
    assert row.replica_id == world.equipment.process


def test_replicas_that_do_not_agree_begin_nothing(world: World) -> None:
    """Until both have the same configuration, or one of them is gone."""
    user = world.add_user()
    world.sweeper.announce()
    world.boot()
    ours = world.configuration
    world.reconfigure(*ours.policies, digest="configuration-2")

    result = world.visit(user)

    assert result is not None
    assert result.last is not None
    assert result.last.reason is Reason.AGREED
    world.reconfigure(*ours.policies, digest=ours.digest)
    world.visit(user)
    assert world.effects.counts["CreateAccessKey"] == 1


def test_what_cannot_be_saved_is_not_done(world: World) -> None:
    """A store that refuses the intent is told to the caller, before any request."""
    user = world.add_user()
    world.effects.commits = True
    world.effects.plan = {1: Fault.REJECTED}

    assert world.visit(user) is None
    assert world.failures == [str(StoreUnavailable("the store is locked"))]
    assert world.aws.executed == []


def test_an_account_that_stays_away_is_told_once_and_so_is_its_return(world: World) -> None:
    """However often it is tried, by sweeps and by visits; another cause is told anew."""
    user = world.add_user()
    sweep(world)
    world.aws.unreadable = "no such role"
    world.go(HOUR)
    for _ in range(3):
        sweep(world)
        world.sweeper.visit_now([(user.ref, "prod", "bob")])
    world.aws.unreadable = "the role may not be assumed"
    world.go(HOUR)
    sweep(world)
    world.aws.unreadable = ""
    sweep(world)
    sweep(world)

    causes = [fields["error"] for fields in told(world, "account.failed")]
    (recovered,) = told(world, "account.recovered")

    assert causes == ["no such role", "the role may not be assumed"]
    assert recovered["account"] == "prod"
    assert recovered["seconds"] == HOUR.total_seconds()
