"""What a judgement rests on, for people: gates, places, whose a key is, and what may be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rotator.cli.output import moment
from rotator.judgement import doors
from rotator.judgement.approvals import LIFE, approval_for, has_lapsed, lapses_at
from rotator.judgement.delivering import is_owed
from rotator.judgement.handing import hand
from rotator.judgement.leaving import rule_of
from rotator.judgement.wording import release_of, span
from rotator.model import (
    KEYS_MAX,
    Deliver,
    DoorName,
    KeyStatus,
    Order,
    Reason,
    Selected,
    Serves,
    Title,
    Verb,
    WrittenAt,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotator.judgement.doors import GateEntry
    from rotator.model import Case, PlaceState

__all__ = ["approvals_of", "door_of", "may_do", "reading_of", "release_of", "whose"]


def door_of(case: Case) -> dict[str, Any]:
    """The door that comes next for this user, and every gate before it, open or shut."""
    name, gates = _next_door(case)
    shut = {gate.reason: gate for gate in doors.shut_gates(case, tuple(gates), name)}
    return {
        "door": name,
        "gates": [
            {
                "gate": reason,
                "open": reason not in shut,
                "message": shut[reason].message if reason in shut else _open(case, reason, name),
                "until": shut[reason].until if reason in shut else None,
            }
            for reason, _ in gates
        ],
    }


def _next_door(case: Case) -> tuple[DoorName, Sequence[GateEntry]]:
    if case.rotation is None:
        return DoorName.ISSUE, doors.BEGINNING
    rule = rule_of(case.rotation)
    gates = rule.gates if rule else doors.ALL
    leaver = case.key(case.rotation.leaving)
    if leaver is not None and leaver.status is KeyStatus.INACTIVE:
        return DoorName.DELETE, gates
    return DoorName.DEACTIVATE, gates


def _open(case: Case, gate: Reason, door: DoorName) -> str:
    """Why a gate is open."""
    if gate is Reason.LIMIT and case.policy is not None:
        done, most = case.counts.get(door, 0), case.policy.limits.of(door)
        return f"{done} of {most} allowed {door} steps of the last 24 h are used up"
    return {
        Reason.HOLD: "nobody holds the user",
        Reason.OBSERVE: "the policy acts on this user",
        Reason.AGREED: "all live replicas have this configuration",
        Reason.CLOSED: "no freeze, and the policy's window is open",
        Reason.APPROVAL: _approved(case, door),
    }.get(gate, "open")


def _approved(case: Case, door: DoorName) -> str:
    """Who approved what comes next, and until when that counts."""
    order = approval_for(case, door)
    if order is None or case.policy is None or door not in case.policy.approve:
        return f"the policy asks for no approval before {door}"
    return f"approved by {order.actor} {moment(order.given_at)}{_why(order)}; {_end(order)}"


def approvals_of(case: Case) -> list[dict[str, Any]]:
    """The approvals that count now, and until when; null while other gates are shut."""
    return [
        {
            "order_id": order.order_id,
            "action": order.action,
            "access_key_id": order.key_id,
            "by": order.actor,
            "stated_reason": order.reason,
            "given_at": order.given_at,
            "until": lapses_at(order),
            "message": f"{order.action}{_of_key(order)}: approved by {order.actor}"
            f" {moment(order.given_at)}{_why(order)}; {_end(order)}",
        }
        for order in case.approvals
        if not has_lapsed(case, order)
    ]


def _of_key(order: Order) -> str:
    return f" of {order.key_id}" if order.key_id else ""


def _why(order: Order) -> str:
    return f" ({order.reason})" if order.reason else ""


def _end(order: Order) -> str:
    until = lapses_at(order)
    if until is None:
        return f"it counts until {span(LIFE)} after the other gates are open"
    return f"it counts until {moment(until)}"


def reading_of(place: PlaceState) -> str:
    """What a place was read to serve just now, in words."""
    match place.reading:
        case Serves(key_id):
            return key_id
        case WrittenAt(at):
            last = f"last put {place.answered_key}" if place.answered_key else "never put by us"
            return f"write-only, {last}" + (f", written {moment(at)}" if at else "")
        case None:
            return "not read: no policy names it any more"
        case other:
            why = getattr(other, "why", "")
            return type(other).__name__.lower() + (f": {why}" if why else "")


def whose(case: Case, key_id: str | None) -> str | None:
    """Whose a key is, or was; None where the user was not named by a key."""
    if key_id is None:
        return None
    key = case.key(key_id)
    if key is None:
        return f"{key_id} was a key of {case.user}, and was deleted"
    age = span(case.now - key.created_at)
    listed = "" if key.is_listed else ", though the latest listing lacks it"
    return f"{key_id} is a key of {case.user}: {key.status}, {age} old{listed}"


def may_do(case: Case) -> list[str]:
    """What a person may type now: only what is not refused."""
    user = str(case.user)
    lines = [f"rotator history {user}"]
    if case.hold is None:
        lines.append(f"rotator hold {user} --reason …")
    else:
        lines.append(release_of(case.hold, user, case.user.account, _policy(case)))
    rotation = case.rotation
    if rotation is not None:
        leaver = case.key(rotation.leaving)
        ours = {Title.ORPHAN, Title.UNDELIVERED}
        if leaver is not None and leaver.is_listed and rotation.right not in ours:
            lines.append(f"rotator rollback {user} --reason …")
        lines.append(f"rotator close {user} --reason …")
    elif _may_rotate(case):
        lines.append(f"rotator rotate {user}" + ("" if case.enforced else " --enforce"))
    elif case.hold is None and len(case.listed) >= KEYS_MAX:
        lines += [f"rotator retire {key.key_id} --reason …" for key in case.listed]
    lines += _approvable(case)
    enforce = "" if case.enforced or not isinstance(case.selection, Selected) else " --enforce"
    lines += [f"rotator rotate {key.key_id} --compromised{enforce}" for key in case.active]
    if not is_owed(case) and isinstance(_given(case), Deliver):
        lines.append(f"rotator deliver {user}")
    if rotation is None and any(place.claimed and place.sink_id is None for place in case.places):
        lines.append(f"rotator close {user} --reason …")
    return lines


def _given(case: Case) -> object:
    """What an order to deliver would do now."""
    return hand(case, Order(0, Verb.DELIVER, case.now, actor=""))


def _approvable(case: Case) -> list[str]:
    """The approval that the next door waits for, if it does."""
    name, gates = _next_door(case)
    shut = {gate.reason for gate in doors.shut_gates(case, tuple(gates), name)}
    if Reason.APPROVAL not in shut or Reason.OBSERVE in shut:
        return []
    return [f"rotator approve {case.user} --action {name}"]


def _may_rotate(case: Case) -> bool:
    return (
        isinstance(case.selection, Selected)
        and case.hold is None
        and len(case.listed) < KEYS_MAX
        and bool(case.places)
    )


def _policy(case: Case) -> str:
    return case.policy.name if case.policy else ""
