"""Breaks the product in a copy of its own, one mistake at a time, and says which test noticed.

`python -m tests.teeth.breaking` goes through all; it fails where a mistake is not noticed, where
its piece of source is not there exactly once, and where its tests are not green without it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from tests.teeth.product import MISTAKES, Mistake

__all__ = ["Verdict", "main"]

ROOT = Path(__file__).parents[2]
COPIED = ("rotator", "tests", "docs", "examples", "requirements")
OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov")
RED = 1
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?::.+?)(?: - |$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one mistake: who noticed, or why that is not enough."""

    mistake: Mistake
    noticed_by: str | None
    why: str
    seconds: float

    def __str__(self) -> str:
        said = self.noticed_by or f"NOT NOTICED: {self.why}"
        return f"{self.mistake.what} | {self.mistake.file} | {said} | {self.seconds:.1f} s"


def copied(folder: Path) -> Path:
    """A copy of the project in a folder of its own."""
    tree = folder / "tree"
    for name in COPIED:
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, tree / file.name)
    return tree


def run(tree: Path, tests: list[str]) -> tuple[int, str]:
    """Run tests in a tree; their exit code and what they said."""
    inherited = {name: value for name, value in os.environ.items() if name != "LIVES_SLICE"}
    environment = inherited | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, *tests],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def broken(tree: Path, mistake: Mistake) -> Verdict:
    """Make one mistake, run its tests, and put the source back as it was."""
    began = monotonic()
    file = tree / "rotator" / mistake.file
    source = file.read_text(encoding="utf-8")
    if (times := source.count(mistake.piece)) != 1:
        return Verdict(mistake, None, f"its piece is there {times} times", 0)
    file.write_text(source.replace(mistake.piece, mistake.instead), encoding="utf-8")
    try:
        code, said = run(tree, list(mistake.tests))
    finally:
        file.write_text(source, encoding="utf-8")
    seconds = monotonic() - began
    found = _FAILED.search(said)
    if code != RED or found is None:
        return Verdict(mistake, None, f"pytest ended with {code}:\n{said[-2000:]}", seconds)
    return Verdict(mistake, found.group(1), "", seconds)


def go_through(mistakes: list[Mistake], abreast: int) -> list[Verdict]:
    """All of these mistakes, each in a tree that nobody else changes meanwhile."""
    with tempfile.TemporaryDirectory(prefix="rotator-teeth-") as folder:
        free: SimpleQueue[Path] = SimpleQueue()
        for number in range(abreast):
            free.put(copied(Path(folder) / str(number)))

        def one(mistake: Mistake) -> Verdict:
            tree = free.get()
            try:
                verdict = broken(tree, mistake)
            finally:
                free.put(tree)
            print(verdict, flush=True)
            return verdict

        with ThreadPoolExecutor(abreast) as pool:
            return list(pool.map(one, mistakes))


def main() -> int:
    """Go through the mistakes that are asked for; 1 where one is not noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--abreast", type=int, default=2)
    parser.add_argument("only", nargs="*", help="those whose sentence or file holds one of these")
    arguments = parser.parse_args()
    only = arguments.only or [""]
    chosen = [m for m in MISTAKES if any(part in f"{m.what} {m.file}" for part in only)]
    began = monotonic()
    with tempfile.TemporaryDirectory(prefix="rotator-teeth-") as folder:
        code, said = run(copied(Path(folder)), sorted({t for m in chosen for t in m.tests}))
    if code:
        print(f"the tests are not green without any mistake:\n{said[-4000:]}")
        return 1
    verdicts = go_through(chosen, arguments.abreast)
    missed = [verdict for verdict in verdicts if verdict.noticed_by is None]
    seconds = monotonic() - began
    print(f"{len(verdicts)} mistakes, {len(missed)} not noticed, {seconds / 60:.1f} min")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
