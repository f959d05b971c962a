"""Where a user stands after a visit: kept for `status`, and told when it changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from rotator.errors import LeaseLost
from rotator.events import Event
from rotator.judgement.approvals import LIFE, lapses_at
from rotator.judgement.approving import newly_open
from rotator.judgement.beginning import due_at, overdue
from rotator.judgement.ourselves import signed_by
from rotator.judgement.phases import phase_of
from rotator.judgement.presence import served
from rotator.judgement.survey import fingerprint
from rotator.model import Mode, Reason, Selected, Shut, Stop, Wait
from rotator.store import UserRow

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import Action, Case, Order, UserRef
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.journey import Visit
    from rotator.store import Change

__all__ = ["keep_standing", "note_unreachable", "standing_of"]


@dataclass(frozen=True, slots=True)
class _Block:
    kind: Literal["stop", "hold"]
    reason: Reason
    message: str
    by: str | None = None
    until: datetime | None = None


def keep_standing(journey: Visit, action: Action) -> None:
    """Record where the user stands, and tell of stops, holds and overdue keys that are new."""
    before = journey.known.user
    row = replace(
        standing_of(journey.case, action, before),
        reported=_reported(journey),
        look_at=_look_at(journey),
    )
    with journey.change(mends=True) as change:
        for order in newly_open(journey.case):
            change.open_approval(order.order_id)
        change.note_user(row)
        _note_readings(journey, change)
        if row.blocked is not None and journey.case.rotation is not None:
            change.facts(journey.case.rotation.rotation_id, blocked_at=journey.case.now)
    _tell(journey, before, row)
    if row.blocked is None:
        _tell_rescheduled(journey, before, row)


def _look_at(journey: Visit) -> datetime | None:
    """When the keys are to be listed for once after all, where that could not be done now.

    Of a user who is not there any more there is nothing to list.
    """
    before = journey.known.user
    if before is None or before.look_at is None or journey.case.listed_at is not None:
        return None
    if journey.roll.user(journey.user.ref) is None:
        return None
    return max(before.look_at, journey.case.now + journey.case.timing.retry_max)


def _reported(journey: Visit) -> str | None:
    """What the report says of the keys that have just been listed; else what it said before."""
    before = journey.known.user.reported if journey.known.user else None
    reported = journey.roll.reported(journey.case.user)
    if reported is None or journey.case.listed_at is None:
        return before
    return fingerprint(reported)


def _note_readings(journey: Visit, change: Change) -> None:
    """Keep what each place was read to serve, where it is other than what is on record."""
    rows = {row.place: row for row in journey.known.places}
    for state in journey.case.places:
        row = rows.get(state.place)
        if row is None or state.reading is None:
            continue
        word = type(state.reading).__name__.lower()
        if (row.reading, row.serves) != (word, served(state)):
            change.place(state.place, reading=word, serves=served(state), read_at=journey.seen.at)


def standing_of(case: Case, action: Action, before: UserRow | None) -> UserRow:
    """The row of `users` that a judgement comes to."""
    block = _block(case, action)
    same = before is not None and block is not None and before.blocked_reason == block.reason
    oldest = case.active[0] if case.active else None
    return UserRow(
        ref=case.user.ref,
        account=case.user.account,
        name=case.user.name,
        path=case.user.path,
        arn=case.user.arn,
        policy=case.policy.name if case.policy else None,
        mode=(Mode.ENFORCE if case.enforced else Mode.OBSERVE) if case.policy else None,
        phase=phase_of(case.rotation, case.key(case.rotation.leaving) if case.rotation else None),
        reason=action.reason,
        message=action.message,
        blocked=block.kind if block else None,
        blocked_reason=block.reason if block else None,
        blocked_message=block.message if block else "",
        blocked_since=(before.blocked_since if same and before else case.now) if block else None,
        blocked_by=block.by if block else None,
        blocked_until=block.until if block else None,
        uncovered=not isinstance(case.selection, Selected),
        missing_since=before.missing_since if before else None,
        quarantined_since=case.quarantined_since,
        next_at=_next_at(case, action),
        due_at=due_at(case, oldest) if oldest and case.rotation is None else None,
        overdue=overdue(case),
        as_of=case.listed_at or (before.as_of if before else None),
        source="live",
    )


def note_unreachable(equipment: Equipment, ref: UserRef, why: str) -> None:
    """Record that a user could not be looked at, since its account cannot be entered now.

    One whom somebody else looks after meanwhile is left to that one.

    Raises:
        StoreError: it could not be saved.
    """
    known = equipment.store.know(ref).user
    if known is None or known.message == why:
        return
    timing = equipment.configuration().timing
    lease = equipment.store.acquire(ref, holder=equipment.holder, length=timing.lease)
    if lease is None:
        return
    try:
        with equipment.store.change(lease, mends=True) as change:
            change.note_user(replace(known, reason=Reason.AWS_UNAVAILABLE, message=why))
    except LeaseLost:
        return
    finally:
        equipment.store.release(lease)


def _block(case: Case, action: Action) -> _Block | None:
    """A hold stands, or a stop: whatever the phase."""
    if case.hold is not None:
        hold = case.hold
        return _Block("hold", hold.reason, hold.message, hold.by, hold.until)
    if isinstance(action, Stop):
        return _Block("stop", action.reason, action.message)
    return None


def _next_at(case: Case, action: Action) -> datetime | None:
    """When to look again whatever the schedule: an open rotation's moment, and no other.

    A step that was judged, and not done in this visit, is looked at again soon.
    """
    if case.rotation is None and not case.orders and case.restart is None:
        return None
    if not isinstance(action, Wait | Shut | Stop):
        return case.now + case.timing.retry_min
    moments = [] if isinstance(action, Stop) else [action.until]
    moments += [_lapse(case, order) for order in case.approvals]
    until = min(filter(None, moments), default=None)
    if until is None:
        return None if _is_swept(case) else case.now + case.timing.retry_max
    return max(until, case.now + case.timing.retry_min / 60)


def _lapse(case: Case, order: Order) -> datetime | None:
    """When an approval is to be looked at again: it may lapse then."""
    return case.now + LIFE if order in newly_open(case) else lapses_at(order)


def _is_swept(case: Case) -> bool:
    """Whether a sweep is sure to look at the user: there may be none where no policy selects it."""
    return case.rotation is None or isinstance(case.selection, Selected)


def _tell_rescheduled(journey: Visit, before: UserRow | None, row: UserRow) -> None:
    """A period was changed, and with it the next moment of an open rotation."""
    if before is None or row.reason not in _PERIODS or journey.known.rotation is None:
        return
    if (before.phase, before.reason) != (row.phase, row.reason) or before.next_at is None:
        return
    if row.next_at is None or abs(row.next_at - before.next_at) < timedelta(seconds=1):
        return
    journey.tell(
        Event.ROTATION_RESCHEDULED,
        reason=row.reason,
        message=row.message,
        phase=row.phase,
        was_at=before.next_at,
        next_at=row.next_at,
    )


_PERIODS = frozenset({Reason.GRACE, Reason.RECOVERY, Reason.ORPHAN_AGE})
"""Waits whose end only a changed period moves, or a block that started the clock anew."""


def _tell(journey: Visit, before: UserRow | None, row: UserRow) -> None:
    """One event per change; what stays as it was is a gauge, and no new line."""
    was = (before.blocked, before.blocked_reason) if before else (None, None)
    now = (row.blocked, row.blocked_reason)
    if was != now:
        if was[0] is not None:
            ended = Event.USER_RESUMED if was[0] == "stop" else Event.USER_RELEASED
            journey.tell(ended, reason=was[1], message=row.message, phase=row.phase)
        if now[0] is not None:
            journey.tell(
                Event.USER_STOPPED if now[0] == "stop" else Event.USER_HELD,
                reason=now[1],
                message=row.blocked_message or row.message,
                phase=row.phase,
                since=row.blocked_since,
            )
    if row.overdue and not (before and before.overdue):
        oldest = journey.case.active[0] if journey.case.active else None
        journey.tell(
            Event.USER_OVERDUE,
            access_key_id=oldest.key_id if oldest else None,
            created_at=oldest.created_at if oldest else None,
            reason=row.reason,
            message=row.message,
            phase=row.phase,
            next_at=row.next_at,
            signed_by=signed_by(journey.case, oldest.key_id) if oldest else None,
        )
