"""Whose a key is that no store has seen: asked of AWS, account by account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.errors import ReadError, Refused
from rotator.model import UserRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotator.aws.accounts import Accounts, Entered
    from rotator.model import Account

__all__ = ["Owner", "owner_of"]


@dataclass(frozen=True, slots=True)
class Owner:
    """The user whose key it is, and the account's name."""

    ref: UserRef
    account: str
    name: str


def owner_of(key_id: str, accounts: Accounts, configured: Sequence[Account]) -> Owner:
    """Ask the accounts whose key it is; where AWS tells the key's account, that one alone.

    Raises:
        Refused: it is nobody's here, or that could not be asked; the sentence says which.
    """
    home: str | None = None
    names: list[str] = []
    unasked: list[str] = []
    for account in configured:
        try:
            entered = accounts.enter(account)
            home = home or entered.account_of(key_id)
            if home in {None, entered.account_id}:
                names.append(account.name)
                if owner := _in(entered, account.name, key_id):
                    return owner
        except ReadError as exc:
            unasked.append(str(exc))
    raise Refused(_nobodys(key_id, home, names, unasked))


def _in(entered: Entered, account: str, key_id: str) -> Owner | None:
    """The user of one account, if IAM says that the key is theirs and a listing agrees."""
    name = entered.iam.owner_of(key_id)
    user = entered.iam.get_user(name) if name else None
    if user is None or key_id not in {key.key_id for key in entered.iam.list_keys(user.name)}:
        return None
    return Owner(UserRef(entered.account_id, user.user_id), account, user.name)


def _nobodys(key_id: str, home: str | None, names: Sequence[str], unasked: Sequence[str]) -> str:
    if unasked:
        return f"{key_id} is not on record, and IAM could not be asked whose it is: {unasked[0]}"
    if home is not None and not names:
        return (
            f"{key_id} is a key of account {home}, which this configuration does not have: name it"
            " under `accounts`"
        )
    return (
        f"{key_id} is nobody's key: it is not on record, and IAM knows it in no account"
        f" ({', '.join(names)}), or may not say (iam:GetAccessKeyLastUsed). Check how it is spelt,"
        " or name the user"
    )
