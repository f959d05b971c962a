"""Whom a command means: by name, `account/name`, access key id, or its last four characters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from rotator.errors import ReadError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rotator.model import UserRef
    from rotator.reconcile import Planner
    from rotator.store import KeyRow, Store

__all__ = ["Subject", "subject_of", "user_subject"]

_KEY = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{12,}")
_LAST_FOUR = 4


@dataclass(frozen=True, slots=True)
class Subject:
    """One user, and the key by which it was named, if it was."""

    ref: UserRef
    account: str
    name: str
    key_id: str | None = None

    def __str__(self) -> str:
        return f"{self.account}/{self.name}"


def subject_of(text: str, store: Store, planner: Planner | None) -> Subject:
    """A user by its name, or by a key of it, a deleted one included.

    Raises:
        Refused: nobody is meant, or more than one; the sentence says who could be.
    """
    rows = store.find_key(text) if _KEY.fullmatch(text) or len(text) == _LAST_FOUR else []
    if rows and (_KEY.fullmatch(text) or not store.find_user(text)):
        return _by_key(text, rows, store)
    if _KEY.fullmatch(text):
        raise Refused(f"{text} is no access key that rotator has seen; name its user instead")
    return user_subject(text, store, planner)


def user_subject(text: str, store: Store, planner: Planner | None) -> Subject:
    """A user by `name` or `account/name`: as the store knows it, else as IAM lists it.

    Raises:
        Refused: nobody is meant, or users of two accounts.
    """
    known = [
        Subject(row.user.ref, row.user.account, row.user.name) for row in store.find_user(text)
    ]
    found = known or list(_listed(text, planner))
    if len({subject.ref for subject in found}) > 1:
        names = " and ".join(sorted(map(str, found)))
        raise Refused(f"{text!r} may be {names}; say which, as ACCOUNT/NAME")
    if found:
        return found[0]
    all_names = [row.user.name for row in store.users()] + [s.name for s in _everybody(planner)]
    close = get_close_matches(text.rpartition("/")[2], all_names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise Refused(f"there is no user {text!r}{hint}")


def _by_key(text: str, rows: Sequence[KeyRow], store: Store) -> Subject:
    if len(rows) > 1:
        ids = ", ".join(row.key.key_id for row in rows)
        raise Refused(f"{text!r} fits more than one key: {ids}; say more of it")
    ref = rows[0].ref
    standing = next(row for row in store.users() if row.user.ref == ref)
    return Subject(ref, standing.user.account, standing.user.name, rows[0].key.key_id)


def _listed(text: str, planner: Planner | None) -> Iterable[Subject]:
    account, _, name = text.rpartition("/")
    return (
        subject
        for subject in _everybody(planner)
        if subject.name == name and account in {"", subject.account}
    )


def _everybody(planner: Planner | None) -> Iterator[Subject]:
    """Every user of every account that can be listed now."""
    if planner is None:
        return
    for account in planner.accounts():
        try:
            _, roll = planner.enter(account)
        except ReadError:
            continue
        for user in roll.users.values():
            yield Subject(user.ref, user.account, user.name)
