"""The image: what its recipe says, since what it says is all that a test without a builder sees."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rotator.cli.parser import make_parser

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
RECIPE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def linted(path: Path) -> int:
    """The verdict of a linter of such recipes."""
    command = [str(BIN / "hadolint"), str(path)]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode


def instructions() -> list[str]:
    """The recipe without its comments, an instruction a line."""
    lines = [line for line in RECIPE.splitlines() if not line.lstrip().startswith("#")]
    return re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()


def test_the_recipe_is_clean() -> None:
    """A linter of such recipes finds nothing in it."""
    assert linted(ROOT / "Dockerfile") == 0


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("FROM python:3.13-slim\n", "FROM python\n", id="a base without a tag"),
        pytest.param("WORKDIR /data", "WORKDIR data", id="a relative folder"),
        pytest.param("HEALTHCHECK", "HEALTHCHEK", id="a misspelt instruction"),
    ],
)
def test_a_broken_recipe_goes_red(right: str, wrong: str, tmp_path: Path) -> None:
    """The linter sees what a person overlooks."""
    assert right in RECIPE
    broken = tmp_path / "Dockerfile"
    broken.write_text(RECIPE.replace(right, wrong), encoding="utf-8")

    assert linted(broken) != 0


def test_only_what_is_locked_gets_in() -> None:
    """Each requirement is held to its hash; the package itself is added without any index."""
    installs = [
        part
        for line in instructions()
        for part in line.split("&&")
        if re.search("pip.* install ", part)
    ]

    assert installs
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install, install


def test_nothing_that_builds_is_shipped() -> None:
    """The last stage takes over one environment, into which no build requirement was put."""
    last = instructions()[max(i for i, line in enumerate(instructions()) if "FROM" in line) :]

    assert [line for line in last if line.startswith("COPY")] == [
        "COPY --from=build /opt/rotator /opt/rotator"
    ]
    assert not [line for line in last if re.search(r"\b(pip|apt-get)\b", line)]


def test_it_runs_as_nobody_in_particular() -> None:
    """A fixed number that is not root's, after which nothing else is said about the user."""
    users = [line.split()[1] for line in instructions() if line.startswith("USER")]

    assert users == ["10001:10001"]


def test_the_store_is_on_a_volume_and_made_by_a_person_only() -> None:
    """A volume that was forgotten does not become a second store."""
    (command,) = (line for line in instructions() if line.startswith("CMD"))
    arguments = re.findall(r'"([^"]+)"', command)

    assert arguments == ["daemon"]
    assert make_parser().parse_args(arguments).init_state is False
    assert "VOLUME /data" in instructions()
    assert "ROTATOR_STATE=sqlite:////data/" in RECIPE


def test_all_that_is_copied_is_let_through_to_the_builder() -> None:
    """The list of what the builder may see names each thing that the recipe copies."""
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = [
        Path(name).parts[0]
        for line in instructions()
        if line.startswith("COPY") and "--from" not in line
        for name in line.split()[1:-1]
    ]

    assert sorted(set(copied) - allowed) == []
