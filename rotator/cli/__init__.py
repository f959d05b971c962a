"""The command line of rotator: the only place that builds things.

Answers go to standard output, remarks and logs to standard error. Exit status: 0 fine; 1 something
failed, or somebody who was looked at is stopped or held; 2 the call or the configuration is wrong;
3 changes are pending (`plan --exit-code`). Interrupted by Ctrl-C: 130.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

__all__ = ["main"]

FAILED, WRONG, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. What goes wrong is told in a sentence."""
    from rotator.cli.parser import make_parser

    _ready_streams()
    try:
        given = make_parser().parse_args(argv)
        status = _credentials(given) if given.command == "credentials" else _run(given)
    except SystemExit as exc:
        # So argparse ends: it has printed the help, or what is wrong with the call.
        status = exc.code if isinstance(exc.code, int) else WRONG
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception as exc:  # noqa: BLE001 - the last edge: no traceback reaches a person
        status = _bug(exc)
    return status if _is_flushed() else FAILED


def _run(given: Namespace) -> int:
    """Run a command; the edge at which every error of ours becomes a sentence and a status."""
    from rotator.cli.build import settings_of
    from rotator.cli.commands import COMMANDS
    from rotator.cli.output import say
    from rotator.errors import CommitUnknown, ConfigError, RotatorError

    try:
        return COMMANDS[given.command](settings_of(given), given)
    except ConfigError as exc:
        say(str(exc))
        return WRONG
    except CommitUnknown as exc:
        say(f"rotator: {exc}; look before you say it again: rotator status")
        return FAILED
    except RotatorError as exc:
        say(f"rotator: {exc}")
        return WRONG if _is_wrong_call(exc) else FAILED


def _bug(exc: Exception) -> int:
    from rotator.cli.bugs import report
    from rotator.cli.output import say

    say(f"rotator: {report(exc)}")
    return FAILED


def _is_wrong_call(exc: Exception) -> bool:
    """Whether the caller must change something: the call, or the place of the store.

    A plain StoreError says that the address can never be a store (a folder, no URL, a network
    file system); its subclasses say what became of a store.
    """
    from rotator.cli.outcomes import WrongCall
    from rotator.errors import StoreError, StoreMissing

    return isinstance(exc, WrongCall | StoreMissing) or type(exc) is StoreError


def _credentials(given: Namespace) -> int:
    """`rotator credentials`: started for every look of an SDK, so it imports next to nothing."""
    from datetime import UTC, datetime
    from pathlib import Path

    from rotator.credentials import CredentialsProblem, process_output

    now = datetime.now(UTC)
    try:
        print(process_output(Path(given.path), expires_in=given.expires_in, now=now))
    except CredentialsProblem as exc:
        sys.stderr.write(f"rotator: {exc}\n")
        return FAILED
    return 0


def _ready_streams() -> None:
    """Have three standard streams that take any character.

    Something harmless stands in for one that was closed (`>&-`): else the store would be opened
    under the number of a standard stream, and what a library prints there be written into it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, and those below are open by now.
            os.open(os.devnull, os.O_RDWR)
        setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no UTF-8 gets escapes for what it cannot show.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_flushed() -> bool:
    """Whether the whole answer went out, or nobody wants it: a closed pipe is no error."""
    from rotator.cli.output import drop_stdout

    try:
        sys.stdout.flush()
    except BrokenPipeError:
        drop_stdout()
    except OSError as exc:
        drop_stdout()
        sys.stderr.write(f"rotator: the answer could not be written: {exc.strerror}\n")
        return False
    return True
