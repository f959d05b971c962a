"""A secret that AWS has just made is in no line of the log, however talkative everybody is."""

from __future__ import annotations

import base64
import io
import logging
import urllib.parse
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from rotator.events import Event

if TYPE_CHECKING:
    from tests.outlets.conftest import MakeLog

LOUD = ("", "botocore", "botocore.parsers", "botocore.endpoint", "boto3", "urllib3")


def _forms(secret: str) -> dict[str, str]:
    """The secret as somebody might find it."""
    plain = secret.encode()
    return {
        "plain": secret,
        "base64": base64.b64encode(plain).decode().rstrip("="),
        "percent-encoded": urllib.parse.quote(secret, safe=""),
        "reversed": secret[::-1],
        "hexadecimal": plain.hex(),
    }


def _create_key() -> str:
    with mock_aws():
        iam = boto3.client(
            "iam", aws_access_key_id="testing", aws_secret_access_key="testing-secret"
        )
        iam.create_user(UserName="ci")
        return iam.create_access_key(UserName="ci")["AccessKey"]["SecretAccessKey"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_botocore_at_debug_says_no_secret(make_log: MakeLog, form: str) -> None:
    """A real CreateAccessKey, with every logger at debug, leaves nothing of the secret in the log.

    What botocore says at debug does hold the secret: a plain handler beside ours hears it.
    """
    log = make_log(form, "debug")
    overheard = io.StringIO()
    plain = logging.StreamHandler(overheard)
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(plain)

    secret = _create_key()
    log.emit(Event.KEY_ISSUED, {"user": "ci"})

    assert secret in overheard.getvalue()
    assert "key.issued" in log.text
    found = [name for name, text in _forms(secret).items() if text in log.text]
    assert found == []


def test_our_own_debug_level_keeps_botocore_quiet(make_log: MakeLog) -> None:
    """ROTATOR_LOG_LEVEL=debug alone does not even make botocore format what it will not say."""
    make_log(level="debug")

    assert not logging.getLogger("botocore.parsers").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("botocore.endpoint").isEnabledFor(logging.DEBUG)
