"""Name templates: how a policy says where each user's credential goes.

A template is text with placeholders: `{account}`, `{account_id}`, `{user}`, `{path}`,
`{tag[NAME]}`. What stands before the first placeholder is its prefix, and no user, whatever its
name or tags, gets a name outside it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from rotator.errors import RotatorError

if TYPE_CHECKING:
    from rotator.model.iam import User

__all__ = ["NameProblem", "Template"]

_FIELDS = ("account", "account_id", "user", "path", "tag[NAME]")
_TAG = re.compile(r"tag\[(?P<name>[^\[\]]+)\]")
_PIECE = re.compile(r"(?P<literal>[^{}]+)|\{(?P<field>[^{}]*)\}")
_STEPS = frozenset({".", ".."})
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class NameProblem(RotatorError, ValueError):
    """A template gives this one user no usable name; the sentence says why."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One placeholder, by what stands between its braces."""

    text: str

    @property
    def tag(self) -> str | None:
        """The name of the tag that it stands for, if it stands for one."""
        match = _TAG.fullmatch(self.text)
        return match["name"] if match else None


@dataclass(frozen=True, slots=True)
class Template:
    """A checked name template; made by `parse`, turned into a user's name by `resolve`."""

    text: str
    _pieces: tuple[str | _Field, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Check a template; raises ValueError with a sentence that says what is wrong."""
        pieces = tuple(_split(text))
        template = cls(text, pieces)
        if not text.strip():
            raise ValueError("a name must not be empty")
        if _STEPS & set(_own_segments(text, template.prefix)):
            raise ValueError(f"{text!r} steps out of its own name with `.` or `..`")
        return template

    @property
    def fields(self) -> frozenset[str]:
        """The placeholders that occur, as they are written between the braces."""
        return frozenset(piece.text for piece in self._pieces if isinstance(piece, _Field))

    @property
    def prefix(self) -> str:
        """What is before the first placeholder; the whole text where there is none."""
        first = self._pieces[0] if self._pieces else ""
        return first if isinstance(first, str) else ""

    @property
    def names_user(self) -> bool:
        """Whether `{user}` occurs, so that two users of an account never share a name."""
        return "user" in self.fields

    def resolve(self, user: User) -> str:
        """The name for this user, doubled slashes after the prefix made one.

        Raises NameProblem when a tag is missing or empty, when a value holds a character that
        cannot be printed, or when a value would make the name leave the prefix.
        """
        values = [
            piece if isinstance(piece, str) else _value(piece, user) for piece in self._pieces
        ]
        prefix = self.prefix
        rest = re.sub("/+", "/", "".join(values)[len(prefix) :])
        name = prefix + (rest.removeprefix("/") if prefix.endswith("/") else rest)
        if not name.strip("/ "):
            raise NameProblem(f"the name {self.text!r} is empty for user {user}")
        if self.fields and _leaves(name, prefix):
            raise NameProblem(f"the name {self.text!r} leaves its prefix for user {user}: {name!a}")
        return name

    def __str__(self) -> str:
        return self.text


def _split(text: str) -> list[str | _Field]:
    pieces: list[str | _Field] = []
    at = 0
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None:
            raise ValueError(f"unbalanced {text[at]!r} in {text!r}")
        literal = match["literal"]
        pieces.append(_known(match["field"]) if literal is None else literal)
        at = match.end()
    return pieces


def _known(field: str) -> _Field:
    if field in _FIELDS[:4] or _TAG.fullmatch(field):
        return _Field(field)
    allowed = ", ".join(f"{{{name}}}" for name in _FIELDS)
    close = get_close_matches(field.lower(), _FIELDS, n=1, cutoff=0.5)
    hint = f"did you mean {{{close[0]}}}? " if close else ""
    raise ValueError(f"unknown placeholder {{{field}}}: {hint}there are {allowed}")


def _value(field: _Field, user: User) -> str:
    if field.tag is None:
        value = {
            "account": user.account,
            "account_id": user.account_id,
            "user": user.name,
            "path": user.path,
        }[field.text]
    elif field.tag in user.tags:
        value = user.tags[field.tag]
    else:
        raise NameProblem(f"user {user} has no tag {field.tag!r}, which its name is made of")
    if not value.strip():
        raise NameProblem(f"{{{field.text}}} is empty for user {user}")
    if any(unicodedata.category(character) in _UNPRINTABLE for character in value):
        raise NameProblem(
            f"{{{field.text}}} of user {user} has an unprintable character: {value!a}"
        )
    return value


def _own_segments(name: str, prefix: str) -> list[str]:
    """The segments of a name that are not wholly its prefix's."""
    return name.split("/")[prefix.count("/") :]


def _leaves(name: str, prefix: str) -> bool:
    """Whether a segment steps aside, also one that only looks like `..` and a system may fold."""
    own = "/".join(_own_segments(name, prefix))
    folded = unicodedata.normalize("NFKC", own)
    gained = folded.count("/") != own.count("/") or "\\" in own
    return gained or not _STEPS.isdisjoint(folded.split("/"))
