"""How commands are called: options on either side, the environment, and what is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.cli import main
from rotator.cli.build import Settings, settings_of
from rotator.cli.outcomes import WrongCall
from rotator.cli.parser import make_parser
from rotator.events import Level

if TYPE_CHECKING:
    from argparse import Namespace

    from tests.cli.conftest import Program


def given(*argv: str) -> Namespace:
    return make_parser().parse_args(argv)


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["--config", "a", "--json", "--state", "b", "plan"], id="all on the left"),
        pytest.param(["plan", "--config", "a", "--json", "--state", "b"], id="all on the right"),
        pytest.param(["-c", "a", "plan", "--json", "--state", "b"], id="on both sides"),
    ],
)
def test_global_options_stand_on_either_side(argv: list[str]) -> None:
    """Where a global option stands does not matter."""
    settings = settings_of(given(*argv))

    assert (str(settings.config), settings.state, settings.as_json) == ("a", "b", True)


def test_the_right_side_counts_where_both_are_given() -> None:
    """What stands nearer to the end was typed later."""
    assert given("--state", "left", "plan", "--state", "right").state == "right"


def test_options_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each global option has its variable, which counts where the option is not given."""
    for name in ("CONFIG", "STATE", "LISTEN", "ACTOR"):
        monkeypatch.setenv(f"ROTATOR_{name}", f"env-{name.lower()}")
    monkeypatch.setenv("ROTATOR_LOG_FORMAT", "console")
    monkeypatch.setenv("ROTATOR_LOG_LEVEL", "DEBUG")

    all_by_environment = settings_of(given("plan"))
    by_option = settings_of(given("plan", "--state", "s", "--log-format", "json"))

    assert all_by_environment == Settings(
        config=all_by_environment.config,
        state="env-state",
        listen="env-listen",
        log_format="console",
        log_level=Level.DEBUG,
        as_json=False,
        actor="env-actor",
    )
    assert str(all_by_environment.config) == "env-config"
    assert (by_option.state, by_option.log_format) == ("s", "json")


def test_nothing_given_is_json_at_info_without_a_terminal() -> None:
    """A log that no person reads is for machines."""
    settings = settings_of(given("plan"))

    assert (settings.log_format, settings.log_level) == ("json", Level.INFO)
    assert (settings.config, settings.state, settings.listen) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ROTATOR_LOG_FORMAT", "xml", "ROTATOR_LOG_FORMAT is 'xml'; it may be json or console"),
        (
            "ROTATOR_LOG_LEVEL",
            "loud",
            "ROTATOR_LOG_LEVEL is 'loud'; it may be one of debug, info, warning, error",
        ),
    ],
)
def test_variables_are_held_to_what_options_take(
    name: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong variable is a wrong call."""
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongCall) as caught:
        settings_of(given("plan"))

    assert str(caught.value) == expected


WRONG_CALLS = [
    pytest.param([], "COMMAND", id="no command"),
    pytest.param(["rotat"], "invalid choice: 'rotat'", id="no such command"),
    pytest.param(["plan", "--pol", "ci"], "unrecognized arguments", id="a shortened option"),
    pytest.param(["explain"], "required: USER|KEY", id="nobody to explain"),
    pytest.param(["hold", "alice"], "required: --reason", id="hold without a reason"),
    pytest.param(["hold", "--reason", "x"], "one of the arguments", id="hold of nobody"),
    pytest.param(
        ["hold", "alice", "--all", "--reason", "x"], "not allowed with", id="hold of two things"
    ),
    pytest.param(["hold", "alice", "--reason", " "], "it is empty", id="a reason of blanks"),
    pytest.param(["rollback", "alice"], "required: --reason", id="rollback without a reason"),
    pytest.param(["close", "alice"], "required: --reason", id="close without a reason"),
    pytest.param(["history", "--action", "eat"], "invalid choice: 'eat'", id="no such step"),
    pytest.param(["history", "--since", "soon"], "'soon' is neither", id="no moment"),
    pytest.param(["history", "--since", "2026-01-01"], "neither", id="a moment without a zone"),
    pytest.param(["credentials", "f", "--expires-in", "0h"], "'0h' is no length", id="no length"),
    pytest.param(["credentials", "f", "--expires-in", "90"], "'90' is no length", id="no unit"),
    pytest.param(["credentials", "f", "--expires-in", "9" * 30 + "w"], "is no length", id="ages"),
    pytest.param(
        ["hold", "alice", "--reason", "x", "--until", "2020-01-01T00:00Z"],
        "is over already",
        id="a hold until the past",
    ),
    pytest.param(["state"], "required: VERB", id="nothing to do with the state"),
    pytest.param(["--log-level", "loud", "status"], "invalid choice: 'loud'", id="no such level"),
]


@pytest.mark.parametrize(("argv", "expected"), WRONG_CALLS)
def test_wrong_calls_exit_with_2(
    argv: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong call says what is wrong on standard error, answers nothing, and exits with 2."""
    status = main(argv)
    out, err = capsys.readouterr()

    assert status == 2
    assert expected in re.sub(r"\s+", " ", err)
    assert out == ""


@pytest.mark.parametrize("argv", [["--version"], ["plan", "--version"]])
def test_version(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The version is told on either side of a command, and that is fine."""
    assert main(argv) == 0
    assert capsys.readouterr().out.startswith("rotator ")


NEED_CONFIGURATION = [
    ["daemon"],
    ["run"],
    ["plan"],
    ["validate"],
    ["status"],
    ["explain", "alice"],
    ["history"],
    ["rotate", "alice"],
    ["hold", "alice", "--reason", "x"],
    ["release", "alice"],
    ["state", "check"],
]


@pytest.mark.parametrize("argv", NEED_CONFIGURATION, ids=" ".join)
def test_commands_say_that_they_need_a_configuration(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a configuration there is one sentence, and 2."""
    status = main(argv)

    assert (status, capsys.readouterr().err) == (
        2,
        "rotator: no configuration is named: say --config PATH, or set ROTATOR_CONFIG\n",
    )


@pytest.mark.parametrize("listen", ["9180", "host", "host:port", ":"])
def test_listen_is_an_address(program: Program, listen: str) -> None:
    """`--listen` that is no address is a wrong call."""
    answer = program("--listen", listen, "validate")

    assert (answer.status, answer.err) == (
        2,
        f"rotator: --listen (ROTATOR_LISTEN): {listen!r} is no address like 127.0.0.1:9180\n",
    )


def test_lengths_and_moments() -> None:
    """`--since` takes both, `--until` looks forward; the answers are moments in UTC."""
    now = datetime.now(UTC)
    since = given("history", "--since", "6h").since
    until = given("hold", "a", "--reason", "x", "--until", "+4h").until
    dated = given("history", "--since", "2026-01-01T01:00+01:00").since

    assert abs(now - timedelta(hours=6) - since) < timedelta(seconds=5)
    assert abs(now + timedelta(hours=4) - until) < timedelta(seconds=5)
    assert dated == datetime(2026, 1, 1, tzinfo=UTC)
