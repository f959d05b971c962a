"""Mutates the judgement, function by function, and holds the survivors against their explanations.

`make teeth` runs it with mutmut's operators: every constant, operator, condition, argument and
assignment of every function is changed in turn, and a test has to go red. What survives has to be
explained in `survivors.toml`, by what stands there and what stood there instead; an explanation
whose mutant does not survive any more is as wrong as a survivor without one.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

__all__ = ["Mutant", "main"]

ROOT = Path(__file__).parents[2]
TREE = ROOT / "mutants"
JUDGEMENT = Path("rotator/judgement")
EXPLAINED = Path(__file__).with_name("survivors.toml")
COPIED = ("rotator", "tests", "docs")
KEPT_FILES = ("pyproject.toml", "README.md", "CHANGELOG.md", "Makefile")
TESTS = (
    "tests/judgement",
    "-m",
    "not slow",
    "--ignore=tests/judgement/test_teeth.py",
    "--ignore=tests/judgement/test_sentences.py",
    "--ignore=tests/judgement/test_small_worlds.py",
)
LOCAL = "from tests.teeth.trampoline import wrapped as _mutmut_mutated\nMutantDict = dict\n"
KILLED_MIN = 95
"""Percent, of what decides."""

LOOK_AHEAD = frozenset({"ahead", "foreseen", "habits", "outlook", "turns"})
"""What plays a calendar forward on paper. It decides nothing: what it foretells is held against
whole lives by `tests/reconcile/test_each_way_ahead.py`, too slow for thousands of mutants. `make
teeth` leaves it out; named, these modules are mutated like the others."""

Key = tuple[str, str, str]

THEIRS = (
    "from mutmut.mutation.trampoline import wrap_in_trampoline as _mutmut_mutated, MutantDict\n"
)


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One change of one function: what stood there, and what stands there now."""

    function: str
    was: str
    now: str
    name: str

    @property
    def key(self) -> Key:
        """What tells it from others, and stays the same where other lines change."""
        return self.function, self.was, self.now

    @property
    def module(self) -> str:
        """In which module of the judgement it is."""
        return module_of(self.function)


def module_of(function: str) -> str:
    """The module of a function that is named with its package."""
    return function.split(".")[2]


def mutate(module: Path) -> list[Mutant]:
    """Write the module with all of its mutants into the tree, and tell of each."""
    from mutmut.mutation.file_mutation import (  # noqa: PLC0415 - linters run without mutmut
        mutate_file_contents,
    )

    source = (ROOT / module).read_text(encoding="utf-8")
    made = mutate_file_contents(str(module), source)
    code = made.code.replace(THEIRS, LOCAL, 1)
    assert not made.mutant_names or LOCAL in code, f"{module}: mutmut imports its trampoline anew"
    (TREE / module).write_text(code, encoding="utf-8")
    bodies = {
        node.name: _body(node)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name
    }
    dotted = ".".join(module.with_suffix("").parts)
    return [_told(dotted, name, bodies) for name in made.mutant_names]


def _body(node: ast.FunctionDef) -> list[str]:
    node.name, node.decorator_list = "f", []
    return ast.unparse(node).splitlines()


def _told(module: str, name: str, bodies: dict[str, list[str]]) -> Mutant:
    mangled, _, _ = name.partition("__mutmut_")
    before, after = bodies[f"{mangled}__mutmut_orig"], bodies[name]
    lines = list(difflib.ndiff(before, after))
    was = "\n".join(line[2:].strip() for line in lines if line.startswith("- "))
    now = "\n".join(line[2:].strip() for line in lines if line.startswith("+ "))
    qualified = mangled.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    return Mutant(f"{module}.{qualified}", was, now, name)


