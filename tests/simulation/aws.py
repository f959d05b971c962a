"""IAM and STS as the product's adapter shows them: late, eventually consistent, and with a quota.

What is true is in `tests.simulation.account`; what AWS answers when it says no goes through the
adapter's own translation (`tests.simulation.recorded`), so that this cannot drift from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, cast

from rotator.aws.accounts import Entered, Identity
from rotator.aws.iam import Created
from rotator.aws.report import report_from
from rotator.errors import OutcomeUnknown, ReadError, Rejected
from rotator.model import KeyStatus, LastUse, ListedKey, NeverUsed, UsedAt, User, UseUnknown
from tests.simulation import recorded
from tests.simulation.account import ACCOUNT_ID, FakeAws, FakeKey
from tests.simulation.heard import Topic

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from rotator.aws.accounts import Accounts
    from rotator.judgement.members import Member
    from rotator.model import Account, Credential, Organization, Report, SigningKey

__all__ = ["ACCOUNT_ID", "FakeAccounts", "FakeAws", "FakeEntered", "FakeIam", "FakeKey"]

T = TypeVar("T")

CALLER = "arn:aws:sts::{}:assumed-role/rotator/rotator"


@dataclass
class FakeIam:
    """IAM as `rotator.aws.iam.Iam` shows it."""

    aws: FakeAws
    account: str = "prod"
    account_id: str = ACCOUNT_ID

    def turn(self) -> None:
        """Nobody has to wait."""

    def create_key(self, user_name: str | None, *, rotation_id: str = "") -> Created:
        doing = f"create an access key for user {self.account}/{user_name}"

        def act() -> Created:
            user = self._user(user_name, doing)
            if self.aws.counted(user.user_id) >= self.aws.quota:
                raise recorded.QUOTA.change(doing)
            made = self.aws.add_key(user)
            key = self.aws.keys[made.access_key_id]
            key.ours = True
            self._did("issue", key.key_id)
            return Created(made, key.created_at)

        return self._change("CreateAccessKey", doing, act)

    def set_status(self, user_name: str | None, key_id: str, status: KeyStatus) -> None:
        doing = f"set access key {key_id} to {status}"

        def act() -> None:
            self._key(user_name, key_id, doing)
            self.aws.switch(key_id, status)
            self._did("reactivate" if status is KeyStatus.ACTIVE else "deactivate", key_id)

        self._change("UpdateAccessKey", doing, act)
        self.aws.heard.hear_status(key_id, status, self.aws.clock())

    def delete_key(self, user_name: str | None, key_id: str) -> None:
        doing = f"delete access key {key_id}"

        def act() -> None:
            self._key(user_name, key_id, doing)
            self.aws.switch(key_id, None)
            self._did("delete", key_id)

        return self._change("DeleteAccessKey", doing, act)

    def list_keys(self, user_name: str | None) -> tuple[ListedKey, ...]:
        doing = f"list the access keys of user {self.account}/{user_name}"
        self._read("ListAccessKeys", doing, Topic.KEYS, user_name)
        if user_name in self.aws.bugs:
            raise ZeroDivisionError
        user = self._named(user_name)
        if user is None:
            raise recorded.no_user(user_name).read(doing)
        mine = [key for key in self.aws.keys.values() if key.user_id == user.user_id]
        listed = [ListedKey(k.key_id, s, k.created_at) for k in mine if (s := self._shown(k))]
        shown = tuple(sorted(listed, key=lambda key: (key.created_at, key.key_id)))
        self.aws.heard.hear_keys(self._life, user.user_id, shown, self.aws.clock())
        return shown

    def last_use(self, key_id: str) -> LastUse:
        self.aws.effects.life.check()
        self.aws.calls.append("GetAccessKeyLastUsed")
        self.aws.clock.advance(self.aws.slowness)
        found = self._last_use(key_id)
        why = found.why if isinstance(found, UseUnknown) else ""
        now = self.aws.clock()
        self.aws.heard.hear(self._life, Topic.USE, key_id, now, why=why, value=found)
        return found

    def get_user(self, user_name: str | None) -> User | None:
        doing = f"read user {self.account}/{user_name}"
        self._read("GetUser", doing, Topic.USER, user_name)
        found = self._named(user_name)
        if found is None:
            return None
        found = replace(found, groups=None, attached_policies=None)
        self.aws.heard.hear(self._life, Topic.USER, found.user_id, self.aws.clock(), value=found)
        return found

    def users(self, *, groups: bool, tags: bool) -> tuple[User, ...]:
        name = "GetAccountAuthorizationDetails"
        self._read(name, f"list the users of {self.account}", Topic.USER, None)
        users = tuple(map(_whole, self.aws.in_account(self.account, self.account_id)))
        if self.aws.details:
            return users
        found = (replace(u, attached_policies=None) for u in users)
        return tuple(u if groups else replace(u, groups=None) for u in found)

    def report(
        self,
        *,
        deadline: datetime,
        clock: Callable[[], datetime],
        pause: Callable[[float], None],
    ) -> Report:
        """As `ask_for_report` asks, and through the product's own reading of the CSV."""
        doing = f"read the credential report of {self.account}"
        if self.aws.report is None:
            raise recorded.denied("GenerateCredentialReport", CALLER).read(doing)
        self._read("GenerateCredentialReport", doing, Topic.USER, None)
        found = self.aws.report
        while True:
            if found.generate() == "COMPLETE":
                break
            if clock() > deadline:
                raise ReadError(f"could not {doing}", code="ReportInProgress")
            pause(1.0)
        made = found.get()
        return report_from(made.content.encode(), made.generated_at)

    @property
    def _life(self) -> str:
        return self.aws.effects.life.name

    def _did(self, step: str, key_id: str) -> None:
        self.aws.executed.append((step, key_id, self.aws.clock()))

    def _shown(self, key: FakeKey) -> KeyStatus | None:
        """The status of a key in one listing; None where this one lacks it."""
        stale = self.aws.list_lag + self.aws.lateness.listing()
        return key.at(self.aws.clock() - stale)

    def _last_use(self, key_id: str) -> LastUse:
        doing = f"read the last use of access key {key_id}"
        if key_id in self.aws.unknown_uses or self._is_one_too_many("GetAccessKeyLastUsed"):
            return UseUnknown(str(recorded.THROTTLING.read(doing)))
        if (answer := self.aws.failing.get("GetAccessKeyLastUsed")) is not None:
            return UseUnknown(str(answer.read(doing)))
        key = self.aws.keys.get(key_id)
        if key is None or key.status is None:
            caller = CALLER.format(self.account_id)
            return UseUnknown(str(recorded.use_denied(key_id, caller).read(doing)))
        shown = self.aws.shown_use(key_id)
        return UsedAt(shown, "s3", "eu-north-1") if shown else NeverUsed()

    def _named(self, name: str | None) -> User | None:
        users = self.aws.in_account(self.account, self.account_id)
        return next((user for user in users if user.name == name), None)

    def _user(self, name: str | None, doing: str) -> User:
        users = [user for user in self.aws.users.values() if user.account_id == self.account_id]
        user = next((user for user in users if user.name == name), None)
        if user is None:
            raise recorded.no_user(name).change(doing)
        return user

    def _key(self, name: str | None, key_id: str, doing: str) -> FakeKey:
        key, user = self.aws.keys[key_id], self._user(name, doing)
        if key.status is None or key.user_id != user.user_id:
            raise recorded.no_key(key_id).change(doing)
        return key

    def _read(self, name: str, doing: str, topic: Topic, about: str | None) -> None:
        """One request that reads.

        Raises:
            ReadError: it is not answered; whoever is meant is told of it.
        """
        self.aws.effects.life.check()
        self.aws.calls.append(name)
        self.aws.clock.advance(self.aws.slowness)
        error = self._unread(name, doing)
        if error is None:
            return
        now, why = self.aws.clock(), str(error)
        for user in self.aws.users.values():
            if about in {None, user.name}:
                self.aws.heard.hear(self._life, topic, user.user_id, now, why=why)
        raise error

    def _unread(self, name: str, doing: str) -> ReadError | None:
        if self.aws.unreadable:
            return ReadError(self.aws.unreadable, code="ServiceUnavailable")
        if self._is_one_too_many(name):
            return recorded.THROTTLING.read(doing)
        answer = self.aws.failing.get(name)
        return answer.read(doing) if answer is not None else None

    def _is_one_too_many(self, name: str) -> bool:
        left = self.aws.busy.get(name, 0)
        if left:
            self.aws.busy[name] = left - 1
        return left > 0 or self.aws.lateness.is_throttled()

    def _change(self, name: str, doing: str, act: Callable[[], T]) -> T:
        self.aws.calls.append(name)
        left = self.aws.busy.get(name, 0)
        if left:
            self.aws.busy[name] = left - 1
            raise recorded.THROTTLING.change(doing)
        if (answer := self.aws.failing.get(name)) is not None:
            raise answer.change(doing)
        return self.aws.effects.run(name, act, lost=OutcomeUnknown, rejected=Rejected)


