"""Orders that meet on one user: each world once left a key alive, let one go, or hid a word."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.model import KeyStatus, Scope, Secret, Verb
from tests.reconcile.test_leaked import (
    leaked,
    one_key,
    the_predecessor_in_grace,
    the_predecessor_in_recovery,
    the_row,
    the_served_of_two,
    the_unserved_of_two,
    the_user,
)
from tests.reconcile.test_scenarios import order, strike
from tests.simulation.faults import Fault
from tests.simulation.world import DAY, HOUR, MINUTE, READABLE, SECOND, World, policy, sink_spec
from tests.sinks.fakes import Fault as PutFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta
    from pathlib import Path

    from rotator.model import Credential

ACTIVE, INACTIVE = KeyStatus.ACTIVE, KeyStatus.INACTIVE
OLD, NEW, NEWER = (f"AKIAIOSFODNN7EXAM00{number}" for number in (1, 2, 3))
SECOND_SINK = replace(sink_spec("memory", "n/{user}"), id="second")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account whose policy has one readable place; what it recorded is checked at its end."""
    made = World.made(tmp_path)
    yield made
    made.close()


@pytest.fixture
def two_places(tmp_path: Path) -> Iterator[World]:
    """The same, with two readable places."""
    made = World.made(tmp_path, policy(sinks=(READABLE, SECOND_SINK)))
    yield made
    made.close()


def say(world: World, verb: Verb, key_id: str | None = None, *, now: bool = False) -> int:
    """A person says something about the only user, or about a key of it."""
    return order(world, the_user(world), verb, key_id=key_id, now=now)


def roll_back(world: World) -> int:
    """A person wants the key to live, whatever was said of it."""
    return order(world, the_user(world), Verb.ROLLBACK, confirmed=True)


def look(world: World, times: int = 1, every: timedelta = 10 * MINUTE) -> None:
    """Visit the user so many times, and let time pass after each."""
    for _ in range(times):
        world.visit(the_user(world))
        world.go(every)


def told(world: World, order_id: int) -> tuple[str | None, str]:
    """What became of an order, and in which words."""
    row = world.store.order(order_id)
    assert row is not None
    return row.outcome, row.message


def ends(world: World, *order_ids: int) -> list[str | None]:
    """What became of each order."""
    return [told(world, order_id)[0] for order_id in order_ids]


def status(world: World, key_id: str = OLD) -> KeyStatus | None:
    """The key as it truly is; None: deleted."""
    return world.aws.keys[key_id].status


def steps(world: World) -> list[tuple[str, str]]:
    """What our calls changed, in order."""
    return [(step, key_id) for step, key_id, _ in world.aws.executed]


def seconds_alive(world: World, key_id: str) -> float:
    """How long a key stays Active from now on, if it is looked after every minute."""
    said_at = world.clock()
    for _ in range(30):
        look(world, every=MINUTE)
        if status(world, key_id) is not ACTIVE:
            break
    ended = world.aws.keys[key_id].history[-1][0] if status(world, key_id) is not ACTIVE else None
    return ((ended or world.clock()) - said_at).total_seconds()


def wrong(credential: Credential) -> Credential:
    """A credential whose secret somebody mistyped."""
    return replace(credential, secret_access_key=Secret("wrongwrongwrongwrong"))


def reject_all(world: World, aimed_at: str) -> Callable[[], None]:
    """Let every effect of a name be refused, until the answer is called."""
    inner, on = world.effects.next, [True]
    world.effects.next = (  # type: ignore[method-assign]  # aimed by name, not by number
        lambda name: Fault.REJECTED if name == aimed_at and on[0] else inner(name)
    )
    return lambda: on.__setitem__(0, False)


# Two about one user


