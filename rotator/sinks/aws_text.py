"""What the sinks in AWS share: a text that a service keeps under a name, in a region of an account.

A sink of this family says how its service is read and written. Here is what does not differ: whose
client asks, where the place is, what its text says, and what a failed request leaves known.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import Field

from rotator.errors import OutcomeUnknown, Rejected
from rotator.model import Credential, Place, Served, Serves, Unreadable
from rotator.sinks.asking import Failure, ask, client_of
from rotator.sinks.base import (
    NameTemplate,
    SinkContext,
    SinkOptions,
    Statement,
    completed,
    longest,
)

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.formats import Format

__all__ = ["AwsText", "AwsTextOptions", "Put", "Seen"]


class AwsTextOptions(SinkOptions):
    """The fields that every sink in AWS has; each says of its own what it means."""

    name: NameTemplate
    region: str | None = Field(
        default=None,
        pattern=r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$",
        description="Where it is; by default the account's region.",
    )
    kms_key_id: str | None = None
    tags: dict[str, str] = Field(default={}, description="Tags of one that is made.")


@dataclass(frozen=True, slots=True)
class Seen:
    """What consumers read, and which version that is."""

    served: Served
    version: str | None = None
    text: str | None = None

    def __repr__(self) -> str:
        return f"Seen({self.served}, {self.version})"


@dataclass(frozen=True, slots=True)
class Put:
    """What was asked of `put`."""

    credential: Credential
    replacing: Served
    deadline: datetime


class AwsText(ABC):
    """One user's text in one service of AWS; a subclass says how it is read and written."""

    Options: ClassVar[type[SinkOptions]] = AwsTextOptions
    default_format: ClassVar[str] = "json"

    service: ClassVar[str]
    """The service as boto3 and ARNs spell it; the sink's name in a policy too."""

    noun: ClassVar[str]
    """What one such text is called."""

    def __init__(self, context: SinkContext) -> None:
        self._context = context
        self._options = cast("AwsTextOptions", context.spec.options)
        self._format = cast("Format", context.spec.format)
        self.readable = not self._format.one_way
        self._name = self._options.name.resolve(context.user)

    @classmethod
    def reads_back(cls, options: SinkOptions, fmt: object) -> bool:
        """It can be read back wherever its format can."""
        return isinstance(options, cls.Options) and not cast("Format", fmt).one_way

    def place(self) -> Place:
        """Partition, account, region and name.

        Raises ReadError where no region is given and the account's cannot be known.
        """
        where = (self._context.partition, self._context.account_id, self._region, self._address)
        return Place(self.service, "/".join(where))

    def current(self) -> Served:
        """What consumers read."""
        return self._look().served

    def fetch(self) -> Credential | None:
        """The credential that consumers read."""
        text = self._look().text
        read = self._format.read(text) if text is not None and self.readable else None
        return completed(read, self._context.user) if isinstance(read, Credential) else None

    def close(self) -> None:  # noqa: B027 - a client that others made is theirs to close
        """The client belongs to whoever makes clients."""

    @cached_property
    def _client(self) -> Any | Failure:  # noqa: ANN401 - boto3 makes its clients' classes at run time
        return client_of(self._context, self.service, self._options.region)

    @cached_property
    def _region(self) -> str:
        if self._options.region is not None:
            return self._options.region
        if isinstance(self._client, Failure):
            raise self._client.as_read_error()
        region: str = self._client.meta.region_name
        return region

    @property
    def _address(self) -> str:
        """The name as the place spells it."""
        return self._name

    @property
    def _called(self) -> str:
        return f"the {self.noun} {self._name}"

    @property
    @abstractmethod
    def _bytes_max(self) -> int:
        """The largest text that the service takes."""

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

    def _ask(self, method: str, *, expecting: str, **parameters: Any) -> Any | Failure:  # noqa: ANN401 - parameters and answer are any JSON document
        return ask(self._client, method, expecting=expecting, **parameters)

    def _ask_in_time(
        self,
        put: Put,
        method: str,
        *,
        expecting: str,
        **parameters: Any,  # noqa: ANN401 - as `_ask`
    ) -> Any | Failure:  # noqa: ANN401 - as `_ask`
        if self._is_late(put):
            return Failure("there is no time left to write it", "Late", is_certain=True)
        return self._ask(method, expecting=expecting, **parameters)

    def _is_late(self, put: Put) -> bool:
        return self._context.clock() >= put.deadline

    def _sentenced(self, failure: Failure) -> Failure:
        sentence = f"{self._called}: {failure.sentence}"
        return Failure(sentence, failure.code, failure.is_certain)

    def _absent(self) -> Rejected:
        return Rejected(f"{self._called} is absent and is not to be created")

    def _render(self, credential: Credential, existing: str | None) -> str:
        text = self._format.render(credential, existing)
        if len(text.encode()) > self._bytes_max:
            raise Rejected(f"{self._called} would be larger than {self._bytes_max} bytes")
        return text

    def _check_room(self, existing: str | None) -> None:
        """Raise Rejected where the longest credential would find no room beside what is kept."""
        self._render(longest(self._context.user), existing)

    def _creation(self) -> dict[str, Any]:
        """The parameters that only a request that makes it has."""
        if not self._options.tags:
            return {}
        return {"Tags": [{"Key": key, "Value": at} for key, at in self._options.tags.items()]}

    def _arn_of(self, service: str, resource: str) -> str:
        context = self._context
        where = f"{context.partition}:{service}:{self._region}:{context.account_id}"
        return f"arn:{where}:{resource}"

    def _encrypting(self, *actions: str) -> tuple[Statement, ...]:
        """The use of a key of its own, where it has one."""
        key = self._options.kms_key_id
        if key is None:
            return ()
        own = key if key.startswith("arn:") and ":key/" in key else self._arn_of("kms", "key/*")
        return (Statement(actions, (own,), f"encrypt with {key}"),)

    def _conclude(self, put: Put, failure: Failure, *, doubt: bool = False) -> None:
        """Look whether it was done after all; else raise what is known.

        `doubt`: an earlier request may still do it, so that no refusal is certain.
        """
        if self._shows(put, self._look_in_time(put)):
            return
        sentence = self._sentenced(failure).sentence
        if doubt or not failure.is_certain:
            raise OutcomeUnknown(sentence)
        raise Rejected(sentence, code=failure.code)
