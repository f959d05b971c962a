"""One AWS account as it truly is: its users and keys, what people do to them, and what is recorded.

What IAM shows of it, and how late, is in `tests.simulation.aws`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rotator.model import KEYS_MAX, Credential, KeyStatus, Secret, User
from tests.simulation import recorded
from tests.simulation.heard import Heard
from tests.simulation.lateness import Lateness

if TYPE_CHECKING:
    from rotator.judgement.members import Member
    from tests.simulation.faults import Effects
    from tests.simulation.report import CredentialReport
    from tests.sinks.fakes import FakeClock

__all__ = ["ACCOUNT_ID", "GRAIN", "FakeAws", "FakeKey", "Users"]

ACCOUNT_ID = "111122223333"
GRAIN = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class FakeKey:
    """One key as it truly is.

    Attributes:
        history: every status it had, with when; None from its deletion on.
        uses: when it was used, one in a grain, as IAM records them.
        ours: whether a call of ours made it.
    """

    key_id: str
    secret: str
    user_id: str
    created_at: datetime
    history: list[tuple[datetime, KeyStatus | None]]
    uses: list[datetime] = field(default_factory=list)
    ours: bool = False

    @property
    def status(self) -> KeyStatus | None:
        """Its status; None where it was deleted."""
        return self.history[-1][1]

    @property
    def since(self) -> datetime:
        """Since when it has this status."""
        return self.history[-1][0]

    def at(self, moment: datetime) -> KeyStatus | None:
        """Its status at a moment; None where it did not exist."""
        known = [status for since, status in self.history if since <= moment]
        return known[-1] if known else None

    def works(self, now: datetime, *, still: timedelta) -> bool:
        """Whether AWS accepts it, where a key that is switched off works `still` for a while."""
        if self.status is KeyStatus.ACTIVE:
            return True
        return bool(still) and now < self.since + still and self._before() is KeyStatus.ACTIVE

    def record(self, now: datetime, *, aligned: bool) -> None:
        """IAM records a use: of several in one span of 15 minutes, the first."""
        if self.uses and (
            (self.uses[-1] - EPOCH) // GRAIN == (now - EPOCH) // GRAIN
            if aligned
            else now < self.uses[-1] + GRAIN
        ):
            return
        self.uses.append(now)

    def _before(self) -> KeyStatus | None:
        return self.history[-2][1] if len(self.history) > 1 else None


class Users(dict[str, User]):
    """The users by UserId, and who they were before."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self._history: dict[str, list[tuple[datetime, User | None]]] = {}

    def __setitem__(self, user_id: str, user: User) -> None:
        super().__setitem__(user_id, user)
        self._history.setdefault(user_id, []).append((self._clock(), user))

    def __delitem__(self, user_id: str) -> None:
        super().__delitem__(user_id)
        self._history[user_id].append((self._clock(), None))

    def at(self, moment: datetime) -> list[User]:
        """The users as they were at a moment."""
        found = []
        for past in self._history.values():
            place = bisect_right(past, moment, key=lambda entry: entry[0])
            if place and (user := past[place - 1][1]):
                found.append(user)
        return found


