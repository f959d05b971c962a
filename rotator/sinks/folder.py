"""Reaching one file below a folder, and replacing it whole: what the file sink stands on.

Below the folder nothing is followed: a symbolic link there could lead a secret anywhere. All steps
go from one open folder to the next, so that a name that is exchanged meanwhile changes nothing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "NAME_BYTES_MAX",
    "SIZE_MAX",
    "Found",
    "NotThere",
    "Odd",
    "Standing",
    "is_being_written",
    "is_leftover",
    "look",
    "opened",
    "remove_leftovers",
    "sweep",
    "temporary",
]

SIZE_MAX = 1024 * 1024
"""Bytes of a file that is looked at; a larger one is none of ours."""

_LEFTOVER = re.compile(r"\.(?P<name>.+)\.rotator-[0-9a-f]{16}", re.DOTALL)

NAME_BYTES_MAX = 255 - len("..rotator-") - 16
"""Bytes of a file's name, so that its temporary sibling still has one (NAME_MAX is 255)."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TEMPORARY = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600

_KINDS = {
    stat.S_IFLNK: "is a symbolic link",
    stat.S_IFDIR: "is a folder",
    stat.S_IFIFO: "is a FIFO",
    stat.S_IFSOCK: "is a socket",
}


class NotThere(Exception):
    """The file, or a folder on the way to it, does not exist."""


class Odd(Exception):
    """Something stands there that is no file of ours; the text says what."""


