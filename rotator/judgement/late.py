"""Late evidence: what comes to light after a key was switched off, or its heir was delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.judgement.leaving import by_word, heir_is_dead, is_unused, is_waived, rule_of
from rotator.judgement.ourselves import signed_by
from rotator.judgement.presence import our_places, served, written_by_another
from rotator.judgement.wording import moment, used
from rotator.model import (
    Close,
    KeyStatus,
    Kind,
    NeverUsed,
    Outcome,
    Reactivate,
    Reason,
    Serves,
    Stop,
    Title,
    Unreadable,
    UsedAt,
    UseUnknown,
)

if TYPE_CHECKING:
    from rotator.model import AccessKey, Case, PlaceState, Rotation

__all__ = ["late_evidence"]


def late_evidence(case: Case) -> Reactivate | Stop | Close | None:
    """Line 3: reactivate what we switched off; then a hold or a stop says why."""
    rotation = case.rotation
    if rotation is None:
        return None
    if rotation.right is Title.ORPHAN:
        return _orphan_in_use(case, rotation)
    rule = rule_of(rotation)
    if rule is None:
        return _successor_gone(case, rotation)
    if by_word(rotation) or not rule.late:
        return _of_one_that_was_named(case, rotation)
    return (
        _successor_gone(case, rotation)
        or _used_after_all(case, rotation)
        or _not_unused(case, rotation)
        or _drifted(case, rotation)
    )


def _of_one_that_was_named(case: Case, rotation: Rotation) -> Stop | None:
    """A person's word brings no key back; that readers are down is told all the same."""
    if down := _readers_down(case, rotation):
        return down
    if is_waived(rotation):
        return None
    gone = rotation.right is Title.COMPROMISED and _is_heirless(case, rotation)
    return _gone(case, rotation) if gone else _drifted(case, rotation)


def _readers_down(case: Case, rotation: Rotation) -> Stop | None:
    """A place serves the key that was switched off, and nothing open will write it."""
    leaver = case.key(rotation.leaving)
    if rotation.successor is not None or rotation.kind is not Kind.LEAVE:
        return None
    if rotation.right is not Title.COMPROMISED:
        return None  # whoever says `--now` has said what becomes of its readers
    if leaver is None or leaver.status is not KeyStatus.INACTIVE:
        return None
    place = next((p for p in our_places(case) if served(p) == leaver.key_id), None)
    if place is None:
        return None
    return Stop(
        Reason.SINK_SERVES_DEAD,
        f"{place.place} serves {leaver.key_id}, which is Inactive: its readers are down now. With a"
        f" free slot `rotator rotate {leaver.key_id} --compromised` gives them another key; or"
        f" `rotator deliver {case.user} --from …` one that there is",
    )


def _orphan_in_use(case: Case, rotation: Rotation) -> Reactivate | Close | None:
    """Somebody holds what we took for an orphan: it is theirs, and was never ours to delete."""
    key = case.key(rotation.leaver)
    is_used = key is not None and key.is_listed and isinstance(key.last_use, UsedAt)
    if key is None or not (is_used or _active_again(case, rotation, key)):
        return None
    if _we_switched_off(case, rotation, key):
        return Reactivate(
            Reason.USED_AFTER_ALL,
            f"{key.key_id} was {used(key.last_use, case.now)}: it is no orphan",
            key_id=key.key_id,
        )
    return Close(
        Reason.NO_EFFECT,
        f"{key.key_id} was used, or switched by somebody: it is no orphan, and is left alone",
        outcome=Outcome.NO_EFFECT,
    )


def _is_heirless(case: Case, rotation: Rotation) -> bool:
    """Whether places got a successor that is gone, or not Active."""
    delivered = any(place.delivered_at is not None for place in our_places(case))
    return rotation.successor is not None and delivered and heir_is_dead(case)


def _successor_gone(case: Case, rotation: Rotation) -> Reactivate | Stop | None:
    if not _is_heirless(case, rotation):
        return None
    leaver = case.key(rotation.leaving)
    if leaver is not None and _we_switched_off(case, rotation, leaver):
        return Reactivate(
            Reason.SUCCESSOR_GONE,
            f"{_how_gone(case, rotation)}: {leaver.key_id} is revived",
            key_id=leaver.key_id,
        )
    return _gone(case, rotation)


