"""Mutants of the judgement: a module's own source with one piece replaced, and who notices.

A piece that is not found, or found twice, fails the test, so that no mutant rots. What notices is
the small worlds, or a row of a table: that of the test which holds the function.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

from rotator.model import Title
from tests.judgement import (
    test_delivering,
    test_doubt,
    test_judge,
    test_late,
    test_leaving,
    test_may_go,
    test_noticing,
    test_patience,
    test_presence,
    test_unanswered_create,
)
from tests.judgement.small_worlds import broken, small_worlds
from tests.judgement.worlds import OTHER, a_case, a_key, a_place, old_key, stripped
from tests.judgement.worlds import leaving as a_leaving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from rotator.model import Action, Case

__all__ = ["TABLES", "by_a_waived_world", "by_small_worlds", "by_tables", "mutated"]


def mutated(folder: Path, module_name: str, piece: str, instead: str) -> ModuleType:
    """The module with its piece replaced, loaded beside the real one."""
    real = import_module(f"rotator.judgement.{module_name}")
    assert real.__file__ is not None
    source = Path(real.__file__).read_text(encoding="utf-8")
    assert source.count(piece) == 1, f"{module_name} has not exactly one {piece!r}"
    name = f"mutant_of_{module_name}"
    path = folder / f"{name}.py"
    path.write_text(source.replace(piece, instead), encoding="utf-8")
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their own module up while they are made
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


def rows(test: Callable[..., None]) -> Iterator[tuple[str, tuple[object, ...]]]:
    """The rows of a table, each by its sentence."""
    (mark,) = (mark for mark in test.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined] # pytest puts it there
    for row in mark.args[1]:
        yield row.id, row.values


def asked(ask: Callable[..., object], *arguments: object) -> object:
    """What it answers, or that it fails."""
    try:
        return ask(*arguments)
    except (AssertionError, AttributeError, KeyError, TypeError) as exc:
        return f"{type(exc).__name__} was raised"


def by_small_worlds(judge: Callable[[Case], Action]) -> str | None:
    """The first small world in which a promise is broken."""
    for small in small_worlds():
        action = asked(judge, small.case)
        why = action if isinstance(action, str) else broken(small.case, action)  # type: ignore[arg-type] # an action
        if why:
            return f"small world: {why}: {small}"
    return None


TABLES: dict[str, tuple[str, tuple[Callable[..., None], ...]]] = {
    "judge": (
        "judge",
        (
            test_judge.test_the_first_line_that_holds_decides,
            test_judge.test_the_end,
            test_doubt.test_a_hard_doubt_stops_everything,
            test_doubt.test_a_soft_doubt_stops_all_but_what_mends,
            test_leaving.test_leaving_step_by_step,
        ),
    ),
    "may_go": ("leaving", (test_may_go.test_may_go,)),
    "title_of": ("leaving", (test_may_go.test_title_of,)),
    "patient": ("leaving", (test_patience.test_patient,)),
    "rested": ("leaving", (test_leaving.test_rested,)),
    "may_have": ("presence", (test_presence.test_may_have,)),
    "unanswered_create": (
        "delivering",
        (test_unanswered_create.test_a_create_without_an_answer,),
    ),
    "lost_secret": ("delivering", (test_delivering.test_lost_secret,)),
    "late_evidence": (
        "late",
        (
            test_late.test_used_after_all,
            test_late.test_successor_gone,
            test_late.test_drift,
            test_late.test_an_orphan_in_use_is_no_orphan,
        ),
    ),
    "noticed": (
        "noticing",
        (test_noticing.test_switched_off_is_noted, test_noticing.test_switched_on_is_noted),
    ),
}
"""In which module a function is, and which tables hold it."""


def by_tables(name: str, function: Callable[..., object]) -> str | None:
    """The first row of the function's tables that goes red."""
    for table in TABLES[name][1]:
        for sentence, values in rows(table):
            if not _holds(name, function, values):
                return f"{table.__module__.rpartition('.')[2]}::{table.__name__}[{sentence}]"
    return None


def _holds(name: str, function: Callable[..., object], values: tuple[object, ...]) -> bool:
    """Whether one row is green: what its test asserts, with the function put in."""
    world: Case = values[0]  # type: ignore[assignment] # the first column of these tables
    if name == "judge" and len(values) == 3:
        action = asked(function, world)
        return (type(action), getattr(action, "reason", None)) == values[1:]
    match name:
        case "may_go":
            key = world.key(world.open.leaving) or a_key(OTHER)
            return asked(function, world, key) is values[1]
        case "title_of":
            return asked(function, world, a_key(str(values[1]))) == values[2]
        case "patient" | "rested":
            answer = asked(function, world, test_leaving.leaver_of(world))
        case "may_have":
            return asked(function, *values[:2], test_presence.the_world()) is values[2]
        case _:
            answer = asked(function, world)
    return not isinstance(answer, str) and stripped(answer) == values[1]  # type: ignore[arg-type] # an action


def by_a_waived_world(may_go: Callable[..., object]) -> str | None:
    """The table of waivers, for a title whose order may waive P1."""
    for now in (True, False):
        world = a_case(
            old_key(),
            rotation=a_leaving(Title.NAMED, old_key().key_id, now=now),
            places=(a_place(),),
        )
        if asked(may_go, world, old_key()) is not now:
            word = "waived" if now else "not waived"
            return f"test_may_go::test_a_word_waives_p1_where_the_title_lets_it[{word}]"
    return None
