"""What the log says, how it says it, and what it never says."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rotator.events import Event, Level
from rotator.model import Credential, Reason, Secret
from rotator.outlets.logs import LineLost, configure
from tests.outlets.conftest import NOW, STAMP

if TYPE_CHECKING:
    from rotator.outlets.logs import LogFormat
    from tests.outlets.conftest import MakeLog

KEY = "AKIAIOSFODNN7EXAMPLE"
HEIR = "AKIAI44QH8DHBEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

FORGERIES = [
    pytest.param("a\nb", id="line feed"),
    pytest.param("a\r\nb", id="carriage return"),
    pytest.param("a\x0bb\x0cb", id="vertical tab and form feed"),
    pytest.param("a\x85b", id="next line of ISO 6429"),
    pytest.param("a\u2028b\u2029b", id="line and paragraph separator"),
    pytest.param("a\x1b[2K\x1b[1Ab", id="escape sequence that rubs out a line"),
    pytest.param("a\x9b1Ab", id="one-byte control sequence"),
    pytest.param("a\u202eb", id="text turned around"),
    pytest.param("a\x00b\x7fb\x08", id="null, delete, backspace"),
    pytest.param("a\ud800b", id="half of a surrogate pair"),
    pytest.param('ci" level=error event="key.deleted', id="looks like fields"),
    pytest.param('ci", "level": "error', id="looks like JSON"),
]


def test_an_event_is_one_json_object(make_log: MakeLog) -> None:
    """Time, level and event come first, then the fields as they were given."""
    log = make_log()

    log.emit(
        Event.KEY_ISSUED,
        {"account": "prod", "user": "ci", "rotation_id": "r1", "successor": HEIR, "seconds": 0.25},
    )

    assert log.text == (
        f'{{"timestamp": "{STAMP}", "level": "info", "event": "key.issued", "account": "prod", '
        '"user": "ci", "rotation_id": "r1", "successor": "…MPLE", "seconds": 0.25}\n'
    )


def test_an_event_is_one_console_line(make_log: MakeLog) -> None:
    """For a terminal: the same, without the punctuation."""
    log = make_log("console")

    log.emit(
        Event.USER_STOPPED,
        {"user": "ci", "reason": Reason.FOREIGN_KEY, "message": "two keys", "failures": 2},
    )

    assert log.text == (
        f"{STAMP} warning user.stopped        "
        'user=ci reason=foreign_key message="two keys" failures=2\n'
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(Reason.AGE, "age", id="a word of an enum"),
        pytest.param(datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00.000Z", id="a time"),
        pytest.param(
            datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-01T22:00:00.000Z",
            id="a time elsewhere is told in UTC",
        ),
        pytest.param(timedelta(minutes=1.5), 90.0, id="a length in seconds"),
        pytest.param(("a", "b"), ["a", "b"], id="several"),
        pytest.param({"b", "a"}, ["a", "b"], id="a set in a lasting order"),
        pytest.param({"a": (1, None)}, {"a": [1, None]}, id="nested"),
        pytest.param(float("nan"), "nan", id="a number that JSON cannot say"),
        pytest.param(False, False, id="no is not left out"),
        pytest.param("æøå 鍵", "æøå 鍵", id="letters of the world"),
    ],
)
def test_values_are_plain(make_log: MakeLog, value: object, expected: object) -> None:
    """Identifiers and figures, never objects."""
    log = make_log()

    log.emit(Event.DECISION_MADE, {"message": value})

    assert expected == log.lines[0]["message"]


def test_what_does_not_apply_is_left_out(make_log: MakeLog) -> None:
    """A field that is None says nothing, so it is not there."""
    log = make_log()

    log.emit(Event.DECISION_MADE, {"user": "ci", "gate": None})

    assert log.lines == [
        {"timestamp": STAMP, "level": "debug", "event": "decision.made", "user": "ci"}
    ]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["decision.made", "key.issued", "user.failed", "store.failed"]),
        ("info", ["key.issued", "user.failed", "store.failed"]),
        ("warning", ["user.failed", "store.failed"]),
        ("error", ["store.failed"]),
    ],
)
def test_what_is_below_the_level_is_not_said(
    make_log: MakeLog, level: str, expected: list[str]
) -> None:
    """The level of the log is the lowest that is said."""
    log = make_log(level=level)

    for event in (Event.DECISION_MADE, Event.KEY_ISSUED, Event.USER_FAILED, Event.STORE_FAILED):
        log.emit(event, {})

    assert expected == [line["event"] for line in log.lines]


def test_a_severe_reason_is_an_error(make_log: MakeLog) -> None:
    """Consumers that are down now wake somebody up."""
    log = make_log()

    log.emit(Event.USER_STOPPED, {"reason": Reason.SINK_SERVES_DEAD})

    assert log.lines[0]["level"] == "error"


def test_an_unknown_level_is_refused(make_log: MakeLog) -> None:
    """A level that does not exist is said at once, not silently taken for another."""
    with pytest.raises(ValueError, match="loud"):
        make_log(level="loud")


def test_declared_key_ids_are_masked(make_log: MakeLog) -> None:
    """A field that holds key ids shows their last four, whatever they look like."""
    log = make_log()

    log.emit(
        Event.USER_STOPPED,
        {
            "access_key_id": [KEY, "LKIAQAAAAAAAMXYZ1234", 7],
            "successor": HEIR,
            "predecessor": "…WXYZ",
        },
    )

    line = log.lines[0]
    assert line["access_key_id"] == ["…MPLE", "…1234", 7]
    assert line["successor"] == "…MPLE"
    assert line["predecessor"] == "…WXYZ"


def test_key_ids_are_masked_in_any_text(make_log: MakeLog) -> None:
    """An id inside a sentence, a traceback, a library's words or a mapping is masked too."""
    log = make_log()
    error = RuntimeError(f"no such key {KEY}")

    log.emit(
        Event.USER_FAILED,
        {"error": f"{KEY}/{HEIR} of ASIAIOSFODNN7EXAMPLE", "exc_info": error, "code": {KEY: KEY}},
    )
    logging.getLogger("botocore.auth").warning("signed with %s", KEY)

    assert "AKIA" not in log.text
    assert "ASIA" not in log.text
    assert log.lines[0]["error"] == "…MPLE/…MPLE of …MPLE"


