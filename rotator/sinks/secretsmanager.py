"""The sink `secretsmanager`: a secret of AWS Secrets Manager.

Staging labels are its compare-and-set. The new version is first put beside the current one, under
a label that nobody reads; then the label AWSCURRENT is moved to it *from the version that was
seen*, which the service refuses when another has become current meanwhile. The old value stays as
AWSPREVIOUS. (AWS Secrets Manager API reference: PutSecretValue, UpdateSecretVersionStage.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast
from uuid import UUID, uuid4, uuid5

from pydantic import Field

from rotator.errors import OutcomeUnknown, ReadError, Rejected
from rotator.model import (
    Absent,
    Credential,
    Empty,
    NameProblem,
    Place,
    Secret,
    Served,
    Serves,
    Stranger,
    Unreadable,
)
from rotator.sinks.asking import Failure, ask, client_of
from rotator.sinks.base import (
    NameTemplate,
    SinkContext,
    SinkOptions,
    Statement,
    completed,
    still_serves,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from rotator.formats import Format

__all__ = ["PENDING", "SecretsManagerOptions", "SecretsManagerSink"]

PENDING = "ROTATOR_PENDING"
"""The label of a version that is not current yet."""

_CURRENT = "AWSCURRENT"
_NOT_FOUND = "ResourceNotFoundException"
_EXISTS = "ResourceExistsException"
_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_BYTES_MAX = 65536
_TOKENS = UUID("3f8a5f6e-6d0c-5c53-9f43-1f1f0c1b7a52")
_READING = ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")
_WRITING = ("secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage")
_CREATING = ("secretsmanager:CreateSecret", "secretsmanager:TagResource")


class SecretsManagerOptions(SinkOptions):
    """The fields of a `secretsmanager` sink."""

    name: NameTemplate = Field(description="The secret's name (not its ARN).")
    region: str | None = Field(
        default=None,
        pattern=r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$",
        description="Where the secret is; by default the account's region.",
    )
    kms_key_id: str | None = Field(
        default=None, description="The KMS key of a secret that is made; by default AWS's own."
    )
    tags: dict[str, str] = Field(default={}, description="Tags of a secret that is made.")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What consumers read, and which version that is."""

    served: Served
    version: str | None = None
    text: str | None = None

    def __repr__(self) -> str:
        return f"_Seen({self.served}, {self.version})"


@dataclass(frozen=True, slots=True)
class _Put:
    """What was asked of `put`."""

    credential: Credential
    replacing: Served
    deadline: datetime


