"""What people are told to type exists."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from rotator.cli.parser import make_parser

SOURCES = sorted((Path(__file__).parents[2] / "rotator").rglob("*.py"))
_JOINED = re.compile(r"\"\s*\n\s*f?\"")
_COMMAND = re.compile(r"`rotator ([a-z][a-z ]*?)(?= [^a-z]|`)((?: [^`]*)?)`")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def commands_of(source: Path) -> list[tuple[str, set[str]]]:
    """Each command that a sentence of this file names, and its options."""
    text = _JOINED.sub("", source.read_text(encoding="utf-8"))
    return [(name, set(_OPTION.findall(rest))) for name, rest in _COMMAND.findall(text)]


def known() -> dict[str, set[str]]:
    """Every command of the parser with its options."""
    (chosen,) = (a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return {name: set(parser._option_string_actions) for name, parser in chosen.choices.items()}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_commands_in_sentences_exist(source: Path) -> None:
    """Whoever types what a sentence says is understood: the command, and each of its options."""
    there = known()
    for name, options in commands_of(source):
        command = name.split()[0]
        assert command in there
        assert options <= there[command], command


def test_the_search_finds_what_it_is_for() -> None:
    """The sentences of a conflict are among what is found."""
    found = [c for source in SOURCES for c in commands_of(source) if c[0] == "deliver"]

    assert any("--from" in options for _, options in found)
