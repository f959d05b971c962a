"""Options of a format that name a file: it is read, and its content put in their place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rotator.config.substitution import read_text
from rotator.config.tree import Entry, Fields, Scalar, quoted, shown

if TYPE_CHECKING:
    from pydantic import BaseModel

    from rotator.config.faults import Faults

__all__ = ["with_contents"]


def with_contents(
    node: Fields, model: type[BaseModel], faults: Faults, *, files: list[Path]
) -> Fields | None:
    """The mapping with contents for the files that it names; None where one cannot be had.

    Relative paths start from the folder of the file that names them. Unlike that of `${file:…}`
    the content is no secret, may be shown, and keeps its white space. `files` gets what was read.
    """
    named: dict[str, str] = getattr(model, "from_files", {})
    for name, becomes in named.items():
        given = node.get(name)
        if not isinstance(given, Scalar) or not isinstance(given.value, str):
            continue
        if becomes in node.entries:
            both = f"{quoted(becomes)} and {quoted(name)} say the same; give one of them"
            faults.add(given.mark, both)
            return None
        path = Path(node.mark.file).parent / given.value
        try:
            text = read_text(path)
        except ValueError as exc:
            faults.add(given.mark, f"the file {shown(given)} {exc}")
            return None
        files.append(path)
        content = Entry(given.mark, Scalar(given.mark, text))
        node = Fields(node.mark, {**node.without(name).entries, becomes: content})
    return node