class SecretsManagerSink:
    """One user's secret; other fields of its JSON are kept."""

    Options: ClassVar[type[SinkOptions]] = SecretsManagerOptions
    default_format: ClassVar[str] = "json"

    def __init__(self, context: SinkContext) -> None:
        self._context = context
        self._options = cast("SecretsManagerOptions", context.spec.options)
        self._format = cast("Format", context.spec.format)
        self.readable = not self._format.one_way
        self._name = self._options.name.resolve(context.user)
        if not _NAME.fullmatch(self._name):
            raise NameProblem(
                f"{self._name!a} is no name of a secret: letters, digits and /_+=.@- up to 512"
            )

    @classmethod
    def reads_back(cls, options: SinkOptions, fmt: object) -> bool:
        """A secret can be read back wherever its format can."""
        return isinstance(options, SecretsManagerOptions) and not cast("Format", fmt).one_way

    @cached_property
    def _client(self) -> Any | Failure:  # noqa: ANN401 - boto3 makes its clients' classes at run time
        return client_of(self._context, "secretsmanager", self._options.region)

    @cached_property
    def _region(self) -> str:
        if self._options.region is not None:
            return self._options.region
        if isinstance(self._client, Failure):
            raise self._client.as_read_error()
        region: str = self._client.meta.region_name
        return region

    def place(self) -> Place:
        """Partition, account, region and name.

        Raises ReadError where no region is given and the account's cannot be known.
        """
        where = (self._context.partition, self._context.account_id, self._region, self._name)
        return Place("secretsmanager", "/".join(where))

    def permissions(self) -> Sequence[Statement]:
        """Reading and writing this secret; creating it and using its key where that is wanted."""
        context = self._context
        scope = f"arn:{context.partition}:%s:{self._region}:{context.account_id}"
        # The service adds a hyphen and six random characters to the name.
        secret = f"{scope % 'secretsmanager'}:secret:{self._name}-??????"
        actions = (*_READING, *_WRITING, *(_CREATING if context.spec.create else ()))
        statements = [Statement(actions, (secret,), f"deliver to the secret {self._name}")]
        if self._options.kms_key_id is not None:
            key = self._options.kms_key_id
            own = key if key.startswith("arn:") and ":key/" in key else f"{scope % 'kms'}:key/*"
            encrypting = ("kms:Decrypt", "kms:GenerateDataKey")
            statements.append(Statement(encrypting, (own,), f"encrypt with {key}"))
        return tuple(statements)

    def check(self) -> None:
        """Whether the secret is there, or may be made, and is nobody else's to change.

        Permission to write cannot be asked for without writing: that shows at the first put.
        """
        described = self._ask("describe_secret")
        if not isinstance(described, Failure):
            self._refuse_unfit(described)
            seen = self._look()
        elif described.code == _NOT_FOUND and self._context.spec.create:
            seen = _Seen(Absent())
        elif described.code == _NOT_FOUND:
            raise Rejected(f"the secret {self._name} is absent and is not to be created")
        else:
            raise self._sentenced(described).as_read_error()
        if isinstance(seen.served, Unreadable):
            raise ReadError(seen.served.why)
        user = self._context.user
        longest = Credential("A" * 32, Secret("A" * 64), user.name, user.account_id)
        self._render(longest, seen.text)

    def put(self, credential: Credential, *, replacing: Served, deadline: datetime) -> None:
        """Stage the value beside the current one, then move the label to it; see `Sink.put`."""
        put = _Put(credential, replacing, deadline)
        described = self._ask_in_time(put, "describe_secret")
        if isinstance(described, Failure):
            if described.code != _NOT_FOUND:
                raise Rejected(self._sentenced(described).sentence, code=described.code)
            self._create(put)
            return
        self._refuse_unfit(described)
        seen = self._look_in_time(put)
        if isinstance(seen.served, Unreadable):
            raise Rejected(seen.served.why)
        if not still_serves(seen.served, replacing, credential):
            raise Rejected(f"the secret {self._name} has changed since it was looked at")
        if self._render(credential, seen.text) != seen.text:
            self._replace(put, seen, described.get("VersionIdsToStages", {}))

    def current(self) -> Served:
        """What the version labelled AWSCURRENT says."""
        return self._look().served

    def fetch(self) -> Credential | None:
        """The credential in the version labelled AWSCURRENT."""
        text = self._look().text
        read = self._format.read(text) if text is not None else None
        return completed(read, self._context.user) if isinstance(read, Credential) else None

    def close(self) -> None:
        """The client belongs to whoever makes clients."""

    def _ask(self, method: str, expecting: str = "ARN", **parameters: Any) -> Any | Failure:  # noqa: ANN401 - parameters and answer are any JSON document
        named = {"Name" if method == "create_secret" else "SecretId": self._name}
        return ask(self._client, method, expecting=expecting, **named, **parameters)

    def _ask_in_time(self, put: _Put, method: str, **parameters: Any) -> Any | Failure:  # noqa: ANN401 - as `_ask`
        if self._is_late(put):
            return Failure("there is no time left to write it", "Late", is_certain=True)
        return self._ask(method, **parameters)

    def _is_late(self, put: _Put) -> bool:
        return self._context.clock() >= put.deadline

    def _sentenced(self, failure: Failure) -> Failure:
        sentence = f"the secret {self._name}: {failure.sentence}"
        return Failure(sentence, failure.code, failure.is_certain)

    def _look(self) -> _Seen:
        answer = self._ask("get_secret_value", expecting="VersionId", VersionStage=_CURRENT)
        if isinstance(answer, Failure):
            if answer.code == _NOT_FOUND:
                return _Seen(self._without_value())
            return _Seen(Unreadable(self._sentenced(answer).sentence))
        version: str = answer["VersionId"]
        text: str | None = answer.get("SecretString")
        if text is None:
            return _Seen(Stranger("it is binary"), version)
        read = self._format.read(text)
        served = Serves(read.access_key_id) if isinstance(read, Credential) else read
        return _Seen(served, version, text)

    def _look_in_time(self, put: _Put) -> _Seen:
        late = f"the secret {self._name}: there is no time left to look at it"
        return _Seen(Unreadable(late)) if self._is_late(put) else self._look()

    def _without_value(self) -> Served:
        """The service says "not found" of a secret and of its current value alike."""
        described = self._ask("describe_secret")
        if isinstance(described, Failure):
            if described.code == _NOT_FOUND:
                return Absent()
            return Unreadable(self._sentenced(described).sentence)
        labels = described.get("VersionIdsToStages", {}).values()
        if any(_CURRENT in stages for stages in labels):
            return Unreadable(f"the secret {self._name} does not show its current value yet")
        return Empty()

    def _refuse_unfit(self, described: Mapping[str, Any]) -> None:
        region = described.get("PrimaryRegion") or self._region
        reasons = {
            "is scheduled for deletion: restore it, or name another": "DeletedDate" in described,
            "is rotated by Secrets Manager itself: switch that off, or name another": described.get(
                "RotationEnabled", False
            ),
            f"is managed by {described.get('OwningService')}": "OwningService" in described,
            f"is a replica: name the region of its primary, {region}": region != self._region,
        }
        for reason, stands in reasons.items():
            if stands:
                raise Rejected(f"the secret {self._name} {reason}")

    def _render(self, credential: Credential, existing: str | None) -> str:
        text = self._format.render(credential, existing)
        if len(text.encode()) > _BYTES_MAX:
            raise Rejected(f"the secret {self._name} would be larger than {_BYTES_MAX} bytes")
        return text

    def _token(self, credential: Credential, replaced: str) -> str:
        """The version that this key becomes in the place of that one.

        The version that is replaced is part of it: its content never changes, so the same token
        always means the same value, as the service demands, whatever else happens to the secret.
        """
        return str(uuid5(_TOKENS, f"{self.place()}|{credential.access_key_id}|{replaced}"))

    def _create(self, put: _Put) -> None:
        if put.replacing != Absent():
            raise Rejected(f"the secret {self._name} is no longer there")
        if not self._context.spec.create:
            raise Rejected(f"the secret {self._name} is absent and is not to be created")
        parameters: dict[str, Any] = {}
        if self._options.kms_key_id is not None:
            parameters["KmsKeyId"] = self._options.kms_key_id
        if self._options.tags:
            tags = [{"Key": key, "Value": value} for key, value in self._options.tags.items()]
            parameters["Tags"] = tags
        answer = self._ask_in_time(
            put,
            "create_secret",
            SecretString=self._render(put.credential, None),
            ClientRequestToken=self._token(put.credential, "none"),
            **parameters,
        )
        if isinstance(answer, Failure):
            self._conclude(put, answer, doubt=False)

    def _replace(self, put: _Put, seen: _Seen, labels: Mapping[str, Sequence[str]]) -> None:
        """Stage, then promote.

        Where our version was staged before, an earlier try to promote it may still be on its way:
        then nothing is certain any more until a reading shows it.
        """
        token = self._token(put.credential, seen.version or "none")
        doubt = token in labels
        text = self._render(put.credential, seen.text)
        staged = self._stage(put, token, text)
        if isinstance(staged, Failure) and staged.code == _EXISTS:
            # Staged by an earlier release, or before the policy's format changed.
            token = str(uuid4())
            staged = self._stage(put, token, text)
        if isinstance(staged, Failure):
            # Nobody reads a version that is only staged; but the first of all becomes current.
            certain = staged.is_certain or seen.version is not None
            failure = Failure(staged.sentence, staged.code, is_certain=certain)
            self._conclude(put, failure, doubt=doubt)
            return
        self._promote(put, seen, token, doubt=doubt)

    def _stage(self, put: _Put, token: str, text: str) -> Any | Failure:  # noqa: ANN401 - as `_ask`
        return self._ask_in_time(
            put,
            "put_secret_value",
            expecting="VersionId",
            SecretString=text,
            ClientRequestToken=token,
            VersionStages=[PENDING],
        )

    def _promote(self, put: _Put, seen: _Seen, token: str, *, doubt: bool) -> None:
        source = {"RemoveFromVersionId": seen.version} if seen.version else {}
        ours = Serves(put.credential.access_key_id)
        if not source and self._look_in_time(put).served == ours:
            return  # the first version of a secret is current from its beginning
        answer = self._ask_in_time(
            put,
            "update_secret_version_stage",
            VersionStage=_CURRENT,
            MoveToVersionId=token,
            **source,
        )
        if isinstance(answer, Failure):
            self._conclude(put, answer, doubt=doubt or not source)

    def _conclude(self, put: _Put, failure: Failure, *, doubt: bool) -> None:
        """Look whether it was done after all; else raise what is known.

        A label move that is sent again is answered 400 although it was done.
        """
        if self._look_in_time(put).served == Serves(put.credential.access_key_id):
            return
        sentence = self._sentenced(failure).sentence
        if doubt or not failure.is_certain:
            raise OutcomeUnknown(sentence)
        raise Rejected(sentence, code=failure.code)