@pytest.mark.parametrize(
    ("contain", "second"),
    [
        pytest.param(False, ACTIVE, id="plainly: the last one is touched when a slot is free"),
        pytest.param(True, INACTIVE, id="contained first: both are dead"),
    ],
)
def test_two_keys_that_leak_at_once_both_end_with_a_word(
    world: World, contain: bool, second: KeyStatus
) -> None:
    """Neither order takes the rotation of the other while that one's key is alive."""
    user = world.aws.add_user("bob")
    for age in (3 * DAY, 2 * DAY):
        world.aws.add_key(user, age=age)
    said = [leaked(world, key_id, contain=contain) for key_id in (OLD, NEW)]
    look(world, 5)

    assert world.listed(user) == [(OLD, INACTIVE), (NEW, second)]
    assert ends(world, *said) == ["done", "refused"]
    assert "both slots are taken" in told(world, said[1])[1]


@pytest.mark.parametrize("now", [False, True], ids=["in its time", "now"])
def test_two_people_who_retire_one_key_are_both_answered(world: World, now: bool) -> None:
    """The key leaves once, by one rotation, and neither order is left open."""
    the_unserved_of_two(world)
    look(world)
    said = [say(world, Verb.RETIRE, NEW, now=now) for _ in range(2)]
    look(world, 3)
    rested = status(world, NEW)
    world.live(the_user(world))

    assert ends(world, *said) == ["done", "done"]
    assert rested is (INACTIVE if now else ACTIVE)
    assert status(world, NEW) is None
    assert steps(world) == [("deactivate", NEW), ("delete", NEW)]


def test_now_is_obeyed_while_an_heir_is_owed(world: World) -> None:
    """`retire K` waits for its heir's proof; `retire K --now` waits for nothing, and ends both."""
    the_unserved_of_two(world)
    look(world)
    reject_all(world, "prove")
    first = say(world, Verb.RETIRE, NEW)
    look(world, every=MINUTE)
    waits = ends(world, first)
    second = say(world, Verb.RETIRE, NEW, now=True)
    look(world, 2)

    assert waits == [None]
    assert status(world, NEW) is INACTIVE
    assert ends(world, first, second) == ["withdrawn", "done"]


def test_now_of_a_key_that_was_switched_off_meanwhile_only_lets_it_rest(world: World) -> None:
    """Said of an Active key it means: off. Somebody else's hand did that, and it can be revived."""
    the_unserved_of_two(world)
    look(world, every=HOUR)
    world.aws.slowness = SECOND
    said = say(world, Verb.RETIRE, NEW, now=True)
    world.go(MINUTE)
    world.aws.switch(NEW, INACTIVE)
    world.go(MINUTE)
    look(world, 2)

    assert steps(world) == []
    assert status(world, NEW) is INACTIVE
    assert ends(world, said) == ["done"]


# What waits hides nothing


def test_a_key_is_contained_though_an_older_order_waits(world: World) -> None:
    """`deliver` waits for a sink that is down; the leaked key is dead in the next look."""
    one_key(world)
    look(world)
    world.backend.unreadable.add("m/bob")
    waits = say(world, Verb.DELIVER)
    look(world)
    leaked(world, OLD, contain=True)
    look(world)

    assert ends(world, waits) == [None]
    assert status(world) is INACTIVE


@pytest.mark.parametrize(
    ("verb", "expected"), [(Verb.ROLLBACK, ACTIVE), (Verb.CLOSE, INACTIVE)], ids=str
)
def test_a_later_order_is_obeyed_though_a_delivery_waits(
    world: World, verb: Verb, expected: KeyStatus
) -> None:
    """Whoever wants the old key back, or the rotation ended, needs no sink for it."""
    the_predecessor_in_recovery(world)
    world.backend.unreadable.add("m/bob")
    say(world, Verb.DELIVER)
    look(world)
    said = say(world, verb)
    look(world, 2)

    assert ends(world, said) == ["done"]
    assert status(world) is expected


