"""What botocore raises becomes what the caller then knows, and tells no secret."""

from __future__ import annotations

import ssl

import botocore.exceptions as boto
import pytest
from botocore.parsers import ResponseParserError

from rotator.aws import answers
from rotator.errors import (
    AccessDenied,
    AnswerError,
    OutcomeUnknown,
    ReadError,
    Rejected,
    RotatorError,
)
from tests.aws.loopback import SECRET, TOKEN
from tests.aws.traces import assert_tells_no_secret

URL = "https://iam.amazonaws.com/"


def client_error(status: int, code: str, message: str = "") -> boto.ClientError:
    return boto.ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "RequestId": "",
                "HostId": "",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        "CreateAccessKey",
    )


def raising(exc: BaseException) -> answers.Request[None]:
    def request() -> None:
        raise exc

    return request


def change_that_raises(exc: BaseException, *, sent: bool = True) -> AnswerError:
    with pytest.raises(AnswerError) as caught:
        answers.changed(raising(exc), "create a key", was_sent=lambda: sent)
    return caught.value


def read_that_raises(exc: BaseException) -> ReadError:
    with pytest.raises(ReadError) as caught:
        answers.read(raising(exc), "list the keys")
    return caught.value


CERTIFICATE = ssl.SSLCertVerificationError("self-signed certificate")


@pytest.mark.parametrize(
    ("raised", "sent", "expected"),
    [
        pytest.param(boto.NoCredentialsError(), False, Rejected, id="no credentials to sign with"),
        pytest.param(ValueError(), False, Rejected, id="anything before it was sent"),
        pytest.param(
            boto.EndpointConnectionError(endpoint_url=URL), True, Rejected, id="nobody listens"
        ),
        pytest.param(
            boto.ConnectTimeoutError(endpoint_url=URL), True, Rejected, id="nobody picks up"
        ),
        pytest.param(
            boto.ProxyConnectionError(proxy_url="http://proxy"), True, Rejected, id="no proxy"
        ),
        pytest.param(
            boto.SSLError(endpoint_url=URL, error=CERTIFICATE), True, Rejected, id="a wrong name"
        ),
        pytest.param(
            boto.SSLError(endpoint_url=URL, error=ssl.SSLError(CERTIFICATE)),
            True,
            Rejected,
            id="a wrong name, as urllib3 wraps it",
        ),
        pytest.param(
            boto.SSLError(endpoint_url=URL, error=ssl.SSLEOFError("EOF")),
            True,
            OutcomeUnknown,
            id="TLS that breaks off later",
        ),
        pytest.param(
            boto.ReadTimeoutError(endpoint_url=URL), True, OutcomeUnknown, id="no answer in time"
        ),
        pytest.param(
            boto.ConnectionClosedError(endpoint_url=URL), True, OutcomeUnknown, id="a reset"
        ),
        pytest.param(ResponseParserError(SECRET), True, OutcomeUnknown, id="an unreadable answer"),
        pytest.param(KeyError("AccessKey"), True, OutcomeUnknown, id="an answer without a key"),
        pytest.param(client_error(500, "ServiceFailure"), True, OutcomeUnknown, id="a 500"),
        pytest.param(client_error(408, "408"), True, OutcomeUnknown, id="a bare 408"),
        pytest.param(client_error(409, "LimitExceeded"), True, Rejected, id="two keys already"),
        pytest.param(client_error(503, "SlowDown"), True, Rejected, id="a throttling 503"),
        pytest.param(AccessDenied("no role"), True, Rejected, id="a role not assumable again"),
        pytest.param(RotatorError("else"), True, Rejected, id="an error of ours without a code"),
    ],
)
def test_a_change_is_rejected_only_if_nothing_can_have_happened(
    raised: Exception, sent: bool, expected: type[AnswerError]
) -> None:
    """What is not certain is unknown: the key may be there."""
    error = change_that_raises(raised, sent=sent)

    assert type(error) is expected
    assert "create a key" in str(error)


