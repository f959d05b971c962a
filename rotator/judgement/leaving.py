"""How a key goes out of service: by a title, and only past `may_go`.

The title says by what right a key leaves, whether another key must take its place first, what it
waits for before it is switched off, how long it rests before it is deleted, and which gates stand
before its doors. A title that is not in the table harms nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.judgement import doors
from rotator.judgement.presence import has, may_have, our_places
from rotator.judgement.wording import moment, span, used
from rotator.model import (
    KeyStatus,
    NeverUsed,
    Reason,
    Title,
    Unreadable,
    UsedAt,
    UseUnknown,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rotator.model import AccessKey, Case, PlaceState

__all__ = [
    "TITLES",
    "heir_serves",
    "in_use_by_us",
    "is_waived",
    "may_go",
    "patient",
    "quiet_at",
    "rested",
    "stays",
    "title_of",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """What one title asks for.

    Attributes:
        heir: a key that is Active, proven and in every place must stand in for the leaver.
        grace, quiet, first_use: what is waited for before it is switched off.
        rest: how long it is known Inactive before it is deleted.
        gates: which gates stand before its doors.
        late: late evidence (used after all, its heir gone) brings it back.
    """

    heir: bool = False
    grace: bool = False
    quiet: bool = False
    first_use: bool = False
    rest: Callable[[Case], timedelta] = lambda _: timedelta(0)
    gates: tuple[doors.GateEntry, ...] = doors.FEW
    late: bool = False


def _recovery(case: Case) -> timedelta:
    return case.terms.recovery_period


def _orphan_age(case: Case) -> timedelta:
    return case.timing.orphan_age


TITLES = {
    Title.PREDECESSOR: Rule(
        heir=True,
        grace=True,
        quiet=True,
        first_use=True,
        rest=_recovery,
        gates=doors.ALL,
        late=True,
    ),
    Title.ORPHAN: Rule(rest=_orphan_age),
    Title.UNDELIVERED: Rule(),
}
"""The titles by which a key may leave; each asks for what it took to lose no key by it."""


def title_of(case: Case, key: AccessKey) -> Title | None:
    """The title on record for this very key; None means that it must not be harmed (P2)."""
    rotation = case.rotation
    if rotation is None or rotation.leaving != key.key_id:
        return None
    return rotation.right


def may_go(case: Case, key: AccessKey) -> bool:
    """The only guard before the only two calls that harm: a title, no reader, and an heir."""
    title = title_of(case, key)
    rule = TITLES.get(title) if title else None
    return (
        rule is not None
        and (
            is_waived(case)
            or not any(may_have(place, key.key_id, case) for place in our_places(case))
        )
        and (not rule.heir or is_waived(case) or heir_serves(case))
    )


def is_waived(case: Case) -> bool:
    """Whether a person's word for this one key waived P1 (`--now`, `--contain-first`)."""
    return case.rotation is not None and case.rotation.now


def heir_serves(case: Case) -> bool:
    """Whether the successor is Active, proven, and in every place that belongs to the user."""
    heir = case.key(case.rotation.successor) if case.rotation else None
    return (
        heir is not None
        and heir.is_active
        and case.rotation is not None
        and case.rotation.proven_at is not None
        and all(has(place, heir.key_id) for place in our_places(case))
    )


def stays(case: Case, key: AccessKey) -> Wait:
    """Why `may_go` says no, as a sentence: the heir first, then the places."""
    rotation = case.open
    rule = TITLES.get(rotation.right) if rotation.right else None
    soon = case.now + case.timing.settle
    if rule is None:
        return Wait(Reason.HEIR, f"{key.key_id} stays: no known title says that it may go", soon)
    heir = case.key(rotation.successor)
    if rule.heir and (heir is None or not heir.is_active or rotation.proven_at is None):
        return Wait(
            Reason.HEIR,
            f"{key.key_id} stays: its successor {rotation.successor} is not listed as Active and"
            " proven",
            soon,
        )
    place = next((p for p in our_places(case) if may_have(p, key.key_id, case)), None) or next(
        p for p in our_places(case) if heir is None or not has(p, heir.key_id)
    )
    return Wait(Reason.SINK, f"{key.key_id} stays: {place.place} {_why_in_doubt(place)}", soon)


def patient(case: Case, key: AccessKey) -> Wait | None:
    """What the title still waits for before the key is switched off; None: for nothing."""
    title = title_of(case, key)
    assert title is not None
    rule = TITLES[title]
    return (
        (_grace(case, key) if rule.grace else None)
        or (_quiet(case, key) if rule.quiet else None)
        or (_first_use(case, key) if rule.first_use else None)
    )


