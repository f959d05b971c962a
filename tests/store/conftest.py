"""A new store for each test, checked and closed when the test is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.store.worlds import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A store that nothing was written to; whatever a test did, it stays whole."""
    world = World.made(tmp_path)
    yield world
    world.store.close()
