"""What can happen while two replicas are at work: one table, for the search and for the soak.

Every rule is given small whole numbers and nothing else, so that a run is its rules with their
numbers, and shrinks to fewer and smaller ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from inspect import signature
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rotator.model import (
    Credential,
    DoorName,
    Exclusion,
    Freeze,
    KeyStatus,
    Limits,
    Mode,
    Order,
    Reason,
    Scope,
    Secret,
    Selector,
    Verb,
    Window,
)
from tests.simulation.account import ACCOUNT_ID
from tests.simulation.faults import Fault
from tests.simulation.person import QUARANTINE
from tests.simulation.world import DAY, HOUR, MINUTE
from tests.soak.outside import accept, bring, copy_of, put_back

if TYPE_CHECKING:
    from rotator.model import User
    from tests.simulation.account import FakeKey
    from tests.soak.world import Soaked

__all__ = ["BOUNDS", "RULES", "WEIGHTS", "Act"]

Act = Callable[..., None]

RULES: dict[str, Act] = {}
"""Every rule by its name."""

WEIGHTS: dict[str, int] = {}
"""How often each is drawn, against the others."""

BOUNDS = {
    "who": 5,
    "which": 3,
    "fault": 4,
    "after": 40,
    "days": 3,
    "hours": 30,
    "way": 5,
    "replica": 1,
}
"""The greatest number that a rule is given, by the name of the argument; the least is 0."""

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


def rule(weight: int) -> Callable[[Act], Act]:
    """One thing that can happen; its arguments are bounded by their names."""

    def kept(act: Act) -> Act:
        assert set(signature(act).parameters) - {"world"} <= set(BOUNDS), act
        RULES[act.__name__] = act
        WEIGHTS[act.__name__] = weight
        return act

    return kept


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
    if (user := _user(world, who)) is None:
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
    _answers_for_what_stands_still(world, owner)
    keys = world.aws.keys_of(owner.user_id)
    if way >= 2 and keys:
        key = keys[way % len(keys)]
        if key.status is not KeyStatus.ACTIVE:
            world.monitor.given_up.add(key.key_id)
        world.backend.write(address, _credential(world, key))
    else:
        world.backend.write(address, "somebody else's" if way else None)


# A person in the console


@rule(4)
def a_person_makes_a_key(world: Soaked, who: int) -> None:
    """A second one, or a third: the quota is not atomic."""
    user = _user(world, who)
    if user is not None and len(world.aws.keys_of(user.user_id)) < 3:
        world.touched.add(user.user_id)
        world.aws.add_key(user)


@rule(4)
def a_person_switches_a_key(world: Soaked, who: int, which: int) -> None:
    """Off where it is on, and on where it is off."""
    user, key_id = _key(world, who, which)
    if user is None or key_id is None:
        return
    world.touched.add(user.user_id)
    is_on = world.aws.keys[key_id].status is KeyStatus.ACTIVE
    world.monitor.given_up.add(key_id)
    world.aws.switch(key_id, KeyStatus.INACTIVE if is_on else KeyStatus.ACTIVE)


@rule(4)
def a_person_deletes_a_key(world: Soaked, who: int, which: int) -> None:
    """One that is Inactive, as the console asks for; now and then switched off just before."""
    user, key_id = _key(world, who, which)
    if user is not None and key_id is not None:
        world.touched.add(user.user_id)
        world.monitor.given_up.add(key_id)
        world.aws.switch(key_id, KeyStatus.INACTIVE)
        world.aws.switch(key_id, None)


@rule(3)
def a_user_is_renamed(world: Soaked, who: int, which: int) -> None:
    """The UserId stays, and the places have other names."""
    user = _user(world, who)
    name = f"{user.name.partition('.')[0]}.{which}" if user else ""
    if user and all(other.name != name for other in world.aws.users.values()):
        world.touched.add(user.user_id)
        world.aws.rename(user, name)


@rule(3)
def a_users_tag_changes(world: Soaked, who: int, which: int) -> None:
    """Its places may be called by it, and it may be taken away."""
    user = _user(world, who)
    if user is not None:
        world.touched.add(user.user_id)
        tags = {"home": f"{user.name}.{which}"} if which else {}
        world.aws.users[user.user_id] = replace(user, tags=tags)


@rule(3)
def a_user_is_made_again(world: Soaked, who: int) -> None:
    """Deleted with its keys, and another of the same name is there."""
    user = _user(world, who)
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
    user = _user(world, who)
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
    _order(world, who, Verb.ROTATE)


@rule(4)
def a_key_has_leaked(world: Soaked, who: int, which: int, way: int) -> None:
    """`rotate KEY --compromised`, and sometimes `--contain-first`."""
    _, key_id = _key(world, who, which)
    if key_id is None:
        return
    contain = way % 2 == 1
    _order(world, who, Verb.ROTATE, key_id=key_id, compromised=True, contain_first=contain)


@rule(4)
def a_key_is_named(world: Soaked, who: int, which: int, way: int) -> None:
    """`retire KEY`, and sometimes `--now`."""
    _, key_id = _key(world, who, which)
    if key_id is None:
        return
    _order(world, who, Verb.RETIRE, key_id=key_id, now=way % 2 == 1)


@rule(3)
def a_rotation_is_rolled_back(world: Soaked, who: int) -> None:
    """`rollback USER`."""
    _order(world, who, Verb.ROLLBACK)


@rule(3)
def a_rotation_is_closed(world: Soaked, who: int) -> None:
    """`close USER`."""
    _order(world, who, Verb.CLOSE)


@rule(4)
def a_delivery_is_ordered(world: Soaked, who: int, way: int) -> None:
    """`deliver USER`, and sometimes over whatever is there."""
    _order(world, who, Verb.DELIVER, take_over=way % 2 == 1)


@rule(4)
def a_key_is_brought(world: Soaked, who: int, which: int) -> None:
    """`deliver USER --from`, with any of the user's keys."""
    user, key_id = _key(world, who, which)
    if user is not None and key_id is not None:
        world.touched.add(user.user_id)
        _answers_for_what_stands_still(world, user)
        bring(world, user, _credential(world, world.aws.keys[key_id]))


