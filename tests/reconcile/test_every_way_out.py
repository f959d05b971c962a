"""Every other way a key leaves, each effect of it struck by every fault.

The ordinary rotation has its own file; here are the leaked key, the key that a person names, and
those that a policy retires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from rotator.model import KeyStatus, Order, Reason, Stop, Verb
from tests.simulation.faults import Fault
from tests.simulation.world import DAY, HOUR, READABLE, WRITEONLY, World, policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rotator.model import Policy, User

pytestmark = pytest.mark.timeout(900)
"""Hundreds of lives, and coverage makes each several times longer."""

OLD, SECOND = (f"AKIAIOSFODNN7EXAM00{number}" for number in (1, 2))
TWO_PLACES = policy(sinks=(READABLE, WRITEONLY))


def order(world: World, verb: Verb, key_id: str, **words: bool) -> None:
    """A person has said what is to become of a key, before anybody looked."""
    (user,) = world.aws.users.values()
    said = Order(0, verb, world.clock(), actor="eve", reason="said", key_id=key_id)
    for word, value in words.items():
        object.__setattr__(said, word, value)
    world.store.give(user.ref, said)


def leaked(world: World) -> User:
    """The only key is in the wrong hands."""
    user = world.add_user(age=3 * DAY)
    world.monitor.given_up.add(OLD)
    order(world, Verb.ROTATE, OLD, compromised=True)
    return user


def contained(world: World) -> User:
    """The only key is in the wrong hands, and dies before anything else."""
    user = world.add_user(age=3 * DAY)
    world.monitor.given_up.add(OLD)
    order(world, Verb.ROTATE, OLD, compromised=True, contain_first=True)
    return user


def unread_and_leaked(world: World) -> User:
    """One of two keys is in the wrong hands, and no place has it."""
    user = world.add_user(age=3 * DAY)
    world.aws.add_key(user, age=2 * DAY)
    order(world, Verb.ROTATE, SECOND, compromised=True)
    return user


def named(world: World) -> User:
    """A person names one of two keys; the other stays."""
    user = world.add_user(age=3 * DAY)
    world.aws.add_key(user, age=2 * DAY)
    order(world, Verb.RETIRE, SECOND)
    return user


def named_now(world: World) -> User:
    """A person wants one of two keys off at once."""
    user = world.add_user(age=3 * DAY)
    world.aws.add_key(user, age=2 * DAY)
    order(world, Verb.RETIRE, SECOND, now=True)
    return user


def inactive_now(world: World) -> User:
    """A person wants an Inactive key deleted at once."""
    user = world.add_user(age=3 * DAY)
    world.aws.add_key(user, age=2 * DAY, status=KeyStatus.INACTIVE)
    world.visit(user)
    world.go(HOUR)
    order(world, Verb.RETIRE, SECOND, now=True)
    return user


def unused(world: World) -> User:
    """The policy makes room for a due key: beside it lies one that nobody uses."""
    user = world.add_user()
    world.aws.add_key(user, age=9 * DAY)
    return user


def inactive(world: World) -> User:
    """The policy makes room for a due key: beside it lies one that is Inactive."""
    user = world.add_user()
    world.aws.add_key(user, age=9 * DAY, status=KeyStatus.INACTIVE)
    world.visit(user)
    world.go(4 * HOUR)
    return user


def only(world: World) -> User:
    """The user's only key is not used by anybody, and the policy ends such users' keys."""
    user = world.aws.add_user("bob")
    world.aws.add_key(user, age=9 * DAY)
    return user


@dataclass(frozen=True)
class Way:
    """How a key leaves.

    Attributes:
        begin: brings a world to where it begins.
        left: how many Active keys the user has at the end.
        issues: whether a successor is made on the way.
    """

    terms: Policy
    begin: Callable[[World], User]
    left: int = 1
    issues: bool = False


ROOM = frozenset({"unused", "inactive"})
WAYS = {
    "leaked, one place": Way(policy(), leaked, issues=True),
    "leaked, two places": Way(TWO_PLACES, leaked, issues=True),
    "leaked and contained first": Way(TWO_PLACES, contained, issues=True),
    "leaked, and read by nobody": Way(policy(), unread_and_leaked),
    "named by a person": Way(policy(), named),
    "named by a person, now": Way(policy(), named_now),
    "Inactive and named by a person, now": Way(policy(), inactive_now),
    "unused": Way(policy(retire=ROOM), unused, issues=True),
    "inactive": Way(policy(retire=ROOM), inactive, issues=True),
    "the only one": Way(policy(retire=frozenset({"only"})), only, left=0),
}


def lived(folder: Path, way: Way, plan: Mapping[int, Fault]) -> int:
    """One life from its beginning to its end; how many effects were attempted in it."""
    world = World.made(None, way.terms)
    world.aws.new_key_delay = world.aws.new_key_delay / 8
    try:
        user = way.begin(world)
        world.effects.plan = {len(world.effects.names) + n: fault for n, fault in plan.items()}
        before = len(world.effects.names)
        result = world.live(user)
        ends_well(world, user, way, result.last, late_put=wrote_late(world, plan, before))
        return len(world.effects.names) - before
    except AssertionError as exc:
        exc.add_note(f"{ ({n: str(f) for n, f in plan.items()}) } of {world.effects.names}")
        exc.add_note("\n".join(f"{e} {f}" for e, f in world.told))
        raise
    finally:
        world.close()


def wrote_late(world: World, plan: Mapping[int, Fault], before: int) -> bool:
    """Whether a frozen process wrote a write-only place after another had written it.

    Such a place shows that it was written again, and not by whom: that is for a person.
    """
    return any(
        fault is Fault.FROZEN and world.effects.names[before + n : before + n + 1] == ["put w/bob"]
        for n, fault in plan.items()
    )


def ends_well(world: World, user: User, way: Way, last: object, *, late_put: bool) -> None:
    """Nothing open, no order left, the right number of keys, and every place serves one of them."""
    world.monitor("the end")
    world.monitor.all_is_recorded()
    keys = world.listed(user)
    if late_put and isinstance(last, Stop):
        assert last.reason is Reason.SINK_CONFLICT
        assert {keys[-1][0]} == set(world.served().values())
        return

    assert not isinstance(last, Stop), last
    assert world.known(user).rotation is None
    assert world.known(user).orders == ()
    assert [KeyStatus.ACTIVE] * way.left == [status for _, status in keys], keys
    if way.left:
        assert {keys[0][0]} == set(world.served().values()), (keys, world.served())
    if not way.issues:
        assert all(step != "issue" for step, _, _ in world.aws.executed)


def singles(folder: Path, way: Way) -> Iterator[int]:
    """Each fault at each effect of a life without faults, lived."""
    for number in range(lived(folder, way, {})):
        for fault in Fault:
            yield lived(folder, way, {number: fault})


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_every_single_fault_of_every_way_out_is_survived(way: Way, tmp_path: Path) -> None:
    """Whatever is struck, and how: the promises hold after every effect, and it ends well."""
    count = sum(1 for _ in singles(tmp_path, way))

    print(f"{count} lives with one fault")  # noqa: T201 - what the run came to
    assert count >= len(Fault)
