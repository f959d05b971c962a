"""Servers that the sinks' tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.databases.openbao import Bao

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def bao() -> Iterator[Bao]:
    """A real OpenBao; each test has an engine of its own in it."""
    with Bao.started() as server:
        yield server
