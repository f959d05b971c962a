"""Every way a key leaves, comes, or stays after all: how each begins, and who has a hand in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rotator.model import DoorName, KeyStatus, Order, Reason, Scope, Verb
from tests.simulation.world import (
    DAY,
    HOUR,
    MINUTE,
    READABLE,
    WRITEONLY,
    World,
    policy,
    sink_spec,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotator.model import Policy, User

__all__ = ["WAYS", "Way", "due"]

OLD, SECOND = (f"AKIAIOSFODNN7EXAM00{number}" for number in (1, 2))
TWO_PLACES = policy(sinks=(READABLE, WRITEONLY))
BESIDE = replace(sink_spec("memory", "n/{user}"), id="second")
THREE_PLACES = policy(sinks=(READABLE, BESIDE, WRITEONLY), rotate_after=60 * DAY, max_age=99 * DAY)


def _nobody(_world: World, _user: User) -> bool:
    return False


@dataclass(frozen=True)
class Way:
    """How a key leaves.

    Attributes:
        begin: brings a world to where it begins; no fault strikes before.
        person: what a person does when nothing else is done, and whether it was anything.
        left: how many keys the user has at the end, all of them Active.
        issues: whether a successor is made on the way.
    """

    terms: Policy
    begin: Callable[[World], User]
    person: Callable[[World, User], bool] = _nobody
    left: int = 1
    issues: bool = True


def order(world: World, verb: Verb, key_id: str | None = None, **words: object) -> None:
    """A person has said what is to become of a key."""
    (user,) = world.aws.users.values()
    said = Order(0, verb, world.clock(), actor="eve", reason="said", key_id=key_id)
    world.store.give(user.ref, replace(said, **words))  # type: ignore[arg-type] # its fields


def due(world: World) -> User:
    """The only key is due."""
    return world.add_user()


def keyless(world: World) -> User:
    """A user whom the policy gives a first key."""
    return world.aws.add_user("bob")


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


def two_keys(world: World, *, status: KeyStatus = KeyStatus.ACTIVE) -> User:
    """Of two keys one is read, and no place has the other."""
    user = world.add_user(age=3 * DAY)
    world.aws.add_key(user, age=2 * DAY, status=status)
    return user


def unread_and_leaked(world: World) -> User:
    """One of two keys is in the wrong hands, and no place has it."""
    user = two_keys(world)
    order(world, Verb.ROTATE, SECOND, compromised=True)
    return user


def named(world: World) -> User:
    """A person names one of two keys; the other stays."""
    user = two_keys(world)
    order(world, Verb.RETIRE, SECOND)
    return user


def named_now(world: World) -> User:
    """A person wants one of two keys off at once."""
    user = two_keys(world)
    order(world, Verb.RETIRE, SECOND, now=True)
    return user


def inactive_now(world: World) -> User:
    """A person wants an Inactive key deleted at once."""
    user = two_keys(world, status=KeyStatus.INACTIVE)
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


def deliver(world: World, *, take_over: bool = False) -> User:
    """A person wants the key in every place; one of three has it."""
    user = world.add_user(age=DAY)
    world.backend.write("n/bob", "what somebody else keeps there" if take_over else None)
    world.visit(user)
    order(world, Verb.DELIVER, take_over=take_over)
    return user


def taken_over(world: World) -> User:
    """A person wants the key in every place, whatever stands there."""
    return deliver(world, take_over=True)


def rolled_back(world: World, event: str = "key.deactivated") -> User:
    """A person wants the old key back."""
    user = world.add_user()
    world.until(user, event)
    order(world, Verb.ROLLBACK)
    return user


def rolled_back_in_grace(world: World) -> User:
    """A person wants the old key to stay."""
    return rolled_back(world, "rotation.delivered")


def closed_in_grace(world: World) -> User:
    """A person ends the rotation that they ordered, and its old key is Active."""
    user = world.add_user(age=DAY)
    order(world, Verb.ROTATE)
    world.until(user, "rotation.delivered")
    order(world, Verb.CLOSE)
    return user


def used_after_all(world: World) -> User:
    """The old key was used one minute before it was switched off, and IAM tells of it later."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    for _ in range(2):
        row = world.row(user)
        assert row is not None
        assert row.next_at is not None
        world.go(row.next_at - world.clock() - MINUTE)
        world.visit(user)
    world.aws.use(OLD)
    world.until(user, "key.deactivated")
    world.wait(user)
    return user


def successor_gone(world: World) -> User:
    """A person deletes the successor, and the old key is off."""
    user = world.add_user()
    world.until(user, "key.deactivated")
    world.aws.switch(SECOND, None)
    world.monitor.given_up.add(SECOND)
    world.go(10 * MINUTE)
    return user


def releases(world: World, user: User) -> bool:
    """A person ends the hold that answered them."""
    row = world.row(user)
    if row is None or row.blocked != "hold":
        return False
    world.store.release_hold(Scope.USER, subject=user.ref, reason="it was I", actor="eve")
    return True


def approves(world: World, user: User) -> bool:
    """A person lets each step through that waits for their word."""
    row, orders = world.row(user), world.known(user).orders
    if row is None or row.reason is not Reason.APPROVAL:
        return False
    door = next(door for door in DoorName if f"{door}" in row.message)
    if any(said.action is door for said in orders):
        return False
    order(world, Verb.APPROVE, action=door)
    return True


def closes(world: World, user: User) -> bool:
    """A person ends a rotation whose successor is gone, then wants another key."""
    answers = {Reason.SUCCESSOR_GONE: Verb.CLOSE, Reason.SINK_SERVES_DEAD: Verb.ROTATE}
    row = world.row(user)
    verb = answers.get(row.blocked_reason) if row and row.blocked_reason else None
    if verb is None:
        return False
    if not any(said.verb is verb for said in world.known(user).orders):
        order(world, verb)
    return True


ROOM = frozenset({"unused", "inactive"})
WAYS: dict[str, Way] = {
    "an ordinary rotation, one place": Way(policy(), due),
    "an ordinary rotation, two places": Way(TWO_PLACES, due),
    "a first key": Way(policy(provision=True), keyless),
    "leaked, one place": Way(policy(), leaked),
    "leaked, two places": Way(TWO_PLACES, leaked),
    "leaked and contained first": Way(TWO_PLACES, contained),
    "leaked, and read by nobody": Way(policy(), unread_and_leaked, issues=False),
    "named by a person": Way(policy(), named, issues=False),
    "named by a person, now": Way(policy(), named_now, issues=False),
    "Inactive and named by a person, now": Way(policy(), inactive_now, issues=False),
    "unused": Way(policy(retire=ROOM), unused),
    "inactive": Way(policy(retire=ROOM), inactive),
    "the only one": Way(policy(retire=frozenset({"only"})), only, left=0, issues=False),
    "delivered by an order": Way(THREE_PLACES, deliver, issues=False),
    "delivered over a stranger's": Way(THREE_PLACES, taken_over, issues=False),
    "approved step by step": Way(policy(approve=frozenset(DoorName)), due, approves),
    "rolled back in grace": Way(policy(), rolled_back_in_grace, releases),
    "rolled back in recovery": Way(policy(), rolled_back, releases),
    "closed in grace": Way(policy(), closed_in_grace, left=2),
    "used after all": Way(policy(), used_after_all, releases),
    "its successor gone": Way(policy(), successor_gone, closes),
}
