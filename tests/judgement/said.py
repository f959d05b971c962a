"""What people read, word for word: each row of a table with the sentences that it comes to.

`sentences.txt` stands beside the tables, so that a sentence that changes is read in the review.
It is written anew by `WRITE_SENTENCES=1 pytest -n 0 tests/judgement`.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TypeVar

__all__ = ["SENTENCES", "told", "written"]

SENTENCES = Path(__file__).with_name("sentences.txt")
_FOLDER = "tests/judgement/"
_NEW: dict[str, list[str]] = {}

T = TypeVar("T")


def told(said: T) -> T:
    """What was answered, once its sentence is found to be the one on record for this test."""
    if hasattr(said, "message"):
        assert isinstance(said.message, str), "every action has its sentence"
        if said.message:
            _compare(f"{_tagged(said)}: {said.message}")
    return said


def _tagged(said: object) -> str:
    """What an action is, and what else it tells: until when, whose order it answers."""
    facts = [str(getattr(said, "reason", ""))]
    for name in ("until", "order_id", "supersedes"):
        value = getattr(said, name, None)
        if value:
            facts.append(
                f"{name} {value:%Y-%m-%d %H:%M:%S}" if name == "until" else f"{name} {value}"
            )
    return " ".join([type(said).__name__, *facts])


def _compare(message: str) -> None:
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0].removeprefix(_FOLDER)
    if not test:
        return  # a table is being made
    if os.environ.get("WRITE_SENTENCES"):
        sentences = _NEW.setdefault(test, [])
        if message not in sentences:
            sentences.append(message)
        return
    assert message in written().get(test, []), f"no such sentence is on record: {message!r}"


@cache
def written() -> dict[str, list[str]]:
    """The sentences on record, by the tests that come to them."""
    found: dict[str, list[str]] = {}
    test = ""
    for line in SENTENCES.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            found[test].append(line.strip())
        elif line:
            test = line
            found[test] = []
    return found


def write() -> None:
    """Put down what was told in this run, with what is on record of tests that were not run."""
    blocks = {**written(), **_NEW} if SENTENCES.exists() else _NEW
    text = "".join(
        f"{test}\n" + "".join(f"    {sentence}\n" for sentence in sentences)
        for test, sentences in sorted(blocks.items())
    )
    SENTENCES.write_text(text, encoding="utf-8")
