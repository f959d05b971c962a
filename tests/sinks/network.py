"""What lies between a client and moto: chosen requests go wrong there, each in its own way."""

from __future__ import annotations

import json
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError
from moto.core.models import botocore_stubber

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.awsrequest import AWSPreparedRequest
    from botocore.client import BaseClient

__all__ = ["AFTER", "Fault", "Network"]


class Fault(Enum):
    """What happens to one request."""

    TIMEOUT_BEFORE = auto()
    TIMEOUT_AFTER = auto()
    RESET_AFTER = auto()
    NOT_CONNECTED = auto()
    ERROR_500 = auto()
    ERROR_500_AFTER = auto()
    EMPTY_200_AFTER = auto()
    GARBAGE_200_AFTER = auto()
    INVALID_AFTER = auto()
    INVALID = auto()
    SCHEDULED = auto()
    DENIED = auto()
    THROTTLED = auto()
    BUSY = auto()
    LABELLED = auto()
    MAX_REACHED = auto()


AFTER = {
    Fault.TIMEOUT_AFTER,
    Fault.RESET_AFTER,
    Fault.ERROR_500_AFTER,
    Fault.EMPTY_200_AFTER,
    Fault.GARBAGE_200_AFTER,
    Fault.INVALID_AFTER,
}
ANSWERS = {
    Fault.ERROR_500: (500, "InternalServiceError"),
    Fault.ERROR_500_AFTER: (500, "InternalServiceError"),
    Fault.INVALID: (400, "InvalidParameterException"),
    Fault.INVALID_AFTER: (400, "InvalidParameterException"),
    Fault.SCHEDULED: (400, "InvalidRequestException"),
    Fault.DENIED: (400, "AccessDeniedException"),
    Fault.THROTTLED: (400, "ThrottlingException"),
    Fault.BUSY: (400, "TooManyUpdates"),
    Fault.LABELLED: (400, "ParameterMaxVersionLimitExceeded"),
    Fault.MAX_REACHED: (400, "ParameterLimitExceeded"),
}


class Raw:
    """The body of an answer, as urllib3 would stream it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._body


def answer(request: AWSPreparedRequest, status: int, body: bytes) -> AWSResponse:
    return AWSResponse(request.url, status, HTTPHeaders(), Raw(body))


def arrive(event_name: str, request: AWSPreparedRequest) -> AWSResponse:
    done = botocore_stubber(event_name, request)
    assert done is not None
    return done


class Network:
    """Stands between the client and moto, and lets chosen requests go wrong.

    `bodies` are the requests that were sent, by operation.
    """

    def __init__(self, client: BaseClient) -> None:
        self._faults: dict[str, deque[Fault]] = {}
        self._meddlers: dict[str, Callable[[], object]] = {}
        self.bodies: dict[str, list[dict[str, Any]]] = {}
        # botocore asks every handler even after one has answered; moto's must not act by itself.
        events: Any = client.meta.events
        events.unregister("before-send", botocore_stubber)
        events.register_first("before-send", self._send)

    def fail(self, operation: str, *faults: Fault) -> None:
        self._faults.setdefault(operation, deque()).extend(faults)

    def before(self, operation: str, meddler: Callable[[], object]) -> None:
        """Do something, once, just before this request arrives."""
        self._meddlers[operation] = meddler

    def _send(self, event_name: str, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        if isinstance(request.body, bytes):
            self.bodies.setdefault(operation, []).append(json.loads(request.body))
        if operation in self._meddlers:
            self._meddlers.pop(operation)()
        faults = self._faults.get(operation)
        if not faults:
            return arrive(event_name, request)
        fault = faults.popleft()
        if fault in AFTER:
            arrive(event_name, request)
        if fault in ANSWERS:
            status, code = ANSWERS[fault]
            quoting = json.dumps({"__type": code, "message": f"quoting {request.body!r}"})
            return answer(request, status, quoting.encode())
        if fault is Fault.EMPTY_200_AFTER:
            return answer(request, 200, b"{}")
        if fault is Fault.GARBAGE_200_AFTER:
            return answer(request, 200, f"<html>{request.body!r}".encode())
        errors = {
            Fault.NOT_CONNECTED: ConnectTimeoutError,
            Fault.RESET_AFTER: ConnectionClosedError,
        }
        raise errors.get(fault, ReadTimeoutError)(endpoint_url=request.url)
