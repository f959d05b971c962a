"""One request over HTTP, sent once: an answer, or what is known when there is none.

For all sinks that speak to a server which is none of AWS's. A redirect is never followed: it would
carry a token, or a secret, to a host that nobody named. An answer is read up to a limit of bytes
and of time. The environment's proxies are used, as everywhere (HTTPS_PROXY, NO_PROXY).
"""

from __future__ import annotations

import json
import re
import ssl
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from pydantic import AfterValidator
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NewConnectionError,
    ProxyError,
)

from rotator.errors import ReadError
from rotator.sinks.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["BYTES_MAX", "Answer", "Http", "ServerUrl", "Trust"]

BYTES_MAX = 1024 * 1024
"""The largest answer that is read; a credential and what surrounds it are far smaller."""

_SERVER = re.compile(r"https?://[^\s/?#@]+/?")


def _server(url: str) -> str:
    if not _SERVER.fullmatch(url):
        raise ValueError(f"{url!r} must be `https://HOST` or `https://HOST:PORT`, without a path")
    if url.startswith("http:") and not _HERE.fullmatch(urlsplit(url).hostname or ""):
        raise ValueError(f"{url!r} would send secrets in the clear: say `https`")
    return url.rstrip("/")


_HERE = re.compile(r"localhost|127(\.[0-9]+){3}|::1")
"""This very machine, where an agent may listen: what is sent there crosses no network."""


ServerUrl = Annotated[str, AfterValidator(_server)]
"""The type of an option that names a server."""

SECONDS = 20.0
"""How long one request may take from its beginning to the last byte of its answer."""

CONNECT_SECONDS = 5.0
"""How long a connection may take: a server that does not answer at all is soon given up."""

_NOT_SENT = (ConnectTimeoutError, LocationParseError, NewConnectionError, ProxyError)
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: whatever its status, but no redirect."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"

    @property
    def is_ok(self) -> bool:
        """Whether it is a yes."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def json(self) -> Any:  # noqa: ANN401 - any JSON document
        """The document in it; None where it holds none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            # The error would hold the text.
            return None

    def refused(self, request: str, *, said: str = "") -> Failure:
        """The failure that this answer is.

        What a server refuses with a 4xx it has not done, but for 408 and 409, which may be said
        of an earlier try, and for what somebody in between may answer for it.
        """
        refusals = range(HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR)
        certain = self.status in refusals and self.status != HTTPStatus.REQUEST_TIMEOUT
        why = f": {said}" if said else ""
        sentence = f"{request} was answered {self.status}{why}"
        return Failure(sentence, str(self.status), is_certain=certain)


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a connection trusts, and what it shows of itself.

    Attributes:
        ca_file: the authorities; None: those of the system.
        certificate, key: of ourselves, for mutual TLS; PEM files.
    """

    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Raises ReadError where a file cannot be used."""
        try:
            made = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate is not None:
                made.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as exc:
            named = ", ".join(str(one) for one in (self.ca_file, self.certificate) if one)
            why = exc.strerror or type(exc).__name__
            raise ReadError(f"the certificates of {named} cannot be used: {why}") from None
        return made


class Http:
    """Requests to one server.

    Raises ReadError, when made, for a certificate that cannot be used.
    """

    def __init__(self, base: str, *, trust: Trust | None = None) -> None:
        self._base = base.rstrip("/")
        self._seconds = SECONDS
        parts = urlsplit(self._base)
        given: dict[str, Any] = {"retries": False, "maxsize": 1}
        if parts.scheme == "https":
            given["ssl_context"] = (trust or Trust()).context()
        proxy = getproxies().get(parts.scheme)
        if proxy and not proxy_bypass(parts.hostname or ""):
            self._pool: urllib3.PoolManager = urllib3.ProxyManager(proxy, **given)
        else:
            self._pool = urllib3.PoolManager(**given)

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        document: object = None,
    ) -> Answer | Failure:
        """Send one request, once; `document` is a body as JSON."""
        given = dict(headers or {})
        if document is not None:
            body = json.dumps(document).encode()
            given.setdefault("Content-Type", "application/json")
        ends = time.monotonic() + self._seconds
        request = f"{method} {path}"
        try:
            raw = self._pool.request(
                method,
                self._base + path,
                headers=given,
                body=body,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, total=self._seconds),
            )
            try:
                text = _read(raw, ends)
            finally:
                raw.close()
        except Exception as exc:  # noqa: BLE001 - whatever cannot be parsed raises is no answer
            return _unanswered(request, exc)
        if text is None:
            said = f"got an answer that is longer than {BYTES_MAX} bytes, or takes too long"
            return Failure(f"{request} {said}", "LongAnswer", is_certain=False)
        answer = Answer(raw.status, raw.headers, text)
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
            said = f"was answered {answer.status}, a redirect, which is not followed"
            return Failure(f"{request} {said}", "Redirect", is_certain=False)
        return answer

    def close(self) -> None:
        """Close what is open."""
        self._pool.clear()


def _read(raw: urllib3.BaseHTTPResponse, ends: float) -> bytes | None:
    """The whole answer; None where it is too long, or does not end in time."""
    found = bytearray()
    # What has arrived, and not until so much has: an answer may come a byte at a time.
    while chunk := raw.read1(_CHUNK):
        found += chunk
        if len(found) > BYTES_MAX or time.monotonic() > ends:
            return None
    return bytes(found)


def _unanswered(request: str, exc: Exception) -> Failure:
    kind = type(exc).__name__
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in (exc, *exc.args)):
        said = "was not sent: the server's certificate is not trusted, or is another host's"
        return Failure(f"{request} {said}", kind, is_certain=True)
    certain = isinstance(exc, _NOT_SENT)
    said = "could not be sent" if certain else "got no answer that can be read"
    return Failure(f"{request} {said} ({kind})", kind, is_certain=certain)
