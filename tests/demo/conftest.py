"""One local AWS for all tests of this folder, begun anew for each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from rotator.demo.aws import LocalAws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_iam.type_defs import AccessKeyTypeDef

QUICK = {
    "lag": "0s",
    "grain": "0s",
    "new_key_delay": "0s",
    "revoke_delay": "0s",
    "page_max": 1000,
}


@pytest.fixture(scope="session")
def running() -> Iterator[LocalAws]:
    """A local AWS in a process of its own."""
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def aws(running: LocalAws) -> LocalAws:
    """The local AWS, empty and without delays."""
    running.reset()
    running.settings(**QUICK)
    return running


@pytest.fixture
def new_key(aws: LocalAws) -> Callable[[str], dict[str, str]]:
    """Make a key of a user by the API, and give it as boto3 takes it."""

    def make(user: str) -> dict[str, str]:
        key: AccessKeyTypeDef = aws.client("iam").create_access_key(UserName=user)["AccessKey"]
        return {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }

    return make


def eventually(ask: Callable[[], Any], seconds: float = 10) -> Any:  # noqa: ANN401 - of any kind
    """Ask until the answer is true, or the time is over; the last answer either way."""
    end = time.monotonic() + seconds
    answer = ask()
    while not answer and time.monotonic() < end:
        time.sleep(0.02)
        answer = ask()
    return answer


def code_of(call: Callable[..., Any], **parameters: object) -> tuple[str, int]:
    """The error code and the HTTP status with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def assume(aws: LocalAws, role: str) -> dict[str, str]:
    """Assume a role, and give the session as boto3 takes it."""
    answer = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="test")
    return {
        "aws_access_key_id": answer["Credentials"]["AccessKeyId"],
        "aws_secret_access_key": answer["Credentials"]["SecretAccessKey"],
        "aws_session_token": answer["Credentials"]["SessionToken"],
    }


def last_used(aws: LocalAws, key: dict[str, str]) -> dict[str, Any]:
    """What IAM shows of the last use of a key."""
    answer = aws.client("iam").get_access_key_last_used(AccessKeyId=key["aws_access_key_id"])
    return dict(answer["AccessKeyLastUsed"])


def refuses(call: Callable[[], object]) -> bool:
    """Is the signing key refused?"""
    try:
        call()
    except ClientError:
        return True
    return False
