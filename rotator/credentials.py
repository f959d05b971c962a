"""The core of `rotator credentials PATH`: what a consumer's `credential_process` runs.

It stands apart and imports nothing of the rest, since it is started for every look that an SDK
takes: no configuration, no state, no library.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

__all__ = ["CredentialsProblem", "process_output"]

_SIZE_MAX = 1024 * 1024
_CARRIED = ("AccessKeyId", "SecretAccessKey", "AccountId")


class CredentialsProblem(Exception):
    """The file cannot be served as a credential; the sentence says why and quotes nothing."""


def process_output(path: Path, *, expires_in: timedelta, now: datetime) -> str:
    """What `credential_process` is to print for the file of a `file` sink in its default JSON.

    It carries an `Expiration`, `expires_in` after `now` (aware), so that an SDK looks again while
    it runs; without one it would keep the first key for ever (AWS SDKs and Tools Reference Guide,
    "Process credential provider"). Raises CredentialsProblem.
    """
    found = _object(path, _content(path))
    if found.get("Version") != 1:
        raise CredentialsProblem(
            f"{path} has no `Version` 1: only the file sink's default JSON can be served"
        )
    for name in ("AccessKeyId", "SecretAccessKey"):
        if not isinstance(found.get(name), str) or not found[name]:
            raise CredentialsProblem(f"{path} lacks {name}")
    carried = {name: found[name] for name in _CARRIED if found.get(name)}
    expiration = (now + expires_in).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"Version": 1, **carried, "Expiration": expiration})


def _content(path: Path) -> bytes:
    """The file's content; a FIFO or a device is not waited for."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CredentialsProblem(f"{path} is not a regular file")
            content = file.read(_SIZE_MAX + 1)
    except FileNotFoundError as exc:
        raise CredentialsProblem(f"there is no file {path}") from exc
    except OSError as exc:
        raise CredentialsProblem(f"{path} cannot be read: {exc.strerror}") from exc
    if len(content) > _SIZE_MAX:
        raise CredentialsProblem(f"{path} is larger than 1 MiB")
    return content


def _object(path: Path, content: bytes) -> dict[str, object]:
    found: object = None
    # The error holds the content: it ends here, and what is raised below does not carry it along.
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(content)
    if not isinstance(found, dict):
        raise CredentialsProblem(f"{path} is not a JSON object")
    return found
