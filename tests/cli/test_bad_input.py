"""Stores and configurations that are not in order: one sentence, and nothing is changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Program

ACTING = [
    pytest.param(["run"], id="run"),
    pytest.param(["daemon"], id="daemon"),
    pytest.param(["rotate", "alice"], id="rotate"),
    pytest.param(["rollback", "alice", "--reason", "x"], id="rollback"),
    pytest.param(["close", "alice", "--reason", "x"], id="close"),
    pytest.param(["hold", "--all", "--reason", "x"], id="hold"),
    pytest.param(["release", "--all"], id="release"),
    pytest.param(["state", "check"], id="state check"),
    pytest.param(["state", "backup", "copy.db"], id="state backup"),
    pytest.param(["state", "accept", "--reason", "x"], id="state accept"),
]


@pytest.mark.parametrize("argv", ACTING)
def test_nothing_acts_without_a_store(program: Program, argv: list[str]) -> None:
    """A store is made by `state init` alone: without one there is a sentence, 2, and no file."""
    answer = program(*argv)

    sentence = (
        f"rotator: there is no state at {program.state};"
        " to make a new, empty one type: rotator state init\n"
    )
    assert (answer.status, answer.out, answer.err) == (2, "", sentence)
    assert not program.state.parent.exists()


@pytest.mark.parametrize("argv", [["status"], ["history"]], ids=" ".join)
def test_reading_goes_on_without_a_store(program: Program, argv: list[str]) -> None:
    """What only reads goes on as on the first day, says so, and makes no store."""
    answer = program(*argv)

    assert answer.status == 0
    assert "Going on as on the first day: nothing is on record." in answer.err
    assert not program.state.parent.exists()


def test_status_on_the_first_day_is_an_empty_answer(program: Program) -> None:
    """Scripts get a document with nobody in it."""
    answer = program("status", "--json")

    assert (answer.document["schema_version"], answer.document["users"]) == (1, [])


def folder(path: Path) -> None:
    path.mkdir(parents=True)


def empty(path: Path) -> None:
    path.parent.mkdir()
    path.touch()


def text(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("this is no store at all, but it is long enough to be one" * 10)


def database_of_others(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE shopping (item TEXT)")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as store, store:
        store.execute("UPDATE meta SET value = '99' WHERE name IN ('schema_version', 'min_reader')")


def backup(path: Path) -> None:
    with closing(sqlite3.connect(path)) as store, store:
        store.execute("INSERT INTO meta (name, value) VALUES ('backup', 'made in a test')")


BAD_STORES = [
    pytest.param(folder, False, 2, "is a folder; name a file inside it", id="a folder"),
    pytest.param(empty, False, 1, "has 0 bytes", id="an empty file"),
    pytest.param(text, False, 1, "is not an SQLite file; it is left as it is", id="text"),
    pytest.param(database_of_others, False, 1, "", id="somebody else's database"),
    pytest.param(truncated, True, 1, "", id="a store that is cut short"),
    pytest.param(newer, True, 1, "newer", id="a store of a newer version"),
]


@pytest.mark.parametrize(("spoil", "exists", "status", "sentence"), BAD_STORES)
@pytest.mark.parametrize("argv", [["run"], ["status"], ["state", "check"]], ids=" ".join)
def test_bad_stores_are_told_and_left_alone(
    program: Program,
    argv: list[str],
    spoil: Callable[[Path], None],
    exists: bool,
    status: int,
    sentence: str,
) -> None:
    """A store that is not in order is one sentence, is never replaced, and nothing is begun."""
    if exists:
        assert program("state", "init").status == 0
    spoil(program.state)
    before = program.state.read_bytes() if program.state.is_file() else None

    answer = program(*argv)
    again = program("state", "init")

    assert (answer.status, answer.out) == (status, "")
    assert answer.err.startswith("rotator: ")
    assert answer.err.count("\n") == 1
    assert sentence in answer.err
    assert str(program.state) in answer.err
    assert (again.status, again.out) == (1, "")
    assert (program.state.read_bytes() if before is not None else None) == before


def test_init_refuses_a_store_that_exists(program: Program) -> None:
    """The second `state init` changes nothing, and exits with 1."""
    first = program("state", "init")
    before = program.state.read_bytes()
    second = program("state", "init")

    assert first.status == 0
    assert program.state.stat().st_mode & 0o777 == 0o600
    assert (second.status, program.state.read_bytes()) == (1, before)
    assert (
        second.err
        == f"rotator: the state file {program.state} exists already; it is left as it was\n"
    )


ADDRESSES = [
    pytest.param("rotator.db", "is not a URL like sqlite:///FILE", id="a plain path"),
    pytest.param("sqlite://", "needs a file: sqlite:///FILE", id="in memory"),
    pytest.param("mysql://host/db", "may be kept in sqlite or postgresql", id="another database"),
]


@pytest.mark.parametrize(("url", "sentence"), ADDRESSES)
@pytest.mark.parametrize("argv", [["state", "init"], ["run"], ["history"]], ids=" ".join)
def test_addresses_that_cannot_be_a_store(
    program: Program, argv: list[str], url: str, sentence: str
) -> None:
    """An address that can never be a store's is a wrong call."""
    answer = program("--state", url, *argv)

    assert (answer.status, answer.out) == (2, "")
    assert sentence in answer.err


