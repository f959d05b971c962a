"""From what one looks ahead: everybody whom the policies concern, now or when exclusions expire."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.errors import ReadError
from rotator.judgement.outlook import Scene
from rotator.judgement.selection import select
from rotator.model import Contested, Selected
from rotator.reconcile.candidates import accounts_of, candidates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from rotator.judgement.turns import Rhythm
    from rotator.model import Account, Case, DoorName, Policy, Selection, User, UserRef
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.planning import Planner
    from rotator.reconcile.rolls import Roll
    from rotator.store import Standing

__all__ = ["last_sweeps", "scene_of"]

_DAY = timedelta(hours=24)


def scene_of(
    planner: Planner,
    policies: Sequence[Policy],
    rhythm: Rhythm,
    *,
    until: datetime,
    only: UserRef | None = None,
) -> tuple[Scene, list[str]]:
    """Everybody as they are now, and why an account could not be read."""
    equipment = planner.equipment
    gathering = _Gathering(planner, policies, until, only)
    standings = equipment.store.users()
    for account in equipment.configuration().accounts:
        served = [one for one in policies if account in accounts_of(equipment, one)]
        if served:
            gathering.account(account, served, standings)
    recorded = frozenset(row.user.ref for row in standings if row.keys)
    scene = Scene(
        tuple(gathering.cases.values()),
        equipment.configuration(),
        rhythm,
        gathering.spent(),
        recorded,
    )
    return scene, list(dict.fromkeys(gathering.errors))


def last_sweeps(equipment: Equipment, policies: Sequence[Policy]) -> dict[str, datetime | None]:
    """When each policy's account that has waited longest was swept; None: one never was."""
    store = equipment.store
    ids = dict(store.account_ids())
    found: dict[str, datetime | None] = {}
    for policy in policies:
        last = [
            store.last_sweep(policy.name, ids[account.name]) if account.name in ids else None
            for account in accounts_of(equipment, policy)
        ]
        begun = [row.begun_at for row in last if row is not None]
        found[policy.name] = min(begun) if begun and len(begun) == len(last) else None
    return found


@dataclass(slots=True)
class _Gathering:
    planner: Planner
    policies: Sequence[Policy]
    until: datetime
    only: UserRef | None
    cases: dict[UserRef, Case] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    def account(
        self, account: Account, policies: Sequence[Policy], standings: Sequence[Standing]
    ) -> None:
        """Everybody of one account."""
        try:
            entered, roll = self.planner.enter(account)
        except ReadError as exc:
            self.errors.append(str(exc))
            return
        self._ids.add(entered.account_id)
        wanted = self._wanted(policies, roll, standings)
        for user, at in wanted:
            if self.only is None or user.ref == self.only:
                _, self.cases[user.ref] = self.planner.survey(entered, roll, user, at)

    def spent(self) -> Mapping[tuple[str, str], Mapping[DoorName, Sequence[datetime]]]:
        """What went through each door in the last 24 hours."""
        equipment = self.planner.equipment
        since = equipment.clock() - _DAY
        return {
            (policy.name, account_id): equipment.store.spent(policy.name, account_id, since)
            for policy in self.policies
            for account_id in self._ids
        }

    def _wanted(
        self, policies: Sequence[Policy], roll: Roll, standings: Sequence[Standing]
    ) -> list[tuple[User, datetime]]:
        """Whom a sweep would look at, and whom one will when exclusions expire; since when."""
        equipment, now = self.planner.equipment, self.planner.equipment.clock()
        found = {
            user.ref: (user, now)
            for policy in policies
            for user in candidates(equipment, policy, roll, standings)
        }
        names = {policy.name for policy in policies}
        for at in self._expiries(now):
            for user in roll.users.values():
                if user.ref not in found and names & _selecting(self._selection(user, at)):
                    found[user.ref] = (user, at)
        return list(found.values())

    def _expiries(self, now: datetime) -> list[datetime]:
        configuration = self.planner.equipment.configuration()
        found = {one.expires for policy in configuration.policies for one in policy.exclude}
        return sorted(at for at in found if at is not None and now < at <= self.until)

    def _selection(self, user: User, at: datetime) -> Selection:
        configuration = self.planner.equipment.configuration()
        names = [account.name for account in configuration.accounts]
        return select(user, configuration.policies, names, at)


def _selecting(selection: Selection) -> set[str]:
    match selection:
        case Selected(policy):
            return {policy}
        case Contested(policies):
            return set(policies)
        case _:
            return set()
