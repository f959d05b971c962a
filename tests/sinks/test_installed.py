"""Sinks are found by name, imported when needed, and a broken plugin is named."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

import rotator.sinks
from rotator.sinks import GROUP, SinkUnavailable, build, installed
from rotator.sinks.file import FileSink
from rotator.sinks.secretsmanager import SecretsManagerSink
from rotator.sinks.ssm import SsmSink
from tests.sinks.fakes import FakeClock, FakeOptions, MemoryBackend, ReadableFake
from tests.sinks.worlds import BOB, context, spec_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OWN = {"file", "secretsmanager", "ssm", "vault"}
"""The sinks of the package itself."""


@pytest.fixture
def announce(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Announces a sink as an installed package would."""
    points: list[EntryPoint] = []
    monkeypatch.setattr(rotator.sinks, "entry_points", lambda group: tuple(points))

    def announce(name: str, target: str) -> None:
        points.append(EntryPoint(name, target, GROUP))
        installed.cache_clear()

    installed.cache_clear()
    yield announce
    installed.cache_clear()


def test_the_packages_own_sinks_are_there() -> None:
    assert set(installed()) >= OWN
    assert len(installed()) == len(list(installed()))
    assert installed()["file"] is FileSink
    assert installed()["secretsmanager"] is SecretsManagerSink
    assert installed()["ssm"] is SsmSink
    assert "file" in installed()
    assert "files" not in installed()
    assert installed().get("files") is None


def test_a_plugin_is_found_by_its_name(announce: Callable[[str, str], None]) -> None:
    announce("memory", "tests.sinks.fakes:ReadableFake")

    assert installed()["memory"] is installed()["memory"]
    assert installed()["memory"].default_format == "json"


def test_no_plugin_takes_a_name_of_the_package(announce: Callable[[str, str], None]) -> None:
    announce("file", "tests.sinks.fakes:ReadableFake")

    assert installed()["file"] is FileSink


@pytest.mark.parametrize(
    ("target", "said"),
    [
        pytest.param("no.such.module:Sink", "ModuleNotFoundError", id="no such module"),
        pytest.param("tests.sinks.fakes:NoSuch", "AttributeError", id="no such class"),
        pytest.param("tests.sinks.fakes:FakeClock", "it lacks Options", id="no sink"),
    ],
)
def test_a_broken_plugin_is_named_when_it_is_asked_for(
    announce: Callable[[str, str], None], target: str, said: str
) -> None:
    """The others work meanwhile."""
    announce("broken", target)

    assert set(installed()) == {"broken", *OWN}
    assert installed()["file"] is FileSink
    with pytest.raises(SinkUnavailable, match=f"'broken'.*{said}"):
        installed()["broken"]


def test_a_sink_is_built_from_those_that_are_given() -> None:
    options = FakeOptions.model_validate({"name": "ci/{user}"})
    made = context(user=BOB, spec=spec_of("memory", options), clock=FakeClock())
    bound = ReadableFake.over(MemoryBackend())

    assert isinstance(build(made, {"memory": bound}), bound)


def test_naming_the_sinks_imports_none_of_them() -> None:
    """A command that only lists them, or only uses files, need not wait for an AWS library."""
    code = (
        "import sys, rotator.sinks as s; list(s.installed()); 'secretsmanager' in s.installed(); "
        "s.installed()['file']; print('botocore' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
