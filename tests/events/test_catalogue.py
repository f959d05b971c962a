"""The catalogue is whole, speaks one language, and is what the page says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from rotator.events import (
    CATALOGUE,
    COMMON,
    FIELDS,
    Event,
    Level,
    UndocumentedField,
    check_fields,
    level_of,
    reference,
)
from rotator.model import SEVERE, Reason

PAGE = Path(__file__).parents[2] / "docs" / "events.md"

COMMANDS = {
    "daemon",
    "run",
    "plan",
    "validate",
    "status",
    "explain",
    "history",
    "rotate",
    "rollback",
    "hold",
    "release",
    "credentials",
    "init",
    "sinks",
    "state",
    "demo",
}
"""The commands that there are: a page that names another one sends people nowhere."""

CONTRACT = [
    "daemon.started",
    "daemon.stopped",
    "config.loaded",
    "config.rejected",
    "sweep.started",
    "sweep.completed",
    "sweep.failed",
    "rotation.begun",
    "rotation.closed",
    "key.issued",
    "key.proven",
    "key.delivered",
    "key.used",
    "key.deactivated",
    "key.reactivated",
    "key.deleted",
    "user.stopped",
    "user.held",
    "user.released",
    "user.overdue",
    "user.uncovered",
    "user.failed",
    "place.drifted",
    "sink.failed",
    "orphan.found",
    "account.failed",
    "clock.skewed",
    "store.failed",
    "order.given",
]


def test_every_promised_event_exists() -> None:
    """What people were promised to filter on has exactly that name."""
    missing = set(CONTRACT) - set(Event)

    assert set() == missing


def test_every_event_is_documented_once() -> None:
    """The catalogue has an entry for each event."""
    assert set(Event) == CATALOGUE.keys()


@pytest.mark.parametrize("event", Event)
def test_each_entry_is_complete(event: Event) -> None:
    """An entry says what happened and what to do, in sentences, with fields of the vocabulary."""
    spec = CATALOGUE[event]

    assert re.fullmatch(r"[a-z]+\.[a-z]+", event)
    assert spec.means.endswith(".")
    assert spec.does.endswith(".")
    assert set(spec.fields) <= FIELDS.keys()
    assert len(set(spec.fields)) == len(spec.fields)
    assert COMMON.keys().isdisjoint(spec.fields)


@pytest.mark.parametrize(
    "event", [event for event, spec in CATALOGUE.items() if spec.level is Level.ERROR]
)
def test_an_error_always_says_what_to_do(event: Event) -> None:
    """Nobody is woken by an event that asks for nothing."""
    assert CATALOGUE[event].does != "Nothing."


def test_no_field_is_left_over_or_in_the_way() -> None:
    """The vocabulary holds no unused word and none that a log line needs for itself."""
    used = {name for spec in CATALOGUE.values() for name in spec.fields} | COMMON.keys()

    assert used == FIELDS.keys()
    assert FIELDS.keys().isdisjoint({"timestamp", "level", "event", "exception"})


def test_only_commands_that_exist_are_named() -> None:
    named = set(re.findall(r"`rotator ([a-z-]+)", reference()))

    assert named <= COMMANDS
    assert named


def test_key_fields_are_declared() -> None:
    """Which fields hold key ids is said in the vocabulary, so that masking asks no name."""
    declared = {name for name, field in FIELDS.items() if field.is_key}

    assert declared == {
        "access_key_id",
        "predecessor",
        "successor",
        "leaver",
        "serves",
        "expected",
    }


@pytest.mark.parametrize(
    ("event", "reason", "expected"),
    [
        pytest.param(Event.USER_STOPPED, Reason.FOREIGN_KEY, Level.WARNING, id="an ordinary stop"),
        *(
            pytest.param(Event.USER_STOPPED, reason, Level.ERROR, id=f"stopped: {reason}")
            for reason in sorted(SEVERE)
        ),
        pytest.param(Event.USER_HELD, Reason.BY_HAND, Level.WARNING, id="held by hand"),
        pytest.param(Event.USER_HELD, Reason.USED_AFTER_ALL, Level.ERROR, id="used after all"),
        pytest.param(Event.USER_HELD, "used_after_all", Level.ERROR, id="the reason as a word"),
        pytest.param(
            Event.USER_RELEASED, Reason.USED_AFTER_ALL, Level.INFO, id="the end of it is no error"
        ),
        pytest.param(Event.DECISION_MADE, Reason.QUARANTINED, Level.DEBUG, id="only a decision"),
        pytest.param(Event.KEY_DELETED, None, Level.INFO, id="no reason at all"),
        pytest.param(Event.STORE_FAILED, None, Level.ERROR, id="what keeps us from working"),
    ],
)
def test_level(event: Event, reason: str | None, expected: Level) -> None:
    """A severe reason makes an error of what tells of a stop or a hold."""
    actual = level_of(event, {"reason": reason})

    assert expected == actual


def test_common_and_listed_fields_pass() -> None:
    """What is common, and what the event lists, may be given."""
    check_fields(Event.KEY_ISSUED, {"user": "ci", "sweep_id": "s", "successor": "AKIA"})


def test_other_fields_are_named_in_the_error() -> None:
    """A field that the event does not list is a mistake, and the message says which."""
    with pytest.raises(UndocumentedField, match=r"^key\.issued has no field gate, sucessor$"):
        check_fields(Event.KEY_ISSUED, {"sucessor": "AKIA", "gate": "hold", "user": "ci"})


def test_the_page_is_what_the_code_says() -> None:
    """docs/events.md is written from the catalogue, never by hand."""
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "write it anew: python -m rotator.events > docs/events.md"
    )


def test_the_page_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """One command writes the page."""
    runpy.run_module("rotator.events", run_name="__main__")

    assert capsys.readouterr().out == reference()
