"""Kills in the middle of an SQLite commit: between two writes to its log, and within one.

SQLite reaches the disk through a table of functions, its VFS. Two of them are wrapped here, for the
write-ahead log alone: what writes and what syncs. A commit there is, in this order, one header and
one page for each page that changed, and a sync.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["MOMENTS", "can_tear", "committing", "install"]

MOMENTS = ("torn early", "torn late", "unsynced")
"""Half of the first page is written; half of the last one; all of it, and not synced."""

_OPEN_WAL = 0x80000
_METHODS = 19
_WRITE, _SYNC = 3, 5
_PAGE_MIN = 512

_Open = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
)
_Write = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class _Vfs(ctypes.Structure):
    """The beginning of `sqlite3_vfs` (sqlite.org/c3ref/vfs.html)."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("path_max", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("app", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
    )


_Methods = ctypes.c_void_p * _METHODS
"""`sqlite3_io_methods` (sqlite.org/c3ref/io_methods.html): a number, then functions."""

_COMMIT = threading.local()
_KEPT: list[object] = []


def can_tear() -> bool:
    """Whether this Python's SQLite is a library whose functions can be found."""
    try:
        return hasattr(ctypes.CDLL(_sqlite3.__file__), "sqlite3_vfs_find")
    except (AttributeError, OSError):
        return False


@contextmanager
def committing(effect: str) -> Iterator[None]:
    """Tell the writes of this thread, until the end of the `with`, that they are this commit's."""
    _COMMIT.effect = effect
    _COMMIT.waiting = None
    try:
        yield
    finally:
        _COMMIT.effect = ""


def install(is_on: Callable[[str, str], bool], strike: Callable[[], None]) -> None:
    """Wrap what opens files, so that of a write-ahead log the writing and syncing is wrapped."""
    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    vfs = library.sqlite3_vfs_find(None)[0]
    real = _Open(vfs.open)

    def open_file(this: int, name: int, file: int, flags: int, out: int) -> int:
        answer: int = real(this, name, file, flags, out)
        if answer == 0 and flags & _OPEN_WAL:
            methods = ctypes.c_void_p.from_address(file)
            methods.value = ctypes.addressof(_wrapped(methods.value or 0, is_on, strike))
        return answer

    wrapped = _Open(open_file)
    _KEPT.append(wrapped)
    vfs.open = ctypes.cast(wrapped, ctypes.c_void_p).value


def _wrapped(
    address: int, is_on: Callable[[str, str], bool], strike: Callable[[], None]
) -> ctypes.Array[ctypes.c_void_p]:
    """A copy of these methods in which a commit that is aimed at ends half way."""
    methods = _Methods.from_buffer_copy(_Methods.from_address(address))
    write, sync = _Write(methods[_WRITE] or 0), _Sync(methods[_SYNC] or 0)

    def aimed_write(file: int, content: int, size: int, offset: int) -> int:
        effect = getattr(_COMMIT, "effect", "")
        if not effect or size < _PAGE_MIN:
            return int(write(file, content, size, offset))
        if _COMMIT.waiting is None and is_on(effect, "torn early"):
            write(file, content, size // 2, offset)
            strike()
        # The last page is only known by the sync that follows it: half of each waits for it.
        _flush(file)
        _COMMIT.waiting = (ctypes.string_at(content, size), offset)
        return 0

    def _flush(file: int) -> None:
        if _COMMIT.waiting is not None:
            content, offset = _COMMIT.waiting
            write(file, ctypes.cast(content, ctypes.c_void_p).value or 0, len(content), offset)

    def aimed_sync(file: int, flags: int) -> int:
        effect = getattr(_COMMIT, "effect", "")
        if effect and _COMMIT.waiting is not None:
            if is_on(effect, "torn late"):
                content, offset = _COMMIT.waiting
                half = content[: len(content) // 2]
                write(file, ctypes.cast(half, ctypes.c_void_p).value or 0, len(half), offset)
                strike()
            _flush(file)
            _COMMIT.waiting = None
            if is_on(effect, "unsynced"):
                strike()
        return int(sync(file, flags))

    kept = (_Write(aimed_write), _Sync(aimed_sync))
    methods[_WRITE] = ctypes.cast(kept[0], ctypes.c_void_p).value
    methods[_SYNC] = ctypes.cast(kept[1], ctypes.c_void_p).value
    _KEPT.extend((methods, kept))
    return methods
