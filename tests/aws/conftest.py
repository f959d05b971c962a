"""An AWS on loopback, and accounts that are entered in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.aws.accounts import Accounts, Entered
from rotator.model import Account
from tests.aws import loopback

if TYPE_CHECKING:
    from tests.aws.loopback import Loopback

OWN_KEY = "AKIATESTSOWN00000001"
OWN_SECRET = "tests/own+SECRET/that/must/never/show000"

DEFAULT = Account("default")


def real_time() -> datetime:
    return datetime.now(UTC)


class Counted:
    """Remembers what `on_request` was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []

    def __call__(self, account: str, action: str, result: str) -> None:
        self.told.append((account, action, result))


@pytest.fixture(scope="session")
def _server() -> Iterator[Loopback]:
    with loopback.loopback() as server:
        yield server


@pytest.fixture
def aws(_server: Loopback) -> Loopback:
    """The server, all well and with nothing seen yet."""
    _server.reset()
    return _server


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def credentials(aws: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a process that signs with a user's key and asks the server."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", OWN_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OWN_SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)


Enter = Callable[..., Entered]


@pytest.fixture
def accounts_of(credentials: None, counted: Counted) -> Callable[..., Accounts]:
    """Makes `Accounts` whose requests are short, unpaced and counted."""

    def make(*accounts: Account, clock: Callable[[], datetime] = real_time) -> Accounts:
        return Accounts(
            accounts,
            environ=os.environ,
            clock=clock,
            request_timeout=timedelta(seconds=0.4),
            rates=None,
            on_request=counted,
        )

    return make


@pytest.fixture
def enter(accounts_of: Callable[..., Accounts]) -> Enter:
    """Enters an account, the ambient one if none is named."""

    def go(account: Account = DEFAULT, **options: Callable[[], datetime]) -> Entered:
        return accounts_of(account, **options).enter(account)

    return go


@pytest.fixture(scope="session")
def _kept(_server: Loopback) -> Entered:
    """An account that was entered once, since making clients is most of what a test costs."""
    _server.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", OWN_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", OWN_SECRET)
        patch.setenv("AWS_ENDPOINT_URL", _server.url)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        accounts = Accounts(
            [DEFAULT],
            environ=os.environ,
            clock=real_time,
            request_timeout=timedelta(seconds=0.4),
            rates=None,
        )
        return accounts.enter(DEFAULT)


@pytest.fixture
def entered(aws: Loopback, _kept: Entered) -> Entered:
    """The ambient account, entered by a user, with nothing seen yet."""
    return _kept
