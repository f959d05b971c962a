"""How many users are visited side by side, so that the oldest keys go through a door first."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.model import Deactivate, Delete, DoorName, Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from rotator.model import Policy, User
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.visit import VisitResult

__all__ = ["Room", "visit_in_order"]

DAY = timedelta(hours=24)

_DOORS = {Issue: DoorName.ISSUE, Deactivate: DoorName.DEACTIVATE, Delete: DoorName.DELETE}


@dataclass(slots=True)
class Room:
    """How many steps a policy's limits still allow in one account, door by door.

    It orders visits and permits nothing: what is allowed is counted in each intent's transaction.
    """

    left: dict[DoorName, int]

    @classmethod
    def of(cls, equipment: Equipment, policy: Policy, account_id: str) -> Room:
        """What the last 24 hours leave.

        Raises:
            StoreError: the store cannot be read.
        """
        done = equipment.store.counts(policy.name, account_id, equipment.clock() - DAY)
        return cls({door: policy.limits.of(door) - done.get(door, 0) for door in DoorName})

    def abreast(self, most: int) -> int:
        """How many may be under way: so many that each of them finds room where one does."""
        return min((left for left in self.left.values() if left > 0), default=most)

    def take(self, visit: VisitResult) -> None:
        """Count what a visit has done."""
        for action in visit.acted:
            door = _DOORS.get(type(action))
            if door in self.left:
                self.left[door] -= 1


def visit_in_order(
    submit: Callable[[User], Future[VisitResult]],
    users: Sequence[User],
    room: Room,
    most: int,
) -> list[VisitResult]:
    """Visit users in this order, and none before a limit has room for all who are under way.

    Else a user further back could take, on another thread, the last place of one before it.

    Raises:
        StoreError: a visit could not save anything; none is begun after it.
    """
    running: dict[Future[VisitResult], int] = {}
    results: dict[int, VisitResult] = {}
    for number, user in enumerate(users):
        while running and len(running) >= min(most, room.abreast(most)):
            _reap(running, results, room)
        running[submit(user)] = number
    while running:
        _reap(running, results, room)
    return [results[number] for number in sorted(results)]


def _reap(
    running: dict[Future[VisitResult], int], results: dict[int, VisitResult], room: Room
) -> None:
    ended, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in ended:
        number = running.pop(future)
        results[number] = future.result()
        room.take(results[number])
