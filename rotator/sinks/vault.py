"""The sink `vault`: a secret of the KV engine of HashiCorp Vault or OpenBao, version 2 or 1.

Version 2 has compare-and-set: a write names the version that was read, and is refused when another
has been written meanwhile. Version 1 has none: what was read is compared, and then replaced.
(HashiCorp Vault and OpenBao API: secret/kv-v2, secret/kv-v1, sys/capabilities-self.)
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast
from urllib.parse import quote, urlsplit

from pydantic import Field

from rotator.errors import Rejected
from rotator.model import Absent, Empty, NameProblem, Place, Stranger, Unreadable
from rotator.sinks.base import NameTemplate, SinkContext, SinkOptions, Statement, served_by
from rotator.sinks.failure import DENIED, Failure
from rotator.sinks.http import Answer, ServerUrl
from rotator.sinks.text import OneRequest, Put, Seen
from rotator.sinks.vault_session import Auth, Login, Session, session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["VaultOptions", "VaultSink"]

_PATH = re.compile(r"[\w+=,.@-]+(/[\w+=,.@-]+)*", re.ASCII)
_STEPS = frozenset({".", ".."})
_BYTES_MAX = 512 * 1024
"""Half of what the servers' storage takes by default for one entry (max_entry_size)."""

_FIELD = "credentials"
_VERSIONED = 2
_NO_ENGINE = "no handler for route"


class VaultOptions(SinkOptions):
    """A secret of a KV engine of HashiCorp Vault or OpenBao."""

    url: ServerUrl = Field(description="The server, such as `https://vault.example.com:8200`.")
    auth: Auth = Field(description="How the daemon logs in: `method` and its fields.")
    path: NameTemplate = Field(description="The secret's path within the engine, without `data/`.")
    mount: str = Field(default="secret", description="Where the engine is mounted.")
    kv_version: Literal[1, 2] = Field(default=2, description="The engine's version.")
    namespace: str = Field(default="", description="The namespace, where the server has some.")
    field: str | None = Field(
        default=None,
        description="The one field that holds the format's text. By default the fields of the "
        "formats `json` and `ses-smtp` are those of the secret, and any other format stands in "
        f"`{_FIELD}`.",
    )
    ca_file: str | None = Field(
        default=None, description="The authorities to trust (PEM); by default the system's."
    )


