"""The format `template`: a text of the policy's own, in which the credential has its places.

Nothing is executed: a placeholder stands for one value, as it is. Because a template is the whole
text, nothing of what was there before is kept.

What is written can be read back wherever each placeholder ends at a character that its value cannot
hold, or at the end. Where it does not, two credentials may give the same text, and the template is
one-way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from rotator.formats.base import (
    KEY_ID,
    Format,
    FormatReading,
    Source,
    formless,
    interpret,
    values,
)
from rotator.model import Credential, Empty, Stranger, User

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["TemplateFormat"]

_SOURCES: Mapping[str, Source] = {
    "access_key_id": "access_key_id",
    "secret_access_key": "secret_access_key",
    "user": "user_name",
    "account_id": "account_id",
}
_VALUES = {
    "access_key_id": KEY_ID,
    "secret_access_key": r"[A-Za-z0-9/+=]{1,1024}",
    "user": r"[A-Za-z0-9_+=,.@-]{1,64}",  # UserName in IAM's API reference
    "account": r"[A-Za-z0-9_-]{1,1024}",
    "account_id": r"[0-9]{12}",
}
"""What each placeholder may stand for, as a class of characters and how many of them.

IAM's secrets are of these 65 characters (as AWS's own git-secrets looks for them). None of them
means anything to JSON, XML, YAML in quotes or a shell in quotes, so that nothing needs escaping;
a secret with any other is not written.
"""

_NEEDED = ("access_key_id", "secret_access_key")
_NAMED = re.compile(r"(?P<open>\{+)(?P<name>[a-z][a-z0-9_]*(?:\[[^\[\]{}\n]*\])?)(?P<close>\}+)")


@dataclass(frozen=True, slots=True)
class _Placeholder:
    """One place in a template, and where that is, for people."""

    name: str
    where: str

    def __str__(self) -> str:
        return f"{{{self.name}}} in {self.where} of the template"


_Pieces = tuple[str | _Placeholder, ...]


class TemplateFormat(Format):
    """A text of the policy's own, in which names in braces stand for the parts of a credential."""

    from_files: ClassVar[Mapping[str, str]] = {"file": "template"}

    template: str | None = Field(
        default=None,
        description="The whole text. `{access_key_id}` and `{secret_access_key}` stand in it, and "
        "`{user}`, `{account}`, `{account_id}` may; `{{user}}` is the text `{user}`, and other "
        "braces are themselves.",
    )
    file: str | None = Field(
        default=None, description="The file that holds it, in place of `template`."
    )
    _account: str = PrivateAttr(default="")

    @field_validator("template")
    @classmethod
    def _is_whole(cls, template: str | None) -> str | None:
        pieces = _pieces(template) if template is not None else ()
        names = {piece.name for piece in pieces if isinstance(piece, _Placeholder)}
        lacking = " and no ".join(f"{{{name}}}" for name in _NEEDED if name not in names)
        if template is not None and lacking:
            raise ValueError(f"it has no {lacking}; nobody could use what is written")
        return template

    @model_validator(mode="after")
    def _is_given(self) -> Self:
        if self.template is None:
            raise ValueError("it needs `template`, the text itself, or `file`, where that is")
        return self

    @property
    def one_way_because(self) -> str | None:
        """The first placeholder whose end cannot be seen."""
        pieces = self._pieces
        known: set[str] = set()
        for piece, following in zip(pieces, (*pieces[1:], ""), strict=True):
            if isinstance(piece, _Placeholder) and piece.name not in known:
                known.add(piece.name)
                if _runs_into(piece, following):
                    what = (
                        "the next one"
                        if isinstance(following, _Placeholder)
                        else f"`{following[0]}`"
                    )
                    return f"{piece} is followed by {what}, which may be part of its value"
        return None

    def of(self, user: User) -> Self:
        """The same template with the name of the user's account."""
        bound = self.model_copy()
        bound._account = user.account  # noqa: SLF001 - a copy of itself
        return bound

    def read(self, text: str) -> FormatReading:
        """What stands in the places of the template; see `Format.read`."""
        if not text.strip():
            return Empty()
        if self.one_way:
            return Stranger("its template cannot be read back")
        match = _pattern(self.template or "").fullmatch(text.rstrip())
        if match is None:
            return Stranger("it is not the text of the template")
        found = match.groupdict()
        return interpret((source, found.get(name)) for name, source in _SOURCES.items())

    def compose(self, credential: Credential, existing: str | None) -> str:
        """The text with its places filled; nothing of what was there is kept.

        Raises Rejected for a value that would need escaping.
        """
        del existing
        filled = {**values(_SOURCES, credential), "account": self._account}
        names = {piece.name for piece in self._pieces if isinstance(piece, _Placeholder)}
        if not all(re.fullmatch(_VALUES[name], filled[name]) for name in names):
            raise formless(credential)
        return "".join(p if isinstance(p, str) else filled[p.name] for p in self._pieces)

    @property
    def _pieces(self) -> _Pieces:
        return _pieces(self.template or "")


