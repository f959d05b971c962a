"""The sink `secretsmanager`: a secret of AWS Secrets Manager.

Staging labels are its compare-and-set. The new version is first put beside the current one, under
a label that nobody reads; then the label AWSCURRENT is moved to it *from the version that was
seen*, which the service refuses when another has become current meanwhile. The old value stays as
AWSPREVIOUS. (AWS Secrets Manager API reference: PutSecretValue, UpdateSecretVersionStage.)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4, uuid5

from pydantic import Field

from rotator.errors import ReadError, Rejected
from rotator.model import (
    Absent,
    Credential,
    Empty,
    NameProblem,
    Served,
    Stranger,
    Unreadable,
)
from rotator.sinks.aws_text import AwsText, AwsTextOptions
from rotator.sinks.base import (
    NameTemplate,
    SinkContext,
    SinkOptions,
    Statement,
    served_by,
    still_serves,
)
from rotator.sinks.failure import Failure
from rotator.sinks.text import Put, Seen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

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


class SecretsManagerOptions(AwsTextOptions):
    """A secret of AWS Secrets Manager."""

    name: NameTemplate = Field(description="The secret's name (not its ARN).")
    kms_key_id: str | None = Field(
        default=None, description="The KMS key of a secret that is made; by default AWS's own."
    )


class SecretsManagerSink(AwsText):
    """One user's secret of AWS Secrets Manager; other fields of its JSON are kept."""

    Options: ClassVar[type[SinkOptions]] = SecretsManagerOptions
    service: ClassVar[str] = "secretsmanager"
    noun: ClassVar[str] = "secret"

    def __init__(self, context: SinkContext) -> None:
        super().__init__(context)
        if not _NAME.fullmatch(self._name):
            raise NameProblem(
                f"{self._name!a} is no name of a secret: letters, digits and /_+=.@- up to 512"
            )

    @property
    def _bytes_max(self) -> int:
        return _BYTES_MAX

    def permissions(self) -> Sequence[Statement]:
        """Reading and writing this secret; creating it and using its key where that is wanted."""
        # The service adds a hyphen and six random characters to the name.
        secret = self._arn_of(self.service, f"secret:{self._name}-??????")
        actions = (*_READING, *_WRITING, *(_CREATING if self._context.spec.create else ()))
        deliver = Statement(actions, (secret,), f"deliver to {self._called}")
        return (deliver, *self._encrypting("kms:Decrypt", "kms:GenerateDataKey"))

    def check(self) -> None:
        """Whether the secret is there, or may be made, and is nobody else's to change.

        Permission to write cannot be asked for without writing: that shows at the first put.
        """
        described = self._described()
        if not isinstance(described, Failure):
            self._refuse_unfit(described)
            seen = self._look()
        elif described.code == _NOT_FOUND and self._context.spec.create:
            seen = Seen(Absent())
        elif described.code == _NOT_FOUND:
            raise self._absent()
        else:
            raise described.of(self._called).as_read_error()
        if isinstance(seen.served, Unreadable):
            raise ReadError(seen.served.why)
        self._check_room(seen.text)

    def put(self, credential: Credential, *, replacing: Served, deadline: datetime) -> None:
        """Stage the value beside the current one, then move the label to it; see `Sink.put`."""
        put = Put(credential, replacing, deadline)
        described = self._ask_in_time(put, "describe_secret", expecting="ARN", SecretId=self._name)
        if isinstance(described, Failure):
            if described.code != _NOT_FOUND:
                raise Rejected(described.of(self._called).sentence, code=described.code)
            self._create(put)
            return
        self._refuse_unfit(described)
        seen = self._look_in_time(put)
        if isinstance(seen.served, Unreadable):
            raise Rejected(seen.served.why)
        if self._render(credential, seen.text) == seen.text:
            return
        if not still_serves(seen.served, replacing, credential):
            raise self._changed()
        self._replace(put, seen, described.get("VersionIdsToStages", {}))

    def _described(self) -> Any | Failure:  # noqa: ANN401 - an answer is any JSON document
        return self._ask("describe_secret", expecting="ARN", SecretId=self._name)

    def _look(self) -> Seen:
        """What the version labelled AWSCURRENT says."""
        answer = self._ask(
            "get_secret_value",
            expecting="VersionId",
            SecretId=self._name,
            VersionStage=_CURRENT,
        )
        if isinstance(answer, Failure):
            if answer.code == _NOT_FOUND:
                return Seen(self._without_value())
            return Seen(Unreadable(answer.of(self._called).sentence))
        version: str = answer["VersionId"]
        text: str | None = answer.get("SecretString")
        if text is None:
            return Seen(Stranger("it is binary"), version)
        return Seen(served_by(self._format, text, answer.get("CreatedDate")), version, text)

    def _without_value(self) -> Served:
        """The service says "not found" of a secret and of its current value alike."""
        described = self._described()
        if isinstance(described, Failure):
            if described.code == _NOT_FOUND:
                return Absent()
            return Unreadable(described.of(self._called).sentence)
        labels = described.get("VersionIdsToStages", {}).values()
        if any(_CURRENT in stages for stages in labels):
            return Unreadable(f"{self._called} does not show its current value yet")
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
                raise Rejected(f"{self._called} {reason}")

    def _token(self, credential: Credential, replaced: str) -> str:
        """The version that this key becomes in the place of that one.

        The version that is replaced is part of it: its content never changes, so the same token
        always means the same value, as the service demands, whatever else happens to the secret.
        """
        return str(uuid5(_TOKENS, f"{self.place()}|{credential.access_key_id}|{replaced}"))

    def _create(self, put: Put) -> None:
        if put.replacing != Absent():
            raise Rejected(f"{self._called} is no longer there")
        if not self._context.spec.create:
            raise self._absent()
        key = self._options.kms_key_id
        answer = self._ask_in_time(
            put,
            "create_secret",
            expecting="ARN",
            Name=self._name,
            SecretString=self._render(put.credential, None),
            ClientRequestToken=self._token(put.credential, "none"),
            **self._creation(),
            **({"KmsKeyId": key} if key is not None else {}),
        )
        if isinstance(answer, Failure):
            self._conclude(put, answer)

    def _replace(self, put: Put, seen: Seen, labels: Mapping[str, Sequence[str]]) -> None:
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

    def _stage(self, put: Put, token: str, text: str) -> Any | Failure:  # noqa: ANN401 - as `_ask`
        return self._ask_in_time(
            put,
            "put_secret_value",
            expecting="VersionId",
            SecretId=self._name,
            SecretString=text,
            ClientRequestToken=token,
            VersionStages=[PENDING],
        )

    def _promote(self, put: Put, seen: Seen, token: str, *, doubt: bool) -> None:
        source = {"RemoveFromVersionId": seen.version} if seen.version else {}
        if not source and self._shows(put, self._look_in_time(put)):
            return  # the first version of a secret is current from its beginning
        answer = self._ask_in_time(
            put,
            "update_secret_version_stage",
            expecting="ARN",
            SecretId=self._name,
            VersionStage=_CURRENT,
            MoveToVersionId=token,
            **source,
        )
        if isinstance(answer, Failure):
            self._conclude(put, answer, doubt=doubt or not source)
