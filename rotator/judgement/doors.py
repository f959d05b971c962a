"""Doors and their gates: data, asked in one order before issue, deactivate and delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.judgement.approvals import approval_for
from rotator.judgement.calendar import opens_at
from rotator.judgement.wording import moment, release_of, span
from rotator.model import Deactivate, Delete, DoorName, Issue, Leave, Reason, Scope, Shut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from rotator.model import Case

__all__ = [
    "ALL",
    "BEGINNING",
    "FEW",
    "LATER_HOLD",
    "NONE",
    "OPENING",
    "REQUESTED",
    "Gate",
    "GateEntry",
    "door",
    "door_of",
    "release",
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


def _later_hold(case: Case, door: DoorName) -> Gate | None:
    """A hold on the user that is younger than the order is a person's later word.

    Such is the hold that goes with a rollback, or with a key that somebody switched on again.
    """
    hold, titled_at = case.hold, case.open.titled_at
    if hold is None or hold.scope is not Scope.USER or titled_at is None:
        return None
    if (hold.said_again_at or hold.since) < titled_at:
        return None
    return _hold(case, door)


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
    if case.policy is None or door not in case.policy.approve or approval_for(case, door):
        return None
    return Gate(
        Reason.APPROVAL,
        f"the policy asks for a person's approval before {door}:"
        f" `rotator approve {case.user} --action {door}` gives it",
    )


Behind = Issue | Leave | Deactivate | Delete
"""What stands behind a door."""


def release(case: Case) -> str:
    """The command that ends the hold in force: that of its very scope."""
    assert case.hold is not None
    policy = case.policy.name if case.policy else ""
    return release_of(case.hold, str(case.user), case.user.account, policy)


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

LATER_HOLD: tuple[GateEntry, ...] = ((Reason.HOLD, _later_hold),)
"""Of a key in the wrong hands: no gate but a hold that somebody put on this user afterwards."""

NONE: tuple[GateEntry, ...] = ()
"""No gate: what replaces a key in the wrong hands."""

OPENING = tuple(gate for gate in BEGINNING if gate[0] not in {Reason.LIMIT, Reason.APPROVAL})
"""The gates before a policy lets a key leave: those of each step follow at its own door."""


def shut_gates(case: Case, gates: tuple[GateEntry, ...], door_name: DoorName) -> Iterator[Gate]:
    """Every gate that is shut, in order: a door takes the first, `explain` shows all."""
    for _, ask in gates:
        gate = ask(case, door_name)
        if gate is not None:
            yield gate


def door(case: Case, action: Behind, gates: tuple[GateEntry, ...]) -> Behind | Shut:
    """The action itself where its door is open, else the action behind its first shut gate."""
    for gate in shut_gates(case, gates, door_of(action)):
        message = f"{action.message}; {gate.message}"
        return Shut(gate.reason, message, behind=action, until=gate.until)
    return action


def door_of(action: Behind) -> DoorName:
    """Which door an action goes through; a key begins to leave by that of its deactivation."""
    if isinstance(action, Issue):
        return DoorName.ISSUE
    return DoorName.DELETE if isinstance(action, Delete) else DoorName.DEACTIVATE
