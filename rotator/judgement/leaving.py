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
from rotator.judgement.ourselves import in_use_by_us, kept_for_us
from rotator.judgement.presence import has, may_have, our_places
from rotator.judgement.stops import place_stop
from rotator.judgement.wording import listing, moment, span, used
from rotator.model import (
    KeyStatus,
    Kind,
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

    from rotator.model import AccessKey, Case, PlaceState, Rotation, Stop

__all__ = [
    "TITLES",
    "by_word",
    "heir_is_dead",
    "heir_serves",
    "is_unused",
    "is_waived",
    "may_go",
    "patient",
    "quiet_at",
    "rested",
    "rule_of",
    "stays",
    "title_of",
    "used_at",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """What one title asks for.

    Attributes:
        heir: whether a key that is Active, proven and in every place must stand in for the leaver.
        grace, quiet, first_use, unused: what is waited for before it is switched off.
        rest: how long it is known Inactive before it is deleted.
        gates: which gates stand before its doors.
        late: late evidence (used after all, its heir gone) brings it back.
        waivable: a person's word, or `retire: [only]`, waives P1 for it.
        by_word: a person named this very key: what its use tells decides nothing any more.
    """

    heir: Callable[[Rotation], bool] = lambda _: False
    grace: bool = False
    quiet: bool = False
    first_use: bool = False
    unused: bool = False
    rest: Callable[[Case], timedelta] = lambda _: timedelta(0)
    gates: tuple[doors.GateEntry, ...] = doors.FEW
    late: bool = False
    waivable: bool = False
    by_word: bool = False


def _always(_: Rotation) -> bool:
    return True


def _if_one_stays(rotation: Rotation) -> bool:
    """Whether another key was recorded as the one that stays, or is still to be issued."""
    return rotation.successor is not None or rotation.kind is not Kind.LEAVE


def _recovery(case: Case) -> timedelta:
    return case.terms.recovery_period


def _orphan_age(case: Case) -> timedelta:
    return case.timing.orphan_age


def _rest_of_named(case: Case) -> timedelta:
    """None for a key that was Inactive already when a person said that it goes now."""
    rotation = case.open
    leaver = case.key(rotation.leaving)
    was_off = leaver is not None and (leaver.status_since < (rotation.titled_at or case.now))
    off = leaver is not None and leaver.status is KeyStatus.INACTIVE
    return timedelta(0) if rotation.now and was_off and off else case.terms.recovery_period


TITLES = {
    Title.PREDECESSOR: Rule(
        heir=_always,
        grace=True,
        quiet=True,
        first_use=True,
        rest=_recovery,
        gates=doors.ALL,
        late=True,
    ),
    Title.COMPROMISED: Rule(
        heir=_if_one_stays,
        rest=_recovery,
        gates=doors.LATER_HOLD,
        waivable=True,
        by_word=True,
    ),
    Title.ORPHAN: Rule(rest=_orphan_age),
    Title.UNDELIVERED: Rule(),
    Title.UNUSED: Rule(unused=True, rest=_recovery, gates=doors.ALL, late=True, waivable=True),
    Title.NAMED: Rule(
        heir=_if_one_stays,
        grace=True,
        quiet=True,
        rest=_rest_of_named,
        late=True,
        waivable=True,
    ),
}
"""The titles by which a key may leave; each asks for what it took to lose no key by it."""


def title_of(case: Case, key: AccessKey) -> Title | None:
    """The title on record for this very key; None means that it must not be harmed (P2)."""
    rotation = case.rotation
    if rotation is None or rotation.leaving != key.key_id:
        return None
    return rotation.right


def rule_of(rotation: Rotation) -> Rule | None:
    """What the title of an open rotation asks for; None where nobody leaves in it."""
    return TITLES.get(rotation.right) if rotation.right else None


def may_go(case: Case, key: AccessKey) -> bool:
    """The only guard before the only two calls that harm: a title, no reader, and an heir.

    Nobody's word waives it for a key that signs our own calls.
    """
    title = title_of(case, key)
    rule = TITLES.get(title) if title else None
    return (
        rule is not None
        and not in_use_by_us(case, key)
        and (
            is_waived(case.open)
            or (
                not any(may_have(place, key.key_id, case) for place in our_places(case))
                and (not rule.heir(case.open) or heir_serves(case))
            )
        )
    )


def is_waived(rotation: Rotation) -> bool:
    """Whether P1 is waived for the leaver, by a word that its title takes."""
    rule = rule_of(rotation)
    return rotation.now and rule is not None and rule.waivable


def by_word(rotation: Rotation) -> bool:
    """Whether a person's word about this very key outweighs what its use tells.

    So for a key that leaked, and for one that a person wants gone now; what a policy's `only`
    waives is P1, and no more.
    """
    rule = rule_of(rotation)
    named_now = rotation.right is Title.NAMED and rotation.now
    return named_now or (rule is not None and rule.by_word)


def heir_serves(case: Case) -> bool:
    """Whether the successor is Active, proven, and in every place that belongs to the user.

    A user without any place has no heir: nobody could read it. Nor is a part of them all of them.
    """
    heir = case.key(case.open.successor)
    places = our_places(case)
    return (
        heir is not None
        and heir.key_id not in case.contradicted
        and heir.is_active
        and case.open.proven_at is not None
        and case.place_problem is None
        and bool(places)
        and all(has(place, heir.key_id) for place in places)
    )


def heir_is_dead(case: Case) -> bool:
    """Whether two complete listings, `settle` apart, show the successor gone or not Active."""
    rotation = case.open
    heir = case.key(rotation.successor)
    if case.listed_at is None:
        return False
    if heir is None:
        return rotation.successor in case.former
    since = heir.missing_since or (None if heir.is_active else heir.status_since)
    return since is not None and since + case.timing.settle <= case.listed_at


def stays(case: Case, key: AccessKey) -> Wait | Stop:
    """Why `may_go` says no, as a sentence: the heir first, then the places, then ourselves."""
    rotation, rule = case.open, rule_of(case.open)
    soon = case.now + case.timing.settle
    assert rule is not None
    if is_waived(rotation):
        return kept_for_us(case, key)
    heir = case.key(rotation.successor)
    unsound = heir is None or not heir.is_active or heir.key_id in case.contradicted
    if rule.heir(rotation) and (unsound or rotation.proven_at is None):
        return Wait(
            Reason.HEIR,
            f"{key.key_id} stays: its successor {rotation.successor} is not listed as Active and"
            " proven",
            soon,
        )
    if rule.heir(rotation) and case.place_problem is not None:
        return Wait(Reason.SINK, f"{key.key_id} stays: {case.place_problem}", soon)
    for place in our_places(case):
        if may_have(place, key.key_id, case):
            unnamed = place_stop(case) if place.sink_id is None else None
            return unnamed or Wait(
                Reason.SINK, f"{key.key_id} stays: {place.place} {_why_in_doubt(place)}", soon
            )
    if not rule.heir(rotation) or heir_serves(case):
        patience = rested if key.status is KeyStatus.INACTIVE else patient
        return patience(case, key) or kept_for_us(case, key)
    without = [str(p.place) for p in our_places(case) if heir is None or not has(p, heir.key_id)]
    where = f"not in {listing(without)}" if without else "in no place that is known"
    return Wait(Reason.SINK, f"{key.key_id} stays: {rotation.successor} is {where}", soon)


def patient(case: Case, key: AccessKey) -> Wait | None:
    """What the title still waits for before the key is switched off; None: for nothing."""
    title = title_of(case, key)
    assert title is not None
    rule, rotation = TITLES[title], case.open
    if by_word(rotation):
        return None
    return (
        (_grace(case, key) if rule.grace else None)
        or _unknown_use(case, key)
        or (kept_for_us(case, key) if in_use_by_us(case, key) else None)
        or (_quiet(case, key) if rule.quiet else None)
        or (_unused(case, key) if rule.unused else None)
        or (_first_use(case, key) if rule.first_use else None)
    )


def rested(case: Case, key: AccessKey) -> Wait | None:
    """What the title still waits for before the key is deleted; None: for nothing (P3)."""
    rotation = case.open
    title = title_of(case, key)
    assert title is not None
    off_at = max(key.status_since, rotation.deactivated_at or key.status_since)
    since, rest = max(off_at, rotation.blocked_at or off_at), TITLES[title].rest(case)
    if rest == timedelta(0) and by_word(rotation):
        return None
    if (
        not by_word(rotation)
        and isinstance(key.last_use, UsedAt)
        and key.last_use.at > off_at + case.timing.settle
    ):
        # Somebody had it on in between: it rests anew, and a title that asks for none does so too.
        since, rest = max(since, key.last_use.at), max(rest, case.timing.orphan_age)
    until = since + rest
    if rotation.promised_at is not None and not (title is Title.NAMED and rotation.now):
        until = max(until, rotation.promised_at)
    if until <= case.now:
        return None if by_word(rotation) else _unknown_use(case, key)
    reason = Reason.ORPHAN_AGE if title is Title.ORPHAN else Reason.RECOVERY
    return Wait(
        reason,
        f"{key.key_id} is Inactive since {moment(off_at)} and can be revived until"
        f" {moment(until)}; it is deleted then",
        until,
    )


def _grace(case: Case, key: AccessKey) -> Wait | None:
    rotation, policy = case.open, case.terms
    put_at = (place.delivered_at for place in our_places(case))
    start = max(filter(None, [rotation.titled_at, rotation.delivered_at, *put_at]))
    until = _clock(case, key, start) + policy.grace_period
    if until <= case.now:
        return None
    is_named = rotation.title is Title.NAMED
    what = "it was named" if is_named else f"{rotation.successor} is delivered"
    return Wait(
        Reason.GRACE,
        f"both keys work: {what} since {moment(start)}, and"
        f" {key.key_id} stays Active until {moment(until)} at least (grace_period"
        f" {span(policy.grace_period)})",
        until,
    )


def _quiet(case: Case, key: AccessKey) -> Wait | None:
    policy = case.terms
    until = quiet_at(case, key)
    if until <= case.now:
        return None
    return Wait(
        Reason.NOT_QUIET,
        f"{key.key_id} was {used(key.last_use, case.now)}; it must be quiet for"
        f" {span(policy.quiet_period)} (and IAM's lag of {span(case.timing.last_used_lag)})",
        until,
    )


def _unused(case: Case, key: AccessKey) -> Wait | None:
    if is_unused(case, key):
        return None
    unused_after = case.terms.unused_after
    return Wait(
        Reason.NOT_QUIET,
        f"{key.key_id} was {used(key.last_use, case.now)}, which is within unused_after"
        f" {span(unused_after)}",
        used_at(key) + unused_after,
    )


def used_at(key: AccessKey) -> datetime:
    """When a key was last used; one that never was counts from its creation."""
    return key.last_use.at if isinstance(key.last_use, UsedAt) else key.created_at


def is_unused(case: Case, key: AccessKey) -> bool:
    """Whether nobody, as far as is known, has used the key for `unused_after`."""
    known = not isinstance(key.last_use, UseUnknown) and not in_use_by_us(case, key)
    return known and used_at(key) + case.terms.unused_after <= case.now


def quiet_at(case: Case, key: AccessKey) -> datetime:
    """When a key will have been quiet for long enough, if it is not used again."""
    last = case.now if in_use_by_us(case, key) else used_at(key)
    return _clock(case, key, last) + case.terms.quiet_period + case.timing.last_used_lag


def _first_use(case: Case, key: AccessKey) -> Wait | None:
    rotation, policy = case.open, case.terms
    heir = case.key(rotation.successor)
    assert heir is not None
    if not policy.require_first_use or is_unused(case, key) or in_use_by_us(case, heir):
        return None
    if unknown := _unknown_use(case, heir):
        return unknown
    own_use_at = rotation.own_use_at or heir.created_at
    if isinstance(heir.last_use, UsedAt) and heir.last_use.at > own_use_at + case.timing.grain:
        return None
    return Wait(
        Reason.NOT_USED_YET,
        f"nobody has been seen using {heir.key_id} yet (but for our own proof at"
        f" {moment(own_use_at)}), so {key.key_id} stays: is each consumer reading the new key?",
    )


def _unknown_use(case: Case, key: AccessKey) -> Wait | None:
    """No key is harmed whose last use could not be read, whatever its title asks for (P6)."""
    if not isinstance(key.last_use, UseUnknown):
        return None
    return Wait(
        Reason.LAST_USE_UNKNOWN,
        f"nothing leaves: of {key.key_id} {used(key.last_use, case.now)}, and not knowing is not"
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
