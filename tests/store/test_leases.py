"""One hand at a time: whoever has lost the lease writes nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from rotator.errors import LeaseLost
from rotator.store import Lease
from tests.store.worlds import ALICE, BOB, LENGTH, MINUTE, NOW, SECOND, a_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.store.worlds import World


def test_a_free_lease_is_taken(world: World) -> None:
    """The first holder gets fence 1 until the length is over."""
    lease = world.store.acquire(ALICE, holder="ours", length=LENGTH)

    assert Lease(ALICE, "ours", 1, NOW + LENGTH) == lease


@pytest.mark.parametrize("holder", ["theirs", "ours"])
def test_a_held_lease_is_refused_to_everybody(world: World, holder: str) -> None:
    """Not re-entrant: the holder is refused as well, and other users are free."""
    world.lease(ALICE)

    assert world.store.acquire(ALICE, holder=holder, length=LENGTH) is None
    assert world.store.acquire(BOB, holder=holder, length=LENGTH) is not None


def test_a_lease_that_ran_out_is_taken_over_with_a_higher_fence(world: World) -> None:
    """To the microsecond: at its end it is free, and the fence has grown."""
    world.lease()
    world.clock.go(LENGTH - SECOND)

    assert world.store.acquire(ALICE, holder="theirs", length=LENGTH) is None

    now = world.clock.go(SECOND)

    expected = Lease(ALICE, "theirs", 2, now + LENGTH)
    assert expected == world.store.acquire(ALICE, holder="theirs", length=LENGTH)


def test_a_released_lease_is_free_and_its_fence_goes_on(world: World) -> None:
    """The fence never goes back, so that an old holder is never taken for a new one."""
    world.store.release(world.lease())

    assert world.lease(holder="theirs").fence == 2


def test_releasing_a_lease_that_was_taken_over_changes_nothing(world: World) -> None:
    """Whoever overslept must not give away what is somebody else's."""
    stale = world.lease()
    world.clock.go(LENGTH)
    world.lease(holder="ours")

    world.store.release(stale)

    assert world.store.acquire(ALICE, holder="third", length=LENGTH) is None


def test_release_all_gives_back_what_this_holder_has(world: World) -> None:
    """On the way out everything is given back, and nothing of others."""
    world.lease(ALICE, "ours")
    world.lease(BOB, "theirs")

    world.store.release_all("ours")

    assert world.store.acquire(ALICE, holder="x", length=LENGTH) is not None
    assert world.store.acquire(BOB, holder="x", length=LENGTH) is None


def _taken_over(world: World) -> None:
    world.clock.go(LENGTH)
    world.lease(holder="theirs")


def _taken_over_under_one_name(world: World) -> None:
    world.clock.go(LENGTH)
    world.lease(holder="ours")


def _ran_out(world: World) -> None:
    world.clock.go(LENGTH)


def _given_back(world: World) -> None:
    world.store.release_all("ours")


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(_taken_over, id="taken over by another holder"),
        pytest.param(_taken_over_under_one_name, id="the same holder, a later fence"),
        pytest.param(_ran_out, id="ran out, and nobody took it"),
        pytest.param(_given_back, id="given back"),
    ],
)
def test_a_stale_holder_writes_nothing(world: World, happens: Callable[[World], None]) -> None:
    """Holder, fence and time are compared in the transaction of each save."""
    lease = world.lease()
    happens(world)

    with pytest.raises(LeaseLost, match="AIDAALICE"), world.store.change(lease) as change:
        change.note_user(a_user())

    assert world.store.know(ALICE).user is None


def test_a_save_extends_the_lease_and_never_shortens_it(world: World) -> None:
    """An intent makes the lease outlive its request."""
    lease = world.lease()
    with world.store.change(lease, extend=10 * MINUTE) as change:
        longer = change.lease.until
    with world.store.change(lease, extend=SECOND) as change:
        shorter = change.lease.until

    expected = (NOW + 10 * MINUTE, NOW + 10 * MINUTE)
    assert expected == (longer, shorter)


def test_of_many_threads_one_gets_the_lease(world: World) -> None:
    """The statement itself decides, not a look before it."""
    taken: list[Lease] = []
    ready = threading.Barrier(8)

    def grab(number: int) -> None:
        ready.wait()
        lease = world.store.acquire(ALICE, holder=f"thread {number}", length=LENGTH)
        if lease is not None:
            taken.append(lease)

    threads = [threading.Thread(target=grab, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 1
