"""`plan --against`: what a change of configuration does, as a person asks before merging it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_calendar import POLICY

if TYPE_CHECKING:
    from rotator.demo.aws import LocalAws
    from tests.cli.conftest import Program


@pytest.mark.slow
def test_what_a_change_does(stocked: Program, aws: LocalAws) -> None:
    """From a copy in another folder: its relative places are the same; who is due is told."""
    relative = POLICY.replace("FOLDER/", "")
    aws.plant({"users": [{"name": "alice", "path": "/ci/", "keys": [{"age": "45d"}]}]})
    stocked.configure(relative)
    elsewhere = stocked.folder / "elsewhere"
    elsewhere.mkdir()
    old = elsewhere / "rotator.yaml"
    old.write_text(stocked.config.read_text())

    same = stocked("plan", "--against", str(old), "--exit-code")
    assert (same.status, same.out) == (
        0,
        "1 users looked at; the change concerns 0 of them.\n",
    )

    stocked.configure(relative.replace("50d", "40d").replace("mode: enforce", "mode: observe"))
    found = stocked.json("plan", "--against", str(old))["changes"]
    assert [(row["user"], row["change"]) for row in found] == [
        ("alice", "observed"),
        ("alice", "due"),
    ]
    told = stocked("plan", "--against", str(old), "--exit-code")
    assert told.status == 3
    assert "the change concerns 1 of them" in told.out
    assert stocked("plan", "--against", str(old)).status == 0
    assert "concerns 1 of" in stocked("plan", "--against", str(old), "--policy", "ci").out
    unknown = stocked("plan", "--against", str(old), "--policy", "other")
    assert unknown.status == 2
    assert "there is no policy 'other'" in unknown.err


@pytest.mark.slow
def test_who_is_stopped_by_a_change(stocked: Program, aws: LocalAws) -> None:
    """Two policies that select one user stop it: exit status 1."""
    aws.plant({"users": [{"name": "alice", "path": "/ci/", "keys": [{"age": "45d"}]}]})
    stocked.configure(POLICY)
    old = stocked.folder / "old.yml.txt"
    old.write_text(stocked.config.read_text())
    stocked.configure(POLICY + POLICY.replace("name: ci", "name: too"))

    answer = stocked("plan", "--against", str(old))

    assert answer.status == 1
    assert "policy_unclear" in answer.out


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        pytest.param("version: 1\nnonsense: 1\n", None, "old.yaml:2:1: ", id="the old is wrong"),
        pytest.param(
            None, "version: 1\nnonsense: 1\n", "rotator.yaml:2:1: ", id="the new is wrong"
        ),
    ],
)
def test_a_configuration_that_is_wrong(
    program: Program, old: str | None, new: str | None, sentence: str
) -> None:
    """Either way its faults are told where they stand, and nothing else is done."""
    path = program.folder / "old.yaml"
    path.write_text(old or program.config.read_text())
    if new is not None:
        program.config.write_text(new)

    answer = program("plan", "--against", str(path))

    assert (answer.status, answer.out) == (2, "")
    assert sentence in answer.err


@pytest.mark.parametrize("given", [[], ["--exit-code"], ["--policy", "ci"]])
def test_an_account_that_cannot_be_read_is_a_failure(program: Program, given: list[str]) -> None:
    """What could be compared is told, and that it is not the whole, whatever else was asked."""
    assert program("state", "init").status == 0
    old = program.folder / "old.yaml"
    old.write_text(program.config.read_text())

    answer = program("plan", "--against", str(old), *given)

    assert answer.status == 1
    assert answer.out == "0 users looked at; the change concerns 0 of them.\n"
    assert answer.err.count("no AWS credentials were found") == 1


def test_two_questions_at_once(program: Program) -> None:
    """`--until` and `--against` are asked one at a time; what is not there is told."""
    both = program("plan", "--until", "9d", "--against", "x")
    missing = program("plan", "--against", str(program.folder / "none"))

    assert (both.status, missing.status) == (2, 2)
    assert "two questions" in both.err
    assert str(program.folder / "none") in missing.err
