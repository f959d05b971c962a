"""The users of an account, listed completely, and shared for a few minutes by who asks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from rotator.events import Event
from rotator.judgement.selection import needs_groups, needs_tags
from rotator.reconcile.reports import Reports

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from rotator.aws.accounts import Entered
    from rotator.model import Policy, Report, ReportedUser, User, UserRef
    from rotator.reconcile.equipment import Equipment

__all__ = ["Roll", "Rolls"]

FRESH_FOR = timedelta(minutes=5)
"""How long a listing of an account's users is shared by the sweeps of that account."""


@dataclass(frozen=True, slots=True)
class Roll:
    """Every user of one account at one moment; a listing that broke off never becomes one."""

    account: str
    account_id: str
    listed_at: datetime
    users: Mapping[str, User] = field(default_factory=dict)
    report: Report | None = None
    why_no_report: str = ""

    def user(self, ref: UserRef) -> User | None:
        """The user of this UserId under its present name, or None where it is not listed."""
        return self.users.get(ref.user_id)

    def named(self, name: str) -> User | None:
        """The user of this name, exactly as IAM spells it."""
        return next((user for user in self.users.values() if user.name == name), None)

    def reported(self, user: User) -> ReportedUser | None:
        """What the credential report says of this very user; None where it says nothing.

        One of the same name who was made after the report is another user.
        """
        found = self.report.users.get(user.name) if self.report else None
        if found is None or found.arn != user.arn:
            return None
        made_at = user.created_at
        is_another = made_at is not None and made_at.replace(microsecond=0) != found.created_at
        return None if is_another else found


class Rolls:
    """The latest roll of each account, and with it the credential report that was had last."""

    def __init__(self, equipment: Equipment, *, records: bool = True) -> None:
        """`records`: who is missing is written to the store; `plan` only reads."""
        self._equipment = equipment
        self._records = records
        self._reports = Reports(equipment)
        self._rolls: dict[str, Roll] = {}
        self._locks: dict[str, Lock] = defaultdict(Lock)
        self._unwatched: set[str] = set()

    def of(self, entered: Entered) -> Roll:
        """The roll of an account; listed anew where it is older than five minutes.

        Raises:
            ReadError: the listing broke off; nothing is concluded from a part of it.
        """
        with self._locks[entered.account_id]:
            roll = self._rolls.get(entered.account_id)
            if roll is None or not self._is_fresh(roll):
                roll = self._list(entered)
                self._rolls[entered.account_id] = roll
        report, why = self._reports.kept(entered.account_id)
        return replace(roll, report=report, why_no_report=why)

    def surveyed(self, entered: Entered, policy: Policy) -> Roll:
        """The same, with as new a credential report as the sweep of a policy may go by.

        Raises:
            ReadError: as above. That there is no report is none: then everybody is looked at.
        """
        self._reports.renew(entered, policy)
        return self.of(entered)

    def _is_fresh(self, roll: Roll) -> bool:
        shared_for = min(FRESH_FOR, self._equipment.configuration().timing.settle)
        return self._equipment.clock() < roll.listed_at + shared_for

    def _list(self, entered: Entered) -> Roll:
        now, configuration = self._equipment.clock(), self._equipment.configuration()
        policies = configuration.policies
        users = entered.iam.users(groups=needs_groups(policies), tags=needs_tags(policies))
        self._tell_unwatched(entered.name, users)
        roll = Roll(
            account=entered.name,
            account_id=entered.account_id,
            listed_at=now,
            users={user.user_id: user for user in users},
        )
        if self._records:
            self._equipment.store.note_missing(entered.account_id, set(roll.users), at=now)
        return roll

    def _tell_unwatched(self, account: str, users: Iterable[User]) -> None:
        """Say once of an account that nobody would see AWS quarantine a user in it."""
        is_watched = all(user.attached_policies is not None for user in users)
        if is_watched or not self._records:
            self._unwatched.discard(account)
        elif account not in self._unwatched:
            self._unwatched.add(account)
            self._equipment.emit(Event.ACCOUNT_UNWATCHED, account=account)
