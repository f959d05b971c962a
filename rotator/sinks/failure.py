"""Why a request of a sink has no answer to use, as a value.

Nothing is raised where the request is made: what a library raises may hold the request, and those
of a sink hold secrets. An error that is raised later, outside of any `except`, carries no trace.
"""

from __future__ import annotations

from dataclasses import dataclass

from rotator.errors import AccessDenied, ReadError

__all__ = ["DENIED", "LATE", "Failure"]

DENIED = "AccessDenied"
"""The code of a failure for want of a permission, where the backend has no word of its own."""

_DENIED = frozenset({DENIED, "AccessDeniedException", "UnauthorizedOperation"})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer to use.

    Attributes:
        sentence: for people; holds nothing of a request or an answer that may be secret.
        code: the service's error code, else the kind of failure.
        is_certain: nothing happened, for certain.
    """

    sentence: str
    code: str
    is_certain: bool

    def as_read_error(self) -> ReadError:
        """The error of one who only wanted to know."""
        kind = AccessDenied if self.code in _DENIED else ReadError
        return kind(self.sentence, code=self.code)

    def of(self, called: str) -> Failure:
        """The same failure, told of the place that is called so."""
        return Failure(f"{called}: {self.sentence}", self.code, self.is_certain)


LATE = Failure("there is no time left to write it", "Late", is_certain=True)
"""What is not sent, because the deadline has passed."""
