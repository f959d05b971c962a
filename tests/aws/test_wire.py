"""What is seen of every request: how far the clocks are apart, and what became of it."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.session import get_session
from botocore.utils import parse_timestamp

from rotator.aws.accounts import Accounts
from rotator.aws.pace import Pace, Rates
from rotator.aws.wire import Wire, connect, looking, moment_of
from rotator.errors import AnswerError, ReadError
from rotator.model import Timing
from tests.aws import loopback
from tests.aws.conftest import DEFAULT, real_time
from tests.aws.loopback import KEY_ID, error, in_turn, listed, plain, silence

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aws.conftest import Counted, Enter
    from tests.aws.loopback import Loopback, Reply

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Clock:
    """Tells these moments, one after the other; the last again and again."""

    def __init__(self, *moments: datetime) -> None:
        self._moments = list(moments)

    def __call__(self) -> datetime:
        return self._moments.pop(0) if len(self._moments) > 1 else self._moments[0]


def wire(*moments: datetime, elapsed: Callable[[], float] = lambda: 0.0) -> Wire:
    return Wire(
        "prod",
        clock=Clock(*moments),
        pace=Pace(None),
        on_request=lambda account, action, result: None,
        monotonic=elapsed,
    )


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        pytest.param("Tue, 24 Nov 2026 12:00:05 GMT", timedelta(), id="the same time"),
        pytest.param("Tue, 24 Nov 2026 12:05:05 GMT", timedelta(minutes=5), id="AWS is ahead"),
        pytest.param("Tue, 24 Nov 2026 11:58:05 GMT", -timedelta(minutes=2), id="AWS is behind"),
        pytest.param("Tue, 24 Nov 2026 12:00:05", timedelta(), id="no zone, so UTC"),
        pytest.param(None, None, id="no date"),
        pytest.param("", None, id="an empty date"),
        pytest.param("yesterday", None, id="no date at all"),
    ],
)
def test_the_date_is_held_against_the_middle_of_the_request(
    date: str | None, expected: timedelta | None
) -> None:
    """It began at noon and took ten seconds: the answer was dated five seconds after noon."""
    seen = wire(NOON + timedelta(seconds=10))

    seen.told_time(date, NOON)

    assert seen.skew == expected


def test_the_latest_answer_counts() -> None:
    """A clock that was mended is believed; an answer without a date says nothing about it."""
    seen = wire(NOON)
    for date in ("Tue, 24 Nov 2026 12:05:00 GMT", "Tue, 24 Nov 2026 12:00:00 GMT", None):
        seen.told_time(date, NOON)

    assert seen.skew == timedelta()


@pytest.mark.parametrize(
    ("ours", "elapsed", "expected"),
    [
        pytest.param(timedelta(hours=2), 7200, timedelta(), id="two hours, awake"),
        pytest.param(timedelta(days=1), 2, timedelta(seconds=2, days=-1), id="set to tomorrow"),
        pytest.param(-timedelta(hours=1), 2, timedelta(hours=1, seconds=2), id="set back"),
        pytest.param(
            timedelta(hours=8), 60, timedelta(minutes=1, hours=-8), id="slept for a night"
        ),
    ],
)
def test_an_answer_vouches_for_no_clock_that_was_set_after_it(
    ours: timedelta, elapsed: float, expected: timedelta
) -> None:
    """AWS's time goes on from its latest answer, whatever becomes of ours."""
    seconds = [0.0]
    seen = wire(NOON, NOON + ours, elapsed=lambda: seconds[0])
    seen.told_time("Tue, 24 Nov 2026 12:00:00 GMT", NOON)
    seconds[0] = elapsed

    assert seen.skew == expected


def test_every_answer_tells_the_time(aws: Loopback, enter: Enter) -> None:
    """Refusals and answers that cannot be parsed too."""
    entered = enter()
    skews = [entered.skew()]
    aws.ahead = timedelta(minutes=10)
    aws.replies["CreateAccessKey"] = in_turn(error(409, "LimitExceeded"), plain(200, ""))
    for _ in range(2):
        with pytest.raises(AnswerError):
            entered.iam.create_key("alice")
        skews.append(entered.skew())
        aws.ahead = -timedelta(minutes=10)

    minutes = [round(skew / timedelta(minutes=1)) for skew in skews if skew is not None]
    assert minutes == [0, 10, -10]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(loopback.created(), "ok", id="done"),
        pytest.param(error(400, "Throttling"), "throttled", id="throttled"),
        pytest.param(error(403, "AccessDenied"), "denied", id="forbidden"),
        pytest.param(error(409, "LimitExceeded"), "rejected", id="refused"),
        pytest.param(error(500, "ServiceFailure"), "unknown", id="failed"),
        pytest.param(loopback.drop, "unknown", id="not answered"),
        pytest.param(plain(200, ""), "unknown", id="an answer that cannot be parsed"),
    ],
)
def test_each_request_is_counted_once(
    aws: Loopback, enter: Enter, counted: Counted, reply: Reply, expected: str
) -> None:
    """With the name of the account, the action as IAM policies spell it, and what became of it."""
    entered = enter()
    aws.replies["CreateAccessKey"] = reply
    counted.told.clear()

    with contextlib.suppress(AnswerError):
        entered.iam.create_key("alice")

    assert counted.told == [("default", "iam:CreateAccessKey", expected)]


