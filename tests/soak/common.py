"""What the rules have in common: who is meant, and what a person answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rotator.model import (
    Credential,
    Order,
    Reason,
    Scope,
    Secret,
    Verb,
)
from tests.simulation.account import ACCOUNT_ID

if TYPE_CHECKING:
    from rotator.model import User
    from tests.simulation.account import FakeKey
    from tests.soak.world import Soaked


__all__ = [
    "answers_for",
    "answers_for_what_stands_still",
    "credential_of",
    "key_of",
    "orders",
    "user_of",
]

# What they have in common


def user_of(world: Soaked, who: int) -> User | None:
    users = list(world.aws.users.values())
    return users[who % len(users)] if users else None


def key_of(world: Soaked, who: int, which: int) -> tuple[User | None, str | None]:
    user = user_of(world, who)
    keys = world.aws.keys_of(user.user_id) if user else []
    return user, keys[which % len(keys)].key_id if keys else None


def credential_of(world: Soaked, key: FakeKey) -> Credential:
    name = world.aws.users[key.user_id].name
    return Credential(key.key_id, Secret(key.secret), name, ACCOUNT_ID)


def answers_for_what_stands_still(world: Soaked, user: User) -> None:
    """What is decided already cannot know of what a person does meanwhile."""
    if any(replica.turn is not None for replica in world.replicas.values()):
        world.give_up(user)


def orders(world: Soaked, who: int, verb: Verb, **fields: object) -> None:
    user = user_of(world, who)
    if user is not None:
        was_said(world, user, verb, **fields)


def was_said(world: Soaked, user: User, verb: Verb, **fields: object) -> None:
    world.touched.add(user.user_id)
    said = Order(0, verb, world.clock(), actor="eve", reason="soak", confirmed=True, **fields)  # type: ignore[arg-type]  # as the dataclass has them
    world.store.give(user.ref, said)


def answers_for(world: Soaked, user: User) -> None:
    """What a person does who reads why a user is blocked."""
    row, known = world.row(user), world.known(user)
    if row is None or row.blocked is None or known.orders:
        return
    if row.blocked == "hold":
        world.store.release_hold(Scope.USER, subject=user.ref, reason="seen", actor="eve")
        return
    keys = world.aws.keys_of(user.user_id)
    match row.blocked_reason:
        case Reason.FOREIGN_KEY:
            served = {world.backend.served(world.address_of(s, user)) for s in world.ordinary.sinks}
            spare = [key for key in keys if key.key_id not in served]
            if spare:
                was_said(world, user, Verb.RETIRE, key_id=spare[0].key_id, now=True)
        case Reason.SINK_CONFLICT:
            was_said(world, user, Verb.DELIVER, take_over=True)
        case Reason.SINK_SERVES_DEAD:
            was_said(world, user, Verb.ROTATE)
        case Reason.POLICY_UNCLEAR | Reason.SUCCESSOR_GONE | Reason.PLACE_NAME:
            world.aws.users[user.user_id] = replace(
                world.aws.users[user.user_id], tags={"home": user.name}
            )
            if known.rotation is not None:
                was_said(world, user, Verb.CLOSE)
        case _:
            if known.rotation is not None:
                was_said(world, user, Verb.CLOSE)