@rule(3)
def approvals_are_asked_for(world: Soaked, way: int, days: int) -> None:
    """For some days one door asks for an approval; some are given."""
    door = tuple(DoorName)[way % len(DoorName)]
    world.amended(approve=frozenset({door}))
    for _ in range(1 + days):
        world.live_for(12 * HOUR)
        for who in range(way):
            _order(world, who, Verb.APPROVE, action=door)
        world.live_for(12 * HOUR)
    world.amended()


@rule(4)
def a_user_is_held(world: Soaked, who: int, hours: int) -> None:
    """`hold USER`, for some hours or until it is released."""
    user = _user(world, who)
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
        _answer(world, user)
    world.live_for((1 + hours) * HOUR)


# Configuration


@rule(3)
def it_only_observes(world: Soaked, hours: int) -> None:
    """For some hours the policy is in observe mode."""
    world.amended(mode=Mode.OBSERVE)
    world.live_for((1 + hours) * HOUR)
    world.amended()


@rule(3)
def nobody_is_selected(world: Soaked, hours: int) -> None:
    """For some hours the policy selects somebody else."""
    world.amended(include=(Selector(name="nobody"),))
    world.live_for((1 + hours) * HOUR)
    world.amended()


@rule(2)
def no_policy_is_there(world: Soaked, hours: int) -> None:
    """For some hours the policy is removed."""
    world.load(policies=())
    world.live_for((1 + hours) * HOUR)
    world.amended()


@rule(3)
def the_policy_is_renamed(world: Soaked, hours: int) -> None:
    """For some hours another policy of the same terms takes over."""
    world.amended(name="other")
    world.live_for((1 + hours) * HOUR)
    world.amended()