def test_key_ids_are_whole_where_configured(make_log: MakeLog) -> None:
    """Whoever has asked for them gets whole ids."""
    log = make_log(full_key_ids=True)

    log.emit(Event.KEY_ISSUED, {"successor": HEIR, "message": f"replaces {KEY}"})

    assert log.lines[0]["successor"] == HEIR
    assert log.lines[0]["message"] == f"replaces {KEY}"


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(Secret(SECRET), id="a secret"),
        pytest.param(Credential(KEY, Secret(SECRET), "ci", "1" * 12), id="a credential"),
        pytest.param([{"a": (Secret(SECRET),)}], id="a secret deep inside"),
        pytest.param(f"<SecretAccessKey>{SECRET}</SecretAccessKey>", id="an answer of IAM"),
        pytest.param({"body": f'{{"SecretAccessKey": "{SECRET}"}}'}, id="JSON in a text"),
        pytest.param(json.dumps(json.dumps({"SecretAccessKey": SECRET})), id="JSON within JSON"),
        pytest.param(f"AWS_SECRET_ACCESS_KEY={SECRET}", id="an environment"),
        pytest.param(f"aws_secret_access_key = {SECRET}", id="a profile"),
        pytest.param(f"{{'SecretAccessKey': '{SECRET}'}}", id="a repr"),
        pytest.param(f"SecretAccessKey%22%3A%22{SECRET}%22", id="percent-encoded around it"),
        pytest.param(RuntimeError(f"SecretAccessKey={SECRET}"), id="an exception"),
        pytest.param(f"postgresql+psycopg://rotator:{SECRET.replace('/', '')}@db/x", id="a URL"),
    ],
)
def test_a_secret_is_withheld(make_log: MakeLog, form: LogFormat, value: object) -> None:
    """No renderer says a secret, neither its value nor text that spells it out."""
    log = make_log(form)

    log.emit(Event.USER_FAILED, {"error": value})

    assert log.text.count("\n") == 1
    assert SECRET not in log.text
    assert SECRET.replace("/", "") not in log.text


