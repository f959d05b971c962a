"""Situations in words: a rotation, its keys and places, and what else is so; one part of each.

A situation is told by the names of its parts, such as `named, another stays | new off for long`;
what is not named is as in an ordinary world. `situations.txt` has those in which the judgement has
something of its own to say, with what it says.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import datetime, time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rotator.judgement.approving import newly_open
from rotator.judgement.beginning import is_curious, overdue
from rotator.judgement.doors import ALL, shut_gates
from rotator.judgement.handing import why_not_taken
from rotator.judgement.judge import judge
from rotator.model import (
    Absent,
    DoorName,
    Empty,
    Failures,
    Limits,
    Reason,
    Scope,
    Serves,
    Step,
    Stranger,
    Title,
    Unreadable,
    Unselected,
    Verb,
    Window,
    WrittenAt,
)
from tests.judgement.every_world import DOUBTS, ROTATIONS, WRITE_ONLY
from tests.judgement.every_world import READABLE as PLACES
from tests.judgement.every_world import _states as states
from tests.judgement.small_worlds import AWAY, LONG, OFF, STAYS
from tests.judgement.worlds import (
    DAY,
    HOUR,
    LAG,
    MINUTE,
    NEW,
    NOW,
    OLD,
    OTHER,
    POLICY,
    SECOND,
    SETTLE,
    UNKNOWN,
    a_case,
    a_freeze,
    a_hold,
    a_key,
    a_place,
    a_signer,
    ago,
    an_approval,
    an_intent,
    an_order,
    delivered,
    got,
    issued,
    leaving,
    used,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rotator.model import Case

__all__ = ["ASKED", "AXES", "ORDINARY", "case_of", "named", "parts_of"]

STRICT = Window(frozenset({0}), time(9), time(10), ZoneInfo("Europe/Oslo"))
LEAKED_ALONE: Mapping[str, Any] = {"titled_at": ago(LONG), "order_id": 7}

MORE_ROTATIONS: Mapping[str, Any] = {
    "named an hour ago, another stays": leaving(
        Title.NAMED, OLD, HOUR, **{**STAYS, "titled_at": ago(HOUR)}
    ),
    "named, another stays, not delivered": leaving(
        Title.NAMED, OLD, LONG, **{**STAYS, "delivered_at": None}
    ),
    "named an hour ago, alone": leaving(Title.NAMED, OLD, HOUR, titled_at=ago(HOUR)),
    "the new one named": leaving(Title.NAMED, NEW, LONG, titled_at=ago(LONG)),
    "compromised, another stays": leaving(Title.COMPROMISED, OLD, LONG, **{**STAYS, "order_id": 7}),
    "compromised alone, off": leaving(Title.COMPROMISED, OLD, LONG, **LEAKED_ALONE, **OFF),
    "issued, the leaked one is another": issued(
        LONG, leaver=OTHER, title=Title.COMPROMISED, titled_at=ago(LONG), order_id=7
    ),
    "issued an hour ago, proven": issued(HOUR, own_use_at=ago(HOUR), proven_at=ago(HOUR)),
    "blocked until an hour before its delivery": delivered(HOUR, blocked_at=ago(2 * HOUR)),
    "named now, switched off by us": leaving(
        Title.NAMED,
        OLD,
        LONG,
        titled_at=ago(LONG),
        now=True,
        **{**OFF, "deactivated_at": ago(MINUTE)},
    ),
    "compromised, create unanswered, off": issued(
        LONG,
        **{"leaver": OLD, "title": Title.COMPROMISED, **LEAKED_ALONE, **OFF},
        successor=None,
        issued_at=None,
    ),
    "compromised, another stays, off": leaving(
        Title.COMPROMISED, OLD, LONG, **{**STAYS, "order_id": 7, **OFF}
    ),
    "named now, at the moment it went off": leaving(
        Title.NAMED,
        OLD,
        LONG,
        titled_at=ago(HOUR),
        now=True,
        **{**OFF, "deactivated_at": ago(HOUR)},
    ),
    "begun an hour ago": issued(HOUR, successor=None, issued_at=None),
}

MORE_STATES: Mapping[str, Any] = {
    "on, used 50 days ago": used(50 * DAY),
    "on, used a month ago": used(30 * DAY),
    "on, used 8 days and a lag ago": used(8 * DAY + LAG),
}


def _key(key_id: str, age: Any) -> dict[str, Any]:  # noqa: ANN401 - a span
    made = dict(states(key_id, age))
    for name, use in MORE_STATES.items():
        made[name] = a_key(key_id, age, last_use=use, first_seen=age - MINUTE)
    made["off for `settle`"] = a_key(key_id, age, off=SETTLE, first_seen=age - MINUTE)
    made["off for an hour, used since"] = a_key(key_id, age, off=HOUR, last_use=used(MINUTE))
    made["missing for `settle`"] = a_key(key_id, age, missing_since=ago(SETTLE))
    return made


READABLE: Mapping[str, Any] = {
    **PLACES,
    "empty": a_place(reading=Empty()),
    "got it and was emptied": got(reading=Empty()),
    "got it and is a stranger's": got(reading=Stranger("it is not JSON")),
    "got it and serves the old": got(reading=Serves(OLD)),
    "got it and cannot be read": got(reading=Unreadable("reset")),
    "unreadable, put begun": a_place(reading=Unreadable("reset"), begun_key=NEW),
    "unnamed, unreadable, put begun": a_place(
        sink_id=None, reading=Unreadable("reset"), begun_key=NEW
    ),
    "unnamed and not read": a_place(sink_id=None, reading=Unreadable("not read"), begun_key=NEW),
    "unnamed, serves the new": a_place(sink_id=None, reading=Serves(NEW)),
    "unnamed, serves the old": a_place(sink_id=None),
    "answered the old": a_place(begun_key=OLD, answered_key=OLD),
    "failed an hour ago": a_place(failures=Failures(3, ago(MINUTE), "403")),
    "another user's": a_place(owner="AIDAOTHER"),
}
SECOND_PLACE: Mapping[str, Any] = {
    **WRITE_ONLY,
    "b serves the old": a_place("b"),
    "b serves the new": a_place("b", reading=Serves(NEW)),
    "b got it": got("b"),
    "b serves another": a_place("b", reading=Serves(OTHER)),
    "b unreadable": a_place("b", reading=Unreadable("reset")),
    "b unnamed, unreadable": a_place("b", sink_id=None, reading=Unreadable("reset"), begun_key=NEW),
    "b failed": a_place("b", failures=Failures(2, ago(MINUTE), "429")),
    "b begun with the old": a_place("b", begun_key=OLD),
    "b absent": a_place("b", reading=Absent()),
    "b a stranger": a_place("b", reading=Stranger("it is not JSON")),
    "b failed for long": a_place("b", failures=Failures(5, ago(SECOND), "500")),
    "b got it and was emptied": got("b", reading=Empty()),
    "write-only, somebody wrote": a_place(
        "w", readable=False, reading=WrittenAt(ago(MINUTE)), written_at=ago(HOUR), answered_key=OLD
    ),
}

OTHER_KEY: Mapping[str, Any] = {
    "no third key": None,
    "third on, used just now": a_key(OTHER, 5 * DAY, last_use=used(HOUR)),
    "third on, never used": a_key(OTHER, 5 * DAY),
    "third off": a_key(OTHER, 60 * DAY, off=20 * DAY),
    "third on, use unknown": a_key(OTHER, 200 * DAY, last_use=UNKNOWN),
    "third off, use unknown": a_key(OTHER, 200 * DAY, off=20 * DAY, last_use=UNKNOWN),
}

FACTS: Mapping[str, Any] = {
    **DOUBTS,
    "secret at hand": {"secret_at_hand": True},
    "a proof failed a minute ago": {
        "failures": {Step.PROVE: Failures(2, ago(MINUTE), "InvalidClientTokenId")},
        "secret_at_hand": True,
    },
    "issue failed a second ago": {"failures": {Step.ISSUE: Failures(3, ago(SECOND), "throttled")}},
    "begun anew after failures": {"restart": Failures(3, ago(MINUTE), "no route")},
    "limit of issues used up": {"counts": {DoorName.ISSUE: 50}},
    "limit of deactivations used up": {"counts": {DoorName.DEACTIVATE: 50}},
    "three failed in a row": {"failed_in_a_row": 3, "failed_until": NOW + HOUR},
    "the old was deleted": {"former": frozenset({OLD})},
    "the new was deleted": {"former": frozenset({NEW})},
    "another replica asked": {"issuer_lives_until": NOW + HOUR},
    "another replica asked, and is given up soon": {"issuer_lives_until": NOW + SECOND},
    "another replica asked, and is given up now": {"issuer_lives_until": NOW},
    "a create long ago by another replica": {
        "intents": (an_intent(Step.ISSUE, LONG),),
        "issuer_lives_until": NOW + HOUR,
    },
    "held by a rollback": {"hold": a_hold(reason=Reason.REACTIVATED, message="put back")},
    "account held": {"hold": a_hold(scope=Scope.ACCOUNT)},
    "policy held until tomorrow": {"hold": a_hold(scope=Scope.POLICY, until=NOW + DAY)},
    "held since long, said again": {"hold": a_hold(since=ago(2 * LONG), said_again_at=ago(MINUTE))},
    "held since long": {"hold": a_hold(since=ago(2 * LONG))},
    "held at the moment of the word": {"hold": a_hold(since=ago(LONG))},
    "listed at the end of the wait": {"listed_at": ago(20 * DAY) + SETTLE},
    "a freeze begins now": {"freezes": (a_freeze(0 * DAY, DAY),)},
    "a freeze ends now": {"freezes": (a_freeze(-DAY, 0 * DAY),)},
    "a freeze is ahead": {"freezes": (a_freeze(10 * DAY, 60 * DAY),)},
    "one freeze is over, another ahead": {
        "freezes": (a_freeze(-20 * DAY, -10 * DAY), a_freeze(10 * DAY, 60 * DAY))
    },
    "user missing": {"user_missing_since": ago(HOUR)},
    "user not in the listing": {"user_missing_since": ago(MINUTE), "users_listed_at": ago(HOUR)},
    "a create unsettled": {"intents": (an_intent(Step.ISSUE),)},
    "a create long ago": {"intents": (an_intent(Step.ISSUE, LONG),)},
    "throttled until": {"doubts": (replace(AWAY, until=NOW + HOUR),)},
    "we sign with the third": {"signers": (a_signer(OTHER),)},
    "we sign with the old and move": {"signers": (a_signer(OLD, moves=True),)},
    "no policy at all": {"policy": None, "selection": Unselected()},
    "no policy at all, and held": {
        "policy": None,
        "selection": Unselected(),
        "hold": a_hold(scope=Scope.POLICY),
    },
    "we sign with all": {"signers": tuple(a_signer(key, moves=True) for key in (OLD, NEW, OTHER))},
}

POLICIES: Mapping[str, Any] = {
    "the ordinary policy": POLICY,
    "approves everything": replace(POLICY, approve=frozenset(DoorName)),
    "retires inactive and unused": replace(POLICY, retire=frozenset({"inactive", "unused"})),
    "retires the only one": replace(POLICY, retire=frozenset({"unused", "only"})),
    "retires inactive": replace(POLICY, retire=frozenset({"inactive"})),
    "provides a first key": replace(POLICY, provision=True),
    "open on Mondays": replace(POLICY, window=STRICT),
    "asks for no first use": replace(POLICY, require_first_use=False),
    "nothing a day": replace(POLICY, limits=Limits(0, 0, 0, 3)),
    "rotates yearly": replace(POLICY, rotate_after=360 * DAY, max_age=365 * DAY),
}

_APPROVALS: Mapping[str, Any] = {
    f"approve {action.value} of {name}{when}": {
        "orders": (an_approval(action, accepted, key_id=key_id),),
        **extra,
    }
    for action in DoorName
    for name, key_id in {
        "the user": None,
        "the old": OLD,
        "the new": NEW,
        "the third": OTHER,
    }.items()
    for when, accepted, extra in (
        ("", None, {}),
        (", accepted", HOUR, {}),
        (", accepted at the beginning", LONG, {}),
    )
}
_TWICE: Mapping[str, Any] = {
    "approve twice": {
        "orders": (
            an_approval(DoorName.DEACTIVATE, HOUR),
            an_approval(DoorName.DEACTIVATE, None, 9),
        )
    },
    "approve twice, not open yet": {
        "orders": (
            replace(an_approval(DoorName.DEACTIVATE, HOUR), open_since=None),
            an_approval(DoorName.DEACTIVATE, None, 9),
        )
    },
    "approve nothing": {"orders": (an_order(Verb.APPROVE, 9),)},
}
_OF_KEYS: Mapping[Verb, Mapping[str, Mapping[str, Any]]] = {
    Verb.ROTATE: {
        "": {},
        " enforced": {"enforce": True},
        " as leaked": {"compromised": True},
        " as leaked, enforced": {"compromised": True, "enforce": True},
        " as leaked, off first": {"compromised": True, "contain_first": True},
    },
    Verb.RETIRE: {"": {"reason": "not ours"}, " unsaid": {}, " now": {"now": True}},
}
_OF_USERS: Mapping[Verb, Mapping[str, Mapping[str, Any]]] = {
    Verb.ROTATE: _OF_KEYS[Verb.ROTATE],
    Verb.DELIVER: {
        "": {},
        " to a": {"sink_id": "a"},
        " to b": {"sink_id": "b"},
        " over what is there": {"take_over": True},
    },
    Verb.CLOSE: {"": {}, " with a reason": {"reason": "left"}},
    Verb.ROLLBACK: {
        "": {},
        " for sure": {"confirmed": True},
        " for a reason": {"reason": "all is red"},
    },
}
_LEVERS: Mapping[str, Any] = {
    f"{verb.value} {name}{how}": {"orders": (an_order(verb, key_id=key_id, **given),)}
    for verb, hows in _OF_KEYS.items()
    for how, given in hows.items()
    for name, key_id in {"old": OLD, "new": NEW, "third": OTHER}.items()
} | {
    f"{verb.value}{how}": {"orders": (an_order(verb, **given),)}
    for verb, hows in _OF_USERS.items()
    for how, given in hows.items()
}
ORDERS: Mapping[str, Any] = {
    "no order": {},
    **_APPROVALS,
    **_TWICE,
    **_LEVERS,
    "retire old now, just said": {
        "orders": (an_order(Verb.RETIRE, key_id=OLD, given_at=ago(MINUTE), now=True),)
    },
    "retire long ago": {
        "orders": (an_order(Verb.RETIRE, key_id=OLD, given_at=ago(20 * DAY), now=True),)
    },
    "approve issue, and deliver": {
        "orders": (an_approval(DoorName.ISSUE, order_id=6), an_order(Verb.DELIVER))
    },
    "close, and retire the old": {
        "orders": (an_order(Verb.CLOSE), an_order(Verb.RETIRE, 8, key_id=OLD))
    },
    "rotate, and retire the old": {"orders": (an_order(), an_order(Verb.RETIRE, 8, key_id=OLD))},
}

AXES: Mapping[str, Mapping[str, Any]] = {
    "rotation": {**ROTATIONS, **MORE_ROTATIONS},
    "old": _key(OLD, 100 * DAY),
    "new": _key(NEW, LONG),
    "third": OTHER_KEY,
    "place": READABLE,
    "second": SECOND_PLACE,
    "fact": FACTS,
    "policy": POLICIES,
    "order": ORDERS,
}

ORDINARY: Mapping[str, str] = {
    "rotation": "nothing open",
    "old": "on, used a month ago",
    "new": "on, used just now",
    "third": "no third key",
    "place": "serves the new",
    "second": "none",
    "fact": "",
    "policy": "the ordinary policy",
    "order": "no order",
}


def case_of(parts: Mapping[str, str]) -> Case:
    """The world of these parts; the ordinary one of every axis that is not named."""
    chosen = {axis: AXES[axis][parts.get(axis, ORDINARY[axis])] for axis in AXES}
    keys = tuple(key for key in (chosen["old"], chosen["new"], chosen["third"]) if key is not None)
    places = tuple(p for p in (chosen["place"], chosen["second"]) if p is not None)
    facts = {"rotation": chosen["rotation"], "policy": chosen["policy"]}
    return a_case(*keys, places=places, **{**facts, **chosen["order"], **chosen["fact"]})


def named(parts: Mapping[str, str]) -> str:
    """A situation in words: what is not ordinary in it."""
    return " | ".join(f"{axis} {parts[axis]}" for axis in AXES if axis in parts) or "ordinary"


def parts_of(text: str) -> dict[str, str]:
    """The parts that `named` has put into words."""
    pairs = (part.partition(" ")[::2] for part in text.split(" | "))
    return {axis: name for axis, name in pairs if axis in AXES}


def _does(case: Case) -> str:
    """What the judgement would do, with every figure, and what people are told."""
    action = judge(case)
    facts = [
        f"{field.name} {_shown(value)}"
        for field in fields(action)
        if field.name not in {"reason", "message"} and (value := getattr(action, field.name))
    ]
    return f"{type(action).__name__} {', '.join([str(action.reason), *facts])}: {action.message}"


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, tuple):
        return " and ".join(map(str, value))
    if isinstance(value, dict):
        return " and ".join(f"{key} {_shown(one)}" for key, one in value.items())
    if is_dataclass(value):
        told = [f"{one.name} {_shown(getattr(value, one.name))}" for one in fields(value)]
        return " ".join([type(value).__name__, *told]) if told else type(value).__name__
    return str(value)


def _shut(case: Case) -> str:
    """The gates that keep each door shut."""
    told = {door: list(shut_gates(case, ALL, door)) for door in DoorName}
    return "; ".join(
        f"{door}: {gate.message}" + (f" ({gate.until:%Y-%m-%d %H:%M})" if gate.until else "")
        for door, gates in told.items()
        for gate in gates
    )


def _takes(case: Case) -> str:
    """What is said to who brings a credential from outside."""
    told = {key_id: why_not_taken(case, key_id) for key_id in (OLD, NEW, OTHER)}
    return "; ".join(
        f"{key_id}: {said.sentence if said else 'taken'}" for key_id, said in told.items()
    )


ASKED: Mapping[str, Callable[[Case], str]] = {
    "does": _does,
    "overdue": lambda case: str(overdue(case)),
    "looks at places": lambda case: str(is_curious(case)),
    "approvals begin": lambda case: ", ".join(str(one.order_id) for one in newly_open(case)),
    "shut": _shut,
    "brought": _takes,
}
"""What may be asked of a situation, and the answer in a line."""
