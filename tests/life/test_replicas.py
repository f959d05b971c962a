"""Four replicas over one PostgreSQL: they share the users, die, freeze, and lose the database.

`make replicas` lives through it with 200 users; REPLICAS_USERS says how many there are else.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rotator.demo.aws import LocalAws
from tests.databases.postgres import Server
from tests.life.house import AWS_OPTIONS, Consumers, House, eventually
from tests.life.replicas import Fleet, Pace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY = 64
USERS = int(os.environ.get("REPLICAS_USERS", "24"))
PATIENCE = 90 + USERS * 1.5
REPLICAS = ("one", "two", "three", "four")

PACE = Pace() if USERS <= 40 else Pace(timeout=10, schedule=30)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of its own, which is struck down with everything that is in it."""
    with Server.started() as server:
        yield server


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A folder with the places of all users, and an AWS."""
    with LocalAws(options=AWS_OPTIONS) as aws, House(tmp_path, aws) as house:
        yield house


@pytest.mark.slow
@pytest.mark.timeout(2 * PATIENCE)
def test_every_user_is_rotated_once(server: Server, house: House) -> None:
    """Two replicas are killed, one is frozen past its leases and continued, and the database is
    restarted, once in order and once by SIGKILL.

    Each user gets one new key. Only where a secret died with a killed process is there another:
    no more than what that process had in hand. No consumer is refused.
    """
    with Fleet.over(server, house, users=USERS, pace=PACE) as fleet:
        with Consumers(house, fleet.users[:: USERS // 4]) as consumers:
            start_together(fleet, server)
            in_hand = strike(fleet, server)
            rested = eventually(lambda: not fleet.unfinished(), PATIENCE)
            table = fleet.table()
        statuses = fleet.end()
        created, closed = fleet.created(), fleet.closed()
        unfinished = fleet.unfinished()

    sys.stdout.write(f"\n{table}; in hand of the killed: {len(in_hand)}\n")
    assert rested, unfinished
    assert sorted(statuses) == [-signal.SIGKILL, -signal.SIGKILL, 0, 0]
    assert consumers.failures == []
    assert dict.fromkeys(fleet.users, 1) == {user: closed[user]["completed"] for user in closed}
    again = Counter({user: count - 1 for user, count in created.items()})
    # Whoever took over from one that was killed may have been killed over the same user.
    assert again <= in_hand, again - in_hand
    assert dict(created) == {user: keys_made(closed[user]) for user in closed}


def start_together(fleet: Fleet, server: Server) -> None:
    """All are up and wait for the database, so that none has a lead when it comes."""
    server.end()
    replicas = fleet.start(*REPLICAS)
    assert eventually(lambda: all(one.events("store.failed") for one in replicas), 60)
    server.start()


def strike(fleet: Fleet, server: Server) -> Counter[str]:
    """What happens meanwhile; how many of the killed had each user's key in hand."""
    assert eventually(lambda: len(fleet.did("rotation.begun")) >= USERS / 2, 60)
    # Whoever did most is killed, and the next is frozen.
    killed, frozen, later, _ = sorted(
        fleet.replicas, key=lambda one: one.did()["key.issued"], reverse=True
    )
    in_hand = Counter(fleet.kill(killed))
    thaw = threading.Thread(target=frozen.freeze, args=(PACE.freeze,))
    thaw.start()
    server.restart()
    assert eventually(lambda: later.did()["rotation.delivered"], 60)
    in_hand.update(fleet.kill(later))
    server.kill()
    server.start()
    thaw.join()
    return in_hand


def keys_made(ends: dict[str, int]) -> int:
    """How many keys were made in the rotations that ended so."""
    return sum(count for end, count in ends.items() if end != "no_effect")


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
def test_replicas_that_are_left_alone_share_the_work(server: Server, house: House) -> None:
    """Each user once, and the work is shared.

    Of many users no one does more than twice what would be even, and none nothing; a few are done
    before the slowest process has begun.
    """
    with Fleet.over(server, house, users=USERS, pace=PACE) as fleet:
        start_together(fleet, server)
        rested = eventually(lambda: not fleet.unfinished(), PATIENCE)
        sys.stdout.write(f"\n{fleet.table()}\n")
        steps = [sum(replica.did().values()) for replica in fleet.replicas]
        created = fleet.created()

    assert rested
    assert sum(created.values()) == USERS
    assert sum(1 for done in steps if done) > 1
    if USERS >= MANY:
        assert max(steps) <= 2 * sum(steps) / len(steps)
        assert min(steps) > 0
