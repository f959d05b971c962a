"""Every single fault of every way, and a slice of the pairs and of the schedules.

`make faults` lives all of them. The slice is another one each time: LIVES_SLICE is its seed, and a
life that breaks a promise is named by the line with which it is lived again:

    python -m tests.faults --replay "LINE"
"""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.faults import __main__ as command
from tests.faults.lives import SPANS, STOPS
from tests.faults.matrix import (
    OF_REQUESTS,
    SCHEDULES,
    SINGLES,
    WITH_COMMITS,
    Came,
    Task,
    come_of,
    effects_of,
    faults_at,
    live,
    tasks_of,
)
from tests.faults.ways import WAYS
from tests.simulation.monitor import Broken

if TYPE_CHECKING:
    from rotator.model import User
    from tests.simulation.world import World

pytestmark = pytest.mark.timeout(900)
"""Hundreds of lives in each test."""

PAIRS = 16
"""So many pairs of each way are lived through in one run of the tests, and their first halves."""

HELD = 12
"""And so many schedules."""


def of(way: str) -> Random:
    """What chooses the slice of a way in this run."""
    return Random(f"{os.environ.get('LIVES_SLICE', '')} {way}")


def total(*came: Came) -> Came:
    """What came of several tasks."""
    whole = Came("")
    for one in came:
        whole.add(one)
    return whole


@pytest.mark.parametrize("way", WAYS)
def test_every_single_fault_is_survived(way: str) -> None:
    """Whatever request or commit is struck, and how: the promises hold, and it ends well."""
    came = total(*(come_of(task) for task in tasks_of(way, [SINGLES])))

    assert came.broken == []
    assert came.counts[SINGLES] == sum(len(faults_at(name)) for name in effects_of(way))


@pytest.mark.parametrize("way", WAYS)
def test_pairs_of_faults_are_survived(way: str) -> None:
    """A second fault, of a request or a commit, at any effect after the first."""
    chance, effects, came = of(way), effects_of(way), Came(way)
    for _ in range(PAIRS):
        number = chance.randrange(len(effects))
        task = Task(way, number, chance.choice(faults_at(effects[number])))
        task.with_one_more(came, chance)

    assert came.broken == []
    assert came.counts[SINGLES] == PAIRS
    assert came.counts[OF_REQUESTS] + came.counts[WITH_COMMITS] > PAIRS / 2


@pytest.mark.parametrize("way", WAYS)
def test_two_holders_harm_nothing(way: str) -> None:
    """One is frozen, the other takes some steps, and then the first goes on with its late one."""
    chance, effects, came = of(way), effects_of(way), Came(way)
    for _ in range(HELD):
        task = Task(way, chance.randrange(len(effects)), span=chance.choice(SPANS))
        task.held_twice(came, chance.randrange(len(effects)))

    assert came.broken == []
    assert came.counts[SCHEDULES] == HELD


def _sees_it_die(world: World, _user: User) -> bool:
    if world.deaths:
        raise Broken("P0: it died")
    return False


def test_a_life_that_breaks_a_promise_is_told_with_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line lives that very life again; the others are lived, and the run ends with 1."""
    monkeypatch.setitem(WAYS, "a mortal's", replace(WAYS["a first key"], person=_sees_it_die))
    line = "a mortal's | 2 killed after it"

    ends = command.main(["--way", "a mortal's", "--kind", SINGLES, "--workers", "1"])

    assert ends == 1
    out = capsys.readouterr().out
    assert f"broken: {line}\n    Broken: P0: it died\n" in out
    with pytest.raises(Broken, match="it died"):
        live(line)
    died = 2 * len(effects_of("a mortal's"))
    lives = sum(len(faults_at(name)) for name in effects_of("a mortal's"))
    assert f"{lives} lives in" in out
    assert f"{died} broke a promise" in out


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("a first key | 3 killed after it, 7 no answer, and done", id="two faults"),
        pytest.param("a first key | nothing goes wrong", id="none"),
        pytest.param(
            "a first key | held twice: 5 frozen for 300 s, the other takes 2 steps",
            id="two holders",
        ),
    ],
)
def test_a_life_is_lived_again_by_its_line(line: str) -> None:
    """The same effects are attempted, in the same order."""
    assert live(line) == live(line)


@pytest.mark.parametrize(
    "line",
    ["no way | 3 killed after it", "a first key", "a first key | 3 wounded", "a first key | held"],
)
def test_a_line_that_names_no_life_is_refused(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a sentence."""
    with pytest.raises(SystemExit):
        command.main(["--replay", line])

    assert "error: " in capsys.readouterr().err


def test_the_second_holder_stops_after_its_steps() -> None:
    """Frozen before it creates a key: the other looks, notes what it saw, and waits."""
    number = effects_of("a first key").index("CreateAccessKey")
    held = f"a first key | held twice: {number} frozen for 300 s, the other takes"

    stopped = [STOPS in live(f"{held} {steps} steps") for steps in range(6)]

    assert stopped == [True, True, True, True, False, False]
