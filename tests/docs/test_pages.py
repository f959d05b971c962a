"""What the pages say exists: commands, links, configurations, tests."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rotator.cli.parser import make_parser
from rotator.config import Tables, load
from rotator.formats import FORMATS
from rotator.sinks import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
TABLES = Tables(sinks=installed(), formats=FORMATS)


def commands() -> set[str]:
    """Every command that the parser knows."""
    parser = make_parser()
    (chosen,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return set(chosen.choices)


def snippets() -> Iterator[tuple[str, str]]:
    """Every piece of YAML that a page shows and that is a whole configuration."""
    for page in PAGES:
        blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
        for number, text in enumerate(blocks):
            if "policies:" in text:
                yield f"{page.name} {number}", text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to another file of the project leads to a file that is there."""
    links = re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text())

    missing = [link for link in links if not (page.parent / link).exists()]

    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_named_exist(page: Path) -> None:
    """Whoever types what a page says is understood."""
    named = set(re.findall(r"(?:`|^    )rotator ([a-z]+)", page.read_text(), re.MULTILINE))

    assert set() == named - commands()


@pytest.mark.parametrize(("name", "text"), [pytest.param(*s, id=s[0]) for s in snippets()])
def test_configurations_that_are_shown_load(name: str, text: str, tmp_path: Path) -> None:
    """A configuration that is copied from a page works."""
    path = tmp_path / "rotator.yaml"
    path.write_text(text)

    loaded = load(path, environ={}, tables=TABLES)

    assert loaded.policies, name


def test_tests_that_are_named_exist() -> None:
    """The page on safety names tests that are there."""
    named = set(re.findall(r"`((?:tests|rotator)/[\w/.]+)`", (ROOT / "docs/safety.md").read_text()))

    assert sorted(name for name in named if not (ROOT / name).exists()) == []
