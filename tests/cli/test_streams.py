"""Standard streams that are closed, broken, full or narrow; bugs; and how quick the program is."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rotator.cli import commands, main
from rotator.cli.bugs import report
from rotator.cli.output import document, plain, table, tell
from rotator.model import Reason

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings
    from tests.cli.conftest import Program

PYTHON = sys.executable
FULL = Path("/dev/full")


def shell(command: str, program: Program, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a shell does; `rotator` in the command is the program."""
    called = command.replace("rotator ", f"{PYTHON} -m rotator -c {program.config} ")
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {called}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, **environ},
    )


class TestStreams:
    """What nobody reads is no error; what cannot be written is."""

    @pytest.mark.parametrize(
        "command",
        [
            pytest.param("rotator status >&-", id="stdout is closed"),
            pytest.param("rotator status 2>&-", id="stderr is closed"),
            pytest.param("rotator status <&- >&- 2>&-", id="all are closed"),
            pytest.param("rotator history --json | true", id="the reader has gone"),
            pytest.param("rotator --help | true", id="the reader of the help has gone"),
            pytest.param("rotator history | head -c 1 >/dev/null", id="it reads a little"),
        ],
    )
    def test_nobody_reads(self, program: Program, command: str) -> None:
        """Nothing is said about it, and the status is that of the work."""
        program("state", "init")
        done = shell(command, program)

        assert (done.returncode, done.stderr) == (0, "")

    def test_a_closed_stream_is_not_the_store_s(self, program: Program) -> None:
        """No file of ours gets the number of a standard stream."""
        done = shell("rotator state init <&- >&- 2>&-", program)

        assert done.returncode == 0
        assert program("state", "check").status == 0

    @pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
    @pytest.mark.parametrize("command", ["rotator status", "rotator history --json"])
    def test_a_full_disk_is_said(self, program: Program, command: str) -> None:
        """An answer that could not be written is a failure."""
        program("state", "init")
        program("hold", "--all", "--reason", "x" * 10_000)
        done = shell(f"{command} >/dev/full", program)

        assert done.returncode == 1
        assert done.stderr == (
            "rotator: the answer could not be written: No space left on device\n"
        )

    def test_a_narrow_terminal_gets_escapes(self, program: Program) -> None:
        """Where a character cannot be shown, its escape is."""
        program("state", "init")
        program("hold", "--all", "--reason", "für Wärter …")
        done = shell("rotator history", program, PYTHONIOENCODING="ascii")

        assert done.returncode == 0
        assert "f\\xfcr W\\xe4rter \\u2026" in done.stdout


