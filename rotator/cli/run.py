"""`rotator run`: one sweep now, whatever the schedule says."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.cli.build import clock, equip, load_configuration
from rotator.cli.output import print_document, say, table
from rotator.cli.quiet import outlets_of
from rotator.cli.stores import opened
from rotator.cli.subjects import user_subject
from rotator.errors import Refused
from rotator.model import Shut, Stop
from rotator.reconcile import Planner, Sweeper, accounts_of

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings
    from rotator.model import Configuration, Policy
    from rotator.reconcile import SweepResult, VisitResult
    from rotator.store import Store

__all__ = ["policies_of", "run_once"]

LONG = timedelta(hours=1)
"""A wait that `--until-idle` does not sit out."""

ACCOUNTS_MAX = 10


def run_once(settings: Settings, given: Namespace) -> int:
    """Sweep, print what was done for whom and why not, and say how it came out.

    Raises:
        ConfigError, StoreError, Refused: it could not be begun.
    """
    configuration = load_configuration(settings)
    policies = policies_of(configuration, given.policy)
    with opened(configuration.state) as store:
        sweeper = Sweeper(equip(configuration, store, outlets_of(settings), actor="run"))
        results = _sweep(sweeper, policies, store, given.user)
        visits = [visit for result in results for visit in result.visits]
        if given.until_idle:
            visits = _until_idle(sweeper, store, visits)
        _deliver_the_rest(sweeper, configuration)
        sweeper.farewell()
    return _answer(settings, results, visits)


def policies_of(configuration: Configuration, name: str | None) -> list[Policy]:
    """The policy of this name, or all of them. Raises Refused."""
    if name is None:
        return list(configuration.policies)
    policy = configuration.policy(name)
    if policy is None:
        names = ", ".join(one.name for one in configuration.policies)
        raise Refused(f"there is no policy {name!r}; there are: {names}")
    return [policy]


def _sweep(
    sweeper: Sweeper, policies: list[Policy], store: Store, user: str | None
) -> list[SweepResult]:
    only = None
    if user is not None:
        only = user_subject(user, store, Planner(sweeper.equipment)).ref
    pairs = [
        (policy, account)
        for policy in policies
        for account in accounts_of(sweeper.equipment, policy)
    ]
    with ThreadPoolExecutor(max_workers=ACCOUNTS_MAX) as pool:
        running = [
            pool.submit(sweeper.sweep, policy, account, trigger="run", only=only)
            for policy, account in pairs
        ]
        return [future.result() for future in running]


def _until_idle(sweeper: Sweeper, store: Store, visits: list[VisitResult]) -> list[VisitResult]:
    """Go on at each next moment, until nothing is open but what is blocked or waits for long."""
    latest = {visit.user.ref: visit for visit in visits}
    while (next_at := store.next_moment()) is not None:
        now = clock()
        if next_at - now > LONG:
            break
        time.sleep(max(0.0, (next_at - now).total_seconds()))
        for visit in sweeper.visit_now(store.moments(clock())):
            before = latest.get(visit.user.ref)
            acted = (*before.acted, *visit.acted) if before else visit.acted
            latest[visit.user.ref] = type(visit)(
                visit.user, visit.last, acted, visit.failed, visit.left_to_another
            )
    return list(latest.values())


def _deliver_the_rest(sweeper: Sweeper, configuration: Configuration) -> None:
    """A key that is issued reaches its places before the process ends, if it can be."""
    if not sweeper.equipment.hands.users():
        return
    say("a new key is not in its place yet; trying until shutdown_timeout …")
    limit = configuration.timing.shutdown_timeout.total_seconds()
    sweeper.deliver_held(time.monotonic() + limit)
    for _ in sweeper.equipment.hands.users():
        say("it could not be delivered: it is thrown away, and another is made, at the next run")


def _answer(settings: Settings, results: list[SweepResult], visits: list[VisitResult]) -> int:
    rows = [_row(visit) for visit in sorted(visits, key=lambda visit: str(visit.user))]
    errors = [f"{r.account}, policy {r.policy}: {r.error}" for r in results if r.error]
    if settings.as_json:
        print_document(users=rows, errors=errors)
    else:
        print(table(["USER", "DONE", "NEXT", "WHY"], [list(row.values())[1:] for row in rows]))
        for error in errors:
            say(f"rotator: {error}")
    bad = errors or any(row["failed"] or row["blocked"] for row in map(_state, visits))
    return 1 if bad else 0


def _row(visit: VisitResult) -> dict[str, object]:
    last = visit.last
    why = "another replica looks after it now" if visit.left_to_another else ""
    return {
        "account": visit.user.account,
        "user": str(visit.user),
        "done": ", ".join(action.name.value for action in visit.acted),
        "next": last.reason.value if last else "",
        "why": last.message if last else why or "failed; the log says why",
    }


def _state(visit: VisitResult) -> dict[str, bool]:
    held = isinstance(visit.last, Shut) and visit.last.reason.value == "hold"
    return {"failed": visit.failed, "blocked": held or isinstance(visit.last, Stop)}
