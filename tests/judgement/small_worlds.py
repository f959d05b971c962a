"""All small worlds, and what no action may ever do in any of them.

The promises are written down here a second time, from their words and not from the code that keeps
them, so that a mistake would have to be made twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

from rotator.model import (
    Absent,
    Case,
    Close,
    Deactivate,
    Delete,
    Doubt,
    Empty,
    Issue,
    KeyStatus,
    Kind,
    Name,
    Reactivate,
    Reason,
    Scope,
    Serves,
    Step,
    Stranger,
    Title,
    Unreadable,
    UsedAt,
    UseUnknown,
    Wait,
    WrittenAt,
)
from tests.judgement.worlds import (
    DAY,
    GRAIN,
    HOUR,
    LAG,
    MINUTE,
    NEVER,
    NEW,
    NOTHING,
    NOW,
    OLD,
    POLICY,
    SETTLE,
    UNKNOWN,
    a_case,
    a_hold,
    a_key,
    a_place,
    a_rotation,
    ago,
    an_intent,
    delivered,
    issued,
    leaving,
    used,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rotator.model import AccessKey, Action, Hold, PlaceState, Rotation, Served

__all__ = ["Small", "broken", "broken_by_going", "small_worlds", "write_only"]

LONG = 40 * DAY
"""How long ago the rotation of every small world was begun, unless a create is still in doubt."""

EVIDENCE = {OLD: used(60 * DAY), NEW: NEVER}
OFF = {"deactivated_at": ago(20 * DAY), "evidence": EVIDENCE}
LEAKED: Mapping[str, Any] = {
    "leaver": OLD,
    "title": Title.COMPROMISED,
    "titled_at": ago(LONG),
    "order_id": 7,
}
STAYS: Mapping[str, Any] = {
    "titled_at": ago(LONG),
    "successor": NEW,
    "own_use_at": ago(LONG),
    "proven_at": ago(LONG),
    "delivered_at": ago(LONG),
}

ROTATIONS: Mapping[str, Rotation | None] = {
    "nothing open": None,
    "create unanswered": a_rotation(LONG),
    "issued": issued(LONG),
    "proven": issued(LONG, own_use_at=ago(LONG), proven_at=ago(LONG)),
    "delivered, unproven": issued(LONG, delivered_at=ago(LONG)),
    "delivered": delivered(LONG),
    "switched off by us": delivered(LONG, **OFF),
    "first key proven": issued(
        LONG, kind=Kind.FIRST, predecessor=None, own_use_at=ago(LONG), proven_at=ago(LONG)
    ),
    "orphan": leaving(Title.ORPHAN, NEW, LONG),
    "orphan off": leaving(Title.ORPHAN, NEW, LONG, **OFF),
    "undelivered": leaving(Title.UNDELIVERED, NEW, LONG),
    "undelivered off": leaving(Title.UNDELIVERED, NEW, LONG, **OFF),
    "waived by nobody's title": leaving(Title.UNDELIVERED, NEW, LONG, now=True),
    "compromised, being replaced": delivered(LONG, **LEAKED),
    "compromised, create unanswered": a_rotation(LONG, **LEAKED),
    "compromised, without an heir": leaving(Title.COMPROMISED, OLD, LONG, titled_at=ago(LONG)),
    "contained first": issued(LONG, **LEAKED, now=True),
    "contained first, rests": delivered(LONG, **LEAKED, now=True, **OFF),
    "leaked after the hold": delivered(LONG, **{**LEAKED, "titled_at": ago(MINUTE)}),
    "named, another stays": leaving(Title.NAMED, OLD, LONG, **STAYS),
    "named, nobody proven": leaving(Title.NAMED, OLD, LONG, titled_at=ago(LONG), successor=NEW),
    "named, switched off by us": leaving(Title.NAMED, OLD, LONG, **STAYS, **OFF),
    "named alone": leaving(Title.NAMED, OLD, LONG, titled_at=ago(LONG)),
    "named now": leaving(Title.NAMED, OLD, LONG, titled_at=ago(LONG), now=True),
    "named now, when it was off": leaving(Title.NAMED, OLD, LONG, titled_at=ago(HOUR), now=True),
    "unused": leaving(Title.UNUSED, OLD, LONG, titled_at=ago(LONG)),
    "unused, switched off by us": leaving(Title.UNUSED, OLD, LONG, titled_at=ago(LONG), **OFF),
    "unused, the only one": leaving(Title.UNUSED, OLD, LONG, titled_at=ago(LONG), now=True),
}


def _keys(key_id: str, age: object) -> Mapping[str, AccessKey | None]:
    made = {"first_seen_at": ago(LONG - MINUTE) if key_id == NEW else ago(100 * DAY)}
    return {
        "quiet": a_key(key_id, age, last_use=used(60 * DAY), **made),  # type: ignore[arg-type] # a span
        "in use": a_key(key_id, age, last_use=used(HOUR), **made),  # type: ignore[arg-type] # a span
        "use unknown": a_key(key_id, age, last_use=UNKNOWN, **made),  # type: ignore[arg-type] # a span
        "off for long": a_key(key_id, age, off=20 * DAY, last_use=NEVER, **made),  # type: ignore[arg-type] # a span
        "off, use unknown": a_key(key_id, age, off=20 * DAY, last_use=UNKNOWN, **made),  # type: ignore[arg-type] # a span
        "off just now": a_key(key_id, age, off=MINUTE, last_use=NEVER, **made),  # type: ignore[arg-type] # a span
        "not listed": a_key(key_id, age, missing_since=ago(MINUTE), **made),  # type: ignore[arg-type] # a span
    }


OLD_KEYS = {k: v for k, v in _keys(OLD, 100 * DAY).items() if k != "off just now"}
NEW_KEYS = {k: v for k, v in _keys(NEW, LONG).items() if k != "quiet"} | {
    "never used": a_key(NEW, LONG, first_seen_at=ago(LONG - MINUTE))
}

AT = ago(LONG)
GOT: Mapping[str, Any] = {"begun_key": NEW, "answered_key": NEW, "delivered_at": AT}
READABLE: Mapping[str, PlaceState] = {
    "serves the old": a_place(),
    "serves the new": a_place(reading=Serves(NEW), **GOT),
    "serves the new, unrecorded": a_place(reading=Serves(NEW), begun_key=NEW),
    "went back to the old": a_place(**GOT),
    "empty": a_place(reading=Empty()),
    "unreadable": a_place(reading=Unreadable("reset")),
    "got it, unreadable": a_place(reading=Unreadable("reset"), **GOT),
    "begun, unreadable": a_place(reading=Unreadable("reset"), begun_key=NEW),
    "a stranger": a_place(reading=Stranger("no JSON")),
}


def write_only(reading: Served, **facts: object) -> PlaceState:
    return replace(a_place("w", reading, readable=False), **facts)  # type: ignore[arg-type] # fields of a place


WRITE_ONLY: Mapping[str, PlaceState | None] = {
    "none": None,
    "never written": write_only(WrittenAt(None)),
    "begun": write_only(WrittenAt(None), begun_key=NEW),
    "answered": write_only(WrittenAt(AT), **GOT, written_at=AT),
    "rewritten": write_only(WrittenAt(ago(DAY)), **GOT, written_at=AT),
    "answered the old": write_only(WrittenAt(AT), begun_key=OLD, answered_key=OLD, written_at=AT),
}

LEASE = Doubt(Reason.LEASE, "another holds the lease")
AWAY = Doubt(Reason.AWS_UNAVAILABLE, "throttled", hard=False)
DOUBTS: Mapping[str, Mapping[str, object]] = {
    "": {},
    "held": {"hold": a_hold()},
    "hard doubt": {"doubts": (LEASE,)},
    "soft doubt": {"doubts": (AWAY,)},
    "not listed": {"listed_at": None},
    "unsettled": {"intents": (an_intent(Step.DEACTIVATE),)},
}


@dataclass(frozen=True, slots=True)
class Small:
    """One small world, told by the parts that it is made of."""

    parts: tuple[str, ...]
    case: Case

    def __str__(self) -> str:
        return " | ".join(part for part in self.parts if part)


@cache
def small_worlds() -> tuple[Small, ...]:
    """All of them, made once."""
    return tuple(_small_worlds())


def _small_worlds() -> Iterator[Small]:
    """The product of rotations, key states, places and doubts; doubts only of one old key each.

    A doubt bars harm whatever the keys do, so it meets the worlds in which harm would be right.
    """
    base = a_case()
    for rotation, old, new, place, other in product(
        ROTATIONS.items(), OLD_KEYS.items(), NEW_KEYS.items(), READABLE.items(), WRITE_ONLY.items()
    ):
        places = (place[1],) if other[1] is None else (place[1], other[1])
        keys = tuple(key for key in (old[1], new[1]) if key is not None)
        whole = replace(base, keys=keys, rotation=rotation[1], places=places)
        parts = (rotation[0], f"old {old[0]}", f"new {new[0]}", place[0], f"w {other[0]}")
        yield Small(parts, whole)
        if (old[0], new[0]) in RIPE:
            for name, facts in DOUBTS.items():
                if name:
                    yield Small((*parts, name), replace(whole, **facts))  # type: ignore[arg-type] # fields of a case


RIPE = {
    ("quiet", "in use"),
    ("off for long", "in use"),
    ("in use", "off for long"),
    ("in use", "never used"),
}
"""The states of both keys in which one of them would be switched off or deleted."""


def broken(case: Case, action: Action) -> str | None:
    """The promise that this action would break in this world, in words; None: none."""
    if any(doubt.hard for doubt in case.doubts):
        return None if isinstance(action, Wait) else "P6: acts in a hard doubt"
    if _in_doubt(case) and isinstance(action, Deactivate | Delete | Issue | Close | Name):
        return "P6: harms, begins or concludes in a soft doubt"
    if isinstance(action, Issue):
        return _broken_by_beginning(case, action)
    if isinstance(action, Name) and _read_by_any(case, action.key_id):
        return "P1: a key is given up that a place may have"
    if isinstance(action, Reactivate) and not _may_revive(case, action):
        return "P2: revives what we did not switch off, and nobody said so"
    if isinstance(action, Deactivate | Delete):
        return _broken_by_harm(case, action)
    return None


def _in_doubt(case: Case) -> bool:
    """Whether something that matters is not known: where P1 is waived, places matter not."""
    unsettled = {intent.step for intent in case.intents if intent.timeout_at + SETTLE > NOW}
    if case.rotation is not None and _waived(case.rotation):
        unsettled -= {Step.PROVE, Step.DELIVER}
    return bool(case.doubts) or case.listed_at is None or bool(unsettled)


def _broken_by_beginning(case: Case, action: Issue) -> str | None:
    by_person = any(order.order_id == action.order_id for order in case.orders)
    leaked = by_person and action.title is Title.COMPROMISED
    if case.rotation is not None and not leaked:
        return "P8: begins a second rotation"
    if case.hold is not None and not leaked:
        return "begins while held"
    return "begins without a free slot" if len(case.listed) > 1 else None


def _may_revive(case: Case, action: Reactivate) -> bool:
    """Whether we switched it off ourselves, or a person wants this rotation's leaver back."""
    rotation = case.open
    if any(order.order_id == action.order_id for order in case.orders):
        return action.key_id in {rotation.leaver, rotation.predecessor}
    return action.key_id in rotation.evidence


