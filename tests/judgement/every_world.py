"""Every small world there is: each title with each state of both keys, place, doubt and order.

The table of `small_worlds` meets its doubts only where harm would be right; here nothing is left
out. There are tens of millions, so each has a number: `make worlds` asks all of them, `make test`
every so-manieth, another start each time. What the promises forbid is told by `small_worlds.broken`
and, of what only these worlds have, here; both are written from the words of the promises.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from math import prod
from time import monotonic
from typing import TYPE_CHECKING, Any

from rotator.judgement.judge import judge
from rotator.judgement.leaving import may_go
from rotator.model import (
    Absent,
    Case,
    Contested,
    Deactivate,
    Delete,
    Doubt,
    Excluded,
    Freeze,
    Reason,
    Scope,
    Serves,
    Step,
    Title,
    Unreadable,
    Unselected,
    Verb,
    WrittenAt,
)
from tests.judgement import small_worlds
from tests.judgement.small_worlds import AWAY, GOT, LONG, OFF, broken
from tests.judgement.worlds import (
    DAY,
    HOUR,
    LAG,
    MINUTE,
    NEVER,
    NEW,
    NOW,
    OLD,
    OTHER,
    UNKNOWN,
    a_case,
    a_hold,
    a_key,
    a_place,
    a_signer,
    ago,
    an_intent,
    an_order,
    delivered,
    used,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotator.model import AccessKey, Action, PlaceState, Rotation

__all__ = ["AXES", "Tally", "asked", "count", "told", "world"]

ROTATIONS: Mapping[str, Rotation | None] = {
    **small_worlds.ROTATIONS,
    "delivered just now": delivered(HOUR),
    "blocked until just now": delivered(LONG, blocked_at=ago(HOUR)),
    "switched off, promised for later": delivered(LONG, **OFF, promised_at=NOW + DAY),
    "switched off just now": delivered(LONG, **{**OFF, "deactivated_at": ago(MINUTE)}),
}


def _states(key_id: str, age: Any) -> dict[str, AccessKey | None]:  # noqa: ANN401 - a span
    """Active, Inactive or gone; never used, long ago, just now, unknown, or not known at all."""
    made: dict[str, Any] = {"first_seen_at": ago(age - MINUTE)}
    uses: dict[str, Any] = {
        "never used": NEVER,
        "used long ago": used(60 * DAY),
        "used just now": used(LAG),
        "use unknown": UNKNOWN,
    }
    states: dict[str, AccessKey | None] = {"not known": None}
    for name, use in uses.items():
        states[f"on, {name}"] = a_key(key_id, age, last_use=use, **made)
        states[f"off for long, {name}"] = a_key(key_id, age, off=20 * DAY, last_use=use, **made)
    for name in ("never used", "used just now"):
        off_now = a_key(key_id, age, off=MINUTE, last_use=uses[name], **made)
        states[f"off just now, {name}"] = off_now
    states["gone"] = a_key(key_id, age, missing_since=ago(MINUTE), **made)
    return states


READABLE: Mapping[str, PlaceState | None] = {
    "no readable place": None,
    **small_worlds.READABLE,
    "serves another": a_place(reading=Serves(OTHER)),
    "absent": a_place(reading=Absent()),
    "was not read": replace(a_place(**GOT), reading=None),
}

WRITE_ONLY: Mapping[str, PlaceState | None] = {
    **small_worlds.WRITE_ONLY,
    "cannot tell, answered": small_worlds.write_only(WrittenAt(None), **GOT),
    "unreadable": small_worlds.write_only(Unreadable("reset"), **GOT),
}

DOUBTS: Mapping[str, Mapping[str, Any]] = {
    "": {},
    "held": {"hold": a_hold()},
    "everybody held": {"hold": replace(a_hold(), scope=Scope.ALL)},
    "no lease": {"doubts": (small_worlds.LEASE,)},
    "clock": {"doubts": (Doubt(Reason.CLOCK, "an hour ahead"),)},
    "store went back": {"doubts": (Doubt(Reason.STORE, "rows are gone"),)},
    "throttled": {"doubts": (AWAY,)},
    "not listed": {"listed_at": None},
    "a deactivation unsettled": {"intents": (an_intent(Step.DEACTIVATE, key_id=OLD),)},
    "a put unsettled": {"intents": (an_intent(Step.DELIVER, key_id=NEW),)},
    "the heir is contradicted": {"contradicted": frozenset({NEW})},
    "a place without a name": {"place_problem": "tag team is missing"},
    "replicas disagree": {"agreed": "r2 has another configuration"},
    "frozen": {"freezes": (Freeze("new year", ago(DAY), NOW + DAY),)},
    "quarantined": {"quarantined_since": ago(MINUTE)},
    "we sign with the old": {"signers": (a_signer(OLD),)},
    "we sign with the new": {"signers": (a_signer(NEW),)},
    "no policy selects": {"selection": Unselected()},
    "excluded": {"selection": Excluded("ci", "vendor")},
    "two policies select": {"selection": Contested(("a", "b"))},
    "observed only": {"enforced": False},
}

ORDERS: Mapping[str, Mapping[str, Any]] = {
    "": {},
    "rotate": {"orders": (an_order(),)},
    "leaked": {"orders": (an_order(key_id=OLD, compromised=True),)},
    "leaked, off first": {"orders": (an_order(key_id=OLD, compromised=True, contain_first=True),)},
    "retire": {"orders": (an_order(Verb.RETIRE, key_id=OLD),)},
    "retire the new now": {"orders": (an_order(Verb.RETIRE, key_id=NEW, now=True),)},
    "roll back": {"orders": (an_order(Verb.ROLLBACK),)},
    "close": {"orders": (an_order(Verb.CLOSE),)},
}

AXES: Mapping[str, Mapping[str, Any]] = {
    "rotation": ROTATIONS,
    "old": _states(OLD, 100 * DAY),
    "new": _states(NEW, LONG),
    "readable": READABLE,
    "write-only": WRITE_ONLY,
    "doubt": DOUBTS,
    "order": ORDERS,
}
_LISTED = [tuple(axis.items()) for axis in AXES.values()]

SPREAD = 32_452_843
"""A prime that divides no axis: worlds that are asked one after the other differ in all of them."""


def count() -> int:
    """How many worlds there are."""
    return prod(map(len, _LISTED))


def _parts(number: int) -> list[tuple[str, Any]]:
    """The part that each axis has in the world of this number."""
    parts = []
    for axis in reversed(_LISTED):
        number, place = divmod(number, len(axis))
        parts.append(axis[place])
    return parts[::-1]


def told(number: int) -> str:
    """The world of this number, in words."""
    return f"world {number}: " + " | ".join(
        f"{axis} {name}" for axis, (name, _) in zip(AXES, _parts(number), strict=True) if name
    )


@cache
def _base() -> Case:
    return a_case()


def world(number: int) -> Case:
    """The world of this number."""
    rotation, old, new, readable, write_only, doubt, order = (p[1] for p in _parts(number))
    keys = tuple(key for key in (old, new) if key is not None)
    places = tuple(place for place in (readable, write_only) if place is not None)
    return replace(_base(), rotation=rotation, keys=keys, places=places, **doubt, **order)


@dataclass(slots=True)
class Tally:
    """What was found in a part of the worlds."""

    worlds: int = 0
    harm: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.worlds + other.worlds, self.harm + other.harm, [*self.broken, *other.broken]
        )


def asked(begin: int, end: int) -> Tally:
    """Ask the judgement and its guard in the worlds from one place up to another."""
    tally = Tally()
    for place in range(begin, end):
        tally.worlds += 1
        number = place * SPREAD % count()
        case = world(number)
        action = judge(case)
        why = broken(case, action) or _broken_besides(case, action) or _broken_by_guard(case)
        if why:
            tally.broken.append(f"{why}: {told(number)}")
        if isinstance(action, Deactivate | Delete):
            tally.harm[str(case.open.right), action.name.value] += 1
    return tally


def _broken_besides(case: Case, action: Action) -> str | None:
    """What harm may not do in those worlds that `small_worlds` does not have."""
    if not isinstance(action, Deactivate | Delete):
        return None
    title, key_id = case.open.title, action.key_id
    if any(signer.key.key_id == key_id for signer in case.signers):
        return "P1: harms a key that we sign our own calls with"
    if case.agreed and title is not Title.COMPROMISED:
        return "P6: harms while replicas do not agree"
    if title not in {None, Title.UNUSED}:
        return None
    if case.freezes:
        return "harms by policy in a freeze"
    if isinstance(case.selection, Unselected | Excluded | Contested):
        return "P2: harms by a policy that selects the user no more"
    since = case.quarantined_since
    if since and case.open.order_id is None and any(key.created_at < since for key in case.active):
        return "harms by policy while the user is quarantined"
    return None


def _broken_by_guard(case: Case) -> str | None:
    """Whether `may_go` lets a key go that the promises keep."""
    if case.rotation is None:
        return next((f"P2: {k.key_id} may go" for k in case.keys if may_go(case, k)), None)
    for key in case.keys:
        if not may_go(case, key):
            continue
        if any(signer.key.key_id == key.key_id for signer in case.signers):
            return f"P1: {key.key_id} may go, and we sign with it"
        if why := small_worlds.broken_by_going(case, key):
            return f"{why} ({key.key_id} may go)"
    return None


def slices(part: int, parts: int, abreast: int) -> list[tuple[int, int]]:
    """One part of all places, cut into as many pieces as there are processes."""
    begin, end = count() * part // parts, count() * (part + 1) // parts
    cuts = [begin + (end - begin) * cut // abreast for cut in range(abreast + 1)]
    return list(pairwise(cuts))


def main() -> int:
    """Ask in all worlds, or in a slice of them, and print what was asked and found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slice", default="0/1", help="K/N: the Kth of N parts of all worlds")
    parser.add_argument("--abreast", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    part, parts = map(int, arguments.slice.split("/"))
    began = monotonic()
    with ProcessPoolExecutor(arguments.abreast) as pool:
        pieces = slices(part % parts, parts, arguments.abreast)
        jobs = [pool.submit(asked, *piece) for piece in pieces]
        tally = sum((job.result() for job in jobs), Tally())
    for (title, what), times in sorted(tally.harm.items()):
        print(f"{title:>12} {what:<10} {times}")
    print("\n".join(tally.broken[:40]))
    print(
        f"{tally.worlds} of {count()} worlds ({' x '.join(str(len(a)) for a in _LISTED)}),"
        f" {len(tally.broken)} break a promise, {monotonic() - began:.0f} s"
    )
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
