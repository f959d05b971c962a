"""Who gives an order, and whether they mean it."""

from __future__ import annotations

import getpass
import socket
import sys
from typing import TYPE_CHECKING

from rotator.cli.output import say

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings

__all__ = ["actor_of", "confirmed", "is_meant"]


def actor_of(settings: Settings, given: Namespace) -> str:
    """Whom the record names: `--as`, ROTATOR_ACTOR, else login@host."""
    named = (given.actor or "").strip() or settings.actor
    return named or f"{_login()}@{socket.gethostname()}"


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        # A container's user may have no name.
        return "unknown"


def is_meant(given: Namespace) -> bool:
    """Whether a person has said yes to this very question: by `--yes`, or at the terminal."""
    return bool(given.yes) or sys.stdin.isatty()


def confirmed(given: Namespace, question: str) -> bool:
    """Ask, on a terminal only; elsewhere the command itself is the word, as is `--yes`."""
    if given.yes or not sys.stdin.isatty():
        return True
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline().strip().lower()
    if answer in {"y", "yes"}:
        return True
    say("Nothing was done.")
    return False
