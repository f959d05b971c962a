"""Where our own credentials come from: the environment, as in every AWS tool, or a role."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    "Ambient",
    "assume",
    "long_term_key",
    "region_of",
    "session_of_role",
]

SESSION_NAME = "rotator"
"""The name of our sessions of a role, which AWS shows in ARNs and in CloudTrail."""

RENEWAL_SECONDS = 5 * 60
"""How long before they expire the credentials of a role are asked for again."""

LONG_TERM = "AKIA"
"""How the ids of keys begin that do not expire by themselves (IAM User Guide, identifiers)."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What a file was like; a file that cannot be looked at is like none."""

    mtime_ns: int = 0
    size: int = -1
    inode: int = 0

    @classmethod
    def of(cls, path: Path) -> _Stamp:
        try:
            stat = path.expanduser().stat()
        except (OSError, RuntimeError):
            return cls()
        return cls(stat.st_mtime_ns, stat.st_size, stat.st_ino)


class Ambient:
    """The credentials of whoever runs us, read anew when the files of AWS have changed.

    Otherwise one session is kept: it renews by itself what expires, and asks no instance, process
    or login twice. Our own key may be one that we rotate, so a changed file must be noticed.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._files = (
            Path(environ.get("AWS_CONFIG_FILE", "~/.aws/config")),
            Path(environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")),
        )
        self._stamps: tuple[_Stamp, ...] = ()
        self._session: Session | None = None
        self._lock = threading.Lock()

    def session(self) -> Session:
        """The session to work with now; another object when the credentials may be others.

        Raises:
            ReadError: there are no credentials, and what to do about it.
        """
        stamps = tuple(map(_Stamp.of, self._files))
        with self._lock:
            if self._session is None or stamps != self._stamps:
                self._session = answers.read(_new_session, "find AWS credentials")
                self._stamps = stamps
            return self._session

    def forget(self) -> None:
        """Read everything anew the next time: the credentials were refused."""
        with self._lock:
            self._session = None


def _bare_session() -> Session:
    """A session that has not looked for credentials yet."""
    session = botocore.session.Session()
    models = _models(session.get_config_variable("data_path"))
    session.register_component("data_loader", models)
    return session


@functools.cache
def _models(data_path: str | None) -> Loader:
    """AWS's models of its services, once for all sessions: each would read 10 MB of its own."""
    return create_loader(data_path)


def _new_session() -> Session:
    session = _bare_session()
    if session.get_credentials() is None:
        raise ReadError(answers.cure("NoCredentialsError"), code="NoCredentialsError")
    return session


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


def long_term_key(session: Session) -> str | None:
    """The id of the long-term key that signs our calls, or that a role was assumed with.

    None where there is only a role (of an instance, a container, a web identity).

    Raises:
        ReadError: the credentials had to be renewed, and could not be.
    """
    key_id = answers.read(lambda: _signing_key(session), "renew the AWS credentials")
    if not key_id.startswith(LONG_TERM):
        key_id = _source_key(session)
    return key_id if key_id.startswith(LONG_TERM) else None


def _signing_key(session: Session) -> str:
    credentials = session.get_credentials()
    return (credentials and credentials.get_frozen_credentials().access_key) or ""


def _source_key(session: Session) -> str:
    """The key of the profile from which the profile in use assumes its role, over any number."""
    profiles: Mapping[str, Mapping[str, Any]] = session.full_config.get("profiles", {})
    name = session.profile or "default"
    for _ in profiles:
        name = str(profiles.get(name, {}).get("source_profile", name))
    return str(profiles.get(name, {}).get("aws_access_key_id", ""))


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
    session = _bare_session()
    session.register_component("credential_provider", CredentialResolver(providers=[role]))
    return session
