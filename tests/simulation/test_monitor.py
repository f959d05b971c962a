"""Each promise is broken on purpose, and the monitor says so: a check that cannot fail is none."""

from __future__ import annotations

from base64 import b64encode
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import pytest

from rotator.errors import RotatorError
from rotator.events import Event
from rotator.judgement import judge as judging
from rotator.judgement import leaving
from rotator.model import (
    JournalOutcome,
    KeyStatus,
    Order,
    Reason,
    Scope,
    Step,
    Timing,
    Verb,
)
from rotator.reconcile.effects import requests
from rotator.store import changes
from tests.reconcile.test_races import before
from tests.reconcile.test_scenarios import NEW, OLD, order, strike
from tests.simulation import world as worlds
from tests.simulation.consumers import Consumer, Habit
from tests.simulation.faults import Fault
from tests.simulation.heard import Topic
from tests.simulation.monitor import Broken
from tests.simulation.world import DAY, HOUR, MINUTE, World, policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotator.model import Deactivate, User

SECOND = timedelta(seconds=1)
ACTIVE, INACTIVE = KeyStatus.ACTIVE, KeyStatus.INACTIVE


@pytest.fixture
def world() -> World:
    """A world that is to be broken, so that nobody asks whether it ended well."""
    return World.made()


def never(*_: object) -> None:
    """What a mutant says where the judgement would have waited."""


def always(*_: object) -> bool:
    """What a mutant says where the judgement would have asked."""
    return True


@contextmanager
def breaks(promise: str, by: str) -> Iterator[None]:
    """The monitor says which promise was broken, and by what."""
    with pytest.raises(Broken, match=f"^{promise}: .*{by}"):
        yield


def delivered(world: World) -> User:
    """Bob's new key is in its place, and the old one works still."""
    user = world.add_user()
    world.until(user, "rotation.delivered")
    return user


def switched_off(world: World) -> User:
    """Bob's old key is Inactive by now."""
    user = world.add_user()
    world.until(user, "key.deactivated")
    return user


def onwards(world: World, user: User) -> None:
    """The daemon goes on until nothing is open, or a promise is broken."""
    for _ in range(40):
        world.visit(user)
        world.wait(user)


class Store:
    """The store as the monitor reads it, with some answers replaced."""

    def __init__(self, world: World, **answers: Callable[..., Any]) -> None:
        self._store = world.store
        self._answers = answers

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return self._answers.get(name) or getattr(self._store, name)


def reads(world: World, **answers: Callable[..., Any]) -> None:
    """Let the record say something else to the monitor than it does."""
    store = cast("Any", Store(world, **answers))
    world.monitor.store = lambda: store


def deactivates(monkeypatch: pytest.MonkeyPatch, change: Callable[[Deactivate], object]) -> None:
    """The judgement orders something else where it would switch a key off."""
    inner = judging._deactivate
    monkeypatch.setattr(judging, "_deactivate", lambda case, key: change(inner(case, key)))


# P1


def test_a_place_that_serves_what_we_switched_off_is_told(world: World) -> None:
    """By truth, whoever looks: a put of ours left consumers with a dead key."""
    user = switched_off(world)
    old = replace(world.aws.add_key(user), access_key_id=OLD)
    world.backend._write("m/bob", old)

    with breaks("P1", f"m/bob serves {OLD}, which we switched off"):
        world.monitor("anything")


def test_a_stranger_who_serves_a_dead_key_breaks_no_promise(world: World) -> None:
    """Who writes a key there after we switched it off has done it himself."""
    user = switched_off(world)
    world.go(MINUTE)
    world.backend.write("m/bob", replace(world.aws.add_key(user), access_key_id=OLD))

    world.monitor("anything")

    assert world.served() == {"m/bob": OLD}


def test_a_place_that_was_never_ours_breaks_no_promise(world: World) -> None:
    """It had another name when the rotation was begun, and nothing was ever delivered there."""
    user = world.add_user()
    world.aws.rename(user, "rob")
    renamed = world.aws.users[user.user_id]
    held = world.backend.entries["m/bob"].held
    world.backend.write("m/rob", held)
    order(world, renamed, Verb.ROTATE, key_id=OLD, compromised=True)
    onwards(world, renamed)

    assert world.served() == {"m/bob": OLD, "m/rob": NEW}
    assert (OLD, "deactivate") in {(key, step) for step, key, _ in world.aws.executed}


