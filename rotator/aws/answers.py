"""The one place where what botocore raises becomes what the caller then knows.

A request that changes something was *rejected* (nothing happened, for certain) or its *outcome is
unknown*; one that reads failed, which is never an answer.

    nothing was sent: no credentials, no region, no connection         -> Rejected
    4xx with an error code of AWS; a throttling code at 4xx or 503      -> Rejected
    time-out, reset, 5xx, an answer that is cut, empty or unreadable    -> OutcomeUnknown

Exceptions of botocore are never chained: the text of a ResponseParserError quotes the answer, and
that of a SignatureDoesNotMatch the session token. Ours are raised outside the `except` block, so
that not even `__context__` leads there; the name of what was raised stands in the message instead.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias, TypeVar
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from rotator.errors import (
    AccessDenied,
    AnswerError,
    OutcomeUnknown,
    ReadError,
    Rejected,
    RotatorError,
)
from rotator.model import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Failure", "Request", "Result", "changed", "cure", "failure_of", "read", "result_of"]

A = TypeVar("A")

Request: TypeAlias = "Callable[[], A]"
"""Asks AWS by a client of botocore, and gives what the caller wants of the answer."""

THROTTLING = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Codes that say: too many requests, this one was not carried out."""

DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
)
"""Codes that say: the caller is known, and lacks a permission."""

UNSENT = frozenset(
    {"ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError", "CertificateError"}
)
"""What stops a request while its connection is being made, before a byte of it is sent."""

SERVER_ERROR = 500
REDIRECTION = 300
CLIENT_ERROR = 400
SERVICE_UNAVAILABLE = 503

MESSAGE_MAX = 400
"""How much of AWS's own message is repeated."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""How the error codes of AWS are spelt; what is not spelt so may be anything, a secret even."""

_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)\w{12,124}\b")

_WITHHELD = frozenset({"SignatureDoesNotMatch", "IncompleteSignature", "InvalidSignatureException"})
"""Codes whose message may repeat the canonical request, and with it the session token."""

_RENEW = "the credentials have expired; renew them or log in again"
_LOG_IN = "the login session has expired; run `aws sso login` or `aws login` again"
_REACH = "AWS was not reached{where}; check the network, the proxy and AWS_ENDPOINT_URL"
_CURES: Mapping[str, str] = {
    "NoCredentialsError": "no AWS credentials were found; set AWS_PROFILE or AWS_ACCESS_KEY_ID and"
    " AWS_SECRET_ACCESS_KEY, or run where a role is attached",
    "PartialCredentialsError": "the AWS credentials lack a part; set both AWS_ACCESS_KEY_ID and"
    " AWS_SECRET_ACCESS_KEY, or neither",
    "CredentialRetrievalError": "the AWS credentials could not be had from where the profile says;"
    " run `aws sts get-caller-identity` in the same environment to see why",
    "ProfileNotFound": "the AWS profile does not exist; correct AWS_PROFILE or add it to the"
    " config file of AWS",
    "ConfigParseError": "the config file of AWS cannot be parsed; correct it",
    "NoRegionError": "no AWS region is set; set AWS_REGION, or region in the profile",
    "InvalidRegionError": "the AWS region is not spelt like one; correct AWS_REGION",
    "InvalidRetryConfigurationError": "the retry settings are wrong; correct AWS_MAX_ATTEMPTS and"
    " AWS_RETRY_MODE",
    "UnauthorizedSSOTokenError": _LOG_IN,
    "SSOTokenLoadError": _LOG_IN,
    "TokenRetrievalError": _LOG_IN,
    "LoginRefreshRequired": _LOG_IN,
    "LoginTokenLoadError": _LOG_IN,
    "ExpiredToken": _RENEW,
    "ExpiredTokenException": _RENEW,
    "RequestExpired": "the request was too old for AWS; set this machine's clock",
    "InvalidClientTokenId": "AWS does not know the access key that signed the request; replace the"
    " credentials",
    "SignatureDoesNotMatch": "the secret access key does not fit its access key id; replace the"
    " credentials",
    "EndpointConnectionError": _REACH,
    "ConnectTimeoutError": _REACH,
    "ProxyConnectionError": _REACH,
    "CertificateError": "the certificate of the endpoint{where} is not trusted; set AWS_CA_BUNDLE",
}
"""What a person can do, by the code of AWS or the name of what botocore raised."""


