"""Whom a sweep must look at, and whom it may leave out, by what is known without asking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rotator.judgement.judge import judge
from rotator.judgement.selection import is_enforced
from rotator.judgement.survey import (
    agrees,
    is_idle,
    is_of_use,
    look_moment,
    on_record,
    reported_keys,
    wants_look,
)
from rotator.model import Case, Reason, Scope, Selected, User, UserRef
from rotator.reconcile.candidates import candidates
from rotator.reconcile.cases import quarantined_since, selection_of
from rotator.reconcile.standing import standing_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from rotator.model import AccessKey, Action, Policy, ReportedKey, ReportedUser
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.rolls import Roll
    from rotator.store import Holds, Standing, UserRow

__all__ = ["LeftOut", "Shortlist", "shortlist", "sorted_out"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A user at whom nobody looks in this sweep, the judgement by which, and its new row."""

    user: User
    case: Case
    action: Action
    row: UserRow

    def is_news(self, known: Standing | None) -> bool:
        """Whether the row says more than the one on record."""
        return known is None or known.user != self.row


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The users of a policy in one account: at whom to look, oldest first, and who is left out."""

    look: tuple[User, ...]
    left_out: tuple[LeftOut, ...] = ()

    def reported(
        self, roll: Roll, known: Mapping[UserRef, Standing]
    ) -> dict[str, tuple[ReportedKey, ...]]:
        """What only the report tells of the keys of those who are left out, and is new."""
        found = {}
        for one in self.left_out:
            reported = roll.reported(one.user) if one.row.source == "report" else None
            standing = known.get(one.user.ref)
            if reported is not None and (standing is None or standing.reported != reported.keys):
                found[one.user.user_id] = reported.keys
        return found


def shortlist(
    equipment: Equipment, policy: Policy, roll: Roll, standings: Sequence[Standing]
) -> Shortlist:
    """Part the users whom a sweep of a policy concerns, see `sorted_out`.

    Raises:
        StoreError: the store cannot be used.
    """
    parted = list(sorted_out(equipment, policy, roll, standings))
    return Shortlist(
        tuple(one for one in parted if isinstance(one, User)),
        tuple(one for one in parted if isinstance(one, LeftOut)),
    )


def sorted_out(
    equipment: Equipment, policy: Policy, roll: Roll, standings: Sequence[Standing]
) -> Iterator[User | LeftOut]:
    """The users whom a sweep of a policy concerns, one after the other, oldest keys first.

    Left out is only who was found idle when somebody looked last, and is found so again by the
    same judgement over what is on record and what the report says; or whose keys were never
    listed, and of whom the report says that they cannot be due.

    Raises:
        StoreError: the store cannot be used.
    """
    users, now = candidates(equipment, policy, roll, standings), equipment.clock()
    if roll.report is None or not is_of_use(policy, now - roll.report.generated_at):
        yield from users
        return
    sorting = _Sorting(
        equipment,
        policy,
        roll,
        roll.report.generated_at,
        {standing.user.ref: standing for standing in standings},
        frozenset(row.ref for row in equipment.store.open_orders()),
        equipment.store.holds(),
        now,
    )
    for user in users:
        yield sorting.left_out(user) or user


@dataclass(frozen=True, slots=True)
class _Sorting:
    equipment: Equipment
    policy: Policy
    roll: Roll
    generated_at: datetime
    standings: dict[UserRef, Standing]
    ordered: Collection[UserRef]
    holds: Holds
    now: datetime

    def left_out(self, user: User) -> LeftOut | None:
        """The user, if nothing can be to do for it; None where somebody has to look."""
        standing = self.standings.get(user.ref)
        before = standing.user if standing else None
        reported = self.roll.reported(user)
        if reported is None or user.ref in self.ordered or self._is_held(user):
            return None
        if standing is not None and not _was_idle(standing, self.now):
            return None
        if standing is None or before is None or before.source == "report" or before.as_of is None:
            return self._unseen(user, before, reported)
        keys = tuple(row.key for row in standing.keys if row.gone_at is None)
        is_newer = before.as_of >= self.generated_at
        if is_newer or agrees(reported, keys, before.reported):
            known = keys if is_newer else on_record(keys, reported, self.generated_at)
            return self._judged(user, standing, known, look_at=None)
        by_report = self._unseen(user, before, reported)
        by_record = self._judged(user, standing, keys, look_at=None)
        return by_report if by_record is not None else None

    def _is_held(self, user: User) -> bool:
        """Whether somebody holds this very user, which is told as it is met with."""
        hold = self.holds.on(user.ref, account=user.account, policy=self.policy.name)
        return hold is not None and hold.scope is Scope.USER

    def _unseen(self, user: User, before: UserRow | None, reported: ReportedUser) -> LeftOut | None:
        """One whose keys were never listed, or have changed since: to be looked at soon, once."""
        look_at = before.look_at if before is not None else None
        look_at = look_at or look_moment(user.user_id, self.now, self.policy)
        standing = self.standings.get(user.ref)
        keys = reported_keys(reported, self.generated_at)
        if look_at <= self.now:
            return None
        return self._judged(user, standing, keys, look_at=look_at)

    def _judged(
        self,
        user: User,
        standing: Standing | None,
        keys: Sequence[AccessKey],
        *,
        look_at: datetime | None,
    ) -> LeftOut | None:
        case = self._case(user, standing, keys)
        if case is None or (look_at is not None and wants_look(case)):
            return None
        action = judge(case)
        if not is_idle(case, action):
            return None
        return LeftOut(user, case, action, self._row(case, action, standing, look_at))

    def _case(
        self, user: User, standing: Standing | None, keys: Sequence[AccessKey]
    ) -> Case | None:
        """All that is known without asking; None where the places would have a say."""
        before = standing.user if standing else None
        selection = selection_of(self.equipment, user, self.now)
        if not isinstance(selection, Selected) or selection.policy != self.policy.name:
            return None
        configuration = self.equipment.configuration()
        case = Case(
            now=self.now,
            timing=configuration.timing,
            user=user,
            selection=selection,
            policy=self.policy,
            enforced=is_enforced(self.policy, user),
            listed_at=self.generated_at,
            users_listed_at=self.roll.listed_at,
            keys=tuple(keys),
            freezes=configuration.freezes,
            quarantined_since=quarantined_since(before, user, self.now),
        )
        has_places = standing is not None and bool(standing.places)
        return None if has_places and not case.active else case

    def _row(
        self,
        case: Case,
        action: Action,
        standing: Standing | None,
        look_at: datetime | None,
    ) -> UserRow:
        """The row that says so; how old the knowledge is, the survey of the account tells."""
        before = standing.user if standing else None
        row = standing_of(case, action, before)
        if before is None or before.as_of is None:
            return replace(row, source="report", as_of=self.generated_at, look_at=look_at)
        return replace(
            row,
            source=before.source,
            as_of=before.as_of,
            next_at=before.next_at,
            look_at=look_at,
            reported=before.reported,
        )


def _was_idle(standing: Standing, now: datetime) -> bool:
    """Whether whoever looked last found nothing to do, and nothing to come back for."""
    user = standing.user
    if standing.rotation is not None or user.blocked is not None or user.overdue:
        return False
    if user.missing_since is not None or user.next_at is not None:
        return False
    if user.look_at is not None and user.look_at <= now:
        return False
    if any(row.key.missing_since is not None and row.gone_at is None for row in standing.keys):
        return False
    return user.reason in _IDLE


_IDLE = frozenset({Reason.NOT_DUE, Reason.NO_KEY})
