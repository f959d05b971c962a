"""The log: every event, and what the libraries say, as lines on one stream.

structlog takes the events, the standard library's logging takes what botocore, APScheduler,
SQLAlchemy and waitress say, and one handler at the root writes both in the same form.
"""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter

from rotator.errors import RotatorError
from rotator.events import Event, Level, level_of
from rotator.outlets.lines import console_line, json_line
from rotator.outlets.redaction import Redaction, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from structlog.typing import EventDict, WrappedLogger

__all__ = ["LineLost", "LogFormat", "Logs", "configure"]

LogFormat = Literal["json", "console"]

_OURS = "rotator"

_LOWEST = {
    # Below info, botocore prints the bodies of answers: CreateAccessKey's holds the secret.
    "botocore": logging.INFO,
    "boto3": logging.INFO,
    "urllib3": logging.INFO,
    "s3transfer": logging.INFO,
    # A line for each job run, and the parameters of each statement, are no news.
    "apscheduler": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "waitress": logging.WARNING,
    # Says that a thread had to wait, each time; a busy scraper would fill the log with it.
    "waitress.queue": logging.ERROR,
}
"""The lowest level at which a library is heard, whatever the level of the log."""


class LineLost(RotatorError):
    """The stream of the log is closed or full; what was to be said is only in the store."""


class Logs:
    """The outlet that writes events to the log; `configure` makes it."""

    name = "logs"

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines
        self._logger = structlog.stdlib.get_logger(_OURS)

    @property
    def lost(self) -> int:
        """How many lines could not be written, because the stream is closed or full."""
        return self._lines.lost

    def on_event(self, event: Event, fields: Mapping[str, object]) -> None:
        """Write one event at its level.

        Raises:
            LineLost: the line could not be written.
        """
        lost_before = self._lines.lost
        number = _NUMBERS[level_of(event, fields)]
        if logging.getLogger(_OURS).isEnabledFor(number):
            self._logger.log(number, event, fields=fields)
        if self._lines.lost > lost_before:
            raise LineLost(f"the line of {event} could not be written")


def configure(
    *,
    format: LogFormat,  # noqa: A002 - the word that people know from ROTATOR_LOG_FORMAT
    level: Level | str,
    stream: TextIO,
    clock: Callable[[], datetime],
    full_key_ids: bool = False,
) -> Logs:
    """Send everything that this process logs to one stream; the last call counts.

    Args:
        format: `json`, one object a line; or `console`, one plain line.
        level: the lowest level of our own events. Libraries stay above levels of their own.
        stream: where lines go, in practice stderr. When it is gone, lines are lost and counted,
            and only the outlet's caller learns of it.
        clock: aware UTC.
        full_key_ids: show access key ids whole; without it their last four characters.
    """
    number = _NUMBERS[Level(level)]
    lines = _Lines(stream)
    lines.setFormatter(_formatter(format, stream, clock, Redaction(full_key_ids=full_key_ids)))
    lines.addFilter(_is_fit_to_be_heard)
    structlog.configure(
        processors=[ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _Lines)]:
        root.removeHandler(handler)
    root.addHandler(lines)
    _set_levels(number)
    logging.captureWarnings(capture=True)
    return Logs(lines)


_NUMBERS = {
    Level.DEBUG: logging.DEBUG,
    Level.INFO: logging.INFO,
    Level.WARNING: logging.WARNING,
    Level.ERROR: logging.ERROR,
}


def _set_levels(number: int) -> None:
    """Ours as asked; libraries speak of what is wrong, and at debug of what they do."""
    theirs = logging.INFO if number <= logging.DEBUG else max(number, logging.WARNING)
    logging.getLogger().setLevel(theirs)
    logging.getLogger(_OURS).setLevel(number)
    for name, lowest in _LOWEST.items():
        logging.getLogger(name).setLevel(max(theirs, lowest))


def _is_fit_to_be_heard(record: logging.LogRecord) -> bool:
    """Hold back what a library says below its lowest level.

    The loggers' own levels say the same; this is the wall behind them, for a level that somebody
    sets on a child logger (`botocore.parsers`), and for libraries that nobody thought of.
    """
    top = record.name.partition(".")[0]
    if top == _OURS:
        return True
    lowest = _LOWEST.get(record.name) or _LOWEST.get(top) or logging.INFO
    return record.levelno >= lowest


class _Lines(logging.StreamHandler[TextIO]):
    """Writes lines to a stream; one that is closed or full costs lines, never work."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.lost = 0

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        return line.encode(encoding, "backslashreplace").decode(encoding)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's
        """Count the line; the standard library would print to the stream that has just failed."""
        self.lost += 1


def _formatter(
    form: LogFormat, stream: TextIO, clock: Callable[[], datetime], redaction: Redaction
) -> ProcessorFormatter:
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower()
    ascii_only = not encoding.startswith("utf")

    def tell(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
        """Name the event and its fields, for ours and for what a library said."""
        record: logging.LogRecord = event_dict["_record"]
        event, fields = _told(event_dict, record)
        head = {"timestamp": rfc3339(clock()), "level": record.levelname.lower(), "event": event}
        exc_info = fields.pop("exc_info", None)
        if exc_info:
            fields["exception"] = _traceback(exc_info) or None
        return head | redaction.fields(fields)

    def render(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> str:
        if form == "json":
            return json_line(event_dict, ascii_only=ascii_only)
        return console_line(event_dict)

    return ProcessorFormatter(processors=[tell, render], use_get_message=True)


def _told(event_dict: EventDict, record: logging.LogRecord) -> tuple[str, dict[str, object]]:
    if event_dict["_from_structlog"] and "fields" in event_dict:
        return str(event_dict["event"]), dict(event_dict["fields"])
    said = {
        "logger": record.name,
        "text": str(event_dict["event"]),
        "exc_info": event_dict.get("exc_info"),
    }
    return Event.LIBRARY_LOGGED, said


def _traceback(exc_info: object) -> str:
    """A traceback without local variables, from an exception or from what sys.exc_info() gives."""
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if not isinstance(error, BaseException):
        return ""
    return "".join(traceback.format_exception(error)).rstrip()
