"""A sweep costs what it changes, not what it looks at: users are left out by the report."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.model import KeyStatus, Reason, Scope, Selector, Stop, Wait
from rotator.reconcile import Planner, accounts_of
from tests.simulation import recorded
from tests.simulation.daemons import SimulatedDaemon
from tests.simulation.person import Person
from tests.simulation.report import CredentialReport
from tests.simulation.world import DAY, HOUR, MINUTE, World, policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotator.model import User
    from rotator.reconcile import SweepResult

TERMS = policy(rotate_after=30 * DAY, max_age=60 * DAY)


@pytest.fixture
def world() -> Iterator[World]:
    """An account whose report may be read, and a policy of months."""
    made = World.made(None, TERMS)
    made.aws.report = CredentialReport(made.aws)
    yield made
    made.close()


def swept(world: World) -> tuple[SweepResult, Counter[str]]:
    """One sweep of the first policy, and the calls that it made."""
    terms = world.configuration.policies[0]
    (account,) = accounts_of(world.equipment, terms)
    before = len(world.aws.calls)
    result = world.sweeper.sweep(terms, account, trigger="schedule")
    assert result.error is None
    return result, Counter(world.aws.calls[before:])


def listed_once(world: World, *users: User) -> None:
    """Somebody looks at these users, as a daemon does within a tenth of the period."""
    for user in users:
        world.visit(user)
    world.go(10 * MINUTE)


def told(world: World, name: str) -> list[dict[str, object]]:
    """The events of one name."""
    return [fields for event, fields in world.told if event.value == name]


def looked_at(result: SweepResult) -> list[str]:
    """The names of whom the sweep looked at."""
    return [visit.user.name for visit in result.visits]


def test_an_idle_sweep_asks_about_nobody(world: World) -> None:
    """However many users there are: the users, and a report that is new."""
    for number in range(30):
        listed_once(world, world.add_user(f"user{number}", age=number * HOUR))

    result, calls = swept(world)
    _, again = swept(world)

    assert result.visits == ()
    assert len(result.left_out) == 30
    assert calls["ListAccessKeys"] == calls["GetUser"] == calls["GetAccessKeyLastUsed"] == 0
    assert calls["GetCredentialReport"] == 1
    assert calls.total() <= 10
    assert again.total() == 0


def test_who_is_due_is_looked_at_and_rotated(world: World) -> None:
    """The others are left out of the same sweep."""
    listed_once(world, world.add_user("young", age=DAY))
    world.add_user("old", age=31 * DAY)

    result, calls = swept(world)

    assert looked_at(result) == ["old"]
    assert calls["CreateAccessKey"] == 1
    assert [one.user.name for one in result.left_out] == ["young"]


def test_the_oldest_reported_key_is_first(world: World) -> None:
    """Also of users at whom nobody has looked yet."""
    for name, age in (("ann", 31), ("bob", 45), ("eve", 38)):
        world.add_user(name, age=age * DAY)

    result, _ = swept(world)

    assert looked_at(result) == ["bob", "eve", "ann"]


def test_where_it_is_forbidden_everybody_is_looked_at(world: World) -> None:
    """And it is told once."""
    world.aws.report = None
    for number in range(3):
        world.add_user(f"user{number}", age=DAY)

    first, _ = swept(world)
    world.go(HOUR)
    second, _ = swept(world)

    assert len(first.visits) == len(second.visits) == 3
    (failed,) = told(world, "report.failed")
    assert failed["code"] == "AccessDenied"


def test_a_policy_of_hours_asks_for_no_report(world: World) -> None:
    """A report would be older than its periods."""
    world.reconfigure(replace(TERMS, rotate_after=3 * HOUR))
    world.add_user(age=HOUR)

    result, calls = swept(world)

    assert looked_at(result) == ["bob"]
    assert calls["GenerateCredentialReport"] == 0


def test_users_whom_nobody_listed_are_listed_once(world: World) -> None:
    """Within a tenth of `rotate_after`, outside the sweeps; then not again while they are idle."""
    names = [f"user{number}" for number in range(12)]
    for name in names:
        world.add_user(name, age=DAY)
    daemon = SimulatedDaemon(world)

    daemon.live(world.clock() + 4 * DAY)
    calls = Counter(world.aws.calls)
    daemon.live(world.clock() + 4 * DAY)

    assert calls["ListAccessKeys"] == len(names)
    assert Counter(world.aws.calls)["ListAccessKeys"] == len(names)
    assert {row.user.source for row in world.store.users()} == {"live"}
    assert all(row.user.look_at is None for row in world.store.users())


def test_what_only_the_report_tells_is_on_record_at_once(world: World) -> None:
    """`status` answers from it before anybody has looked."""
    user = world.add_user("eve", age=10 * DAY)
    swept(world)

    (standing,) = world.store.users()

    assert (standing.user.source, standing.user.policy) == ("report", "ci")
    assert standing.user.reason is Reason.NOT_DUE
    assert standing.user.due_at == world.aws.keys_of(user.user_id)[0].created_at + 30 * DAY
    assert len(standing.reported) == 1
    assert standing.keys == ()


def test_a_user_who_is_younger_than_the_report_is_looked_at(world: World) -> None:
    """Nothing is known of one whom it does not name."""
    listed_once(world, world.add_user("bob", age=DAY))
    swept(world)
    world.go(HOUR)
    world.add_user("eve", age=DAY)

    result, _ = swept(world)

    assert looked_at(result) == ["eve"]


def test_a_user_made_again_is_not_the_one_in_the_report(world: World) -> None:
    """The same name and ARN, and another user."""
    listed_once(world, world.add_user("bob", age=DAY))
    swept(world)
    world.go(HOUR)
    Person(world.aws, None).makes_again(next(iter(world.aws.users.values())))  # type: ignore[arg-type] # no chance needed

    result, _ = swept(world)

    assert looked_at(result) == ["bob"]


def test_keys_that_a_person_changed_are_listed_once(world: World) -> None:
    """A key was made beside the other one: the report tells it by a date, and is believed."""
    user = world.add_user("eve", age=DAY)
    listed_once(world, user)
    swept(world)
    world.aws.add_key(user)
    before = Counter(world.aws.calls)["ListAccessKeys"]
    daemon = SimulatedDaemon(world)

    daemon.live(world.clock() + 7 * HOUR)
    look_at = world.store.users()[0].user.look_at
    daemon.live(world.clock() + 6 * DAY)

    assert look_at is not None
    assert len(world.known(user).keys) == 2
    assert Counter(world.aws.calls)["ListAccessKeys"] == before + 1


def test_an_old_key_that_is_switched_on_again_is_found(world: World) -> None:
    """No later than the report is old: the user is due."""
    user = world.aws.add_user("bob")
    world.aws.add_key(user, age=40 * DAY, status=KeyStatus.INACTIVE)
    listed_once(world, user)
    swept(world)
    (key,) = world.aws.keys_of(user.user_id)
    world.aws.switch(key.key_id, KeyStatus.ACTIVE)
    early, _ = swept(world)
    world.go(4 * HOUR)

    late, _ = swept(world)

    assert looked_at(early) == []
    assert looked_at(late) == ["bob"]


def test_a_quarantine_is_noticed_without_a_call(world: World) -> None:
    """The listing of the account shows it, and then the user is looked at."""
    user = world.add_user(age=DAY)
    listed_once(world, user)
    swept(world)
    Person(world.aws, None).quarantines(user)  # type: ignore[arg-type] # no chance needed
    world.go(HOUR)

    result, _ = swept(world)

    (visit,) = result.visits
    assert isinstance(visit.last, Stop)
    assert visit.last.reason is Reason.QUARANTINED


def test_a_report_that_cannot_be_renewed_serves_on(world: World) -> None:
    """It may still leave out whom its age cannot have made due, and it is told once."""
    listed_once(world, world.add_user("bob", age=DAY))
    swept(world)
    world.aws.failing["GenerateCredentialReport"] = recorded.THROTTLING
    world.go(5 * HOUR)

    first, _ = swept(world)
    world.go(HOUR)
    second, _ = swept(world)
    del world.aws.failing["GenerateCredentialReport"]
    world.go(HOUR)
    swept(world)

    assert first.visits == second.visits == ()
    assert len(told(world, "report.failed")) == len(told(world, "report.recovered")) == 1


def test_a_report_that_takes_too_long_is_no_report(world: World) -> None:
    """Everybody is looked at, and it is asked for again later."""
    assert world.aws.report is not None
    world.aws.report.takes = 10 * MINUTE
    world.add_user(age=DAY)

    first, _ = swept(world)
    world.go(HOUR)
    second, _ = swept(world)

    assert looked_at(first) == ["bob"]
    assert looked_at(second) == []


def test_whom_no_policy_selects_is_known_and_told_once(world: World) -> None:
    """In the first survey as a number; later one by one. Excluded is not forgotten."""
    world.reconfigure(replace(TERMS, include=(Selector(name="b*"),)))
    world.add_user("bob", age=DAY)
    world.add_user("eve", age=DAY)
    swept(world)
    world.add_user("joe", age=DAY)
    world.aws.add_user("nobody")
    world.go(5 * HOUR)
    swept(world)
    world.go(5 * HOUR)
    swept(world)

    first, second, third = told(world, "account.surveyed")
    (uncovered,) = told(world, "user.uncovered")
    assert [first["uncovered"], second["uncovered"], third["uncovered"]] == [1, 2, 2]
    assert uncovered["user"] == "joe"
    assert {row.user.name for row in world.store.users() if row.user.uncovered} == {"eve", "joe"}
    assert world.store.surveys()["111122223333"].uncovered == 2
    world.reconfigure(TERMS)
    world.go(HOUR)
    swept(world)
    assert [row.user.name for row in world.store.users() if row.user.uncovered] == []


def test_the_rhythm_of_a_key_is_learned_from_reports(world: World) -> None:
    """How long it was silent before it was used again, at no call of its own."""
    user = world.aws.add_user("bob")
    made = world.aws.add_key(user, age=2 * DAY)
    world.aws.use(made.access_key_id)
    world.go(HOUR)
    listed_once(world, user)
    world.go(6 * DAY)
    world.aws.use(made.access_key_id)
    world.go(HOUR)

    _, calls = swept(world)

    (row,) = world.store.users()[0].keys
    assert calls["GetAccessKeyLastUsed"] == 0
    assert row.longest_silence is not None
    assert 6 * DAY <= row.longest_silence < 7 * DAY


def test_a_plan_says_what_the_sweep_would_do(world: World) -> None:
    """Of those who are left out too, by the same judgement and without a call for each."""
    listed_once(world, world.add_user("young", age=DAY))
    world.add_user("old", age=31 * DAY)
    terms = world.configuration.policies[0]
    (account,) = accounts_of(world.equipment, terms)
    before = len(world.aws.calls)

    examined = Planner(world.equipment).plan(terms, account)

    names = {one.user.name: one.action.name.value for one in examined}
    assert names == {"old": "issue", "young": "wait"}
    assert Counter(world.aws.calls[before:])["ListAccessKeys"] == 1
    assert isinstance(examined[1].action, Wait)


def test_what_is_idle_is_written_once(world: World) -> None:
    """A sweep over idle users leaves no new row behind but its own."""
    listed_once(world, world.add_user("bob", age=DAY))
    swept(world)
    before = world.store.users()
    world.go(HOUR)

    swept(world)

    assert world.store.users() == before


def test_that_nobody_watches_for_quarantines_is_said_once(world: World) -> None:
    """The details of the account are forbidden, and nothing else is the worse for it."""
    world.aws.details = False
    listed_once(world, world.add_user(age=DAY))

    first, _ = swept(world)
    world.go(HOUR)
    swept(world)

    assert len(first.left_out) == 1
    assert len(told(world, "account.unwatched")) == 1


def test_a_user_who_is_gone_before_it_was_listed_is_let_go(world: World) -> None:
    """Nobody asks about it again and again, and nothing of it is waited for."""
    world.add_user("bob", age=DAY)
    eve = world.add_user("eve", age=DAY)
    daemon = SimulatedDaemon(world)
    daemon.live(world.clock() + HOUR)
    world.aws.delete_user(eve)
    before = Counter(world.aws.calls)["ListAccessKeys"]

    daemon.live(world.clock() + 6 * DAY)

    row = world.row(eve)
    assert Counter(world.aws.calls)["ListAccessKeys"] - before <= 2
    assert row is not None
    assert row.look_at is None


def test_keys_that_cannot_be_listed_are_tried_again_later(world: World) -> None:
    """And not all the time, however long it takes."""
    world.add_user("eve", age=DAY)
    daemon = SimulatedDaemon(world)
    daemon.live(world.clock() + HOUR)
    world.aws.failing["ListAccessKeys"] = recorded.THROTTLING
    world.aws.calls.clear()

    daemon.live(world.clock() + 5 * DAY)
    tried = Counter(world.aws.calls)["ListAccessKeys"]
    world.aws.failing.clear()
    daemon.live(world.clock() + DAY)

    assert 1 < tried <= 5 * 24 + 1
    assert {row.user.look_at for row in world.store.users()} == {None}


def test_who_is_held_is_told_of_once(world: World) -> None:
    """Although nothing is due: whoever said so may look whether it is in force."""
    user = world.add_user(age=DAY)
    listed_once(world, user)
    world.store.give_hold(Scope.USER, subject=user.ref, reason="move", actor="eve")

    swept(world)
    world.go(HOUR)
    swept(world)
    world.store.release_hold(Scope.USER, subject=user.ref, reason="moved", actor="eve")
    world.go(HOUR)
    swept(world)
    world.go(HOUR)
    last, _ = swept(world)

    assert len(told(world, "user.held")) == len(told(world, "user.released")) == 1
    assert len(last.left_out) == 1


def test_a_process_that_is_to_end_waits_for_no_report(world: World) -> None:
    """A minute would be most of what it has left, and nothing is told of it."""
    assert world.aws.report is not None
    world.aws.report.takes = HOUR
    world.add_user(age=DAY)
    world.equipment.stopping.set()
    began = world.clock()

    swept(world)

    assert world.clock() - began < MINUTE
    assert told(world, "report.failed") == []
