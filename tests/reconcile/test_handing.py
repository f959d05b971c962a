"""`deliver` lived through: as an order and with a key that is brought, whatever strikes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.aws.accounts import Identity
from rotator.errors import RotatorError
from rotator.model import (
    Credential,
    KeyStatus,
    Order,
    Reason,
    Secret,
    Stop,
    Verb,
)
from rotator.reconcile import Brought, take
from tests.simulation.aws import ACCOUNT_ID, FakeEntered
from tests.simulation.faults import Fault, Killed
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
    from collections.abc import Iterator
    from pathlib import Path

    from rotator.model import User

SECOND = replace(sink_spec("memory", "n/{user}"), id="second")
OLD, NEW = (f"AKIAIOSFODNN7EXAM00{number}" for number in (1, 2))
EVERYWHERE = {"m/bob": OLD, "n/bob": OLD, "w/bob": OLD}
EFFECTS = 20
"""More than there are in one life of these orders, commits counted."""


def made(folder: Path, *, commits: bool = False) -> World:
    """Three places, of which one is write-only, and keys that are not due."""
    world = World.made(
        folder, policy(sinks=(READABLE, SECOND, WRITEONLY), rotate_after=60 * DAY, max_age=99 * DAY)
    )
    world.effects.commits = commits
    return world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """What `made` makes; what it recorded is checked at its end."""
    world = made(tmp_path)
    yield world
    world.close()


def deliver(world: World, user: User, **said: object) -> int:
    """A person gives the order."""
    if world.known(user).user is None:
        world.visit(user)
    order = Order(0, Verb.DELIVER, world.clock(), actor="eve")
    return world.store.give(user.ref, replace(order, **said))  # type: ignore[arg-type] # its fields


def ended(world: World, order_id: int) -> tuple[str | None, str]:
    row = world.store.order(order_id)
    assert row is not None
    return row.outcome, row.message


def until_ended(world: World, user: User, order_id: int) -> str | None:
    for _ in range(12):
        world.visit(user)
        outcome, _ = ended(world, order_id)
        if outcome is not None:
            return outcome
        world.go(4 * MINUTE)
    return None


def bring(world: World, user: User, credential: Credential, **said: object) -> str | None:
    """A person gives the command; None where it was killed, or could not be asked."""
    brought = replace(Brought(credential, why="testing"), **said)  # type: ignore[arg-type] # its fields
    try:
        entered = world.equipment.accounts.enter(world.configuration.accounts[0])
        roll = world.sweeper.rolls.of(entered)
        return take(world.equipment, entered, roll, user, brought)
    except Killed:
        world.deaths += 1
        world.boot()
        return None
    except RotatorError as exc:
        world.failures.append(str(exc))
        return None


def clear(world: World, *addresses: str) -> None:
    for address in addresses:
        world.backend.entries.pop(address, None)


def a_user(world: World) -> tuple[User, Credential]:
    """Bob has one key, which one place serves."""
    user = world.add_user(age=DAY)
    key = world.aws.keys[OLD]
    clear(world, "n/bob")
    return user, Credential(OLD, Secret(key.secret), "", "")


def steps(world: World, user: User) -> list[tuple[str, str]]:
    return [(row.step.value, row.outcome.value) for row in world.history(user)]


def test_an_order_is_done_when_every_place_has_the_key(world: World) -> None:
    """Read back, proven, put, read again; the places are claimed, and no key is touched."""
    user, _ = a_user(world)
    order_id = deliver(world, user)

    world.visit(user)

    assert ended(world, order_id)[0] == "done"
    assert world.served() == EVERYWHERE
    assert {str(row.place) for row in world.known(user).places} == {
        "memory:n/bob",
        "writeonly:w/bob",
    }
    assert steps(world, user) == [
        ("prove", "intent"),
        ("prove", "done"),
        *[("deliver", "intent"), ("deliver", "done")] * 2,
        ("order", "done"),
    ]
    assert world.aws.executed == []


def test_what_is_brought_is_put_everywhere(world: World) -> None:
    """Proven first; the intent of each put before it, its outcome after it, and the order last."""
    user, credential = a_user(world)
    clear(world, "m/bob")

    message = bring(world, user, credential)

    assert message == (
        f"{OLD} is in memory:m/bob, memory:n/bob and writeonly:w/bob; nothing was rotated"
    )
    assert world.served() == EVERYWHERE
    assert steps(world, user) == [
        ("prove", "intent"),
        ("prove", "done"),
        *[("deliver", "intent"), ("deliver", "done")] * 3,
        ("order", "done"),
    ]
    assert len(world.known(user).places) == 3
    assert "order.obeyed" in world.events()


@pytest.mark.slow
@pytest.mark.parametrize("fault", list(Fault), ids=str)
@pytest.mark.parametrize("number", range(EFFECTS))
def test_an_order_outlives_every_fault(tmp_path: Path, number: int, fault: Fault) -> None:
    """Struck at any effect, a commit included, it is done in the end, and nobody is refused."""
    world = made(tmp_path, commits=True)
    user, _ = a_user(world)
    order_id = deliver(world, user)
    world.effects.plan = {len(world.effects.names) + number: fault}

    outcome = until_ended(world, user, order_id)

    # Of a proof that got no answer too: that says nothing of the key.
    assert outcome == "done"
    assert world.served() == EVERYWHERE
    assert world.aws.executed == []
    world.close()


@pytest.mark.slow
@pytest.mark.parametrize("fault", list(Fault), ids=str)
@pytest.mark.parametrize("number", range(EFFECTS))
def test_what_is_brought_outlives_every_fault(tmp_path: Path, number: int, fault: Fault) -> None:
    """Struck at any effect it leaves nothing worse, and the same command again ends it."""
    world = made(tmp_path, commits=True)
    user, credential = a_user(world)
    clear(world, "m/bob")
    world.effects.plan = {number: fault}
    message = None
    for _ in range(6):
        message = bring(world, user, credential)
        world.consume()
        if message is not None:
            break
        world.go(10 * MINUTE)

    assert message is not None, world.failures
    assert world.served() == EVERYWHERE
    assert world.aws.executed == []
    world.close()


def test_a_place_that_fails_waits_and_stops_no_other(world: World) -> None:
    """The others get the key at once, the order stays until the last has it."""
    user, _ = a_user(world)
    world.backend.unreadable.add("n/bob")
    order_id = deliver(world, user)
    result = world.visit(user)

    assert result is not None
    assert result.last is not None
    assert result.last.reason is Reason.SINK
    assert ended(world, order_id)[0] is None
    world.backend.unreadable.clear()
    world.go(HOUR)
    assert until_ended(world, user, order_id) == "done"


def test_what_is_brought_says_how_far_it_came(world: World) -> None:
    """What is in one place already can be given to the others by an order."""
    user, credential = a_user(world)
    clear(world, "m/bob")
    world.backend.lies.add("n/bob")

    assert bring(world, user, credential) is None
    sentence = world.failures[-1]
    assert "could not be put to memory:n/bob" in sentence
    assert "It is in memory:m/bob: `rotator deliver prod/bob` gives it" in sentence
    world.backend.lies.clear()
    world.go(HOUR)
    assert until_ended(world, user, deliver(world, user)) == "done"
    assert world.served() == EVERYWHERE


def test_nothing_was_written_is_said(world: World) -> None:
    """Where the first place fails, no place was given the key."""
    user, credential = a_user(world)
    clear(world, "m/bob")
    world.backend.lies.add("m/bob")

    assert bring(world, user, credential) is None
    assert "No place was given the key" in world.failures[-1]
    assert world.served()["m/bob"] is None if "m/bob" in world.served() else True


@pytest.mark.parametrize(
    ("address", "said", "expected"),
    [
        pytest.param("w/bob", {"sink_id": "writeonly"}, "is write-only: a readable", id="first"),
        pytest.param("m/bob", {"sink_id": "x"}, "has no sink 'x'", id="no such sink"),
    ],
)
def test_refusals_of_what_is_brought(
    world: World, address: str, said: dict[str, str], expected: str
) -> None:
    """Before anything is proven or written; the refusal is on record."""
    user, credential = a_user(world)
    clear(world, "m/bob", address)

    assert bring(world, user, credential, **said) is None
    assert expected in world.failures[-1]
    assert ("order", "rejected") in steps(world, user)
    assert ("prove", "intent") not in steps(world, user)
    assert "order.refused" in world.events()


def test_a_key_that_is_not_listed_yet(world: World) -> None:
    """STS knows it before the listing does: nothing is written on one word alone."""
    user, _ = a_user(world)
    world.aws.list_lag = MINUTE
    fresh = world.aws.add_key(user)
    world.go(10 * timedelta(seconds=1))

    assert bring(world, user, fresh, take_over=True) is None
    assert "IAM's listing does not show it yet" in world.failures[-1]
    world.aws.list_lag = timedelta(0)


def test_a_key_that_sts_does_not_know_yet_is_asked_about_again(world: World) -> None:
    """A key that somebody has just made is proven as soon as it can be."""
    user, _ = a_user(world)
    world.aws.switch(OLD, None)
    world.monitor.given_up.add(OLD)
    clear(world, "m/bob")
    fresh = world.aws.add_key(user)

    assert bring(world, user, fresh) is not None, world.failures
    assert set(world.served().values()) == {fresh.access_key_id}


@pytest.mark.parametrize(
    ("impostor", "sentence"),
    [("AIDAEVE", "it is a key of another user"), ("", "does not fit its access key id")],
    ids=["somebody else's", "a wrong secret"],
)
def test_what_is_not_proven_goes_nowhere(world: World, impostor: str, sentence: str) -> None:
    """STS names another user, or none."""
    user, credential = a_user(world)
    clear(world, "m/bob")
    world.aws.impostor = impostor
    if not impostor:
        credential = replace(credential, secret_access_key=Secret("x" * 40))

    assert bring(world, user, credential) is None
    assert sentence in world.failures[-1]
    assert world.backend.puts == []
    assert world.aws.calls.count("GetCallerIdentity") == 1


def test_somebody_elses_lease_is_waited_for(world: World) -> None:
    """For ten seconds; then the sentence says so, and nothing was looked at."""
    user, credential = a_user(world)
    world.visit(user)
    lease = world.store.acquire(user.ref, holder="other", length=HOUR)
    assert lease is not None
    calls = len(world.aws.calls)

    assert bring(world, user, credential) is None
    assert "did not end within 10 s" in world.failures[-1]
    assert "ListAccessKeys" not in world.aws.calls[calls:]
    world.store.release(lease)
    assert bring(world, user, credential) is not None


def test_a_place_of_another_user_is_never_taken(world: World) -> None:
    """Whoever asks, and with whatever word."""
    shared = replace(sink_spec("memory", "shared"), id="shared")
    world.reconfigure(policy(sinks=(READABLE, shared), rotate_after=60 * DAY))
    alice = world.aws.add_user("alice")
    first = bring(world, alice, world.aws.add_key(alice, age=DAY))
    bob = world.aws.add_user("bob")
    theirs = world.aws.add_key(bob, age=DAY)

    assert first is not None
    assert bring(world, bob, theirs, take_over=True) is None
    assert "belongs to user AIDAALICE" in world.failures[-1]
    assert world.served() == {"m/alice": OLD, "shared": OLD}


def test_a_changed_place_of_an_open_rotation_is_given_its_successor_again(world: World) -> None:
    """The stop says so, the order does it, and the rotation goes on."""
    user = world.add_user(age=70 * DAY)
    world.until(user, "rotation.delivered")
    (new,) = set(world.served().values())
    world.go(HOUR)
    world.backend.write("n/bob", "something else")
    stopped = world.visit(user)
    assert stopped is not None
    assert isinstance(stopped.last, Stop)
    assert f"`rotator deliver prod/bob` gives it {new} again" in stopped.last.message

    order_id = deliver(world, user)
    world.visit(user)

    assert ended(world, order_id)[0] == "done"
    assert set(world.served().values()) == {new}
    world.live(user)
    assert world.listed(user) == [(new, KeyStatus.ACTIVE)]


def test_a_stranger_stops_a_rotation_until_a_person_says_so(world: World) -> None:
    """A new place that holds something else is written with `--take-over`, and it goes on."""
    user = world.add_user(age=70 * DAY)
    clear(world, "n/bob")
    world.reconfigure(policy(sinks=(READABLE,), rotate_after=60 * DAY, max_age=99 * DAY))
    world.until(user, "rotation.delivered")
    world.backend.write("n/bob", "something else")
    world.reconfigure(policy(sinks=(READABLE, SECOND), rotate_after=60 * DAY, max_age=99 * DAY))
    stopped = world.visit(user)
    assert stopped is not None
    assert isinstance(stopped.last, Stop)
    assert "`rotator deliver prod/bob --sink second --take-over` overwr" in stopped.last.message

    refused = deliver(world, user, sink_id="second")
    world.visit(user)
    done = deliver(world, user, sink_id="second", take_over=True)
    world.visit(user)

    assert ended(world, refused)[0] == "refused"
    assert ended(world, done)[0] == "done"
    world.live(user)
    assert len(world.listed(user)) == 1


def test_a_place_that_serves_another_users_key_is_not_taken(world: World) -> None:
    """Nobody claimed it, and its readers would have bob's rights from then on: for no word."""
    shared = replace(sink_spec("memory", "shared"), id="shared")
    alice = world.aws.add_user("alice")
    theirs = world.aws.add_key(alice, age=DAY)
    world.visit(alice)
    world.reconfigure(policy(sinks=(READABLE, shared), rotate_after=60 * DAY))
    bob = world.aws.add_user("bob")
    world.backend.write("shared", theirs)
    mine = world.aws.add_key(bob, age=DAY)

    assert bring(world, bob, mine, take_over=True) is None
    assert "memory:shared belongs to user AIDAALICE" in world.failures[-1]
    world.aws.delete_user(alice)
    world.monitor.given_up.add(OLD)
    world.go(HOUR)
    world.visit(bob)
    assert bring(world, bob, mine, take_over=True) is not None, world.failures


