"""What consumers do while time passes: an assumption, and it stands here alone.

They read the new key from the moment of its delivery on, they use it as they used the old one, and
nobody uses the old one any more. What is in use stays so, and what is unused, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rotator.model import (
    Deactivate,
    Delete,
    Delivered,
    Kind,
    Leave,
    Record,
    UsedAt,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rotator.model import AccessKey, Action, Case, DoorName, Rotation

__all__ = ["at_moment", "in_use_at_first", "in_use_later"]


def in_use_at_first(case: Case) -> frozenset[str]:
    """The keys that go on being used: those in use now, and the heir of one that was.

    A key that leaves, and whose successor is delivered, is not used any more, unless somebody is
    seen to use it all the same.
    """
    found = {key.key_id for key in case.active if _is_in_use(case, key)}
    rotation = case.rotation
    if rotation is None or (rotation.delivered_at is None and rotation.kind is not Kind.LEAVE):
        return frozenset(found)
    leaver = case.key(rotation.leaving)
    if rotation.successor and (leaver is None or _is_in_use(case, leaver)):
        found.add(rotation.successor)
    if leaver is not None and _is_used_all_the_same(case, leaver):
        return frozenset(found)
    return frozenset(found - {rotation.leaving})


def _is_used_all_the_same(case: Case, leaver: AccessKey) -> bool:
    """Whether it was used lately, and longer after its successor came than IAM's lag explains."""
    replaced_at = case.open.delivered_at or case.open.titled_at or case.open.begun_at
    return (
        isinstance(leaver.last_use, UsedAt)
        and leaver.last_use.at > replaced_at + case.timing.last_used_lag
        and leaver.last_use.at + case.timing.orphan_age > case.now
    )


def in_use_later(case: Case, action: Action, in_use: frozenset[str]) -> frozenset[str]:
    """The keys that go on being used after an action, whose case was `case`."""
    rotation = case.rotation
    if isinstance(action, Record) and isinstance(action.fact, Delivered) and rotation is not None:
        return _handed_on(rotation, in_use)
    if isinstance(action, Deactivate | Delete | Leave):
        return in_use - {action.key_id}
    return in_use


def _handed_on(rotation: Rotation, in_use: frozenset[str]) -> frozenset[str]:
    """The successor is used as its predecessor was; a first key is used."""
    heir = {rotation.successor} - {None}
    if rotation.leaving is None or rotation.leaving in in_use:
        return (in_use - {rotation.leaving}) | frozenset(filter(None, heir))
    return in_use


def _is_in_use(case: Case, key: AccessKey) -> bool:
    """Whether it was used within `unused_after`."""
    if not isinstance(key.last_use, UsedAt) or case.policy is None:
        return isinstance(key.last_use, UsedAt)
    return key.last_use.at + case.policy.unused_after > case.now


def at_moment(
    case: Case, now: datetime, in_use: frozenset[str], counts: Mapping[DoorName, int]
) -> Case:
    """The same case seen later: nothing has changed but the time, and the use of what is in use."""
    keys = tuple(
        replace(
            key,
            last_use=_used_now(key, now) if key.key_id in in_use else key.last_use,
            last_seen_at=now if key.is_listed else key.last_seen_at,
        )
        for key in case.keys
    )
    hold = case.hold
    return replace(
        case,
        now=now,
        listed_at=case.listed_at and now,
        users_listed_at=case.users_listed_at and now,
        keys=keys,
        contradicted=frozenset() if now > case.now else case.contradicted,
        counts=counts,
        hold=None if hold is not None and hold.until is not None and hold.until <= now else hold,
    )


def _used_now(key: AccessKey, now: datetime) -> UsedAt:
    if isinstance(key.last_use, UsedAt):
        return replace(key.last_use, at=now)
    return UsedAt(now)