def test_what_was_never_sent_is_not_counted(enter: Enter, counted: Counted) -> None:
    """A name that IAM could not have is refused here."""
    entered = enter()
    counted.told.clear()

    with pytest.raises(AnswerError):
        entered.iam.create_key("")

    assert counted.told == []


def test_clients_of_sinks_are_counted_and_send_once(
    aws: Loopback, enter: Enter, counted: Counted
) -> None:
    """Whoever writes with them must know what was not answered."""
    client = enter().client("secretsmanager", "eu-north-1")
    aws.replies["POST"] = plain(500, "")
    counted.told.clear()

    with pytest.raises(client.exceptions.ClientError):
        client.put_secret_value(SecretId="x", SecretString="y")

    assert client.meta.region_name == "eu-north-1"
    assert counted.told == [("default", "secretsmanager:PutSecretValue", "unknown")]


def test_clients_of_sinks_are_made_once(enter: Enter) -> None:
    """Thousands of users share them."""
    entered = enter()

    clients = [
        entered.client("secretsmanager"),
        entered.client("secretsmanager", "us-east-1"),
        entered.client("secretsmanager", "eu-north-1"),
    ]

    assert clients[0] is clients[1] is not clients[2]


def test_a_throttled_answer_slows_the_account_down(aws: Loopback, credentials: None) -> None:
    """Reads and changes apart, and the requests of other services not at all."""
    rates = Rates(reads=1000, reads_burst=1000, changes=1000, changes_burst=1000)
    accounts = Accounts(
        [DEFAULT],
        environ=os.environ,
        clock=real_time,
        request_timeout=timedelta(seconds=5),
        rates=rates,
    )
    iam = accounts.enter(DEFAULT).iam
    aws.replies["DeleteAccessKey"] = error(400, "Throttling")
    aws.replies["ListAccessKeys"] = in_turn(error(400, "Throttling"), listed())
    iam.turn()
    with pytest.raises(AnswerError):
        iam.delete_key("alice", KEY_ID)
    iam.list_keys("alice")

    paced = accounts._wires["default"].pace
    assert paced._changes is not None
    assert paced._reads is not None
    assert 500 <= paced._changes.rate < 1000
    assert 250 <= paced._reads.rate < 500


def test_nothing_of_a_failed_request_is_left_for_the_next(
    aws: Loopback, enter: Enter, counted: Counted
) -> None:
    """What a thread knew of one request says nothing about another."""
    entered = enter()
    aws.replies["CreateAccessKey"] = plain(200, "")
    with pytest.raises(AnswerError):
        entered.iam.create_key("alice", rotation_id="r-1")
    counted.told.clear()

    with pytest.raises(ReadError):
        entered.iam.list_keys("alice")

    assert counted.told == [("default", "iam:ListAccessKeys", "rejected")]


@pytest.mark.parametrize(
    ("request_timeout", "attempts"),
    [
        pytest.param(0.4, 2, id="a test's 0.4 s"),
        pytest.param(1, 2, id="a second"),
        pytest.param(2, 2, id="two seconds"),
        pytest.param(30, 3, id="half a minute"),
        pytest.param(60, 5, id="the default of a minute"),
        pytest.param(600, 5, id="ten minutes"),
    ],
)
def test_looks_that_hang_end_before_their_lease(request_timeout: float, attempts: int) -> None:
    """All attempts of one question, and what may go by before the lease is extended for it."""
    timing = Timing(request_timeout=timedelta(seconds=request_timeout))
    unextended = request_timeout / 2

    config: Any = looking(request_timeout)

    each = config.connect_timeout + config.read_timeout
    assert attempts == config.retries["total_max_attempts"]
    assert each * attempts + unextended < timing.lease.total_seconds()


def test_a_look_that_hangs_is_given_up(aws: Loopback, enter: Enter) -> None:
    """As it is on the wire: with a short request timeout it is asked twice, and no more."""
    iam = enter().iam
    aws.replies["ListAccessKeys"] = silence
    with pytest.raises(ReadError):
        iam.list_keys("alice")

    assert aws.arrived("ListAccessKeys") == 2


@pytest.mark.parametrize(
    "told",
    [
        "2026-03-04T12:00:00Z",
        "2026-03-04T12:00:00.250Z",
        "2026-03-04T12:00:00+01:00",
        "1970-01-01T00:00:00Z",
        "Wed, 04 Mar 2026 12:00:00 GMT",
        1772625600,
        "1772625600",
    ],
)
def test_a_moment_is_what_botocore_takes_it_for(told: Any) -> None:  # noqa: ANN401 - of a table
    """Only quicker, where it has the form that IAM gives it."""
    expected = parse_timestamp(told)

    assert expected == moment_of(told)
    assert moment_of(told).utcoffset() is not None


@pytest.mark.parametrize("told", ["", "soon", "2026-13-04T12:00:00Z", "0000-00-00T00:00:00Z", None])
def test_what_is_no_moment_is_refused_as_botocore_refuses_it(told: str | None) -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        moment_of(told)


def test_clients_read_moments_so() -> None:
    """A listing of a big account has thousands of them."""
    session = get_session()
    connect(session, "iam", Config(), "eu-north-1")
    factory = session.get_component("response_parser_factory")

    assert factory.create_parser("query")._timestamp_parser is moment_of