def _whole(user: User) -> User:
    """A user as the account's details show it: no group is a fact there, and not unknown."""
    return replace(
        user,
        groups=user.groups or frozenset(),
        attached_policies=user.attached_policies or frozenset(),
    )


@dataclass
class FakeEntered:
    """An entered account as `rotator.aws.accounts.Entered` shows it."""

    aws: FakeAws
    iam: FakeIam
    name: str = "prod"
    account_id: str = ACCOUNT_ID
    caller_arn: str = CALLER.format(ACCOUNT_ID)
    partition: str = "aws"
    region: str = "eu-north-1"

    def skew(self) -> timedelta | None:
        """How far AWS's clock is ahead of the clock of the process that acts."""
        life = self.aws.effects.life
        skew = self.aws.skew - life.clock_ahead
        self.aws.heard.hear(life.name, Topic.CLOCK, "", self.aws.clock(), value=skew)
        return skew

    def prove(self, credential: Credential) -> Identity:
        def act() -> Identity:
            key = self.aws.keys[credential.access_key_id]
            if answer := self._refusal(key, credential):
                raise answer.read(f"prove access key {key.key_id}")
            arn = f"arn:aws:iam::{ACCOUNT_ID}:user/{credential.user_name}"
            return Identity(ACCOUNT_ID, self.aws.impostor or key.user_id, arn)

        self.aws.calls.append("GetCallerIdentity")
        return self.aws.effects.run("prove", act, lost=ReadError, rejected=ReadError)

    def client(self, service: str, region: str | None = None) -> object:
        raise AssertionError(f"no sink of this world asks for {service}")

    def _refusal(self, key: FakeKey, credential: Credential) -> recorded.Answer | None:
        late, now = self.aws.lateness, self.aws.clock()
        delay, region = self.aws.new_key_delay, self.region
        if not late.knows(key.created_at, now, after=delay, region=region):
            return recorded.KEY_UNKNOWN_TO_STS
        if credential.secret_access_key.reveal() != key.secret:
            return recorded.WRONG_SECRET
        return None if self.aws.use(key.key_id) else recorded.KEY_UNKNOWN_TO_STS


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
        caller = CALLER.format(account_id)
        return cast("Entered", FakeEntered(self.aws, iam, account.name, account_id, caller))

    def members(
        self, organization: Organization, *, tags: bool
    ) -> tuple[tuple[Member, ...], Identity]:
        self.aws.calls.append("ListAccounts")
        if self.aws.members is None:
            raise recorded.denied("organizations:ListAccounts", CALLER).read(
                f"list the accounts of organization {organization.name}"
            )
        found = tuple(one if tags else replace(one, tags=None) for one in self.aws.members)
        return found, Identity(ACCOUNT_ID, "AROA:rotator", CALLER.format(ACCOUNT_ID))

    def signing(self) -> tuple[SigningKey, ...]:
        return self.signs_with

    @classmethod
    def over(cls, aws: FakeAws, names: Callable[[], list[str]] = list) -> Accounts:
        """What equipment holds; `names` are those of the configured accounts."""
        return cast("Accounts", cls(aws, names=names))
