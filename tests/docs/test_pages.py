"""What the pages say exists: commands, links, configurations, tests."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML

from rotator.cli.parser import make_parser
from rotator.config import Tables, load
from rotator.formats import FORMATS
from rotator.sinks import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
MANIFEST = ROOT / "deploy" / "kubernetes" / "rotator.yaml"
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


def test_the_manifest_holds_policies_that_load(tmp_path: Path) -> None:
    """The ConfigMap is a configuration, and only observes."""
    documents = list(YAML(typ="safe").load_all(MANIFEST.read_text()))
    (config,) = (d for d in documents if d["kind"] == "ConfigMap")
    path = tmp_path / "policies.yaml"
    path.write_text(config["data"]["policies.yaml"])

    loaded = load(path, environ={}, tables=TABLES)

    assert [policy.mode.value for policy in loaded.policies] == ["observe"]


def test_the_manifest_gives_the_daemon_no_more_than_it_needs() -> None:
    """Non-root, read-only, no capability, one replica, and time to end."""
    documents = list(YAML(typ="safe").load_all(MANIFEST.read_text()))
    (workload,) = (d for d in documents if d["kind"] == "StatefulSet")
    pod = workload["spec"]["template"]["spec"]

    assert workload["spec"]["replicas"] == 1
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["terminationGracePeriodSeconds"] > 100
    for container in [*pod["initContainers"], *pod["containers"]]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"]["drop"] == ["ALL"]


def test_the_image_runs_as_nobody_in_particular_and_keeps_its_store_apart() -> None:
    """Non-root by number, a volume for the store, and no store made in passing."""
    text = (ROOT / "Dockerfile").read_text()

    assert "USER 10001:10001" in text
    assert "VOLUME /data" in text
    assert "--init-state" not in text
