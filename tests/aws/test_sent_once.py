"""CreateAccessKey reaches AWS once, whatever goes wrong and whatever the settings say."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.aws.accounts import Accounts, Entered
from rotator.errors import AnswerError, OutcomeUnknown, Rejected
from tests.aws import loopback
from tests.aws.conftest import DEFAULT, OWN_KEY, OWN_SECRET, real_time
from tests.aws.loopback import Loopback, Reply, error, plain
from tests.aws.traces import assert_tells_no_secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODES = ("legacy", "standard", "adaptive")


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a retry mode is set, besides nine attempts."""

    mode: str
    where: str


SETTINGS = [
    pytest.param(Setting("", ""), id="nothing set"),
    *(pytest.param(Setting(mode, "env"), id=f"AWS_RETRY_MODE={mode}") for mode in MODES),
    *(pytest.param(Setting(mode, "file"), id=f"a profile says {mode}") for mode in MODES),
]


@pytest.fixture(scope="module", params=SETTINGS)
def entered(
    request: pytest.FixtureRequest, _server: Loopback, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Entered]:
    """The account as a process with these settings enters it; its clients serve all faults."""
    setting: Setting = request.param
    _server.reset()
    file = tmp_path_factory.mktemp("aws") / "config"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", OWN_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", OWN_SECRET)
        patch.setenv("AWS_ENDPOINT_URL", _server.url)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        if setting.where == "env":
            patch.setenv("AWS_RETRY_MODE", setting.mode)
            patch.setenv("AWS_MAX_ATTEMPTS", "9")
        if setting.where == "file":
            _write_profile(file, setting.mode)
            patch.setenv("AWS_PROFILE", "retrying")
            patch.setenv("AWS_CONFIG_FILE", str(file))
        accounts = Accounts(
            [DEFAULT],
            environ=os.environ,
            clock=real_time,
            request_timeout=timedelta(seconds=0.25),
            rates=None,
        )
        yield accounts.enter(DEFAULT)


def _write_profile(file: Path, mode: str) -> None:
    file.write_text(
        f"[profile retrying]\nretry_mode = {mode}\nmax_attempts = 9\n"
        f"aws_access_key_id = {OWN_KEY}\naws_secret_access_key = {OWN_SECRET}\n"
    )


HTML = "<html><body><b>Http/1.1 Service Unavailable</b></body></html>"

FAULTS = [
    pytest.param(loopback.silence, OutcomeUnknown, id="no answer in time"),
    pytest.param(loopback.stall, OutcomeUnknown, id="an answer that stops half-way"),
    pytest.param(loopback.reset, OutcomeUnknown, id="a reset"),
    pytest.param(loopback.drop, OutcomeUnknown, id="a dropped answer"),
    pytest.param(loopback.cut, OutcomeUnknown, id="a cut body"),
    pytest.param(loopback.cut_chunks, OutcomeUnknown, id="a chunked body without end"),
    pytest.param(error(500, "ServiceFailure"), OutcomeUnknown, id="500"),
    pytest.param(error(500, "Throttling"), OutcomeUnknown, id="500 that speaks of throttling"),
    pytest.param(plain(502, HTML), OutcomeUnknown, id="502 in HTML"),
    pytest.param(plain(503, ""), OutcomeUnknown, id="503 without a word"),
    pytest.param(error(503, "ServiceUnavailable"), OutcomeUnknown, id="503"),
    pytest.param(plain(504, HTML), OutcomeUnknown, id="504 in HTML"),
    pytest.param(error(509, "BandwidthLimitExceeded"), OutcomeUnknown, id="509"),
    pytest.param(plain(200, ""), OutcomeUnknown, id="an empty 200"),
    pytest.param(plain(200, loopback.SECRET), OutcomeUnknown, id="a 200 that is no XML"),
    pytest.param(plain(200, "<html/>"), OutcomeUnknown, id="a 200 of a captive portal"),
    pytest.param(loopback.answer("CreateAccessKey"), OutcomeUnknown, id="a 200 without a result"),
    pytest.param(
        loopback.created(without="SecretAccessKey"), OutcomeUnknown, id="a 200 without the secret"
    ),
    pytest.param(
        loopback.created(without="AccessKeyId"), OutcomeUnknown, id="a 200 without the key id"
    ),
    pytest.param(
        loopback.answer("CreateAccessKey", loopback.new_key(secret="")),
        OutcomeUnknown,
        id="a 200 with an empty secret",
    ),
    pytest.param(plain(400, ""), OutcomeUnknown, id="400 without a word"),
    pytest.param(plain(404, "<html/>"), OutcomeUnknown, id="404 of somebody in between"),
    pytest.param(plain(307, ""), OutcomeUnknown, id="a redirection"),
    pytest.param(error(400, "Throttling"), Rejected, id="400 throttled"),
    pytest.param(error(503, "Throttling"), Rejected, id="503 throttled"),
    pytest.param(error(429, "TooManyRequestsException"), Rejected, id="429 throttled"),
    pytest.param(error(403, "AccessDenied"), Rejected, id="403"),
    pytest.param(error(403, "InvalidClientTokenId"), Rejected, id="403, key not known yet"),
    pytest.param(error(403, "SignatureDoesNotMatch"), Rejected, id="403, wrong signature"),
    pytest.param(error(404, "NoSuchEntity"), Rejected, id="404"),
    pytest.param(error(409, "LimitExceeded"), Rejected, id="409, two keys already"),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS)
def test_a_create_is_sent_exactly_once(
    entered: Entered, aws: Loopback, fault: Reply, expected: type[AnswerError]
) -> None:
    """A second CreateAccessKey would make a second key, and lose the secret of the first."""
    aws.replies["CreateAccessKey"] = fault

    with pytest.raises(AnswerError) as caught:
        entered.iam.create_key("alice")

    assert expected is type(caught.value)
    assert (aws.arrived("CreateAccessKey"), aws.connections) == (1, 1)
    assert_tells_no_secret(caught.value)


def test_a_reset_before_the_request_was_read_is_not_answered_by_another(
    entered: Entered, aws: Loopback
) -> None:
    """Nobody here knows whether the other side had read it, so nobody says that it had not."""
    aws.unread = True

    with pytest.raises(OutcomeUnknown):
        entered.iam.create_key("alice")

    assert (aws.arrived("CreateAccessKey"), aws.connections) == (0, 1)


def test_a_create_that_is_answered_gives_the_credential(entered: Entered, aws: Loopback) -> None:
    """The settings change nothing when all is well either."""
    created = entered.iam.create_key("alice")

    assert (
        created.credential.access_key_id,
        created.credential.secret_access_key.reveal(),
    ) == (loopback.KEY_ID, loopback.SECRET)
    assert aws.arrived("CreateAccessKey") == 1
