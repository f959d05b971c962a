"""`plan --until`: what a person reads of the time to come."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import TYPE_CHECKING, Any

import pytest

from rotator.cli.build import Settings
from rotator.cli.calendar import calendar
from rotator.cli.outcomes import FAILED, FINE, PENDING
from rotator.events import Level
from rotator.model import Scope
from rotator.reconcile import Planner
from tests.simulation.world import DAY, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rotator.demo.aws import LocalAws
    from rotator.model import User
    from tests.cli.conftest import Program

POLICY = """\
  - name: ci
    mode: enforce
    users: {include: [{path: /ci/}]}
    rotate_after: 50d
    max_age: 60d
    schedule: {every: 6h}
    grace_period: 7d
    quiet_period: 8d
    recovery_period: 14d
    sinks: [{type: file, path: "FOLDER/out/{user}.json"}]
"""

OLD = "AKIAIOSFODNN7EXAMPLE"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account in memory whose policy `ci` selects everybody; keys are due after ten days."""
    made = World.made(tmp_path)
    yield made
    made.close()


def ask(
    world: World,
    *,
    user: User | None = None,
    days: int = 5,
    exit_code: bool = False,
    as_json: bool = False,
) -> int:
    """`plan --until` over that world: its exit status."""
    settings = Settings(
        config=None,
        state=None,
        listen=None,
        log_format="json",
        log_level=Level.WARNING,
        as_json=as_json,
        actor="kim",
    )
    given = Namespace(until=world.clock() + days * DAY, exit_code=exit_code)
    only = user.ref if user else None
    policies = world.configuration.policies
    return calendar(settings, given, Planner(world.equipment), policies, only)


def test_nothing_to_come_is_one_sentence(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """No table stands over nothing, and nobody's key is old."""
    status = ask(world)
    told = capsys.readouterr().out

    assert status == FINE
    assert "of 0 users: 0 keys issued, 0 switched off, 0 deleted" in told
    assert "oldest key" not in told
    assert "ACTION" not in told


@pytest.mark.parametrize(
    ("exit_code", "held", "keys", "expected"),
    [
        pytest.param(False, False, 1, FINE, id="a key is replaced"),
        pytest.param(True, False, 1, PENDING, id="and a script wants to know"),
        pytest.param(False, True, 1, FAILED, id="the user is held"),
        pytest.param(False, False, 2, FAILED, id="two keys stop it"),
        pytest.param(True, False, 2, FAILED, id="and nothing at all is done"),
    ],
)
def test_how_it_ends(world: World, exit_code: bool, held: bool, keys: int, expected: int) -> None:
    """One, where a person is waited for; three, where changes are asked about and to come."""
    user = world.add_user()
    for _ in range(keys - 1):
        world.aws.add_key(user, age=DAY)
    if held:
        world.store.give_hold(Scope.USER, subject=user.ref, reason="later", actor="eve")

    assert expected == ask(world, exit_code=exit_code)


def test_the_age_of_everybodys_key_is_no_news(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only whose key passes max_age is told; of one user who was asked for it always is."""
    user = world.add_user()
    ask(world)
    everybody = capsys.readouterr().out
    ask(world, user=user)
    alone = capsys.readouterr().out

    assert "GREATEST AGE" not in everybody
    assert "GREATEST AGE" in alone
    assert "limits are shared" in alone
    assert "limits are shared" not in everybody


def test_scripts_get_the_same(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A row for each step, an age for each user, the sum, and what is taken for granted."""
    user = world.add_user()
    (key,) = world.aws.keys_of(user.user_id)
    ask(world, as_json=True)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)

    assert [(row["action"], row["access_key_id"]) for row in document["actions"]] == [
        ("issue", None),
        ("deactivate", key.key_id),
        ("delete", key.key_id),
    ]
    assert document["summary"]["issue"] == 1
    assert [age["user"] for age in document["ages"]] == ["bob"]
    assert (len(document["assumed"]), document["errors"]) == (4, [])


def test_an_account_that_cannot_be_read_is_a_failure(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said beside the answer, which is then not whole."""
    world.aws.unreadable = "no route to AWS"
    status = ask(world, exit_code=True)

    assert status == FAILED
    assert "rotator: no route to AWS" in capsys.readouterr().err


@pytest.mark.slow
def test_the_life_of_one_key_to_come(stocked: Program, aws: LocalAws) -> None:
    """Each thing that will be done has its row, its day and its key, where there is one yet."""
    stocked.configure(POLICY)
    keys = [{"age": "45d", "access_key_id": OLD}]
    aws.plant({"users": [{"name": "alice", "path": "/ci/", "keys": keys}]})
    document = stocked.json("plan", "--until", "90d")

    assert [(row["action"], row["access_key_id"]) for row in document["actions"]] == [
        ("issue", None),
        ("deactivate", OLD),
        ("delete", OLD),
        ("issue", None),
        ("deactivate", None),
        ("delete", None),
    ]
    assert all(row["gate"] is None for row in document["actions"])
    (age,) = document["ages"]
    assert age["passes_max_age_at"] is None
    assert 57 <= age["greatest_age_seconds"] / 86400 <= 60
    assert document["summary"] == {
        "users": 1,
        "issue": 2,
        "deactivate": 2,
        "delete": 2,
        "waiting": 0,
        "past_max_age": 0,
    }
    assert aws.truth()["alice"]["keys"][0]["status"] == "Active"
    assert stocked("plan", "--until", "90d", "--exit-code").status == 3
    told = stocked("plan", "--until", "90d", "--user", "alice")
    assert told.status == 0
    assert "a new key" in told.out or OLD in told.out
    assert "Taken for granted: " in told.out
    assert "limits are shared" in told.out


@pytest.mark.slow
def test_who_waits_for_a_person_is_told(stocked: Program, aws: LocalAws) -> None:
    """An observed user's key passes max_age, and two keys are a stop on the day they are due."""
    stocked.configure(POLICY.replace("enforce", "observe", 1))
    aws.plant(
        {
            "users": [
                {"name": "alice", "path": "/ci/", "keys": [{"age": "45d"}]},
                {"name": "zoe", "path": "/ci/", "keys": [{"age": "45d"}, {"age": "3d"}]},
            ]
        }
    )
    document = stocked.json("plan", "--until", "90d")
    told = stocked("plan", "--until", "90d")

    assert [(row["user"], row["action"], row["gate"]) for row in document["actions"]] == [
        ("alice", "issue", "observe"),
        ("zoe", "stop", None),
    ]
    assert document["summary"]["past_max_age"] == 2
    assert told.status == 1
    assert "PASSED AT" in told.out


@pytest.mark.parametrize(
    ("until", "sentence"),
    [
        pytest.param("0", "neither a length of time like 90d nor a moment", id="zero"),
        pytest.param("0d", "no length of time", id="no days"),
        pytest.param("-3d", "expected one argument", id="less than nothing"),
        pytest.param("soon", "neither a length of time like 90d nor a moment", id="a word"),
        pytest.param("2020-01-01T00:00Z", "is over already", id="past"),
        pytest.param("10000d", "more than ten years ahead", id="absurd"),
        pytest.param("9999999999999999999d", "no length of time", id="beyond counting"),
        pytest.param("9999-12-31T23:59Z", "more than ten years ahead", id="the end of time"),
    ],
)
def test_how_far_nobody_can_look(program: Program, until: str, sentence: str) -> None:
    """What is no time to come is a wrong call, told in a sentence."""
    answer = program("plan", "--until", until)

    assert (answer.status, answer.out) == (2, "")
    assert sentence in answer.err
