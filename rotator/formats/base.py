"""What every format is: options of the policy that turn a credential into text and back.

A format knows nothing of where its text goes. It never quotes the text in what it says about it:
what cannot be understood may still hold a secret.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict

from rotator.errors import Rejected
from rotator.model import Credential, Empty, Secret, Stranger, User, mask

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "KEY_ID",
    "Format",
    "FormatReading",
    "Source",
    "check_fields",
    "formless",
    "interpret",
    "is_session",
    "values",
]

FormatReading = Credential | Empty | Stranger
"""What a text says: a credential, that none is there, or that it is not what we would write."""

Source = Literal["access_key_id", "secret_access_key", "user_name", "account_id"]
"""The parts of a credential that a field can be filled with."""

KEY_ID = r"[A-Za-z0-9_]{16,128}"
"""The form of an access key id (AccessKeyId in IAM's API reference)."""

_KEY_ID = re.compile(KEY_ID)
_SECRET = re.compile(r"[!#-&(-\[\]-~]{1,1024}")  # visible ASCII without quotes and backslash


class Format(BaseModel):
    """The base of all formats: strict, closed, unchangeable options with two methods.

    A credential that was read carries an empty `user_name` or `account_id` where the text does
    not name them.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    is_object: ClassVar[bool] = False
    """Whether its text is a JSON object, so that a place of fields can hold it field by field."""

    from_files: ClassVar[Mapping[str, str]] = {}
    """Options that name a file, each with the option that the file's content is."""

    @property
    def one_way(self) -> bool:
        """Whether the credential cannot be recovered from the text."""
        return self.one_way_because is not None

    @property
    def one_way_because(self) -> str | None:
        """Why it cannot be, for people; None where it can."""
        return None

    def of(self, user: User) -> Self:
        """The same format for one user, with what it says of the user beside the credential."""
        del user
        return self

    @abstractmethod
    def read(self, text: str) -> FormatReading:
        """What the text says; never raises."""

    @abstractmethod
    def compose(self, credential: Credential, existing: str | None) -> str:
        """The text before it is read back; `render` is what callers use."""

    def render(self, credential: Credential, existing: str | None) -> str:
        """The text that serves this credential; what else `existing` holds is kept.

        Text that is not of this format at all is written anew: whether it may be overwritten is
        for the caller to know. Rendering twice gives the same as rendering once.

        Raises Rejected where the text would not give the credential back.
        """
        text = self.compose(credential, existing)
        read = credential if self.one_way else self.read(text)
        if not isinstance(read, Credential) or _pair(read) != _pair(credential):
            raise formless(credential)
        return text


def formless(credential: Credential) -> Rejected:
    """A credential that cannot be written so that it is read as itself."""
    key = mask(credential.access_key_id)
    return Rejected(f"the key {key} of user {credential.user_name} has no form here")


def _pair(credential: Credential) -> tuple[str, str]:
    return credential.access_key_id, credential.secret_access_key.reveal()


def check_fields(fields: Mapping[str, Source], constants: Mapping[str, object]) -> None:
    """Raise ValueError unless the fields hold id and secret and no constant takes their names."""
    lacking = {"access_key_id", "secret_access_key"} - set(fields.values())
    if lacking:
        raise ValueError(f"fields has no name for {' and '.join(sorted(lacking))}")
    doubled = sorted(set(fields) & set(constants))
    if doubled:
        raise ValueError(f"{', '.join(doubled)} cannot be both a field and a constant")
    if any(not name or is_session(name) for name in [*fields, *constants]):
        raise ValueError("a name must not be empty or that of a session token")


def values(fields: Mapping[str, Source], credential: Credential) -> dict[str, str]:
    """The fields of a text with what they are to hold, the secret in plain."""
    parts: dict[Source, str] = {
        "access_key_id": credential.access_key_id,
        "secret_access_key": credential.secret_access_key.reveal(),
        "user_name": credential.user_name,
        "account_id": credential.account_id,
    }
    return {name: parts[source] for name, source in fields.items()}


def is_session(name: str) -> bool:
    """Whether a field is a session token: it goes with a temporary key and breaks any other."""
    return name.lower().replace("_", "") in {"sessiontoken", "awssessiontoken"}


def interpret(found: Iterable[tuple[Source, object]]) -> FormatReading:
    """What the fields of a text say together; None and empty text stand for "not there"."""
    parts: dict[Source, str] = {}
    for source, value in found:
        if value is None or value == "":
            continue
        if not isinstance(value, str):
            return Stranger(f"its {source} is not text")
        if parts.setdefault(source, value) != value:
            return Stranger(f"its fields disagree about the {source}")
    key_id, secret = parts.get("access_key_id"), parts.get("secret_access_key")
    if key_id is None and secret is None:
        return Empty()
    if key_id is None or secret is None:
        return Stranger("it holds only one of access key id and secret access key")
    if not _KEY_ID.fullmatch(key_id):
        return Stranger("its access_key_id has not the form of one")
    if not _SECRET.fullmatch(secret):
        return Stranger("its secret_access_key has not the form of one")
    return Credential(
        key_id, Secret(secret), parts.get("user_name", ""), parts.get("account_id", "")
    )
