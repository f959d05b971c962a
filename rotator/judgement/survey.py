"""Who may be left out of a sweep, by the credential report and by what is on record.

The report is up to four hours old, holds no key ids, and gives its slots in no order; its
"last rotated" is the moment at which a key was created *or last changed* (IAM User Guide, "Get
credential reports for your AWS account"). So it may say that nothing has changed since a user's
keys were listed, or that none of them can be due; which key is meant it never says.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from rotator.judgement.beginning import is_curious, overdue
from rotator.model import AccessKey, KeyStatus, Reason, UsedAt, Wait

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rotator.model import Action, Case, Policy, ReportedKey, ReportedUser

__all__ = [
    "REPORT_AGE_MAX",
    "agrees",
    "fingerprint",
    "is_idle",
    "is_of_use",
    "look_moment",
    "on_record",
    "reported_keys",
    "used_since",
    "wants_look",
]

REPORT_AGE_MAX = timedelta(hours=4)
"""How old a report gets before AWS makes another (IAM User Guide, as above)."""

PART = 10
"""Users whose keys are to be listed for once are so within this part of `rotate_after`."""

BATCHES = 64
"""In so many batches, since each costs a listing of the account's users."""


def is_of_use(policy: Policy, age: timedelta) -> bool:
    """Whether a report of this age may leave out users of a policy: none becomes due in it."""
    periods = [policy.rotate_after, *([policy.unused_after] if policy.retire else [])]
    return timedelta(0) <= age < min(periods)


def fingerprint(reported: ReportedUser) -> str:
    """What the report says of a user's keys, whatever the order of the slots; not of their use."""
    return "; ".join(sorted(f"{_word(key)} {key.rotated_at}" for key in reported.keys))


def agrees(reported: ReportedUser, keys: Iterable[AccessKey], listed_under: str | None) -> bool:
    """Whether a report made after the keys were listed says that they are the same still.

    Either it shows just these dates; or dates of changes, then they are those of the report
    before the listing (`listed_under`, its fingerprint) and as many keys are Active as on record.
    """
    shown = sorted((key.is_active, _second(key.rotated_at)) for key in reported.keys)
    known = sorted((key.is_active, _second(key.created_at)) for key in keys if key.is_listed)
    if shown == known:
        return True
    alike = [is_active for is_active, _ in shown] == [is_active for is_active, _ in known]
    return alike and listed_under == fingerprint(reported)


def on_record(
    keys: Sequence[AccessKey], reported: ReportedUser, generated_at: datetime
) -> tuple[AccessKey, ...]:
    """The keys on record, with the uses that a report tells since, and seen once more in it."""
    uses = dict(used_since(keys, reported))
    seen = (key.with_last_use(uses.get(key.key_id, key.last_use)) for key in keys)
    return tuple(
        replace(key, last_seen_at=max(key.last_seen_at, generated_at)) if key.is_listed else key
        for key in seen
    )


def used_since(keys: Sequence[AccessKey], reported: ReportedUser) -> tuple[tuple[str, UsedAt], ...]:
    """Of which keys the report tells a later use than is on record.

    Which slot is which key is told by the dates, or by there being only one; else nothing is.
    """
    listed = [key for key in keys if key.is_listed]
    return tuple(
        (key.key_id, slot.last_use)
        for key in listed
        if (slot := _slot_of(key, listed, reported)) is not None
        and isinstance(slot.last_use, UsedAt)
        and not (isinstance(key.last_use, UsedAt) and key.last_use.at >= slot.last_use.at)
    )


def reported_keys(reported: ReportedUser, generated_at: datetime) -> tuple[AccessKey, ...]:
    """Keys that were never listed, as the report shows them: at least as old as it says."""
    return tuple(
        sorted(
            (_reported(key, slot, generated_at) for slot, key in enumerate(reported.keys, start=1)),
            key=lambda key: (key.created_at, key.key_id),
        )
    )


def is_idle(case: Case, action: Action) -> bool:
    """Whether there is nothing to do for this user and nothing that a look could bring out."""
    waits = isinstance(action, Wait) and action.reason in _IDLE
    return waits and not is_curious(case) and not overdue(case)


def wants_look(case: Case) -> bool:
    """Whether the policy acts by how long a key is known to be Inactive: it is to be known soon."""
    return bool(case.terms.retire) and any(not key.is_active for key in case.listed)


def look_moment(user_id: str, since: datetime, policy: Policy) -> datetime:
    """When a user's keys are to be listed for once: spread over a tenth of `rotate_after`."""
    batch = int.from_bytes(sha256(user_id.encode()).digest()[:4]) % BATCHES
    return since + policy.rotate_after / PART * batch / BATCHES


_IDLE = frozenset({Reason.NOT_DUE, Reason.NO_KEY})

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _slot_of(
    key: AccessKey, listed: Sequence[AccessKey], reported: ReportedUser
) -> ReportedKey | None:
    if len(listed) != len(reported.keys):
        return None
    if len(listed) == 1:
        return reported.keys[0]
    mine = (key.is_active, _second(key.created_at))
    like = [slot for slot in reported.keys if (slot.is_active, _second(slot.rotated_at)) == mine]
    twins = [one for one in listed if (one.is_active, _second(one.created_at)) == mine]
    return like[0] if len(like) == len(twins) == 1 else None


def _reported(key: ReportedKey, slot: int, generated_at: datetime) -> AccessKey:
    created_at = key.rotated_at or generated_at
    return AccessKey(
        key_id=f"(key {slot} of the report)",
        status=KeyStatus.ACTIVE if key.is_active else KeyStatus.INACTIVE,
        created_at=created_at,
        last_use=key.last_use,
        status_since=created_at if key.is_active else generated_at,
        first_seen_at=generated_at,
        last_seen_at=generated_at,
    )


def _word(key: ReportedKey) -> str:
    return "active" if key.is_active else "inactive"


def _second(moment: datetime | None) -> datetime:
    """AWS tells these dates in whole seconds, and so are they compared."""
    return _LONG_AGO if moment is None else moment.replace(microsecond=0)
