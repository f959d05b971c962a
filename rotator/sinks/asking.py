"""One request of a sink to an AWS service: an answer, or what is known when there is none.

Nothing is raised here, and no library's error is handed on: botocore puts parameters and bodies
into its messages, and those of a sink hold secrets. An error that is raised later, outside of any
`except`, carries no trace of them.
"""

from __future__ import annotations

import re
from datetime import datetime
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

from rotator.errors import RotatorError
from rotator.sinks.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotator.sinks.base import SinkContext

__all__ = ["ask", "client_of"]

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

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""How the error codes of AWS are spelt; what is not spelt so may be anything."""


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
    except Exception as exc:  # noqa: BLE001 - what cannot be parsed raises anything, and is no answer
        kind = type(exc).__name__
        certain = isinstance(exc, _NOT_SENT)
        said = "could not be sent" if certain else "got no answer that can be read"
        return Failure(f"{request} {said} ({kind})", kind, is_certain=certain)
    if expecting not in answer:
        return Failure(f"{request} got an empty answer", "EmptyAnswer", is_certain=False)
    if not _fits(client, request, answer):
        return Failure(f"{request} got an answer of another shape", "OddAnswer", is_certain=False)
    return answer


def _fits(client: object, request: str, answer: Mapping[str, Any]) -> bool:
    """Whether each part has the type that the service's model says; botocore passes any on."""
    meta = getattr(client, "meta", None)
    if meta is None:
        return True
    shape = meta.service_model.operation_model(request).output_shape
    return shape is None or _has_shape(shape, {k: v for k, v in answer.items() if k != _ABOUT})


def _has_shape(shape: Any, value: object) -> bool:  # noqa: ANN401 - botocore's shapes are of several classes
    if isinstance(value, dict):
        if shape.type_name == "structure":
            return all(
                _has_shape(shape.members[k], v) for k, v in value.items() if k in shape.members
            )
        return shape.type_name == "map" and all(
            isinstance(k, str) and _has_shape(shape.value, v) for k, v in value.items()
        )
    if isinstance(value, list):
        return shape.type_name == "list" and all(_has_shape(shape.member, v) for v in value)
    return isinstance(value, _TYPES.get(shape.type_name, ()))


_ABOUT = "ResponseMetadata"
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "blob": (bytes,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (datetime,),
}


def _refused(request: str, exc: ClientError, *, quotes: bool) -> Failure:
    """An error answer; its message may quote the request, so it is left out where that matters."""
    error = exc.response.get("Error", {})
    about = exc.response.get("ResponseMetadata", {})
    status, code = about.get("HTTPStatusCode", 0), str(error.get("Code", ""))
    if not _CODE.fullmatch(code):
        code = ""
    final = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    # Without a code of the service's own it was somebody in between who answered.
    named = code not in {"", "Unknown"} and not code.isdigit()
    certain = named and final and status != HTTPStatus.REQUEST_TIMEOUT
    certain = certain and not about.get("RetryAttempts")
    # Where the answer is no error of the service's, botocore takes its whole body for the message.
    message = f": {error.get('Message', '')}" if named and final and not quotes else ""
    shown = f"{status} {code}" if named else f"{status}"
    return Failure(f"{request} was answered {shown}{message}", code, is_certain=certain)
