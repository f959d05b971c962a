"""Every effect of a rotation, struck by every fault: each life ends with one key that works."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from rotator.model import Reason, Stop
from tests.simulation.faults import Fault
from tests.simulation.world import READABLE, WRITEONLY, World, policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rotator.model import Policy, User

pytestmark = pytest.mark.timeout(900)
"""Hundreds of lives in each test, and coverage makes each several times longer."""

ONE_PLACE = policy()
TWO_PLACES = policy(sinks=(READABLE, WRITEONLY))
FIRST_KEY = policy(provision=True)
KINDS = {
    "an ordinary rotation, one readable place": ONE_PLACE,
    "an ordinary rotation, a readable and a write-only place": TWO_PLACES,
    "a first key": FIRST_KEY,
}
Plan = dict[int, Fault]

THINNED = 17
"""One in so many pairs is lived through in each part: all of them take minutes. A prime, so that
no fault is left out."""


def begun(folder: Path, terms: Policy, plan: Mapping[int, Fault]) -> tuple[World, User]:
    """A world in which the faults wait."""
    world = World.made(None, terms)
    world.aws.new_key_delay = timedelta(seconds=1)
    world.effects.plan = plan
    return world, world.aws.add_user("bob") if terms.provision else world.add_user("bob")


def lived(folder: Path, terms: Policy, plan: Mapping[int, Fault], *, commits: bool = False) -> int:
    """One life from a due key to its end; how many effects were attempted in it."""
    world, user = begun(folder, terms, plan)
    world.effects.commits = commits
    try:
        result = world.live(user)
        ends_well(world, user, result.last, late_put=wrote_late(world, plan))
    except AssertionError as exc:
        exc.add_note(f"{ ({n: str(f) for n, f in plan.items()}) } of {world.effects.names}")
        exc.add_note("\n".join(f"{e} {f}" for e, f in world.told))
        raise
    finally:
        world.close()
    return len(world.effects.names)


def wrote_late(world: World, plan: Mapping[int, Fault]) -> bool:
    """Whether a frozen process wrote a write-only place after another had written it.

    Such a place shows that it was written again, and not by whom: that is for a person.
    """
    return any(
        fault is Fault.FROZEN and world.effects.names[number : number + 1] == ["put w/bob"]
        for number, fault in plan.items()
    )


def ends_well(world: World, user: User, last: object, *, late_put: bool) -> None:
    """Idle, one Active key, in every place; and all of it is on record."""
    world.monitor("the end")
    world.monitor.all_is_recorded()
    keys = world.listed(user)
    if late_put and isinstance(last, Stop):
        assert last.reason is Reason.SINK_CONFLICT
        assert {keys[-1][0]} == set(world.served().values())
        return

    assert not isinstance(last, Stop), last
    assert len(keys) == 1, keys
    assert {keys[0][0]} == set(world.served().values()), (keys, world.served())
    assert len(world.served()) == len(world.configuration.policies[0].sinks)


def singles(folder: Path, terms: Policy, *, commits: bool = False) -> Iterator[tuple[Plan, int]]:
    """Each fault at each effect of a life without faults, lived; and how many effects that had."""
    for number in range(lived(folder, terms, {}, commits=commits)):
        for fault in Fault:
            plan = {number: fault}
            yield plan, lived(folder, terms, plan, commits=commits)


def pairs(folder: Path, terms: Policy, *, commits: bool = False) -> Iterator[Plan]:
    """A second fault at each later effect of each life with one."""
    for plan, count in singles(folder, terms, commits=commits):
        (number,) = plan
        for later in range(number + 1, count):
            for fault in Fault:
                yield plan | {later: fault}


@pytest.mark.parametrize("terms", KINDS.values(), ids=KINDS.keys())
def test_every_single_fault_is_survived(terms: Policy, tmp_path: Path) -> None:
    """Whatever is struck, and how: the promises hold after every effect, and it ends well."""
    count = sum(1 for _ in singles(tmp_path, terms))

    print(f"{count} lives with one fault")  # noqa: T201 - what the run came to
    assert count >= len(Fault) * 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "terms",
    [
        pytest.param(TWO_PLACES, id="an ordinary rotation, two places (one place is a part of it)"),
        pytest.param(FIRST_KEY, id="a first key"),
    ],
)
def test_every_single_fault_of_the_store_is_survived(terms: Policy, tmp_path: Path) -> None:
    """A commit that is refused, lost or the last thing that a process did is survived as well."""
    count = sum(1 for _ in singles(tmp_path, terms, commits=True))

    print(f"{count} lives with one fault, commits counted as effects")  # noqa: T201 - what the run came to
    assert count >= len(Fault) * 15


@pytest.mark.slow
@pytest.mark.parametrize("part", range(2))
def test_pairs_of_faults_are_survived(part: int, tmp_path: Path) -> None:
    """Two faults, the second anywhere after the first: the promises hold, and it ends well.

    Of the pairs, some 1100, one in `THINNED` is lived through: each fault of each effect is the
    first of some and the second of others.
    """
    count = 0
    for plan in islice(pairs(tmp_path, TWO_PLACES), part, None, THINNED):
        lived(tmp_path, TWO_PLACES, plan)
        count += 1

    print(f"{count} lives with two faults")  # noqa: T201 - what the run came to
    assert count >= 50
