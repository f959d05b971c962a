"""What time, machines, AWS, clocks and places do while two replicas are at work."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.model import (
    KeyStatus,
)
from tests.simulation.faults import Fault
from tests.simulation.world import DAY, HOUR, MINUTE
from tests.soak.common import answers_for_what_stands_still, credential_of, user_of
from tests.soak.outside import accept, copy_of, put_back
from tests.soak.registry import rule

if TYPE_CHECKING:
    from tests.soak.world import Soaked


__all__: list[str] = []

FAULTS = tuple(fault for fault in Fault if fault is not Fault.FROZEN)
SPANS = (
    timedelta(0),
    timedelta(seconds=30),
    3 * MINUTE,
    4 * MINUTE,
    timedelta(seconds=290),
    5 * HOUR,
)
UTC_DAYS = frozenset(range(7))


# Time


@rule(20)
def hours_pass(world: Soaked, hours: int) -> None:
    """Both replicas work."""
    world.live_for((1 + hours) * HOUR)


@rule(30)
def days_pass(world: Soaked, days: int) -> None:
    """Both replicas work for days, and whoever is in order by then is not excused any more."""
    world.live_for((1 + days) * DAY)
    world.forget_touches()


# Faults


@rule(70)
def an_effect_is_struck(world: Soaked, fault: int, after: int) -> None:
    """Killed, lost or rejected, at an effect that is still to come."""
    world.strike(FAULTS[fault], after)


@rule(50)
def two_effects_are_struck(world: Soaked, fault: int, after: int, which: int, way: int) -> None:
    """One fault, and another a few effects later."""
    world.strike(FAULTS[fault], after)
    world.strike(FAULTS[way % len(FAULTS)], after + 1 + which)


@rule(50)
def somebody_stands_still(world: Soaked, after: int, way: int) -> None:
    """At an effect that is still to come, for no time or past the lease, while the other works."""
    world.stand_still(after, SPANS[way])


@rule(30)
def both_stand_still(world: Soaked, after: int, which: int, way: int, days: int) -> None:
    """One does, and then whoever goes on meanwhile."""
    world.stand_still(after, SPANS[way])
    world.stand_still(after + 1 + which, SPANS[days])


@rule(8)
def a_replica_is_killed(world: Soaked, replica: int) -> None:
    """Between two visits, or where it stands still; what it had in memory is gone."""
    world.kill(replica)


@rule(4)
def the_store_is_away(world: Soaked, hours: int) -> None:
    """Nobody reaches it for some hours."""
    world.store_away = True
    world.live_for(hours % 7 * HOUR)
    world.store_away = False


@rule(1)
def a_backup_comes_back(world: Soaked, hours: int) -> None:
    """The store of some hours ago is put back; somebody accepts it two hours later."""
    copy = copy_of(world)
    world.live_for(hours * HOUR)
    put_back(world, copy)
    accept(world)
    world.touched |= set(world.aws.users)


# AWS


@rule(4)
def aws_is_away(world: Soaked, hours: int) -> None:
    """IAM and STS answer nobody."""
    world.aws.unreadable = "Service Unavailable"
    world.live_for((1 + hours % 8) * HOUR)
    world.aws.unreadable = ""


@rule(6)
def listings_are_late(world: Soaked, way: int) -> None:
    """From now on each key shows up within so many seconds, another time in each listing."""
    world.aws.lateness.listings = timedelta(seconds=10) * way
    world.aws.lateness.users = timedelta(seconds=10) * way
    world.aws.lateness.quota = timedelta(seconds=2) * way


@rule(6)
def keys_work_late(world: Soaked, way: int) -> None:
    """From now on a new key is unknown for a while, and a dead one still works for a while."""
    world.aws.lateness.new_keys = timedelta(seconds=3) * way
    world.aws.lateness.dead_keys = timedelta(seconds=1) * way


@rule(6)
def uses_are_shown_late(world: Soaked, way: int) -> None:
    """From now on, within `last_used_lag`."""
    world.aws.use_lag = timedelta(minutes=11) * way


@rule(6)
def it_is_throttled(world: Soaked, way: int) -> None:
    """From now on so many of the requests that read are refused as one too many."""
    world.aws.lateness.throttled = way * 0.04


@rule(4)
def last_uses_cannot_be_read(world: Soaked, who: int, hours: int) -> None:
    """Of one user's keys, for some hours."""
    if (user := user_of(world, who)) is None:
        return
    world.aws.unknown_uses = {key.key_id for key in world.aws.keys_of(user.user_id)}
    world.live_for((1 + hours % 12) * HOUR)
    world.aws.unknown_uses = set()


# Clocks


@rule(6)
def a_clock_is_wrong(world: Soaked, replica: int, way: int, hours: int) -> None:
    """Of one replica: by less than a minute, which it may be, or by an hour or a day."""
    steps = (-DAY, -HOUR, timedelta(seconds=-40), timedelta(seconds=40), HOUR, DAY)
    world.set_ahead(replica, steps[way])
    world.live_for(hours * HOUR)
    if way not in {2, 3}:
        world.set_ahead(replica, timedelta(0))


# Places


@rule(6)
def a_place_is_down(world: Soaked, who: int, hours: int) -> None:
    """It rejects what is put there, for some hours."""
    world.down |= {world.address(who) or ""}
    world.live_for((1 + hours % 6) * HOUR)
    world.down.clear()


@rule(6)
def a_place_is_unreadable(world: Soaked, who: int, hours: int) -> None:
    """What it holds cannot be read for some hours."""
    world.backend.unreadable |= {world.address(who) or ""}
    world.live_for((1 + hours % 6) * HOUR)
    world.backend.unreadable.clear()


@rule(6)
def a_place_is_slow(world: Soaked, who: int, way: int, hours: int) -> None:
    """It takes its time for some hours; past a minute nobody hears whether it was written."""
    world.backend.slow = {world.address(who) or "": timedelta(seconds=18) * (1 + way)}
    world.live_for((1 + hours % 6) * HOUR)
    world.backend.slow = {}


@rule(4)
def a_place_lies(world: Soaked, who: int, hours: int) -> None:
    """It says yes and writes nothing."""
    address = world.address(who) or ""
    if address.startswith("w/") and (owner := world.owner_of(address)):
        world.touched.add(owner.user_id)
    world.backend.lies |= {address}
    world.live_for((1 + hours) * HOUR)
    world.backend.lies.clear()


@rule(3)
def a_stranger_writes(world: Soaked, who: int, way: int) -> None:
    """Somebody puts something else to a place: a text, nothing, or an older key of the user."""
    address = world.address(who + way)
    owner = world.owner_of(address) if address else None
    if address is None or owner is None:
        return
    world.touched.add(owner.user_id)
    answers_for_what_stands_still(world, owner)
    keys = world.aws.keys_of(owner.user_id)
    if way >= 2 and keys:
        key = keys[way % len(keys)]
        if key.status is not KeyStatus.ACTIVE:
            world.monitor.given_up.add(key.key_id)
        world.backend.write(address, credential_of(world, key))
    else:
        world.backend.write(address, "somebody else's" if way else None)
