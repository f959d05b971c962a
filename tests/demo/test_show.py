"""The show: everybody ends as the scenario says, through a SIGKILL, and no consumer is hurt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from rotator.demo.closing import is_finished, what_happened
from rotator.demo.consumers import Consumer, Consumers, place_of
from rotator.demo.scenario import CAST, VICTIM, Actor, policy_text, seed
from rotator.demo.show import TOLD, main
from rotator.events import Event

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_the_show_ends_well_within_a_minute(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seven users get new keys, one is hit by SIGKILL, and no call of any consumer fails."""
    status = main(folder=tmp_path / "show")

    told = capsys.readouterr().out
    assert status == 0, told
    assert "6 rotations completed" in told
    assert ", 0 of which failed" in told
    assert re.search(rf"SIGKILL hit [^\n]*{VICTIM}", told)
    assert "(!)" not in told
    seconds = re.search(r"^(\d+) s; ", told, re.MULTILINE)
    assert seconds is not None
    assert int(seconds[1]) < 60


def test_every_event_that_is_told_exists() -> None:
    """The show speaks of events by the names that the catalogue has."""
    assert set(TOLD) <= {event.value for event in Event}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("deploy-api", "secrets/deploy-api.json", id="a file"),
        pytest.param("new-hire", "secrets/new/new-hire.json", id="a file of the newcomers"),
        pytest.param("billing", "demo/services/billing", id="a secret"),
        pytest.param("reports", "demo/flaky/reports", id="a secret of the flaky store"),
    ],
)
def test_a_consumer_looks_where_the_policy_delivers(name: str, expected: str) -> None:
    """The consumer's place and the policy's are the same."""
    actor = next(actor for actor in CAST if actor.name == name)

    assert expected == place_of(actor)


def test_the_policies_name_the_folder(tmp_path: Path) -> None:
    """State and files are below the demo's own folder, and nowhere else."""
    text = policy_text(tmp_path)

    assert f"sqlite:///{tmp_path}/state/rotator.db" in text
    assert text.count(str(tmp_path)) == 3


class Nobody(Consumers):
    """Consumers who have made a given number of calls, some of which failed."""

    def __init__(self, *, failures: int = 0) -> None:
        self.each = [Consumer(actor, calls=3, failures=failures) for actor in CAST]


def world_at_the_end() -> tuple[list[dict[str, object]], dict[str, object]]:
    """What the daemon told and what AWS holds, where everything went well."""
    events: list[dict[str, object]] = []
    truth: dict[str, object] = {}
    for actor in CAST:
        keys = 2 if actor.stubborn else max(len(actor.keys), 1)
        truth[actor.name] = {"keys": [{}] * keys}
        if actor.rotates:
            events.append({"event": "rotation.delivered", "user": actor.name})
        if actor.rotates and actor.retires:
            events.append({"event": "rotation.closed", "user": actor.name, "outcome": "completed"})
    return events, truth


def test_the_show_is_over_when_everybody_is_where_the_scenario_leads() -> None:
    """The end is judged by facts, not by the clock."""
    events, truth = world_at_the_end()

    assert is_finished(events, truth, Nobody())
    assert not is_finished(events[:-1], truth, Nobody())
    assert not is_finished(events, truth, Nobody(failures=1))


def test_a_key_too_many_is_not_right() -> None:
    """What AWS truly holds decides, whatever the log says."""
    events, truth = world_at_the_end()
    truth["deploy-api"] = {"keys": [{}, {}]}

    wrong = [one.actor.name for one in what_happened(events, truth, Nobody()) if not one.is_right]

    assert wrong == ["deploy-api"]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(
            {"event": "secret.lost"},
            ("rotated", "the key whose secret died was deleted, and another one made"),
            id="hit by the kill",
        ),
        pytest.param(
            {"event": "sink.failed"},
            ("rotated", "the sink failed 1 time(s), and was tried again"),
            id="its sink failed",
        ),
        pytest.param(None, ("rotated", "old key deleted"), id="nothing special"),
    ],
)
def test_the_table_says_why(event: dict[str, object] | None, expected: tuple[str, str]) -> None:
    """The reason in the table comes from what was logged of the user."""
    events, truth = world_at_the_end()
    if event is not None:
        events.append({**event, "user": "deploy-api"})

    outcome = what_happened(events, truth, Nobody())[0]

    assert expected == (outcome.result, outcome.why)


def test_a_seed_has_the_ages_of_the_cast() -> None:
    """Each user of the local AWS is as old as the table says."""
    actor = Actor("somebody", "two keys", keys=(100, 60))

    (user,) = seed(actor)["users"]

    assert [key["age"] for key in user["keys"]] == ["100d", "60d"]
