"""Everything that can go wrong between a client and AWS does so on demand, and once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from rotator.demo.aws import LocalAwsFailed
from tests.demo.conftest import code_of, eventually

if TYPE_CHECKING:
    from rotator.demo.aws import LocalAws

IMPATIENT = Config(retries={"total_max_attempts": 1}, read_timeout=0.2, proxies={})


@pytest.fixture
def ci(aws: LocalAws) -> LocalAws:
    """A local AWS with a user who has no key."""
    aws.plant({"users": [{"name": "ci"}, {"name": "cd"}]})
    return aws


def keys(aws: LocalAws, user: str = "ci") -> int:
    """How many keys a user truly has."""
    return len(aws.truth()[user]["keys"])


@pytest.mark.parametrize(
    ("kind", "error", "made"),
    [
        pytest.param("hang", ReadTimeoutError, 0, id="a time-out before it was executed"),
        pytest.param("hang_after", ReadTimeoutError, 1, id="a time-out after it was executed"),
        pytest.param("reset", ConnectionClosedError, 0, id="a reset before it was executed"),
        pytest.param("drop_after", ConnectionClosedError, 1, id="the answer is dropped"),
        pytest.param("fail", ClientError, 0, id="500 before it was executed"),
        pytest.param("fail_after", ClientError, 1, id="500 after it was executed"),
        pytest.param("throttle", ClientError, 0, id="throttled"),
        pytest.param("deny", ClientError, 0, id="denied"),
        pytest.param("empty_after", ResponseParserError, 1, id="an empty 200"),
        pytest.param("cut_after", ResponseParserError, 1, id="half an answer"),
    ],
)
def test_one_call_fails_and_the_next_works(
    ci: LocalAws, kind: str, error: type[Exception], made: int
) -> None:
    """A fault is spent by the call it meets; only `_after` means that something was done."""
    ci.fail("iam:CreateAccessKey", kind)
    iam = ci.client("iam", config=IMPATIENT) if error is ReadTimeoutError else ci.client("iam")

    with pytest.raises(error):
        iam.create_access_key(UserName="ci")

    assert eventually(lambda: keys(ci) == made)
    logged = ci.calls(action="CreateAccessKey")
    assert [(call["fault"], call["executed"]) for call in logged] == [(kind, made == 1)]
    ci.client("iam").create_access_key(UserName="ci")
    assert keys(ci) == made + 1


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        ({"kind": "throttle"}, ("Throttling", 400)),
        ({"kind": "deny"}, ("AccessDenied", 403)),
        ({"kind": "fail"}, ("ServiceFailure", 500)),
        (
            {"kind": "fail", "status": 503, "code": "ServiceUnavailable"},
            ("ServiceUnavailable", 503),
        ),
    ],
    ids=["throttled", "denied", "500 by default", "as ordered"],
)
def test_refusals_are_those_of_aws(
    ci: LocalAws, order: dict[str, Any], refusal: tuple[str, int]
) -> None:
    """Codes and statuses are IAM's (recorded; reference: common errors)."""
    ci.fail("ListUsers", **order)

    assert code_of(ci.client("iam").list_users) == refusal


def test_secrets_manager_refuses_in_its_own_protocol(ci: LocalAws) -> None:
    """AccessDeniedException 400, InternalServiceError 500 (reference: common errors)."""
    secretsmanager = ci.client("secretsmanager")
    ci.fail("secretsmanager:ListSecrets", "deny")
    ci.fail("secretsmanager:ListSecrets", "fail")

    assert code_of(secretsmanager.list_secrets) == ("AccessDeniedException", 400)
    assert code_of(secretsmanager.list_secrets) == ("InternalServiceError", 500)


def test_secrets_of_one_prefix_fail_for_a_while(ci: LocalAws) -> None:
    """A sink that is down for some users, for some time, whatever is called."""
    secretsmanager = ci.client("secretsmanager")
    ci.fail("secretsmanager:*", "deny", target="ci/", for_seconds=60)

    for _ in range(2):
        denied = code_of(secretsmanager.create_secret, Name="ci/aws", SecretString="1")
        assert denied == ("AccessDeniedException", 400)
    assert secretsmanager.create_secret(Name="cd/aws", SecretString="1")["Name"] == "cd/aws"
    ci.settings(clock_offset="61s")
    assert secretsmanager.create_secret(Name="ci/aws", SecretString="1")["Name"] == "ci/aws"


def test_fault_meets_one_user_only(ci: LocalAws) -> None:
    """Whom a call is about decides: by name, or by the key that is named."""
    iam = ci.client("iam")
    key_id = iam.create_access_key(UserName="ci")["AccessKey"]["AccessKeyId"]
    ci.fail("iam:*", "deny", user="ci", times=2)

    assert iam.list_access_keys(UserName="cd")["AccessKeyMetadata"] == []
    assert code_of(iam.list_access_keys, UserName="ci") == ("AccessDenied", 403)
    assert code_of(iam.get_access_key_last_used, AccessKeyId=key_id) == ("AccessDenied", 403)
    assert len(iam.list_access_keys(UserName="ci")["AccessKeyMetadata"]) == 1


def test_late_call_is_executed_although_nobody_waits(ci: LocalAws) -> None:
    """A request that was slow on its way does its work after the client has given up."""
    ci.fail("CreateAccessKey", "late", seconds=1)

    with pytest.raises(ReadTimeoutError):
        ci.client("iam", config=IMPATIENT).create_access_key(UserName="ci")

    assert keys(ci) == 0
    assert eventually(lambda: keys(ci) == 1)


def test_faults_are_told_and_taken_back(ci: LocalAws) -> None:
    """How often each was obeyed; none is left after DELETE."""
    ci.fail("iam:ListUsers", "deny", times=None)
    code_of(ci.client("iam").list_users)
    told = ci.admin("GET", "faults")["faults"]

    ci.admin("DELETE", "faults")

    assert [(fault["action"], fault["kind"], fault["taken"]) for fault in told] == [
        ("iam:ListUsers", "deny", 1)
    ]
    assert len(ci.client("iam").list_users()["Users"]) == 2


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "explode"},
        {"kind": "deny", "sometimes": True},
        {"kind": "deny", "for_seconds": "x"},
    ],
    ids=["unknown kind", "unknown field", "no number"],
)
def test_wrong_order_is_refused(ci: LocalAws, order: dict[str, Any]) -> None:
    """A misspelt fault must not be a fault that never comes."""
    with pytest.raises(LocalAwsFailed):
        ci.admin("POST", "faults", {"action": "ListUsers", **order})

    assert ci.admin("GET", "faults") == {"faults": []}


def test_console_meets_no_fault(ci: LocalAws) -> None:
    """A person in the console is not what fails in a test, nor part of what is counted."""
    ci.fail("iam:*", "deny", times=None)

    made = ci.console("iam:CreateAccessKey", UserName="ci")["AccessKey"]

    assert ci.truth()["ci"]["keys"][0]["access_key_id"] == made["AccessKeyId"]
    assert ci.calls() == []
    assert [call["action"] for call in ci.calls(console="yes")] == ["CreateAccessKey"]


def test_two_keys_stay_the_limit_under_concurrent_creates(ci: LocalAws) -> None:
    """Calls are executed one at a time: what the local AWS promises, and moto does not."""
    iam = ci.client("iam")

    def create(_: int) -> bool:
        try:
            iam.create_access_key(UserName="ci")
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(create, range(16)))

    assert sum(made) == keys(ci) == 2