def test_a_consumer_that_is_refused_is_told(world: World) -> None:
    """It read the key when that was in order, and used it until we switched it off."""
    switched_off(world)
    now = world.clock()
    world.consumers["m/bob"] = Consumer(
        "m/bob", held=OLD, read_at=now - HOUR, used_at=now - 3 * HOUR
    )

    with breaks("P1", f"a consumer of m/bob was refused with {OLD}"):
        world.consume()


def test_a_consumer_out_of_reach_of_any_rotator_breaks_no_promise(world: World) -> None:
    """It goes by what it read longer than the grace period, and calls more rarely than quiet."""
    switched_off(world)
    read_at = world.clock() - DAY
    world.habits["m/bob"] = Habit(reads_every=7 * DAY)
    world.consumers["m/bob"] = Consumer("m/bob", held=OLD, read_at=read_at, used_at=read_at)

    world.consume()

    assert world.aws.keys[OLD].status is INACTIVE


def test_a_person_who_switches_a_key_off_breaks_no_promise(world: World) -> None:
    """Consumers are refused, and it was not us."""
    world.add_user()
    world.consume()
    world.aws.switch(OLD, INACTIVE)

    world.go(HOUR)

    assert world.aws.use(OLD) is False


def test_a_grace_period_that_is_cut_short_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted from when the place truly had the successor."""
    user = delivered(world)
    monkeypatch.setattr(judging, "patient", never)

    with breaks("P1", "the grace period is 2:00:00"):
        onwards(world, user)


def test_a_key_that_is_not_quiet_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody uses it from memory, and IAM shows it."""
    user = delivered(world)
    world.aws.use(OLD)
    world.go(2 * HOUR + MINUTE)
    monkeypatch.setattr(leaving, "_quiet", never)
    monkeypatch.setattr(leaving, "_first_use", never)

    with breaks("P1", "before it was quiet"):
        onwards(world, user)


def test_an_heir_that_does_not_work_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its successor was dead when its keys were listed."""
    user = delivered(world)
    world.go(HOUR)
    world.aws.switch(NEW, INACTIVE)
    world.go(6 * HOUR)
    monkeypatch.setattr(judging, "late_evidence", never)
    monkeypatch.setattr(judging, "may_go", always)
    monkeypatch.setattr(judging, "patient", never)

    with breaks("P1", f"its heir {NEW} is Inactive"):
        onwards(world, user)


def test_a_waived_promise_is_waived_by_the_record(world: World) -> None:
    """A person wants the key off at once: its reader is refused, and nobody has to say so here."""
    user = world.add_user(age=DAY)
    world.consume()
    order(world, user, Verb.RETIRE, key_id=OLD, now=True, confirmed=True)

    world.visit(user)
    world.go(HOUR)

    assert world.listed(user) == [(OLD, INACTIVE)]
    assert world.monitor.given_up == set()


# P2


def test_a_key_without_a_title_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrong key of the two is switched off."""
    user = delivered(world)
    deactivates(monkeypatch, lambda action: replace(action, key_id=NEW))

    with breaks("P2", f"deactivate of {NEW} without a title"):
        onwards(world, user)


@pytest.mark.parametrize(
    ("left_out", "by"),
    [
        pytest.param({"message": ""}, "does not say who and why", id="why"),
        pytest.param({"evidence": {}}, "without the evidence on record", id="the evidence"),
    ],
)
def test_a_harm_that_the_record_does_not_explain_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, left_out: dict[str, Any], by: str
) -> None:
    """Who, why and the evidence are part of the title."""
    user = delivered(world)
    deactivates(monkeypatch, lambda action: replace(action, **left_out))

    with breaks("P2", by):
        onwards(world, user)


def test_a_title_that_nobody_gave_is_told(world: World) -> None:
    """The record calls a key leaked, and there is no order of a person."""
    user = world.add_user(age=DAY)
    order(world, user, Verb.ROTATE, key_id=OLD, compromised=True)
    reads(world, order=never)

    with breaks("P2", "leaves as compromised, and nobody said so"):
        onwards(world, user)


