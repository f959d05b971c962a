"""From what one looks ahead: who is in it, what is known of them, and what could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.daemon.schedules import Rhythms
from rotator.model import Account, DoorName, Exclusion, Selector
from rotator.reconcile import Planner, last_sweeps, scene_of
from tests.simulation.aws import ACCOUNT_ID
from tests.simulation.world import DAY, World, policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rotator.judgement.outlook import Scene
    from rotator.model import Policy, UserRef


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account whose policy `ci` selects everybody."""
    made = World.made(tmp_path)
    yield made
    made.close()


def scene(world: World, *, days: int = 20, only: UserRef | None = None) -> tuple[Scene, list[str]]:
    """Everybody as they are now."""
    policies = world.configuration.policies
    rhythm = Rhythms(policies, last_at=last_sweeps(world.equipment, policies), now=world.clock())
    until = world.clock() + days * DAY
    return scene_of(Planner(world.equipment), policies, rhythm, until=until, only=only)


def names(world: World, *, days: int = 20, only: UserRef | None = None) -> list[str]:
    """Who is in it."""
    return sorted(case.user.name for case in scene(world, days=days, only=only)[0].cases)


def test_everybody_whom_the_policies_concern_is_in_it(world: World) -> None:
    """With their keys and places, whether anything is due or not."""
    world.add_user("bob")
    eve = world.add_user("eve", age=DAY)
    world.aws.add_user("keyless")

    assert names(world) == ["bob", "eve", "keyless"]
    assert names(world, only=eve.ref) == ["eve"]
    assert all(case.places for case in scene(world)[0].cases)


def sparing(name: str, days: int, world: World, policy_name: str = "ci") -> Policy:
    """The policy leaves a user alone for some days."""
    spare = Exclusion(Selector(name=name), expires=world.clock() + days * DAY)
    return policy(name=policy_name, exclude=(spare,))


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(5, ["eve"], id="the exclusion lasts longer than one looks ahead"),
        pytest.param(20, ["bob", "eve"], id="it expires before"),
    ],
)
def test_who_will_be_selected_is_in_it(world: World, days: int, expected: list[str]) -> None:
    """With the places that the policy will write."""
    world.add_user("bob")
    world.add_user("eve")
    world.reconfigure(sparing("bob", 10, world))

    assert expected == names(world, days=days)
    assert all(case.places for case in scene(world, days=days)[0].cases)


def test_whom_two_policies_will_select_is_in_it(world: World) -> None:
    """On that day the user will be stopped, which is to be told."""
    world.add_user("bob")
    world.reconfigure(sparing("bob", 10, world), sparing("bob", 10, world, "too"))

    assert names(world) == ["bob"]
    assert names(world, days=5) == []


def test_who_is_selected_by_nobody_is_not_in_it(world: World) -> None:
    """An exclusion that expires concerns those whom the policy means."""
    world.add_user("bob")
    spare = Exclusion(Selector(name="eve"), expires=world.clock() + DAY)
    world.reconfigure(policy(include=(Selector(name="eve"),), exclude=(spare,)))

    assert names(world) == []


def test_an_account_that_cannot_be_read_is_told(world: World) -> None:
    """The others are foreseen all the same; one that no policy means is not entered."""
    world.add_user("bob")
    accounts = (Account("prod"), Account("lab"), Account("idle"))
    world.aws.ids = {"lab": "222233334444", "idle": "333344445555"}
    world.aws.refused = {"lab", "idle"}
    world.reconfigure(policy(accounts=("prod", "lab")), accounts=accounts)
    found, errors = scene(world)

    assert [case.user.name for case in found.cases] == ["bob"]
    assert errors == ["account lab: no such role"]


def test_what_is_on_record_goes_with_it(world: World) -> None:
    """Whose keys are on record, and what went through the doors in the last day."""
    bob = world.add_user("bob")
    world.aws.add_user("eve")
    before, _ = scene(world)
    world.visit(bob)
    after, _ = scene(world)

    assert (before.recorded, after.recorded) == (frozenset(), frozenset({bob.ref}))
    spent = after.spent["ci", ACCOUNT_ID]
    assert {door: len(times) for door, times in spent.items() if times} == {DoorName.ISSUE: 1}


def test_the_account_that_waited_longest_tells_when_a_policy_was_swept(world: World) -> None:
    """None where one of them never was, or nobody was ever seen there."""
    world.add_user("bob")
    policies = world.configuration.policies
    at = world.clock()

    assert last_sweeps(world.equipment, policies) == {"ci": None}
    world.sweeper.sweep(policies[0], world.configuration.accounts[0], trigger="schedule")
    swept = last_sweeps(world.equipment, policies)["ci"]
    assert swept is not None
    assert swept - at < DAY
    world.reconfigure(*policies, policy(name="too"))
    assert last_sweeps(world.equipment, world.configuration.policies)["too"] is None