@rule(3)
def two_policies_select(world: Soaked, who: int, hours: int) -> None:
    """For some hours a user belongs to two of them, and so to none."""
    user = _user(world, who)
    other = replace(
        world.ordinary, name="other", include=(Selector(name=user.name if user else "nobody"),)
    )
    world.load(policies=(world.ordinary, other))
    world.live_for((1 + hours) * HOUR)
    world.amended()


@rule(3)
def a_user_is_excluded(world: Soaked, who: int, hours: int) -> None:
    """For some hours."""
    if (user := _user(world, who)) is not None:
        one = Exclusion(
            Selector(name=user.name), reason="away", expires=world.clock() + hours * HOUR
        )
        world.amended(exclude=(one,))
        world.live_for((1 + hours) * HOUR)
        world.amended()


@rule(3)
def a_freeze_begins(world: Soaked, hours: int) -> None:
    """For some hours no door opens."""
    now = world.clock()
    world.load(freezes=(Freeze("soak", now, now + (1 + hours) * HOUR),))
    world.live_for((1 + hours) * HOUR)


@rule(3)
def there_is_a_window(world: Soaked, way: int, days: int) -> None:
    """For some days the doors are open only for some hours of each."""
    world.amended(window=Window(UTC_DAYS, time(way), time(way + 6), ZoneInfo("Europe/Oslo")))
    world.live_for((1 + days) * DAY)
    world.amended()


@rule(3)
def limits_are_set(world: Soaked, way: int, days: int) -> None:
    """For some days so many may go through each door in a day."""
    world.amended(limits=Limits(issue=1 + way, deactivate=1 + way, delete=1 + way))
    world.live_for((1 + days) * DAY)
    world.amended()


@rule(4)
def they_disagree(world: Soaked, replica: int, hours: int) -> None:
    """One replica loaded another configuration, for some hours."""
    mine = replace(world.configuration, digest=f"{world.configuration.digest}-own")
    world.replicas[replica].own = mine
    world.disagreeing_since = world.clock()
    world.live_for((1 + hours) * HOUR)
    world.agree()


# What they have in common


def _user(world: Soaked, who: int) -> User | None:
    users = list(world.aws.users.values())
    return users[who % len(users)] if users else None


def _key(world: Soaked, who: int, which: int) -> tuple[User | None, str | None]:
    user = _user(world, who)
    keys = world.aws.keys_of(user.user_id) if user else []
    return user, keys[which % len(keys)].key_id if keys else None


def _credential(world: Soaked, key: FakeKey) -> Credential:
    name = world.aws.users[key.user_id].name
    return Credential(key.key_id, Secret(key.secret), name, ACCOUNT_ID)


def _answers_for_what_stands_still(world: Soaked, user: User) -> None:
    """What is decided already cannot know of what a person does meanwhile."""
    if any(replica.turn is not None for replica in world.replicas.values()):
        world.give_up(user)


def _order(world: Soaked, who: int, verb: Verb, **fields: object) -> None:
    user = _user(world, who)
    if user is not None:
        _said(world, user, verb, **fields)


def _said(world: Soaked, user: User, verb: Verb, **fields: object) -> None:
    world.touched.add(user.user_id)
    said = Order(0, verb, world.clock(), actor="eve", reason="soak", confirmed=True, **fields)  # type: ignore[arg-type]  # as the dataclass has them
    world.store.give(user.ref, said)


def _answer(world: Soaked, user: User) -> None:
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
                _said(world, user, Verb.RETIRE, key_id=spare[0].key_id, now=True)
        case Reason.SINK_CONFLICT:
            _said(world, user, Verb.DELIVER, take_over=True)
        case Reason.SINK_SERVES_DEAD:
            _said(world, user, Verb.ROTATE)
        case Reason.POLICY_UNCLEAR | Reason.SUCCESSOR_GONE | Reason.PLACE_NAME:
            world.aws.users[user.user_id] = replace(
                world.aws.users[user.user_id], tags={"home": user.name}
            )
            if known.rotation is not None:
                _said(world, user, Verb.CLOSE)
        case _:
            if known.rotation is not None:
                _said(world, user, Verb.CLOSE)
