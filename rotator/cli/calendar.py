"""`rotator plan --until`: what will be done to whom and when, if nothing else changes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rotator.cli.outcomes import FAILED, FINE, PENDING
from rotator.cli.output import moment, say, table, tell, tell_document
from rotator.cli.rows import action_row
from rotator.daemon.schedules import Rhythms
from rotator.judgement.ahead import look_ahead
from rotator.judgement.outlook import ASSUMED
from rotator.judgement.wording import span
from rotator.model import Stop
from rotator.reconcile import last_sweeps, scene_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from rotator.cli.build import Settings
    from rotator.judgement.outlook import Calendar, Foreseen, Greatest
    from rotator.model import Policy, UserRef
    from rotator.reconcile import Planner

__all__ = ["calendar"]

ALONE = "limits are shared with users who were not looked at: what they use up is not foreseen"
"""Besides, where one user alone was asked for."""


def calendar(
    settings: Settings,
    given: Namespace,
    planner: Planner,
    policies: Sequence[Policy],
    only: UserRef | None,
) -> int:
    """Print one row for each thing that will be done, or found to be in the way, in order.

    Raises:
        StoreError: the store cannot be read.
    """
    equipment = planner.equipment
    rhythms = Rhythms(policies, last_at=last_sweeps(equipment, policies), now=equipment.clock())
    scene, errors = scene_of(planner, policies, rhythms, until=given.until, only=only)
    seen = look_ahead(scene, given.until)
    assumed = (*ASSUMED, ALONE) if only is not None else ASSUMED
    if settings.as_json:
        tell_document(**document_of(seen), assumed=assumed, errors=errors)
    else:
        _print(seen, assumed, everybody=only is not None)
    for error in errors:
        say(f"rotator: {error}")
    if errors:
        return FAILED
    if given.exit_code and any(row.acts for row in seen.rows):
        return PENDING
    held = any(case.hold is not None for case in scene.cases)
    return FAILED if held or any(isinstance(row.action, Stop) for row in seen.rows) else FINE


def document_of(seen: Calendar) -> dict[str, Any]:
    """The calendar as a script gets it."""
    return {
        "until": seen.until,
        "actions": [_row(row) for row in seen.rows],
        "ages": [_age(one) for one in seen.greatest],
        "summary": _summary(seen),
    }


def _row(row: Foreseen) -> dict[str, Any]:
    return {
        "account": row.user.account,
        "user": row.user.name,
        "policy": row.policy,
        **action_row(row.action),
        "access_key_id": row.key_id,
        "at": row.at,
    }


def _age(one: Greatest) -> dict[str, Any]:
    return {
        "account": one.user.account,
        "user": one.user.name,
        "policy": one.policy,
        "access_key_id": one.key_id,
        "greatest_age_seconds": None if one.age is None else int(one.age.total_seconds()),
        "max_age_seconds": None if one.max_age is None else int(one.max_age.total_seconds()),
        "passes_max_age_at": one.passes_at,
    }


def _summary(seen: Calendar) -> dict[str, int]:
    done = Counter(row.action.name.value for row in seen.rows if row.acts)
    waiting = {row.user.ref for row in seen.rows if not row.acts}
    return {
        "users": len(seen.greatest),
        **{name: done[name] for name in ("issue", "deactivate", "delete")},
        "waiting": len(waiting),
        "past_max_age": sum(one.passes_at is not None for one in seen.greatest),
    }


def _print(seen: Calendar, assumed: Sequence[str], *, everybody: bool) -> None:
    headings = ["AT", "ACCOUNT", "USER", "POLICY", "ACTION", "KEY", "GATE", "REASON", "MESSAGE"]
    names = [{"KEY": "access_key_id"}.get(heading, heading.lower()) for heading in headings]
    if seen.rows:
        rows = [_row(row) for row in seen.rows]
        tell(table(headings, [[row[name] for name in names] for row in rows]) + "\n")
    told = [one for one in seen.greatest if one.age and (everybody or one.passes_at)]
    if told:
        headings = ["USER", "POLICY", "KEY", "GREATEST AGE", "MAX AGE", "PASSED AT"]
        tell(table(headings, [_line(one) for one in told]) + "\n")
    tell(_sentence(seen))
    tell("Taken for granted: " + "; ".join(assumed) + ".")


def _line(one: Greatest) -> list[object]:
    return [
        str(one.user),
        one.policy,
        one.key_id or "a new key",
        span(one.age) if one.age else None,
        span(one.max_age) if one.max_age else None,
        one.passes_at,
    ]


def _sentence(seen: Calendar) -> str:
    found = _summary(seen)
    ages = [one.age for one in seen.greatest if one.age is not None]
    oldest = f"; the oldest key gets {span(max(ages))} old" if ages else ""
    return (
        f"Until {moment(seen.until)}, of {found['users']} users: {found['issue']} keys issued,"
        f" {found['deactivate']} switched off, {found['delete']} deleted; {found['waiting']} users"
        f" wait for a person or past that day; {found['past_max_age']} keep a key past max_age"
        f"{oldest}."
    )