def _gone(case: Case, rotation: Rotation) -> Stop:
    return Stop(
        Reason.SUCCESSOR_GONE,
        f"{_how_gone(case, rotation)}: its readers are down. Reactivate it in IAM; or end this"
        f" rotation with `rotator close {case.user} --reason …`, and `rotator rotate {case.user}`",
    )


def _how_gone(case: Case, rotation: Rotation) -> str:
    heir = case.key(rotation.successor)
    state = "was deleted" if heir is None or not heir.is_listed else f"is {heir.status}"
    return f"the successor {rotation.successor} {state}, and places serve it"


def _used_after_all(case: Case, rotation: Rotation) -> Reactivate | None:
    leaver = case.key(rotation.leaving)
    if leaver is None or not _we_switched_off(case, rotation, leaver):
        return None
    places = () if is_waived(rotation) else our_places(case)
    reader = next((p for p in places if served(p) == leaver.key_id), None)
    if reader is not None:
        why = f"{reader.place} serves {leaver.key_id} again"
    elif _later(leaver, rotation):
        why = f"{leaver.key_id} was {used(leaver.last_use, case.now)}, later than was known"
    else:
        return None
    return Reactivate(
        Reason.USED_AFTER_ALL,
        f"{why}: it is revived, and the user is held until `rotator release {case.user}`",
        key_id=leaver.key_id,
        hold=Reason.USED_AFTER_ALL,
    )


def _in_use(case: Case, key: AccessKey) -> str:
    """By whom a key is used, where that is us; else when it was used."""
    who = signed_by(case, key.key_id)
    return f"signs rotator's own calls ({who})" if who else f"was {used(key.last_use, case.now)}"


def _not_unused(case: Case, rotation: Rotation) -> Close | None:
    """What was to go for want of use is used again before it was switched off: it stays."""
    leaver = case.key(rotation.leaving)
    if rotation.right is not Title.UNUSED or leaver is None or not leaver.is_active:
        return None
    if isinstance(leaver.last_use, UseUnknown) or is_unused(case, leaver):
        return None
    return Close(
        Reason.SUPERSEDED,
        f"{leaver.key_id} {_in_use(case, leaver)}: it is not unused, and stays",
        outcome=Outcome.SUPERSEDED,
    )


def _drifted(case: Case, rotation: Rotation) -> Stop | None:
    """A place that got the successor is read to serve something else: nobody but us may say."""
    if rotation.delivered_at is None:
        return None
    known = {rotation.successor, rotation.leaving}
    for place in our_places(case):
        if place.delivered_at is not None and _is_other(place, known):
            return Stop(
                Reason.SINK_CONFLICT,
                f"{place.place} got {rotation.successor} {moment(place.delivered_at)} and was"
                " changed by somebody since: it is never overwritten by itself."
                f" `rotator deliver {case.user}` gives it {rotation.successor} again; or end this"
                f" rotation with `rotator close {case.user} --reason …`",
            )
    return None


def _is_other(place: PlaceState, known: set[str | None]) -> bool:
    if not place.readable:
        return written_by_another(place) and not _not_read(place)
    if isinstance(place.reading, Serves):
        return place.reading.key_id not in known
    return not _not_read(place)


def _not_read(place: PlaceState) -> bool:
    return place.reading is None or isinstance(place.reading, Unreadable)


def _we_switched_off(case: Case, rotation: Rotation, key: AccessKey) -> bool:
    """Inactive now, by an intent of ours since it was last seen Active: that left evidence."""
    return (
        key.is_listed
        and key.status is KeyStatus.INACTIVE
        and key.key_id in rotation.evidence
        and case.listed_at is not None
    )


def _active_again(case: Case, rotation: Rotation, key: AccessKey) -> bool:
    """Active so long after it was switched off that the listing is no stale one."""
    at = rotation.deactivated_at
    return (
        key.is_active
        and at is not None
        and case.listed_at is not None
        and case.listed_at >= at + case.timing.settle
    )


def _later(leaver: AccessKey, rotation: Rotation) -> bool:
    """Whether a use came to light that the decision to switch off did not know of."""
    if not isinstance(leaver.last_use, UsedAt):
        return False
    known = rotation.evidence[leaver.key_id]
    return isinstance(known, NeverUsed) or (
        isinstance(known, UsedAt) and leaver.last_use.at > known.at
    )