class VaultSink(OneRequest):
    """One user's secret in HashiCorp Vault or OpenBao; other fields of it are kept."""

    Options: ClassVar[type[SinkOptions]] = VaultOptions

    def __init__(self, context: SinkContext) -> None:
        super().__init__(context)
        self._options = cast("VaultOptions", context.spec.options)
        self._path = self._options.path.resolve(context.user).strip("/")
        if not _PATH.fullmatch(self._path) or _STEPS & set(self._path.split("/")):
            raise NameProblem(
                f"{self._path!a} is no path of a secret: letters, digits and _+=,.@- between `/`"
            )
        own_field = None if self._format.is_object else _FIELD
        self._field = self._options.field or own_field
        self._is_versioned = self._options.kv_version == _VERSIONED

    def place(self) -> Place:
        """Server, namespace, engine and path; hosts are spelt in lower case."""
        parts = urlsplit(self._options.url.lower())
        port = parts.port or (443 if parts.scheme == "https" else 80)
        where = (f"{parts.hostname}:{port}", self._options.namespace.strip("/"), self._mount)
        return Place("vault", "/".join(part for part in (*where, self._path) if part))

    def permissions(self) -> Sequence[Statement]:
        """None of AWS's; the policy of the server itself is in the documentation."""
        return ()

    @property
    def _called(self) -> str:
        return f"the secret {self._mount}/{self._path}"

    @property
    def _bytes_max(self) -> int:
        return _BYTES_MAX

    @property
    def _mount(self) -> str:
        return self._options.mount.strip("/")

    @property
    def _address(self) -> str:
        return quote(f"{self._mount}/{self._within}{self._path}")

    @property
    def _within(self) -> str:
        return "data/" if self._is_versioned else ""

    @cached_property
    def _session(self) -> Session:
        options = self._options
        login = Login(options.url, options.namespace, options.auth, self._context.base)
        return session(login, ca_file=options.ca_file)

    def _look(self) -> Seen:
        answer = self._session.read(self._address)
        if isinstance(answer, Failure):
            return Seen(Unreadable(answer.of(self._called).sentence), code=answer.code)
        found = answer.json()
        if answer.status == HTTPStatus.NOT_FOUND:
            return self._without_data(found)
        inner = found.get("data") if isinstance(found, dict) else None
        if self._is_versioned and isinstance(inner, dict):
            version, inner = _version(inner), inner.get("data")
        else:
            version = None
        if not isinstance(inner, dict) or (self._is_versioned and version is None):
            said = f"{self._called} was answered in another shape; is it KV version"
            return Seen(Unreadable(f"{said} {self._options.kv_version}?"), code="OddAnswer")
        return self._seen(inner, version)

    def _without_data(self, found: object) -> Seen:
        """There is none, or its newest version was deleted; any other "not found" is no answer."""
        inner = found.get("data") if isinstance(found, dict) else None
        if isinstance(inner, dict) and _version(inner) is not None:
            return Seen(Absent(), _version(inner))
        errors = found.get("errors") if isinstance(found, dict) else None
        if errors == []:
            return Seen(Absent(), "0")
        is_unmounted = isinstance(errors, list) and _NO_ENGINE in str(errors[:1])
        said = f"there is no engine at {self._mount}/" if is_unmounted else "it was answered 404"
        return Seen(Unreadable(f"{self._called}: {said}"), code="NoEngine")

    def _seen(self, fields: dict[str, Any], version: str | None) -> Seen:
        if self._field is None:
            text = json.dumps(fields)
            return Seen(served_by(self._format, text, None), version, text, fields)
        held = fields.get(self._field)
        if held is None:
            return Seen(Empty(), version, None, fields)
        if not isinstance(held, str):
            return Seen(Stranger(f"its field {self._field} is not text"), version, None, fields)
        return Seen(served_by(self._format, held, None), version, held, fields)

    def _would_change_nothing(self, put: Put, seen: Seen) -> bool:
        """The server keeps fields in an order of its own."""
        if seen.text is None:
            return False
        text = self._render(put.credential, seen.text)
        return text == seen.text if self._field else json.loads(text) == json.loads(seen.text)

    def _write(self, put: Put, seen: Seen, text: str) -> Failure | None:
        before = cast("dict[str, Any]", seen.beside or {})
        fields = json.loads(text) if self._field is None else {**before, self._field: text}
        document: Mapping[str, Any] = fields
        if self._is_versioned:
            document = {"options": {"cas": int(seen.version or 0)}, "data": fields}
        answer = self._session.write(self._address, document, is_late=lambda: self._is_late(put))
        if isinstance(answer, Failure):
            if answer.code == str(HTTPStatus.BAD_REQUEST.value):
                return Failure(
                    f"{answer.sentence}; it may have changed since", answer.code, is_certain=True
                )
            return answer
        if answer.status == HTTPStatus.NOT_FOUND:
            return Failure(f"there is no engine at {self._mount}/", "NoEngine", is_certain=True)
        is_plain_yes = answer.status == HTTPStatus.NO_CONTENT and not self._is_versioned
        if not is_plain_yes and not isinstance(answer.json(), dict):
            return Failure(
                "the write got an answer of another shape", "OddAnswer", is_certain=False
            )
        return None

    def check(self) -> None:
        """Whether the engine is of that version, and the secret can be read and written.

        Raises Rejected or ReadError with a sentence.
        """
        about = self._told(f"sys/internal/ui/mounts/{quote(self._mount)}", None, "options")
        given = about.get("version") if isinstance(about, dict) else None
        if given not in {None, str(self._options.kv_version)}:
            said = f"the engine at {self._mount}/ is KV version {given}; say `kv_version: {given}`"
            raise Rejected(f"{self._called}: {said}", code="OtherVersion")
        super().check()

    def _not_permitted(self, seen: Seen) -> Failure | None:
        """What the server says that this token may do; nothing where it does not say."""
        path = f"{self._mount}/{self._within}{self._path}"
        granted = self._told("sys/capabilities-self", {"paths": [path]}, path)
        wanted = "create" if isinstance(seen.served, Absent) else "update"
        if isinstance(granted, list) and not {wanted, "root"} & set(granted):
            return Failure(
                f"the token lacks the capability {wanted!r} on {path}", DENIED, is_certain=True
            )
        return None

    def _told(self, path: str, document: object, field: str) -> object:
        """One field of what the server says of itself; None where it does not say."""
        answer = self._session.read(path, document)
        found = answer.json() if isinstance(answer, Answer) else None
        inner = found.get("data") if isinstance(found, dict) else None
        return inner.get(field) if isinstance(inner, dict) else None


def _version(inner: Mapping[str, Any]) -> str | None:
    about = inner.get("metadata")
    version = about.get("version") if isinstance(about, dict) else None
    return str(version) if isinstance(version, int) else None