def _broken_by_harm(case: Case, action: Deactivate | Delete) -> str | None:
    key, rotation = case.key(action.key_id), case.rotation
    if key is None or rotation is None:
        return "P2: harms a key without a title on record"
    if case.hold is not None and not _leaked_since(case.hold, rotation):
        return "harms while held"
    if isinstance(key.last_use, UseUnknown) and not _by_word(rotation):
        return "P6: harms a key whose last use is not known"
    if why := broken_by_going(case, key):
        return why
    if isinstance(action, Delete):
        return _broken_by_death(key, rotation)
    return _broken_by_haste(case, key, rotation)


def broken_by_going(case: Case, key: AccessKey) -> str | None:
    """The promise that harming this key would break, however patient and rested it is."""
    rotation = case.rotation
    if rotation is None or not _is_titled(rotation, key.key_id):
        return "P2: harms a key without a title on record"
    return None if _waived(rotation) else _broken_for_readers(case, key, rotation)


def _broken_for_readers(case: Case, key: AccessKey, rotation: Rotation) -> str | None:
    if _read_by_any(case, key.key_id):
        return "P1: harms a key that a place may have"
    if _owes_an_heir(rotation) and not _heir_stands_in(case, rotation):
        return "P1: harms a key whose heir is not Active, proven and everywhere"
    return None


