"""Sessions of botocore, and the roles that our own credentials assume."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import TYPE_CHECKING

import botocore.session
from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials
from botocore.loaders import create_loader

from rotator.aws import answers
from rotator.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.loaders import Loader
    from botocore.session import Session
    from mypy_boto3_sts import STSClient

    from rotator import model
    from rotator.aws.wire import Tap

__all__ = [
    "SESSION_NAME",
    "assume",
    "bare_session",
    "region_of",
    "session_of_role",
]

SESSION_NAME = "rotator"
"""The name of our sessions of a role, which AWS shows in ARNs and in CloudTrail."""

RENEWAL_SECONDS = 5 * 60
"""How long before they expire the credentials of a role are asked for again."""


def bare_session(profile: str | None = None) -> Session:
    """A session that has not looked for credentials yet; of this profile, or the one in force."""
    session = botocore.session.Session(profile=profile)
    models = _models(session.get_config_variable("data_path"))
    session.register_component("data_loader", models)
    return session


@functools.cache
def _models(data_path: str | None) -> Loader:
    """AWS's models of its services, once for all sessions: each would read 10 MB of its own."""
    return create_loader(data_path)


def region_of(session: Session, account: model.Account, environ: Mapping[str, str]) -> str:
    """The region to call: the account's, AWS_REGION, AWS_DEFAULT_REGION, or the profile's.

    botocore itself does not read AWS_REGION, which the other SDKs and the AWS CLI do.

    Raises:
        ReadError: none is set.
    """
    region = account.region or environ.get("AWS_REGION") or session.get_config_variable("region")
    if not region:
        raise ReadError(answers.cure("NoRegionError"), code="NoRegionError")
    return str(region)


def assume(sts: Tap[STSClient], account: model.Account) -> dict[str, str]:
    """The credentials of the account's role, in the words of botocore.

    Raises:
        ReadError: the role cannot be assumed, and what to do about it.
    """
    role_arn = account.role_arn or ""

    def request() -> dict[str, str]:
        if account.external_id is None:
            answer = sts.client.assume_role(RoleArn=role_arn, RoleSessionName=SESSION_NAME)
        else:
            answer = sts.client.assume_role(
                RoleArn=role_arn, RoleSessionName=SESSION_NAME, ExternalId=account.external_id
            )
        given = answer["Credentials"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }

    doing = f"assume {role_arn} for account {account.name} (its trust policy must name the caller"
    doing += " and the external id, and the caller needs sts:AssumeRole)"
    return sts.read(request, doing)


class _Role(CredentialProvider):
    """Gives a session the credentials of a role, which renew themselves."""

    METHOD = "rotator-assume-role"
    CANONICAL_NAME = None

    def __init__(
        self,
        ask: Callable[[], dict[str, str]],
        first: dict[str, str],
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self._credentials = RefreshableCredentials(
            access_key=first["access_key"],
            secret_key=first["secret_key"],
            token=first["token"],
            expiry_time=datetime.fromisoformat(first["expiry_time"]),
            refresh_using=ask,
            method=self.METHOD,
            time_fetcher=clock,
            advisory_timeout=RENEWAL_SECONDS,
            mandatory_timeout=RENEWAL_SECONDS,
        )

    def load(self) -> RefreshableCredentials:
        return self._credentials


def session_of_role(ask: Callable[[], dict[str, str]], clock: Callable[[], datetime]) -> Session:
    """A session that signs as the role that `ask` assumes, and asks again in time.

    Raises:
        ReadError: as `ask` does, now or when the credentials are renewed.
    """
    role = _Role(ask, ask(), clock)
    session = bare_session()
    session.register_component("credential_provider", CredentialResolver(providers=[role]))
    return session
