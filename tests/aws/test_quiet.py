"""No level of logging makes botocore tell a secret."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest

from rotator.aws import quiet
from rotator.errors import AnswerError
from rotator.model import Account
from tests.aws import loopback
from tests.aws.conftest import OWN_SECRET
from tests.aws.loopback import SECRET, TOKEN, Loopback
from tests.aws.traces import forms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.aws.conftest import Enter

ROLE = Account("prod", role_arn="arn:aws:iam::111122223333:role/r", external_id="ext-id")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged at any level, as a careless configuration would have it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    before = {name: (it.level, list(it.filters)) for name, it in _pinned().items()}
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)
    for name, it in _pinned().items():
        it.setLevel(before[name][0])
        it.filters = before[name][1]


def _pinned() -> dict[str, logging.Logger]:
    names = (*quiet.TALKATIVE, *quiet.TELLING)
    return {name: logging.getLogger(name) for name in names}


def rotate(aws: Loopback, enter: Enter) -> None:
    """What tells most: a role, a new key, a proof, a broken answer."""
    entered = enter(ROLE)
    entered.prove(entered.iam.create_key("alice").credential)
    aws.replies["CreateAccessKey"] = loopback.cut
    with pytest.raises(AnswerError):
        entered.iam.create_key("alice")


def told(written: str) -> set[str]:
    return {
        form for secret in (SECRET, TOKEN, OWN_SECRET) for form in forms(secret) if form in written
    }


def test_botocore_tells_secrets_at_debug(aws: Loopback, enter: Enter, log: io.StringIO) -> None:
    """Which is why it is kept from it; the day it does not, this module may go."""
    rotate(aws, enter)

    assert {SECRET, TOKEN} <= told(log.getvalue())


def test_quiet_boto_tells_none(aws: Loopback, enter: Enter, log: io.StringIO) -> None:
    """Even where a child of botocore's logger was set to DEBUG by itself."""
    logging.getLogger("botocore.parsers").setLevel(logging.DEBUG)
    quiet.quiet_boto()
    quiet.quiet_boto()

    rotate(aws, enter)

    assert told(log.getvalue()) == set()
    assert "botocore.parsers" not in log.getvalue()


def test_a_filter_on_the_handler_tells_none(aws: Loopback, enter: Enter, log: io.StringIO) -> None:
    """It holds for loggers that nobody has thought of."""
    handler = next(h for h in logging.getLogger().handlers if getattr(h, "stream", None) is log)
    handler.addFilter(quiet.WITHOUT_WIRE)

    rotate(aws, enter)

    assert told(log.getvalue()) == set()


def test_a_level_above_info_stays(log: io.StringIO) -> None:
    """Whoever wants even less is not given more."""
    logging.getLogger("botocore").setLevel(logging.ERROR)

    quiet.quiet_boto()

    assert logging.getLogger("botocore").level == logging.ERROR


@pytest.mark.parametrize(
    ("name", "level", "passes"),
    [
        pytest.param("botocore.credentials", logging.WARNING, True, id="a warning of botocore"),
        pytest.param("botocore.credentials", logging.DEBUG, False, id="its debugging"),
        pytest.param("urllib3.connectionpool", logging.DEBUG, False, id="urllib3's debugging"),
        pytest.param("rotator.reconcile", logging.DEBUG, True, id="our own debugging"),
        pytest.param("botocorelike", logging.DEBUG, True, id="somebody of a similar name"),
    ],
)
def test_what_is_logged_passes_or_not(name: str, level: int, passes: bool) -> None:
    """Only what the libraries say below INFO is dropped."""
    record = logging.LogRecord(name, level, "file.py", 1, "text", None, None)

    assert quiet.WITHOUT_WIRE.filter(record) is passes


def test_tracebacks_of_botocore_are_taken_off() -> None:
    """The text of a failed refresh may quote what STS answered; ours keep theirs."""
    kept = []
    for name in ("botocore.credentials", "rotator.reconcile"):
        error = ValueError(SECRET)
        why = (ValueError, error, None)
        record = logging.LogRecord(name, logging.WARNING, "file.py", 1, "failed", None, why)
        quiet.WITHOUT_WIRE.filter(record)
        kept.append(SECRET in logging.Formatter().format(record))

    assert kept == [False, True]
