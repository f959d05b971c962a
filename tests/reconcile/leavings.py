"""How a lived world is brought to a key that leaves by another title than predecessor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.model import Order, Verb
from tests.simulation.world import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.reconcile.lives import Lived

__all__ = ["LEAVINGS"]


def _second_key(world: Lived) -> str:
    """A person makes a key beside the one that is served, and nobody uses it."""
    return world.aws.add_key(world.user()).access_key_id


def _ordered(world: Lived, verb: Verb, key_id: str, *, compromised: bool = False) -> None:
    said = Order(
        0,
        verb,
        world.clock(),
        actor="eve",
        reason="drill",
        key_id=key_id,
        compromised=compromised,
        confirmed=True,
    )
    world.store.give(world.bob.ref, said)
    world.look()


def _named(world: Lived) -> None:
    """In grace: a person named a key, and the other one stays."""
    key_id = _second_key(world)
    world.live_for(HOUR)
    _ordered(world, Verb.RETIRE, key_id)
    assert world.open is not None
    assert (world.open.leaver, world.row_of().phase.value) == (key_id, "grace")


def _unused(world: Lived) -> None:
    """In recovery: a key that nobody used, beside one that is used and due."""
    key_id = _second_key(world)
    (served, _) = sorted(world.aws.keys_of("AIDABOB"), key=lambda key: key.created_at)
    world.go(served.created_at + 10 * DAY - world.clock() + HOUR)
    world.look()
    assert world.open is not None
    assert (world.open.leaver, world.row_of().phase.value) == (key_id, "recovery")


def _compromised(world: Lived) -> None:
    """In recovery: a leaked key was replaced and switched off."""
    (key,) = world.aws.keys_of("AIDABOB")
    world.monitor.given_up.add(key.key_id)
    _ordered(world, Verb.ROTATE, key.key_id, compromised=True)
    world.live_for(HOUR, lambda: world.row_of().phase.value == "recovery")
    assert world.open is not None
    assert world.open.leaving == key.key_id


def _leaked_half_way(world: Lived) -> None:
    """In delivery: the successor of a leaked key is in one of two places."""
    (key,) = world.aws.keys_of("AIDABOB")
    world.monitor.given_up.add(key.key_id)
    world.down.add("w/bob")
    _ordered(world, Verb.ROTATE, key.key_id, compromised=True)
    assert world.row_of().phase.value == "delivering"


LEAVINGS: dict[str, Callable[[Lived], None]] = {
    "named, in grace": _named,
    "unused, in recovery": _unused,
    "compromised, in delivery": _leaked_half_way,
    "compromised, in recovery": _compromised,
}
"""More columns of the table."""
