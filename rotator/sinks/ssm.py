"""The sink `ssm`: a parameter of AWS Systems Manager Parameter Store, always a SecureString.

The store has no compare-and-set: PutParameter overwrites whatever is there. Between the last look
and the put lies a moment in which somebody else's write would be lost. That it was is noticed: each
write is one version, so the version that the put answers must follow the one that was seen. (AWS
Systems Manager API reference: PutParameter, GetParameter, GetParameterHistory.)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from pydantic import AfterValidator, Field

from rotator.errors import OutcomeUnknown, Rejected
from rotator.model import Absent, NameProblem, Stranger, Unreadable
from rotator.sinks.aws_text import AwsText, AwsTextOptions
from rotator.sinks.base import (
    NameTemplate,
    SinkContext,
    SinkOptions,
    Statement,
    served_by,
)
from rotator.sinks.failure import LATE, Failure
from rotator.sinks.text import OneRequest, Put, Seen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rotator.model import Credential, Template

__all__ = ["SsmOptions", "SsmSink"]

_TYPE = "SecureString"
_NOT_FOUND = "ParameterNotFound"
_LEVELS_MAX = 15
_ARN_MAX = 1011
_NAME = re.compile(r"(/[A-Za-z0-9_.-]+)+")
_LITERAL = re.compile(r"[A-Za-z0-9_./-]*")
_RESERVED = re.compile(r"/(aws|ssm)", re.IGNORECASE)
_NESTS = "{{"
_PAGES_MAX = 4  # of 50 versions each; the store keeps 100
_TIERS = {
    "standard": ("Standard", 4096),
    "advanced": ("Advanced", 8192),
    "intelligent-tiering": ("Intelligent-Tiering", 8192),
}
_READING = ("ssm:GetParameter", "ssm:GetParameterHistory")
_WRITING = ("ssm:PutParameter",)
_TAGGING = ("ssm:AddTagsToResource",)
_CURES = {
    "HierarchyTypeMismatchException": "somebody has just made it a parameter of another type",
    "ParameterAlreadyExists": "somebody else has just made it",
    "ParameterMaxVersionLimitExceeded": "the oldest of its 100 versions has a label and so cannot "
    "make room: move that label to a newer version",
    "ParameterLimitExceeded": "the account has as many parameters as it may have",
    "TooManyUpdates": "somebody else is writing it right now",
}
"""What a person is told of an error code, beside the code."""


def _fits_the_store(name: Template) -> Template:
    """Refuse a template from which no user could get a name that the store takes."""
    text = name.text
    if not text.startswith(("/", "{path}")):
        raise ValueError(f"{text!r} does not begin with `/`, as the name of a parameter must")
    if not _LITERAL.fullmatch(re.sub(r"\{[^{}]*\}", "", text)):
        raise ValueError(f"{text!r} has more than letters, digits, `/` and _.- of its own")
    if "//" in name.prefix or text.endswith("/"):
        raise ValueError(f"{text!r} has an empty part, which no name of a parameter has")
    if _RESERVED.match(name.prefix):
        raise ValueError(f"{text!r} begins with /aws or /ssm; such names belong to AWS")
    return name


class SsmOptions(AwsTextOptions):
    """A parameter of AWS Systems Manager Parameter Store, always a SecureString."""

    name: Annotated[NameTemplate, AfterValidator(_fits_the_store)] = Field(
        description="The parameter's name, from its `/` on (not its ARN)."
    )
    kms_key_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9:/_-]{1,256}$",
        description="The KMS key. By default a parameter keeps its own, and one that is made has "
        "AWS's.",
    )
    tier: Literal["standard", "advanced", "intelligent-tiering"] = Field(
        default="standard",
        description="The tier: 4 KB, or 8 KB at a price. A parameter that is advanced stays so.",
    )


class SsmSink(AwsText, OneRequest):
    """One user's SecureString of AWS Parameter Store; other fields of its JSON are kept."""

    Options: ClassVar[type[SinkOptions]] = SsmOptions
    service: ClassVar[str] = "ssm"
    noun: ClassVar[str] = "parameter"

    def __init__(self, context: SinkContext) -> None:
        super().__init__(context)
        self._tier, self._limit = _TIERS[cast("SsmOptions", self._options).tier]
        if not _NAME.fullmatch(self._name) or self._name.count("/") > _LEVELS_MAX:
            raise NameProblem(
                f"{self._name!a} is no name of a parameter: letters, digits and _.- in up to"
                f" {_LEVELS_MAX} parts, each after a `/`"
            )
        if _RESERVED.match(self._name):
            raise NameProblem(f"{self._name!a} belongs to AWS, as all that begins with /aws, /ssm")

    @property
    def _address(self) -> str:
        return self._name.removeprefix("/")

    @property
    def _bytes_max(self) -> int:
        return self._limit

    @property
    def _arn(self) -> str:
        return self._arn_of(self.service, f"parameter{self._name}")

    def permissions(self) -> Sequence[Statement]:
        """Reading and writing this parameter; tagging it and using its key where that is wanted."""
        tagging = _TAGGING if self._context.spec.create and self._options.tags else ()
        actions = (*_READING, *_WRITING, *tagging)
        deliver = Statement(actions, (self._arn,), f"deliver to {self._called}")
        # Standard parameters are encrypted by KMS itself, advanced ones by a key that KMS makes.
        return (deliver, *self._encrypting("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"))

    def check(self) -> None:
        """Whether the parameter is a SecureString, or may be made, and has room for a credential.

        Permission to write cannot be asked for without writing: that shows at the first put.
        """
        if len(self._arn) > _ARN_MAX:
            raise Rejected(f"{self._called} has an ARN of more than {_ARN_MAX} characters")
        super().check()

    def _got(self) -> Mapping[str, Any] | Failure:
        answer = self._ask(
            "get_parameter", expecting="Parameter", Name=self._name, WithDecryption=True
        )
        if isinstance(answer, Failure):
            return answer
        parameter: Mapping[str, Any] = answer["Parameter"]
        if {"Type", "Value", "Version"} <= parameter.keys():
            return parameter
        return Failure("GetParameter got half an answer", "EmptyAnswer", is_certain=False)

    def _look(self) -> Seen:
        return self._seen(self._got())

    def _seen(self, got: Mapping[str, Any] | Failure) -> Seen:
        if isinstance(got, Failure):
            absent = got.code == _NOT_FOUND
            if absent:
                return Seen(Absent())
            return Seen(Unreadable(got.of(self._called).sentence), code=got.code)
        version = str(got["Version"])
        if got["Type"] != _TYPE:
            return Seen(Stranger(f"it is a {got['Type']}, not a {_TYPE}"), version)
        text: str = got["Value"]
        return Seen(served_by(self._format, text, got.get("LastModifiedDate")), version, text)

    def _latest(self, put: Put | None = None) -> Mapping[str, Any] | Failure:
        """The newest version as its history tells it: key, tier and policies; not decrypted."""
        latest: Mapping[str, Any] | None = None
        following: dict[str, str] = {}
        for _ in range(_PAGES_MAX):
            if put is not None and self._is_late(put):
                return LATE
            answer = self._ask(
                "get_parameter_history", expecting="Parameters", Name=self._name, **following
            )
            if isinstance(answer, Failure):
                return answer
            newest = [*([latest] if latest else []), *answer["Parameters"]]
            latest = max(newest, key=lambda version: version.get("Version", 0), default=None)
            if not answer.get("NextToken"):
                break
            following = {"NextToken": answer["NextToken"]}
        if latest is None:
            return Failure("its history is empty", "EmptyAnswer", is_certain=True)
        return latest

    def _refuse_unfit(self, seen: Seen) -> None:
        """A secret in a String would be in the clear, and AWS does not let a type be changed."""
        if seen.text is None and isinstance(seen.served, Stranger):
            raise Rejected(
                f"{self._called}: {seen.served.why}, and a type cannot be changed;"
                " delete it, or name another"
            )

    def _refuse_doomed(self, latest: Mapping[str, Any]) -> None:
        if any(policy.get("PolicyType") == "Expiration" for policy in latest.get("Policies", ())):
            raise Rejected(
                f"{self._called} has a policy that deletes it at a date;"
                " remove that policy, or name another parameter"
            )

    def _render(self, credential: Credential, existing: str | None) -> str:
        text = super()._render(credential, existing)
        if _NESTS in text:
            raise Rejected(f"{self._called} would hold `{_NESTS}`, which the store refuses")
        return text

    def _not_permitted(self, seen: Seen) -> Failure | None:
        if isinstance(seen.served, Absent):
            return None
        latest = self._latest()
        if isinstance(latest, Failure):
            return latest
        self._refuse_doomed(latest)
        return None

    def _write(self, put: Put, seen: Seen, text: str) -> Failure | None:
        if isinstance(seen.served, Absent):
            key = self._options.kms_key_id
            answer = self._put_parameter(put, text, key=key, tier=self._tier, **self._creation())
            return answer if isinstance(answer, Failure) else None
        latest = self._latest(put)
        if isinstance(latest, Failure):
            raise Rejected(latest.of(self._called).sentence, code=latest.code)
        self._refuse_doomed(latest)
        answer = self._put_parameter(
            put,
            text,
            # Without these it would get AWS's own key, and be refused for the lower tier.
            key=self._options.kms_key_id or latest.get("KeyId"),
            tier="Advanced" if latest.get("Tier") == "Advanced" else self._tier,
            Overwrite=True,
        )
        if isinstance(answer, Failure):
            return answer
        due = int(seen.version or 0) + 1
        if answer["Version"] != due:
            raise OutcomeUnknown(
                f"{self._called}: the put became version {answer['Version']} where {due} was due:"
                " somebody else wrote it at the same time, and what they wrote is in its history"
            )
        return None

    def _put_parameter(
        self,
        put: Put,
        text: str,
        *,
        key: str | None,
        tier: str,
        **given: Any,  # noqa: ANN401 - parameters are any JSON document
    ) -> Mapping[str, Any] | Failure:
        """One version more; without `Overwrite` only where nobody else has made it before."""
        keyed = {"KeyId": key} if key is not None else {}
        answer = self._ask_in_time(
            put,
            "put_parameter",
            expecting="Version",
            Name=self._name,
            Value=text,
            Type=_TYPE,
            Tier=tier,
            **keyed,
            **given,
        )
        if isinstance(answer, Failure) and answer.code in _CURES:
            sentence = f"{answer.sentence}: {_CURES[answer.code]}"
            return Failure(sentence, answer.code, answer.is_certain)
        return cast("Mapping[str, Any] | Failure", answer)
