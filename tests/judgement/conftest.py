"""Writes the sentences of the tables down where that is asked for."""

import os

import pytest

from tests.judgement import said


def pytest_sessionfinish(session: pytest.Session) -> None:
    """At the end of a run that was to write them."""
    if os.environ.get("WRITE_SENTENCES"):
        said.write()