def rested(case: Case, key: AccessKey) -> Wait | None:
    """What the title still waits for before the key is deleted; None: for nothing (P3)."""
    rotation = case.open
    title = title_of(case, key)
    assert title is not None
    if isinstance(key.last_use, UseUnknown):
        return _unknown_use(case, key)
    off_at = max(key.status_since, rotation.deactivated_at or key.status_since)
    since = max(off_at, rotation.blocked_at or off_at)
    if isinstance(key.last_use, UsedAt) and key.last_use.at > off_at + case.timing.settle:
        since = max(since, key.last_use.at)
    until = since + TITLES[title].rest(case)
    if rotation.promised_at is not None and not rotation.now:
        until = max(until, rotation.promised_at)
    if key.status is KeyStatus.INACTIVE and until <= case.now:
        return None
    reason = Reason.ORPHAN_AGE if title is Title.ORPHAN else Reason.RECOVERY
    return Wait(
        reason,
        f"{key.key_id} is Inactive since {moment(off_at)} and can be revived until"
        f" {moment(until)}; it is deleted then",
        until,
    )


def _grace(case: Case, key: AccessKey) -> Wait | None:
    rotation, policy = case.open, case.terms
    start = rotation.delivered_at
    assert start is not None
    until = _clock(case, key, start) + policy.grace_period
    if until <= case.now:
        return None
    return Wait(
        Reason.GRACE,
        f"both keys work: {rotation.successor} is delivered since {moment(start)}, and"
        f" {key.key_id} stays Active until {moment(until)} at least (grace_period"
        f" {span(policy.grace_period)})",
        until,
    )


def _quiet(case: Case, key: AccessKey) -> Wait | None:
    policy = case.terms
    if isinstance(key.last_use, UseUnknown):
        return _unknown_use(case, key)
    if in_use_by_us(case, key):
        return Wait(
            Reason.NOT_QUIET,
            f"{key.key_id} is in use now: a live replica of rotator signs its calls with it",
            case.now + policy.quiet_period,
        )
    until = quiet_at(case, key)
    if until <= case.now:
        return None
    return Wait(
        Reason.NOT_QUIET,
        f"{key.key_id} was {used(key.last_use, case.now)}; it must be quiet for"
        f" {span(policy.quiet_period)} (and IAM's lag of {span(case.timing.last_used_lag)})",
        until,
    )


def quiet_at(case: Case, key: AccessKey) -> datetime:
    """When a key will have been quiet for long enough, if it is not used again."""
    last = key.last_use.at if isinstance(key.last_use, UsedAt) else key.created_at
    return _clock(case, key, last) + case.terms.quiet_period + case.timing.last_used_lag


def in_use_by_us(case: Case, key: AccessKey) -> bool:
    """Whether a live replica of ours signs its calls with this key: that is a use now."""
    return key.key_id in case.signing_keys


def _first_use(case: Case, key: AccessKey) -> Wait | None:
    rotation, policy = case.open, case.terms
    heir = case.key(rotation.successor)
    assert heir is not None
    if not policy.require_first_use or _long_unused(case, key) or in_use_by_us(case, heir):
        return None
    if isinstance(heir.last_use, UseUnknown):
        return _unknown_use(case, heir)
    own_use_at = rotation.own_use_at or heir.created_at
    if isinstance(heir.last_use, UsedAt) and heir.last_use.at > own_use_at + case.timing.grain:
        return None
    return Wait(
        Reason.NOT_USED_YET,
        f"nobody has been seen using {heir.key_id} yet (but for our own proof at"
        f" {moment(own_use_at)}), so {key.key_id} stays: is each consumer reading the new key?",
    )


def _long_unused(case: Case, key: AccessKey) -> bool:
    if isinstance(key.last_use, UseUnknown):
        return False
    last = key.created_at if isinstance(key.last_use, NeverUsed) else key.last_use.at
    return last + case.terms.unused_after <= case.now


def _unknown_use(case: Case, key: AccessKey) -> Wait:
    return Wait(
        Reason.LAST_USE_UNKNOWN,
        f"{key.key_id} stays as it is: {used(key.last_use, case.now)}, and not knowing is not"
        " the same as not used",
        case.now + case.timing.settle,
    )


def _clock(case: Case, key: AccessKey, fact: datetime) -> datetime:
    """Where a clock starts: its fact, the key's last change of status, or the end of a block."""
    blocked_at = case.rotation.blocked_at if case.rotation else None
    return max(fact, key.status_since, blocked_at or fact)


def _why_in_doubt(place: PlaceState) -> str:
    if isinstance(place.reading, Unreadable):
        return f"could not be read ({place.reading.why}), so it may still serve that key"
    if place.reading is None and place.readable:
        return "was not read, so it may still serve that key"
    return "may still serve that key"