def _is_titled(rotation: Rotation, key_id: str) -> bool:
    return key_id == (rotation.predecessor if rotation.title is None else rotation.leaver)


def _leaked_since(hold: Hold, rotation: Rotation) -> bool:
    """Whether a person said later than a hold on this user that the key is in the wrong hands."""
    leaked_at = rotation.titled_at if rotation.title is Title.COMPROMISED else None
    return leaked_at is not None and (hold.scope is not Scope.USER or leaked_at > hold.since)


def _waived(rotation: Rotation) -> bool:
    return rotation.now and rotation.title in {Title.COMPROMISED, Title.NAMED, Title.UNUSED}


def _by_word(rotation: Rotation) -> bool:
    named_now = rotation.title is Title.NAMED and rotation.now
    return named_now or rotation.title is Title.COMPROMISED


def _owes_an_heir(rotation: Rotation) -> bool:
    if rotation.title in {Title.COMPROMISED, Title.NAMED}:
        return rotation.successor is not None or rotation.kind is not Kind.LEAVE
    return rotation.title is None


def _heir_stands_in(case: Case, rotation: Rotation) -> bool:
    heir = case.key(rotation.successor)
    alive = heir is not None and heir.status is KeyStatus.ACTIVE and heir.missing_since is None
    alive = alive and rotation.successor not in case.contradicted and case.place_problem is None
    everywhere = all(
        place.delivered_at is not None and _shows(place, rotation.successor)
        for place in case.places
    )
    return alive and rotation.proven_at is not None and everywhere and bool(case.places)


