"""What moto lacks of the two services that keep secrets: Secrets Manager and Parameter Store.

Each method names what AWS does (and how that is known) and what moto does; see `moto_gaps`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.secretsmanager.exceptions import InvalidRequestException, ValidationException
from moto.secretsmanager.models import FakeSecret
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.ssm.exceptions import SSMException
from moto.ssm.exceptions import ValidationException as SsmInvalid
from moto.ssm.responses import SimpleSystemManagerResponse

if TYPE_CHECKING:
    from moto.core.responses import ActionResult

__all__ = ["FaithfulSecretsManager", "FaithfulSsm"]

_SECRET_MAX = 65536
_PARAMETER_MAX = {"Standard": 4096, "Advanced": 8192, "Intelligent-Tiering": 8192}
_MARKED = "You can't perform this operation on the secret because it was marked for deletion."


class FaithfulSecretsManager(SecretsManagerResponse):
    """Secrets Manager, where moto's takes what AWS refuses."""

    def create_secret(self) -> str:
        """A name that is scheduled for deletion is InvalidRequestException (API reference,
        CreateSecret); moto says ResourceExistsException.
        """
        self._refuse_deleted(
            self._get_param("Name"),
            "You can't create this secret because a secret with this name is already scheduled "
            "for deletion.",
        )
        self._refuse_large()
        return super().create_secret()

    def put_secret_value(self) -> str:
        """A secret that is scheduled for deletion is InvalidRequestException (API reference,
        PutSecretValue), and 65536 bytes are the limit (quotas); moto writes both.
        """
        self._refuse_deleted(self._get_param("SecretId"), _MARKED)
        self._refuse_large()
        return super().put_secret_value()

    def update_secret_version_stage(self) -> str:
        """A secret that is scheduled for deletion is InvalidRequestException (API reference,
        UpdateSecretVersionStage); moto moves its labels. Whoever asks for no version gets the one
        that AWSCURRENT was moved to (reference: GetSecretValue); moto goes on giving the old one.
        """
        self._refuse_deleted(self._get_param("SecretId"), _MARKED)
        answer = super().update_secret_version_stage()
        secret = self.backend.secrets.get(self._get_param("SecretId"))
        moved_to = self._get_param("MoveToVersionId")
        if isinstance(secret, FakeSecret) and self._get_param("VersionStage") == "AWSCURRENT":
            secret.set_default_version_id(moved_to or None)
        return answer

    def _refuse_deleted(self, secret_id: str, sentence: str) -> None:
        secret = self.backend.secrets.get(secret_id)
        if secret is not None and secret.is_deleted():
            raise InvalidRequestException(sentence)

    def _refuse_large(self) -> None:
        text: str | None = self._get_param("SecretString")
        if text is not None and len(text.encode()) > _SECRET_MAX:
            raise ValidationException(
                "1 validation error detected: Value at 'secretString' failed to satisfy "
                f"constraint: Member must have length less than or equal to {_SECRET_MAX}"
            )


class HierarchyTypeMismatch(SSMException):
    """The type of a parameter would change."""

    def __init__(self) -> None:
        super().__init__(
            "HierarchyTypeMismatchException", "The type of a parameter can't be changed."
        )


class FaithfulSsm(SimpleSystemManagerResponse):
    """Parameter Store, where moto's takes what AWS refuses."""

    def put_parameter(self) -> ActionResult:
        """A type never changes, 4 or 8 KB are the limit, a value nests no other parameter, and an
        advanced parameter does not become a standard one (API reference, PutParameter; the last as
        its error message is quoted). moto takes all of it.
        """
        name, value = self._get_param("Name"), self._get_param("Value")
        versions = self.ssm_backend._parameters.get(name)  # noqa: SLF001 - moto has no other way in
        before = versions[-1] if versions else None
        tier = self._get_param("Tier") or (before and before.tier) or "Standard"
        if before is not None and self._get_param("Overwrite"):
            if self._get_param("Type") not in {None, before.parameter_type}:
                raise HierarchyTypeMismatch
            if before.tier == "Advanced" and tier == "Standard":
                raise SsmInvalid(
                    "This parameter uses the advanced-parameter tier. You can't downgrade a "
                    "parameter from the advanced-parameter tier to the standard-parameter tier."
                )
        if len(value.encode()) > _PARAMETER_MAX[tier]:
            raise SsmInvalid(
                f"{tier} tier parameters support a maximum parameter value of "
                f"{_PARAMETER_MAX[tier]} characters."
            )
        if "{{" in value:
            raise SsmInvalid(
                'Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.'
            )
        return super().put_parameter()
