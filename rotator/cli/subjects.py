"""Whom a command means: by name, `account/name`, access key id, or its last four characters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from rotator.cli.owners import owner_of
from rotator.errors import ReadError, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotator.model import UserRef
    from rotator.reconcile import Planner
    from rotator.store import KeyRow, Standing, Store

__all__ = ["Subject", "key_subject", "nearest", "subject_of", "user_subject"]

_KEY = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{12,124}")
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


def subject_of(text: str, store: Store, planner: Planner) -> Subject:
    """A user by its name, or by a key of it, a deleted one included.

    A name goes before the last four characters of a key.

    Raises:
        Refused: nobody is meant, or more than one; the sentence says who could be.
    """
    is_key = _KEY.fullmatch(text) is not None
    if not is_key and len(text) != _LAST_FOUR:
        return user_subject(text, store, planner)
    rows = store.find_key(text)
    if rows and (is_key or not _known(text, store)):
        return _by_key(text, rows, store)
    if not is_key:
        return user_subject(text, store, planner)
    owner = owner_of(text, planner.equipment.accounts, planner.accounts())
    return Subject(owner.ref, owner.account, owner.name, text)


def key_subject(text: str, store: Store, planner: Planner) -> Subject:
    """A key, and the user whose it is or was.

    Raises:
        Refused: it is no key, nobody's, or it may be more than one.
    """
    subject = subject_of(text, store, planner)
    if subject.key_id is None:
        raise Refused(
            f"{text!r} is a user, and a key is asked for: `rotator explain {subject}` shows which"
            " keys there are"
        )
    return subject


def user_subject(text: str, store: Store, planner: Planner | None) -> Subject:
    """A user by `name` or `account/name`: as the store knows it, else as IAM lists it.

    Raises:
        Refused: nobody is meant, or users of two accounts, or it cannot be told who there is.
    """
    found = _known(text, store)
    listed, unasked = ([], []) if found or planner is None else _listed(planner)
    account, _, name = text.rpartition("/")
    found = found or [s for s in listed if s.name == name and account in {"", s.account}]
    if len({subject.ref for subject in found}) > 1:
        names = " and ".join(sorted(map(str, found)))
        raise Refused(f"{text!r} may be {names}; say which, as ACCOUNT/NAME")
    if found:
        return found[0]
    if unasked:
        raise Refused(f"no user {text!r} is on record, and IAM could not be asked: {unasked[0]}")
    rows = store.find_key(text)
    if rows and (len(text) != _LAST_FOUR or len(rows) == 1):
        raise Refused(
            f"{text!r} is a key of {_by_key(text, rows, store)}, and a user is asked for: name it"
        )
    raise Refused(f"there is no user {text!r}{_hint(text, store, listed)}")


def nearest(text: str, names: Sequence[str]) -> str:
    """The end of a sentence about a name that is not known: the one that may be meant."""
    close = get_close_matches(text, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _hint(text: str, store: Store, listed: Sequence[Subject]) -> str:
    """Names are compared as they were typed: with their account, or without."""
    whole = [str(row.user) for row in store.users()] + [str(subject) for subject in listed]
    names = whole if "/" in text else [name.partition("/")[2] for name in whole]
    return nearest(text, names)


def _known(text: str, store: Store) -> list[Subject]:
    """The users on record who fit; one who is gone only where nobody else does."""
    rows = store.find_user(text)
    there = [row for row in rows if row.user.missing_since is None]
    return [_subject(row) for row in there or rows]


def _subject(row: Standing, key_id: str | None = None) -> Subject:
    return Subject(row.user.ref, row.user.account, row.user.name, key_id)


def _by_key(text: str, rows: Sequence[KeyRow], store: Store) -> Subject:
    if len(rows) > 1:
        ids = ", ".join(row.key.key_id for row in rows)
        raise Refused(f"{text!r} fits more than one key: {ids}; give the whole id")
    ref, key_id = rows[0].ref, rows[0].key.key_id
    owner = next(row for row in store.users() if row.user.ref == ref)
    return _subject(owner, key_id)


def _listed(planner: Planner) -> tuple[list[Subject], list[str]]:
    """Every user of every account as IAM lists them now, and why an account could not be asked."""
    found: list[Subject] = []
    unasked: list[str] = []
    for account in planner.accounts():
        try:
            _, roll = planner.enter(account)
        except ReadError as exc:
            unasked.append(str(exc))
            continue
        found += [Subject(user.ref, user.account, user.name) for user in roll.users.values()]
    return found, unasked