def test_depth_length_and_number_are_bounded(make_log: MakeLog) -> None:
    """A value without an end does not make a line without an end."""
    log = make_log()
    endless: list[Any] = []
    endless.append(endless)

    log.emit(
        Event.CONFIG_REJECTED,
        {"problems": ["x"] * 500, "error": "y" * 50_000, "source": endless},
    )

    line = log.lines[0]
    assert line["problems"][-1] == "… (300 more)"
    assert line["error"].endswith("… (33616 more characters)")
    assert json.dumps(line["source"]) == '[[[[[["[withheld]"]]]]]]'


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("value", FORGERIES)
def test_no_value_forges_a_line(make_log: MakeLog, form: LogFormat, value: str) -> None:
    """Whatever a user is called, it stays one line of printable characters."""
    log = make_log(form)

    log.emit(Event.KEY_DELETED, {"user": value, "account": "prod"})
    logging.getLogger("some.library").error(value)

    lines = log.text.split("\n")
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    if form == "json":
        assert log.lines[0]["user"] == value
        assert log.lines[1]["text"] == value
    else:
        assert lines[0].endswith(" account=prod")
        assert " level=error" not in lines[0].replace(json.dumps(value), "")


def test_a_traceback_shows_no_local_variables(make_log: MakeLog) -> None:
    """Frames and lines of code, but not what stood in the variables."""
    log = make_log()

    log.emit(Event.DAEMON_FAILED, {"error": "a bug", "exc_info": _raised("nobody's business")})

    line = log.lines[0]
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("ValueError: the message of 17 letters")
    assert "nobody" not in log.text
    assert "exc_info" not in line


def test_a_traceback_on_the_console_is_set_in(make_log: MakeLog) -> None:
    """What an exception says cannot begin a line of its own."""
    log = make_log("console")

    log.emit(Event.DAEMON_FAILED, {"exc_info": ValueError(f"\n{STAMP} info\x1b[1A key.deleted")})

    first, *others = log.text.splitlines()
    assert first == f"{STAMP} error   daemon.failed"
    assert others == ["    | ValueError: ", f"    | {STAMP} info\\u001b[1A key.deleted"]


def _fail(*, keep: str) -> None:
    raise ValueError(f"the message of {len(keep)} letters")


def _raised(kept: str) -> ValueError:
    with pytest.raises(ValueError, match="the message") as caught:
        _fail(keep=kept)
    return caught.value


def test_libraries_speak_through_the_same_pipe(make_log: MakeLog) -> None:
    """What a library says is an event of the catalogue too, with its traceback."""
    log = make_log()

    error = _raised("x")
    logging.getLogger("apscheduler.executors").error("Job %s raised", "sweep", exc_info=error)

    line = log.lines[0]
    assert line.pop("exception").endswith("ValueError: the message of 1 letters")
    assert line == {
        "timestamp": STAMP,
        "level": "error",
        "event": "library.logged",
        "logger": "apscheduler.executors",
        "text": "Job sweep raised",
    }


def test_an_empty_traceback_is_left_out(make_log: MakeLog) -> None:
    """Somebody asked for a traceback where no error was: there is none to show."""
    log = make_log()

    log.emit(Event.DAEMON_FAILED, {"exc_info": (None, None, None)})

    assert "exception" not in log.lines[0]


def test_python_s_warnings_are_lines_too(make_log: MakeLog) -> None:
    """A deprecation somewhere below does not break the form of the log."""
    log = make_log()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old\nway", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(capture=False)

    assert log.lines[0]["logger"] == "py.warnings"
    assert "old\nway" in log.lines[0]["text"]


@pytest.mark.parametrize(
    ("name", "lowest"),
    [
        ("botocore.parsers", "info"),
        ("botocore.endpoint", "info"),
        ("boto3.resources", "info"),
        ("urllib3.connectionpool", "info"),
        ("s3transfer", "info"),
        ("apscheduler.scheduler", "warning"),
        ("sqlalchemy.engine.Engine", "warning"),
        ("waitress", "warning"),
        ("waitress.queue", "error"),
        ("a.library.nobody.thought.of", "info"),
    ],
)
@pytest.mark.parametrize("forced", [False, True], ids=["as configured", "its logger set to debug"])
def test_no_library_is_heard_below_its_level(
    make_log: MakeLog, name: str, lowest: str, *, forced: bool
) -> None:
    """At our most talkative, and even if somebody turns a logger up, libraries keep quiet."""
    log = make_log(level="debug")
    logger = logging.getLogger(name)
    if forced:
        logger.setLevel(logging.DEBUG)

    for level in Level:
        logger.log(logging.getLevelName(level.upper()), "said")

    order = list(Level)
    assert order[order.index(Level(lowest)) :] == [line["level"] for line in log.lines]


