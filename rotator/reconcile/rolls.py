"""The users of an account, listed completely, and shared for a few minutes by who asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from rotator.judgement.selection import needs_groups

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rotator.aws.accounts import Entered
    from rotator.model import User, UserRef
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

    def user(self, ref: UserRef) -> User | None:
        """The user of this UserId under its present name, or None where it is not listed."""
        return self.users.get(ref.user_id)

    def named(self, name: str) -> User | None:
        """The user of this name, exactly as IAM spells it."""
        return next((user for user in self.users.values() if user.name == name), None)


class Rolls:
    """The latest roll of each account."""

    def __init__(self, equipment: Equipment, *, records: bool = True) -> None:
        """`records`: who is missing is written to the store; `plan` only reads."""
        self._equipment = equipment
        self._records = records
        self._rolls: dict[str, Roll] = {}
        self._lock = Lock()

    def of(self, entered: Entered) -> Roll:
        """The roll of an account; listed anew where it is older than five minutes.

        Raises:
            ReadError: the listing broke off; nothing is concluded from a part of it.
        """
        now = self._equipment.clock()
        configuration = self._equipment.configuration()
        shared_for = min(FRESH_FOR, configuration.timing.settle)
        with self._lock:
            roll = self._rolls.get(entered.account_id)
        if roll is not None and now < roll.listed_at + shared_for:
            return roll
        users = entered.iam.users(groups=needs_groups(configuration.policies), tags=True)
        roll = Roll(
            account=entered.name,
            account_id=entered.account_id,
            listed_at=now,
            users={user.user_id: user for user in users},
        )
        if self._records:
            self._equipment.store.note_missing(entered.account_id, set(roll.users), at=now)
        with self._lock:
            self._rolls[entered.account_id] = roll
        return roll