@dataclass
class FakeAws:
    """One account: users, keys, and how late its answers are.

    Attributes:
        list_lag: how old the listings of keys are that it gives.
        use_lag: how late a use is shown.
        new_key_delay: how long a new key is unknown to STS.
        lateness: what else is late, and differs from one answer to the next; nothing by default.
        aligned_grain: whether the spans in which one use is recorded are quarters of an hour by
            the clock, instead of beginning with a use. AWS does not say which.
        unknown_uses: keys whose last use cannot be read now.
        unreadable: why nothing can be read now; empty where it can.
        failing: calls by name, and how AWS answers each of them now.
        busy: calls by name, and how many of the next ones are refused as too many.
        slowness: how long each look takes that IAM is asked for.
        bugs: names of users who cannot be looked at for a mistake of ours.
        impostor: the UserId that STS says each key belongs to; empty: its own.
        quota: how many keys a user may have.
        skew: how far the `Date` of AWS's answers is ahead of true time.
        ids: the account behind each configured name; `ACCOUNT_ID` where none is given.
        refused: names of accounts whose role cannot be assumed now.
        executed: what our calls changed: step, key id and when, in order.
        calls: every call by name, in order.
        heard: what each process was told.
        report: the credential report; None: it is forbidden here.
        members: the accounts of the organization; None: it may not be listed.
        details: whether GetAccountAuthorizationDetails is allowed.
    """

    clock: FakeClock
    effects: Effects
    users: dict[str, User] = field(default_factory=dict)
    keys: dict[str, FakeKey] = field(default_factory=dict)
    list_lag: timedelta = timedelta(0)
    use_lag: timedelta = timedelta(minutes=20)
    new_key_delay: timedelta = timedelta(seconds=8)
    lateness: Lateness = field(default_factory=Lateness)
    aligned_grain: bool = False
    unknown_uses: set[str] = field(default_factory=set)
    unreadable: str = ""
    failing: dict[str, recorded.Answer] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)
    slowness: timedelta = timedelta(0)
    bugs: set[str] = field(default_factory=set)
    impostor: str = ""
    quota: int = KEYS_MAX
    skew: timedelta = timedelta(0)
    ids: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    executed: list[tuple[str, str, datetime]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    heard: Heard = field(default_factory=Heard)
    report: CredentialReport | None = None
    details: bool = True
    members: list[Member] | None = None

    def __post_init__(self) -> None:
        self.users = Users(self.clock)

    # What people do

    def add_user(self, name: str, *, user_id: str = "", account_id: str = ACCOUNT_ID) -> User:
        """Somebody makes a user; a name that is free again is another user's, by its UserId.

        Raises:
            ClientError: the name is taken, whatever its case.
        """
        taken = {user.name.lower() for user in self.users.values() if user.account_id == account_id}
        if name.lower() in taken:
            raise recorded.name_taken(name).error("CreateUser")
        user_id = user_id or self._new_user_id(name)
        user = User(
            "prod",
            account_id,
            user_id,
            name,
            arn=f"arn:aws:iam::{account_id}:user/{name}",
            created_at=self.clock().replace(microsecond=0),
        )
        self.users[user_id] = user
        return user

    def add_key(
        self, user: User, *, age: timedelta = timedelta(0), status: KeyStatus = KeyStatus.ACTIVE
    ) -> Credential:
        """A key comes to be, whoever asked for it, and however many there are."""
        number = len(self.keys) + 1
        created_at = (self.clock() - age).replace(microsecond=0)
        key = FakeKey(
            f"AKIAIOSFODNN7EXAM{number:03}",
            f"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLE{number:03}",
            user.user_id,
            created_at,
            [(created_at, status)],
        )
        self.keys[key.key_id] = key
        return Credential(key.key_id, Secret(key.secret), user.name, ACCOUNT_ID)

    def switch(self, key_id: str, status: KeyStatus | None) -> None:
        """A key's status changes, whoever asked for it; None deletes it."""
        self.keys[key_id].history.append((self.clock(), status))

    def use(self, key_id: str) -> bool:
        """Somebody signs a call with a key; whether AWS accepted it."""
        key, now = self.keys[key_id], self.clock()
        if not key.works(now, still=self.lateness.dead_keys):
            return False
        key.record(now, aligned=self.aligned_grain)
        return True

    def delete_user(self, user: User) -> None:
        """Somebody deletes a user with all of its keys."""
        for key in self.keys_of(user.user_id):
            self.switch(key.key_id, None)
        self.delete_empty_user(user)

    def delete_empty_user(self, user: User) -> None:
        """Somebody asks IAM to delete a user.

        Raises:
            ClientError: it has keys; IAM deletes none by the way.
        """
        if self.keys_of(user.user_id):
            raise recorded.user_has_keys(user.name).error("DeleteUser")
        del self.users[user.user_id]

    def rename(self, user: User, name: str) -> User:
        """Somebody renames a user; its UserId and keys stay."""
        self.users[user.user_id] = replace(self.users[user.user_id], name=name)
        return self.users[user.user_id]

    # What is so

    def keys_of(self, user_id: str) -> list[FakeKey]:
        """The keys that a user truly has, oldest first."""
        mine = [key for key in self.keys.values() if key.user_id == user_id and key.status]
        return sorted(mine, key=lambda key: key.created_at)

    def counted(self, user_id: str) -> int:
        """How many keys the quota sees: a key of just now may be overlooked."""
        seen_until = self.clock() - self.lateness.quota
        keys = self.keys_of(user_id)
        if not self.lateness.quota:
            return len(keys)
        return sum(key.history[0][0] <= seen_until for key in keys)

    def in_account(self, account: str, account_id: str) -> list[User]:
        """The users of an account, as whoever calls it by this name sees them."""
        stale = self.lateness.user()
        users = self.users.values()
        if stale and isinstance(self.users, Users):
            users = self.users.at(self.clock() - stale)  # type: ignore[assignment]  # both are users
        return [replace(user, account=account) for user in users if user.account_id == account_id]

    def shown_use(self, key_id: str) -> datetime | None:
        """The last use of a key that IAM shows by now."""
        until = self.clock() - self.use_lag
        return next((at for at in reversed(self.keys[key_id].uses) if at <= until), None)

    def secrets(self) -> list[str]:
        """Every secret that there ever was."""
        return [key.secret for key in self.keys.values()]

    def _new_user_id(self, name: str) -> str:
        """A UserId that nobody ever had: of a name that is used again it is another."""
        user_id = f"AIDA{name.upper()}"
        had = {key.user_id for key in self.keys.values()} | set(self.users)
        while user_id in had:
            user_id += "X"
        return user_id
