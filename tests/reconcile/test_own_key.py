"""Lives in which rotator signs with the key of the very user that it rotates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rotator.model import KeyStatus, Kind, Reason, SigningKey, Wait
from tests.simulation.world import DAY, HOUR, MINUTE, TIMING, World, policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rotator.model import User
    from rotator.reconcile import VisitResult

ACTIVE = KeyStatus.ACTIVE
FILE = "profile default of /var/lib/rotator/own"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One user, and a process that is that user."""
    world = World.made(tmp_path, policy())
    yield world
    world.close()


def signs_with(world: World, key_id: str | None, *, moves: bool = True) -> None:
    """This process signs with a key from now on, and says so."""
    accounts: Any = world.equipment.accounts
    source = FILE if moves else "environment variables"
    accounts.signs_with = (SigningKey(key_id, source, moves),) if key_id else ()
    world.sweeper.announce()


def another_signs_with(world: World, *keys: str) -> None:
    """Another replica announces itself now."""
    world.store.seen_replica(
        "other",
        version="1",
        config_digest=world.configuration.digest,
        at=world.clock(),
        host="web-2",
        keys=[SigningKey(key, "environment variables", moves=False) for key in keys],
    )


def key_ids(world: World, user: User) -> list[str]:
    return [key_id for key_id, _ in world.listed(user)]


def settle_down(world: World, user: User) -> VisitResult:
    """Visit for three days of grace, quiet and recovery; this process lives all the while."""
    for _ in range(11):
        world.sweeper.announce()
        world.visit(user)
        world.go(6 * HOUR)
    world.sweeper.announce()
    result = world.visit(user)
    assert result is not None
    return result


@pytest.mark.slow
def test_it_rotates_its_own_key_once_it_has_moved(world: World) -> None:
    """The new key stands in the file that it reads; its move is the first use."""
    user = world.add_user()
    (old,) = key_ids(world, user)
    signs_with(world, old)
    world.visit(user)
    (_, new) = key_ids(world, user)
    signs_with(world, new)

    settle_down(world, user)

    assert world.listed(user) == [(new, ACTIVE)]


@pytest.mark.slow
def test_a_key_that_only_a_restart_moves_stays(world: World) -> None:
    """For ever, beside its successor; once restarted with that, the rotation goes on."""
    user = world.add_user()
    (old,) = key_ids(world, user)
    signs_with(world, old, moves=False)

    result = settle_down(world, user)

    (_, new) = key_ids(world, user)
    assert world.listed(user) == [(old, ACTIVE), (new, ACTIVE)]
    assert isinstance(result.last, Wait)
    assert result.last.reason is Reason.NOT_QUIET
    assert f"from environment variables); restart {world.equipment.process} with {new}" in (
        result.last.message
    )

    world.boot()
    signs_with(world, new, moves=False)
    world.go(2 * TIMING.lease + MINUTE)
    settle_down(world, user)

    assert world.listed(user) == [(new, ACTIVE)]


def test_overdue_says_by_whom_the_key_is_used(world: World) -> None:
    """Whoever is on call reads which replica to restart, also while grace is still waited for."""
    user = world.add_user(age=31 * DAY)
    (old,) = key_ids(world, user)
    signs_with(world, old, moves=False)

    world.until(user, "user.overdue")

    told = next(fields for event, fields in world.told if event.value == "user.overdue")
    assert str(told["signed_by"]).startswith(f"replica {world.equipment.process} on ")
    assert str(told["signed_by"]).endswith(", from environment variables")


@pytest.mark.slow
def test_two_replicas_of_which_one_still_signs_with_the_old_key(world: World) -> None:
    """It stays as long as that one lives, and goes two leases after it was heard of last."""
    user = world.add_user()
    (old,) = key_ids(world, user)
    signs_with(world, old)
    world.visit(user)
    (_, new) = key_ids(world, user)
    signs_with(world, new)
    world.go(3 * HOUR)

    results = []
    for _ in range(4):
        another_signs_with(world, old)
        world.sweeper.announce()
        results.append(world.visit(user))
        world.go(2 * HOUR)
    result = results[-1]

    assert result is not None
    assert isinstance(result.last, Wait)
    assert "replica other on web-2, from environment variables" in result.last.message
    assert dict(world.listed(user))[old] is ACTIVE
    world.go(2 * TIMING.lease + MINUTE)
    settle_down(world, user)
    assert world.listed(user) == [(new, ACTIVE)]


def test_one_replica_may_sign_with_more_than_one_key(world: World) -> None:
    """Each of them is in use: one of its accounts has moved, and another has not."""
    user = world.add_user()
    (old,) = key_ids(world, user)
    signs_with(world, None)
    world.visit(user)
    (_, new) = key_ids(world, user)
    world.go(3 * HOUR)
    another_signs_with(world, old, new, "AKIAOFANOTHERACCOUNT")

    result = world.visit(user)

    assert result is not None
    assert isinstance(result.last, Wait)
    assert result.last.reason is Reason.NOT_QUIET
    assert f"{old} is in use now" in result.last.message


def test_a_process_that_stood_still_keeps_its_own_key(world: World) -> None:
    """Its announcement is old: what it signs with it knows without one."""
    user = world.add_user()
    (old,) = key_ids(world, user)
    signs_with(world, old)
    for _ in range(6):
        world.visit(user)
        world.go(6 * HOUR)

    assert dict(world.listed(user))[old] is ACTIVE


def test_a_dead_process_uses_nothing(world: World) -> None:
    """It was killed and another took over, which is a role: nobody signs with the key."""
    user = world.add_user()
    (old,) = key_ids(world, user)
    signs_with(world, old)
    world.visit(user)
    (_, new) = key_ids(world, user)
    world.boot()
    world.go(2 * TIMING.lease)

    settle_down(world, user)

    assert world.listed(user) == [(new, ACTIVE)]
    assert world.known(user).rotation is None
    assert [r.kind for r in world.store.rotations(user.ref)] == [Kind.REPLACE]


def test_an_announcement_follows_at_once(world: World) -> None:
    """What a sweep finds other than it was announced is announced before anybody is visited."""
    user = world.add_user()
    (old,) = key_ids(world, user)
    accounts: Any = world.equipment.accounts
    accounts.signs_with = (SigningKey(old, FILE, moves=True),)

    world.sweeper.visit_now([(user.ref, "prod", "bob")])
    accounts.signs_with = (SigningKey("AKIAAFTERTHEMOVE0001", FILE, moves=True),)
    world.sweeper.visit_now([(user.ref, "prod", "bob")])

    (row,) = world.store.replicas(world.clock() - MINUTE)
    assert [key.key_id for key in row.keys] == ["AKIAAFTERTHEMOVE0001"]
    world.sweeper.farewell()
    assert world.store.replicas(world.clock() - MINUTE) == []