@pytest.mark.parametrize(
    ("verb", "expected"), [(Verb.ROLLBACK, ACTIVE), (Verb.CLOSE, INACTIVE)], ids=str
)
def test_a_later_order_is_obeyed_though_a_replacement_waits(
    world: World, verb: Verb, expected: KeyStatus
) -> None:
    """The leaked key is contained, its heir waits for a sink: a person may think better of it."""
    one_key(world)
    look(world)
    world.backend.unreadable.add("m/bob")
    leaked(world, OLD, contain=True)
    look(world, every=HOUR)
    said = order(world, the_user(world), verb, confirmed=True)
    look(world)

    assert ends(world, said) == ["done"]
    assert status(world) is expected


def test_a_delivery_to_one_sink_does_not_stop_the_rotations_own(two_places: World) -> None:
    """What the rotation owes to the other place goes on while the order waits for its own."""
    user = two_places.add_user()
    two_places.backend.fail("m/bob", PutFault.REJECTED)
    two_places.backend.fail("n/bob", PutFault.REJECTED)
    look(two_places, every=MINUTE)
    two_places.backend.unreadable.add("m/bob")
    said = order(two_places, user, Verb.DELIVER, sink_id="memory")
    look(two_places, 2, every=HOUR)

    assert ends(two_places, said) == [None]
    assert two_places.served() == {"m/bob": OLD, "n/bob": NEW}


# Who lets a key live takes back what was said against it


@pytest.mark.parametrize("how", ["rollback", "console"])
@pytest.mark.parametrize("trouble", ["the put fails", "the create is lost"])
def test_a_leaked_key_that_is_let_live_stays_alive(world: World, how: str, trouble: str) -> None:
    """Its order was open still, and would have switched it off again in the next look."""
    one_key(world)
    look(world)
    if trouble == "the put fails":
        world.backend.fail("m/bob", *[PutFault.REJECTED] * 9)
    else:
        strike(world, "CreateAccessKey", Fault.LOST_AFTER)
    said = leaked(world, OLD, contain=True)
    look(world, every=20 * MINUTE)
    was = (status(world), ends(world, said))
    if how == "rollback":
        roll_back(world)
    else:
        world.aws.switch(OLD, ACTIVE)
    look(world, 3)

    assert was == (INACTIVE, [None])
    assert status(world) is ACTIVE
    assert ends(world, said) == ["withdrawn"]


@pytest.mark.parametrize("how", ["rollback", "console"])
def test_a_leaked_key_that_is_let_live_stays_alive_under_an_older_hold(
    world: World, how: str
) -> None:
    """An order about a leaked key passes a hold; the hold of whoever revives it is a later one."""
    one_key(world)
    look(world)
    user = the_user(world)
    world.store.give_hold(Scope.USER, subject=user.ref, reason="exam", actor="eve")
    world.go(MINUTE)
    leaked(world, OLD)
    look(world, every=HOUR)
    was = status(world)
    if how == "rollback":
        roll_back(world)
    else:
        world.aws.switch(OLD, ACTIVE)
    look(world, 3, every=HOUR)

    assert (was, status(world)) == (INACTIVE, ACTIVE)
    assert the_row(world).blocked == "hold"


# What was known of one heir


def test_a_leaked_predecessor_whose_heir_is_dead_is_replaced(world: World) -> None:
    """The heir was deleted by hand: another is made, and the leaked key goes all the same."""
    the_predecessor_in_grace(world)
    world.aws.switch(NEW, None)
    world.monitor.given_up.add(NEW)
    look(world, 3)
    said = leaked(world, OLD)
    look(world, 8)

    assert world.listed(the_user(world)) == [(OLD, INACTIVE), (NEWER, ACTIVE)]
    assert world.served() == {"m/bob": NEWER}
    assert ends(world, said) == ["done"]


