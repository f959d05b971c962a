"""What comes from outside of both replicas: a command at a terminal, and a backup of the store."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, cast
from uuid import uuid4

from rotator.errors import RotatorError
from rotator.reconcile import Sweeper
from rotator.reconcile.hands import Hands
from rotator.reconcile.taking import Brought, take
from rotator.store import Store
from rotator.store.watermark import STAMP, Watermark
from tests.simulation.broken import Broken
from tests.simulation.faults import Killed, Life
from tests.simulation.replicas import BOTH, AwayStore, Replica
from tests.simulation.world import HOUR

if TYPE_CHECKING:
    from rotator.model import Credential, User
    from tests.simulation.stores import DatabaseInMemory
    from tests.soak.world import Soaked

__all__ = ["accept", "bring", "copy_of", "put_back"]

COMMAND = 2
"""The number of the process that a command is, beside the two replicas."""
HARM_OR_ISSUE = {"issue", "deactivate", "delete"}


def bring(world: Soaked, user: User, credential: Credential) -> None:
    """`deliver --from`: a process of its own proves a key and puts it to the places."""
    before, life = world.number, Life(uuid4().hex)
    store = AwayStore(world.store, world.effects, life, world.monitor)
    store.world = world
    equipment = replace(
        world.equipment,
        store=cast("Store", store),
        process=life.name,
        clock=world.clock,
        configuration=lambda: world.configuration,
        hands=Hands(),
    )
    sweeper = Sweeper(equipment)
    world.replicas[COMMAND] = Replica(life, equipment, sweeper, world.configuration)
    world.turn_to(COMMAND)
    try:
        entered = equipment.accounts.enter(world.configuration.accounts[0])
        roll = sweeper.rolls.of(entered)
        take(equipment, entered, roll, user, Brought(credential, take_over=True, why="soak"))
    except (RotatorError, Killed) as exc:
        world.failures.append(str(exc))
    finally:
        del world.replicas[COMMAND]
        world.turn_to(before)
    if world.bugs:
        raise world.bugs[0]


def copy_of(world: Soaked) -> sqlite3.Connection:
    """The store as it is now, with the stamp that a backup carries."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    cast("DatabaseInMemory", world.store._database).driver.backup(copy)
    copy.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, 'made by hand')", (STAMP,))
    return copy


def put_back(world: Soaked, copy: sqlite3.Connection) -> None:
    """Both replicas end, a backup takes the place of the store, and they start again.

    Raises:
        Broken: something is begun or harmed before a person says that this is meant.
    """
    for number in BOTH:
        world.kill(number)
    database = cast("DatabaseInMemory", world.store._database)
    copy.backup(database.driver)
    copy.close()
    world.store = Store(database, Watermark())
    world.monitor.record_went_back()
    for number in BOTH:
        world.kill(number)
    before = len(world.aws.executed)
    world.live_for(2 * HOUR)
    done = [step for step, _, _ in world.aws.executed[before:] if step in HARM_OR_ISSUE]
    if done:
        raise Broken(f"{done} although the store is a backup, and nobody has accepted it")


def accept(world: Soaked) -> None:
    """`state accept`."""
    world.store.accept(actor="eve", reason="soak")
