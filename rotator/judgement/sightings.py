"""What a listing says of keys that are known, given that IAM's listings may be stale."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rotator.model import AccessKey, KeyStatus, UseUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from rotator.model import ListedKey

__all__ = ["contradicted", "sighted"]


def sighted(
    known: Sequence[AccessKey],
    listed: Sequence[ListedKey],
    at: datetime,
    *,
    settle: timedelta,
    changed_by_us: Mapping[str, datetime],
) -> tuple[AccessKey, ...]:
    """Every key that is listed, or was: as the listing of `at` shows it, oldest first.

    IAM is eventually consistent: within `settle` after an answered change of ours
    (`changed_by_us`, per key id) a listing that contradicts it is stale, and is not believed.
    """
    before = {key.key_id: key for key in known}
    now_listed = {key.key_id: key for key in listed}
    keys = [
        _seen(before.get(key.key_id), key, at, _is_fresh(changed_by_us, key.key_id, at, settle))
        for key in listed
    ]
    keys += [
        _unseen(key, at, _is_fresh(changed_by_us, key.key_id, at, settle))
        for key_id, key in before.items()
        if key_id not in now_listed
    ]
    return tuple(sorted(keys, key=lambda key: (key.created_at, key.key_id)))


def contradicted(keys: Sequence[AccessKey], listed: Sequence[ListedKey]) -> frozenset[str]:
    """The keys that `sighted` believes listed, and of another status than a listing shows.

    The listing is stale, or somebody changed them a moment after us: it cannot be told yet.
    """
    shown = {key.key_id: key.status for key in listed}
    return frozenset(
        key.key_id for key in keys if key.is_listed and shown.get(key.key_id) is not key.status
    )


def _is_fresh(
    changed: Mapping[str, datetime], key_id: str, at: datetime, settle: timedelta
) -> bool:
    return key_id in changed and at < changed[key_id] + settle


def _seen(known: AccessKey | None, listed: ListedKey, at: datetime, fresh: bool) -> AccessKey:  # noqa: FBT001 - private, and read at its two calls
    if known is None:
        active = listed.status is KeyStatus.ACTIVE
        return AccessKey(
            key_id=listed.key_id,
            status=listed.status,
            created_at=listed.created_at,
            last_use=UseUnknown("not asked yet"),
            status_since=listed.created_at if active else at,
            first_seen_at=at,
            last_seen_at=at,
        )
    seen = replace(known, created_at=listed.created_at, last_seen_at=at, missing_since=None)
    if listed.status is known.status or fresh:
        return seen
    return replace(seen, status=listed.status, status_since=at)


def _unseen(known: AccessKey, at: datetime, fresh: bool) -> AccessKey:  # noqa: FBT001 - as above
    if known.missing_since is not None or fresh:
        return known
    return replace(known, missing_since=at)
