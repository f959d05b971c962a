"""One request of a sink to an AWS service: an answer, or what is known when there is none.

Nothing is raised here, and no library's error is handed on: botocore puts parameters and bodies
into its messages, and those of a sink hold secrets. An error that is raised later, outside of any
`except`, carries no trace of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
)
from botocore.parsers import ResponseParserError

from rotator.errors import AccessDenied, ReadError, RotatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotator.sinks.base import SinkContext

__all__ = ["Failure", "ask", "client_of"]

_NOT_SENT = (
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
)
_SECRET = frozenset({"SecretString", "Value"})
"""Parameters that hold a secret; the message of an error may quote them."""

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer to use.

    Attributes:
        sentence: for people; holds nothing of a request or an answer that may be secret.
        code: the service's error code, else the kind of failure.
        is_certain: nothing happened, for certain.
    """

    sentence: str
    code: str
    is_certain: bool

    def as_read_error(self) -> ReadError:
        """The error of one who only wanted to know."""
        kind = AccessDenied if self.code in _DENIED else ReadError
        return kind(self.sentence, code=self.code)


def client_of(context: SinkContext, service: str, region: str | None) -> Any | Failure:  # noqa: ANN401 - boto3 makes its clients' classes at run time
    """The client of the account that the sink lives in."""
    try:
        return context.client(service, region)
    except RotatorError as exc:
        return Failure(str(exc), type(exc).__name__, is_certain=True)
    except (BotoCoreError, ClientError) as exc:
        sentence = f"no client of {service} can be made ({type(exc).__name__})"
        return Failure(sentence, type(exc).__name__, is_certain=True)


def ask(client: object, method: str, *, expecting: str, **parameters: object) -> Any | Failure:  # noqa: ANN401 - an answer is any JSON document
    """Send one request, once. An answer that lacks the field `expecting` is none."""
    if isinstance(client, Failure):
        return client
    request = "".join(word.capitalize() for word in method.split("_"))
    try:
        answer: Mapping[str, Any] = getattr(client, method)(**parameters)
    except ClientError as exc:
        return _refused(request, exc, quotes=not _SECRET.isdisjoint(parameters))
    except (BotoCoreError, ResponseParserError) as exc:
        kind = type(exc).__name__
        certain = isinstance(exc, _NOT_SENT)
        said = "could not be sent" if certain else "got no answer that can be read"
        return Failure(f"{request} {said} ({kind})", kind, is_certain=certain)
    if expecting not in answer:
        return Failure(f"{request} got an empty answer", "EmptyAnswer", is_certain=False)
    return answer


def _refused(request: str, exc: ClientError, *, quotes: bool) -> Failure:
    """An error answer; its message may quote the request, so it is left out where that matters."""
    error = exc.response.get("Error", {})
    about = exc.response.get("ResponseMetadata", {})
    status, code = about.get("HTTPStatusCode", 0), error.get("Code", "")
    final = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    certain = final and status != HTTPStatus.REQUEST_TIMEOUT and not about.get("RetryAttempts")
    message = "" if quotes or not final else f": {error.get('Message', '')}"
    return Failure(f"{request} was answered {status} {code}{message}", code, is_certain=certain)