def test_a_promise_that_nobody_waived_is_told(world: World) -> None:
    """The rotation waives P1, and the order that began it did not."""
    user = world.add_user(age=DAY)
    number = order(world, user, Verb.RETIRE, key_id=OLD, now=True, confirmed=True)
    said = world.store.order(number)
    assert said is not None
    silent = replace(said, order=replace(said.order, now=False))
    reads(world, order=lambda _: silent)

    with breaks("P2", f"P1 is waived for {OLD}, and eve did not say so"):
        onwards(world, user)


def test_an_order_about_another_key_is_told(world: World) -> None:
    """A person's word is about one key."""
    user = world.add_user(age=DAY)
    number = order(world, user, Verb.ROTATE, key_id=OLD, compromised=True)
    said = world.store.order(number)
    assert said is not None
    other = replace(said, order=replace(said.order, key_id=NEW))
    reads(world, order=lambda _: other)

    with breaks("P2", f"{OLD} leaves by an order about {NEW}"):
        onwards(world, user)


def test_an_unused_key_that_no_policy_retires_is_told() -> None:
    """By the terms that are configured, nothing leaves for being unused."""
    world = World.made(None, policy(retire=frozenset({"unused"})))
    user = world.add_user()
    world.aws.add_key(user, age=9 * DAY)
    world.monitor.terms = lambda _: policy()

    with breaks("P2", "as unused, and no policy retires such keys"):
        onwards(world, user)


def test_a_key_of_a_person_that_is_taken_for_an_orphan_is_told(world: World) -> None:
    """No call of ours made it."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.LOST_AFTER)
    world.visit(user)
    world.aws.keys[NEW].ours = False

    with breaks("P2", f"deactivate of {NEW}, which a person made"):
        onwards(world, user)


# P3


def switches_on(world: World, *, listings: timedelta) -> None:
    """A person switches the leaver on just when it is being deleted; how late listings are."""
    world.aws.lateness.listings = listings
    inner = world.aws.switch

    def switch(key_id: str, status: KeyStatus | None) -> None:
        if status is None:
            world.aws.switch = inner  # type: ignore[method-assign]  # once
            said = world.clock.now
            world.clock.now -= timedelta(seconds=1)
            inner(key_id, KeyStatus.ACTIVE)
            world.clock.now = said
        inner(key_id, status)

    world.aws.switch = switch  # type: ignore[method-assign]  # a person is quicker


def test_a_key_that_no_listing_showed_active_yet_is_excused(world: World) -> None:
    """DeleteAccessKey knows no condition: a person was quicker than what IAM lists."""
    user = switched_off(world)
    switches_on(world, listings=MINUTE)

    world.until(user, "key.deleted")

    assert [step for step, key_id, _ in world.aws.executed if key_id == OLD][-1] == "delete"


def test_a_key_that_was_listed_active_is_not_excused(world: World) -> None:
    """What an answer showed was to be heeded."""
    user = switched_off(world)
    switches_on(world, listings=timedelta(0))

    with breaks("P3", f"{OLD} was Active when it was deleted"):
        world.until(user, "key.deleted")


def test_an_active_key_that_is_deleted_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing vanishes at once."""
    user = delivered(world)
    deactivates(monkeypatch, lambda action: judging._delete(_key(world, action.key_id)))

    with breaks("P3", f"{OLD} was Active when it was deleted"):
        onwards(world, user)


def _key(world: World, key_id: str) -> Any:  # noqa: ANN401 - a key on record
    user = next(iter(world.aws.users.values()))
    return next(key for key in world.known(user).keys if key.key_id == key_id)


def test_a_rest_that_is_cut_short_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key rests for as long as its title says."""
    user = switched_off(world)
    monkeypatch.setattr(judging, "rested", never)

    with breaks("P3", f"{OLD} was deleted after .* rests for 3:00:00"):
        onwards(world, user)


def test_a_rest_that_nobody_saw_begin_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts from when we knew the key to be Inactive, and not from when it was."""
    user = switched_off(world)
    world.go(2 * HOUR)
    world.aws.heard.inactive.clear()
    monkeypatch.setattr(judging, "rested", never)
    world.go(2 * HOUR)

    with breaks("P3", f"{OLD} was deleted after 0:00:.* rests for 3:00:00"):
        onwards(world, user)


def test_a_key_that_nobody_saw_to_be_inactive_is_told(world: World) -> None:
    """What is not known to rest is not deleted."""
    user = switched_off(world)
    before(world, "DeleteAccessKey", world.aws.heard.inactive.clear)

    with breaks("P3", "nobody had seen that it is Inactive"):
        onwards(world, user)


