"""`rotator plan`: what a sweep would do now, by the very judgement of the sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rotator.cli.build import equip, load_configuration
from rotator.cli.output import print_document, say, table
from rotator.cli.quiet import outlets_of
from rotator.cli.run import policies_of
from rotator.cli.stores import reading
from rotator.cli.subjects import user_subject
from rotator.errors import ReadError
from rotator.model import ActionName, Reason, Shut, Stop, Wait
from rotator.reconcile import Planner, accounts_of

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings
    from rotator.reconcile import Examined

__all__ = ["plan", "row_of"]

PENDING = 3
IDLE = frozenset({Reason.NOT_DUE, Reason.NO_KEY})


def plan(settings: Settings, given: Namespace) -> int:
    """Print one row for each user that a sweep would touch, or keeps waiting.

    Raises:
        ConfigError, StoreError, Refused: it could not be begun.
    """
    configuration = load_configuration(settings)
    errors: list[str] = []
    examined: list[Examined] = []
    with reading(configuration.state, say) as store:
        planner = Planner(equip(configuration, store, outlets_of(settings), actor="plan"))
        only = user_subject(given.user, store, planner).ref if given.user else None
        for policy in policies_of(configuration, given.policy):
            for account in accounts_of(planner.equipment, policy):
                try:
                    examined += planner.plan(policy, account, only=only)
                except ReadError as exc:
                    errors.append(str(exc))
    rows = [row_of(one) for one in examined if given.user or not _is_idle(one)]
    _print(settings, rows, errors, looked_at=len(examined))
    if errors:
        return 1
    acts = any(row["gate"] is None and row["action"] not in {"wait", "stop"} for row in rows)
    return PENDING if given.exit_code and acts else 0


def _is_idle(one: Examined) -> bool:
    return isinstance(one.action, Wait) and one.action.reason in IDLE


def row_of(one: Examined) -> dict[str, Any]:
    """One row: the action, and where a gate is shut the action behind it."""
    action = one.action
    told = action.behind if isinstance(action, Shut) else action
    until = action.until if isinstance(action, Wait | Shut) else one.case.now
    return {
        "account": one.user.account,
        "user": one.user.name,
        "policy": one.case.policy.name if one.case.policy else None,
        "action": told.name.value,
        "access_key_id": told.harmed,
        "reason": told.reason.value,
        "message": action.message if isinstance(action, Shut) else told.message,
        "at": None if isinstance(action, Stop) else until,
        "gate": action.reason.value if isinstance(action, Shut) else None,
    }


def _print(
    settings: Settings, rows: list[dict[str, Any]], errors: list[str], *, looked_at: int
) -> None:
    if settings.as_json:
        print_document(actions=rows, errors=errors)
        return
    headings = ["ACCOUNT", "USER", "POLICY", "ACTION", "GATE", "AT", "REASON", "MESSAGE"]
    if rows:
        print(table(headings, [[row[name.lower()] for name in headings] for row in rows]))
    doing = sum(1 for row in rows if row["gate"] is None and _acts(row))
    print(f"{looked_at} users looked at; a sweep would act on {doing} of them now.")
    for error in errors:
        say(f"rotator: {error}")


def _acts(row: dict[str, Any]) -> bool:
    return row["action"] not in {ActionName.WAIT.value, ActionName.STOP.value}
