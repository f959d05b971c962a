"""`rotator run --until-idle`: on and on at each next moment, until only long waits are left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.model import Every

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from rotator.model import UserRef
    from rotator.reconcile import Sweeper, VisitResult
    from rotator.store import Standing

__all__ = ["until_idle"]

LONG = timedelta(hours=1)
"""A wait that is not sat out."""

LOOK = timedelta(seconds=2)
"""How long one waits at most before the store is asked again: others may work on it, too."""


def until_idle(
    sweeper: Sweeper,
    visits: Mapping[UserRef, VisitResult],
    add: Callable[[list[VisitResult]], None],
) -> None:
    """Visit whoever was swept at each next moment, as long as there is one within an hour.

    Left out is whoever is stopped or held, or is in the hands of another process. Where nothing
    at all was done for two hours it ends, too: then whatever is waited for does not come.

    Raises:
        StoreError: the store cannot be used.
    """
    equipment = sweeper.equipment
    scope = {ref for ref, visit in visits.items() if not visit.left_to_another}
    visited_at = dict.fromkeys(scope, equipment.clock())
    acted_at = equipment.clock()
    while not equipment.stopping.is_set():
        now = equipment.clock()
        moments = _moments(sweeper, scope, visited_at)
        soon = {ref: at for ref, (at, _) in moments.items() if at <= now + LONG}
        if not soon or now > acted_at + 2 * LONG:
            return
        due = [moments[ref][1].user for ref, at in soon.items() if at <= now]
        if not due:
            wait = min(min(soon.values()) - now, LOOK)
            equipment.pause(wait.total_seconds())
            continue
        results = sweeper.visit_now([(user.ref, user.account, user.name) for user in due])
        visited_at |= {user.ref: equipment.clock() for user in due}
        scope -= {visit.user.ref for visit in results if visit.left_to_another}
        if any(visit.acted for visit in results):
            acted_at = equipment.clock()
        add(results)


def _moments(
    sweeper: Sweeper, scope: set[UserRef], visited_at: Mapping[UserRef, datetime]
) -> dict[UserRef, tuple[datetime, Standing]]:
    """When each user who is open is to be looked at again; nobody at once after a visit."""
    store = sweeper.equipment.store
    timing = sweeper.equipment.configuration().timing
    ordered = {row.ref for row in store.open_orders()}
    moments: dict[UserRef, tuple[datetime, Standing]] = {}
    for row in store.users():
        ref = row.user.ref
        if ref not in scope or row.user.blocked is not None:
            continue
        is_open = row.rotation is not None or row.user.next_at is not None or ref in ordered
        if not is_open:
            continue
        at = row.user.next_at or visited_at[ref] + _rhythm(sweeper, row)
        moments[ref] = max(at, visited_at[ref] + timing.retry_min / 20), row
    return moments


def _rhythm(sweeper: Sweeper, row: Standing) -> timedelta:
    """How often a user is looked at whose wait has no moment: as often as the policy says."""
    policy = sweeper.equipment.configuration().policy(row.user.policy or "")
    schedule = policy.schedule if policy else None
    return schedule.interval if isinstance(schedule, Every) else 2 * LONG
