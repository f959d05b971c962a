"""What the gauges say: where everybody stands, read from the store at each scrape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.errors import StoreUnavailable
from rotator.events import Event
from rotator.model import Step
from rotator.outlets.metrics import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

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
    tally = store.tally()
    return Standing(
        users=tally.standing,
        blocked={(policy, reason.value): n for (policy, reason), n in tally.blocked.items()},
        overdue=tally.overdue,
        oldest_key_at=tally.oldest,
        swept_at=_swept(store),
        uncovered={
            survey.account: survey.uncovered
            for survey in store.surveys().values()
            if survey.uncovered is not None
        },
        rates=rates or {},
    )


def _swept(store: Store) -> dict[str, datetime]:
    """Per policy, the account that has waited longest: silence about one is an alarm, too."""
    swept: dict[str, datetime] = {}
    for policy, account_id in store.swept_pairs():
        last = store.last_sweep(policy, account_id, ok=True)
        if last is not None and last.ended_at is not None:
            swept[policy] = min(swept.get(policy, last.ended_at), last.ended_at)
    return swept
