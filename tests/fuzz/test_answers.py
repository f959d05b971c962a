"""AWS's answers as bytes: a typed error or an answer, never a traceback, never a secret.

No socket is opened: what a server would have sent is handed to botocore where the network would be,
so that everything from its parsers on is the real thing.
"""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from hypothesis import strategies as st

from rotator.aws.accounts import Accounts
from rotator.errors import AnswerError, OutcomeUnknown, ReadError, Rejected, RotatorError
from rotator.model import Account, Credential, KeyStatus, Secret
from rotator.sinks.asking import ask
from rotator.sinks.failure import Failure
from tests.aws.loopback import ACCOUNT_ID, KEY_ID, SECRET, new_key
from tests.aws.traces import assert_tells_no_secret
from tests.fuzz.runs import Fuzzer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotator.aws.accounts import Entered

REQUEST_ID = "<ResponseMetadata><RequestId>0b6c</RequestId></ResponseMetadata>"
ARN = f"arn:aws:iam::{ACCOUNT_ID}:user/alice"
USER = (
    f"<UserName>alice</UserName><UserId>AIDALOOP</UserId><Path>/</Path><Arn>{ARN}</Arn>"
    "<CreateDate>2026-01-01T00:00:00Z</CreateDate>"
    "<Tags><member><Key>team</Key><Value>x</Value></member></Tags>"
)
KEY = (
    f"<member><UserName>alice</UserName><AccessKeyId>{KEY_ID}</AccessKeyId><Status>Active</Status>"
    "<CreateDate>2026-01-01T00:00:00Z</CreateDate></member>"
)
RESULTS = {
    "CreateAccessKey": new_key(),
    "UpdateAccessKey": "",
    "DeleteAccessKey": "",
    "ListAccessKeys": f"<AccessKeyMetadata>{KEY}</AccessKeyMetadata>"
    "<IsTruncated>false</IsTruncated>",
    "GetUser": f"<User>{USER}</User>",
    "GetAccountAuthorizationDetails": f"<UserDetailList><member>{USER}</member></UserDetailList>"
    "<IsTruncated>false</IsTruncated>",
    "GetAccessKeyLastUsed": "<UserName>alice</UserName><AccessKeyLastUsed><Region>N/A</Region>"
    "<ServiceName>N/A</ServiceName></AccessKeyLastUsed>",
    "GetCallerIdentity": f"<Arn>{ARN}</Arn><UserId>AIDALOOP</UserId>"
    f"<Account>{ACCOUNT_ID}</Account>",
}
"""What IAM and STS answer when all is well."""

FAILURE = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>no</Message></Error>"
    "<RequestId>0b6c</RequestId></ErrorResponse>"
)
CODES = ["NoSuchEntity", "Throttling", "AccessDenied", "LimitExceeded", "", "404", SECRET]
PARTS = [
    "", "<", ">", "&", "&#0;", "&#x1b;", "]]>", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "&b;", "\x00",
    "<member/>", "<member></member>", "<IsTruncated>true</IsTruncated>", "<Marker>m</Marker>",
    "mallory", "AKIA", "AKIA\x1b[31m", "x" * 5000, "\u202e", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z", "soon", "1e400", "Expired", "Inactive", "-1", "true", "{}", "null",
    KEY, f"<AccessKeyMetadata>{KEY}</AccessKeyMetadata>", USER, "<a>" * 3000, KEY * 200,
]  # fmt: skip
WELL, STATUSES = 200, [200, 200, 200, 200, 204, 206, 302, 400, 403, 404, 408, 409, 429, 500, 503]
JSON = [
    '{"SecretString": "' + SECRET + '", "VersionId": "v", "ARN": "a"}', "[]", "null", "7", '"x"',
    "{", "", '{"SecretString": {}}', '{"SecretBinary": "%%"}', '{"CreatedDate": 1e400}',
    '{"CreatedDate": "x"}', '{"CreatedDate": 1e300}', "[" * 20000, '{"__type": "x#Y"}',
    '{"__type": 7}', '{"message": []}', '{"VersionIdsToStages": 7}', '{"Parameter": [1]}',
    '{"VersionIdsToStages": {"a": "b"}}', "\ufeff{}", '{"ARN": 1, "VersionStages": "AWSCURRENT"}',
]  # fmt: skip