def _runs_into(piece: _Placeholder, following: str | _Placeholder) -> bool:
    """Whether the end of a value cannot be told from what follows it."""
    characters, _, count = _VALUES[piece.name].rpartition("{")
    if "," not in count:
        return False  # of one length only
    if isinstance(following, _Placeholder):
        return True
    return bool(following) and re.match(characters, following) is not None


@lru_cache(maxsize=64)
def _pieces(template: str) -> _Pieces:
    """The template in pieces, neighbouring literals joined.

    Raises ValueError for a placeholder that stands for nothing.
    """
    pieces: list[str | _Placeholder] = []
    for piece in _split(template):
        if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
            pieces[-1] += piece
        elif piece != "":
            pieces.append(piece)
    return tuple(pieces)


def _split(template: str) -> Iterator[str | _Placeholder]:
    """As str.format has it: of the braces on both sides of a name two mean one, one a placeholder.

    Braces around anything but a name are themselves, so that JSON needs no care.
    """
    at = 0
    for match in _NAMED.finditer(template):
        yield template[at : match.start()]
        at = match.end()
        braces = min(len(match["open"]), len(match["close"]))
        kept = braces // 2
        yield match["open"][braces:] + "{" * kept
        yield _known(match["name"], template, match.start()) if braces % 2 else match["name"]
        yield "}" * kept + match["close"][braces:]
    yield template[at:]


def _known(name: str, template: str, at: int) -> _Placeholder:
    before = template[:at]
    where = f"line {before.count(chr(10)) + 1}, column {at - before.rfind(chr(10))}"
    if name in _VALUES:
        return _Placeholder(name, where)
    close = [known for known in _VALUES if known.startswith(name)]
    close = close or get_close_matches(name, _VALUES, n=1, cutoff=0.5)
    hint = f"did you mean {{{close[0]}}}? " if close else ""
    there_are = ", ".join(f"{{{known}}}" for known in _VALUES)
    raise ValueError(
        f"unknown placeholder {{{name}}} in {where} of it: {hint}there are {there_are}; "
        f"the text itself is written {{{{{name}}}}}"
    )


@lru_cache(maxsize=64)
def _pattern(template: str) -> re.Pattern[str]:
    """What a text of this template matches, but for white space at its end.

    A value takes all that it can hold and gives nothing back: a template that would need that is
    one-way.
    """
    parts: list[str] = []
    known: set[str] = set()
    for piece in _pieces(template.rstrip()):
        if isinstance(piece, str):
            parts.append(re.escape(piece))
        elif piece.name in known:
            parts.append(f"(?P={piece.name})")
        else:
            known.add(piece.name)
            parts.append(f"(?P<{piece.name}>{_VALUES[piece.name]}+)")
    return re.compile("".join(parts))
