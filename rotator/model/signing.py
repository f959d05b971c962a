"""Who we are to AWS: the long-term keys with which our own processes sign their calls."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Kept", "Renewed", "Signer", "SigningKey"]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A long-term key of an IAM user that signs our calls, or assumes the role that does.

    Attributes:
        source: where it comes from, as it stands in a sentence: "environment variables".
        moves: the source is read again while we run, so that we follow it by ourselves.
    """

    key_id: str
    source: str
    moves: bool


@dataclass(frozen=True, slots=True)
class Signer:
    """A live replica of ours, and a key that it signs with."""

    replica: str
    host: str
    key: SigningKey

    @property
    def described(self) -> str:
        """Who signs, from where, in words: `replica 3f2a on web-1, from environment variables`."""
        host = f" on {self.host}" if self.host else ""
        return f"replica {self.replica}{host}, from {self.key.source}"


@dataclass(frozen=True, slots=True)
class Renewed:
    """Our calls are signed with another long-term key from now on."""

    before: str | None
    after: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The source has something else, or nothing, and the credential before it goes on."""

    key_id: str | None
    why: str
