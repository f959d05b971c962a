"""Collects everything that is wrong, so that all of it is told at once and no secret with it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from rotator.config.tree import quoted
from rotator.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rotator.config.tree import Mark

__all__ = ["Faults", "nearest"]

_HIDDEN_MIN = 4
"""Shorter texts occur in sentences by chance; such values are kept out by never being shown."""


class Faults:
    """The problems found so far, each once, and the texts that none of them may show."""

    def __init__(self) -> None:
        self._found: set[Problem] = set()
        self._hidden: dict[str, str] = {}
        self._spoilt: set[Mark] = set()

    def add(self, mark: Mark, sentence: str) -> None:
        """Note one fault at its place."""
        if mark in self._spoilt:
            return
        self._found.add(Problem(mark.file, mark.line, mark.column, self._covered(sentence)))

    def spoil(self, mark: Mark) -> None:
        """Say no more about this place: what could not be read is judged no further."""
        self._spoilt.add(mark)

    def hide(self, value: str, source: str) -> None:
        """Show `source` wherever a sentence would show `value`, a text that came from `${…}`."""
        if len(value) >= _HIDDEN_MIN:
            self._hidden[value] = source
            self._hidden[repr(value)[1:-1]] = source

    def problems(self) -> tuple[Problem, ...]:
        """All of them, in order of place."""
        return tuple(sorted(self._found))

    def raise_any(self) -> None:
        """Raises ConfigError if there is any fault."""
        if self._found:
            raise ConfigError(self.problems())

    def _covered(self, sentence: str) -> str:
        for value in sorted(self._hidden, key=len, reverse=True):
            sentence = sentence.replace(value, self._hidden[value])
        return sentence


def nearest(wrong: str, right: Iterable[str], *, there_are: str) -> str:
    """The end of a sentence about an unknown name: the nearest right one, or all there are."""
    known = sorted(right)
    close = get_close_matches(wrong, known, n=1) or get_close_matches(wrong.lower(), known, n=1)
    if close:
        return f"did you mean {quoted(close[0])}?"
    return f"{there_are} {', '.join(map(quoted, known)) or 'none'}"