@dataclass(frozen=True, slots=True)
class Standing:
    """To whom a file belongs and who may read it; -1 is whatever a new file gets."""

    mode: int
    uid: int
    gid: int

    def is_allowed(self) -> bool:
        """Whether this process may make a file so: give it to others only the superuser may."""
        if os.geteuid() == 0:
            return True
        ours = {-1, os.getegid(), *os.getgroups()}
        return self.uid in {-1, os.geteuid()} and self.gid in ours


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file as it was read: its content, and which file that was."""

    content: bytes
    identity: tuple[int, int, int]
    standing: Standing
    links: int

    @property
    def written_at(self) -> datetime:
        """When the content was last changed, in whole microseconds."""
        return _EPOCH + timedelta(microseconds=self.identity[2] // 1000)

    def __repr__(self) -> str:
        return f"Found({len(self.content)} bytes, {self.identity})"


@contextlib.contextmanager
def opened(root: Path, segments: tuple[str, ...], *, create: bool) -> Iterator[int]:
    """The folder at the end of these segments below root, as a descriptor.

    With `create` what is absent is made, for its owner alone. Raises NotThere, Odd, OSError.
    """
    folder = _open_root(root, create=create)
    try:
        for segment in segments:
            below = _open_below(folder, segment, create=create)
            _close(folder)
            folder = below
        yield folder
    finally:
        _close(folder)


def _open_root(root: Path, *, create: bool) -> int:
    if create:
        missing = [folder for folder in (root, *root.parents) if not os.path.lexists(folder)]
        for folder in reversed(missing):
            folder.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
            _sync(folder.parent)
    try:
        return os.open(root, _FOLDER)
    except FileNotFoundError as exc:
        raise NotThere(str(root)) from exc
    except NotADirectoryError as exc:
        raise Odd(f"cannot be: {root} is not a folder") from exc


def _sync(path: Path) -> None:
    folder = os.open(path, _FOLDER)
    try:
        os.fsync(folder)
    finally:
        _close(folder)


def _open_below(folder: int, segment: str, *, create: bool) -> int:
    if create:
        with contextlib.suppress(FileExistsError):
            os.mkdir(segment, _PRIVATE_FOLDER, dir_fd=folder)
            os.fsync(folder)
    try:
        return os.open(segment, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError as exc:
        raise NotThere(segment) from exc
    except OSError as exc:
        # Linux and macOS disagree about the number for a link that is not followed.
        if exc.errno not in {errno.ENOTDIR, errno.ELOOP}:
            raise
        link = stat.S_ISLNK(os.stat(segment, dir_fd=folder, follow_symlinks=False).st_mode)
        what = "a symbolic link, which is not followed" if link else "not a folder"
        raise Odd(f"cannot be: {segment!r} on its way is {what}") from exc


def look(folder: int, name: str) -> Found:
    """Read a regular file of this folder; raises NotThere, Odd, OSError. Waits for nothing."""
    try:
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        _refuse_odd(seen)
        with os.fdopen(os.open(name, _FILE, dir_fd=folder), "rb") as file:
            status = os.fstat(file.fileno())
            _refuse_odd(status)
            content = file.read(SIZE_MAX + 1)
    except FileNotFoundError as exc:
        raise NotThere(name) from exc
    if len(content) > SIZE_MAX:
        raise Odd("is larger than 1 MiB")
    return Found(
        content=content,
        identity=(status.st_dev, status.st_ino, status.st_mtime_ns),
        standing=Standing(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid),
        links=status.st_nlink,
    )


def _refuse_odd(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Odd(_KINDS.get(stat.S_IFMT(status.st_mode), "is a device"))
    if status.st_size > SIZE_MAX:
        raise Odd("is larger than 1 MiB")


@contextlib.contextmanager
def temporary(folder: int, name: str, content: bytes, standing: Standing) -> Iterator[str]:
    """The name of a sibling that holds this content on disk; it is gone afterwards.

    It is locked while it is in use, which is how a leftover of a killed process is told from it.
    It is readable by its owner alone until all of its content is written. Raises OSError.
    """
    own = f".{name}.rotator-{secrets.token_hex(8)}"
    file = os.open(own, _TEMPORARY, _PRIVATE_FILE, dir_fd=folder)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        _write(file, content)
        _stand(file, standing)
        os.fsync(file)
        yield own
    finally:
        with contextlib.suppress(OSError):  # renamed, or removed by the next put or start
            os.unlink(own, dir_fd=folder)
        _close(file)


def _write(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _stand(file: int, standing: Standing) -> None:
    status = os.fstat(file)
    uid = -1 if standing.uid == status.st_uid else standing.uid
    gid = -1 if standing.gid == status.st_gid else standing.gid
    if (uid, gid) != (-1, -1):
        os.fchown(file, uid, gid)
    os.fchmod(file, standing.mode)


def is_leftover(name: str) -> bool:
    """Whether a file's name has the form of our temporary siblings'."""
    return _LEFTOVER.fullmatch(name) is not None


def remove_leftovers(folder: int, name: str | None = None) -> int:
    """Remove temporary siblings that nobody works on, of one file or of all; how many."""
    removed = 0
    for entry in os.listdir(folder):
        match = _LEFTOVER.fullmatch(entry)
        if match and name in {None, match["name"]}:
            removed += _remove_leftover(folder, entry)
    return removed


def is_being_written(folder: int, name: str) -> bool:
    """Whether a process that lives is at work on a temporary sibling of this file.

    Its lock tells, also while it stands still. Where a file system has no locks, nothing does.
    """
    return any(
        _is_locked(folder, entry)
        for entry in os.listdir(folder)
        if entry.startswith(f".{name}.rotator-") and is_leftover(entry)
    )


def _is_locked(folder: int, entry: str) -> bool:
    try:
        file = os.open(entry, _FILE, dir_fd=folder)
    except OSError:
        return False  # gone, or a link or something else that only bears such a name
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        _close(file)
    return False


def _remove_leftover(folder: int, entry: str) -> bool:
    try:
        file = os.open(entry, _FILE, dir_fd=folder)
    except OSError:
        return False  # gone, or a link or something else that only bears such a name
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            return False
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(entry, dir_fd=folder)
    except OSError:
        return False  # locked: another process is at work on it
    finally:
        _close(file)
    return True


def sweep(root: Path, *, levels: int) -> int:
    """Remove all leftovers in a folder and so many levels below it; how many."""
    removed = 0
    # A folder that is absent, or that we may not list, holds nothing that we wrote.
    with contextlib.suppress(FileNotFoundError, PermissionError):
        for path, folders, _files, folder in os.fwalk(root, follow_symlinks=False):
            removed += remove_leftovers(folder)
            if len(Path(path).relative_to(root).parts) >= levels:
                folders.clear()
    return removed


def _close(file: int) -> None:
    """Close what was only read, or is already on disk: an error now says nothing of that."""
    with contextlib.suppress(OSError):
        os.close(file)
