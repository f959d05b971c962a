"""The format `aws-credentials`: a profile in the INI file that AWS's own tools share."""

from __future__ import annotations

import configparser
import re
from typing import TYPE_CHECKING

from pydantic import Field

from rotator.formats.base import Format, FormatReading, Source, interpret, values
from rotator.model import Credential, Empty, Stranger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["AwsCredentialsFormat"]

_FIELDS: Mapping[str, Source] = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
}
_OWN = frozenset({*_FIELDS, "aws_session_token", "aws_security_token"})
_SECTION = re.compile(r"\[(?P<name>.+)\]")
_OPTION = re.compile(r"(?P<name>[^\s#;=:][^=:]*?)\s*[=:]")
_NO_SECTION = "\n"  # botocore knows no section of defaults, and no file can name this one


class AwsCredentialsFormat(Format):
    """One profile of a shared credentials file; other profiles and settings are kept."""

    profile: str = Field(
        default="default",
        pattern=r"^[A-Za-z0-9_@%+=:,./-]+( [A-Za-z0-9_@%+=:,./-]+)*$",
        description="The profile whose key this is.",
    )

    def read(self, text: str) -> FormatReading:
        """What the profile says, read as botocore reads it; see `Format.read`."""
        parser = _parse(text)
        if parser is None:
            return Stranger("it is not a file of profiles")
        if not parser.has_section(self.profile):
            return Empty()
        profile = parser[self.profile]
        if profile.get("aws_session_token") or profile.get("aws_security_token"):
            return Stranger("it holds a session token, which belongs to a temporary key")
        return interpret((source, profile.get(name)) for name, source in _FIELDS.items())

    def compose(self, credential: Credential, existing: str | None) -> str:
        """The file with this profile's key set; see `Format.render`."""
        kept = existing if existing and _parse(existing) is not None else ""
        own = [f"{name} = {value}" for name, value in values(_FIELDS, credential).items()]
        lines = list(_without(kept.split("\n"), self.profile))
        while lines and not lines[-1].strip():
            lines.pop()
        header = next((at for at, line in enumerate(lines) if _section(line) == self.profile), None)
        if header is None:
            gap = [""] if lines else []
            lines += [*gap, f"[{self.profile}]", *own]
        else:
            lines[header + 1 : header + 1] = own
        return "".join(f"{line}\n" for line in lines)


def _parse(text: str) -> configparser.RawConfigParser | None:
    """The file as botocore understands it; None where it would refuse it."""
    if "\r" in text.replace("\r\n", "\n"):
        return None
    parser = configparser.RawConfigParser(default_section=_NO_SECTION)
    try:
        parser.read_string(text)
    except configparser.Error:
        # The error holds lines of the text: it must go no further.
        return None
    return parser


def _section(line: str) -> str | None:
    match = _SECTION.match(line)
    return match["name"] if match else None


def _without(lines: list[str], profile: str) -> Iterator[str]:
    """The lines but for this profile's key, with the indented lines that go on such a line."""
    section: str | None = None
    dropping = False
    for line in lines:
        if not line[:1].isspace():
            section = _section(line) or section
            option = _OPTION.match(line)
            own = option is not None and option["name"].lower() in _OWN
            dropping = own and section == profile and _section(line) is None
        elif not line.strip():
            dropping = False
        if not dropping:
            yield line