def test_an_order_that_named_a_user_keeps_to_its_key(world: World) -> None:
    """The secret of the heir is lost with the process; the other heir is not taken for leaked."""
    one_key(world)
    look(world)
    world.monitor.given_up.add(NEW)
    strike(world, "put m/bob", Fault.CRASH_BEFORE)
    said = leaked(world, None, contain=True)
    look(world, 12)

    assert world.deaths == 1
    assert world.listed(the_user(world)) == [(OLD, INACTIVE), (NEWER, ACTIVE)]
    assert world.served() == {"m/bob": NEWER}
    assert ends(world, said) == ["done"]


def test_another_heir_is_proven_anew(world: World) -> None:
    """The proof of the key that stayed before says nothing of the one that stays now."""
    the_unserved_of_two(world)
    look(world)
    user = the_user(world)
    say(world, Verb.RETIRE, NEW)
    look(world, 2)
    world.aws.switch(OLD, None)
    other = world.aws.add_key(user)
    world.backend.write("m/bob", wrong(other))
    world.monitor.given_up.update({OLD, NEWER})
    look(world, 2)
    again = say(world, Verb.RETIRE, NEW)
    look(world, 10, every=2 * HOUR)
    rotation = world.known(user).rotation

    assert rotation is not None
    assert (rotation.successor, rotation.proven_at) == (NEWER, None)
    assert ends(world, again) == [None]
    assert status(world, NEW) is ACTIVE


# A leaked key waits for nobody


def test_contained_first_a_key_is_dead_though_a_put_got_no_answer(world: World) -> None:
    """Whatever the place has: the key dies in the very next look."""
    world.add_user()
    world.backend.fail("m/bob", *[PutFault.LOST_BEFORE] * 40)
    look(world, every=MINUTE / 3)
    leaked(world, OLD, contain=True)

    assert seconds_alive(world, OLD) < MINUTE.total_seconds()


def test_a_leaked_key_is_replaced_at_once_after_old_failures(world: World) -> None:
    """Rotations that failed are begun again ever later; a leaked key does not wait for that."""
    world.add_user()
    again = reject_all(world, "CreateAccessKey")
    look(world, 8, every=HOUR)
    look(world, every=MINUTE)
    again()
    leaked(world, OLD)

    assert seconds_alive(world, OLD) < 3 * MINUTE.total_seconds()


# What a person is told


@pytest.mark.parametrize("verb", [Verb.RETIRE, Verb.ROTATE], ids=["named", "compromised"])
def test_a_place_that_no_policy_names_stops_with_the_way_out(two_places: World, verb: Verb) -> None:
    """It may have the key that is to go; `close` gives it up, and the stop says so."""
    if verb is Verb.RETIRE:
        the_unserved_of_two(two_places)
        look(two_places)
        say(two_places, Verb.RETIRE, NEW)
        look(two_places, 2)
        two_places.reconfigure(policy())
    else:
        the_predecessor_in_grace(two_places)
        two_places.reconfigure(policy())
        leaked(two_places, OLD)
    look(two_places, 8, every=HOUR)
    row = the_row(two_places)

    assert (row.blocked, row.blocked_reason) == ("stop", "policy_unclear")
    assert "memory:n/bob" in row.message
    assert "rotator close prod/bob" in row.message


def test_readers_of_a_contained_key_are_told_and_the_other_key_makes_room(world: World) -> None:
    """No slot is free: that a place serves a dead key is a stop, until a person frees one."""
    the_served_of_two(world)
    look(world, every=HOUR)
    refused = leaked(world, OLD, contain=True)
    look(world, 2)
    row = the_row(world)
    told_of = (row.blocked, row.blocked_reason, ends(world, refused))
    said = []
    for _ in ("switched off", "deleted"):
        said.append(say(world, Verb.RETIRE, NEW, now=True))
        look(world, 2)
    leaked(world, OLD)
    look(world, 3)

    assert told_of == ("stop", "sink_serves_dead", ["refused"])
    assert ends(world, *said) == ["done", "done"]
    assert status(world, NEW) is None
    assert world.served() == {"m/bob": NEWER}
