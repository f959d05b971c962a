"""A folder of files is read as one configuration."""

from __future__ import annotations

from pathlib import Path, PosixPath
from typing import TYPE_CHECKING, Self

import pytest

from rotator.config import load, yaml_files
from rotator.errors import ConfigError
from tests.config.worlds import TABLES, policy

if TYPE_CHECKING:
    from collections.abc import Generator

    from rotator.model import Configuration

FREEZE = "freezes: [{name: %s, from: 2026-01-01, until: 2026-01-02}]\n"


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def from_folder(folder: Path) -> Configuration:
    return load(folder, environ={}, tables=TABLES)


def said(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        from_folder(folder)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_files_are_merged(tmp_path: Path) -> None:
    """Lists are joined in the order of file names, names are united, defaults reach all files."""
    written(
        tmp_path,
        a="version: 1\ndefaults: {max_age: 80d}\naccounts: {one: {}}\n" + FREEZE % "f" + policy(),
        b="version: 1\naccounts: {two: {role_arn: arn:aws:iam::111122223333:role/r}}\n"
        + FREEZE % "g",
    )
    (tmp_path / "c.yml").write_text(policy("accounts: [two]", name="q"))
    (tmp_path / "a.yaml").write_text(
        (tmp_path / "a.yaml").read_text() + "    accounts: [one]\n",
    )

    found = from_folder(tmp_path)

    assert [one.name for one in found.policies] == ["p", "q"]
    assert [one.max_age.days for one in found.policies] == [80, 80]
    assert [one.name for one in found.accounts] == ["one", "two"]
    assert [one.name for one in found.freezes] == ["f", "g"]
    assert found.state == f"sqlite:///{tmp_path}/state/rotator.db"
    assert found.files == tuple(str(tmp_path / name) for name in ("a.yaml", "b.yaml", "c.yml"))


def test_only_visible_yaml_is_read(tmp_path: Path) -> None:
    """Editors' copies, other files and folders within are left alone."""
    written(tmp_path, a=policy())
    (tmp_path / ".a.yaml").write_text("broken: [")
    (tmp_path / "a.yaml~").write_text("broken: [")
    (tmp_path / "README").write_text("broken: [")

    assert yaml_files(tmp_path) == (tmp_path / "a.yaml",)
    assert from_folder(tmp_path).policies[0].name == "p"


def test_one_bad_file_is_told_without_what_it_would_have_given(tmp_path: Path) -> None:
    """What only the bad file can give is not called missing."""
    written(tmp_path, a="timing: {}\n", b="policies: [\n")
    (tmp_path / "c.yaml").mkdir()

    assert said(tmp_path) == [
        "b.yaml:2:1: not YAML: expected the node content, found '<stream end>'",
        "c.yaml:1:1: this file is a folder",
    ]


def test_names_are_unique_over_all_files(tmp_path: Path) -> None:
    """The second one is told, with the place of the first where only one may be."""
    written(
        tmp_path,
        a="accounts: {x: {}}\ntiming: {settle: 1m}\n" + FREEZE % "f" + policy(),
        b="accounts: {x: {}}\ntiming: {settle: 1m}\n" + FREEZE % "f" + policy(),
        c="version: 2\n",
        d="version: 1\n",
    )
    a = tmp_path / "a.yaml"

    assert said(tmp_path) == [
        f"b.yaml:1:12: `x` is already given in {a}:1".replace(f"{tmp_path}/", ""),
        f"b.yaml:2:1: `timing` is already given in {a}:2".replace(f"{tmp_path}/", ""),
        "b.yaml:3:18: two freezes have the name 'f'",
        "b.yaml:5:11: two policies have the name 'p'",
        "c.yaml:1:10: `version`: expected 1, got 2",
        "d.yaml:1:1: `version` is already given in c.yaml:1",
    ]


def test_a_folder_without_policies(tmp_path: Path) -> None:
    """What all files together lack is told of the folder."""
    written(tmp_path, a="version: 1\n", b="version: 1\n")

    assert said(tmp_path) == [f"{tmp_path}:1:1: the configuration needs `policies`"]


def test_wrong_types_in_two_files(tmp_path: Path) -> None:
    """Each file's own mistake is told, none is joined with the other's."""
    written(tmp_path, a="policies: 5\naccounts: [x]\n", b="policies: []\naccounts: {y: {}}\n")

    assert said(tmp_path) == [
        "a.yaml:1:11: `policies`: expected a list, got 5",
        "a.yaml:2:11: `accounts`: expected a mapping, got a list",
    ]


def test_an_empty_folder(tmp_path: Path) -> None:
    """A wrong mount must not look like a configuration of nothing."""
    assert said(tmp_path) == [f"{tmp_path}:1:1: this folder holds no *.yaml and no *.yml"]


class Locked(PosixPath):
    """A folder that this user may not list."""

    def iterdir(self) -> Generator[Self, None, None]:
        raise PermissionError(13, "Permission denied")


def test_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    """The system's reason is said; it is not taken for an empty folder."""
    assert said(Locked(tmp_path)) == [
        f"{tmp_path}:1:1: this folder cannot be listed: Permission denied"
    ]


def test_paths_start_from_the_file_that_holds_them(tmp_path: Path) -> None:
    """Of a folder's files all have the same one."""
    written(tmp_path, a=policy('sinks: [{type: shelf, path: "{user}"}]'), b="timing: {}\n")

    assert from_folder(tmp_path).policies[0].sinks[0].base == str(tmp_path)
