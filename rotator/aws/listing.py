"""Reads IAM's listings to their end, or not at all: a listing that breaks off is no listing."""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Any

from rotator.errors import ReadError
from rotator.model import KeyStatus, ListedKey, User, mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

__all__ = [
    "account_user",
    "check_key_id",
    "listed_key",
    "moment",
    "of_user",
    "pages",
    "single_user",
    "tags_of",
]


def pages(answers: Iterable[Mapping[str, Any]], member: str) -> Iterator[Any]:
    """Every element of `member` on every page.

    A page may be short, even empty, and still not be the last: only IsTruncated tells (IAM API
    Reference, ListUsers). Whoever leaves IsTruncated out has said all.

    Raises:
        ReadError: the pages contradict themselves, or lack what they are asked for.
    """
    seen: set[str] = set()
    for page in answers:
        if member not in page:
            raise ReadError(f"the answer of AWS has no {member}")
        yield from page[member]

        marker = page.get("Marker")
        if bool(page.get("IsTruncated")) != bool(marker):
            raise ReadError(f"a page of {member} does not say whether it is the last")
        if marker in seen:
            raise ReadError(f"the pages of {member} go in a circle")
        if marker:
            seen.add(marker)


def listed_key(entry: Mapping[str, Any]) -> ListedKey:
    """One entry of ListAccessKeys.

    Raises:
        ReadError: it is not complete, or its status is none that we know.
    """
    key_id = _required(entry, "AccessKeyId", "a listed access key")
    whose = f"access key {mask(key_id)}"
    status = _required(entry, "Status", whose)
    if status not in frozenset(KeyStatus):
        raise ReadError(f"the status of {whose} is {status!r}, which this version does not know")
    check_key_id(key_id)
    created_at = moment(_required(entry, "CreateDate", whose))
    return ListedKey(key_id, KeyStatus(status), created_at)


def of_user(entry: Mapping[str, Any], user_name: str | None) -> Mapping[str, Any]:
    """The same entry, where it is the asked user's; IAM knows no two names but for their case.

    Raises:
        ReadError: it is of another user, so that nothing in it is an answer.
    """
    theirs = entry.get("UserName")
    if user_name is not None and theirs is not None and theirs.lower() != user_name.lower():
        raise ReadError("the answer of AWS is about another user than was asked for")
    return entry


def check_key_id(key_id: str) -> None:
    """Refuse what is no access key id (IAM API Reference, AccessKey: 16 to 128 of them).

    Raises:
        ReadError: it is none.
    """
    if not _KEY_ID.fullmatch(key_id):
        raise ReadError("the answer of AWS holds an access key id that is none")


def moment(at: datetime) -> datetime:
    """A date that AWS gave, in UTC; one that no key can have would overflow where it is added to.

    Raises:
        ReadError: it is out of range.
    """
    if not _FIRST_YEAR <= at.year < _LAST_YEAR:
        raise ReadError("the answer of AWS holds a date that is out of range")
    return at.astimezone(UTC)


_KEY_ID = re.compile(r"[A-Za-z0-9_]{16,128}")
_FIRST_YEAR, _LAST_YEAR = 1971, 9000
"""Dates are 1970 to 9000 wherever they are kept; a zone may move one by a day."""


def tags_of(entries: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags as AWS lists them, as a mapping."""
    return {tag["Key"]: tag["Value"] for tag in entries}


def single_user(account: str, account_id: str, entry: Mapping[str, Any]) -> User:
    """A user as GetUser and ListUsers give one: without groups and policies."""
    name = _required(entry, "UserName", "a user")
    whose = f"user {account}/{name}"
    return User(
        account=account,
        account_id=account_id,
        user_id=_required(entry, "UserId", whose),
        name=name,
        path=_required(entry, "Path", whose),
        arn=_required(entry, "Arn", whose),
        tags=tags_of(entry.get("Tags", ())),
        created_at=moment(entry["CreateDate"]) if entry.get("CreateDate") else None,
    )


def account_user(account: str, account_id: str, entry: Mapping[str, Any]) -> User:
    """A user as GetAccountAuthorizationDetails gives one: with groups and attached policies.

    Policies are known by their names, as AWS's own quarantine policies are.
    """
    user = single_user(account, account_id, entry)
    policies = (policy["PolicyName"] for policy in entry.get("AttachedManagedPolicies", ()))
    return User(
        account=user.account,
        account_id=user.account_id,
        user_id=user.user_id,
        name=user.name,
        path=user.path,
        arn=user.arn,
        tags=user.tags,
        groups=frozenset(entry.get("GroupList", ())),
        attached_policies=frozenset(policies),
        created_at=user.created_at,
    )


def _required(entry: Mapping[str, Any], member: str, whose: str) -> Any:  # noqa: ANN401 - as AWS typed it
    """A member that AWS always gives.

    Raises:
        ReadError: it is not there.
    """
    value = entry.get(member)
    if value is None:
        raise ReadError(f"the answer of AWS gives no {member} of {whose}")
    return value