@pytest.mark.parametrize("level", ["info", "warning"])
def test_libraries_are_quiet_unless_we_debug(make_log: MakeLog, level: str) -> None:
    """In ordinary times one hears of libraries only what is wrong."""
    log = make_log(level=level)

    logging.getLogger("botocore.credentials").info("Found credentials")
    logging.getLogger("botocore.credentials").warning("Refreshing failed")

    assert [line["text"] for line in log.lines] == ["Refreshing failed"]


def test_configuring_again_replaces_the_log(make_log: MakeLog) -> None:
    """The last configuration counts, and no line is written twice."""
    first = make_log()
    second = make_log()

    second.emit(Event.DAEMON_STARTED, {})

    assert first.text == ""
    assert len(second.lines) == 1


def test_a_closed_pipe_costs_lines_and_no_more() -> None:
    """Nobody reads stderr any more: lines are lost and counted, and the caller is told."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8", closefd=False) as stream:
        logs = configure(format="json", level="debug", stream=stream, clock=lambda: NOW)

        with pytest.raises(LineLost):
            logs.on_event(Event.KEY_ISSUED, {})
        logging.getLogger("botocore").error("said to nobody")

        assert logs.lost == 2
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)
    os.close(writing)


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_closed_stream_costs_lines_and_no_more(form: LogFormat) -> None:
    """The same where the file object itself is closed."""
    stream = io.StringIO()
    logs = configure(format=form, level="debug", stream=stream, clock=lambda: NOW)
    stream.close()

    with pytest.raises(LineLost, match=r"^the line of key\.issued could not be written$"):
        logs.on_event(Event.KEY_ISSUED, {})

    assert logs.lost == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
def test_a_full_disk_costs_lines_and_no_more() -> None:
    """A file system without room is no reason to stop, and the next line is tried again."""
    full = io.FileIO("/dev/full", "w")
    with io.TextIOWrapper(full, encoding="utf-8", write_through=True) as stream:
        logs = configure(format="json", level="info", stream=stream, clock=lambda: NOW)

        for expected in (1, 2):
            with pytest.raises(LineLost):
                logs.on_event(Event.KEY_ISSUED, {})

            assert expected == logs.lost


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_poor_encoding_loses_no_line(form: LogFormat, tmp_path: Path) -> None:
    """On a terminal that knows only ASCII, what it cannot show is spelled out, and stays JSON."""
    path = tmp_path / "log"
    with path.open("w", encoding="ascii") as stream:
        logs = configure(format=form, level="info", stream=stream, clock=lambda: NOW)
        logs.on_event(Event.KEY_ISSUED, {"user": "ødegård 🔑", "successor": KEY})

    line = path.read_text(encoding="ascii")
    if form == "json":
        assert json.loads(line)["user"] == "ødegård 🔑"
        assert json.loads(line)["successor"] == "…MPLE"
    assert line.count("\n") == 1
    assert logs.lost == 0


def test_a_value_that_cannot_be_said_costs_its_line(make_log: MakeLog) -> None:
    """An object whose own text fails does not fail the work."""

    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("nothing to say")

    log = make_log()

    with pytest.raises(LineLost):
        log.emit(Event.USER_FAILED, {"error": Mute()})

    assert log.text == ""


def test_threads_do_not_mix_their_lines(make_log: MakeLog) -> None:
    """However many speak at once, each line is whole."""
    log = make_log()

    def speak(number: int) -> None:
        for _ in range(100):
            log.emit(Event.KEY_PROVEN, {"user": f"user-{number}", "successor": HEIR})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(speak, range(8)))

    assert len(log.lines) == 800


def test_nothing_goes_to_stdout(make_log: MakeLog, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is for answers."""
    log = make_log()

    log.emit(Event.KEY_ISSUED, {})
    logging.getLogger("botocore").error("x")

    assert capsys.readouterr() == ("", "")
    assert sys.stdout is not None