def make_tree(modules: list[Path], abreast: int) -> list[Mutant]:
    """A copy of the project in which these modules are their mutants."""
    shutil.rmtree(TREE, ignore_errors=True)
    for folder in COPIED:
        shutil.copytree(ROOT / folder, TREE / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in KEPT_FILES:
        shutil.copy(ROOT / file, TREE / file)
    with ProcessPoolExecutor(abreast) as pool:
        return [mutant for made in pool.map(mutate, modules) for mutant in made]


def run(mutants: list[Mutant], abreast: int) -> dict[Mutant, str | None]:
    """Who killed each mutant; None: it survived."""
    with tempfile.TemporaryDirectory(prefix="rotator-teeth-") as scratch:
        plan = Path(scratch) / "plan.json"
        asked = [{"function": m.function, "mutant": m.name} for m in mutants]
        plan.write_text(json.dumps({"mutants": asked, "abreast": abreast, "tests": TESTS}))
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        subprocess.run(
            [sys.executable, "-m", "tests.teeth.running", str(plan)],
            cwd=TREE,
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        told: list[dict[str, Any]] = json.loads(plan.with_name("outcomes.json").read_text())
    return {mutant: outcome["killer"] for mutant, outcome in zip(mutants, told, strict=True)}


def explained() -> dict[Key, str]:
    """Why each survivor that is known survives."""
    rows = tomllib.loads(EXPLAINED.read_text(encoding="utf-8")).get("survivor", [])
    return {(row["function"], row["was"], row["now"]): row["why"] for row in rows}


def as_toml(mutant: Mutant, why: str) -> str:
    """One survivor as it stands in the file."""
    told = {"function": mutant.function, "was": mutant.was, "now": mutant.now, "why": why}
    lines = [f"{field} = {json.dumps(text, ensure_ascii=False)}" for field, text in told.items()]
    return "\n".join(["[[survivor]]", *lines]) + "\n"


def complaints(
    mutants: list[Mutant], killers: dict[Mutant, str | None], why: dict[Key, str]
) -> list[str]:
    """Survivors without an explanation, and explanations without a survivor.

    Where only some modules, or a sample, were run, nothing is said of the others.
    """
    survivors = {mutant.key: mutant for mutant, killer in killers.items() if killer is None}
    modules = {mutant.module for mutant in mutants}
    there = {mutant.key for mutant in mutants}
    dead = {mutant.key: killer for mutant, killer in killers.items() if killer is not None}
    found = [
        f"survives and is not explained:\n{as_toml(survivors[key], '')}"
        for key in sorted(survivors.keys() - why.keys())
    ]
    for key in sorted(why):
        if module_of(key[0]) in modules and key not in there:
            found.append(f"is explained, and no such mutant is made: {key}")
        elif key in dead and key not in survivors:
            found.append(f"is explained, and does not survive: {key}, killed by {dead[key]}")
    return found


def main() -> int:
    """Mutate, run, compare; 1 where a survivor or an explanation stands alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="of rotator/judgement, by name; none: all")
    parser.add_argument("--abreast", type=int, default=2)
    parser.add_argument("--outcomes", type=Path, help="write who killed which into this file")
    parser.add_argument("--again", type=Path, help="only what survived in these outcomes")
    arguments = parser.parse_args()
    began = monotonic()
    there = {path.stem for path in (ROOT / JUDGEMENT).glob("[!_]*.py")}
    names = arguments.modules or sorted(there - LOOK_AHEAD)
    mutants = make_tree([JUDGEMENT / f"{name}.py" for name in names], arguments.abreast)
    if arguments.again:
        before = json.loads(arguments.again.read_text(encoding="utf-8"))
        survived = {tuple(row[:3]) for row in before if row[3] is None}
        mutants = [mutant for mutant in mutants if mutant.key in survived]
    killers = run(mutants, arguments.abreast)
    if arguments.outcomes:
        rows = [[*m.key, killer] for m, killer in killers.items()]
        arguments.outcomes.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    why = explained()
    found = complaints(mutants, killers, why)
    print("\n".join(found))
    print(_table(killers))
    killed = sum(killer is not None for killer in killers.values())
    share = 100 * killed / len(killers)
    minutes = (monotonic() - began) / 60
    print(
        f"{len(killers)} mutants of the judgement, {killed} killed ({share:.1f} %),"
        f" {len(killers) - killed} survive, {len(found)} not as explained; {minutes:.1f} min"
    )
    is_whole = not arguments.again
    return 1 if found or (is_whole and share < KILLED_MIN) else 0


def _table(killers: dict[Mutant, str | None]) -> str:
    made = Counter(mutant.module for mutant in killers)
    alive = Counter(mutant.module for mutant, killer in killers.items() if killer is None)
    return "\n".join(
        f"{module:>14} {made[module]:>5} mutants {alive[module]:>4} survive"
        for module in sorted(made)
    )


if __name__ == "__main__":
    sys.exit(main())
