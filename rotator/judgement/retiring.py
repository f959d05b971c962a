"""`retire` in a policy: which key goes, by what is known of its use, to make room or for good."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rotator.judgement import doors
from rotator.judgement.leaving import is_unused, used_at
from rotator.judgement.ourselves import in_use_by_us
from rotator.judgement.presence import may_have, our_places, served
from rotator.judgement.wording import listing, moment, span, used
from rotator.model import (
    KeyStatus,
    Leave,
    NeverUsed,
    Reason,
    Stop,
    Title,
    UseUnknown,
    Wait,
)

if TYPE_CHECKING:
    from rotator.model import AccessKey, Action, Case

__all__ = ["candidates", "retiring"]


def retiring(case: Case, due: AccessKey | None) -> Action | None:
    """The key that the policy lets go now; None: none of them.

    `inactive` and `unused` make room for a user who is due; `only` acts for its own sake. Never
    the key that was used last, never one that a place may have (but for `only`), and never one of
    two that are alike.
    """
    wanted = candidates(case, due)
    if not wanted:
        return _rests_still(case, due)
    if unknown := next((k for k in case.listed if isinstance(k.last_use, UseUnknown)), None):
        return Wait(
            Reason.LAST_USE_UNKNOWN,
            f"which key may go: of {unknown.key_id} {used(unknown.last_use, case.now)}",
            case.now + case.timing.settle,
        )
    rest = [key for key in wanted if not _is_latest(case, key)]
    if not rest:
        return None
    inactive = [key for key in rest if not key.is_active]
    return _least_used(case, inactive or rest)


def _rests_still(case: Case, due: AccessKey | None) -> Wait | None:
    """An Inactive key that will make room once it is known to be Inactive for long enough."""
    policy = case.terms
    if due is None or "inactive" not in policy.retire:
        return None
    resting = [
        key
        for key in case.listed
        if _is_off(key)
        and not _is_latest(case, key)
        and not any(served(place) == key.key_id for place in our_places(case))
    ]
    if len(resting) != 1:
        return None
    key = resting[0]
    until = key.status_since + policy.recovery_period
    return Wait(
        Reason.RECOVERY,
        f"{due.key_id} is due, and {key.key_id} takes the other slot: it is Inactive since"
        f" {moment(key.status_since)} as far as is known, and the policy retires it"
        f" {moment(until)}",
        max(until, case.now + case.timing.settle),
    )


def candidates(case: Case, due: AccessKey | None) -> list[AccessKey]:
    """The keys that the policy's `retire` names, whatever the places say of them.

    Asked only while no rotation is open: one that is goes first.
    """
    retire = case.terms.retire
    only = "only" in retire
    if not retire:
        return []
    if due is None and not only:
        return []
    return [key for key in case.listed if _is_named(case, key, only=only)]


def _is_named(case: Case, key: AccessKey, *, only: bool) -> bool:
    wants = case.terms.retire
    if key.is_active:
        beside = any(
            other.is_active and other.key_id != key.key_id and _is_in_use(case, other)
            for other in case.listed
        )
        return is_unused(case, key) and (only or ("unused" in wants and beside))
    rested = key.status_since + case.terms.recovery_period <= case.now
    twice = key.first_seen_at < key.last_seen_at
    return (only or "inactive" in wants) and _is_off(key) and rested and twice


def _is_off(key: AccessKey) -> bool:
    return key.status is KeyStatus.INACTIVE


def _is_in_use(case: Case, key: AccessKey) -> bool:
    if in_use_by_us(case, key):
        return True
    was_used = not isinstance(key.last_use, NeverUsed | UseUnknown)
    return was_used and not is_unused(case, key)


def _last(key: AccessKey) -> datetime:
    """When a key was last used; one that never was comes before all that were."""
    never = isinstance(key.last_use, NeverUsed)
    return datetime.min.replace(tzinfo=UTC) if never else used_at(key)


def _is_latest(case: Case, key: AccessKey) -> bool:
    """Whether no other key was used later: then, or where both are alike, it is the last to go."""
    others = [_last(other) for other in case.listed if other.key_id != key.key_id]
    return bool(others) and max(others) <= _last(key)


def _least_used(case: Case, keys: list[AccessKey]) -> Action | None:
    """The one that was used the longest ago; of two alike none goes by itself."""
    first = min(keys, key=_last)
    alike = [key.key_id for key in keys if _last(key) == _last(first)]
    if len(alike) > 1:
        return Stop(
            Reason.FOREIGN_KEY,
            f"{listing(alike)} may go, and nothing tells which of them first: say it with"
            " `rotator retire KEY --reason …`",
        )
    if "only" not in case.terms.retire and (kept := _kept_by_a_place(case, first)):
        return kept if isinstance(kept, Wait) else None
    return doors.door(case, _leave(case, first), doors.OPENING)


def _kept_by_a_place(case: Case, key: AccessKey) -> Wait | bool:
    place = next((p for p in our_places(case) if may_have(p, key.key_id, case)), None)
    if place is None:
        return False
    if served(place) == key.key_id:
        return True
    return Wait(
        Reason.SINK,
        f"{key.key_id} may not go: {place.place} may serve it",
        case.now + case.timing.settle,
    )


def _leave(case: Case, key: AccessKey) -> Leave:
    only = "only" in case.terms.retire
    what = (
        f"was not used for {span(case.terms.unused_after)}"
        if key.is_active
        else f"is Inactive since {moment(key.status_since)}"
    )
    return Leave(
        Reason.UNUSED,
        f"{key.key_id} {what} ({used(key.last_use, case.now)}): the policy retires it"
        + (", the user's only key too" if only and len(case.listed) == 1 else ""),
        key_id=key.key_id,
        title=Title.UNUSED,
        now=only,
    )
