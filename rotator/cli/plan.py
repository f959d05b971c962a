"""`rotator plan`: what a sweep would do now, by the very judgement of the sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rotator.cli.against import against, former
from rotator.cli.build import equip, load_configuration
from rotator.cli.calendar import calendar
from rotator.cli.outcomes import FAILED, FINE, PENDING, WrongCall
from rotator.cli.output import say, table, tell, tell_document
from rotator.cli.progress import Progress
from rotator.cli.quiet import outlets_of
from rotator.cli.rows import action_row
from rotator.cli.stores import reading
from rotator.cli.subjects import nearest, user_subject
from rotator.cli.surveyed import quiet_enough
from rotator.errors import ReadError
from rotator.model import ActionName, Mode, Reason, Stop, Wait
from rotator.reconcile import Planner, accounts_of

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings
    from rotator.model import Configuration, Policy, UserRef
    from rotator.reconcile import Examined
    from rotator.store import Store

__all__ = ["plan", "policies_of", "row_of"]

IDLE = frozenset({Reason.NOT_DUE, Reason.NO_KEY})
"""Waits of users for whom there is nothing to do: they are no rows unless they are asked for."""


def plan(settings: Settings, given: Namespace) -> int:
    """Print one row for each user that a sweep would touch, or keeps waiting.

    Raises:
        ConfigError, StoreError, Refused, WrongCall: it could not be begun.
    """
    if given.until is not None and given.against is not None:
        raise WrongCall("--until and --against are two questions: ask them one at a time")
    configuration = load_configuration(settings)
    old = former(given.against, configuration) if given.against is not None else None
    was_known = old is not None and given.policy and old.policy(given.policy)
    policies = policies_of(configuration, None if was_known else given.policy)
    with reading(configuration.state) as store:
        progress = Progress("users looked at")
        equipment = equip(configuration, store, outlets_of(settings), actor="plan")
        planner = Planner(equipment, on_look=progress)
        configuration = planner.equipment.configuration()
        policies = policies_of(configuration, None if was_known else given.policy)
        only = user_subject(given.user, store, planner).ref if given.user else None
        if old is not None:
            return against(settings, given, store, (old, configuration), planner, only)
        if given.until is not None:
            return calendar(settings, given, planner, policies, only)
        examined, errors = _examine(planner, policies, only)
        progress.end()
        proposals = _proposals(policies, store)
    rows = [row_of(one) for one in examined if given.user or not _is_idle(one)]
    _print(settings, rows, errors, proposals, looked_at=len(examined))
    if errors:
        return FAILED
    if given.exit_code and any(map(_acts, rows)):
        return PENDING
    return FAILED if any(_is_blocked(one) for one in examined) else FINE


def policies_of(configuration: Configuration, name: str | None) -> list[Policy]:
    """The policy of this name, or all of them. Raises WrongCall."""
    if name is None:
        return list(configuration.policies)
    policy = configuration.policy(name)
    if policy is None:
        names = [one.name for one in configuration.policies]
        hint = nearest(name, names) or f"; there are: {', '.join(names)}"
        raise WrongCall(f"there is no policy {name!r}{hint}")
    return [policy]


def _examine(
    planner: Planner, policies: list[Policy], only: UserRef | None
) -> tuple[list[Examined], list[str]]:
    """Everybody whom the policies concern, each once, and why an account could not be read."""
    examined: dict[UserRef, Examined] = {}
    errors: list[str] = []
    for policy in policies:
        for account in accounts_of(planner.equipment, policy):
            try:
                found = planner.plan(policy, account, only=only)
            except ReadError as exc:
                errors.append(str(exc))
                continue
            for one in found:
                examined.setdefault(one.user.ref, one)
    errors += planner.unread.values()
    return list(examined.values()), list(dict.fromkeys(errors))


def _is_idle(one: Examined) -> bool:
    return isinstance(one.action, Wait) and one.action.reason in IDLE


def _is_blocked(one: Examined) -> bool:
    return isinstance(one.action, Stop) or one.case.hold is not None


def row_of(one: Examined) -> dict[str, Any]:
    """One row of a plan."""
    told = action_row(one.action)
    return {
        "account": one.user.account,
        "user": one.user.name,
        "policy": one.case.policy.name if one.case.policy else None,
        **told,
        "at": one.case.now if _acts(told) else told["at"],
    }


def _acts(row: dict[str, Any]) -> bool:
    """Whether a sweep would do it now."""
    return row["gate"] is None and row["action"] not in {ActionName.WAIT, ActionName.STOP}


def _proposals(policies: list[Policy], store: Store) -> list[dict[str, Any]]:
    """What was learned of how keys are used, while policies only observe."""
    observing = [policy for policy in policies if policy.mode is Mode.OBSERVE]
    rows = store.users() if observing else []
    found = (quiet_enough(policy, rows) for policy in observing)
    return [proposal for proposal in found if proposal is not None]


def _print(
    settings: Settings,
    rows: list[dict[str, Any]],
    errors: list[str],
    proposals: list[dict[str, Any]],
    *,
    looked_at: int,
) -> None:
    if settings.as_json:
        tell_document(actions=rows, errors=errors, proposals=proposals)
    else:
        headings = ["ACCOUNT", "USER", "POLICY", "ACTION", "KEY", "GATE", "AT", "REASON", "MESSAGE"]
        names = [{"KEY": "access_key_id"}.get(heading, heading.lower()) for heading in headings]
        if rows:
            tell(table(headings, [[row[name] for name in names] for row in rows]))
        doing = sum(map(_acts, rows))
        tell(f"{looked_at} users looked at; a sweep would act on {doing} of them now.")
        for proposal in proposals:
            tell(f"{proposal['message']}.")
    for error in errors:
        say(f"rotator: {error}")
