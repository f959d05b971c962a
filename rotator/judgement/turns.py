"""When a user is looked at next, with an effect: the moments between which nothing happens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from rotator.model import Contested, KeyStatus, Reason, Selected, Shut, Stop, UsedAt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from rotator.model import AccessKey, Case, Selection, Wait

__all__ = [
    "Rhythm",
    "has_moments",
    "is_swept",
    "last_sweep",
    "next_sweep",
    "next_turn",
    "waits_for_people",
]

_FOR_PEOPLE = frozenset({Reason.OBSERVE, Reason.AGREED, Reason.APPROVAL})
"""Gates that no passing of time opens."""

_BLINK = timedelta(microseconds=1)


class Rhythm(Protocol):
    """When the policies are swept, by their schedules."""

    def next(self, policy: str, moment: datetime) -> datetime | None:
        """The first sweep of a policy at or after a moment; None where there is none."""
        ...

    def last(self, policy: str, moment: datetime) -> datetime | None:
        """The last sweep of a policy before a moment; None where none is known."""
        ...


def next_turn(
    case: Case,
    action: Wait | Shut | Stop,
    rhythm: Rhythm,
    in_use: frozenset[str],
    selections: Sequence[datetime],
) -> datetime | None:
    """When the user is looked at next, and may be judged otherwise; None: never by itself.

    `selections` are the moments, in order, at which other users may be selected. An open rotation
    is visited at its own moment; whoever has none waits for a sweep.
    """
    until = None if isinstance(action, Stop) else action.until
    found: list[datetime | None] = []
    if until is None:
        change = _next_change(case, in_use, selections)
        found.append(change and next_sweep(case, rhythm, change))
    elif has_moments(case):
        found.append(max(until, case.now + case.timing.retry_min / 60))
    else:
        found.append(next_sweep(case, rhythm, _retired_at(case, in_use, until)))
    selected = next((at for at in selections if at > case.now), None)
    found.append(selected and next_sweep(case, rhythm, selected))
    if case.hold is not None and case.hold.until is not None and has_moments(case):
        found.append(case.hold.until)
    return min(filter(None, found), default=None)


def has_moments(case: Case) -> bool:
    """Whether the user is visited when its moment comes, and not in sweeps alone."""
    return case.rotation is not None or bool(case.orders) or case.restart is not None


def next_sweep(case: Case, rhythm: Rhythm, moment: datetime) -> datetime | None:
    """The first sweep after now, and not before a moment, that looks at this user."""
    moment = max(moment, case.now + _BLINK)
    found = (rhythm.next(policy, moment) for policy in _sweeping(case))
    return min(filter(None, found), default=None)


def last_sweep(case: Case, rhythm: Rhythm, moment: datetime) -> datetime | None:
    """The last sweep before a moment that looks at this user."""
    found = (rhythm.last(policy, moment) for policy in _sweeping(case))
    return max(filter(None, found), default=None)


def is_swept(case: Case) -> bool:
    """Whether any sweep looks at the user."""
    return any(True for _ in _sweeping(case))


def _sweeping(case: Case) -> Iterator[str]:
    """The policies in whose sweeps the user is looked at."""
    yield from _selecting(case.selection)
    if case.rotation is not None:
        yield case.rotation.policy


def _selecting(selection: Selection) -> tuple[str, ...]:
    if isinstance(selection, Selected):
        return (selection.policy,)
    return selection.policies if isinstance(selection, Contested) else ()


def _next_change(
    case: Case, in_use: frozenset[str], selections: Sequence[datetime]
) -> datetime | None:
    """The next moment at which the mere passing of time may make the judgement another one."""
    return min((at for at in _changes(case, in_use, selections) if at > case.now), default=None)


def _retired_at(case: Case, in_use: frozenset[str], until: datetime) -> datetime:
    """What is waited for, or the sweep before it at which `retire: [only]` may find a key."""
    if "only" not in case.terms.retire:
        return until
    return min(_next_change(case, in_use, ()) or until, until)


def _changes(
    case: Case, in_use: frozenset[str], selections: Sequence[datetime]
) -> Iterator[datetime]:
    yield from selections
    if case.hold is not None and case.hold.until is not None:
        yield case.hold.until
    if case.user_missing_since is not None:
        yield case.user_missing_since + case.timing.settle
    if case.rotation is not None and case.rotation.own_use_at is not None:
        yield case.rotation.own_use_at + case.timing.grain + timedelta(seconds=1)
    if case.policy is not None:
        for key in case.keys:
            yield from _changes_of(case, key, is_in_use=key.key_id in in_use)


def _changes_of(case: Case, key: AccessKey, *, is_in_use: bool) -> Iterator[datetime]:
    policy = case.terms
    if key.status is KeyStatus.INACTIVE:
        yield key.status_since + policy.recovery_period
        yield key.first_seen_at + policy.recovery_period
        return
    yield key.created_at + policy.rotate_after
    if not is_in_use:
        last = key.last_use.at if isinstance(key.last_use, UsedAt) else key.created_at
        yield last + policy.unused_after
        yield key.first_seen_at + policy.unused_after


def waits_for_people(action: Wait | Shut | Stop) -> bool:
    """Whether only a person opens the gate that is shut."""
    if not isinstance(action, Shut):
        return False
    held = action.reason is Reason.HOLD and action.until is None
    return held or action.reason in _FOR_PEOPLE