def _shows(place: PlaceState, key_id: str | None) -> bool:
    if place.readable:
        return place.reading == Serves(key_id or "")
    return place.answered_key == key_id and place.reading == WrittenAt(place.written_at)


def _broken_by_death(key: AccessKey, rotation: Rotation) -> str | None:
    if key.status is not KeyStatus.INACTIVE:
        return "P3: deletes a key that is not Inactive"
    rest = {Title.UNDELIVERED: NOTHING, Title.ORPHAN: 24 * LAG}.get(
        rotation.title or Title.PREDECESSOR, POLICY.recovery_period
    )
    if rotation.title is Title.NAMED and rotation.now and rotation.titled_at is not None:
        rest = NOTHING if key.status_since < rotation.titled_at else rest
    off_at = max(key.status_since, rotation.deactivated_at or key.status_since)
    if off_at + rest > NOW:
        return "P3: deletes a key that has not rested"
    late = isinstance(key.last_use, UsedAt) and key.last_use.at > off_at + SETTLE
    late = late and not _by_word(rotation)
    return "P3: deletes a key that was used while it rested" if late else None


def _broken_by_haste(case: Case, key: AccessKey, rotation: Rotation) -> str | None:
    last = key.last_use.at if isinstance(key.last_use, UsedAt) else key.created_at
    if rotation.title is Title.UNUSED:
        return "unused, and yet used" if last + POLICY.unused_after > NOW else None
    if rotation.title not in {None, Title.NAMED} or _by_word(rotation):
        return None
    since = rotation.titled_at or rotation.delivered_at
    if since is None or since + POLICY.grace_period > NOW:
        return "P1: switches off before grace is over"
    if last + POLICY.quiet_period + LAG > NOW:
        return "P1: switches off a key that is in use"
    if rotation.title is Title.NAMED:
        return None
    heir = case.key(rotation.successor)
    proof = rotation.own_use_at or rotation.begun_at
    use = heir.last_use if heir else NEVER
    is_used = isinstance(use, UsedAt) and use.at > proof + GRAIN
    long_unused = last + POLICY.unused_after <= NOW
    return None if is_used or long_unused else "P1: switches off before anybody used the heir"


def _read_by_any(case: Case, key_id: str) -> bool:
    return any(_may_be_read(case, place, key_id) for place in case.places)


def _may_be_read(case: Case, place: PlaceState, key_id: str) -> bool:
    """The definition of "may have", clause by clause, as the words say it."""
    if isinstance(place.reading, Serves | Empty | Absent):
        return place.reading == Serves(key_id)
    begun = key_id in {place.begun_key, place.answered_key}
    if key_id == NEW and not begun:
        # Made by the rotation's own create: there only if the place shows a later writing.
        at = place.reading.at if isinstance(place.reading, WrittenAt) else None
        return at is not None and at != place.written_at and at >= AT
    if place.readable or begun:
        return True
    if place.answered_key is None:
        return True
    return not isinstance(place.reading, WrittenAt) or place.reading.at != place.written_at
