"""What the pages say exists: commands, links, configurations, tests."""

from __future__ import annotations

import argparse
import json
import re
import shlex
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
DEPLOYED = [ROOT / "Dockerfile", *sorted((ROOT / "deploy").rglob("*.yaml"))]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
TABLES = Tables(sinks=installed(), formats=FORMATS)


def commands() -> set[str]:
    """Every command that the parser knows."""
    parser = make_parser()
    (chosen,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return set(chosen.choices)


def lines_to_type() -> Iterator[str]:
    """Every line of a page that begins with `rotator`, set off from the text."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if page.name == "commands.md":
            continue  # its lines are forms, not examples
        for line in re.findall(r"^ {4}(rotator [a-z].*)$", text, re.MULTILINE):
            yield line.split("  #")[0].strip()


def asked_of_aws() -> set[str]:
    """Every action of AWS that the code names, as IAM spells it."""
    iam = (ROOT / "rotator/aws/iam.py").read_text() + (ROOT / "rotator/aws/report.py").read_text()
    methods = set(re.findall(r"client\.(\w+)\(\S", iam)) - {"get_paginator"}
    methods |= set(re.findall(r"client\.(\w+)\(\)", iam))
    methods |= set(re.findall(r'get_paginator\("(\w+)"\)', iam))
    entering = (ROOT / "rotator/aws/accounts.py").read_text()
    entering += (ROOT / "rotator/aws/signing.py").read_text()
    tokens = set(
        re.findall(
            r"(?:sts|client)\.(assume_role|get_caller_identity|get_access_key_info)\(", entering
        )
    )
    sinks = "".join(path.read_text() for path in (ROOT / "rotator/sinks").glob("*.py"))
    return {
        *(f"iam:{_camel(name)}" for name in methods),
        *(f"sts:{_camel(name)}" for name in tokens),
        *re.findall(r'"((?:secretsmanager|ssm|kms):\w+)"', sinks),
    }


def _camel(method: str) -> str:
    return "".join(word.capitalize() for word in method.split("_"))


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


@pytest.mark.parametrize("page", [*PAGES, *DEPLOYED], ids=lambda page: page.name)
def test_commands_that_are_named_exist(page: Path) -> None:
    """Whoever types what a page says is understood."""
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:[`(]|^    )rotator ([a-z]+)", text, re.MULTILINE))

    assert set() == named - commands()


@pytest.mark.parametrize("line", sorted(set(lines_to_type())))
def test_lines_to_type_are_understood(line: str) -> None:
    """A whole line that is set off to be typed is parsed, its options too."""
    parsed = make_parser().parse_args(shlex.split(line, comments=True)[1:])

    assert parsed.command in commands()


def test_anchors_lead_somewhere() -> None:
    """A link to a heading of another page finds that heading."""
    missing = []
    for page in PAGES:
        for name, anchor in re.findall(r"\]\(([^)#:]+\.md)#([^)]+)\)", page.read_text()):
            headings = re.findall(r"^#+ (.+)$", (page.parent / name).read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
            if anchor not in slugs:
                missing.append(f"{page.name}: {name}#{anchor}")

    assert missing == []


def test_the_index_lists_every_page() -> None:
    """Nobody has to guess which pages there are."""
    listed = set(re.findall(r"\]\((\w+\.md)\)", (ROOT / "docs/index.md").read_text()))

    assert listed == {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}


@pytest.mark.parametrize("page", [*PAGES, *DEPLOYED], ids=lambda page: page.name)
def test_pages_speak_of_the_project_alone(page: Path) -> None:
    """No folder of somebody's machine, and no address of a registry."""
    places = r"(?:^|[\s`\"'(=])/(?:work|root|home|tmp/)\w*/|pypi\.|files\.pythonhosted|docker\.io"
    found = re.findall(places, page.read_text(encoding="utf-8"), re.MULTILINE)

    assert found == []


@pytest.mark.parametrize(("name", "text"), [pytest.param(*s, id=s[0]) for s in snippets()])
def test_configurations_that_are_shown_load(name: str, text: str, tmp_path: Path) -> None:
    """A configuration that is copied from a page works."""
    path = tmp_path / "rotator.yaml"
    path.write_text(text)

    loaded = load(path, environ={}, tables=TABLES)

    assert loaded.policies, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    """Code and tests that a page names are there."""
    named = set(re.findall(r"`((?:tests|rotator|config|docs)/[\w/.]+)`", page.read_text()))

    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_files_that_the_map_says_to_open_exist() -> None:
    """Each row of the map names a folder, and files within it."""
    text = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| `(rotator/\w+/)` \|.*\| ([^|]+) \|$", text, re.MULTILINE)
    named = [folder + name for folder, names in rows for name in re.findall(r"`(\w+\.py)`", names)]

    assert len(rows) == len(
        [p for p in (ROOT / "rotator").iterdir() if (p / "__init__.py").exists()]
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_permissions_page_names_each_call() -> None:
    """What is asked of AWS in code stands in the table, and nothing else does."""
    text = (ROOT / "docs/permissions.md").read_text()
    table = "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("|"))

    assert asked_of_aws() == set(re.findall(r"`((?:iam|sts|secretsmanager|ssm|kms):\w+)`", table))


def test_the_examples_of_permissions_are_json_that_asks_for_no_more() -> None:
    """Each example can be pasted, and each action in it is one that the table explains."""
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "docs/permissions.md").read_text(), re.DOTALL)

    asked = {
        action
        for block in blocks
        for statement in json.loads(block)["Statement"]
        for action in statement["Action"]
    }

    assert len(blocks) == 4
    assert sorted(asked - asked_of_aws()) == []


def test_the_example_that_only_looks_changes_nothing() -> None:
    """Its actions are those that read; a credential report is made to be read, and is no change."""
    text = (ROOT / "docs/permissions.md").read_text().split("## Looking only")[1]
    (statement,) = json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])["Statement"]

    assert [
        action
        for action in statement["Action"]
        if not re.match(r"iam:(Get|List|GenerateCredentialReport$)", action)
    ] == []
