"""What the judgement says in situations that have something of their own, word for word.

`situations.txt` names each by its parts and holds the answers to what is asked of it. It is written
anew by `WRITE_SENTENCES=1 pytest -n 0 tests/judgement/test_situations.py`, and read in the review.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.judgement.situations import ASKED, case_of, named, parts_of

TABLE = Path(__file__).with_name("situations.txt")


def situations() -> dict[str, dict[str, str]]:
    """Each situation with what is asked of it, and the answers on record."""
    found: dict[str, dict[str, str]] = {}
    answers: dict[str, str] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            question, _, answer = line.strip().partition(": ")
            answers[question.rstrip(":")] = answer
        elif line:
            answers = found[line] = {}
    return found


@pytest.mark.parametrize("situation", situations())
def test_situation(situation: str) -> None:
    """What is on record is what is said now."""
    expected = situations()[situation]
    case = case_of(parts_of(situation))

    assert situation == named(parts_of(situation))
    actual = {question: ASKED[question](case) for question in expected}
    assert expected
    assert expected == actual or os.environ.get("WRITE_SENTENCES")
    if expected != actual:
        write(situations() | {situation: actual})


def write(table: dict[str, dict[str, str]]) -> None:
    """Put down the answers of now."""
    text = "".join(
        f"{situation}\n" + "".join(f"    {asked}: {answer}\n" for asked, answer in answers.items())
        for situation, answers in sorted(table.items())
    )
    TABLE.write_text(text, encoding="utf-8")
