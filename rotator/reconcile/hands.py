"""Secrets that are issued and not everywhere yet: in this process's memory, and only there."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rotator.model import Credential, UserRef

__all__ = ["Hands"]


class Hands:
    """The credentials that this process holds until every place of their user has them.

    At most one per user: a rotation has one successor, and a user one open rotation.
    """

    def __init__(self) -> None:
        self._held: dict[UserRef, Credential] = {}
        self._lock = Lock()

    def hold(self, ref: UserRef, credential: Credential) -> None:
        """Keep a credential until `let_go`."""
        with self._lock:
            self._held[ref] = credential

    def held(self, ref: UserRef, key_id: str | None) -> Credential | None:
        """The credential of this very key, if its secret is here."""
        with self._lock:
            credential = self._held.get(ref)
        return credential if credential and credential.access_key_id == key_id else None

    def let_go(self, ref: UserRef) -> None:
        """Forget a secret: it is everywhere, or of no use."""
        with self._lock:
            self._held.pop(ref, None)

    def users(self) -> tuple[UserRef, ...]:
        """Whose secrets are here: they must reach their places before the process ends."""
        with self._lock:
            return tuple(self._held)

    def __repr__(self) -> str:
        return f"Hands({len(self.users())} held)"
