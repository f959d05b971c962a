"""The format `ses-smtp`: what a mailer needs to send by Amazon SES, one object.

The password is derived from the secret for one region, by the algorithm that AWS publishes (Amazon
SES Developer Guide, "Obtaining your SMTP credentials by converting existing AWS credentials").
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from rotator.formats.base import Format, FormatReading
from rotator.formats.json_object import dump_object, parse_object
from rotator.model import Credential, Empty, Secret, Stranger

__all__ = ["SesSmtpFormat", "smtp_password"]

_VERSION = b"\x04"
_STEPS = ("{region}", "ses", "aws4_request", "SendRawEmail")
_DATE = "11111111"

Part = Literal["username", "password"]


class SesSmtpFormat(Format):
    """A JSON object with the user name and password of Amazon SES's SMTP endpoint of one region."""

    is_object: ClassVar[bool] = True

    region: str = Field(
        pattern=r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$",
        description="The region in which mail is sent: its password works in no other.",
    )
    fields: dict[str, Part] = Field(
        default={"SMTP_USERNAME": "username", "SMTP_PASSWORD": "password"},
        description="Names of the object's fields and what each holds.",
    )
    constants: dict[str, str | int | bool] = Field(
        default={}, description="Further fields with a fixed value, such as the server's name."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        lacking = {"username", "password"} - set(self.fields.values())
        if lacking:
            raise ValueError(f"fields has no name for {' and '.join(sorted(lacking))}")
        doubled = sorted(set(self.fields) & set(self.constants))
        if doubled:
            raise ValueError(f"{', '.join(doubled)} cannot be both a field and a constant")
        return self

    @property
    def one_way_because(self) -> str | None:
        """Always: a signature gives no key back."""
        return "an SMTP password is derived from the secret, which cannot be had from it again"

    def read(self, text: str) -> FormatReading:
        """Whether anything is there; see `Format.read`."""
        found = parse_object(text)
        if isinstance(found, Stranger):
            return found
        if not any(found.get(name) for name in self.fields):
            return Empty()
        return Stranger("an SMTP password does not tell whose secret it is derived from")

    def compose(self, credential: Credential, existing: str | None) -> str:
        """The object with its own fields set, the others kept; see `Format.render`."""
        found = parse_object(existing or "")
        kept = {} if isinstance(found, Stranger) else found
        parts: dict[Part, str] = {
            "username": credential.access_key_id,
            "password": smtp_password(credential.secret_access_key, self.region),
        }
        own = {name: parts[part] for name, part in self.fields.items()}
        return dump_object({**kept, **self.constants, **own})


def smtp_password(secret: Secret, region: str) -> str:
    """The password for the SMTP endpoint of one region; as secret as what it is derived from."""
    signature = ("AWS4" + secret.reveal()).encode()
    for step in (_DATE, *_STEPS):
        message = step.format(region=region).encode()
        signature = hmac.new(signature, message, hashlib.sha256).digest()
    return base64.b64encode(_VERSION + signature).decode()
