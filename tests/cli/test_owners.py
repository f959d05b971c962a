"""Whose a key is that no store has seen: one account after the other is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from rotator.cli.owners import Owner, owner_of
from rotator.errors import ReadError, Refused
from rotator.model import Account, User, UserRef

if TYPE_CHECKING:
    from rotator.aws.accounts import Accounts

KEY = "AKIALEAKED0000000001"
PROD, TEST = Account("prod"), Account("test")
IDS = {"prod": "111122223333", "test": "444455556666"}


@dataclass
class Cloud:
    """Two accounts; `owners` says which user of which account IAM names for the key."""

    owners: dict[str, str] = field(default_factory=dict)
    home: str | None = None
    away: frozenset[str] = frozenset()
    listed: bool = True
    is_there: bool = True
    asked: list[str] = field(default_factory=list)

    def enter(self, account: Account) -> Any:  # noqa: ANN401 - what is asked of it, and no more
        if account.name in self.away:
            raise ReadError(f"account {account.name}: no answer")
        account_id = IDS[account.name]
        return SimpleNamespace(
            account_id=account_id,
            account_of=lambda _key: self.home,
            iam=SimpleNamespace(
                owner_of=lambda _key: self._owner(account.name),
                get_user=lambda name: (
                    User(account.name, account_id, "AIDA1", name) if self.is_there else None
                ),
                list_keys=lambda _name: [SimpleNamespace(key_id=KEY if self.listed else "AKIA2")],
            ),
        )

    def _owner(self, account: str) -> str | None:
        self.asked.append(account)
        return self.owners.get(account)


def find(cloud: Cloud) -> Owner:
    return owner_of(KEY, cast("Accounts", cloud), [PROD, TEST])


def test_accounts_are_asked_in_turn() -> None:
    """Where AWS does not tell the key's account, the first whose IAM knows the key has it."""
    cloud = Cloud({"test": "eve"})

    assert find(cloud) == Owner(UserRef(IDS["test"], "AIDA1"), "test", "eve")
    assert cloud.asked == ["prod", "test"]


def test_the_account_of_the_key_is_asked_alone() -> None:
    """Where AWS tells the key's account, no other is bothered."""
    cloud = Cloud({"test": "eve"}, home=IDS["test"])

    assert find(cloud).name == "eve"
    assert cloud.asked == ["test"]


@pytest.mark.parametrize(
    ("cloud", "sentence"),
    [
        pytest.param(Cloud(), "is nobody's key", id="nobody's"),
        pytest.param(
            Cloud({"prod": "eve"}, listed=False), "is nobody's key", id="a listing disagrees"
        ),
        pytest.param(Cloud({"prod": "eve"}, is_there=False), "is nobody's key", id="no such user"),
        pytest.param(
            Cloud(home="999988887777"),
            "is a key of account 999988887777, which this configuration does not have",
            id="an account that is not configured",
        ),
        pytest.param(
            Cloud(away=frozenset({"test"})),
            "IAM could not be asked whose it is: account test: no answer",
            id="an account is away",
        ),
    ],
)
def test_nobodys(cloud: Cloud, sentence: str) -> None:
    """An error is never an answer, and what helps is said."""
    with pytest.raises(Refused, match=sentence):
        find(cloud)
