"""A small WSGI application: `/healthz`, `/readyz` and `/metrics`, to be read and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from rotator.outlets.metrics import CONTENT_TYPE
from rotator.outlets.redaction import Redaction
from rotator.web.cached import Cached, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["make_app"]

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_METHODS = ("GET", "HEAD")

_SECURITY = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    body: bytes
    content_type: str = _TEXT
    headers: tuple[tuple[str, str], ...] = ()


def make_app(
    *,
    alive: Callable[[], bool],
    problems: Callable[[], Sequence[str]],
    metrics: Callable[[], bytes],
    fresh: float = 1.0,
    stale_max: float = 15.0,
) -> WSGIApplication:
    """Put the application together from what it asks.

    Args:
        alive: whether the daemon's loop turned within a minute. Neither AWS nor the store may
            have a say in it: their absence is no reason to restart a daemon.
        problems: what keeps the daemon from working (store, configuration), one sentence each.
        metrics: all metrics in Prometheus's text format.
        fresh: for so many seconds an answer of `problems` or `metrics` is given again.
        stale_max: for so many seconds it is given while a new one is being waited for; after that
            the answer is 503, and says so.

    What these raise goes to the server, which logs it and answers 500 without saying why.
    """
    ask_problems = Cached(problems, fresh=fresh, stale_max=stale_max)
    ask_metrics = Cached(metrics, fresh=fresh, stale_max=stale_max)
    pages: Mapping[str, Callable[[], _Answer]] = {
        "/healthz": lambda: _healthz(alive=alive()),
        "/readyz": lambda: _readyz(ask_problems),
        "/metrics": lambda: _metrics(ask_metrics),
    }

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        answer = _answer(pages, method, environ.get("PATH_INFO", ""))
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            *answer.headers,
            *_SECURITY,
        ]
        start_response(f"{answer.status.value} {answer.status.phrase}", headers)
        return [] if method == "HEAD" else [answer.body]

    return app


def _answer(pages: Mapping[str, Callable[[], _Answer]], method: str, path: str) -> _Answer:
    page = pages.get(path)
    if page is None:
        return _Answer(HTTPStatus.NOT_FOUND, b"There is nothing here.\n")
    if method not in _METHODS:
        allow = (("Allow", ", ".join(_METHODS)),)
        return _Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"This can only be read.\n", headers=allow)
    return page()


def _healthz(*, alive: bool) -> _Answer:
    if alive:
        return _Answer(HTTPStatus.OK, b"The daemon's loop turns.\n")
    return _Answer(
        HTTPStatus.SERVICE_UNAVAILABLE, b"The daemon's loop has not turned for over a minute.\n"
    )


def _readyz(ask: Cached[Sequence[str]]) -> _Answer:
    try:
        found = [_PUBLIC.text(sentence) for sentence in ask.get()]
    except NoAnswer as exc:
        found = [f"The store gives {exc}."]
    status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
    body = json.dumps({"ready": not found, "problems": found}) + "\n"
    return _Answer(status, body.encode(), _JSON)


def _metrics(ask: Cached[bytes]) -> _Answer:
    try:
        return _Answer(HTTPStatus.OK, ask.get(), CONTENT_TYPE)
    except NoAnswer as exc:
        sentence = f"The store gives {exc}.\n"
        return _Answer(HTTPStatus.SERVICE_UNAVAILABLE, sentence.encode())


_PUBLIC = Redaction()
