"""Reads one file: YAML 1.2 to a tree with the place of every key and value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from rotator.config.substitution import Substitution, Unsubstituted, read_text
from rotator.config.tree import Entry, Fields, Items, Mark, Node, Scalar, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rotator.config.faults import Faults

    _YamlNode = MappingNode | ScalarNode | SequenceNode

__all__ = ["read"]

_DEPTH_MAX = 40
_NODES_MAX = 100_000
"""Nodes of one file, those that aliases repeat counted each time."""
_DIGITS_MAX = 30

_TAG = "tag:yaml.org,2002:"
_RESOLVED = frozenset({"bool", "float", "int", "null", "timestamp", "value"})
"""What the parser may call a plain value that carries no tag; the core schema decides itself."""

# YAML 1.2.2, section 10.3.2, tag resolution of the core schema.
_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"(?P<yes>true|True|TRUE)|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)

_TEXTS = (
    ("could not find expected ':'", "a key without `:` and a value"),
    ("mapping values are not allowed here", "a second `:` in one value; put the value in quotes"),
    ("found unexpected end of stream", "a quote that is never closed"),
    ("found undefined alias", "an alias (`*name`) without its anchor (`&name`)"),
    ("but found another document", "a second document; one file holds one"),
)
"""The parser's commonest complaints, in words that say what stands there."""


class _Unreadable(Exception):
    """The file as a whole makes no tree."""

    def __init__(self, mark: Mark, sentence: str) -> None:
        self.mark = mark
        self.sentence = sentence
        super().__init__(sentence)


def read(
    path: Path, *, environ: Mapping[str, str], faults: Faults, files: list[Path]
) -> Node | None:
    """The tree of one file, or None where it makes none; what is wrong with it goes to `faults`.

    The file itself and those that it refers to by `${file:PATH}` are added to `files`.
    """
    start = Mark(str(path), 1, 1)
    files.append(path)
    try:
        root = _compose(_text(path, start), start)
        substitution = Substitution(environ, path.absolute().parent, files)
        return _Grower(str(path), substitution, faults).grow(root, 0)
    except _Unreadable as exc:
        faults.add(exc.mark, exc.sentence)
        return None


def _text(path: Path, start: Mark) -> str:
    try:
        return read_text(path)
    except ValueError as exc:
        raise _Unreadable(start, f"this file {exc}") from None


def _compose(text: str, start: Mark) -> _YamlNode:
    """The parser's own nodes; raises _Unreadable where the text is no YAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    try:
        root: _YamlNode | None = yaml.compose(text)
    except ReaderError as exc:
        raise _Unreadable(
            _mark_at(text, exc.position, start), "a control character; YAML is printable text"
        ) from None
    except MarkedYAMLError as exc:
        raise _Unreadable(*_complaint(exc, text, start)) from None
    except RecursionError:
        raise _Unreadable(start, f"nested deeper than {_DEPTH_MAX} levels") from None
    except (YAMLError, ValueError, OverflowError, AttributeError, IndexError, TypeError):
        # The parser trips over some impossible escapes and directives instead of refusing them.
        raise _Unreadable(start, "not YAML: an escape or a directive in it is impossible") from None
    if root is None:
        raise _Unreadable(start, "the file is empty; it needs at least `policies`")
    return root


def _mark_at(text: str, position: int, start: Mark) -> Mark:
    before = text[:position]
    return Mark(start.file, before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


def _complaint(exc: MarkedYAMLError, text: str, start: Mark) -> tuple[Mark, str]:
    """Where the text stops being YAML, and why, without showing any of it."""
    at = exc.problem_mark or exc.context_mark
    mark = Mark(start.file, at.line + 1, at.column + 1) if at else start
    problem = exc.problem or "it cannot be parsed"
    lines = text.splitlines()
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    if "'\\t'" in problem:
        return mark, "a tab; YAML is indented with spaces"
    if "${" in line and "{" in problem:
        return mark, "not YAML: inside braces a value that holds ${…} needs quotes"
    sentence = next((ours for theirs, ours in _TEXTS if theirs in problem), None)
    return mark, f"not YAML: {sentence or _without_values(problem)}"


def _tag(node: _YamlNode) -> str:
    """The node's tag, those of YAML itself without their common beginning."""
    return str(node.tag).removeprefix(_TAG)


def _without_values(problem: str) -> str:
    """The parser's words for a token that it did not expect."""
    known = re.fullmatch(r"expected (.{1,40}), but (?:found|got) (.{1,40})", problem)
    return f"expected {known[1]}, found {known[2]}" if known else "something here is not allowed"