def test_a_key_that_was_used_since_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody missed it, and it was deleted all the same."""
    user = switched_off(world)
    world.aws.keys[OLD].uses.append(world.clock() + 10 * MINUTE)
    world.go(4 * HOUR)
    monkeypatch.setattr(judging, "late_evidence", never)
    monkeypatch.setattr(judging, "rested", never)

    with breaks("P3", f"{OLD} was deleted, and was used since"):
        onwards(world, user)


# P4


def test_a_secret_in_a_commit_is_told(world: World) -> None:
    """Whatever is written: here, the reason of a row of the journal."""
    user = world.add_user()
    world.visit(user)
    lease = world.equipment.store.acquire(user.ref, holder="somebody", length=HOUR)
    assert lease is not None
    secret = world.aws.keys[OLD].secret

    with (
        breaks("P4", "what was committed holds a secret"),
        world.equipment.store.change(lease) as c,
    ):
        c.journal(Step.BEGIN, JournalOutcome.DONE, detail=f"made {secret}")


def test_a_secret_in_an_event_is_told(world: World) -> None:
    """Events go to logs and to people."""
    world.add_user()
    told = {"account": "prod", "account_id": "1", "user": "bob", "user_id": "AIDABOB"}

    with breaks("P4", "the event key.proven holds a secret"):
        world.equipment.emit(
            Event.KEY_PROVEN,
            **told,
            successor=world.aws.keys[OLD].secret,
            attempts=1,
            seconds=0.0,
            policy="ci",
            rotation_id="r",
            sweep_id=None,
        )


def test_a_secret_in_an_exception_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text ends up in a log."""
    user = world.add_user()

    def fails(*_: object) -> None:
        raise RotatorError(f"could not use {world.aws.keys[OLD].secret}")

    monkeypatch.setattr(worlds, "visit", fails)

    with breaks("P4", "what was raised holds a secret"):
        world.visit(user)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda secret: secret, id="as it is"),
        pytest.param(lambda secret: secret[::-1], id="backwards"),
        pytest.param(lambda secret: b64encode(f"x:{secret}:".encode()).decode(), id="in base64"),
    ],
)
def test_a_secret_in_the_file_is_told(world: World, form: Callable[[str], str]) -> None:
    """Every byte of the store is looked at in the end, whoever wrote it."""
    user = world.add_user()
    said = Order(
        0, Verb.RETIRE, world.clock(), actor="eve", reason=form(world.aws.keys[OLD].secret)
    )
    world.store.give(user.ref, replace(said, key_id=OLD))

    with breaks("P4", "the store holds a secret"):
        world.close()


# P5


def test_a_user_who_stands_nowhere_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation is open, and nobody says what it waits for."""
    user = world.add_user()
    # The package has a function of the same name, so the module is asked for by its whole name.
    visiting = import_module("rotator.reconcile.visit")
    monkeypatch.setattr(visiting, "keep_standing", never)
    world.visit(user)

    with breaks("P5", "waits for nothing that is named"):
        world.monitor.everybody_stands_somewhere()


def test_a_user_who_is_blocked_for_nothing_is_told(world: World) -> None:
    """A hold, and no reason."""
    user = delivered(world)
    world.store.give_hold(Scope.USER, subject=user.ref, reason="incident", actor="eve")
    world.visit(user)
    world.monitor.everybody_stands_somewhere()
    rows = [
        replace(one, user=replace(one.user, blocked="hold", blocked_message=""))
        for one in world.store.users()
    ]
    reads(world, users=lambda: rows)

    with breaks("P5", "is blocked, and no reason is named"):
        world.monitor.everybody_stands_somewhere()


# P6


@pytest.mark.parametrize(
    ("topic", "about", "by"),
    [
        pytest.param(Topic.KEYS, "AIDABOB", "its keys was not read: denied", id="its keys"),
        pytest.param(Topic.USER, "AIDABOB", "who it is was not read: denied", id="its tags"),
        pytest.param(Topic.USE, OLD, "its last use could not be read: denied", id="last use"),
        pytest.param(Topic.PLACE, "m/bob", "m/bob could not be read: denied", id="a place"),
    ],
)
@pytest.mark.parametrize("request_of", ["UpdateAccessKey", "DeleteAccessKey"])
def test_a_key_that_is_harmed_in_doubt_is_told(
    world: World, topic: Topic, about: str, by: str, request_of: str
) -> None:
    """The last that this process was told was no answer."""
    user = world.add_user()

    def doubt() -> None:
        life = world.effects.life.name
        world.aws.heard.hear(life, topic, about, world.clock(), why="denied")

    before(world, request_of, doubt)

    with breaks("P6", by):
        onwards(world, user)


def test_a_key_that_is_issued_in_doubt_is_told(world: World) -> None:
    """Nothing is begun about a user whose keys could not be listed."""
    user = world.add_user()

    def doubt() -> None:
        life = world.effects.life.name
        world.aws.heard.hear(life, Topic.KEYS, "AIDABOB", world.clock(), why="denied")

    before(world, "CreateAccessKey", doubt)

    with breaks("P6", "a key was issued, and of AIDABOB its keys was not read"):
        onwards(world, user)


def test_an_unknown_last_use_that_is_read_as_never_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The judgement forgets to ask whether it knows."""
    user = delivered(world)
    world.go(DAY)
    world.aws.unknown_uses.add(OLD)
    monkeypatch.setattr(judging, "patient", never)

    with breaks("P6", "its last use could not be read"):
        onwards(world, user)


