"""The soak itself: it finds what is broken, shrinks it, and replays it from one line."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

from rotator.judgement import judge as judgement
from tests.simulation.monitor import Broken
from tests.soak import __main__ as soak
from tests.soak.rules import RULES
from tests.soak.scripts import Figures, Script, Step, drawn, played, smallest

if TYPE_CHECKING:
    import pytest

    from rotator.model import AccessKey, Case

SLICE = 3
"""Worlds in each run of the tests; `make soak` lives through hundreds."""


def at_random(case: Case, key: AccessKey) -> bool:
    """A guard that lets everything through."""
    del case, key
    return True


def test_the_same_script_comes_to_the_same() -> None:
    """One seed replays everything: which faults struck what, and how each life ended."""
    first, again = played(drawn(5, 1, 6)), played(drawn(5, 1, 6))

    assert first == again
    assert sum(first.lives.values()) > 0


def test_a_seed_and_a_number_draw_one_script() -> None:
    """Every rule is within reach, and another number is another world."""
    scripts = [drawn(1, number) for number in range(60)]

    assert drawn(1, 3) == scripts[3]
    assert len(set(scripts)) == len(scripts)
    assert {step.rule for script in scripts for step in script.steps} == set(RULES)


def test_a_script_shrinks_to_what_breaks_it() -> None:
    """What does not matter is left out."""
    bad = Step("days_pass", (("days", 3),))
    script = Script(0, 0, (*drawn(1, 1, 9).steps, bad, *drawn(1, 2, 9).steps))

    assert smallest(script, lambda less: bad in less.steps).steps == (bad,)


def test_a_planted_mistake_is_found_shrunk_and_replayed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A guard without effect breaks P1, and the printed line brings the same breach again."""
    monkeypatch.setattr(soak, "drawn", lambda seed, number: drawn(seed, number, 6))
    monkeypatch.setattr(judgement, "patient", lambda _case, _key: None)
    monkeypatch.setattr(judgement, "may_go", at_random)
    seed, number, why = next(
        (7, number, why) for number in range(20) if isinstance(why := soak._outcome(7, number), str)
    )

    assert soak.main(["--seed", str(seed), "--world", str(number)]) == 1

    told = capsys.readouterr().out
    assert why in told
    assert soak.replay_line(seed, number) in told
    smallest_told = told.partition("the smallest")[2]
    assert smallest_told.count("(") < told.partition("shrinking")[0].count("(")


def test_a_slice_of_the_soak_keeps_every_promise() -> None:
    """Another seed each time; what breaks is replayed by the line that is printed."""
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(10**6))
    total = Figures()
    for number in range(SLICE):
        print(soak.replay_line(seed, number))  # noqa: T201 - what replays it
        try:
            total.add(played(drawn(seed, number)))
        except Broken as exc:
            exc.add_note(soak.replay_line(seed, number))
            raise

    print(f"{sum(total.lives.values())} lives, {total.deaths} processes killed")  # noqa: T201
    assert sum(total.lives.values()) > 0
