"""What the sinks in AWS share: a text that a service keeps under a name, in a region of an account.

A sink of this family says how its service is read and written. Here is what does not differ: whose
client asks, where the place is, what its text says, and what a failed request leaves known.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import Field

from rotator.model import Place
from rotator.sinks.asking import ask, client_of
from rotator.sinks.base import NameTemplate, SinkOptions, Statement
from rotator.sinks.failure import LATE, Failure
from rotator.sinks.text import Put, TextPlace

if TYPE_CHECKING:
    from rotator.sinks.base import SinkContext

__all__ = ["AwsText", "AwsTextOptions"]


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


class AwsText(TextPlace):
    """One user's text in one service of AWS; a subclass says how it is read and written."""

    Options: ClassVar[type[SinkOptions]] = AwsTextOptions
    service: ClassVar[str]
    """The service as boto3 and ARNs spell it; the sink's name in a policy too."""

    noun: ClassVar[str]
    """What one such text is called."""

    def __init__(self, context: SinkContext) -> None:
        super().__init__(context)
        self._options = cast("AwsTextOptions", context.spec.options)
        self._name = self._options.name.resolve(context.user)

    def place(self) -> Place:
        """Partition, account, region and name.

        Raises ReadError where no region is given and the account's cannot be known.
        """
        where = (self._context.partition, self._context.account_id, self._region, self._address)
        return Place(self.service, "/".join(where))

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
            return LATE
        return self._ask(method, expecting=expecting, **parameters)

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
