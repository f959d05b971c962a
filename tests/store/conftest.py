"""A new store for each test, on both databases, closed when the test is over."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.store.worlds import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases.postgres import Server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of the store runs over both, but for those about SQLite's file."""
    if "world" in metafunc.fixturenames:
        on_a_file = metafunc.definition.get_closest_marker("on_a_file") is not None
        kinds = ["sqlite"] if on_a_file else ["sqlite", "postgresql"]
        metafunc.parametrize("world", kinds, indirect=True)


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A store that nothing was written to; whatever a test did, it stays whole."""
    if request.param == "sqlite":
        world = World.made(tmp_path)
    else:
        server: Server = request.getfixturevalue("postgres")
        url = server.empty()
        world = World.over(url, tmp_path)
        world.tamper = partial(server.tamper, url)
    yield world
    world.store.close()
