"""The sink `file`: a file on this machine, replaced whole, never written in place.

A reader sees the old content or the new one, never a part. A file has no compare-and-set: between
the last look at it and the rename that replaces it lies a moment in which somebody else's write
would be lost. Whoever writes there too must expect that.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, cast

from pydantic import AfterValidator, Field

from rotator.errors import AccessDenied, OutcomeUnknown, ReadError, Rejected
from rotator.model import (
    Absent,
    Credential,
    NameProblem,
    Place,
    Served,
    SinkSpec,
    Stranger,
    Unreadable,
)
from rotator.sinks.base import (
    NameTemplate,
    SinkContext,
    SinkOptions,
    Statement,
    completed,
    served_by,
    still_serves,
)
from rotator.sinks.folder import (
    NAME_BYTES_MAX,
    SIZE_MAX,
    Found,
    NotThere,
    Odd,
    Standing,
    is_being_written,
    is_leftover,
    look,
    opened,
    remove_leftovers,
    sweep,
    temporary,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from rotator.formats import Format

__all__ = ["FileOptions", "FileSink"]

_SEGMENT_BYTES_MAX = 255
_ANY_DEPTH = 16
_ACL = "system.posix_acl_access"
_NOT_RENAMED = frozenset(
    {
        errno.EACCES,
        errno.EBUSY,
        errno.EDQUOT,
        errno.EISDIR,
        errno.ENOENT,
        errno.ENOSPC,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
        errno.EXDEV,
    }
)
"""What rename(2) says before it has changed anything."""


def _octal(mode: str) -> str:
    if not re.fullmatch(r"0?[4-7][0-7][0145]", mode):
        raise ValueError(
            'must be an octal mode such as "0640", readable for its owner and not writable for all'
        )
    return mode


class FileOptions(SinkOptions):
    """A file on this machine, replaced whole."""

    path: NameTemplate = Field(
        description="The file; relative to the file of the configuration that names it."
    )
    mode: Annotated[str, AfterValidator(_octal)] = Field(
        default="0600", description="Who may read a file that is made; one that exists keeps its."
    )
    group: str | int | None = Field(
        default=None, description="The group of a file that is made, by name or number."
    )


class FileSink:
    """One user's file. Below the folder that the path's prefix names, no link is followed."""

    Options: ClassVar[type[SinkOptions]] = FileOptions
    default_format: ClassVar[str] = "json"

    def __init__(self, context: SinkContext) -> None:
        self._context = context
        self._options = cast("FileOptions", context.spec.options)
        self._format = cast("Format", context.spec.format)
        self.readable = not self._format.one_way
        template = self._options.path
        name = template.resolve(context.user)
        folder = _folder_of(template.prefix)
        self._root = _root(context.base, folder)
        *self._segments, self._name = _segments(name[len(folder) :].lstrip("/"), name)

    @classmethod
    def reads_back(cls, options: SinkOptions, fmt: object) -> bool:
        """A file can be read back wherever its format can."""
        return isinstance(options, FileOptions) and not cast("Format", fmt).one_way

    @classmethod
    def sweep_leftovers(cls, spec: SinkSpec) -> int:
        """Remove temporary files that killed processes left under an entry's folder; how many."""
        template = cast("FileOptions", spec.options).path
        folder = _folder_of(template.prefix)
        deep = any(field == "path" or field.startswith("tag[") for field in template.fields)
        levels = template.text[len(folder) :].count("/") + (_ANY_DEPTH if deep else 0)
        return sweep(_root(Path(spec.base), folder), levels=levels)

    @property
    def _path(self) -> Path:
        return self._root.joinpath(*self._segments, self._name)

    def place(self) -> Place:
        """The real path, in lower case where the file system folds case."""
        path = str(self._path)
        return Place("file", path.lower() if _folds_case(self._root) else path)

    def permissions(self) -> Sequence[Statement]:
        """None of AWS's."""
        return ()

    def check(self) -> None:
        """Whether the file can be replaced, or made, so that it stands as it should."""
        try:
            with self._folder(create=False) as folder:
                found = self._look(folder)
                self._check_standing(found)
                _check_writable(self._path.parent)
        except NotThere:
            self._check_standing(None)
            _check_writable(self._path.parent)
        except Odd as exc:
            raise Rejected(f"{self._path} {exc}") from exc
        except PermissionError as exc:
            raise AccessDenied(f"{self._path} cannot be read: {exc.strerror}") from exc
        except OSError as exc:
            raise ReadError(f"{self._path} cannot be read: {exc.strerror}") from exc

    def put(self, credential: Credential, *, replacing: Served, deadline: datetime) -> None:
        """Write a sibling, and rename it over the file; see `Sink.put`."""
        self._in_time(deadline)
        create = self._context.spec.create
        try:
            with self._folder(create=create and replacing == Absent()) as folder:
                self._replace(folder, credential, replacing, deadline)
        except NotThere as exc:
            why = "is no longer there" if create else "is absent and is not to be created"
            raise Rejected(f"{self._path} {why}") from exc
        except Odd as exc:
            raise Rejected(f"{self._path} {exc}") from exc
        except OSError as exc:
            raise Rejected(f"{self._path} cannot be written: {exc.strerror}") from exc

    def current(self) -> Served:
        """What the file says now."""
        try:
            with self._folder(create=False) as folder:
                if is_being_written(folder, self._name):
                    # Asked before the file is read: it may be replaced at any moment.
                    return Unreadable(self._in_other_hands())
                return self._served(self._look(folder))
        except NotThere:
            return Absent()
        except Odd as exc:
            return Stranger(f"it {exc}")
        except OSError as exc:
            return Unreadable(f"{self._path} cannot be read: {exc.strerror}")

    def fetch(self) -> Credential | None:
        """The credential in the file."""
        with contextlib.suppress(NotThere, Odd, OSError), self._folder(create=False) as folder:
            found = self._look(folder)
            text = _text(found) if self.readable else None
            read = self._format.read(text) if text is not None else None
            if isinstance(read, Credential):
                return completed(read, self._context.user)
        return None

    def close(self) -> None:
        """Nothing is held between calls."""

    @contextlib.contextmanager
    def _folder(self, *, create: bool) -> Iterator[int]:
        with opened(self._root, tuple(self._segments), create=create) as folder:
            yield folder

    def _look(self, folder: int) -> Found | None:
        try:
            return look(folder, self._name)
        except NotThere:
            return None

    def _served(self, found: Found | None) -> Served:
        if found is None:
            return Absent()
        text = _text(found)
        if text is None:
            return Stranger("it is not UTF-8 text")
        return served_by(self._format, text, found.written_at)

    def _replace(
        self, folder: int, credential: Credential, replacing: Served, deadline: datetime
    ) -> None:
        if is_being_written(folder, self._name):
            raise Rejected(self._in_other_hands())
        remove_leftovers(folder, self._name)
        before = self._look(folder)
        content = self._format.render(credential, _text(before)).encode()
        changes = before is None or before.content != content
        if changes and not still_serves(self._served(before), replacing, credential):
            raise Rejected(f"{self._path} has changed since it was looked at")
        self._check_standing(before)
        if len(content) > SIZE_MAX:
            raise Rejected(f"{self._path} would be larger than 1 MiB")
        if changes:
            standing = before.standing if before else self._new()
            with temporary(folder, self._name, content, standing) as sibling:
                self._in_time(deadline)
                self._rename(folder, sibling, before)
        self._sync(folder)

    def _rename(self, folder: int, sibling: str, before: Found | None) -> None:
        if self._look(folder) != before:
            raise Rejected(f"{self._path} changed while it was being replaced")
        try:
            os.rename(sibling, self._name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as exc:
            if exc.errno in _NOT_RENAMED:
                raise
            raise OutcomeUnknown(f"{self._path} may be replaced or not: {exc.strerror}") from exc

    def _sync(self, folder: int) -> None:
        try:
            os.fsync(folder)
        except OSError as exc:
            raise OutcomeUnknown(f"{self._path} may not last: {exc.strerror}") from exc

    def _new(self) -> Standing:
        """How a file that we make stands; raises Rejected for a group that does not exist."""
        group = self._options.group
        if isinstance(group, str):
            try:
                group = grp.getgrnam(group).gr_gid
            except KeyError as exc:
                raise Rejected(f"there is no group {group!r} for {self._path}") from exc
        return Standing(int(self._options.mode, 8), -1, -1 if group is None else group)

    def _check_standing(self, found: Found | None) -> None:
        """Refuse what a new file could not be like, or would tear apart."""
        if found is None:
            if not self._context.spec.create:
                raise Rejected(f"{self._path} is absent and is not to be created")
            if not self._new().is_allowed():
                raise Rejected(f"{self._path} cannot be given to group {self._options.group!r}")
            return
        if not found.standing.is_allowed():
            raise Rejected(f"{self._path} belongs to others, and a new file could not")
        if found.links > 1:
            raise Rejected(f"{self._path} has further hard links, which would keep the old key")
        if _ACL in _attributes(self._path):
            raise Rejected(f"{self._path} has an access control list, which would be lost")

    def _in_other_hands(self) -> str:
        return (
            f"another process is writing {self._path}; if it stands still, let it go on or end it"
        )

    def _in_time(self, deadline: datetime) -> None:
        if self._context.clock() >= deadline:
            raise Rejected(f"there is no time left to write {self._path}")


def _folder_of(prefix: str) -> str:
    """The part of a prefix that names whole folders, with its slash."""
    return prefix[: prefix.rfind("/") + 1]


def _root(base: Path, folder: str) -> Path:
    return Path(os.path.realpath(base / folder))


def _segments(rest: str, name: str) -> list[str]:
    segments = rest.split("/")
    for segment in segments:
        if segment in {"", ".", ".."} or "\0" in segment:
            raise NameProblem(f"{name!r} names no file")
        if len(os.fsencode(segment)) > _SEGMENT_BYTES_MAX:
            raise NameProblem(f"a part of {name!r} is longer than {_SEGMENT_BYTES_MAX} bytes")
    if len(os.fsencode(segments[-1])) > NAME_BYTES_MAX:
        raise NameProblem(f"the file name of {name!r} is longer than {NAME_BYTES_MAX} bytes")
    if is_leftover(segments[-1]):
        raise NameProblem(f"{name!r} has the form of a temporary file of this program")
    return segments


def _text(found: Found | None) -> str | None:
    """The content as text; None where there is none or it is not UTF-8."""
    # The error holds the content: it must go no further.
    with contextlib.suppress(UnicodeDecodeError):
        return found.content.decode() if found else None
    return None


def _folds_case(folder: Path) -> bool:
    """Whether the folder is also found in another case, as on macOS and case-folding ext4."""
    other = folder.parent / folder.name.swapcase()
    if other.name == folder.name:
        return False
    try:
        return other.samefile(folder)
    except OSError:
        return False


def _attributes(path: Path) -> list[str]:
    """Names of a file's extended attributes, where the system has any."""
    with contextlib.suppress(OSError, AttributeError):
        return os.listxattr(path, follow_symlinks=False)
    return []


def _check_writable(folder: Path) -> None:
    """Raise Rejected unless a file, or the folders that are missing, can be made there."""
    while not os.path.lexists(folder):
        folder = folder.parent
    effective = os.access in os.supports_effective_ids
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective):
        raise Rejected(f"nothing can be written in {folder}")
