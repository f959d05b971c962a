"""`rotator run`: one sweep now, whatever the schedule says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rotator.cli.build import disable_core_dumps, equip, load_configuration, tidy
from rotator.cli.idle import until_idle
from rotator.cli.interrupts import interrupts
from rotator.cli.outcomes import FAILED, FINE
from rotator.cli.output import say, table, tell, tell_document
from rotator.cli.plan import policies_of
from rotator.cli.quiet import outlets_of
from rotator.cli.rows import action_row
from rotator.cli.status import blocked_of, with_hold
from rotator.cli.stores import opened
from rotator.cli.subjects import user_subject
from rotator.cli.waiting import deliver_the_rest
from rotator.errors import ReadError, Refused
from rotator.model import ActionName, Contested, Excluded, Selected
from rotator.reconcile import Planner, Sweeper, VisitResult, accounts_of
from rotator.reconcile.cases import selection_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Mapping

    from rotator.cli.build import Settings
    from rotator.cli.subjects import Subject
    from rotator.model import Account, Policy, UserRef
    from rotator.reconcile import SweepResult
    from rotator.reconcile.shortlist import LeftOut
    from rotator.store import Holds, Standing

__all__ = ["run_once"]

ACCOUNTS_MAX = 10
"""Sweeps that run at the same time."""


@dataclass(slots=True)
class Tally:
    """What all visits of one run came to: one result a user, with everything that was done.

    Attributes:
        left_out: users at whom nobody had to look, since none can have become due.
    """

    visits: dict[UserRef, VisitResult] = field(default_factory=dict)
    left_out: int = 0
    errors: list[str] = field(default_factory=list)

    def add(self, visits: Iterable[VisitResult]) -> None:
        """Count more visits; of a user who was visited before, the latest says where it stands."""
        for visit in visits:
            before = self.visits.get(visit.user.ref)
            if before is None or before.last is None:
                self.visits[visit.user.ref] = visit
            elif visit.last is not None:
                acted = (*before.acted, *visit.acted)
                self.visits[visit.user.ref] = replace(visit, acted=acted)

    def leave_out(self, users: Iterable[LeftOut], holds: Holds) -> None:
        """Count who is idle; whoever is held is told of, as one who was looked at is."""
        for one in users:
            held = holds.on(one.user.ref, account=one.user.account, policy=one.row.policy)
            if held is None:
                self.left_out += 1
            else:
                self.add([VisitResult(one.user, one.action)])


def run_once(settings: Settings, given: Namespace) -> int:
    """Sweep, print what was done for whom and why not, and say how it came out.

    Raises:
        ConfigError, StoreError, Refused, WrongCall: it could not be begun.
    """
    disable_core_dumps()
    configuration = load_configuration(settings)
    policies = policies_of(configuration, given.policy)
    with opened(configuration.state) as store, interrupts() as asked:
        tidy(configuration)
        equipment = equip(
            configuration, store, outlets_of(settings), actor="run", stopping=asked.stopping
        )
        configuration = equipment.configuration()
        policies = policies_of(configuration, given.policy)
        sweeper = Sweeper(equipment)
        subject = user_subject(given.user, store, Planner(equipment)) if given.user else None
        tally = _sweep(sweeper, policies, subject)
        if subject is not None and not tally.visits and not tally.errors:
            raise Refused(_why_nobody(sweeper, subject, given.policy))
        try:
            if given.until_idle:
                until_idle(sweeper, tally.visits, tally.add)
        finally:
            deliver_the_rest(sweeper)
        sweeper.farewell()
        holds = store.holds()
        known = store.standings(tally.visits.keys())
        rows = _rows(tally, {row.user.ref: with_hold(holds, row) for row in known})
    _print(settings, rows, tally)
    return asked.status(FAILED if tally.errors or any(map(_is_bad, rows)) else FINE)


def _sweep(sweeper: Sweeper, policies: list[Policy], subject: Subject | None) -> Tally:
    """Sweep each policy over each of its accounts, side by side."""
    tally = Tally()
    pairs = [
        (policy, account)
        for policy in policies
        for account in accounts_of(sweeper.equipment, policy)
        if subject is None or account.name == subject.account
    ]
    only, holds = subject.ref if subject else None, sweeper.equipment.store.holds()
    with ThreadPoolExecutor(max_workers=ACCOUNTS_MAX, thread_name_prefix="sweep") as pool:

        def sweep(pair: tuple[Policy, Account]) -> SweepResult:
            return sweeper.sweep(*pair, trigger="run", only=only)

        for result in pool.map(sweep, pairs):
            tally.add(result.visits)
            tally.leave_out(result.left_out, holds)
            if result.error is not None and result.error not in tally.errors:
                tally.errors.append(result.error)
    return tally


def _why_nobody(sweeper: Sweeper, subject: Subject, policy: str | None) -> str:
    """Why no sweep looked at the one user who was asked for."""
    equipment = sweeper.equipment
    account = equipment.configuration().account(subject.account)
    if account is None:
        return f"the configuration has no account {subject.account!r} any more"
    try:
        user = sweeper.rolls.of(equipment.accounts.enter(account)).user(subject.ref)
    except ReadError as exc:
        return str(exc)
    if user is None:
        return f"{subject} is not listed in IAM any more"
    match selection_of(equipment, user, equipment.clock()):
        case Excluded(name, why):
            return f"{subject} is excluded by policy {name}: {why}"
        case Selected(name) if policy is not None:
            return f"policy {policy} does not select {subject}: policy {name} does"
        case Contested(names) if policy is not None:
            return f"policy {policy} does not select {subject}: {' and '.join(names)} do"
        case _:
            return f"no policy selects {subject}"


def _rows(tally: Tally, standings: Mapping[UserRef, Standing]) -> list[dict[str, Any]]:
    """One row for each user who was looked at."""
    visits = sorted(tally.visits.values(), key=lambda visit: str(visit.user))
    return [_row(visit, standings.get(visit.user.ref)) for visit in visits]


def _row(visit: VisitResult, standing: Standing | None) -> dict[str, Any]:
    last = visit.last
    user = standing.user if standing else None
    return {
        "account": visit.user.account,
        "user": visit.user.name,
        "user_id": visit.user.user_id,
        "policy": user.policy if user else None,
        "phase": user.phase if user else None,
        "done": [_done(row) for row in map(action_row, visit.acted)],
        "next": None if last is None else action_row(last),
        "blocked": None if user is None else blocked_of(user),
        "failed": visit.failed,
        "left_to_another": visit.left_to_another,
    }


def _done(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("action", "access_key_id", "reason", "message")}


def _is_bad(row: dict[str, Any]) -> bool:
    return bool(row["failed"] or row["blocked"])


def _print(settings: Settings, rows: list[dict[str, Any]], tally: Tally) -> None:
    if settings.as_json:
        tell_document(users=rows, left_out=tally.left_out, errors=tally.errors)
    else:
        if rows:
            tell(table(["USER", "DONE", "PHASE", "NEXT", "WHY"], list(map(_line, rows))))
        if tally.left_out:
            tell(f"{tally.left_out} users are idle, and nobody had to look at them.")
        if not rows and not tally.left_out and not tally.errors:
            tell("No policy selects anybody: nothing was done.")
    for error in tally.errors:
        say(f"rotator: {error}")


def _line(row: dict[str, Any]) -> list[object]:
    """One row for people: what was only written down is left out of what was done."""
    done = [step["action"] for step in row["done"] if step["action"] is not ActionName.RECORD]
    user = f"{row['account']}/{row['user']}"
    head = [user, ", ".join(done), row["phase"]]
    if row["next"] is not None:
        return [*head, row["next"]["reason"], row["next"]["message"]]
    if row["left_to_another"]:
        return [*head, "lease", "another process looks after this user now: it is left to it"]
    return [*head, "failed", "the visit failed; the log says why"]
