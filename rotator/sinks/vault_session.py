"""A token for Vault or OpenBao: got by one of their auth methods, kept in memory, renewed in time.

All places behind one server and one login share a session. (HashiCorp Vault and OpenBao API:
auth/token, auth/approle, auth/kubernetes.)
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field, model_validator

from rotator.sinks.base import SecretText, SinkOptions
from rotator.sinks.failure import DENIED, LATE, Failure
from rotator.sinks.http import Answer, Http, Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Self

__all__ = ["Auth", "Login", "Session", "session"]

RENEWED_AFTER = 0.5
"""The part of a token's life after which it is renewed: half is left where a renewal fails."""

REFUSED_FOR = 5.0
"""Seconds for which a login that failed is not tried again: many places wait behind one login."""

_JWT_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/token"
_SEALED = "Vault is sealed"
_SAID_MAX = 200


class ByToken(SinkOptions):
    """A token that somebody else provides, such as an agent beside the daemon."""

    method: Literal["token"] = Field(description="How it logs in.")
    token: SecretText | None = Field(default=None, description="The token, such as `${NAME}`.")
    token_file: str | None = Field(
        default=None, description="A file that holds it, read again when it has ended."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.token is None) == (self.token_file is None):
            raise ValueError("needs either `token` or `token_file`")
        return self