def test_what_readers_had_before_is_said(world: World) -> None:
    """A place that served the user's other key serves the one that was brought."""
    user, credential = a_user(world)
    other = world.aws.add_key(user, age=DAY)
    world.backend.write("m/bob", other)

    message = bring(world, user, credential)

    assert message is not None
    assert message.endswith(
        f"nothing was rotated; memory:m/bob served {other.access_key_id} (Active) until then"
    )


def test_nothing_is_brought_in_doubt(world: World) -> None:
    """Where IAM does not list the user's keys nothing is known, and nothing written."""
    user, credential = a_user(world)
    world.visit(user)
    world.aws.skew = timedelta(minutes=5)

    assert bring(world, user, credential) is None
    assert "Nothing was written; try again later" in world.failures[-1]
    assert world.backend.puts == []
    world.aws.skew = timedelta(0)


@pytest.mark.parametrize(
    ("identity", "sentence"),
    [
        pytest.param(
            Identity(ACCOUNT_ID, ACCOUNT_ID, f"arn:aws:iam::{ACCOUNT_ID}:root"),
            f"it is a key of the root of account {ACCOUNT_ID}, and not of prod/bob",
            id="root",
        ),
        pytest.param(
            Identity(ACCOUNT_ID, "AROA:x", f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/x/y"),
            "it belongs to a session of a role",
            id="a session",
        ),
        pytest.param(
            Identity("999999999999", "AIDAX", "arn:aws:iam::999999999999:user/bob"),
            "it is a key of another account, 999999999999",
            id="another account",
        ),
        pytest.param(
            Identity(ACCOUNT_ID, "AIDAX", f"arn:aws:iam::{ACCOUNT_ID}:user/eve"),
            f"it is a key of another user, arn:aws:iam::{ACCOUNT_ID}:user/eve (AIDAX)",
            id="another user",
        ),
    ],
)
def test_whose_it_is_instead_is_said(
    world: World, identity: Identity, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STS names somebody else: nothing is written, and the person is told who."""
    user, credential = a_user(world)
    clear(world, "m/bob")
    monkeypatch.setattr(FakeEntered, "prove", lambda _self, _credential: identity)

    assert bring(world, user, credential) is None
    assert sentence in world.failures[-1]
    assert world.backend.puts == []


def test_a_place_with_a_wrong_secret_ends_the_order(world: World) -> None:
    """What is served is proven before it is put anywhere else."""
    user, credential = a_user(world)
    world.backend.write("m/bob", replace(credential, secret_access_key=Secret("x" * 40)))
    order_id = deliver(world, user)

    world.visit(user)

    outcome, message = ended(world, order_id)
    assert outcome == "refused"
    assert "was not accepted, so it is put nowhere: could not prove access key" in message
    assert world.backend.puts == []
