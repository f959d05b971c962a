"""The page of commands, and the promise that a sentence names only commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rotator
from rotator.cli import commands
from rotator.cli.parser import make_parser
from rotator.cli.reference import reference
from rotator.cli.surface import COMMANDS, STEPS
from rotator.model import Step

PACKAGE = Path(rotator.__file__).parent
DOCS = PACKAGE.parent / "docs"
NAMES = {command.name for command in COMMANDS}


def test_page_is_what_the_code_says() -> None:
    """Whoever changes the command line writes the page again: `python -m rotator.cli.reference`."""
    assert (DOCS / "commands.md").read_text(encoding="utf-8") == reference()


def test_every_command_is_run_by_something() -> None:
    """Each command of the surface has its function; `credentials` is run before any is loaded."""
    assert set(commands.COMMANDS) | {"credentials"} == NAMES


def test_steps_are_those_of_the_model() -> None:
    """The steps are spelled out so that the parser need not load the model."""
    assert tuple(Step) == STEPS


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` of each command prints its sentence."""
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args([command, "--help"])

    assert ended.value.code == 0
    assert f"usage: rotator {command}" in capsys.readouterr().out


def test_sentences_name_only_commands_that_exist() -> None:
    """What a message tells people to type can be typed."""
    named: dict[str, set[str]] = {}
    pages = [*PACKAGE.rglob("*.py"), *DOCS.glob("*.md"), *PACKAGE.parent.glob("*.md")]
    for path in pages:
        for word in re.findall(r"rotator ([a-z]+) ", _typed(path.read_text(encoding="utf-8"))):
            named.setdefault(word, set()).add(path.name)

    assert {word: named[word] for word in named.keys() - NAMES} == {}


def _typed(text: str) -> str:
    """What stands in backquotes, and what follows `type:`."""
    quoted = re.findall(r"`([^`\n]+)`", text)
    return "\n".join(f"{part} " for part in [*quoted, *re.findall(r"type: ([^\"\n]+)", text)])
