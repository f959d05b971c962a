"""An IAM in memory that behaves as AWS's does: late, eventually consistent, and with a quota."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar, cast

from rotator.aws.accounts import Entered, Identity
from rotator.aws.iam import Created
from rotator.errors import OutcomeUnknown, ReadError, Rejected
from rotator.model import (
    KEYS_MAX,
    Credential,
    KeyStatus,
    LastUse,
    ListedKey,
    NeverUsed,
    Secret,
    UsedAt,
    User,
    UseUnknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rotator.aws.accounts import Accounts
    from rotator.model import Account, SigningKey
    from tests.simulation.faults import Effects
    from tests.sinks.fakes import FakeClock

__all__ = ["ACCOUNT_ID", "FakeAccounts", "FakeAws", "FakeKey"]

T = TypeVar("T")

ACCOUNT_ID = "111122223333"
GRAIN = timedelta(minutes=15)


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

    def at(self, moment: datetime) -> KeyStatus | None:
        """Its status at a moment; None where it did not exist."""
        known = [status for since, status in self.history if since <= moment]
        return known[-1] if known else None


@dataclass
class FakeAws:
    """One account: users, keys, and how late its answers are.

    Attributes:
        list_lag: how old the listings of keys are that it gives.
        use_lag: how late a use is shown.
        new_key_delay: how long a new key is unknown to STS.
        unknown_uses: keys whose last use cannot be read now.
        unreadable: why nothing can be read now; empty where it can.
        slowness: how long each look takes that IAM is asked for.
        bugs: names of users who cannot be looked at for a mistake of ours.
        impostor: the UserId that STS says each key belongs to; empty: its own.
        quota: how many keys a user may have.
        ids: the account behind each configured name; `ACCOUNT_ID` where none is given.
        refused: names of accounts whose role cannot be assumed now.
        executed: what our calls changed: step, key id and when, in order.
        calls: every call by name, in order.
    """

    clock: FakeClock
    effects: Effects
    users: dict[str, User] = field(default_factory=dict)
    keys: dict[str, FakeKey] = field(default_factory=dict)
    list_lag: timedelta = timedelta(0)
    use_lag: timedelta = timedelta(minutes=20)
    new_key_delay: timedelta = timedelta(seconds=8)
    unknown_uses: set[str] = field(default_factory=set)
    unreadable: str = ""
    slowness: timedelta = timedelta(0)
    bugs: set[str] = field(default_factory=set)
    impostor: str = ""
    quota: int = KEYS_MAX
    skew: timedelta = timedelta(0)
    ids: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    executed: list[tuple[str, str, datetime]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    # What people do

    def add_user(self, name: str, *, user_id: str = "", account_id: str = ACCOUNT_ID) -> User:
        """Somebody makes a user."""
        user_id = user_id or f"AIDA{name.upper()}"
        user = User("prod", account_id, user_id, name, arn=f"arn:aws:iam::{account_id}:user/{name}")
        self.users[user_id] = user
        return user

    def add_key(
        self, user: User, *, age: timedelta = timedelta(0), status: KeyStatus = KeyStatus.ACTIVE
    ) -> Credential:
        """A key comes to be, whoever asked for it."""
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
        key = self.keys[key_id]
        if key.status is not KeyStatus.ACTIVE:
            return False
        if not key.uses or key.uses[-1] + GRAIN <= self.clock():
            key.uses.append(self.clock())
        return True

    def delete_user(self, user: User) -> None:
        """Somebody deletes a user with all of its keys."""
        del self.users[user.user_id]
        for key in self.keys_of(user.user_id):
            self.switch(key.key_id, None)

    def rename(self, user: User, name: str) -> User:
        """Somebody renames a user."""
        self.users[user.user_id] = replace(self.users[user.user_id], name=name)
        return self.users[user.user_id]

    # What is so

    def keys_of(self, user_id: str) -> list[FakeKey]:
        """The keys that a user truly has, oldest first."""
        mine = [key for key in self.keys.values() if key.user_id == user_id and key.status]
        return sorted(mine, key=lambda key: key.created_at)

    def in_account(self, account: str, account_id: str) -> list[User]:
        """The users of an account, as whoever calls it by this name sees them."""
        mine = [user for user in self.users.values() if user.account_id == account_id]
        return [replace(user, account=account) for user in mine]

    def secrets(self) -> list[str]:
        """Every secret that there ever was."""
        return [key.secret for key in self.keys.values()]


@dataclass
class FakeIam:
    """IAM as `rotator.aws.iam.Iam` shows it."""

    aws: FakeAws
    account: str = "prod"
    account_id: str = ACCOUNT_ID

    def turn(self) -> None:
        """Nobody has to wait."""

    def create_key(self, user_name: str | None, *, rotation_id: str = "") -> Created:
        def act() -> Created:
            user = self._user(user_name)
            if len(self.aws.keys_of(user.user_id)) >= self.aws.quota:
                raise Rejected("the quota is used up", code="LimitExceeded")
            made = self.aws.add_key(user)
            key = self.aws.keys[made.access_key_id]
            key.ours = True
            self.aws.executed.append(("issue", key.key_id, self.aws.clock()))
            return Created(made, key.created_at)

        return self._change("CreateAccessKey", act)

    def set_status(self, user_name: str | None, key_id: str, status: KeyStatus) -> None:
        def act() -> None:
            self._key(user_name, key_id)
            step = "reactivate" if status is KeyStatus.ACTIVE else "deactivate"
            self.aws.switch(key_id, status)
            self.aws.executed.append((step, key_id, self.aws.clock()))

        return self._change("UpdateAccessKey", act)

    def delete_key(self, user_name: str | None, key_id: str) -> None:
        def act() -> None:
            self._key(user_name, key_id)
            self.aws.switch(key_id, None)
            self.aws.executed.append(("delete", key_id, self.aws.clock()))

        return self._change("DeleteAccessKey", act)

    def list_keys(self, user_name: str | None) -> tuple[ListedKey, ...]:
        self._read("ListAccessKeys")
        if user_name in self.aws.bugs:
            raise ZeroDivisionError
        user = self._named(user_name)
        if user is None:
            raise ReadError(f"no user {user_name}", code="NoSuchEntity")
        moment = self.aws.clock() - self.aws.list_lag
        mine = [key for key in self.aws.keys.values() if key.user_id == user.user_id]
        listed = [ListedKey(k.key_id, s, k.created_at) for k in mine if (s := k.at(moment))]
        return tuple(sorted(listed, key=lambda key: (key.created_at, key.key_id)))

    def last_use(self, key_id: str) -> LastUse:
        self.aws.calls.append("GetAccessKeyLastUsed")
        self.aws.clock.advance(self.aws.slowness)
        if key_id in self.aws.unknown_uses:
            return UseUnknown("throttled")
        shown = [
            at for at in self.aws.keys[key_id].uses if at + self.aws.use_lag <= self.aws.clock()
        ]
        return UsedAt(shown[-1], "s3", "eu-north-1") if shown else NeverUsed()

    def get_user(self, user_name: str | None) -> User | None:
        self._read("GetUser")
        return self._named(user_name)

    def users(self, *, groups: bool, tags: bool) -> tuple[User, ...]:
        self._read("GetAccountAuthorizationDetails")
        return tuple(self.aws.in_account(self.account, self.account_id))

    def _named(self, name: str | None) -> User | None:
        users = self.aws.in_account(self.account, self.account_id)
        return next((user for user in users if user.name == name), None)

    def _user(self, name: str | None) -> User:
        user = self._named(name)
        if user is None:
            raise Rejected(f"no user {name}", code="NoSuchEntity")
        return user

    def _key(self, name: str | None, key_id: str) -> FakeKey:
        key = self.aws.keys[key_id]
        if key.status is None or key.user_id != self._user(name).user_id:
            raise Rejected(f"no key {key_id}", code="NoSuchEntity")
        return key

    def _read(self, name: str) -> None:
        self.aws.effects.life.check()
        self.aws.calls.append(name)
        self.aws.clock.advance(self.aws.slowness)
        if self.aws.unreadable:
            raise ReadError(self.aws.unreadable, code="ServiceUnavailable")

    def _change(self, name: str, act: Callable[[], T]) -> T:
        self.aws.calls.append(name)
        return self.aws.effects.run(name, act, lost=OutcomeUnknown, rejected=Rejected)


@dataclass
class FakeEntered:
    """An entered account as `rotator.aws.accounts.Entered` shows it."""

    aws: FakeAws
    iam: FakeIam
    name: str = "prod"
    account_id: str = ACCOUNT_ID
    caller_arn: str = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/rotator/rotator"
    partition: str = "aws"
    region: str = "eu-north-1"

    def skew(self) -> timedelta | None:
        return self.aws.skew

    def prove(self, credential: Credential) -> Identity:
        def act() -> Identity:
            key = self.aws.keys[credential.access_key_id]
            is_known = key.created_at + self.aws.new_key_delay <= self.aws.clock()
            right = credential.secret_access_key.reveal() == key.secret
            if not (is_known and right and self.aws.use(key.key_id)):
                raise ReadError("unknown to STS", code="InvalidClientTokenId")
            arn = f"arn:aws:iam::{ACCOUNT_ID}:user/{credential.user_name}"
            return Identity(ACCOUNT_ID, self.aws.impostor or key.user_id, arn)

        self.aws.calls.append("GetCallerIdentity")
        return self.aws.effects.run("prove", act, lost=ReadError, rejected=ReadError)

    def client(self, service: str, region: str | None = None) -> object:
        raise AssertionError(f"no sink of this world asks for {service}")


@dataclass
class FakeAccounts:
    """Enters accounts by their names, and refuses two names of one id as the real ones do.

    `signs_with` are the keys of users that sign the calls of this process.
    """

    aws: FakeAws
    signs_with: tuple[SigningKey, ...] = ()
    names: Callable[[], list[str]] = list

    def enter(self, account: Account) -> Entered:
        if self.aws.unreadable:
            raise ReadError(self.aws.unreadable, code="ServiceUnavailable")
        if account.name in self.aws.refused:
            raise ReadError(f"account {account.name}: no such role", code="AccessDenied")
        account_id = self.aws.ids.get(account.name, ACCOUNT_ID)
        ids = [self.aws.ids.get(name, ACCOUNT_ID) for name in self.names()]
        if ids.count(account_id) > 1:
            raise ReadError(f"two names are both account {account_id}")
        iam = FakeIam(self.aws, account.name, account_id)
        caller = f"arn:aws:sts::{account_id}:assumed-role/rotator/rotator"
        return cast("Entered", FakeEntered(self.aws, iam, account.name, account_id, caller))

    def signing(self) -> tuple[SigningKey, ...]:
        return self.signs_with

    @classmethod
    def over(cls, aws: FakeAws, names: Callable[[], list[str]] = list) -> Accounts:
        """What equipment holds; `names` are those of the configured accounts."""
        return cast("Accounts", cls(aws, names=names))
