"""The text of a configuration as a tree in which every node knows where it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "Entry",
    "Fields",
    "Items",
    "Mark",
    "Node",
    "Scalar",
    "find",
    "is_secret",
    "plain",
    "quoted",
    "scalars",
    "shown",
    "shown_at",
]

_SHOWN_MAX = 60
"""Characters of a value or name that a sentence shows."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; line and column are 1-based, as editors count them."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value.

    Attributes:
        source: what stands in the file, where (part of) the value came from `${…}`; such a value
            may be a secret and is never shown.
    """

    mark: Mark
    value: str | int | float | bool | None = field(repr=False)
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    mark: Mark
    items: tuple[Node, ...]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's place, and its value."""

    mark: Mark
    node: Node


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping; its mark is where its first key stands, or its brace."""

    mark: Mark
    entries: Mapping[str, Entry]

    def get(self, name: str) -> Node | None:
        """The value of this key, if it is given."""
        entry = self.entries.get(name)
        return entry.node if entry else None

    def mark_of(self, name: str) -> Mark:
        """Where the value of this key begins; where the mapping does if it is not given."""
        node = self.get(name)
        return node.mark if node else self.mark

    def without(self, *names: str) -> Fields:
        """The same mapping but for some keys."""
        return Fields(self.mark, {k: e for k, e in self.entries.items() if k not in names})

    def only(self, *names: str) -> Fields:
        """The same mapping with no other keys than these."""
        return Fields(self.mark, {k: e for k, e in self.entries.items() if k in names})


Node = Scalar | Items | Fields


def plain(node: Node) -> object:
    """The values alone, as `json` would have read them."""
    match node:
        case Scalar():
            return node.value
        case Items():
            return [plain(item) for item in node]
        case Fields():
            return {key: plain(entry.node) for key, entry in node.entries.items()}
        case _:
            assert_never(node)


def find(node: Node, steps: tuple[int | str, ...]) -> tuple[Node, tuple[int | str, ...]]:
    """The node that these steps lead to, and the steps that could not be gone."""
    for count, step in enumerate(steps):
        following: Node | None = None
        if isinstance(node, Fields) and isinstance(step, str):
            following = node.get(step)
        elif isinstance(node, Items) and isinstance(step, int) and 0 <= step < len(node.items):
            following = node.items[step]
        if following is None:
            return node, steps[count:]
        node = following
    return node, ()


def scalars(node: Node) -> Iterator[Scalar]:
    """All values below a node."""
    match node:
        case Scalar():
            yield node
        case Items():
            for item in node:
                yield from scalars(item)
        case Fields():
            for entry in node.entries.values():
                yield from scalars(entry.node)
        case _:
            assert_never(node)


def is_secret(node: Node) -> bool:
    """Whether any value below the node came from `${…}`."""
    return any(scalar.source is not None for scalar in scalars(node))


def quoted(text: str, mark: str = "`") -> str:
    """A name or text for a sentence: one line, printable, not too long."""
    cut = text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"
    return mark + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut) + mark


def shown_at(node: Fields, name: str) -> str:
    """What was found under a key that may be missing."""
    found = node.get(name)
    return shown(found) if found else quoted(name)


_PASSWORD = re.compile(r"(://[^:/@\s]*):.*@", re.DOTALL)


def shown(node: Node) -> str:
    """What was found, for "expected …, got …".

    Never a value that came from `${…}`, nor the password of an address.
    """
    match node:
        case Scalar(source=str(source)):
            return quoted(source)
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool(value)):
            return "true" if value else "false"
        case Scalar(value=str(value)):
            return quoted(_PASSWORD.sub(r"\1:***@", value), "'") if value else "an empty text"
        case Scalar():
            return quoted(str(node.value), "")
        case Items():
            return "a list" if node.items else "an empty list"
        case Fields():
            return "a mapping" if node.entries else "an empty mapping"
        case _:
            assert_never(node)
