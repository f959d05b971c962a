"""IAM's access keys: all that AWS's guide "Managing access keys for IAM users" shows.

Requests that change something go out once, through a client of their own; those that only read
may be repeated. Where a user name is None, IAM takes the user whose key signs the request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rotator.aws import listing
from rotator.aws.report import ask_for_report
from rotator.errors import AccessDenied, ReadError, Rejected
from rotator.model import Credential, LastUse, NeverUsed, Secret, UsedAt, UseUnknown, mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from mypy_boto3_iam import IAMClient

    from rotator.aws.wire import Tap
    from rotator.model import KeyStatus, ListedKey, Report, User

__all__ = ["Created", "Iam"]

PAGE_MAX = 1000
"""The largest page that IAM gives (IAM API Reference, MaxItems)."""

GONE = "NoSuchEntity"


@dataclass(frozen=True, slots=True)
class Created:
    """A key that IAM has just made: its secret is in no other place than here."""

    credential: Credential
    created_at: datetime


class Iam:
    """The access keys and the users of one account.

    `writer` sends once; `reader` may repeat, for less time than a lease lasts, and `lister`, which
    lists the whole account, for longer. `caller` is the name of the IAM user who signs, and
    None where a role does.
    """

    def __init__(
        self,
        account: str,
        account_id: str,
        *,
        writer: Tap[IAMClient],
        reader: Tap[IAMClient],
        lister: Tap[IAMClient],
        caller: str | None,
    ) -> None:
        self._account = account
        self._account_id = account_id
        self._writer = writer
        self._reader = reader
        self._lister = lister
        self._caller = caller

    def turn(self) -> None:
        """Wait until the account's pace lets one more change go.

        To be called before the intent is committed, since between that and the request nothing
        may wait: `create_key`, `set_status` and `delete_key` send at once.
        """
        self._writer.turn()

    def create_key(self, user_name: str | None, *, rotation_id: str = "") -> Created:
        """Make a key; the request is sent exactly once, whatever AWS_RETRY_MODE and others say.

        IAM knows no idempotency token: sent twice, it makes two keys and the secret of the first
        is lost. `rotation_id` goes into the user agent, where CloudTrail shows it.

        Raises:
            Rejected: no key was made; `LimitExceeded` where the user has two.
            OutcomeUnknown: a key may have been made, and its secret is lost.
        """
        client = self._writer.client

        def request() -> Created:
            if user_name is None:
                return self._created(client.create_access_key())
            return self._created(client.create_access_key(UserName=user_name), user_name)

        agent = f"rotation/{rotation_id}" if rotation_id else ""
        doing = f"create an access key for {self._whose(user_name)}"
        self._may_be_unnamed(user_name, doing)
        return self._writer.changed(request, doing, agent=agent)

    def set_status(self, user_name: str | None, key_id: str, status: KeyStatus) -> None:
        """Switch a key on or off; doing it twice is doing it once.

        Raises:
            Rejected: nothing was changed.
            OutcomeUnknown: it may have been changed.
        """
        client = self._writer.client

        def request() -> None:
            if user_name is None:
                answer = client.update_access_key(AccessKeyId=key_id, Status=status.value)
            else:
                answer = client.update_access_key(
                    UserName=user_name, AccessKeyId=key_id, Status=status.value
                )
            _is_from_iam(answer)

        doing = f"set access key {mask(key_id)} of {self._whose(user_name)} to {status.value}"
        self._may_be_unnamed(user_name, doing)
        self._writer.changed(request, doing)

    def delete_key(self, user_name: str | None, key_id: str) -> None:
        """Delete a key, for good.

        Raises:
            Rejected: nothing was deleted; with the code `NoSuchEntity` the user or the key is not
                there, or the user has another name by now: only a listing tells which.
            OutcomeUnknown: it may have been deleted.
        """
        client = self._writer.client

        def request() -> None:
            if user_name is None:
                answer = client.delete_access_key(AccessKeyId=key_id)
            else:
                answer = client.delete_access_key(UserName=user_name, AccessKeyId=key_id)
            _is_from_iam(answer)

        doing = f"delete access key {mask(key_id)} of {self._whose(user_name)}"
        self._may_be_unnamed(user_name, doing)
        self._writer.changed(request, doing)

    def list_keys(self, user_name: str | None) -> tuple[ListedKey, ...]:
        """All keys of a user, oldest first; empty where the user has none.

        Raises:
            ReadError: the listing could not be read to its end, or not be understood.
        """
        paginator = self._reader.client.get_paginator("list_access_keys")

        def request() -> tuple[ListedKey, ...]:
            found = paginator.paginate(UserName=user_name) if user_name else paginator.paginate()
            entries = listing.pages(found, "AccessKeyMetadata")
            keys = [listing.listed_key(listing.of_user(entry, user_name)) for entry in entries]
            if len({key.key_id for key in keys}) != len(keys):
                raise ReadError("the answer of AWS lists an access key twice")
            return tuple(sorted(keys, key=lambda key: (key.created_at, key.key_id)))

        doing = f"list the access keys of {self._whose(user_name)}"
        self._may_be_read_unnamed(user_name, doing)
        return self._reader.read(request, doing)

    def last_use(self, key_id: str) -> LastUse:
        """When a key was last used, as far as IAM has recorded it; a failure is UseUnknown.

        AWS answers AccessDenied for a key that it does not know, so that too is no "never".
        """
        client = self._reader.client

        def request() -> LastUse:
            answer = client.get_access_key_last_used(AccessKeyId=key_id)
            return _last_use(answer.get("AccessKeyLastUsed", {}))

        try:
            return self._reader.read(request, f"read the last use of access key {mask(key_id)}")
        except ReadError as exc:
            return UseUnknown(str(exc))

    def owner_of(self, key_id: str) -> str | None:
        """The name of the user whose key it is; None where IAM does not say that it knows it.

        AWS answers AccessDenied for a key that it does not know, as it does where asking is
        forbidden.

        Raises:
            ReadError: no answer that says either.
        """
        client = self._reader.client

        def request() -> str:
            return str(client.get_access_key_last_used(AccessKeyId=key_id)["UserName"])

        try:
            return self._reader.read(request, f"ask whose access key {mask(key_id)} is")
        except AccessDenied:
            return None
        except ReadError as exc:
            if exc.code == GONE:
                return None
            raise

    def get_user(self, user_name: str | None) -> User | None:
        """A user by its present name, without groups and policies; None where there is none.

        Raises:
            ReadError: anything else than a user or NoSuchEntity was answered.
        """
        client = self._reader.client

        def request() -> User:
            answer = client.get_user(UserName=user_name) if user_name else client.get_user()
            entry = listing.of_user(answer.get("User", {}), user_name)
            return listing.single_user(self._account, self._account_id, entry)

        doing = f"read {self._whose(user_name)}"
        self._may_be_read_unnamed(user_name, doing)
        try:
            return self._reader.read(request, doing)
        except ReadError as exc:
            if exc.code == GONE:
                return None
            raise

    def users(self, *, groups: bool, tags: bool) -> tuple[User, ...]:
        """Every user of the account, with tags, groups and attached policies.

        Where GetAccountAuthorizationDetails is forbidden, tags and groups are asked for one user
        at a time, and only if they are wanted; attached policies are then not known (None), nor
        are groups that were not asked for.

        Raises:
            ReadError: the listing could not be read to its end.
        """
        try:
            return self._lister.read(self._all_details, f"list the users of {self._account}")
        except AccessDenied:
            pass
        found = self._lister.read(self._all_users, f"list the users of {self._account}")
        if tags:
            found = tuple(replace(user, tags=self._tags(user)) for user in found)
        if groups:
            found = tuple(replace(user, groups=self._groups(user)) for user in found)
        return found

    def report(
        self,
        *,
        deadline: datetime,
        clock: Callable[[], datetime],
        pause: Callable[[float], None],
    ) -> Report:
        """See `report.ask_for_report`."""
        return ask_for_report(
            self._lister, self._account, deadline=deadline, clock=clock, pause=pause
        )

    def _all_details(self) -> tuple[User, ...]:
        paginator = self._lister.client.get_paginator("get_account_authorization_details")
        found = paginator.paginate(Filter=["User"], PaginationConfig={"PageSize": PAGE_MAX})
        return tuple(
            listing.account_user(self._account, self._account_id, entry)
            for entry in listing.pages(found, "UserDetailList")
        )

    def _all_users(self) -> tuple[User, ...]:
        paginator = self._lister.client.get_paginator("list_users")
        found = paginator.paginate(PaginationConfig={"PageSize": PAGE_MAX})
        return tuple(
            listing.single_user(self._account, self._account_id, entry)
            for entry in listing.pages(found, "Users")
        )

    def _tags(self, user: User) -> Mapping[str, str]:
        def request() -> Mapping[str, str]:
            found = self._lister.client.get_paginator("list_user_tags").paginate(UserName=user.name)
            return listing.tags_of(listing.pages(found, "Tags"))

        return self._lister.read(request, f"read the tags of {self._whose(user.name)}")

    def _groups(self, user: User) -> frozenset[str]:
        paginator = self._lister.client.get_paginator("list_groups_for_user")

        def request() -> frozenset[str]:
            found = listing.pages(paginator.paginate(UserName=user.name), "Groups")
            return frozenset(group["GroupName"] for group in found)

        return self._lister.read(request, f"read the groups of {self._whose(user.name)}")

    def _created(self, answer: Mapping[str, Any], asked: str | None = None) -> Created:
        """The key that was made; a part that is missing, empty or cannot be raises ValueError.

        An error of ours would say that nothing was sent.
        """
        try:
            return self._read_created(listing.of_user(answer["AccessKey"], asked))
        except ReadError:
            pass
        raise ValueError

    def _read_created(self, key: Mapping[str, Any]) -> Created:
        parts = [key["AccessKeyId"], key["SecretAccessKey"], key["UserName"]]
        if not all(parts):
            raise ValueError
        key_id, secret, user_name = parts
        listing.check_key_id(key_id)
        credential = Credential(key_id, Secret(secret), user_name, self._account_id)
        return Created(credential, listing.moment(key["CreateDate"]))

    def _whose(self, user_name: str | None) -> str:
        return f"user {self._account}/{user_name or self._caller}"

    def _may_be_unnamed(self, user_name: str | None, doing: str) -> None:
        if user_name is None and self._caller is None:
            raise Rejected(f"could not {doing}: {_NO_USER}", code="ValidationError")

    def _may_be_read_unnamed(self, user_name: str | None, doing: str) -> None:
        if user_name is None and self._caller is None:
            raise ReadError(f"could not {doing}: {_NO_USER}", code="ValidationError")


_NO_USER = "a role has no access keys of its own; say which user"


def _last_use(seen: Mapping[str, Any]) -> LastUse:
    """What IAM's record says; only a record that says "N/A" without a date says "never"."""
    service = seen.get("ServiceName")
    region = seen.get("Region")
    if used_at := seen.get("LastUsedDate"):
        return UsedAt(listing.moment(used_at), service or "N/A", region or "N/A")
    if service == "N/A":
        return NeverUsed()
    return UseUnknown("the answer of AWS gives neither a date nor that the key was never used")


def _is_from_iam(answer: Mapping[str, Any]) -> None:
    """An answer without content still carries IAM's request id; a captive portal's does not.

    Raises:
        KeyError: it does not, so that the outcome is unknown.
    """
    answer["ResponseMetadata"]["RequestId"]
