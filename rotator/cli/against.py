"""`rotator plan --against`: what a change of configuration does to whom."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotator.cli.build import equip
from rotator.cli.outcomes import FAILED, FINE, PENDING
from rotator.cli.output import say, table, tell, tell_document
from rotator.cli.quiet import outlets_of
from rotator.config import Tables, load
from rotator.daemon.schedules import Rhythms
from rotator.formats import FORMATS
from rotator.judgement.differences import Change
from rotator.reconcile import Planner, compare, last_sweeps
from rotator.sinks import installed

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings
    from rotator.judgement.differences import Difference
    from rotator.judgement.turns import Rhythm
    from rotator.model import Configuration, UserRef
    from rotator.reconcile import Equipment
    from rotator.store import Store

__all__ = ["against", "former"]


def former(given: str, present: Configuration) -> Configuration:
    """The older configuration, as if it stood where the present one does.

    Relative paths of its sinks start from there: what was checked out elsewhere to be compared
    means the same places. Raises ConfigError.
    """
    path = Path(given)
    old = load(path, environ=os.environ, tables=Tables(sinks=installed(), formats=FORMATS))
    was, becomes = _folder(path), _folder(Path(present.source))
    policies = (
        replace(
            policy,
            sinks=tuple(
                replace(sink, base=_moved(sink.base, was, becomes)) for sink in policy.sinks
            ),
        )
        for policy in old.policies
    )
    return replace(old, policies=tuple(policies), state=present.state)


def _folder(path: Path) -> Path:
    return path.absolute() if path.is_dir() else path.absolute().parent


def _moved(base: str, was: Path, becomes: Path) -> str:
    path = Path(base).absolute()
    return str(becomes / path.relative_to(was)) if path.is_relative_to(was) else base


def against(
    settings: Settings,
    given: Namespace,
    store: Store,
    configurations: tuple[Configuration, Configuration],
    planner: Planner,
    only: UserRef | None,
) -> int:
    """Print one row for each user and each thing that becomes otherwise.

    Raises:
        StoreError: the store cannot be read.
    """
    old, _ = configurations
    before = Planner(equip(old, store, outlets_of(settings), actor="plan"))
    rows, looked_at, errors = compare(before, planner, _rhythm, only=only)
    if given.policy:
        named = {r.user.ref for r in rows if given.policy in {r.policy, r.before, r.after}}
        rows = [row for row in rows if row.user.ref in named]
    _print(settings, rows, errors, looked_at)
    if errors:
        return FAILED
    if given.exit_code and rows:
        return PENDING
    return FAILED if any(row.change is Change.STOPPED for row in rows) else FINE


def _rhythm(equipment: Equipment) -> Rhythm:
    policies = equipment.configuration().policies
    return Rhythms(policies, last_at=last_sweeps(equipment, policies), now=equipment.clock())


def _row(one: Difference) -> dict[str, Any]:
    return {
        "account": one.user.account,
        "user": one.user.name,
        "policy": one.policy,
        "change": one.change,
        "before": one.before,
        "after": one.after,
        "at": one.at,
        "message": one.message,
    }


def _print(settings: Settings, rows: list[Difference], errors: list[str], looked_at: int) -> None:
    if settings.as_json:
        tell_document(changes=list(map(_row, rows)), errors=errors)
    else:
        names = ["account", "user", "policy", "change", "before", "after", "message"]
        lines = [[_row(row)[name] for name in names] for row in rows]
        if rows:
            tell(table([name.upper() for name in names], lines) + "\n")
        users = len({row.user.ref for row in rows})
        tell(f"{looked_at} users looked at; the change concerns {users} of them.")
    for error in errors:
        say(f"rotator: {error}")
