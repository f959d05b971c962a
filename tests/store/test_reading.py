"""What is asked of the store, and found again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from rotator.model import SigningKey, UserRef
from rotator.store import Counts, Known, ReplicaRow, Standing, SweepRow
from tests.store.worlds import (
    ACCOUNT,
    ALICE,
    BOB,
    DAY,
    HOUR,
    MINUTE,
    NEW,
    NOW,
    OLD,
    SECOND,
    a_key,
    a_user,
    an_order,
)

if TYPE_CHECKING:
    from datetime import datetime

    from tests.store.worlds import World

AWAY = UserRef("444455556666", "AIDAALICE2")


def test_of_a_stranger_nothing_is_known(world: World) -> None:
    """Nothing, not an error."""
    assert Known() == world.store.know(ALICE)
    assert world.store.users() == []
    assert world.store.next_moment() is None


def test_status_reads_everybody_in_five_queries(world: World) -> None:
    """However many users there are."""
    for number in range(20):
        ref = UserRef(ACCOUNT, f"AIDA{number:02}")
        with world.change(ref) as change:
            change.note_user(a_user(ref))
            change.sight([a_key(f"AKIA{number:02}")])
    rotation = world.begun(ALICE)
    statements: list[object] = []
    event.listen(
        world.store._database.engine,
        "before_cursor_execute",
        lambda *call: statements.append(call[2]),
    )

    standings = world.store.users()

    assert len([text for text in statements if str(text).startswith("SELECT")]) == 5
    assert len(standings) == 21
    known = world.store.know(ALICE)
    assert known.user is not None
    assert Standing(known.user, (), known.places, rotation) == standings[-1]
    assert [[row.key.key_id for row in standing.keys] for standing in standings[:2]] == [
        ["AKIA00"],
        ["AKIA01"],
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("bob", [BOB], id="by name"),
        pytest.param("alice", [AWAY, ALICE], id="a name in two accounts"),
        pytest.param("prod/alice", [ALICE], id="by account and name"),
        pytest.param("444455556666/alice", [AWAY], id="by account id and name"),
        pytest.param("AIDABOB", [BOB], id="by UserId"),
        pytest.param("Bob", [], id="names are case-sensitive"),
        pytest.param("prod/nobody", [], id="nobody"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_users_are_found_as_people_name_them(
    world: World, text: str, expected: list[UserRef]
) -> None:
    """All that fit, so that the caller can ask which."""
    world.store.note_users([a_user(), a_user(BOB), a_user(AWAY, account="dev", name="alice")])

    assert expected == [standing.user.ref for standing in world.store.find_user(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(OLD, [OLD], id="whole id"),
        pytest.param("KEY1", [OLD], id="last four"),
        pytest.param("KEY2", [NEW], id="of a deleted key"),
        pytest.param("SAME", ["AKIA1SAME", "AKIA2SAME"], id="several"),
        pytest.param("key1", [], id="ids are case-sensitive"),
        pytest.param("EY1", [], id="three characters"),
        pytest.param("%%%%", [], id="no wildcard"),
    ],
)
def test_keys_are_found_by_id_or_last_four(world: World, text: str, expected: list[str]) -> None:
    """Deleted ones too."""
    with world.change() as change:
        change.note_user(a_user())
        change.sight([a_key(key) for key in (OLD, NEW, "AKIA1SAME", "AKIA2SAME")])
        change.gone(NEW, NOW)

    found = world.store.find_key(text)
    assert expected == [row.key.key_id for row in found]
    assert [key == NEW for key in expected] == [row.gone_at is not None for row in found]


def test_moments_are_kept_and_orders_are_at_once(world: World) -> None:
    """Whose moment has come, or for whom there is an order."""
    carol = UserRef(ACCOUNT, "AIDACAROL")
    world.store.note_users(
        [a_user(next_at=NOW + HOUR), a_user(BOB, next_at=NOW + MINUTE), a_user(carol)]
    )

    assert world.store.next_moment() == NOW + MINUTE
    assert world.store.moments(NOW + MINUTE - SECOND) == []
    assert world.store.moments(NOW + MINUTE) == [(BOB, "prod", "bob")]
    assert [ref for ref, _, _ in world.store.moments(NOW + HOUR)] == [BOB, ALICE]

    number = world.store.give(carol, an_order())

    assert [(carol, "prod", "carol")] == world.store.moments(NOW)

    world.store.withdraw(number)

    assert world.store.moments(NOW) == []


def test_replicas_are_live_while_they_announce_themselves(world: World) -> None:
    """The latest word of each counts, and those long silent are forgotten."""

    def announce(name: str, digest: str, at: datetime) -> None:
        world.store.seen_replica(
            name,
            version="0.1.0",
            config_digest=digest,
            at=at,
            host="web-1",
            keys=[SigningKey(OLD, "environment variables", moves=False)],
        )

    announce("one", "d1", NOW)
    announce("two", "d1", NOW)
    announce("one", "d2", NOW + HOUR)

    keys = (SigningKey(OLD, "environment variables", moves=False),)
    one = ReplicaRow("one", "0.1.0", "d2", NOW + HOUR, "web-1", keys)
    two = ReplicaRow("two", "0.1.0", "d1", NOW, "web-1", keys)
    assert [one, two] == world.store.replicas(NOW)
    assert [one] == world.store.replicas(NOW + SECOND)

    announce("one", "d2", NOW + 8 * DAY)

    assert [row.replica_id for row in world.store.replicas(NOW - DAY)] == ["one"]


def test_a_sweep_counts_once_it_has_ended(world: World) -> None:
    """One that was killed was not made; the last that went well is told apart."""
    counts = Counts(selected=9, observed=3, acted=2, waiting=4, blocked=1, failed=1)
    world.store.sweep_begun("s1", policy="ci", account_id=ACCOUNT)

    assert world.store.last_sweep("ci", ACCOUNT) is None

    world.store.sweep_ended("s1", ok=True, counts=counts)
    later = world.clock.go(HOUR)
    world.store.sweep_begun("s2", policy="ci", account_id=ACCOUNT)
    world.store.sweep_ended("s2", ok=False, message="no credentials")

    expected = SweepRow("s2", "ci", ACCOUNT, later, later, ok=False, message="no credentials")
    assert expected == world.store.last_sweep("ci", ACCOUNT)
    well = SweepRow("s1", "ci", ACCOUNT, NOW, NOW, ok=True, counts=counts)
    assert well == world.store.last_sweep("ci", ACCOUNT, ok=True)
    assert world.store.last_sweep("other", ACCOUNT) is None


def test_sweeps_are_kept_for_thirty_days(world: World) -> None:
    """A policy that is swept each minute writes half a million rows a year that nobody reads.

    What tells when a policy was last swept stays, however long ago that was.
    """

    def swept(sweep_id: str, *, ok: bool | None, policy: str = "ci") -> None:
        world.store.sweep_begun(sweep_id, policy=policy, account_id=ACCOUNT)
        if ok is not None:
            world.store.sweep_ended(sweep_id, ok=ok)

    swept("another policy's", ok=True, policy="other")
    swept("an old one", ok=True)
    world.clock.go(HOUR)
    swept("the last that went well", ok=True)
    world.clock.go(HOUR)
    swept("an old one that failed", ok=False)
    world.clock.go(HOUR)
    swept("the last that ended", ok=False)
    world.clock.go(HOUR)
    swept("killed", ok=None)
    world.clock.go(30 * DAY - 2 * HOUR)
    swept("another killed", ok=None)
    world.clock.go(3 * HOUR)
    swept("now", ok=None)

    with world.store._database.reading() as connection:
        kept = set(connection.exec_driver_sql("SELECT sweep_id FROM sweeps").scalars())

    expected = {
        "another policy's",
        "the last that went well",
        "the last that ended",
        "another killed",
        "now",
    }
    assert expected == kept