class Result(StrEnum):
    """What became of one request, as the metrics count it."""

    OK = "ok"
    THROTTLED = "throttled"
    DENIED = "denied"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a request that failed, and nothing that its answer may have held.

    `code` is AWS's own where it gave one, else the name of the exception; `status` is None where
    no answer came, or none that could be read.
    """

    code: str
    sentence: str
    status: int | None = None

    @property
    def result(self) -> Result:
        """The same in one word."""
        return result_of(self.status, self.code)

    @property
    def is_refusal(self) -> bool:
        """Whether AWS said for certain that it did nothing."""
        return self.result in {Result.THROTTLED, Result.DENIED, Result.REJECTED}


def cure(code: str) -> str:
    """What a person can do about a failure that is known by this code."""
    return _CURES[code]


def _is_throttling(status: int | None, code: str) -> bool:
    """Whether the answer says that a request was one too many and was not carried out."""
    if status is None or code not in THROTTLING:
        return False
    return CLIENT_ERROR <= status < SERVER_ERROR or status == SERVICE_UNAVAILABLE


def result_of(status: int | None, code: str) -> Result:
    """One word for an answer; a 4xx without a code of AWS came from somebody in between."""
    if status is None:
        return Result.UNKNOWN
    if status < REDIRECTION:
        return Result.OK
    if _is_throttling(status, code):
        return Result.THROTTLED
    if not CLIENT_ERROR <= status < SERVER_ERROR or not _is_code(code):
        return Result.UNKNOWN
    return Result.DENIED if code in DENIED else Result.REJECTED


def failure_of(exc: Exception) -> Failure:
    """What may be told of an exception of botocore, or of what it raised while parsing."""
    if isinstance(exc, ClientError):
        return _answered(exc)
    code = _name_of(exc)
    where = _endpoint_of(exc)
    advice = _CURES.get(code, "no usable answer came{where}").replace("{where}", where)
    return Failure(code, f"{advice} ({code})")


def changed(request: Request[A], doing: str, *, was_sent: Callable[[], bool]) -> A:
    """Make a request that changes something, once; `doing` is "create a key for user x".

    Raises:
        Rejected: nothing happened, for certain.
        OutcomeUnknown: it may have happened.
    """
    try:
        return request()
    except RotatorError as exc:
        # Raised while the request was being signed: the role could not be assumed again.
        error: AnswerError = Rejected(f"could not {doing}: {exc}", code=getattr(exc, "code", ""))
    except Exception as exc:  # noqa: BLE001 - whatever is raised once a request left, its outcome is unknown
        error = _verdict(failure_of(exc), doing, sent=was_sent())
    raise error


def read(request: Request[A], doing: str) -> A:
    """Make requests that only read; `doing` is "list the keys of user x".

    Raises:
        AccessDenied: a permission is missing.
        ReadError: anything else; it is never an answer.
    """
    try:
        return request()
    except RotatorError as exc:
        error = exc
    except Exception as exc:  # noqa: BLE001 - what cannot be parsed raises anything, and is no answer
        failure = failure_of(exc)
        kind = AccessDenied if failure.result is Result.DENIED else ReadError
        error = kind(f"could not {doing}: {failure.sentence}", code=failure.code)
    raise error


def _verdict(failure: Failure, doing: str, *, sent: bool) -> AnswerError:
    if not sent or failure.is_refusal or failure.code in UNSENT:
        return Rejected(f"could not {doing}: {failure.sentence}", code=failure.code)
    return OutcomeUnknown(
        f"asked AWS to {doing}, and it is unknown whether it did: {failure.sentence}"
    )


def _answered(exc: ClientError) -> Failure:
    error = exc.response.get("Error", {})
    code = str(error.get("Code", ""))
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    result = result_of(status, code)
    if result is Result.UNKNOWN:
        # The code of an answer that is none must not be taken for AWS's word, "NoSuchEntity" least.
        shown = code if _CODE.fullmatch(code) else ""
        return Failure(str(status), f"the answer was {status} {shown}".rstrip(), status)
    told = "" if code in _WITHHELD or code in _CURES else _tidy(str(error.get("Message", "")))
    parts = [f"AWS answered {status} {code}", told, _CURES.get(code, "")]
    return Failure(code, ": ".join(filter(None, parts)), status)


def _tidy(message: str) -> str:
    """AWS's own words on one line, key ids masked, cut to a length that fits a log."""
    line = _KEY_ID.sub(lambda found: mask(found.group()), " ".join(message.split()))
    return line if len(line) <= MESSAGE_MAX else f"{line[:MESSAGE_MAX]}…"


def _is_code(code: str) -> bool:
    """Whether this is an error code of AWS; botocore puts the bare status where there was none."""
    return code != "Unknown" and not code.isdigit() and _CODE.fullmatch(code) is not None


def _name_of(exc: Exception) -> str:
    """The name of the exception; one that stands for two cases of ours is told apart."""
    inner = getattr(exc, "kwargs", {}).get("error")
    if type(exc).__name__ == "SSLError" and _is_certificate(inner):
        return "CertificateError"
    for kind in type(exc).__mro__:
        if kind.__name__ in _CURES:
            return kind.__name__
    return type(exc).__name__


def _is_certificate(error: object) -> bool:
    """Whether TLS failed at the certificate, so before anything was sent; else it may be later."""
    causes = [error, *getattr(error, "args", ())]
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)


def _endpoint_of(exc: Exception) -> str:
    """The host that was asked, without what else its address may hold."""
    url = getattr(exc, "kwargs", {}).get("endpoint_url")
    if not isinstance(url, str):
        return ""
    parts = urlsplit(url)
    return f" at {parts.scheme}://{parts.netloc.rpartition('@')[2]}"