@pytest.mark.parametrize(
    ("raised", "expected", "code"),
    [
        pytest.param(
            client_error(403, "AccessDenied"), AccessDenied, "AccessDenied", id="forbidden"
        ),
        pytest.param(
            client_error(403, "ExpiredToken"), ReadError, "ExpiredToken", id="expired credentials"
        ),
        pytest.param(client_error(500, "AccessDenied"), ReadError, "500", id="a 500"),
        pytest.param(client_error(403, "403"), ReadError, "403", id="a proxy's 403"),
        pytest.param(
            ResponseParserError(SECRET), ReadError, "ResponseParserError", id="an unreadable answer"
        ),
        pytest.param(TypeError(), ReadError, "TypeError", id="an answer of another shape"),
    ],
)
def test_a_failed_reading_is_an_error(
    raised: Exception, expected: type[ReadError], code: str
) -> None:
    """No failure is "none" or "never"; only AWS itself says what is forbidden."""
    error = read_that_raises(raised)

    assert (type(error), error.code) == (expected, code)


def test_an_error_of_ours_passes_through_a_reading() -> None:
    """What was translated once is not translated again."""
    ours = ReadError("the pages go in a circle")

    assert read_that_raises(ours) is ours


def test_an_interrupt_is_no_answer() -> None:
    """Whoever stops the process is not told that AWS failed."""
    with pytest.raises(KeyboardInterrupt):
        change_that_raises(KeyboardInterrupt())


@pytest.mark.parametrize(
    "raised",
    [
        pytest.param(ResponseParserError(f"invalid XML: {SECRET}"), id="a quoted answer"),
        pytest.param(
            client_error(403, "SignatureDoesNotMatch", f"The Canonical String is {TOKEN}"),
            id="a quoted canonical request",
        ),
        pytest.param(client_error(500, "ServiceFailure", SECRET), id="the message of a 500"),
        pytest.param(
            boto.CredentialRetrievalError(provider="custom-process", error_msg=SECRET),
            id="what a process printed",
        ),
        pytest.param(
            boto.ReadTimeoutError(endpoint_url=f"https://me:{TOKEN}@iam.amazonaws.com/?x={SECRET}"),
            id="an address with a password",
        ),
        pytest.param(
            UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET), id="bytes that are no text"
        ),
    ],
)
def test_no_error_tells_a_secret(raised: Exception) -> None:
    """Neither its text, nor what it leads to: nothing of botocore's is chained."""
    for error in (change_that_raises(raised), read_that_raises(raised)):
        assert (error.__cause__, error.__context__) == (None, None)
        assert_tells_no_secret(error)


def test_key_ids_in_the_words_of_aws_are_masked() -> None:
    """They end up in logs, which show the last four characters."""
    error = read_that_raises(client_error(404, "NoSuchEntity", "key AKIAIOSFODNN7EXAMPLE gone"))

    expected = "could not list the keys: AWS answered 404 NoSuchEntity: key …MPLE gone"
    assert str(error) == expected


def test_the_words_of_aws_are_cut() -> None:
    """A sentence is for a log line."""
    error = read_that_raises(client_error(400, "ValidationError", "long \n" * 1000))

    assert str(error).endswith("long…") or str(error).endswith("…")
    assert len(str(error)) < 500
    assert "\n" not in str(error)


def test_where_nobody_listened_is_said() -> None:
    """The host and the port are what a person needs to look for a network's fault."""
    error = read_that_raises(boto.EndpointConnectionError(endpoint_url="http://[::1]:4566/x"))

    expected = (
        "could not list the keys: AWS was not reached at http://[::1]:4566; check the network,"
        " the proxy and AWS_ENDPOINT_URL (EndpointConnectionError)"
    )
    assert str(error) == expected


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        pytest.param(200, "", "ok", id="done"),
        pytest.param(400, "Throttling", "throttled", id="too many"),
        pytest.param(403, "AccessDenied", "denied", id="forbidden"),
        pytest.param(404, "NoSuchEntity", "rejected", id="refused"),
        pytest.param(404, "404", "unknown", id="not from AWS"),
        pytest.param(500, "InternalFailure", "unknown", id="failed"),
        pytest.param(None, "", "unknown", id="no answer"),
    ],
)
def test_a_request_is_counted_by_what_became_of_it(
    status: int | None, code: str, expected: str
) -> None:
    """The words of the metric `result`."""
    assert answers.result_of(status, code) == expected
