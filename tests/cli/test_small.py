"""`validate`, `sinks` and `demo`."""

from __future__ import annotations

import importlib.util
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rotator.cli import small
from rotator.demo import show
from rotator.sinks import _Installed

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from tests.cli.conftest import Program


def test_validate(program: Program) -> None:
    """A valid configuration is told in one line; doubts are warnings where they stand."""
    answer = program("validate")

    assert (answer.status, answer.out) == (
        0,
        f"{program.config} is valid: policies ci; accounts prod\n",
    )
    assert f"{program.config}:6:" in answer.err
    assert ": warning: `quiet_period` " in answer.err


def test_validate_as_a_document(program: Program) -> None:
    """Scripts get policies, accounts and warnings; nothing needs a store or AWS."""
    document = program.json("validate")

    assert document["valid"] is True
    assert (document["policies"], document["accounts"], document["errors"]) == (
        ["ci"],
        ["prod"],
        [],
    )
    assert {"file", "line", "column", "sentence"} == document["warnings"][0].keys()


def test_listen_is_what_the_call_says(program: Program) -> None:
    """An address on the command line is valid in place of the file's."""
    assert program("--listen", "[::1]:0", "validate").status == 0


def test_sinks(program: Program) -> None:
    """The sinks with their package, format and options."""
    document = program.json("sinks")
    text = program("sinks").out

    assert [(sink["type"], sink["default_format"]) for sink in document["sinks"]] == [
        ("file", "json"),
        ("secretsmanager", "json"),
        ("ssm", "json"),
        ("vault", "json"),
    ]
    assert "path" in document["sinks"][0]["options"]
    assert text.startswith("TYPE ")


def test_a_sink_that_cannot_be_loaded_is_told(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken plugin hides no other sink."""
    broken = EntryPoint("broken", "no.such.module:Sink", "rotator.sinks")
    file = EntryPoint("file", "rotator.sinks.file:FileSink", "rotator.sinks")
    monkeypatch.setattr(small, "installed", lambda: _Installed({"broken": broken, "file": file}))
    answer = program("--json", "sinks")

    assert answer.status == 1
    assert [sink["type"] for sink in answer.document["sinks"]] == ["file"]
    assert "the sink 'broken' of this package cannot be loaded" in answer.document["errors"][0]
    assert answer.document["errors"][0] in answer.err


def test_demo_says_what_it_needs(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without moto there is a sentence, and 2."""
    found = importlib.util.find_spec

    def without_moto(name: str) -> ModuleSpec | None:
        return None if name == "moto" else found(name)

    monkeypatch.setattr(importlib.util, "find_spec", without_moto)
    answer = program("demo")

    assert (answer.status, answer.err) == (
        2,
        "rotator: the demo needs moto: install rotator with its extra `demo`\n",
    )


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], (False, None)),
        (["--keep", "--folder", "there"], (True, Path("there"))),
    ],
)
def test_demo_is_started_as_asked(
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    expected: tuple[bool, Path | None],
) -> None:
    """The options reach the show, and its status is the command's."""
    shown: list[tuple[bool, Path | None]] = []

    def play(*, keep: bool, folder: Path | None) -> int:
        shown.append((keep, folder))
        return 1

    monkeypatch.setattr(show, "main", play)

    assert (program("demo", *argv).status, shown) == (1, [expected])