class _Grower:
    """Grows our tree from the parser's nodes: places, core schema, substitution, bounds."""

    def __init__(self, file: str, substitution: Substitution, faults: Faults) -> None:
        self._file = file
        self._substitution = substitution
        self._faults = faults
        self._nodes = 0

    def grow(self, node: _YamlNode, depth: int) -> Node:
        mark = self._mark(node)
        self._nodes += 1
        if depth > _DEPTH_MAX:
            raise _Unreadable(mark, f"nested deeper than {_DEPTH_MAX} levels")
        if self._nodes > _NODES_MAX:
            raise _Unreadable(mark, f"more than {_NODES_MAX} values, aliases followed")
        if isinstance(node, ScalarNode):
            return self._scalar(node, mark)
        if isinstance(node, SequenceNode):
            self._refuse_tag(node, mark, "seq")
            return Items(mark, tuple(self.grow(item, depth + 1) for item in node.value))
        self._refuse_tag(node, mark, "map")
        return Fields(mark, self._entries(node, depth))

    def _entries(self, node: MappingNode, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            mark = self._mark(key_node)
            value = self.grow(value_node, depth + 1)
            key = self._key(key_node, mark)
            if key is None:
                continue
            if key in entries:
                first = entries[key].mark.line
                self._faults.add(mark, f"{quoted(key)} is given twice; first in line {first}")
                continue
            if isinstance(value, Scalar) and not value_node.value and value.value is None:
                value = Scalar(mark, None)  # nothing stands there, so it stands at its key
            entries[key] = Entry(mark, value)
        return entries

    def _key(self, node: _YamlNode, mark: Mark) -> str | None:
        if not isinstance(node, ScalarNode):
            self._faults.add(mark, "a key must be text, not a list or a mapping")
            return None
        if _tag(node) == "merge":
            self._faults.add(
                mark, "`<<` is not YAML 1.2; what all policies share belongs under `defaults`"
            )
            return None
        key = self._scalar(node, mark, key=True).value
        if not isinstance(key, str):
            self._faults.add(mark, f"a key must be text: put {quoted(node.value, '')} in quotes")
            return None
        return key

    def _scalar(self, node: ScalarNode, mark: Mark, *, key: bool = False) -> Scalar:
        text: str = node.value
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._spoil(mark, "half a surrogate pair, which is no character")
            return Scalar(mark, "")
        self._refuse_tag(node, mark, "str", *_RESOLVED, "merge")
        if node.style is None and _tag(node) in _RESOLVED:
            return Scalar(mark, self._core(text, mark))
        return Scalar(mark, text) if key else self._substituted(text, mark)

    def _substituted(self, text: str, mark: Mark) -> Scalar:
        try:
            value, referred = self._substitution.apply(text)
        except Unsubstituted as exc:
            self._spoil(mark, str(exc))
            return Scalar(mark, text, source=text)
        if not referred:
            return Scalar(mark, value)
        self._faults.hide(value, text)
        return Scalar(mark, value, source=text)

    def _core(self, text: str, mark: Mark) -> str | int | float | bool | None:
        """The value of a plain scalar by the core schema; dates and times stay text."""
        if _NULL.fullmatch(text):
            return None
        if match := _BOOL.fullmatch(text):
            return match["yes"] is not None
        for pattern, base in ((_INT, 10), (_OCTAL, 8), (_HEX, 16)):
            if pattern.fullmatch(text):
                if len(text) > _DIGITS_MAX:
                    self._spoil(mark, f"a number of more than {_DIGITS_MAX} digits")
                    return 0
                return int(text, base)
        if _FLOAT.fullmatch(text):
            lowered = text.lower()
            return float(lowered.replace(".inf", "inf").replace(".nan", "nan"))
        return text

    def _refuse_tag(
        self, node: MappingNode | ScalarNode | SequenceNode, mark: Mark, *known: str
    ) -> None:
        if _tag(node) not in known:
            tag = str(node.tag).replace(_TAG, "!!")
            self._spoil(mark, f"the tag {quoted(tag)} means nothing here")

    def _spoil(self, mark: Mark, sentence: str) -> None:
        """Say what is wrong with this value, and keep others from judging what stands in for it."""
        self._faults.add(mark, sentence)
        self._faults.spoil(mark)

    def _mark(self, node: _YamlNode) -> Mark:
        at = node.start_mark
        return Mark(self._file, at.line + 1, at.column + 1)
