"""Side by side, and yet in order: who is further back takes no one's place in a limit."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from rotator.model import DoorName, Issue, Kind, Reason, User
from rotator.reconcile import VisitResult
from rotator.reconcile.abreast import Room, visit_in_order

USERS = [User("prod", "111122223333", f"AIDA{number}", f"user{number}") for number in range(9)]
ISSUED = Issue(Reason.AGE, "due", kind=Kind.REPLACE)


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        pytest.param({}, 8, id="no limit"),
        pytest.param({DoorName.ISSUE: 50}, 50, id="plenty of room"),
        pytest.param({DoorName.ISSUE: 3, DoorName.DELETE: 5}, 3, id="the narrowest door"),
        pytest.param({DoorName.ISSUE: 0, DoorName.DELETE: 5}, 5, id="a door without room"),
        pytest.param({DoorName.ISSUE: 0, DoorName.DELETE: -1}, 8, id="no room anywhere"),
    ],
)
def test_how_many_may_be_under_way(left: dict[DoorName, int], expected: int) -> None:
    """So many as find room, each of them; where there is none, nobody takes it."""
    assert expected == Room(left).abreast(8)


def test_visits_are_made_in_order_and_counted() -> None:
    """All are visited, in their order, and what was done is counted."""
    begun: list[int] = []

    def submit(user: User) -> Future[VisitResult]:
        future: Future[VisitResult] = Future()
        begun.append(USERS.index(user))
        future.set_result(VisitResult(user, ISSUED, (ISSUED,) if len(begun) <= 2 else ()))
        return future

    room = Room({DoorName.ISSUE: 2})
    results = visit_in_order(submit, USERS, room, 4)

    assert begun == list(range(9))
    assert [one.user for one in results] == USERS
    assert room.left == {DoorName.ISSUE: 0}
