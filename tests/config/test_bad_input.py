"""Every mistake in a configuration is told where it stands, all at once, in words of our own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rotator.config import load
from rotator.errors import ConfigError
from tests.config.worlds import TABLES, policy, problems

MULTIPLIED = "a: &a [x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdef", "bcdefg", strict=True)
)


def cases() -> list[object]:
    """The cases of `bad_input.txt`: a title, the text, and what is said about it."""
    blocks = re.split(r"(?:^|\n)=== ", (Path(__file__).parent / "bad_input.txt").read_text())[1:]
    return [_case(*block.split("\n", 1)) for block in blocks]


def _case(title: str, rest: str) -> object:
    text, *said = rest.split("---> ")
    return pytest.param(text, [line.strip() for line in said], id=title)


@pytest.mark.parametrize(("text", "expected"), cases())
def test_bad_input(text: str, expected: list[str], tmp_path: Path) -> None:
    """Line and column are 1-based; an unknown field's own place, a missing one's mapping."""
    found = [
        f"{line}:{column}: {sentence}".replace(str(tmp_path), "FOLDER")
        for line, column, sentence in problems(text, tmp_path)
    ]

    assert expected == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "", (1, 1, "the file is empty; it needs at least `policies`"), id="an empty file"
        ),
        pytest.param(
            "policies:\n\t- name: p\n", (2, 1, "a tab; YAML is indented with spaces"), id="a tab"
        ),
        pytest.param(
            "state: \x01\n",
            (1, 8, "a control character; YAML is printable text"),
            id="a control character",
        ),
        pytest.param(
            "x: " + "[" * 60 + "]" * 60, (1, 44, "nested deeper than 40 levels"), id="deep nesting"
        ),
        pytest.param(
            "[" * 5000, (1, 1, "nested deeper than 40 levels"), id="nesting deeper than the stack"
        ),
        pytest.param(
            MULTIPLIED,
            (1, 4, "more than 100000 values, aliases followed"),
            id="aliases that multiply",
        ),
        pytest.param(
            "version: " + "9" * 40 + "\n" + policy(),
            (1, 10, "a number of more than 30 digits"),
            id="a number without end",
        ),
    ],
)
def test_text_that_is_hard_to_print(
    text: str, expected: tuple[int, int, str], tmp_path: Path
) -> None:
    """What an editor would not show, or nobody would write, is refused as plainly."""
    assert [expected] == problems(text, tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "this file does not exist", id="no file"),
        pytest.param(b"\xff\xfe", "this file is not UTF-8 text", id="no text"),
        pytest.param(b"#" * (1 << 20) + b"#", "this file is larger than 1 MiB", id="too large"),
    ],
)
def test_a_file_that_cannot_be_read(content: bytes | None, said: str, tmp_path: Path) -> None:
    """A file that is no text at all is one problem, at its beginning."""
    path = tmp_path / "rotator.yaml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load(path, environ={}, tables=TABLES)

    assert f"{path}:1:1: {said}" == str(caught.value)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """Mistakes of reading, of fields and of sense stand in one list, in order of place."""
    text = policy("max_age: ${NO}\ndescription: 5\nmode: enforce\nmode: observe\nacounts: [x]")

    expected = [
        (2, 5, "a policy that enforces needs `sinks`"),
        (5, 14, "the environment variable `NO` is not set"),
        (6, 18, "`description`: expected text, got 5; put it in quotes"),
        (8, 5, "`mode` is given twice; first in line 7"),
        (9, 5, "`acounts` is not a field of a policy; did you mean `accounts`?"),
    ]

    assert expected == problems(text, tmp_path)
