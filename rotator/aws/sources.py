"""Where our own credentials come from, and which user's key is at the bottom of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.credentials import Credentials, RefreshableCredentials

from rotator.aws import answers
from rotator.aws.signing import bare_session
from rotator.errors import ReadError
from rotator.model import SigningKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.credentials import ReadOnlyCredentials
    from botocore.session import Session

__all__ = ["Source"]

LONG_TERM = "AKIA"
"""How the ids of keys begin that do not expire by themselves (IAM User Guide, identifiers)."""

PROCESS = "custom-process"
ASSUMED = "assume-role"
"""What botocore calls credentials that a process printed, and those of a role of a profile."""


@dataclass(frozen=True, slots=True)
class Source:
    """One reading of everything that says whose credentials we have.

    Attributes:
        session: signs with what was read, and with nothing that is read later.
        base: what a profile's role is assumed with; None where no role is, or another way.
    """

    session: Session
    credentials: Credentials
    base: _Base | None

    @classmethod
    def read(cls) -> Source:
        """Read environment, files and whatever else botocore asks.

        Raises:
            ReadError: there are no credentials, and what to do about it.
        """
        return answers.read(_read, "find AWS credentials")

    @property
    def method(self) -> str:
        """How botocore calls the way in which it found them."""
        return str(self.credentials.method)

    @property
    def is_read_once(self) -> bool:
        """Whether a process gave them and said no expiry: botocore would never run it again."""
        renews = isinstance(self.credentials, RefreshableCredentials)
        return self.method == PROCESS and not renews

    def frozen(self) -> ReadOnlyCredentials:
        """The credential now; one that expires is renewed in time.

        Raises:
            ReadError: it had to be renewed, and could not be.
        """
        return _frozen(self.credentials)

    def key(self, credential: ReadOnlyCredentials) -> SigningKey | None:
        """The long-term key that signs our calls, or that the profile's role was assumed with.

        None where there is only a role (of an instance, a container, a web identity).

        Raises:
            ReadError: what the role is assumed with cannot be told now.
        """
        key_id = str(credential.access_key)
        if key_id.startswith(LONG_TERM):
            source, moves = _origin(self.session, self.method)
            return SigningKey(key_id, source, moves)
        return self.base.key() if self.base else None


@dataclass(frozen=True, slots=True)
class _Base:
    """The credentials with which a profile's role is assumed, over any number of roles."""

    credentials: Credentials
    source: str
    moves: bool

    def key(self) -> SigningKey | None:
        key_id = str(_frozen(self.credentials).access_key)
        return SigningKey(key_id, self.source, self.moves) if key_id.startswith(LONG_TERM) else None


def _frozen(credentials: Credentials) -> ReadOnlyCredentials:
    frozen: ReadOnlyCredentials = answers.read(
        credentials.get_frozen_credentials, "renew the AWS credentials"
    )
    return frozen


def _read() -> Source:
    session = bare_session()
    credentials = session.get_credentials()
    if credentials is None:
        raise ReadError(answers.cure("NoCredentialsError"), code="NoCredentialsError")
    base = _base(session) if credentials.method == ASSUMED else None
    return Source(session, credentials, base)


def _base(session: Session) -> _Base | None:
    """What the profile's role is assumed with: `source_profile`, over any number of roles.

    Keys in the environment, which `credential_source` may name, go before a profile anyway.
    """
    profiles: Mapping[str, Mapping[str, Any]] = session.full_config.get("profiles", {})
    name = _profile(session)
    for _ in profiles:
        name = str(profiles.get(name, {}).get("source_profile", name))
    profile = profiles.get(name, {})
    if "aws_access_key_id" in profile:
        # Only its id is of interest; botocore itself signs with what it has read.
        key_id = str(profile["aws_access_key_id"])
        return _Base(Credentials(key_id, ""), f"profile {name} of AWS's own files", moves=True)
    if "credential_process" in profile:
        credentials = bare_session(name).get_credentials()
        origin = f"the credential_process of profile {name}"
        return _Base(credentials, origin, moves=True) if credentials else None
    return None


def _origin(session: Session, method: str) -> tuple[str, bool]:
    """Where a key comes from, in words, and whether that is read again while we run."""
    profile = _profile(session)
    if method == PROCESS:
        return f"the credential_process of profile {profile}", True
    if method in _FILES:
        path = session.get_config_variable(_FILES[method])
        return f"profile {profile} of {path}", True
    return ("environment variables" if method == "env" else f"what botocore calls {method}"), False


_FILES = {"shared-credentials-file": "credentials_file", "config-file": "config_file"}


def _profile(session: Session) -> str:
    return str(session.profile or "default")
