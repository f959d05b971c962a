"""What a killed process left beside a place is removed at the next start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.cli.build import tidy
from rotator.config import Tables, load
from rotator.formats import FORMATS
from rotator.sinks import installed

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
policies:
  - name: ci
    mode: enforce
    users: {include: [{name: "*"}]}
    rotate_after: 50d
    sinks: [{type: file, path: "secrets/{user}.json"}]
"""


def test_a_temporary_file_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    """P4: a secret is in a temporary file only as the sink's own sibling, until the next start."""
    (tmp_path / "rotator.yaml").write_text(POLICY)
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    (folder / "alice.json").write_text("{}")
    left = folder / ".alice.json.rotator-0123456789abcdef"
    left.write_text("a secret")
    tables = Tables(sinks=installed(), formats=FORMATS)
    configuration = load(tmp_path / "rotator.yaml", environ={}, tables=tables)

    removed = tidy(configuration)

    assert (removed, sorted(path.name for path in folder.iterdir())) == (1, ["alice.json"])
