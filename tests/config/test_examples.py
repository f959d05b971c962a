"""The examples that people copy load, and keep the promises that their figures make."""

from __future__ import annotations

from pathlib import Path

import pytest

from rotator.config import Tables, load
from rotator.formats import FORMATS
from rotator.model import Mode
from rotator.sinks import installed

FOLDER = Path(__file__).parents[2] / "config"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))
ENVIRON = {"ROTATOR_EXTERNAL_ID": "an-external-id"}


def test_they_are_all_there() -> None:
    """One example for each way to begin."""
    assert [path.stem for path in EXAMPLES] == [
        "ci-fleet",
        "many-accounts",
        "observe-first",
        "smallest",
        "unused-keys",
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_loads_without_a_warning(path: Path) -> None:
    """With the sinks and formats that the package brings."""
    found = load(path, environ=ENVIRON, tables=Tables(sinks=installed(), formats=FORMATS))

    assert found.warnings == ()
    assert all(policy.sinks or policy.mode is Mode.OBSERVE for policy in found.policies)


def test_what_the_first_example_suggests_next_loads(tmp_path: Path) -> None:
    """The lines of `observe-first` that are commented out work when the comment signs go."""
    text = (FOLDER / "observe-first.yaml").read_text()
    path = tmp_path / "next.yaml"
    lines = text.replace("    mode: observe\n", "").splitlines()
    after = lines.index("    # mode: enforce")
    path.write_text(
        "\n".join(lines[:after] + [line.replace("# ", "", 1) for line in lines[after:]])
    )

    found = load(path, environ={}, tables=Tables(sinks=installed(), formats=FORMATS))

    assert found.policies[0].mode is Mode.ENFORCE
    assert found.policies[0].sinks[0].type == "secretsmanager"
