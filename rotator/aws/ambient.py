"""Our own credentials, followed while we run: the key that signs our calls may be rotated too.

botocore reads a file once for each session, and every client keeps what it was made with. Here all
clients sign with one object, `_Following`, which is given another credential as soon as the
source has one: files are looked at by their stamp, a process that says no expiry is run again once
a minute, and what renews itself (`credential_process` with an `Expiration`) is compared.

Another long-term credential is taken only when AWS has answered to it, and says that it belongs
to the account of the one before; until then, and where the source cannot be read, is half written
or is gone, the one before goes on being used.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from botocore.credentials import CredentialProvider, CredentialResolver, Credentials

from rotator.aws.signing import bare_session
from rotator.aws.sources import Source
from rotator.errors import ReadError
from rotator.model import Kept, Renewed, mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.credentials import ReadOnlyCredentials
    from botocore.session import Session

    from rotator.model import SigningKey

__all__ = ["REFUSED", "Ambient", "OnCredentials"]

REFUSED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch"}
)
"""What AWS answers to credentials that were good once: ours may have been replaced meanwhile."""

READ_AGAIN = timedelta(minutes=1)
"""How often a process that says no expiry is run again."""

TRY_AGAIN = timedelta(seconds=10)
"""How long a credential that was not taken rests before it is tried again, its files unchanged."""

FALLS_BACK = timedelta(minutes=5)
"""How long after a move the credential before it is still gone back to: IAM is slow to tell all."""


OnCredentials: TypeAlias = "Callable[[Renewed | Kept], None]"
"""Told of each change of our own credentials, and of each that could not be taken."""


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


@dataclass(frozen=True, slots=True)
class _Taken:
    """A source, and the credential of it that we sign with."""

    source: Source
    credential: ReadOnlyCredentials = field(repr=False)
    stamps: tuple[_Stamp, ...]

    @property
    def is_lasting(self) -> bool:
        """Whether it is a user's own key, which does not expire by itself."""
        return self.credential.token is None


