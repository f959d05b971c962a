"""The column "without it" of the page of permissions: each is taken away from the real program."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rotator.demo.aws import LocalAws

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

CONFIGURATION = """\
version: 1
timing: {shutdown_timeout: 1s}
policies:
  - name: ci
    mode: enforce
    users:
      include: [{name: bob}]
    rotate_after: 70d
    sinks:
      - SINK
"""
SECRET = '{type: secretsmanager, name: "ci/{user}/aws", region: eu-north-1}'
PARAMETER = '{type: ssm, name: "/ci/{user}/aws", tags: {owner: ci}}'
SEED = {"users": [{"name": "bob", "path": "/ci/", "keys": [{"age": "80d"}]}]}
DETAILS = "iam:GetAccountAuthorizationDetails"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """A local AWS in a process of its own."""
    with LocalAws(SEED, options=("--new-key-delay", "1ms")) as server:
        yield server


def run_without(
    aws: LocalAws, folder: Path, denied: tuple[str, ...], sink: str = SECRET
) -> tuple[int, str, dict[str, Any] | None]:
    """One sweep in a fresh account: its status, its log, and where the user then stands."""
    aws.admin("POST", "reset", SEED)
    if "ssm:GetParameterHistory" in denied:  # which is asked only of a parameter that is there
        made: Any = aws.client("ssm")
        made.put_parameter(Name="/ci/bob/aws", Value="{}", Type="SecureString")
    for action in denied:
        aws.fail(action, "deny", times=None)
    (folder / "rotator.yaml").write_text(CONFIGURATION.replace("SINK", sink))
    called(aws, folder, "state", "init")
    swept = called(aws, folder, "run")
    told = json.loads(called(aws, folder, "status", "--json").stdout)["users"]
    return swept.returncode, swept.stderr, told[0] if told else None


def called(aws: LocalAws, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One call of the program, as it is installed."""
    return subprocess.run(
        [sys.executable, "-m", "rotator", "--config", "rotator.yaml", *arguments],
        cwd=folder,
        env=aws.environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def active(aws: LocalAws) -> int:
    """How many keys the user has that work."""
    return sum(key["status"] == "Active" for key in aws.truth()["bob"]["keys"])


@pytest.mark.parametrize(
    "denied",
    [
        pytest.param((), id="nothing is denied"),
        pytest.param((DETAILS,), id="the listing in one call is denied"),
        pytest.param((DETAILS, "iam:ListGroupsForUser"), id="groups, which no selector names"),
        pytest.param((DETAILS, "iam:ListUserTags"), id="tags, which no selector names"),
        pytest.param(("iam:GenerateCredentialReport",), id="the credential report is denied"),
    ],
)
def test_what_can_be_done_without_goes_on(
    aws: LocalAws, tmp_path: Path, denied: tuple[str, ...]
) -> None:
    """The key is replaced all the same, and both work."""
    status, _, user = run_without(aws, tmp_path, denied)

    assert (status, active(aws)) == (0, 2)
    assert user is not None
    assert user["phase"] == "grace"


@pytest.mark.parametrize(
    "denied",
    [
        pytest.param((DETAILS, "iam:ListUsers"), id="users cannot be listed in any way"),
    ],
)
def test_an_account_whose_users_cannot_be_listed_is_left_alone(
    aws: LocalAws, tmp_path: Path, denied: tuple[str, ...]
) -> None:
    """And that is said."""
    status, log, _ = run_without(aws, tmp_path, denied)

    assert (status, active(aws)) == (1, 1)
    assert "account.failed" in log


@pytest.mark.parametrize(
    ("denied", "reason", "sink"),
    [
        ("iam:GetUser", "aws_unavailable", SECRET),
        ("iam:ListAccessKeys", "aws_unavailable", SECRET),
        ("secretsmanager:DescribeSecret", "sink", SECRET),
        ("ssm:GetParameter", "sink", PARAMETER),
        ("ssm:GetParameterHistory", "sink", PARAMETER),
    ],
)
def test_a_user_who_cannot_be_looked_at_waits(
    aws: LocalAws, tmp_path: Path, denied: str, reason: str, sink: str
) -> None:
    """Nothing is issued, for the reason that the page gives."""
    _, _, user = run_without(aws, tmp_path, (denied,), sink)

    assert active(aws) == 1
    assert user is not None
    assert user["reason"] == reason


@pytest.mark.parametrize(
    ("denied", "sink"),
    [
        ("iam:CreateAccessKey", SECRET),
        ("secretsmanager:CreateSecret", SECRET),
        ("ssm:PutParameter", PARAMETER),
    ],
)
def test_what_cannot_be_done_costs_no_key(
    aws: LocalAws, tmp_path: Path, denied: str, sink: str
) -> None:
    """The old key stays Active, and the sweep says that something failed."""
    first = run_without(aws, tmp_path, (denied,), sink)
    oldest = min(aws.truth()["bob"]["keys"], key=lambda key: str(key["created_at"]))

    assert first[0] == 1
    assert oldest["status"] == "Active"