@st.composite
def cut(draw: st.DrawFn, whole: str) -> bytes:
    """A text with up to three parts replaced, doubled or left out, and perhaps an end too soon."""
    text = whole
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 40)))
        put = draw(st.sampled_from(PARTS) | st.text(max_size=4) | st.just(text[begin:end] * 2))
        text = text[:begin] + put + text[end:]
    raw = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 5)) == 0:
        raw = raw[: draw(st.integers(0, len(raw)))] + draw(st.binary(max_size=3))
    return raw


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, int, bytes]:
    """An action, the status of its answer, and the bytes of that."""
    action = draw(st.sampled_from(sorted(RESULTS)))
    name = f"{action}Result"
    well = f"<{action}Response><{name}>{RESULTS[action]}</{name}>{REQUEST_ID}</{action}Response>"
    failed = FAILURE.format(draw(st.sampled_from(CODES)))
    whole = draw(st.sampled_from([well, well, well, failed]))
    return action, draw(st.sampled_from(STATUSES)), draw(cut(whole))


class Wired:
    """An account whose every request is answered with the same bytes."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = (WELL, b"")
        well = f"<R><GetCallerIdentityResult>{RESULTS['GetCallerIdentity']}"
        self.answer = (WELL, f"{well}</GetCallerIdentityResult>{REQUEST_ID}</R>".encode())
        self.accounts = Accounts(
            [Account("default")],
            environ=os.environ,
            clock=lambda: datetime.now(UTC),
            request_timeout=timedelta(seconds=1),
            rates=None,
        )
        session = self.accounts._ambient.session()
        session.get_component("event_emitter").register_last("before-send", self._send)
        self.entered: Entered = self.accounts.enter(Account("default"))
        self.secrets = self.entered.client("secretsmanager")
        self.ssm: Any = self.entered.client("ssm")

    def _send(self, request: Any, **_: object) -> Any:  # noqa: ANN401 - botocore's own
        status, body = self.answer
        response: Any = AWSResponse(request.url, status, HTTPHeaders(), None)
        response._content = body
        return response

    def ask(self, action: str) -> object:
        """Make one request of this kind through the adapter."""
        iam = self.entered.iam
        asked: dict[str, Callable[[], object]] = {
            "CreateAccessKey": lambda: iam.create_key("alice"),
            "UpdateAccessKey": lambda: iam.set_status("alice", KEY_ID, KeyStatus.INACTIVE),
            "DeleteAccessKey": lambda: iam.delete_key("alice", KEY_ID),
            "ListAccessKeys": lambda: iam.list_keys("alice"),
            "GetUser": lambda: iam.get_user("alice"),
            "GetAccountAuthorizationDetails": lambda: iam.users(groups=False, tags=False),
            "GetAccessKeyLastUsed": lambda: iam.last_use(KEY_ID),
            "GetCallerIdentity": lambda: self.entered.prove(
                Credential(KEY_ID, Secret(SECRET), "alice", ACCOUNT_ID)
            ),
        }
        return asked[action]()


@pytest.fixture
def wired(monkeypatch: pytest.MonkeyPatch) -> Wired:
    """An account; nobody waits between two attempts."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTSOWN00000001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "no-secret-of-anybody")
    monkeypatch.setattr("botocore.endpoint.time", _NoTime)
    return Wired()


class _NoTime:
    time = staticmethod(time.time)

    @staticmethod
    def sleep(_: float) -> None:
        """Not for long."""


CHANGES = {"CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"}


def check(wired: Wired, example: tuple[str, int, bytes]) -> None:
    """Hold one answer against what may become of it."""
    action, status, body = example
    wired.answer = status, body
    begun = time.monotonic()
    found, error = _outcome(wired, action)
    assert time.monotonic() - begun < 20
    if error is None:
        assert action not in CHANGES or 200 <= status < 300
        _is_of_alice(action, found)
        return
    assert isinstance(error, AnswerError) == (action in CHANGES)
    assert_tells_no_secret(error)
    if isinstance(error, Rejected):
        # Never where the answer was a plain yes, or came from somebody in between.
        assert 400 <= status < 600
        assert b"<Code>" in body


def _outcome(wired: Wired, action: str) -> tuple[object, RotatorError | None]:
    """What was answered, or the typed error; any other error is raised."""
    try:
        return wired.ask(action), None
    except (AnswerError, ReadError) as exc:
        return None, exc