def test_a_clock_that_is_wrong_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a minute from AWS's nothing is changed."""
    user = world.add_user()
    world.aws.skew = 2 * MINUTE
    monkeypatch.setattr(requests, "wrong_clock", never)
    monkeypatch.setattr(judging, "hard_doubt", never)
    monkeypatch.setattr(judging, "soft_doubt", never)

    with breaks("P6", "our clock was 0:02:00 from AWS's"):
        onwards(world, user)


# P7


def test_a_change_without_an_intent_is_told(world: World) -> None:
    """Nobody had committed that it was about to be made."""
    world.add_user()
    iam = world.equipment.accounts.enter(world.configuration.accounts[0]).iam

    with breaks("P7", f"UpdateAccessKey of {OLD} without an intent"):
        iam.set_status("bob", OLD, INACTIVE)


def test_a_put_without_an_intent_is_told(world: World) -> None:
    """A whole put has one as well."""
    user = world.add_user()
    credential = world.aws.add_key(user)

    with breaks("P7", f"put m/bob of {NEW} without an intent"):
        world.backend.put("m/bob", credential, world.clock() + MINUTE)


def test_a_proof_without_an_intent_is_told(world: World) -> None:
    """Our own use of a key is on record before it is made."""
    user = world.add_user()
    credential = world.aws.add_key(user, age=HOUR)
    entered = world.equipment.accounts.enter(world.configuration.accounts[0])

    with breaks("P7", "prove of None without an intent"):
        entered.prove(credential)


def test_an_intent_that_was_not_committed_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a transaction wrote that was rolled back is no intent."""
    user = world.add_user()
    inner = changes.Change.intent
    monkeypatch.setattr(
        changes.Change,
        "intent",
        lambda self, step, **told: 1 if step is Step.ISSUE else inner(self, step, **told),
    )

    with breaks("P7", "issue of .* without an intent"):
        onwards(world, user)


def test_a_change_that_no_outcome_follows_is_told(world: World) -> None:
    """What was done is on record in the end, answered or seen."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.LOST_AFTER)
    world.visit(user)

    with breaks("P7", f"nothing says that issue of {NEW} was done"):
        world.monitor.all_is_recorded()


def test_a_key_that_went_with_its_user_unseen_is_excused(world: World) -> None:
    """The record says that its outcome is not known, and nobody can know it any more."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.LOST_AFTER)
    world.visit(user)
    world.aws.delete_user(user)

    world.monitor.all_is_recorded()

    assert [str(row.outcome) for row in world.history(user) if row.step is Step.ISSUE] == [
        "intent",
        "unknown",
    ]


def test_a_key_whose_end_a_person_ordered_before_it_was_known_whose_it_is(world: World) -> None:
    """The answer of its create was lost: on record is the person's word."""
    user = world.add_user()
    strike(world, "CreateAccessKey", Fault.LOST_AFTER)
    world.visit(user)
    world.go(HOUR)
    order(world, user, Verb.RETIRE, key_id=NEW, now=True)
    onwards(world, user)

    world.monitor.all_is_recorded()

    assert (NEW, "deactivate") in {(key, step) for step, key, _ in world.aws.executed}


