"""Puts environment variables and files' contents where `${NAME}` and `${file:PATH}` stand.

It is done in values after the YAML was parsed, and the result is never parsed again: a secret
with a colon or a quote in it stays one text. `$${` stands for `${` itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rotator.config.tree import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["FILE_MAX", "Substitution", "read_text"]

FILE_MAX = 1 << 20
"""Bytes that are read of any one file (1 MiB)."""

_PIECE = re.compile(r"(?P<escaped>\$\$\{)|\$\{(?P<name>[^{}]*)\}|(?P<open>\$\{)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = "file:"


class Unsubstituted(ValueError):
    """A reference that leads nowhere; the sentence holds no value of any variable or file."""


@dataclass(frozen=True, slots=True)
class Substitution:
    """Where references lead: the environment, and files relative to the one that names them.

    `files` collects the files that were read, so that a change of theirs can be noticed.
    """

    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    files: list[Path]

    def apply(self, text: str) -> tuple[str, bool]:
        """The text with what its references stand for, and whether there was any.

        Raises Unsubstituted for the first reference that leads nowhere.
        """
        pieces: list[str] = []
        at, referred = 0, False
        for match in _PIECE.finditer(text):
            pieces.append(text[at : match.start()])
            at = match.end()
            if match["escaped"]:
                pieces.append("${")
            elif match["open"]:
                raise Unsubstituted("`${` is never closed; `$${` stands for the characters ${")
            else:
                referred = True
                pieces.append(self._value(match["name"]))
        return "".join([*pieces, text[at:]]), referred

    def _value(self, name: str) -> str:
        if name.startswith(_FILE):
            return self._content(name.removeprefix(_FILE))
        if not _VARIABLE.fullmatch(name):
            raise Unsubstituted(
                f"{quoted('${' + name + '}')} names no variable; "
                "expected ${NAME} or ${file:PATH}, or $${ for the characters ${"
            )
        value = self.environ.get(name)
        if value is None:
            raise Unsubstituted(f"the environment variable {quoted(name)} is not set")
        if _is_broken(value):
            raise Unsubstituted(f"the environment variable {quoted(name)} is not UTF-8 text")
        return value

    def _content(self, name: str) -> str:
        path = self.folder / name
        try:
            text = read_text(path)
        except ValueError as exc:
            raise Unsubstituted(f"the file {quoted(name)} {exc}") from None
        self.files.append(path)
        return text.strip()


def read_text(path: Path) -> str:
    """The content of a file, without a byte order mark.

    Raises ValueError with what is to be said of the file: "does not exist".
    """
    try:
        if path.is_dir():
            raise ValueError("is a folder")
        if not path.exists():
            raise ValueError("does not exist")
        if not path.is_file():
            raise ValueError("is no regular file")
        with path.open("rb") as file:
            content = file.read(FILE_MAX + 1)
    except OSError as exc:
        raise ValueError(f"cannot be read: {exc.strerror or type(exc).__name__}") from None
    if len(content) > FILE_MAX:
        raise ValueError(f"is larger than {FILE_MAX >> 20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None


def _is_broken(text: str) -> bool:
    """Whether bytes that are no UTF-8 were smuggled into the text (PEP 383)."""
    return any("\ud800" <= character <= "\udfff" for character in text)
