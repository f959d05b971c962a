"""Doors and their gates: data, asked in one order before issue, deactivate and delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.judgement.calendar import opens_at
from rotator.judgement.wording import moment, span
from rotator.model import Deactivate, DoorName, Issue, Reason, Shut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from rotator.model import Case, Delete

__all__ = [
    "ALL",
    "BEGINNING",
    "FEW",
    "NONE",
    "REQUESTED",
    "Gate",
    "GateEntry",
    "door",
    "door_of",
    "shut_gates",
]


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate that is shut: which, why, and when it may open by itself."""

    reason: Reason
    message: str
    until: datetime | None = None


def _hold(case: Case, _door: DoorName) -> Gate | None:
    if case.hold is None:
        return None
    hold = case.hold
    until = f" until {moment(hold.until)}" if hold.until else ""
    why = f": {hold.message}" if hold.message else ""
    return Gate(
        Reason.HOLD, f"held by {hold.by} since {moment(hold.since)}{until}{why}", hold.until
    )


def _observe(case: Case, _door: DoorName) -> Gate | None:
    if case.enforced:
        return None
    return Gate(Reason.OBSERVE, "the policy only observes this user: nothing is begun")


def _agreed(case: Case, _door: DoorName) -> Gate | None:
    return Gate(Reason.AGREED, case.agreed) if case.agreed else None


def _closed(case: Case, _door: DoorName) -> Gate | None:
    window = case.policy.window if case.policy else None
    opening = opens_at(window, case.freezes, case.now)
    if opening == case.now:
        return None
    frozen = next((f for f in case.freezes if f.starts_at <= case.now < f.until), None)
    what = f"the freeze {frozen.name!r}" if frozen else "the policy's window"
    when = f"opens {moment(opening)}" if opening else "never opens"
    return Gate(Reason.CLOSED, f"{what} keeps this door shut; it {when}", opening)


def _limit(case: Case, door: DoorName) -> Gate | None:
    if case.policy is None:
        return None
    limits = case.policy.limits
    done = case.counts.get(door, 0)
    if done >= limits.of(door):
        return Gate(
            Reason.LIMIT,
            f"{done} of {limits.of(door)} allowed {door} steps of the last 24 h are used up",
        )
    if door is DoorName.ISSUE and case.failed_in_a_row >= limits.failures:
        return Gate(
            Reason.LIMIT,
            f"the last {case.failed_in_a_row} rotations in a row failed, within"
            f" {span(case.timing.retry_max)}: nothing is issued until the cause has had time"
            " to pass",
            case.failed_until,
        )
    return None


def _approval(case: Case, door: DoorName) -> Gate | None:
    if case.policy is None or door not in case.policy.approve or door in case.approvals:
        return None
    return Gate(Reason.APPROVAL, f"the policy asks for a person's approval before {door}")


GateEntry = tuple[Reason, "Callable[[Case, DoorName], Gate | None]"]

BEGINNING: tuple[GateEntry, ...] = (
    (Reason.HOLD, _hold),
    (Reason.OBSERVE, _observe),
    (Reason.AGREED, _agreed),
    (Reason.CLOSED, _closed),
    (Reason.LIMIT, _limit),
    (Reason.APPROVAL, _approval),
)
"""The gates before a beginning by policy, in the order in which they are told."""

ALL = tuple(gate for gate in BEGINNING if gate[0] is not Reason.OBSERVE)
"""The gates before a step of an open rotation: what is open is finished in observe mode too."""

FEW = tuple(gate for gate in BEGINNING if gate[0] in {Reason.HOLD, Reason.AGREED})
"""The gates that a key waits at whose secret nobody has, or that a person named."""

REQUESTED = FEW
"""The gates before a beginning that a person asked for."""

NONE: tuple[GateEntry, ...] = ()
"""No gate: a key that is known to be in the wrong hands."""


def shut_gates(case: Case, gates: tuple[GateEntry, ...], door_name: DoorName) -> Iterator[Gate]:
    """Every gate that is shut, in order: a door takes the first, `explain` shows all."""
    for _, ask in gates:
        gate = ask(case, door_name)
        if gate is not None:
            yield gate


def door(
    case: Case, action: Issue | Deactivate | Delete, gates: tuple[GateEntry, ...]
) -> Issue | Deactivate | Delete | Shut:
    """The action itself where its door is open, else the action behind its first shut gate."""
    for gate in shut_gates(case, gates, door_of(action)):
        return Shut(gate.reason, gate.message, behind=action, until=gate.until)
    return action


def door_of(action: Issue | Deactivate | Delete) -> DoorName:
    """Which door an action goes through."""
    if isinstance(action, Issue):
        return DoorName.ISSUE
    return DoorName.DEACTIVATE if isinstance(action, Deactivate) else DoorName.DELETE