class TestBugs:
    """An error that nobody knows is one line for people, and a file for us."""

    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A command with a mistake, whose local variables hold a secret."""

        def with_mistake(_settings: Settings, _given: Namespace) -> int:
            secret = "wJalrXUtnFEMI/K7MDENG"
            raise KeyError(f"\x1b[31m of AKIAIOSFODNN7EXAMPLE {len(secret)}")

        monkeypatch.setattr(commands, "COMMANDS", {"validate": with_mistake})
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    @pytest.mark.usefixtures("broken")
    def test_one_line(self, program: Program) -> None:
        """The line says that it is a bug, where, and which file has the traceback."""
        answer = program("validate")
        (kept,) = program.folder.glob("rotator-bug-*.txt")

        assert (answer.status, answer.out) == (1, "")
        assert answer.err.startswith(
            "rotator: this is a bug, please report it: KeyError at test_streams.py:"
        )
        assert answer.err.endswith(f"; its traceback is in {kept}\n")
        assert answer.err.count("\n") == 1

    @pytest.mark.usefixtures("broken")
    def test_what_is_kept(self, program: Program) -> None:
        """The lines of code, no local variables, and of the text what a log may show; mode 0600."""
        program("validate")
        (kept,) = program.folder.glob("rotator-bug-*.txt")
        text = kept.read_text()

        assert "with_mistake" in text
        assert "AKIAIOSFODNN7EXAMPLE" not in text
        assert "\x1b" not in text
        assert kept.stat().st_mode & 0o777 == 0o600

    def test_credentials_too(
        self, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """What an SDK runs shows no traceback either."""

        def with_mistake(*_: object, **__: object) -> str:
            raise RuntimeError

        monkeypatch.setattr("rotator.credentials.process_output", with_mistake)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        answer = program("credentials", "x")

        assert (answer.status, answer.out) == (1, "")
        assert answer.err.startswith("rotator: this is a bug, please report it: RuntimeError at ")

    def test_without_a_place_for_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where no file can be written the line alone is told."""
        monkeypatch.setattr("tempfile.tempdir", "/dev/null/nowhere")

        assert report(ValueError("x")) == (
            "this is a bug, please report it: ValueError at an unknown place"
        )

    def test_interrupted(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C ends a command that only reads, quietly, with 130."""

        def interrupted(_settings: Settings, _given: Namespace) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr(commands, "COMMANDS", {"plan": interrupted})
        answer = program("plan")

        assert (answer.status, answer.out, answer.err) == (130, "", "")


class TestOutput:
    """How answers are written."""

    def test_table_is_aligned(self) -> None:
        """Columns are as wide as their widest cell; what is nothing is a dash."""
        assert table(["A", "LONG"], [["xyz", None], ["", Reason.AGE]]) == (
            "A    LONG\nxyz  -\n-    age"
        )

    def test_nothing_moves_the_cursor(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Names and error texts come from elsewhere: control characters are spelled out."""
        tell(table(["A"], [["a\x1b[2Jb\u202ec\rd"]]))

        assert capsys.readouterr().out == "A\na\\u001b[2Jb\\u202ec d\n"

    def test_document(self) -> None:
        """Every document says its version and when it was made."""
        found = document(x=(1, {"y": Reason.AGE}))

        assert list(found) == ["schema_version", "generated_at", "x"]
        assert found["x"] == [1, {"y": "age"}]
        assert plain(None) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argv", "seconds"),
    [
        pytest.param(["--help"], 0.3, id="help"),
        pytest.param(["credentials", "FILE"], 0.15, id="credentials"),
    ],
)
def test_it_is_quick(program: Program, argv: list[str], seconds: float) -> None:
    """The best of five starts costs less processor time than people, or SDKs, would notice."""
    place = program.folder / "alice.json"
    place.write_text('{"Version": 1, "AccessKeyId": "AKIA1", "SecretAccessKey": "s"}')
    call = [PYTHON, "-m", "rotator", *(str(place) if arg == "FILE" else arg for arg in argv)]
    environ = {name: value for name, value in os.environ.items() if "COV" not in name}

    def cost() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(call, check=True, capture_output=True, env=environ)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(cost() for _ in range(5)) < seconds


class TestCredentials:
    """`credentials`: what an SDK's `credential_process` runs."""

    def test_prints_what_the_sink_wrote(
        self, program: Program, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The credential with an expiration, on one line, and nothing else."""
        place = program.folder / "alice.json"
        place.write_text('{"Version": 1, "AccessKeyId": "AKIA1", "SecretAccessKey": "s"}')
        status = main(["credentials", str(place), "--expires-in", "15m"])
        out, err = capsys.readouterr()

        assert (status, err) == (0, "")
        assert out.startswith('{"Version": 1, "AccessKeyId": "AKIA1", "SecretAccessKey": "s", ')
        assert '"Expiration": "' in out

    def test_says_what_is_wrong(self, program: Program, capsys: pytest.CaptureFixture[str]) -> None:
        """A file that is not there is one sentence, and 1."""
        status = main(["credentials", str(program.folder / "nobody.json")])
        out, err = capsys.readouterr()

        assert (status, out) == (1, "")
        assert err == f"rotator: there is no file {program.folder / 'nobody.json'}\n"
