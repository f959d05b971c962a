"""Secrets that are issued and not everywhere yet: in this process's memory, and only there."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import Credential, UserRef

__all__ = ["Answer", "Hands"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What AWS answered to a create whose outcome could not be put on record.

    Attributes:
        seq: the row of its intent, which was committed at `asked_at`.
        at: when it was answered.
    """

    rotation_id: str
    seq: int
    asked_at: datetime
    at: datetime
    credential: Credential
    created_at: datetime


class Hands:
    """The credentials that this process holds until every place of their user has them.

    At most one per user: a rotation has one successor, and a user one open rotation. A user is
    stranded whose last visit was broken off while a secret was here: nobody else can go on.
    """

    def __init__(self) -> None:
        self._held: dict[UserRef, Credential] = {}
        self._answers: dict[UserRef, Answer] = {}
        self._stranded: set[UserRef] = set()
        self._lock = Lock()

    def hold(self, ref: UserRef, credential: Credential) -> None:
        """Keep a credential until `let_go`."""
        with self._lock:
            self._held[ref] = credential

    def answered(self, ref: UserRef, answer: Answer) -> None:
        """Keep the answer to a create, and its credential, until it is on record or `let_go`."""
        with self._lock:
            self._held[ref] = answer.credential
            self._answers[ref] = answer

    def unrecorded(self, ref: UserRef) -> Answer | None:
        """The answer that is not on record yet, if there is one."""
        with self._lock:
            return self._answers.get(ref)

    def recorded(self, ref: UserRef) -> None:
        """The answer is on record."""
        with self._lock:
            self._answers.pop(ref, None)

    def visited(self, ref: UserRef, *, broken_off: bool) -> None:
        """How a visit of ours ended: whether whoever has a secret here is to be looked at soon."""
        with self._lock:
            if broken_off and ref in self._held:
                self._stranded.add(ref)
            else:
                self._stranded.discard(ref)

    def stranded(self) -> tuple[UserRef, ...]:
        """Whose visit was broken off while their secret was here."""
        with self._lock:
            return tuple(self._stranded)

    def held(self, ref: UserRef, key_id: str | None) -> Credential | None:
        """The credential of this very key, if its secret is here."""
        with self._lock:
            credential = self._held.get(ref)
        return credential if credential and credential.access_key_id == key_id else None

    def let_go(self, ref: UserRef) -> None:
        """Forget a secret: it is everywhere, or of no use."""
        with self._lock:
            self._held.pop(ref, None)
            self._answers.pop(ref, None)
            self._stranded.discard(ref)

    def users(self) -> tuple[UserRef, ...]:
        """Whose secrets are here: they must reach their places before the process ends."""
        with self._lock:
            return tuple(self._held)

    def __repr__(self) -> str:
        return f"Hands({len(self.users())} held)"
