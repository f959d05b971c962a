"""A changed configuration is taken whole, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.daemon import Watch
from rotator.errors import ConfigError, Problem
from rotator.model import Configuration

if TYPE_CHECKING:
    from pathlib import Path


class Loader:
    """Loads what the file says: `bad` is an error, anything else a digest."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.loads = 0

    def __call__(self) -> Configuration:
        self.loads += 1
        text = self.source.read_text() if self.source.is_file() else "folder"
        if text == "bad":
            raise ConfigError([Problem(str(self.source), 1, 1, "it is bad")])
        return Configuration(policies=(), accounts=(), digest=text, files=(str(self.source),))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "policies.yaml"
    path.write_text("one")
    return path


def watch(source: Path) -> tuple[Watch, Loader]:
    load = Loader(source)
    return Watch(source, load, load()), load


def test_unchanged_files_are_not_read_again(source: Path) -> None:
    """Looking costs a stat; only a change is loaded."""
    watched, load = watch(source)

    assert (watched.renewed(), load.loads) == (None, 1)


def test_a_change_is_taken(source: Path) -> None:
    """What the files say now is in force from now on."""
    watched, _ = watch(source)
    source.write_text("two, and longer")

    renewed = watched.renewed()

    assert renewed is not None
    assert "two, and longer" == renewed.digest == watched.current.digest


def test_a_wrong_file_leaves_the_old_policies_in_force(source: Path) -> None:
    """Whole or not at all; and a wrong file is told once, not at every look."""
    watched, load = watch(source)
    source.write_text("bad")

    with pytest.raises(ConfigError):
        watched.renewed()

    assert (watched.current.digest, watched.renewed(), load.loads) == ("one", None, 2)
    assert watched.rejected is not None


def test_a_mended_file_ends_the_rejection_even_if_nothing_else_changed(source: Path) -> None:
    """Going back to what was in force is a load that people are told of."""
    watched, _ = watch(source)
    source.write_text("bad")
    with pytest.raises(ConfigError):
        watched.renewed()
    source.write_text("one")

    renewed = watched.renewed()

    assert renewed is not None
    assert (watched.rejected, renewed.digest) == (None, "one")


def test_a_file_that_is_gone_is_a_change(source: Path) -> None:
    """A missing file is looked at like a wrong one."""
    watched, load = watch(source)
    source.unlink()

    watched.renewed()

    assert load.loads == 2


def test_a_signal_loads_unchanged_files(source: Path) -> None:
    """SIGHUP asks, so an answer is given."""
    watched, _ = watch(source)

    assert watched.renewed(ask=True) is not None


def test_a_new_file_in_a_folder_is_a_change(tmp_path: Path) -> None:
    """A folder's files are read as one configuration."""
    watched, load = watch(tmp_path)
    (tmp_path / "more.yaml").write_text("x")

    watched.renewed()

    assert load.loads == 2
