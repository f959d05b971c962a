"""`plan --until`: what a person reads of the time to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rotator.demo.aws import LocalAws
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
