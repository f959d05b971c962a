"""What one rotation costs, as exact tables: what makes it dearer is to be seen."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.simulation.stores import counted
from tests.simulation.world import READABLE, WRITEONLY, World, policy

if TYPE_CHECKING:
    from pathlib import Path

CALLS = {
    # The account's users, listed anew where the last listing is older than `settle`.
    "GetAccountAuthorizationDetails": 3,
    # A look is GetUser, ListAccessKeys, and GetAccessKeyLastUsed for each key: one look for each
    # of the three visits, and one more after each change of IAM.
    "GetUser": 5,
    "ListAccessKeys": 5,
    "GetAccessKeyLastUsed": 8,
    # One proof, refused twice while STS does not know the key yet.
    "GetCallerIdentity": 3,
    "CreateAccessKey": 1,
    "UpdateAccessKey": 1,
    "DeleteAccessKey": 1,
}

IDLE = {
    # The account's users, the lease, what is known, what is around, the look, the standing, the
    # lease again: seven transactions.
    "BEGIN": 7,
    # Three find out first whether the store went back. Of what is known there are seven tables, of
    # what is around four; whom the listing lacks, the keys and the user are compared with.
    "SELECT": 17,
    # The lease: taken, then extended twice, then given back. Nothing else is written.
    "INSERT": 1,
    "UPDATE": 3,
}
ROTATION = {"BEGIN": 56, "SELECT": 206, "INSERT": 26, "UPDATE": 66}


def test_a_rotation_makes_no_more_calls_than_it_needs(tmp_path: Path) -> None:
    """By name, over the whole life of one rotation with a readable and a write-only place."""
    world = World.made(tmp_path, policy(sinks=(READABLE, WRITEONLY)))
    world.aws.new_key_delay = timedelta(seconds=2)
    user = world.add_user()

    world.live(user)

    assert dict(Counter(world.aws.calls)) == CALLS
    assert world.visits == 3
    assert {
        name: count for name, count in world.effects.counts.items() if name.startswith("put")
    } == {"put m/bob": 1, "put w/bob": 1}
    world.close()


def test_a_rotation_commits_no_more_often_than_it_needs(tmp_path: Path) -> None:
    """Leases apart: an intent and an outcome for each effect, each fact, and each look once."""
    world = World.made(tmp_path, policy(sinks=(READABLE, WRITEONLY)))
    world.aws.new_key_delay = timedelta(seconds=2)
    user = world.add_user()
    world.effects.commits = True

    world.live(user)

    assert world.effects.counts["commit"] == 23
    world.close()


def test_a_user_who_needs_nothing_asks_the_store_little(tmp_path: Path) -> None:
    """The lease is taken and given back, what is known is read, and what was seen is noted.

    Nothing is asked twice, and what is on record already is not written again.
    """
    world = World.made(tmp_path)
    user = world.add_user(age=timedelta(days=1))
    world.visit(user)

    with counted(world.store) as statements:
        world.visit(user)

    assert dict(statements) == IDLE
    world.close()


def test_a_rotation_asks_the_store_little(tmp_path: Path) -> None:
    """Over the three visits of one rotation with a readable and a write-only place."""
    world = World.made(tmp_path, policy(sinks=(READABLE, WRITEONLY)))
    world.aws.new_key_delay = timedelta(seconds=2)
    # The monitor reads the record too.
    world.effects.after = lambda _: None
    user = world.add_user()

    total: Counter[str] = Counter()
    for _ in range(3):
        with counted(world.store) as statements:
            world.visit(user)
        total += statements
        world.wait(user)

    assert world.known(user).rotation is None
    assert dict(total) == ROTATION
    world.close()


def test_a_user_who_needs_nothing_costs_one_look(tmp_path: Path) -> None:
    """A young key: no place is read, and nothing is asked twice."""
    world = World.made(tmp_path)
    user = world.add_user(age=timedelta(days=1))

    world.visit(user)

    assert dict(Counter(world.aws.calls)) == {
        "GetAccountAuthorizationDetails": 1,
        "GetUser": 1,
        "ListAccessKeys": 1,
        "GetAccessKeyLastUsed": 1,
    }
    assert world.backend.asked == 0
    world.close()
