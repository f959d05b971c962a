"""What people do in the console and at the command line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rotator.model import (
    DoorName,
    KeyStatus,
    Scope,
    Verb,
)
from tests.simulation.person import QUARANTINE
from tests.simulation.world import HOUR
from tests.soak.common import (
    answers_for,
    answers_for_what_stands_still,
    credential_of,
    key_of,
    orders,
    user_of,
)
from tests.soak.outside import bring
from tests.soak.registry import rule

if TYPE_CHECKING:
    from tests.soak.world import Soaked


__all__: list[str] = []

# A person in the console


@rule(4)
def a_person_makes_a_key(world: Soaked, who: int) -> None:
    """A second one, or a third: the quota is not atomic."""
    user = user_of(world, who)
    if user is not None and len(world.aws.keys_of(user.user_id)) < 3:
        world.touched.add(user.user_id)
        world.aws.add_key(user)


@rule(4)
def a_person_switches_a_key(world: Soaked, who: int, which: int) -> None:
    """Off where it is on, and on where it is off."""
    user, key_id = key_of(world, who, which)
    if user is None or key_id is None:
        return
    world.touched.add(user.user_id)
    is_on = world.aws.keys[key_id].status is KeyStatus.ACTIVE
    world.monitor.given_up.add(key_id)
    world.aws.switch(key_id, KeyStatus.INACTIVE if is_on else KeyStatus.ACTIVE)


@rule(4)
def a_person_deletes_a_key(world: Soaked, who: int, which: int) -> None:
    """One that is Inactive, as the console asks for; now and then switched off just before."""
    user, key_id = key_of(world, who, which)
    if user is not None and key_id is not None:
        world.touched.add(user.user_id)
        world.monitor.given_up.add(key_id)
        world.aws.switch(key_id, KeyStatus.INACTIVE)
        world.aws.switch(key_id, None)


@rule(3)
def a_user_is_renamed(world: Soaked, who: int, which: int) -> None:
    """The UserId stays, and the places have other names."""
    user = user_of(world, who)
    name = f"{user.name.partition('.')[0]}.{which}" if user else ""
    if user and all(other.name != name for other in world.aws.users.values()):
        world.touched.add(user.user_id)
        world.aws.rename(user, name)


@rule(3)
def a_users_tag_changes(world: Soaked, who: int, which: int) -> None:
    """Its places may be called by it, and it may be taken away."""
    user = user_of(world, who)
    if user is not None:
        world.touched.add(user.user_id)
        tags = {"home": f"{user.name}.{which}"} if which else {}
        world.aws.users[user.user_id] = replace(user, tags=tags)


@rule(3)
def a_user_is_made_again(world: Soaked, who: int) -> None:
    """Deleted with its keys, and another of the same name is there."""
    user = user_of(world, who)
    if user is None:
        return
    world.give_up(user)
    for key in world.aws.keys.values():
        if key.user_id == user.user_id:
            world.monitor.given_up.add(key.key_id)
    world.aws.delete_user(user)
    made = world.newcomer(user.name)
    world.touched.add(made.user_id)


@rule(2)
def a_user_is_quarantined(world: Soaked, who: int, hours: int) -> None:
    """AWS attaches its policy, and somebody takes it off some hours later."""
    user = user_of(world, who)
    if user is None:
        return
    world.aws.users[user.user_id] = replace(user, attached_policies=frozenset({QUARANTINE}))
    world.live_for(hours * HOUR)
    if now := world.aws.users.get(user.user_id):
        world.aws.users[user.user_id] = replace(now, attached_policies=frozenset())


# People at the command line


@rule(5)
def a_rotation_is_ordered(world: Soaked, who: int) -> None:
    """`rotate USER`."""
    orders(world, who, Verb.ROTATE)


@rule(4)
def a_key_has_leaked(world: Soaked, who: int, which: int, way: int) -> None:
    """`rotate KEY --compromised`, and sometimes `--contain-first`."""
    _, key_id = key_of(world, who, which)
    if key_id is None:
        return
    contain = way % 2 == 1
    orders(world, who, Verb.ROTATE, key_id=key_id, compromised=True, contain_first=contain)


@rule(4)
def a_key_is_named(world: Soaked, who: int, which: int, way: int) -> None:
    """`retire KEY`, and sometimes `--now`."""
    _, key_id = key_of(world, who, which)
    if key_id is None:
        return
    orders(world, who, Verb.RETIRE, key_id=key_id, now=way % 2 == 1)


@rule(3)
def a_rotation_is_rolled_back(world: Soaked, who: int) -> None:
    """`rollback USER`."""
    orders(world, who, Verb.ROLLBACK)


@rule(3)
def a_rotation_is_closed(world: Soaked, who: int) -> None:
    """`close USER`."""
    orders(world, who, Verb.CLOSE)


@rule(4)
def a_delivery_is_ordered(world: Soaked, who: int, way: int) -> None:
    """`deliver USER`, and sometimes over whatever is there."""
    orders(world, who, Verb.DELIVER, take_over=way % 2 == 1)


@rule(4)
def a_key_is_brought(world: Soaked, who: int, which: int) -> None:
    """`deliver USER --from`, with any of the user's keys."""
    user, key_id = key_of(world, who, which)
    if user is not None and key_id is not None:
        world.touched.add(user.user_id)
        answers_for_what_stands_still(world, user)
        bring(world, user, credential_of(world, world.aws.keys[key_id]))


@rule(3)
def approvals_are_asked_for(world: Soaked, way: int, days: int) -> None:
    """For some days one door asks for an approval; some are given."""
    door = tuple(DoorName)[way % len(DoorName)]
    world.amended(approve=frozenset({door}))
    for _ in range(1 + days):
        world.live_for(12 * HOUR)
        for who in range(way):
            orders(world, who, Verb.APPROVE, action=door)
        world.live_for(12 * HOUR)
    world.amended()


@rule(4)
def a_user_is_held(world: Soaked, who: int, hours: int) -> None:
    """`hold USER`, for some hours or until it is released."""
    user = user_of(world, who)
    if user is not None:
        world.touched.add(user.user_id)
        until = world.clock() + hours * HOUR if hours % 2 else None
        world.store.give_hold(Scope.USER, subject=user.ref, reason="soak", actor="eve", until=until)


@rule(2)
def everybody_is_held(world: Soaked, hours: int) -> None:
    """`hold --all`, for some hours."""
    world.store.give_hold(Scope.ALL, reason="soak", actor="eve")
    world.live_for(hours * HOUR)
    world.store.release_hold(Scope.ALL, reason="soak", actor="eve")


@rule(40)
def people_answer(world: Soaked, hours: int) -> None:
    """Somebody does for everybody who is blocked what the stop or the hold asks for."""
    for user in list(world.aws.users.values()):
        answers_for(world, user)
    world.live_for((1 + hours) * HOUR)