def test_password_of_the_state_is_never_printed(program: Program) -> None:
    """A database that does not answer is told without its password."""
    url = "postgresql+psycopg://rotator:hunter2@127.0.0.1:1/rotator"
    answer = program("--state", url, "state", "check")

    assert answer.status in {1, 2}
    assert "hunter2" not in answer.out + answer.err


CONFIGURATIONS = [
    pytest.param("", "1:1: ", id="an empty file"),
    pytest.param("version: 1\n\tpolicies: []\n", "2:1: ", id="a tab"),
    pytest.param("version: 1\nversion: 1\n", "2:1: ", id="a key twice"),
    pytest.param("version: 1\npolicy: []\n", "2:1: ", id="an unknown field"),
    pytest.param("[1, 2", "1:6: ", id="no YAML"),
]


@pytest.mark.parametrize(("content", "where"), CONFIGURATIONS)
@pytest.mark.parametrize("argv", [["validate"], ["run"], ["daemon"], ["plan"]], ids=" ".join)
def test_bad_configurations_exit_with_2(
    program: Program, argv: list[str], content: str, where: str
) -> None:
    """Every fault is a line FILE:LINE:COL on standard error, and the status is 2."""
    program.config.write_text(content)
    answer = program(*argv)

    assert (answer.status, answer.out) == (2, "")
    assert any(line.startswith(f"{program.config}:{where}") for line in answer.err.splitlines())


def test_no_configuration_file(program: Program) -> None:
    """A path at which nothing is says so."""
    program.config.unlink()
    answer = program("validate")

    assert answer.status == 2
    assert answer.err.startswith(f"{program.config}:1:1: ")


def test_faults_are_a_document_too(program: Program) -> None:
    """With --json the faults of the configuration are told to scripts as well."""
    program.config.write_text("version: 1\npolicy: []\n")
    answer = program("validate", "--json")

    assert answer.status == 2
    assert answer.document["valid"] is False
    assert {"file", "line", "column", "sentence"} == answer.document["errors"][0].keys()
    assert len(answer.document["errors"]) == len(answer.err.splitlines())


def test_unreachable_aws_is_one_sentence(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where AWS does not answer, `run` and `plan` say so, do nothing, and exit with 1."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    program("state", "init")

    run, plan = program("run"), program("plan")

    assert (run.status, plan.status) == (1, 1)
    assert run.sentences.startswith("rotator: account prod: ")
    assert plan.sentences.startswith("rotator: account prod: ")
    assert [line["event"] for line in run.logged] == ["account.failed"]


def test_a_backup_is_not_worked_with_before_somebody_accepts_it(program: Program) -> None:
    """A store that went back is told by `state check`; `state accept` is a person's word."""
    program("state", "init")
    backup(program.state)

    check = program("state", "check")
    accepted = program("state", "accept", "--reason", "the disk died", "--as", "ops")
    again = program("state", "check")
    twice = program("state", "accept", "--reason", "again")

    assert check.status == 1
    assert "made in a test" in check.err
    assert (accepted.status, again.status, twice.status) == (0, 0, 1)
    assert program("history", "--json").out.count('"actor": "ops"') == 1


def test_backup_is_a_stamped_copy_that_is_never_overwritten(program: Program) -> None:
    """`state backup` writes a new file, and refuses one that exists."""
    program("state", "init")
    copy = program.folder / "copy.db"

    first, second = program("state", "backup", str(copy)), program("state", "backup", str(copy))
    checked = program("--state", f"sqlite:///{copy}", "--json", "state", "check")

    assert (first.status, second.status) == (0, 1)
    assert "exists already" in second.err
    assert checked.status == 1
    assert len(checked.document["faults"]) == 1
