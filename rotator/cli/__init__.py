"""The command line of rotator: the only place that builds things.

Answers go to standard output, remarks and logs to standard error. Exit status: 0 fine; 1 something
failed, or somebody who was looked at is stopped or held; 2 the call or the configuration is wrong;
3 changes are pending (`plan --exit-code`).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

__all__ = ["main"]

FINE, FAILED, WRONG, PENDING = 0, 1, 2, 3
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. What goes wrong is told in a sentence."""
    from rotator.cli.parser import make_parser

    given = make_parser().parse_args(argv)
    work = _credentials if given.command == "credentials" else _run
    return _closing(lambda: work(given))


def _closing(work: Callable[[], int]) -> int:
    """The edge: every error of ours is a sentence here, and a closed pipe no error at all."""
    try:
        status = work()
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _run(given: Namespace) -> int:
    from rotator.cli.build import settings_of
    from rotator.cli.commands import COMMANDS
    from rotator.cli.output import say
    from rotator.errors import ConfigError, RotatorError, StoreError

    try:
        return COMMANDS[given.command](settings_of(given), given)
    except ConfigError as exc:
        say(str(exc))
        return WRONG
    except StoreError as exc:
        say(f"rotator: {exc}")
        return WRONG if given.command in {"daemon", "run"} or _is_missing(exc) else FAILED
    except RotatorError as exc:
        say(f"rotator: {exc}")
        return FAILED
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as exc:  # noqa: BLE001 - the last edge: no traceback reaches a person
        say(f"rotator: a bug, please report it: {_where(exc)}")
        return FAILED


def _is_missing(exc: Exception) -> bool:
    from rotator.errors import StoreMissing

    return isinstance(exc, StoreMissing)


def _where(exc: Exception) -> str:
    """The type of an error and where it was raised; never its text, which may hold anything."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(exc).__name__
    file = trace.tb_frame.f_code.co_filename.rpartition("/")[2]
    return f"{type(exc).__name__} at {file}:{trace.tb_lineno}"


def _credentials(given: Namespace) -> int:
    """`rotator credentials`: started for every look of an SDK, so it imports next to nothing."""
    from datetime import UTC, datetime
    from pathlib import Path

    from rotator.cli.spans import NoSpan, span_of
    from rotator.credentials import CredentialsProblem, process_output

    try:
        length = span_of(given.expires_in)
        print(process_output(Path(given.path), expires_in=length, now=datetime.now(UTC)))
    except NoSpan as exc:
        sys.stderr.write(f"rotator: --expires-in: {exc}\n")
        return WRONG
    except CredentialsProblem as exc:
        sys.stderr.write(f"rotator: {exc}\n")
        return FAILED
    return FINE
