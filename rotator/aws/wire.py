"""Watches every request of one account: paces it, counts it, holds AWS's clock against ours.

A `Wire` belongs to an account, a `Tap` to one client of botocore on it. What a tap knows of the
request at hand is kept per thread, since clients are shared between threads.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from botocore.config import Config
from botocore.utils import parse_timestamp

import rotator
from rotator.aws import answers
from rotator.aws.answers import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.awsrequest import AWSPreparedRequest
    from botocore.client import BaseClient
    from botocore.session import Session

    from rotator import model
    from rotator.aws.answers import Request
    from rotator.aws.pace import Pace

__all__ = [
    "CONNECT_TIMEOUT",
    "READ_ATTEMPTS",
    "READ_TIMEOUT",
    "OnRequest",
    "Tap",
    "Wire",
    "connect",
    "looking",
    "moment_of",
    "settings",
]

OnRequest: TypeAlias = "Callable[[str, str, str], None]"
"""Told of each request: account, action as IAM policies spell it, one word of `Result`."""

CONNECT_TIMEOUT = 5.0
"""Seconds for making a connection."""

READ_TIMEOUT = 30.0
"""Seconds without a byte of an answer, for requests that only read."""

READ_ATTEMPTS = 5
"""How often a request that only reads is sent at most."""

READ_ATTEMPTS_MIN = 2
"""How often it is sent at least: one lost packet is no reason to wait for a later visit."""

SECONDS_EACH = 10.0
"""So many seconds of the request timeout make room for one more attempt."""

LOOKS_FOR = 1.4
"""All attempts of one question about a user, in request timeouts: see `looking`."""

CONNECTIONS = 50
"""Kept connections of one client; more threads than this are not meant to share an account."""

CHANGES = frozenset({"CreateAccessKey", "DeleteAccessKey", "UpdateAccessKey"})
"""The operations of IAM that change something."""

C = TypeVar("C", bound="BaseClient")
A = TypeVar("A")


def settings(
    *, attempts: int, read_timeout: float, connect_timeout: float = CONNECT_TIMEOUT
) -> Config:
    """The configuration of a client.

    Both the number of attempts and the mode are set: what is left out here, AWS_RETRY_MODE,
    AWS_MAX_ATTEMPTS or a profile would fill in. One attempt means sent once, whatever they say.
    """
    return Config(
        retries={"total_max_attempts": attempts, "mode": "standard"},
        connect_timeout=min(connect_timeout, read_timeout),
        read_timeout=read_timeout,
        max_pool_connections=CONNECTIONS,
        user_agent_extra=f"rotator/{rotator.__version__}",
    )


def looking(request_timeout: float, attempts_max: int = READ_ATTEMPTS) -> Config:
    """The configuration of a client that looks at one user while its lease lasts.

    However its attempts hang, together they end before the lease does, which lasts two request
    timeouts and is extended once a quarter of it is over (only a throttled attempt is followed by
    a pause that counts, and that one was answered at once). So a short request timeout leaves
    fewer attempts rather than none that could succeed.
    """
    attempts = min(attempts_max, max(READ_ATTEMPTS_MIN, int(request_timeout / SECONDS_EACH)))
    each = LOOKS_FOR * request_timeout / attempts
    made_in = min(CONNECT_TIMEOUT, each / 3)
    return settings(attempts=attempts, read_timeout=each - made_in, connect_timeout=made_in)


def connect(
    session: Session,
    service: str,
    config: Config,
    region: str,
    signer: model.Credential | None = None,
) -> Any:  # noqa: ANN401 - each service has a client type of its own
    """Make a client, which signs with the session's credentials or with `signer`.

    botocore's sessions may not make two at once, and share what they have loaded.
    """
    with _CONNECTING:
        parsers = session.get_component("response_parser_factory")
        parsers.set_parser_defaults(timestamp_parser=moment_of)
        return session.create_client(
            service,
            region_name=region,
            config=config,
            aws_access_key_id=signer.access_key_id if signer else None,
            aws_secret_access_key=signer.secret_access_key.reveal() if signer else None,
        )


_CONNECTING = threading.Lock()

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def moment_of(told: Any) -> datetime:  # noqa: ANN401 - whatever an answer holds there
    """A moment as an answer tells it.

    IAM's form is read at once; botocore's own reader, which guesses, takes every other, and twenty
    times as long: a listing of a big account has thousands.

    Raises:
        ValueError: it is none.
    """
    if isinstance(told, str) and _ISO.fullmatch(told):
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(told)
    found: datetime = parse_timestamp(told)
    return found


class Wire:
    """What the clients of one account share: its pace, its counters, the latest skew."""

    def __init__(
        self,
        account: str,
        *,
        clock: Callable[[], datetime],
        pace: Pace,
        on_request: OnRequest,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.account = account
        self.clock = clock
        self.pace = pace
        self._on_request = on_request
        self._monotonic = monotonic
        self._told: tuple[datetime, float] | None = None

    @property
    def skew(self) -> timedelta | None:
        """How far AWS's clock is ahead of ours now; None before it told its time.

        Since the latest answer AWS's time is counted by a clock that nobody sets, so that a step of
        ours shows at once; after a sleep of the machine, in which that clock may stand still, we
        seem to be ahead until the next answer. Exact to a second, and to half of what the answer
        took.
        """
        if self._told is None:
            return None
        theirs, at = self._told
        return theirs + timedelta(seconds=self._monotonic() - at) - self.clock()

    def told_time(self, date: str | None, started_at: datetime) -> None:
        """An answer carried this `Date` header (RFC 9110, section 6.6.1)."""
        if not date:
            return
        took, at = self.clock() - started_at, self._monotonic()
        try:
            theirs = parsedate_to_datetime(date)
        except ValueError:
            return
        # HTTP knows no other zone than GMT, whatever is written there (RFC 9110, section 5.6.7).
        self._told = theirs.replace(tzinfo=UTC) + took / 2, at

    def count(self, action: str, result: Result) -> None:
        """One request has ended."""
        self._on_request(self.account, action, result.value)


class Tap(Generic[C]):
    """One client on the wire; `changed` and `read` are the only ways to use it.

    Attributes:
        client: the client, whose exceptions only `changed` and `read` may meet.
    """

    def __init__(self, wire: Wire, client: C) -> None:
        self.client = client
        self._wire = wire
        self._here = _Here()
        model = client.meta.service_model
        self._prefix = model.signing_name
        self._is_iam = model.service_name == "iam"
        service = model.service_id.hyphenize()
        events = client.meta.events
        events.register_first(f"before-send.{service}", self._begin)
        events.register_first(f"before-parse.{service}", self._answered)
        events.register_last(f"response-received.{service}", self._end)

    def turn(self) -> None:
        """Wait until the account's pace lets one more change go; takes nothing."""
        self._wire.pace.turn()

    def changed(self, request: Request[A], doing: str, *, agent: str = "") -> A:
        """Make a request that changes something; see `answers.changed`.

        `agent` is added to the user agent of this one request, where CloudTrail shows it.
        """
        self._here.begin(agent)
        try:
            return answers.changed(request, doing, was_sent=lambda: self._here.sent)
        finally:
            self._close()

    def read(self, request: Request[A], doing: str) -> A:
        """Make requests that only read; see `answers.read`."""
        self._here.begin("")
        try:
            return answers.read(request, doing)
        finally:
            self._close()

    def _begin(self, request: AWSPreparedRequest, event_name: str, **_: object) -> None:
        """A request is about to be sent: wait for its turn, and note that it leaves."""
        operation = event_name.rpartition(".")[2]
        here = self._here
        if self._is_iam and operation in CHANGES:
            # A kept connection that the other side has just closed would make an unknown outcome
            # of a request that never arrived.
            request.headers["Connection"] = "close"
            _name_in(request, here.agent)
            self._wire.pace.change()
        elif self._is_iam:
            self._wire.pace.read()
        here.sent = True
        here.open = operation
        here.started_at = self._wire.clock()

    def _answered(self, response_dict: Mapping[str, Any], **_: object) -> None:
        """An answer has arrived, readable or not."""
        self._wire.told_time(response_dict["headers"].get("Date"), self._here.started_at)

    def _end(self, parsed_response: Mapping[str, Any] | None, **_: object) -> None:
        """One attempt is over."""
        operation, self._here.open = self._here.open, ""
        answer = parsed_response or {}
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        result = answers.result_of(status, str(answer.get("Error", {}).get("Code", "")))
        if result is Result.THROTTLED and self._is_iam:
            self._wire.pace.throttled(change=operation in CHANGES)
        self._wire.count(f"{self._prefix}:{operation}", result)

    def _close(self) -> None:
        """Count the attempt whose answer could not be parsed: botocore tells of it no other way."""
        operation, self._here.open = self._here.open, ""
        if operation:
            self._wire.count(f"{self._prefix}:{operation}", Result.UNKNOWN)


def _name_in(request: AWSPreparedRequest, agent: str) -> None:
    """Add to the user agent, which is no part of what was signed."""
    given = request.headers["User-Agent"]
    if agent:
        text = given.decode() if isinstance(given, bytes) else given
        request.headers["User-Agent"] = f"{text} {agent}"


class _Here(threading.local):
    """What this thread is doing with one client."""

    def __init__(self) -> None:
        self.begin("")

    def begin(self, agent: str) -> None:
        self.agent = agent
        self.sent = False
        self.open = ""
        self.started_at = datetime.min.replace(tzinfo=UTC)
