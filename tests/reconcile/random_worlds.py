"""Random worlds for what is foreseen: policies, users in every phase, freezes, windows, limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rotator.model import (
    Cron,
    DoorName,
    Every,
    Exclusion,
    Freeze,
    KeyStatus,
    Limits,
    Mode,
    Scope,
    Selector,
    Window,
)
from tests.simulation.daemons import SimulatedDaemon, WorldOfHabits
from tests.simulation.world import DAY, HOUR, READABLE, WRITEONLY, policy

if TYPE_CHECKING:
    from pathlib import Path

    from rotator.model import Policy, Schedule, User

__all__ = ["lived", "policies_of_chance"]

ZONE = "Europe/Oslo"

KINDS = (
    *("in use", "in use", "in use", "unused", "two keys", "no key", "inactive key", "young"),
    *("away for a while", "two keys, one unused"),
)


def lived(folder: Path, seed: int) -> tuple[WorldOfHabits, SimulatedDaemon, Random]:
    """A random world in which a daemon has lived for some time, so that all phases are met."""
    chance = Random(seed)
    world = WorldOfHabits.made(folder, *policies_of_chance(chance))
    assert isinstance(world, WorldOfHabits)
    shortest = min(one.recovery_period for one in world.configuration.policies)
    world.monitor.policy = lambda: replace(
        world.configuration.policies[0], recovery_period=shortest
    )
    world.configuration = replace(world.configuration, freezes=_freezes(chance, world))
    for number in range(chance.randint(3, 6)):
        _user(chance, world, f"{chance.choice('ab')}-{number}", chance.choice(KINDS))
    daemon = SimulatedDaemon(world)
    daemon.live(world.clock() + chance.randint(0, 40) * DAY + chance.random() * DAY)
    for user in tuple(world.aws.users.values()):
        if chance.random() < 0.12:
            until = chance.choice((None, world.clock() + chance.randint(3, 30) * DAY))
            world.store.give_hold(
                Scope.USER, subject=user.ref, reason="later", actor="eve", until=until
            )
    return world, daemon, chance


def policies_of_chance(chance: Random) -> list[Policy]:
    """One policy for users `a-…`, and one for `b-…`."""
    return [_policy(chance, name) for name in ("a", "b")]


def _policy(chance: Random, name: str) -> Policy:
    exclude = ()
    return policy(
        name=name,
        include=(Selector(name=f"{name}-*"),),
        exclude=exclude,
        rotate_after=chance.randint(9, 35) * DAY,
        mode=chance.choices((Mode.ENFORCE, Mode.OBSERVE), (6, 1))[0],
        schedule=_schedule(chance),
        window=_window(chance) if chance.random() < 0.3 else None,
        max_age=chance.randint(30, 60) * DAY,
        grace_period=chance.choice((6 * HOUR, DAY, 3 * DAY)),
        quiet_period=chance.choice((8 * HOUR, DAY, 4 * DAY)),
        recovery_period=chance.choice((12 * HOUR, 2 * DAY, 6 * DAY)),
        require_first_use=chance.random() < 0.7,
        unused_after=chance.randint(6, 12) * DAY,
        provision=chance.random() < 0.5,
        retire=frozenset(chance.sample(("inactive", "unused"), chance.randint(0, 2))),
        approve=frozenset({DoorName.DELETE}) if chance.random() < 0.1 else frozenset(),
        limits=Limits(issue=1, deactivate=1, delete=1) if chance.random() < 0.4 else Limits(),
        sinks=(READABLE, WRITEONLY) if chance.random() < 0.3 else (READABLE,),
        digest=name,
    )


def _schedule(chance: Random) -> Schedule:
    return chance.choice(
        (
            Every(7 * HOUR),
            Every(19 * HOUR),
            Every(25 * HOUR),
            Cron("30 9 * * *", ZONE),
            Cron("0 6,13 * * mon-fri", ZONE),
        )
    )


def _window(chance: Random) -> Window:
    days = frozenset(chance.sample(range(7), chance.randint(3, 6)))
    return Window(days, time(5), time(chance.choice((15, 20))), ZoneInfo(ZONE))


def _freezes(chance: Random, world: WorldOfHabits) -> tuple[Freeze, ...]:
    freezes = []
    for number in range(chance.randint(0, 2)):
        starts_at = world.clock() + chance.randint(5, 110) * DAY
        until = starts_at + chance.randint(2, 18) * DAY
        freezes.append(Freeze(f"freeze {number}", starts_at, until))
    return tuple(freezes)


def _user(chance: Random, world: WorldOfHabits, name: str, kind: str) -> User:
    age = chance.randint(1, 40) * DAY + chance.random() * DAY
    address = f"m/{name}"
    if kind == "no key":
        return world.aws.add_user(name)
    if kind == "inactive key":
        user = world.aws.add_user(name)
        world.aws.add_key(user, age=age, status=KeyStatus.INACTIVE)
        return user
    user = world.add_user(name, age=age if kind != "young" else HOUR)
    if kind == "unused":
        for key in world.aws.keys_of(user.user_id):
            key.uses.clear()
        world.unread |= {address, f"w/{name}"}
    if kind.startswith("two keys"):
        other = world.aws.add_key(user, age=chance.randint(0, 60) * DAY)
        if kind == "two keys":
            world.by_heart.add(other.access_key_id)
    if kind == "away for a while":
        _exclude(chance, world, name)
    return user


def _exclude(chance: Random, world: WorldOfHabits, name: str) -> None:
    """The user is excluded for some time to come."""
    expires = world.clock() + chance.randint(10, 100) * DAY + chance.randint(0, 23) * HOUR
    one = Exclusion(Selector(name=name), reason="away", expires=expires)
    world.reconfigure(
        *(
            replace(terms, exclude=(*terms.exclude, one)) if name.startswith(terms.name) else terms
            for terms in world.configuration.policies
        )
    )