class _Following(Credentials):
    """What every client signs with: the credential that was taken last."""

    def __init__(self, taken: _Taken) -> None:
        # Not the base class's: that would keep a copy of the secret.
        self.method = taken.source.method
        self.account_id = None
        self.taken = taken

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The credential for one request; one that expires is renewed by its own source.

        A source that fails to give a user's key again does not take away the one that it gave.
        """
        taken = self.taken
        return taken.credential if taken.is_lasting else taken.source.frozen()


class _Given(CredentialProvider):
    """Gives a session credentials that exist already."""

    METHOD = "rotator-following"
    CANONICAL_NAME = None

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


@dataclass(frozen=True, slots=True)
class _Current:
    """What we sign with, and the session whose clients do."""

    following: _Following
    session: Session

    @property
    def taken(self) -> _Taken:
        return self.following.taken

    @classmethod
    def of(cls, following: _Following) -> _Current:
        session = bare_session()
        provider = CredentialResolver(providers=[_Given(following)])
        session.register_component("credential_provider", provider)
        return cls(following, session)


class Ambient:
    """The credentials of whoever runs us; one for the life of a process.

    It looks at its source whenever `session` or `signing` is asked, which costs two looks at
    files.
    """

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._files = (
            Path(environ.get("AWS_CONFIG_FILE", "~/.aws/config")),
            Path(environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")),
        )
        self._account_of: Callable[[Session], str] = lambda _: ""
        self._tell: OnCredentials = lambda _: None
        self._lock = threading.RLock()
        self._current: _Current | None = None
        self._key: SigningKey | None = None
        self._read_at = self._moved_at = self._next_try_at = datetime.min.replace(tzinfo=UTC)
        self._refused: tuple[_Stamp, ...] | None = None
        self._before: _Taken | None = None
        self._told = ""

    def asks(self, account_of: Callable[[Session], str], tell: OnCredentials) -> None:
        """From now on, ask `account_of` to which account the credentials of a session belong.

        It raises ReadError where AWS does not say. `tell` is told of changes.
        """
        self._account_of, self._tell = account_of, tell

    def session(self) -> Session:
        """The session to work with now; another object when its settings may be others.

        Raises:
            ReadError: there are no credentials, and what to do about it.
        """
        with self._lock:
            return self._look().session

    def signing(self) -> tuple[SigningKey, ...]:
        """The long-term keys that sign our calls now; none where only roles are at work."""
        with self._lock:
            # Without credentials nothing was signed yet; who enters an account is told of it.
            with suppress(ReadError):
                self._know_key(self._look().taken)
            return () if self._key is None else (self._key,)

    def distrust(self) -> None:
        """The credentials were refused: go back to those before, or read everything anew.

        Raises:
            ReadError: there are no credentials any more.
        """
        with self._lock:
            before, self._before = self._before, None
            if before is not None and self._clock() < self._moved_at + FALLS_BACK:
                self._take(before)
                self._refuse(self._stamps(), "not all of AWS knows the new access key yet")
                return
            self._take(self._read())

    def _look(self) -> _Current:
        """Take what the source gives now, if it is another credential and a good one."""
        current = self._current
        if current is None:
            return self._take(self._read())
        stamps = self._stamps()
        if stamps == self._refused and self._clock() < self._next_try_at:
            return current
        try:
            given = self._given(current.taken, stamps)
            why = self._doubt(current, given) if given else ""
        except ReadError as exc:
            given, why = None, str(exc)
        if why:
            self._refuse(stamps, why)
            return current
        self._refused, self._told = None, ""
        return self._take(given) if given else current

    def _given(self, taken: _Taken, stamps: tuple[_Stamp, ...]) -> _Taken | None:
        """What the source gives now, where that may be something else.

        Raises:
            ReadError: it gives nothing.
        """
        is_due = taken.source.is_read_once and self._clock() >= self._read_at + READ_AGAIN
        if is_due or stamps != taken.stamps:
            return self._read()
        if not taken.is_lasting:
            return None
        credential = taken.source.frozen()
        return None if credential == taken.credential else _Taken(taken.source, credential, stamps)

    def _doubt(self, current: _Current, given: _Taken) -> str:
        """Why what is given is not taken; empty where it is, or is the same.

        Raises:
            ReadError: AWS does not say whose the new one is; mostly it does not know it yet.
        """
        if given.credential == current.taken.credential:
            return ""
        account_id = self._account_of(given.source.session)
        try:
            before = self._account_of(current.session)
        except ReadError as exc:
            if exc.code in REFUSED:
                return ""
            raise
        if account_id == before:
            return ""
        key = mask(str(given.credential.access_key))
        return f"access key {key} belongs to account {account_id}, and not to {before}"

    def _take(self, taken: _Taken) -> _Current:
        """Sign with this from now on, in the clients that there are and in those to come."""
        current, was = self._current, self._key
        if current is None:
            following, before = _Following(taken), None
        else:
            following, before = current.following, current.taken
            following.method, following.taken = taken.source.method, taken
        self._current = _Current.of(following)
        self._know_key(taken)
        if before is not None and before.credential != taken.credential:
            self._before, self._moved_at = before, self._clock()
        key = self._key or was
        if before is not None and key is not None and was != self._key:
            self._tell(Renewed(_id_of(was), _id_of(self._key), key.source))
        return self._current

    def _know_key(self, taken: _Taken) -> None:
        """Learn which user's key signs now; what cannot be told now is as it was."""
        with suppress(ReadError):
            self._key = taken.source.key(taken.credential)

    def _refuse(self, stamps: tuple[_Stamp, ...], why: str) -> None:
        """Go on with what we have; the same is tried again in a while, and told once."""
        self._refused, self._next_try_at = stamps, self._clock() + TRY_AGAIN
        if why != self._told:
            self._told = why
            self._tell(Kept(_id_of(self._key), why))

    def _read(self) -> _Taken:
        """Everything anew; the stamps are from before, so that what changes meanwhile is noticed.

        Raises:
            ReadError: there are no credentials, and what to do about it.
        """
        stamps = self._stamps()
        source = Source.read()
        self._read_at = self._clock()
        return _Taken(source, source.frozen(), stamps)

    def _stamps(self) -> tuple[_Stamp, ...]:
        return tuple(map(_Stamp.of, self._files))


def _id_of(key: SigningKey | None) -> str | None:
    return key.key_id if key else None
