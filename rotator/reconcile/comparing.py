"""The same users under two configurations: what a change of the one into the other does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.errors import ReadError
from rotator.judgement.ahead import look_ahead
from rotator.judgement.differences import Standpoint, differences
from rotator.judgement.outlook import Scene
from rotator.model import Unselected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rotator.aws.accounts import Entered
    from rotator.judgement.differences import Difference
    from rotator.judgement.outlook import Foreseen
    from rotator.judgement.turns import Rhythm
    from rotator.model import Case, UserRef
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.looks import Look
    from rotator.reconcile.planning import Planner
    from rotator.reconcile.rolls import Roll

__all__ = ["compare"]

_DAY = timedelta(hours=24)


def compare(
    old: Planner,
    new: Planner,
    rhythm_of: Callable[[Equipment], Rhythm],
    *,
    only: UserRef | None = None,
) -> tuple[list[Difference], int, list[str]]:
    """Every difference, how many users were looked at, and why an account could not be read.

    Users are looked at once, and judged by both; what comes first is looked for as far ahead as
    the longest `rotate_after` and `max_age` reach.
    """
    accounts, errors = _entered(old, new)
    before: dict[UserRef, Case] = {}
    after: dict[UserRef, Case] = {}
    for sides in accounts.values():
        _survey(old, new, sides, (before, after), only)
    firsts = [_firsts(old, before, rhythm_of), _firsts(new, after, rhythm_of)]
    refs = sorted(before.keys() | after.keys(), key=lambda ref: str((after | before)[ref].user))
    found = [
        one
        for ref in refs
        for one in differences(
            Standpoint(before[ref], firsts[0].get(ref)) if ref in before else None,
            Standpoint(after[ref], firsts[1].get(ref)) if ref in after else None,
        )
    ]
    return found, len(refs), errors


Side = tuple["Entered", "Roll"]
Sides = tuple["Side | None", "Side | None"]


def _entered(old: Planner, new: Planner) -> tuple[dict[str, Sides], list[str]]:
    """The accounts of both, by their ids."""
    found: dict[str, list[Side | None]] = {}
    errors: list[str] = []
    for index, planner in enumerate((old, new)):
        for account in planner.accounts():
            try:
                side = planner.enter(account)
            except ReadError as exc:
                errors.append(str(exc))
                continue
            found.setdefault(side[0].account_id, [None, None])[index] = side
    return {key: (sides[0], sides[1]) for key, sides in found.items()}, list(dict.fromkeys(errors))


def _survey(
    old: Planner,
    new: Planner,
    sides: Sides,
    cases: tuple[dict[UserRef, Case], dict[UserRef, Case]],
    only: UserRef | None,
) -> None:
    """Everybody of one account whom either configuration concerns."""
    now = new.equipment.clock()
    open_ones = {row.user.ref for row in new.equipment.store.users() if row.rotation or row.places}
    looks: dict[UserRef, Look] = {}
    for planner, side, into in zip((old, new), sides, cases, strict=True):
        if side is None:
            continue
        entered, roll = side
        wanted = open_ones | _concerned(old, sides[0]) | _concerned(new, sides[1])
        for user in roll.users.values():
            if user.ref in wanted and only in {None, user.ref}:
                looks[user.ref], case = planner.survey(
                    entered, roll, user, now, looks.get(user.ref)
                )
                # Until all replicas have the new one they do not agree: that is not its effect.
                into[user.ref] = replace(case, agreed=None)


def _concerned(planner: Planner, side: Side | None) -> set[UserRef]:
    if side is None:
        return set()
    now = planner.equipment.clock()
    return {
        user.ref
        for user in side[1].users.values()
        if not isinstance(planner.selection(user, now), Unselected)
    }


def _firsts(
    planner: Planner, cases: Mapping[UserRef, Case], rhythm_of: Callable[[Equipment], Rhythm]
) -> dict[UserRef, Foreseen]:
    """What is to be done first for each user, or is in the way."""
    equipment = planner.equipment
    configuration, now = equipment.configuration(), equipment.clock()
    far = max((max(one.rotate_after, one.max_age) for one in configuration.policies), default=_DAY)
    ids = {case.user.account_id for case in cases.values()}
    scene = Scene(
        tuple(cases.values()),
        configuration,
        rhythm_of(equipment),
        {
            (policy.name, account_id): equipment.store.spent(policy.name, account_id, now - _DAY)
            for policy in configuration.policies
            for account_id in ids
        },
        frozenset(row.user.ref for row in equipment.store.users() if row.keys),
    )
    found: dict[UserRef, Foreseen] = {}
    for row in look_ahead(scene, now + far + _DAY).rows:
        found.setdefault(row.user.ref, row)
    return found
