"""Formats: what is written, apart from where. A credential becomes text, and text one again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.formats.aws_credentials import AwsCredentialsFormat
from rotator.formats.base import Format, FormatReading
from rotator.formats.env import EnvFormat
from rotator.formats.json_object import JsonFormat
from rotator.formats.ses_smtp import SesSmtpFormat
from rotator.formats.template import TemplateFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FORMATS",
    "AwsCredentialsFormat",
    "EnvFormat",
    "Format",
    "FormatReading",
    "JsonFormat",
    "SesSmtpFormat",
    "TemplateFormat",
]

FORMATS: Mapping[str, type[Format]] = {
    "aws-credentials": AwsCredentialsFormat,
    "env": EnvFormat,
    "json": JsonFormat,
    "ses-smtp": SesSmtpFormat,
    "template": TemplateFormat,
}
"""The formats by the name that a policy calls them; each class is also its options' model."""