def _is_of_alice(action: str, found: Any) -> None:  # noqa: ANN401 - as the action has it
    """Nothing is taken that could not be hers, or that no key or date can be."""
    if action == "CreateAccessKey":
        assert found.credential.user_name == "alice"
        _is_key(found.credential.access_key_id, found.created_at)
    if action == "ListAccessKeys":
        for key in found:
            _is_key(key.key_id, key.created_at)
        assert len({key.key_id for key in found}) == len(found)
    if action == "GetUser" and found is not None:
        assert found.name == "alice"


def _is_key(key_id: str, created_at: datetime) -> None:
    assert key_id.isascii()
    assert key_id.isalnum() or "_" in key_id
    assert 16 <= len(key_id) <= 128
    assert 1970 <= created_at.year < 9000


def test_answers_of_iam_and_sts(wired: Wired, said: Callable[[str], None]) -> None:
    """A change is rejected only by a code of AWS; a listing is whole, or none."""
    Fuzzer(said, "answers of IAM and STS", 300).run(answers(), lambda it: check(wired, it))


PLACES = st.tuples(st.sampled_from(STATUSES), st.sampled_from(JSON).flatmap(cut), st.integers(0, 3))


def check_place(wired: Wired, example: tuple[int, bytes, int]) -> None:
    """Hold one answer of a service in which places are against what may become of it."""
    status, body, which = example
    wired.answer = status, body
    client, method, parameters = [
        (wired.secrets, "get_secret_value", {"SecretId": "x"}),
        (wired.secrets, "describe_secret", {"SecretId": "x"}),
        (wired.ssm, "get_parameter", {"Name": "x"}),
        (wired.ssm, "put_parameter", {"Name": "x", "Value": SECRET, "Type": "SecureString"}),
    ][which]
    found = ask(client, method, expecting="ARN", **parameters)
    if isinstance(found, Failure):
        assert SECRET not in found.sentence
        assert not found.is_certain or 400 <= status < 500
    else:
        assert isinstance(found["ARN"], str)


def test_answers_of_places(wired: Wired, said: Callable[[str], None]) -> None:
    """Secrets Manager and SSM: an answer, or a failure in a sentence, whatever the body is."""
    Fuzzer(said, "answers of places", 200).run(PLACES, lambda it: check_place(wired, it))


def test_planted_faults_are_found(
    wired: Wired, said: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything taken for a code of AWS tells a secret; anything taken for a whole answer is not."""
    anything = re.compile(r".*", re.DOTALL)
    # They are to be found each time, and one in so many examples shows them.
    monkeypatch.setenv("FUZZ_SEED", "1")
    monkeypatch.setattr("rotator.aws.answers._CODE", anything)
    monkeypatch.setattr("rotator.sinks.asking._has_shape", lambda _shape, _value: True)

    with pytest.raises((AssertionError, BaseExceptionGroup)):
        Fuzzer(said, "a planted fault", 1000).run(answers(), lambda it: check(wired, it))
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        Fuzzer(said, "a planted fault", 1000).run(PLACES, lambda it: check_place(wired, it))


def test_a_listing_without_an_end(wired: Wired) -> None:
    """IsTruncated with the same Marker again and again."""
    more = "<IsTruncated>true</IsTruncated><Marker>again</Marker>"
    page = f"<ListAccessKeysResult><AccessKeyMetadata>{KEY}</AccessKeyMetadata>{more}"
    wired.answer = (WELL, f"<R>{page}</ListAccessKeysResult>{REQUEST_ID}</R>".encode())

    with pytest.raises(ReadError):
        wired.ask("ListAccessKeys")


def test_a_key_of_somebody_else_is_not_taken_for_hers(wired: Wired) -> None:
    """Another user's name in the answer: of a new key it is not known whose it is."""
    new = new_key().replace("alice", "mallory")
    result = f"<R><CreateAccessKeyResult>{new}</CreateAccessKeyResult>{REQUEST_ID}</R>"
    wired.answer = (WELL, result.encode())

    with pytest.raises(OutcomeUnknown):
        wired.ask("CreateAccessKey")


def test_a_cut_answer_of_a_place_is_not_repeated(wired: Wired) -> None:
    """Botocore takes the body of a 400 that is no JSON for its message, with all that it holds."""
    wired.answer = (400, b'{"SecretString": "' + SECRET.encode())

    found = ask(wired.secrets, "get_secret_value", expecting="ARN", SecretId="x")

    expected = Failure("GetSecretValue was answered 400", "400", is_certain=False)
    assert expected == found
