"""Runs the tests over every mutant of a tree: one collection, then one forked process a mutant.

Started by `tests.teeth.mutation` inside the tree of mutants: `python -m tests.teeth.running PLAN`.
A mutant meets only the tests that reach its function, those that killed one of its siblings first;
the first that fails has killed it. Whatever runs into the limit of CPU seconds is killed as well.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.teeth.trampoline import REACHED, activate

__all__ = ["Runner"]

CPU_SECONDS = 3
KILLED, SURVIVED = 1, 0


class Runner:
    """A plugin that runs mutants where pytest would run tests.

    Attributes:
        mutants: of each its `function` and its `mutant`; `killer` is written beside them, the test
            that failed, or null.
        abreast: how many processes at once.
    """

    def __init__(self, mutants: list[dict[str, Any]], abreast: int, scratch: Path) -> None:
        self.mutants = mutants
        self.abreast = abreast
        self.scratch = scratch
        self.killers: dict[str, list[str]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Every mutant in turn, in place of the tests."""
        items = {item.nodeid: item for item in session.items}
        reach = self._reach(list(items.values()))
        running: dict[int, dict[str, Any]] = {}
        for number, mutant in enumerate(self.mutants):
            if number % 100 == 0:
                print(f"{number} of {len(self.mutants)} mutants", file=sys.stderr, flush=True)
            if len(running) >= self.abreast:
                self._reap(running)
            tests = self._ordered(mutant["function"], reach)
            running[self._fork(mutant, [items[test] for test in tests])] = mutant
        while running:
            self._reap(running)
        return True

    def _reach(self, items: list[pytest.Item]) -> dict[str, list[str]]:
        """Which functions each test reaches, found in a process that is thrown away."""
        told = self.scratch / "reach.json"
        if (child := os.fork()) == 0:
            reached: dict[str, list[str]] = {}
            for item in items:
                REACHED.clear()
                if (why := _failure(item)) is not None:
                    print(f"{item.nodeid} fails without a mutant: {why}", file=sys.stderr)
                    os._exit(3)
                reached[item.nodeid] = sorted(REACHED)
            told.write_text(json.dumps(reached), encoding="utf-8")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            raise pytest.UsageError("the tests are not green without a mutant")
        reach: dict[str, list[str]] = json.loads(told.read_text(encoding="utf-8"))
        return reach

    def _ordered(self, function: str, reach: dict[str, list[str]]) -> list[str]:
        """The tests that reach a function: recent killers first, then the most particular."""
        tests = [test for test, functions in reach.items() if function in functions]
        killers = self.killers.get(function, [])
        return sorted(tests, key=lambda test: (test not in killers, len(reach[test])))

    def _fork(self, mutant: dict[str, Any], items: list[pytest.Item]) -> int:
        if (child := os.fork()) != 0:
            return child
        seconds = int(process_time()) + CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        activate(mutant["function"], mutant["mutant"])
        for item in items:
            if _failure(item) is not None:
                (self.scratch / str(os.getpid())).write_text(item.nodeid, encoding="utf-8")
                os._exit(KILLED)
        os._exit(SURVIVED)

    def _reap(self, running: dict[int, dict[str, Any]]) -> None:
        child, status = os.wait()
        mutant = running.pop(child)
        note = self.scratch / str(child)
        if status == 0:
            mutant["killer"] = None
        elif os.WIFEXITED(status) and os.WEXITSTATUS(status) == KILLED:
            mutant["killer"] = note.read_text(encoding="utf-8")
            note.unlink()
            killers = self.killers.setdefault(mutant["function"], [])
            if mutant["killer"] not in killers:
                killers.append(mutant["killer"])
        else:
            mutant["killer"] = f"ran for more than {CPU_SECONDS} s"


def _failure(item: pytest.Item) -> str | None:
    """Why a test fails; None: it is green. A row of a table is called as it stands."""
    assert isinstance(item, pytest.Function)
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    if set(item._fixtureinfo.argnames) - set(parameters):
        return _failure_with_fixtures(item)
    os.environ["PYTEST_CURRENT_TEST"] = f"{item.nodeid} (call)"
    try:
        item.obj(**{name: parameters[name] for name in item._fixtureinfo.argnames})
    except (Exception, pytest.fail.Exception) as exc:  # noqa: BLE001 - whatever a mutant raises kills it
        return f"{type(exc).__name__}: {exc}"
    return None


def _failure_with_fixtures(item: pytest.Function) -> str | None:
    item._initrequest()
    reports = runtestprotocol(item, log=False, nextitem=None)
    return next((str(report.longrepr) for report in reports if report.failed), None)


def main() -> int:
    """Read the plan, run it, and write the outcomes beside it."""
    path = Path(sys.argv[1])
    plan = json.loads(path.read_text(encoding="utf-8"))
    runner = Runner(plan["mutants"], plan["abreast"], path.parent)
    options = [
        "-q",
        "-s",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "no:cov",
        "--rootdir=.",
    ]
    code = pytest.main([*options, *plan["tests"]], plugins=[runner])
    if code in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        path.with_name("outcomes.json").write_text(json.dumps(runner.mutants), encoding="utf-8")
        return 0
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