class ByAppRole(SinkOptions):
    """An AppRole: its id, and the secret id that goes with it."""

    method: Literal["approle"] = Field(description="How it logs in.")
    role_id: str = Field(description="The role's id.")
    secret_id: SecretText | None = Field(
        default=None, description="The secret id, such as `${NAME}`, where the role binds one."
    )
    secret_id_file: str | None = Field(
        default=None, description="A file that holds it, read at each login."
    )
    mount: str = Field(default="approle", description="Where the method is mounted.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.secret_id is not None and self.secret_id_file is not None:
            raise ValueError("needs only one of `secret_id` and `secret_id_file`")
        return self


class ByKubernetes(SinkOptions):
    """The service account of the pod in which the daemon runs."""

    method: Literal["kubernetes"] = Field(description="How it logs in.")
    role: str = Field(description="The role of the method that is bound to the service account.")
    jwt_file: str = Field(default=_JWT_FILE, description="The service account's token.")
    mount: str = Field(default="kubernetes", description="Where the method is mounted.")


Auth = Annotated[ByToken | ByAppRole | ByKubernetes, Field(discriminator="method")]
"""How a token is come by; the fields of one method."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in where; `base` is the folder from which relative paths start."""

    url: str
    namespace: str
    auth: Auth
    base: Path


@dataclass(slots=True)
class _Token:
    """A token and, by the monotonic clock, when it is to be renewed and when it ends."""

    value: str = field(repr=False)
    renew_at: float | None = None
    ends_at: float | None = None
    renewable: bool = False


class Session:
    """Requests to one server, each with a token that is alive.

    A request that is answered 403 is sent once more with a new token: an expired one and a missing
    permission have the same answer, and a refused request has done nothing.
    """

    def __init__(self, http: Http, login: Login) -> None:
        self._http = http
        self._headers = {"X-Vault-Request": "true"}
        if login.namespace:
            self._headers["X-Vault-Namespace"] = login.namespace
        self._auth = login.auth
        self._base = login.base
        self._token: _Token | None = None
        self._refused: tuple[Failure, float] | None = None
        self._lock = Lock()

    def read(self, path: str, document: object = None) -> Answer | Failure:
        """One request that changes nothing, answered with a yes or a 404.

        `path` is what follows `/v1/`; with a document it is asked for by POST.
        """
        method = "GET" if document is None else "POST"
        return self._send(method, path, document, is_late=lambda: False, quotes=False)

    def write(
        self, path: str, document: object, *, is_late: Callable[[], bool]
    ) -> Answer | Failure:
        """One request that writes a secret; none is begun once `is_late` says so.

        Nothing that is answered is told but by its status: it may quote the secret.
        """
        return self._send("POST", path, document, is_late=is_late, quotes=True)

    def _send(
        self, method: str, path: str, document: object, *, is_late: Callable[[], bool], quotes: bool
    ) -> Answer | Failure:
        token = self._alive()
        if isinstance(token, Failure):
            return token
        answer = LATE if is_late() else self._ask(method, path, document, token)
        if isinstance(answer, Answer) and answer.status == HTTPStatus.FORBIDDEN:
            renewed = self._alive(instead_of=token)
            if isinstance(renewed, Failure):
                return renewed
            if renewed is not token:
                answer = LATE if is_late() else self._ask(method, path, document, renewed)
        if isinstance(answer, Failure) or answer.is_ok:
            return answer
        return answer if answer.status == HTTPStatus.NOT_FOUND else refused(answer, quotes=quotes)

    def _ask(
        self, method: str, path: str, document: object, token: _Token | None
    ) -> Answer | Failure:
        headers = dict(self._headers)
        if token is not None:
            headers["X-Vault-Token"] = token.value
        return self._http.send(method, f"/v1/{path}", headers=headers, document=document)

    def _alive(self, *, instead_of: _Token | None = None) -> _Token | Failure:
        """A token that has not ended, renewed where half of its life is over."""
        with self._lock:
            now = time.monotonic()
            token = self._token
            if token is None or token is instead_of or (token.ends_at or now + 1) <= now:
                return self._logged_in(token, now)
            if token.renewable and token.renew_at is not None and token.renew_at <= now:
                self._renew(token, now)
            return token

    def _logged_in(self, before: _Token | None, now: float) -> _Token | Failure:
        """A new token; where the last try was refused just now, that it was."""
        if self._refused is not None and now < self._refused[1] + REFUSED_FOR:
            return self._refused[0]
        token = self._log_in(before)
        self._refused = (token, time.monotonic()) if isinstance(token, Failure) else None
        return token

    def _log_in(self, before: _Token | None) -> _Token | Failure:
        if isinstance(self._auth, ByToken):
            return self._given(self._auth, before)
        document = _shown(self._auth, self._base)
        if isinstance(document, Failure):
            return document
        path = f"auth/{quote(self._auth.mount)}/login"
        answer = self._ask("POST", path, document, None)
        if isinstance(answer, Failure):
            return Failure(answer.sentence, answer.code, is_certain=True)
        granted = (answer.json() or {}).get("auth") if answer.is_ok else None
        if not isinstance(granted, dict) or not isinstance(granted.get("client_token"), str):
            failure = refused(answer, quotes=True)
            sentence = f"the login at {path} was refused: {failure.sentence}"
            return Failure(sentence, DENIED, is_certain=True)
        self._token = _token(granted["client_token"], granted, "lease_duration")
        return self._token

    def _given(self, auth: ByToken, before: _Token | None) -> _Token | Failure:
        """The token that somebody else provides; a file is read again when its token has ended."""
        text = auth.token.reveal() if auth.token else _content(self._base / str(auth.token_file))
        if isinstance(text, Failure):
            return text
        if before is not None and before.value == text:
            # There is no other; whether it is still good is for the server to say.
            before.ends_at = None
            return before
        token = _Token(text)
        answer = self._ask("GET", "auth/token/lookup-self", None, token)
        about = (answer.json() or {}).get("data") if isinstance(answer, Answer) else None
        self._token = _token(text, about, "ttl") if isinstance(about, dict) else token
        return self._token

    def _renew(self, token: _Token, now: float) -> None:
        """Lengthen the token's life; where that fails it is used until it ends."""
        answer = self._ask("POST", "auth/token/renew-self", {}, token)
        granted = (answer.json() or {}).get("auth") if isinstance(answer, Answer) else None
        if isinstance(granted, dict) and isinstance(granted.get("lease_duration"), int):
            longer = _token(token.value, granted, "lease_duration")
            token.renew_at, token.ends_at = longer.renew_at, longer.ends_at
            token.renewable = longer.renewable
        elif token.ends_at is not None:
            token.renew_at = now + (token.ends_at - now) * RENEWED_AFTER


def _shown(auth: ByAppRole | ByKubernetes, base: Path) -> dict[str, str] | Failure:
    """What a login shows of who we are."""
    if isinstance(auth, ByKubernetes):
        jwt = _content(base / auth.jwt_file)
        return jwt if isinstance(jwt, Failure) else {"role": auth.role, "jwt": jwt}
    if auth.secret_id_file is not None:
        secret = _content(base / auth.secret_id_file)
        return secret if isinstance(secret, Failure) else _of_role(auth, secret)
    return _of_role(auth, auth.secret_id.reveal() if auth.secret_id else None)


def _of_role(auth: ByAppRole, secret: str | None) -> dict[str, str]:
    return {"role_id": auth.role_id} | ({} if secret is None else {"secret_id": secret})


def _token(value: str, about: Mapping[str, Any], life: str) -> _Token:
    seconds = about.get(life)
    if not isinstance(seconds, int) or seconds <= 0:
        return _Token(value)
    now = time.monotonic()
    renewable = about.get("renewable") is True
    return _Token(value, now + seconds * RENEWED_AFTER, now + seconds, renewable)


def _content(path: Path) -> str | Failure:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as exc:
        why = getattr(exc, "strerror", None) or type(exc).__name__
        return Failure(f"the file {path} cannot be read: {why}", "NoLogin", is_certain=True)


def refused(answer: Answer, *, quotes: bool) -> Failure:
    """What a server says no with: 403, sealed, or another sentence of its own."""
    errors = (answer.json() or {}) if isinstance(answer.json(), dict) else {}
    said = "; ".join(str(one) for one in errors.get("errors") or ())[:_SAID_MAX].strip()
    if said == _SEALED:
        return Failure("it is sealed", "Sealed", is_certain=True)
    if answer.status == HTTPStatus.FORBIDDEN:
        why = "permission denied (or the token has ended)"
        return Failure(why, DENIED, is_certain=True)
    return answer.refused("the request", said="" if quotes else said.replace("\n", " "))


_SESSIONS: dict[tuple[Login, str | None], Session] = {}
_SESSIONS_LOCK = Lock()


def session(login: Login, *, ca_file: str | None) -> Session:
    """The session of all places behind this server and this login; raises ReadError."""
    with _SESSIONS_LOCK:
        if (login, ca_file) not in _SESSIONS:
            trust = Trust(None if ca_file is None else login.base / ca_file)
            _SESSIONS[login, ca_file] = Session(Http(login.url, trust=trust), login)
        return _SESSIONS[login, ca_file]
