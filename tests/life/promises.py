"""What a life of the real program must not have broken, told from outside: by AWS, disk, record."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.life.house import House

__all__ = ["exposed", "forms", "is_done", "known_secrets", "leftovers", "unrecorded"]

_STEPS = {
    "CreateAccessKey": {"issue"},
    "UpdateAccessKey": {"deactivate", "reactivate"},
    "DeleteAccessKey": {"delete"},
}
_HAPPENED = {"done", "observed"}
_SHOWN = timedelta(seconds=1)
"""How exactly `history` tells a time."""


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it may hide: plain, in base64 at each alignment, percent-encoded, reversed."""
    plain = secret.encode()
    yield plain
    yield plain[::-1]
    yield quote(secret, safe="").encode()
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + plain)
        # What stands at either end depends on what stands beside it.
        yield text[4 if offset else 0 : -4]


def known_secrets(house: House) -> set[str]:
    """The secrets of the keys that there were before the program ran."""
    return {
        key["secret_access_key"]
        for user in house.aws.truth().values()
        for key in user["keys"]
        if "secret_access_key" in key
    }


def exposed(house: House, secrets: Iterable[str]) -> list[str]:
    """Files outside the sink's folder in which a secret is found: store, its log, our log, all."""
    wanted = [form for secret in secrets for form in forms(secret)]
    return [
        str(path.relative_to(house.folder))
        for path in sorted(house.folder.rglob("*"))
        if path.is_file() and house.secrets not in path.parents
        for content in [path.read_bytes()]
        if any(form in content for form in wanted)
    ]


def leftovers(house: House) -> dict[str, int]:
    """What is in the sink's folder beside the places, and who may read it."""
    return {
        path.name: path.stat().st_mode & 0o777
        for path in house.secrets.iterdir()
        if path.name.startswith(".")
    }


def is_done(house: House, truth: Mapping[str, Any], user: str, first: str) -> bool:
    """One key is left, another than the first, Active, and its place holds it."""
    keys = truth[user]["keys"]
    held = house.held(user)
    return (
        len(keys) == 1
        and keys[0]["status"] == "Active"
        and keys[0]["access_key_id"] != first
        and held is not None
        and held["AccessKeyId"] == keys[0]["access_key_id"]
    )


def unrecorded(house: House, calls: Sequence[Mapping[str, Any]]) -> list[str]:
    """Requests that AWS executed and the record does not tell of, and keys that vanished at once.

    Each has an intent before it, and a done or an observed after it; each key that is deleted was
    known to be Inactive.
    """
    rows = [json.loads(line) for line in house.rotator("history", "--json").stdout.splitlines()]
    by_user: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_user[row["user"]].append(row)
    return [*_without_record(calls, by_user), *_vanished(rows)]


def _without_record(
    calls: Sequence[Mapping[str, Any]], by_user: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Iterator[str]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for call in calls:
        if call["action"] not in _STEPS or not call["executed"] or call["status"] != HTTPStatus.OK:
            continue
        user, action, at = call["user"], call["action"], datetime.fromisoformat(call["at"])
        counts[user, action] += 1
        rows = [row for row in by_user.get(user, ()) if row["step"] in _STEPS[action]]
        before = [r for r in rows if r["outcome"] == "intent" and _at(r) <= at]
        after = [r for r in rows if r["outcome"] in _HAPPENED and _at(r) + _SHOWN >= at]
        if len(before) < counts[user, action]:
            yield f"{action} of {user} at {at} has no intent before it"
        if not after:
            yield f"{action} of {user} at {at} has no outcome after it"


def _at(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["at"])


def _vanished(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    inactive: set[str] = set()
    for row in rows:
        if row["step"] == "deactivate" and row["outcome"] in _HAPPENED:
            inactive.add(row["access_key_id"])
        if row["step"] == "delete" and row["access_key_id"] not in inactive:
            yield f"{row['access_key_id']} of {row['user']} was not known to be Inactive"
