"""A format's text may stand in a file of its own, which is read with the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.formats import TemplateFormat
from tests.config.worlds import loaded, policy, problems

if TYPE_CHECKING:
    from pathlib import Path

    from rotator.model import Configuration

TEXT = "# {user}\n{access_key_id}\n{secret_access_key}\n\n"
BY_FILE = policy(
    'sinks: [{type: shelf, path: "{user}", format: {type: template, file: texts/key.tmpl}}]'
)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "texts" / "key.tmpl"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


def written(configuration: Configuration) -> str | None:
    fmt = configuration.policies[0].sinks[0].format
    assert isinstance(fmt, TemplateFormat)
    return fmt.template


def test_a_template_may_stand_in_a_file(template: Path, tmp_path: Path) -> None:
    """From the folder of the file that names it, white space and all; a change will be noticed."""
    configuration = loaded(BY_FILE, tmp_path)

    assert written(configuration) == TEXT
    assert str(template) in configuration.files


def test_replicas_agree_on_the_text_and_not_on_where_it_stands(
    template: Path, tmp_path: Path
) -> None:
    inline = policy(
        "sinks:\n  - type: shelf\n    path: '{user}'\n    format:\n      type: template\n"
        '      template: "# {user}\\n{access_key_id}\\n{secret_access_key}\\n\\n"\n'
    )
    by_file = loaded(BY_FILE, tmp_path).digest

    assert by_file == loaded(inline, tmp_path).digest
    template.write_text("other " + TEXT)
    assert by_file != loaded(BY_FILE, tmp_path).digest


def test_a_name_may_come_from_the_environment(template: Path, tmp_path: Path) -> None:
    text = BY_FILE.replace("texts/key.tmpl", "'texts/${NAME}.tmpl'")

    assert written(loaded(text, tmp_path, environ={"NAME": "key"})) == TEXT


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"\xff", "the file 'texts/key.tmpl' is not UTF-8 text", id="no text"),
        pytest.param(
            b"x" * (1 << 20) + b"x",
            "the file 'texts/key.tmpl' is larger than 1 MiB",
            id="too large",
        ),
        pytest.param(
            b"{access_key_id}\n  {secret}",
            "`template`: unknown placeholder {secret} in line 2, column 3 of it: did you mean"
            " {secret_access_key}? there are {access_key_id}, {secret_access_key}, {user},"
            " {account}, {account_id}; the text itself is written {{secret}}",
            id="an unknown placeholder",
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_told_where_it_is_named(
    template: Path, tmp_path: Path, content: bytes, said: str
) -> None:
    template.write_bytes(content)

    assert [(5, 74, said)] == problems(BY_FILE, tmp_path)
