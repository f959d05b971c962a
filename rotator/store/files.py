"""What must be true of the file of an SQLite store before SQLite is let near it.

A file that is not in order is told about in a sentence and never replaced, re-made or repaired.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rotator.errors import Refused, StoreDamaged, StoreError, StoreMissing, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["check_file", "is_cut_short", "make_whole", "network_type", "refuse_network"]

HEADER_BYTES = 100
MOUNTS = Path("/proc/self/mountinfo")
_MOUNT_POINT = 4
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|ncpfs|9p|afs|coda|ceph|lustre|gpfs|beegfs|ocfs2|gfs2?|"
    r"fuse\.(sshfs|glusterfs|ceph|s3fs|gcsfuse|rclone|juicefs|davfs2?|smbnetfs|goofys|blobfuse2?|"
    r"mount-s3|moosefs|mfs|seaweedfs)"
)


def check_file(path: Path) -> None:
    """Refuse what cannot be a store, with the sentence that says what it is instead.

    It is only looked at, not opened: closing a file drops all locks that SQLite has on it in this
    process (fcntl(2)).

    Raises:
        StoreMissing: nothing is there.
        StoreUnavailable: it may not be read or written.
        StoreDamaged: it is empty or cut short.
        StoreError: a folder, a device, or on a network file system.
    """
    found = _stat(path)
    if found is None:
        raise StoreMissing(
            f"there is no state at {path}; to make a new, empty one type: rotator state init"
        )
    if stat.S_ISDIR(found.st_mode):
        raise StoreError(f"the state path {path} is a folder; name a file inside it")
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"the state path {path} is not a regular file")
    refuse_network(path)
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        raise StoreUnavailable(f"the state file {path} cannot be read and written by this user")
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        raise StoreUnavailable(
            f"the folder {path.parent} of the state file is not writable for this user; "
            "SQLite keeps its write-ahead log there"
        )
    if found.st_size < HEADER_BYTES:
        raise StoreDamaged(
            f"the state file {path} has {found.st_size} bytes, too few for any store: it was cut "
            "short, or is something else. Bring back a backup, or move it away and type: "
            "rotator state init"
        )


def refuse_network(path: Path) -> None:
    """Refuse a network file system: its locks and shared memory do not hold what SQLite needs."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        # Only Linux tells it in this way; elsewhere there is nothing to ask.
        return
    kind = network_type(path, mounts)
    if kind is not None:
        raise StoreError(
            f"the state file {path} is on a network file system ({kind}), where SQLite can lose "
            "what was committed; use a local disk, or PostgreSQL"
        )


def network_type(path: Path, mounts: str) -> str | None:
    """The type of the file system of `path` where it is one of the network, else None.

    `mounts` is a text in the form of /proc/self/mountinfo (proc_pid_mountinfo(5)).
    """
    target = path.resolve()
    found: tuple[int, str] = (-1, "")
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) <= _MOUNT_POINT or not right:
            continue
        point = Path(_unescape(fields[_MOUNT_POINT]))
        # A later mount on the same point covers the earlier one.
        if target.is_relative_to(point) and len(point.parts) >= found[0]:
            found = (len(point.parts), right.split(" ")[0])
    return found[1] if _NETWORK.fullmatch(found[1]) else None


def make_whole(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a new file beside `path`, then give it its name at once, mode 0600.

    Whoever is killed in the middle leaves no half of a store under the store's name.

    Raises:
        Refused: something has that name already; it is left as it was.
        StoreUnavailable: the folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        fill(draft)
        _sync(draft)
        # Unlike a rename, a link never replaces what is there.
        path.hardlink_to(draft)
        _sync(path.parent)
    except FileExistsError as exc:
        raise Refused(f"{path} exists already; it is left as it was") from exc
    except OSError as exc:
        raise StoreUnavailable(f"{path} cannot be made: {exc.strerror}") from exc
    finally:
        # The store has its name by now, or there is none; leftovers harm nobody.
        for name in (draft, *(draft.with_name(draft.name + end) for end in ("-wal", "-shm"))):
            with suppress(OSError):
                name.unlink(missing_ok=True)


def is_cut_short(path: Path, *, page: int) -> bool:
    """Whether an SQLite file ends in the middle of a page that no write-ahead log makes up for."""
    log = _stat(path.with_name(f"{path.name}-wal"))
    found = _stat(path)
    if found is None or (log is not None and log.st_size > 0):
        return False
    return found.st_size % page != 0


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise StoreUnavailable(f"the state file {path} cannot be read: {exc.strerror}") from exc


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unescape(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)
