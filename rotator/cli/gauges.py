"""What the gauges say: where everybody stands, read from the store at each scrape."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rotator.errors import StoreUnavailable
from rotator.events import Event
from rotator.model import Step
from rotator.outlets.metrics import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from rotator.store import Standing as Row
    from rotator.store import Store

__all__ = ["StepTimes", "standing_of"]

_STEPS = {
    Event.KEY_ISSUED: Step.ISSUE,
    Event.KEY_PROVEN: Step.PROVE,
    Event.KEY_DELIVERED: Step.DELIVER,
    Event.KEY_DEACTIVATED: Step.DEACTIVATE,
    Event.KEY_REACTIVATED: Step.REACTIVATE,
    Event.KEY_DELETED: Step.DELETE,
}
"""The events that tell of a step and how many seconds it took."""


class StepTimes:
    """The outlet that hands on how long each step took; what was only observed took no time."""

    name = "metrics"

    def __init__(self, on_step: Callable[[str, float], None]) -> None:
        self._on_step = on_step

    def on_event(self, event: Event, fields: Mapping[str, object]) -> None:
        """Hand on the seconds of one step, if this event tells of one."""
        step, seconds = _STEPS.get(event), fields.get("seconds")
        if step is not None and isinstance(seconds, float):
            self._on_step(step.value, seconds)


def standing_of(
    store: Store | None, rates: Mapping[tuple[str, str], float] | None = None
) -> Standing:
    """Count the users that the store knows, by what the metrics are labelled with.

    `rates` are how fast each account is asked now.

    Raises:
        StoreError: the store cannot be used now.
    """
    if store is None:
        raise StoreUnavailable("the store is not open yet")
    rows = [row for row in store.users() if row.user.policy is not None]
    return Standing(
        users=Counter((row.user.account, str(row.user.policy), row.user.phase) for row in rows),
        blocked=Counter(
            (str(row.user.policy), row.user.blocked_reason.value)
            for row in rows
            if row.user.blocked_reason is not None
        ),
        overdue=Counter(str(row.user.policy) for row in rows if row.user.overdue),
        oldest_key_at=_oldest(rows),
        swept_at=_swept(store, rows),
        uncovered={
            survey.account: survey.uncovered
            for survey in store.surveys().values()
            if survey.uncovered is not None
        },
        rates=rates or {},
    )


def _oldest(rows: list[Row]) -> dict[tuple[str, str], datetime]:
    oldest: dict[tuple[str, str], datetime] = {}
    for row in rows:
        label = (row.user.account, str(row.user.policy))
        listed = (k.key.created_at for k in row.keys if k.key.is_active and k.gone_at is None)
        reported = (k.rotated_at for k in row.reported if k.is_active and k.rotated_at)
        for made_at in (*listed, *reported):
            oldest[label] = min(oldest.get(label, made_at), made_at)
    return oldest


def _swept(store: Store, rows: list[Row]) -> dict[str, datetime]:
    """Per policy, the account that has waited longest: silence about one is an alarm, too."""
    swept: dict[str, datetime] = {}
    for policy, account_id in {(str(r.user.policy), r.user.ref.account_id) for r in rows}:
        last = store.last_sweep(policy, account_id, ok=True)
        if last is not None and last.ended_at is not None:
            swept[policy] = min(swept.get(policy, last.ended_at), last.ended_at)
    return swept
