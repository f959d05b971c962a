"""What every sink is: the protocol, its options, and what an instance is given.

A sink is one way to deliver a credential. There is one instance per user and entry of a policy's
`sinks`. A sink decides nothing: it says what it reads, and does what it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, WithJsonSchema

from rotator.model import (
    Credential,
    Empty,
    Place,
    Secret,
    Served,
    Serves,
    SinkSpec,
    Template,
    User,
    WrittenAt,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rotator.formats import Format

__all__ = [
    "NameTemplate",
    "SecretText",
    "Sink",
    "SinkContext",
    "SinkOptions",
    "Statement",
    "completed",
    "longest",
    "served_by",
    "still_serves",
]


def _parsed(value: object) -> Template:
    if isinstance(value, Template):
        return value
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 - pydantic reports only a ValueError
    return Template.parse(value)


NameTemplate = Annotated[
    Template,
    PlainValidator(_parsed),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
"""The type of an option that is a name template; in the YAML it is text."""


def _hidden(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be text")
    return Secret(value)


SecretText = Annotated[
    Secret,
    PlainValidator(_hidden),
    PlainSerializer(lambda _: "…", return_type=str),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
"""The type of an option that nobody is to be shown; in the YAML it is text, best a `${NAME}`."""


class SinkOptions(BaseModel):
    """The base of every sink type's own fields in the YAML: strict, closed, unchangeable."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    def name_templates(self) -> tuple[Template, ...]:
        """All name templates among the options; together they say which place a user gets."""
        return tuple(_templates(dict(self)))


def _templates(value: object) -> Iterator[Template]:
    if isinstance(value, Template):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _templates(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _templates(item)


@dataclass(frozen=True, slots=True)
class Statement:
    """Permissions that a sink needs, as one statement of an IAM policy; empty elsewhere."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink instance is made from.

    Attributes:
        user: whose place it is, as last seen.
        spec: the policy's entry; `spec.options` is an instance of the sink's `Options`, and
            `spec.format` one of a class in `rotator.formats.FORMATS`.
        clock: aware UTC.
        client: makes an AWS client of the account that the sink lives in, by service and region
            (None: the account's); such clients never retry by themselves.
        account_id: of the account that the sink lives in.
        partition: of that account, as in its ARNs.
        base: the folder from which relative paths start.
    """

    user: User
    spec: SinkSpec
    clock: Callable[[], datetime]
    client: Callable[[str, str | None], Any]
    account_id: str
    partition: str
    base: Path


class Sink(Protocol):
    """One user's place of one type.

    The constructor raises NameProblem where the templates give this user no usable name; it
    touches nothing outside.
    """

    Options: ClassVar[type[SinkOptions]]
    """Its fields in the YAML; strict errors and the JSON Schema come from here."""

    default_format: ClassVar[str]
    """The format where the policy names none."""

    readable: bool
    """Whether, with this format, `fetch` can return id and secret."""

    def __init__(self, context: SinkContext) -> None: ...

    @classmethod
    def reads_back(cls, options: SinkOptions, fmt: object) -> bool:
        """What `readable` of an instance made with these options and this format will be."""
        ...

    def place(self) -> Place:
        """Where, normalised: equal places are one place."""
        ...

    def permissions(self) -> Sequence[Statement]:
        """What it must be allowed to do, for this very place."""
        ...

    def check(self) -> None:
        """Ask, before anything is issued, whether `put` could work here; changes nothing.

        Raises Rejected or ReadError with a sentence: not reachable, not permitted, not possible.
        """
        ...

    def put(self, credential: Credential, *, replacing: Served, deadline: datetime) -> None:
        """Make consumers read this credential here; twice is once.

        `replacing` is what `current` showed; where the place has changed since, as far as the
        backend can tell, nothing is written. No request is begun after `deadline`.

        Raises Rejected only if consumers now read what they read before, for certain;
        OutcomeUnknown otherwise.
        """
        ...

    def current(self) -> Served:
        """What consumers read here now. Never raises for what is out of reach: Unreadable."""
        ...

    def fetch(self) -> Credential | None:
        """The credential that consumers read here; None where none is, or it cannot be read."""
        ...

    def close(self) -> None:
        """Give back what the instance holds; it is not used afterwards."""
        ...


def completed(credential: Credential, user: User) -> Credential:
    """A credential that was read, with what its format had no field for: whose place it is."""
    return replace(
        credential,
        user_name=credential.user_name or user.name,
        account_id=credential.account_id or user.account_id,
    )


def still_serves(now: Served, replacing: Served, credential: Credential) -> bool:
    """Whether a place is as it was when `put` was decided, or was already given this key."""
    return now in (replacing, Serves(credential.access_key_id))


def served_by(fmt: Format, text: str, written_at: datetime | None) -> Served:
    """What a text says to its consumers; of one that is one-way, only when it was written."""
    if fmt.one_way:
        return WrittenAt(written_at) if text.strip() else Empty()
    read = fmt.read(text)
    return Serves(read.access_key_id) if isinstance(read, Credential) else read


def longest(user: User) -> Credential:
    """A credential of this user as long as one may be, to measure whether it finds room.

    IAM's reference allows ids of 128 characters and does not limit secrets; it gives 20 and 40.
    """
    return Credential("A" * 128, Secret("A" * 128), user.name, user.account_id)
