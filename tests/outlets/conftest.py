"""Gives each test the process's logging as it was, and takes it back afterwards."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from rotator.outlets.logs import LogFormat, Logs, configure

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
STAMP = "2026-11-24T12:00:00.123Z"


class Log:
    """A log that writes into memory, and what it has written so far."""

    def __init__(self, logs: Logs, stream: io.StringIO) -> None:
        self.logs = logs
        self.emit = logs.on_event
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


MakeLog = Callable[..., Log]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Whatever a test configures, the next one begins with what this one began with."""
    root = logging.getLogger()
    level = root.level
    levels = {
        name: logger.level
        for name, logger in root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    yield
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    for handler in list(root.handlers):
        if not type(handler).__module__.startswith("_pytest"):
            root.removeHandler(handler)
    root.setLevel(level)
    for name, logger in root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            logger.setLevel(levels.get(name, logging.NOTSET))


@pytest.fixture
def make_log() -> MakeLog:
    """Make a log that writes into memory."""

    def make(form: LogFormat = "json", level: str = "debug", *, full_key_ids: bool = False) -> Log:
        # pytest's own ears would carry half a surrogate pair into its report, and choke on it.
        logging.getLogger().handlers.clear()
        stream = io.StringIO()
        logs = configure(
            format=form, level=level, stream=stream, clock=lambda: NOW, full_key_ids=full_key_ids
        )
        return Log(logs, stream)

    return make
