"""One local AWS for all lives that a worker plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.demo.aws import LocalAws
from tests.life.stage import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def aws() -> Iterator[LocalAws]:
    with LocalAws(options=OPTIONS) as running:
        yield running
