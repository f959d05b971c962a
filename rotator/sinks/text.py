"""What all sinks share that keep a text under a name: what it says, and what a put leaves known.

A subclass says how its backend is asked: one reading, and one request that writes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from rotator.errors import OutcomeUnknown, Rejected
from rotator.model import Absent, Credential, Served, Serves, Unreadable
from rotator.sinks.base import SinkContext, SinkOptions, completed, longest, still_serves
from rotator.sinks.failure import LATE, Failure

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.formats import Format

__all__ = ["OneRequest", "Put", "Seen", "TextPlace"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What consumers read, and which version that is.

    Attributes:
        served: what a reader makes of it.
        version: what the backend tells versions apart by.
        text: the text as the sink's format reads it; None where there is none.
        beside: what else the backend keeps there, for the request that writes.
        code: why it is Unreadable, in the backend's word.
    """

    served: Served
    version: str | None = None
    text: str | None = None
    beside: object = None
    code: str = ""

    def __repr__(self) -> str:
        return f"Seen({self.served}, {self.version})"


@dataclass(frozen=True, slots=True)
class Put:
    """What was asked of `put`."""

    credential: Credential
    replacing: Served
    deadline: datetime


class TextPlace(ABC):
    """One user's text in one backend."""

    Options: ClassVar[type[SinkOptions]]
    default_format: ClassVar[str] = "json"

    def __init__(self, context: SinkContext) -> None:
        self._context = context
        self._format = cast("Format", context.spec.format)
        self.readable = not self._format.one_way

    @classmethod
    def reads_back(cls, options: SinkOptions, fmt: object) -> bool:
        """It can be read back wherever its format can."""
        return isinstance(options, cls.Options) and not cast("Format", fmt).one_way

    def current(self) -> Served:
        """What consumers read."""
        return self._look().served

    def fetch(self) -> Credential | None:
        """The credential that consumers read."""
        text = self._look().text
        read = self._format.read(text) if text is not None and self.readable else None
        return completed(read, self._context.user) if isinstance(read, Credential) else None

    def close(self) -> None:  # noqa: B027 - most have nothing of their own to give back
        """Give back what the instance holds."""

    @property
    @abstractmethod
    def _called(self) -> str:
        """The place, as a sentence calls it."""

    @property
    @abstractmethod
    def _bytes_max(self) -> int:
        """The largest text that the backend takes."""

    @abstractmethod
    def _look(self) -> Seen:
        """One reading; what cannot be read is Unreadable."""

    def _look_in_time(self, put: Put) -> Seen:
        late = f"{self._called}: there is no time left to look at it"
        return Seen(Unreadable(late)) if self._is_late(put) else self._look()

    def _shows(self, put: Put, seen: Seen) -> bool:
        """Whether what was read is what is to be put."""
        if self.readable:
            return seen.served == Serves(put.credential.access_key_id)
        text = seen.text
        return text is not None and self._format.render(put.credential, text) == text

    def _is_late(self, put: Put) -> bool:
        return self._context.clock() >= put.deadline

    def _absent(self) -> Rejected:
        return Rejected(f"{self._called} is absent and is not to be created")

    def _changed(self) -> Rejected:
        return Rejected(f"{self._called} has changed since it was looked at")

    def _render(self, credential: Credential, existing: str | None) -> str:
        text = self._format.render(credential, existing)
        if len(text.encode()) > self._bytes_max:
            raise Rejected(f"{self._called} would be larger than {self._bytes_max} bytes")
        return text

    def _check_room(self, existing: str | None) -> None:
        """Raise Rejected where the longest credential would find no room beside what is kept."""
        self._render(longest(self._context.user), existing)

    def _conclude(self, put: Put, failure: Failure, *, doubt: bool = False) -> None:
        """Look whether it was done after all; else raise what is known.

        `doubt`: an earlier request may still do it, so that no refusal is certain.
        """
        if self._shows(put, self._look_in_time(put)):
            return
        sentence = failure.of(self._called).sentence
        if doubt or not failure.is_certain:
            raise OutcomeUnknown(sentence)
        raise Rejected(sentence, code=failure.code)


class OneRequest(TextPlace):
    """A text that one request replaces, if it is still the version that was read."""

    def check(self) -> None:
        """Whether it can be read, is there or may be made, and has room for a credential.

        Raises Rejected or ReadError, also where the backend tells that writing is not permitted.
        """
        seen = self._look()
        if isinstance(seen.served, Unreadable):
            raise Failure(seen.served.why, seen.code, is_certain=True).as_read_error()
        self._refuse_unfit(seen)
        if isinstance(seen.served, Absent) and not self._context.spec.create:
            raise self._absent()
        self._check_room(seen.text)
        refused = self._not_permitted(seen)
        if refused is not None:
            raise refused.of(self._called).as_read_error()

    def put(self, credential: Credential, *, replacing: Served, deadline: datetime) -> None:
        """Read, compare with what was seen, replace that very version; see `Sink.put`."""
        put = Put(credential, replacing, deadline)
        seen = self._look_in_time(put)
        if isinstance(seen.served, Unreadable):
            raise Rejected(seen.served.why, code=seen.code)
        self._refuse_unfit(seen)
        if isinstance(seen.served, Absent):
            if replacing != Absent():
                raise Rejected(f"{self._called} is no longer there")
            if not self._context.spec.create:
                raise self._absent()
        elif self._would_change_nothing(put, seen):
            return
        elif not still_serves(seen.served, replacing, credential):
            raise self._changed()
        text = self._render(credential, seen.text)
        failure = LATE if self._is_late(put) else self._write(put, seen, text)
        if failure is not None:
            self._conclude(put, failure)

    @abstractmethod
    def _write(self, put: Put, seen: Seen, text: str) -> Failure | None:
        """Replace what was seen by this text, in one request; None where it was answered."""

    def _would_change_nothing(self, put: Put, seen: Seen) -> bool:
        return seen.text is not None and self._render(put.credential, seen.text) == seen.text

    def _refuse_unfit(self, seen: Seen) -> None:
        """Raise Rejected where what is there must never be written."""

    def _not_permitted(self, seen: Seen) -> Failure | None:
        """What the backend tells beforehand of a write that it would refuse; None: nothing."""
        del seen
        return None