# P8


def test_a_lease_that_two_have_is_told(world: World) -> None:
    """The database lost it, say: whoever takes it now is the second."""
    user = world.add_user()
    store = world.equipment.store
    assert store.acquire(user.ref, holder="one", length=HOUR)
    world.store.release_all("one")

    with breaks("P8", "two has taken the lease on AIDABOB while one has it"):
        store.acquire(user.ref, holder="two", length=HOUR)


def test_a_fence_that_does_not_grow_is_told(world: World) -> None:
    """An older holder could not be told from the one who followed."""
    user = world.add_user()
    lease = world.equipment.store.acquire(user.ref, holder="one", length=MINUTE)
    assert lease is not None
    world.clock.advance(2 * MINUTE)

    with breaks("P8", "the fence on AIDABOB did not grow"):
        world.monitor.acquired(replace(lease, holder="two"))


@pytest.mark.parametrize(
    ("overtaken", "by"),
    [
        pytest.param(True, "about whom two .fence 2. decides", id="somebody else has it"),
        pytest.param(False, "and its lease ran out", id="it ran out"),
    ],
)
def test_a_save_without_the_lease_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, *, overtaken: bool, by: str
) -> None:
    """The store forgets to compare holder and fence."""
    user = world.add_user()
    world.visit(user)
    store = world.equipment.store
    lease = store.acquire(user.ref, holder="one", length=MINUTE)
    assert lease is not None
    world.clock.advance(2 * MINUTE)
    if overtaken:
        lease = replace(lease, fence=1)
        world.monitor.hands._held.clear()
        world.monitor.acquired(replace(lease, until=world.clock()))
        taken = store.acquire(user.ref, holder="two", length=HOUR)
        assert taken is not None
        world.monitor.hands._held[user.ref].fence = 2
    monkeypatch.setattr(changes, "confirm", lambda *_args, **_named: lease)

    with breaks("P8", by), store.change(lease) as change:
        change.sight([])


def test_a_request_that_comes_after_its_absence_was_evidence_is_told(world: World) -> None:
    """A process was frozen for longer than is assumed: nobody waits for its request any more."""
    user = world.add_user()
    world.effects.freeze = lambda: world.clock.advance(HOUR)
    strike(world, "put m/bob", Fault.FROZEN)

    with breaks("P8", "arrived after its absence was evidence"):
        onwards(world, user)


def test_a_conclusion_that_is_drawn_too_early_is_told(world: World) -> None:
    """Another process found that nothing was issued, and then it was."""
    user = world.add_user()
    world.reconfigure(policy(), timing=Timing(settle=timedelta(seconds=10)))

    def freeze() -> None:
        frozen = (world.effects.life, world.equipment, world.sweeper)
        world.boot()
        world.clock.advance(4 * MINUTE)
        world.visit(user)
        world.effects.life, world.equipment, world.sweeper = frozen

    world.effects.freeze = freeze
    world.monitor.timing = replace(world.monitor.timing, settle=HOUR)
    strike(world, "CreateAccessKey", Fault.FROZEN)

    with breaks("P8", "after its rotation was closed as no_effect"):
        onwards(world, user)


def test_a_rejection_that_was_none_is_told(world: World) -> None:
    """It is on record that nothing was done, and then it was."""
    user = world.add_user()

    def freeze() -> None:
        world.clock.advance(4 * MINUTE)
        (sent,) = [one for one in world.monitor.intents.sent if one.step is Step.ISSUE]
        lease = world.store.acquire(user.ref, holder="two", length=HOUR)
        assert lease is not None
        with world.store.change(lease) as change:
            change.outcome(sent.seq, JournalOutcome.REJECTED)

    world.effects.freeze = freeze
    strike(world, "CreateAccessKey", Fault.FROZEN)

    with breaks("P8", "was done, and is on record as rejected"):
        onwards(world, user)


def test_a_whole_life_breaks_no_promise(world: World) -> None:
    """The same monitor is content with a rotation as it should be, commits and requests alike."""
    user = world.add_user()

    result = world.live(user)
    world.monitor.all_is_recorded()
    world.monitor.everybody_stands_somewhere()
    world.close()

    assert result.last is not None
    assert result.last.reason is Reason.NOT_DUE
    assert world.monitor.checked > len(world.effects.names)
