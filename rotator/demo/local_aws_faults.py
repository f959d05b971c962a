"""Everything that can go wrong between a client and AWS, on demand."""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from rotator.demo.local_aws_request import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotator.demo.local_aws_request import ApiCall


class FaultKind(StrEnum):
    """What happens to a call; `_after` means that it was executed first."""

    HANG = "hang"  # never executed, never answered: the client's time-out
    RESET = "reset"  # never executed, the connection is reset
    FAIL = "fail"  # never executed, 500 or what `status` and `code` say
    THROTTLE = "throttle"  # never executed, 400 Throttling
    DENY = "deny"  # never executed, 403 AccessDenied
    LATE = "late"  # executed after `seconds`, whether or not the client still waits
    HANG_AFTER = "hang_after"  # executed, never answered
    DROP_AFTER = "drop_after"  # executed, then the connection is reset
    FAIL_AFTER = "fail_after"  # executed, then 500 or what `status` and `code` say
    EMPTY_AFTER = "empty_after"  # executed, then 200 without a body
    CUT_AFTER = "cut_after"  # executed, then half of the answer


@dataclass(frozen=True, slots=True)
class Fault:
    """One order to fail: which calls, how, how often, until when.

    `action` is a glob over `iam:CreateAccessKey`; `user` is whom the call is about; `target` is a
    prefix of the name of a secret. `times` None and `until` None: for ever.
    """

    action: str
    kind: FaultKind
    user: str | None = None
    target: str | None = None
    times: int | None = 1
    until: datetime | None = None
    seconds: float = 600
    status: int = 500
    code: str = "ServiceFailure"

    def meets(self, call: ApiCall, user: str | None, now: datetime) -> bool:
        """Is this call one of those that fail?"""
        target = call.parameter("SecretId", "Name") or ""
        return (
            fnmatchcase(call.name, self.action)
            and self.user in {None, user}
            and (self.target is None or target.startswith(self.target))
            and (self.until is None or now < self.until)
        )


class Faults:
    """The orders to fail that are not spent; the first that meets a call is taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Let the next calls that it meets fail."""
        with self._lock:
            self._orders.append((fault, 0))

    def clear(self) -> None:
        """Let everything work again."""
        with self._lock:
            self._orders.clear()

    def list(self) -> list[tuple[Fault, int]]:
        """Each order, and how often it has been obeyed."""
        with self._lock:
            return list(self._orders)

    def take(self, call: ApiCall, user: str | None, now: datetime) -> Fault | None:
        """The fault that this call meets, if any; it is spent by that."""
        with self._lock:
            for place, (fault, taken) in enumerate(self._orders):
                spent = fault.times is not None and taken >= fault.times
                if not spent and fault.meets(call, user, now):
                    self._orders[place] = (fault, taken + 1)
                    return fault
        return None


def answer_with(fault: Fault, call: ApiCall, execute: Callable[[], Response]) -> Response:
    """Answer a call as the fault says.

    Raises:
        ConnectionAbortedError: there is no answer, and no connection any more.
        AwsError: the answer is an error.
    """
    connection: socket.socket = call.request.environ["werkzeug.socket"]
    match fault.kind:
        case FaultKind.THROTTLE:
            raise AwsError("Throttling", "Rate exceeded")
        case FaultKind.DENY:
            raise AwsError("AccessDenied", f"Not authorized to perform: {call.name}", 403)
        case FaultKind.FAIL:
            raise _failure(fault)
        case FaultKind.RESET:
            raise _reset(connection)
        case FaultKind.HANG:
            raise _hang(connection, fault)
        case FaultKind.LATE:
            time.sleep(fault.seconds)
            return execute()
        case _:
            return _after(fault, connection, execute())


def _after(fault: Fault, connection: socket.socket, answer: Response) -> Response:
    match fault.kind:
        case FaultKind.HANG_AFTER:
            raise _hang(connection, fault)
        case FaultKind.FAIL_AFTER:
            raise _failure(fault)
        case FaultKind.EMPTY_AFTER:
            return Response(status=200)
        case FaultKind.CUT_AFTER:
            body = answer.get_data()
            half = Response(body[: len(body) // 2], answer.status_code, answer.headers)
            half.headers["Content-Length"] = str(len(body))
            return half
        case _:
            raise _reset(connection)


def _failure(fault: Fault) -> AwsError:
    return AwsError(fault.code, "The request failed because of a fault by order.", fault.status)


def _hang(connection: socket.socket, fault: Fault) -> ConnectionAbortedError:
    """Say nothing until the client hangs up, or `seconds` have passed."""
    select.select([connection], [], [], fault.seconds)
    return _reset(connection)


def _reset(connection: socket.socket) -> ConnectionAbortedError:
    """End the connection with RST; the server then finds it closed, and sends nothing."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())
    return ConnectionAbortedError("reset by order")


def read_fault(order: dict[str, object], now: datetime) -> Fault:
    """Read an order as the admin endpoint gets it; `for_seconds` becomes `until`.

    Raises:
        ValueError, TypeError: a field is unknown or wrong.
    """
    fields = dict(order)
    action = str(fields.pop("action"))
    kind = FaultKind(str(fields.pop("kind")))
    lasting = fields.pop("for_seconds", None)
    if lasting is not None:
        fields.setdefault("times", None)
        fields["until"] = now + timedelta(seconds=float(str(lasting)))
    return Fault(action if ":" in action else f"*:{action}", kind, **fields)  # type: ignore[arg-type]  # a wrong field is a TypeError
