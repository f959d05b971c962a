"""A daemon over a simulated world: it sweeps by the schedules, and visits when moments come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rotator.daemon.schedules import first_run, trigger_of
from rotator.reconcile import accounts_of
from rotator.reconcile.scenes import last_sweeps
from tests.simulation.world import World

if TYPE_CHECKING:
    from rotator.model import Policy

__all__ = ["SimulatedDaemon", "WorldOfHabits"]

LOOK = timedelta(seconds=2)
"""How often the daemon looks whether somebody's moment has come."""


@dataclass
class WorldOfHabits(World):
    """A world in which some places are read by nobody, and some keys are used from memory.

    Attributes:
        unread: addresses that no consumer reads.
        by_heart: keys that somebody uses without reading any place.
    """

    unread: set[str] = field(default_factory=set)
    by_heart: set[str] = field(default_factory=set)

    def consume(self) -> None:
        entries = self.backend.entries
        self.backend.entries = {a: e for a, e in entries.items() if a not in self.unread}
        try:
            super().consume()
        finally:
            self.backend.entries = entries
        for key_id in self.by_heart:
            self.aws.use(key_id)


class SimulatedDaemon:
    """Lives through the world's time as `rotator.daemon.loop` does, with one thread."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sweeps = 0
        self._next: dict[str, datetime] = {}
        self.schedule()

    def schedule(self) -> None:
        """At the start, and when another configuration is loaded."""
        policies = self.world.configuration.policies
        last_at = last_sweeps(self.world.equipment, policies)
        now = self.world.clock()
        self._next = {
            one.name: first_run(one.schedule, last_at=last_at[one.name], now=now)
            for one in policies
        }
        self._triggers = {
            one.name: trigger_of(one.schedule, start_at=self._next[one.name]) for one in policies
        }
        self._visit_open()

    def live(self, until: datetime) -> None:
        """Everything that a daemon does until then."""
        world = self.world
        while True:
            name, sweep_at = min(self._next.items(), key=lambda pair: pair[1])
            moment = world.store.next_moment()
            at = min(sweep_at, max(moment, world.clock() + LOOK)) if moment else sweep_at
            if at > until:
                world.go(max(until - world.clock(), timedelta(0)))
                return
            world.go(max(at - world.clock(), timedelta(0)))
            world.sweeper.visit_now(world.store.moments(world.clock()))
            if sweep_at <= world.clock():
                self._sweep(name, sweep_at)

    def _sweep(self, name: str, at: datetime) -> None:
        policy = self._policy(name)
        for account in accounts_of(self.world.equipment, policy):
            result = self.world.sweeper.sweep(policy, account, trigger="schedule")
            assert result.error is None
        self.sweeps += 1
        later = self._triggers[name].get_next_fire_time(at, at + timedelta(microseconds=1))
        self._next[name] = later.astimezone(UTC)

    def _policy(self, name: str) -> Policy:
        policy = self.world.configuration.policy(name)
        assert policy is not None
        return policy

    def _visit_open(self) -> None:
        rows = self.world.store.users()
        self.world.sweeper.visit_now(
            (row.user.ref, row.user.account, row.user.name) for row in rows if row.rotation
        )
