"""How a command ends: its exit status, and the one error that only a command line knows."""

from __future__ import annotations

from rotator.errors import RotatorError

__all__ = ["FAILED", "FINE", "PENDING", "WRONG", "AnswerLost", "WrongCall"]

FINE = 0
"""What was asked for is done, and nobody who was looked at needs a person."""

FAILED = 1
"""Something failed, or somebody who was looked at is stopped or held."""

WRONG = 2
"""The call or the configuration is wrong."""

PENDING = 3
"""Changes are pending (`plan --exit-code`)."""


class WrongCall(RotatorError):
    """The command was not called rightly; the sentence says how it is."""


class AnswerLost(RotatorError):
    """The answer could not be written to standard output, though somebody is there to read it."""
