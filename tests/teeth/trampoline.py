"""What a mutated module calls for its functions: the mutant that is active, or the original.

The mutated modules import this one under the name that mutmut gives its own, which asks the
environment at every call and cannot tell which functions a test has reached.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["REACHED", "activate", "wrapped"]

P = ParamSpec("P")
R = TypeVar("R")

REACHED: set[str] = set()
"""The functions that were called, as `module.function`, until somebody clears it."""

_ACTIVE = {"function": "", "mutant": ""}


def activate(function: str, mutant: str) -> None:
    """From here on that function is its mutant of that name."""
    _ACTIVE.update(function=function, mutant=mutant)


def wrapped(
    mutants: dict[str, Callable[P, R]], *_: object, **__: object
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: the function, or the mutant of it that is active."""

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        name = f"{function.__module__}.{function.__qualname__}"

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            REACHED.add(name)
            chosen = _ACTIVE["mutant"] if _ACTIVE["function"] == name else "_mutmut_orig"
            return mutants[chosen](*args, **kwargs)

        return call

    return decorated
