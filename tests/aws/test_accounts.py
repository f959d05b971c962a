"""Whose credentials, which account, and one sentence for each way in which that goes wrong."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.aws.accounts import Accounts
from rotator.errors import AccessDenied, OutcomeUnknown, ReadError, Rejected
from rotator.model import Account, Credential, Secret
from tests.aws import loopback
from tests.aws.conftest import DEFAULT, OWN_KEY, OWN_SECRET, real_time
from tests.aws.loopback import ACCOUNT_ID, SECRET, answer, error, identity, in_turn, plain
from tests.aws.traces import assert_tells_no_secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.aws.conftest import Enter
    from tests.aws.loopback import Loopback, Reply

ROLE_ARN = "arn:aws:iam::111122223333:role/rotator"
PROD = Account("prod", role_arn=ROLE_ARN, external_id="ext-id")
ASSUMED = identity("arn:aws:sts::111122223333:assumed-role/rotator/rotator")


def signer(aws: Loopback, action: str) -> str:
    """The key id that the latest request of an action was signed with."""
    request = next(it for it in reversed(aws.requests) if it.action == action)
    return request.headers["Authorization"].split("Credential=")[1].split("/")[0]


def region(aws: Loopback, action: str) -> str:
    """The region that it was signed for."""
    request = next(it for it in reversed(aws.requests) if it.action == action)
    return request.headers["Authorization"].split("/")[2]


def test_an_account_is_entered_by_ambient_credentials(aws: Loopback, enter: Enter) -> None:
    """What AWS says of the caller is what we know; names are for people."""
    entered = enter()

    assert (entered.name, entered.account_id, entered.partition) == ("default", ACCOUNT_ID, "aws")
    assert entered.caller_arn == f"arn:aws:iam::{ACCOUNT_ID}:user/ops/rotator"
    assert entered.region == "us-east-1"


def test_an_account_is_entered_by_a_role(
    aws: Loopback, accounts_of: Callable[..., Accounts]
) -> None:
    """With the external id; the key that assumes the role is in use, so it is told."""
    aws.replies["GetCallerIdentity"] = ASSUMED
    world = accounts_of(PROD)

    world.enter(PROD)

    form = next(it.form for it in aws.requests if it.action == "AssumeRole")
    assert (form["RoleArn"], form["RoleSessionName"], form["ExternalId"]) == (
        ROLE_ARN,
        "rotator",
        "ext-id",
    )
    assert (signer(aws, "AssumeRole"), signer(aws, "GetCallerIdentity")) == (
        OWN_KEY,
        "ASIALOOPBACK00000001",
    )
    assert signing(world) == OWN_KEY


def test_a_role_without_an_external_id_is_assumed_without_one(aws: Loopback, enter: Enter) -> None:
    enter(Account("prod", role_arn=ROLE_ARN))

    assert "ExternalId" not in aws.requests[0].form


@pytest.mark.parametrize(
    ("arn", "partition"),
    [
        pytest.param("arn:aws:iam::111122223333:user/a", "aws", id="commercial"),
        pytest.param("arn:aws-cn:iam::111122223333:user/a", "aws-cn", id="China"),
        pytest.param("arn:aws-us-gov:sts::111122223333:assumed-role/a/b", "aws-us-gov", id="US"),
    ],
)
def test_the_partition_comes_from_the_arn(
    aws: Loopback, enter: Enter, arn: str, partition: str
) -> None:
    """Nothing is ever said to be in `aws` because most is."""
    aws.replies["GetCallerIdentity"] = identity(arn)

    assert enter().partition == partition


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        pytest.param("arn:aws:iam::111122223333:user/ops/eu/rotator", "rotator", id="a path"),
        pytest.param("arn:aws:sts::111122223333:assumed-role/user/x", None, id="a role"),
        pytest.param("arn:aws:sts::111122223333:federated-user/x", None, id="federated"),
    ],
)
def test_only_a_user_has_keys_of_its_own(
    aws: Loopback, enter: Enter, arn: str, name: str | None
) -> None:
    """The path is no part of the name."""
    aws.replies["GetCallerIdentity"] = identity(arn)

    assert enter().iam._caller == name


def test_root_is_refused(aws: Loopback, enter: Enter) -> None:
    """Calls without a user name would change the keys of root itself."""
    aws.replies["GetCallerIdentity"] = identity("arn:aws:iam::111122223333:root")

    with pytest.raises(ReadError, match=r"account default: .* root.*; use a role or an IAM user"):
        enter()


def test_two_names_of_one_account_are_both_refused(
    aws: Loopback, accounts_of: Callable[..., Accounts]
) -> None:
    """Leases and limits belong to the account, so two names would work against each other."""
    one, two = Account("one"), Account("two")
    accounts = accounts_of(one, two)

    for account in (one, two, one):
        with pytest.raises(ReadError, match=f"are both account {ACCOUNT_ID}") as caught:
            accounts.enter(account)
        assert "one" in str(caught.value)
        assert "two" in str(caught.value)


def test_a_role_of_the_account_of_the_environment_is_refused_before_anything_is_done(
    aws: Loopback, accounts_of: Callable[..., Accounts]
) -> None:
    """Whichever of the two is entered first."""
    role = Account("role", role_arn=f"arn:aws:iam::{ACCOUNT_ID}:role/rotator")

    for first in (role, Account("default")):
        accounts = accounts_of(role, Account("default"))
        with pytest.raises(ReadError, match=f"are both account {ACCOUNT_ID}"):
            accounts.enter(first)


def test_a_name_that_now_means_another_account_is_no_conflict(
    aws: Loopback, accounts_of: Callable[..., Accounts]
) -> None:
    """What was known of a name is what AWS said of it last."""
    one, two = Account("one"), Account("two")
    accounts = accounts_of(one, two)
    other = identity("arn:aws:iam::444455556666:user/a")
    aws.replies["GetCallerIdentity"] = in_turn(identity(), other, other, other, identity())
    accounts.enter(one)
    accounts.enter(two)

    with pytest.raises(ReadError):
        accounts.enter(one)

    assert accounts.enter(two).account_id == ACCOUNT_ID


def test_an_account_is_asked_for_at_each_sweep(
    aws: Loopback, accounts_of: Callable[..., Accounts]
) -> None:
    """Credentials that were good may be so no more; a role is assumed once an hour."""
    accounts = accounts_of(PROD)

    first, second = accounts.enter(PROD), accounts.enter(PROD)

    assert (aws.arrived("GetCallerIdentity"), aws.arrived("AssumeRole")) == (2, 1)
    assert first.iam._writer is second.iam._writer


@pytest.mark.parametrize(
    ("before", "assumed"),
    [
        pytest.param(timedelta(minutes=6), 1, id="six minutes before they expire"),
        pytest.param(timedelta(minutes=4), 2, id="four minutes before they expire"),
    ],
)
def test_a_role_is_assumed_again_in_time(
    aws: Loopback, accounts_of: Callable[..., Accounts], before: timedelta, assumed: int
) -> None:
    """Also in the middle of a sweep, which may take longer than that."""
    start = datetime.now(UTC).replace(microsecond=0)
    now = [start]
    expires_at = start + timedelta(hours=1)
    aws.replies["AssumeRole"] = in_turn(
        loopback.assumed(expires_at), loopback.assumed(expires_at + timedelta(hours=1))
    )
    entered = accounts_of(PROD, clock=lambda: now[0]).enter(PROD)

    now[0] = expires_at - before
    for _ in range(2):
        entered.iam.create_key("alice")

    assert aws.arrived("AssumeRole") == assumed


def test_a_role_that_cannot_be_assumed_again_rejects_a_change(
    aws: Loopback, accounts_of: Callable[..., Accounts], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing was sent, for certain: there was nothing to sign with."""
    now = [datetime.now(UTC)]
    entered = accounts_of(PROD, clock=lambda: now[0]).enter(PROD)
    aws.replies["AssumeRole"] = error(403, "AccessDenied", "no trust")
    now[0] += timedelta(minutes=58)

    with pytest.raises(Rejected, match=r"could not assume .* no trust") as caught:
        entered.iam.create_key("alice")

    assert caught.value.code == "AccessDenied"
    assert aws.arrived("CreateAccessKey") == 0
    assert_tells_no_secret(caught.value)


def test_an_answer_lost_after_a_renewal_is_still_unknown(
    aws: Loopback, accounts_of: Callable[..., Accounts]
) -> None:
    """That a role was assumed on the way says nothing about the create."""
    now = [datetime.now(UTC)]
    aws.replies["AssumeRole"] = in_turn(
        loopback.assumed(), loopback.assumed(now[0] + timedelta(hours=2))
    )
    entered = accounts_of(PROD, clock=lambda: now[0]).enter(PROD)
    aws.replies["CreateAccessKey"] = loopback.drop
    now[0] += timedelta(minutes=58)

    with pytest.raises(OutcomeUnknown):
        entered.iam.create_key("alice")

    assert (aws.arrived("AssumeRole"), aws.arrived("CreateAccessKey")) == (2, 1)


# Where the credentials come from, and what is wrong with them


@pytest.fixture
def home(tmp_path: Path, aws: Loopback, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with AWS's own files, and no credentials in the environment."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    return tmp_path


def accounts(*names: Account) -> Accounts:
    return Accounts(
        names,
        environ=os.environ,
        clock=real_time,
        request_timeout=timedelta(seconds=0.4),
        rates=None,
    )


def profile(name: str, **settings: str) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    return f"[{name}]\n{lines}"


def signing(world: Accounts) -> str | None:
    """The key of a user that signs our calls."""
    return next((key.key_id for key in world.signing()), None)


def keys(key_id: str = OWN_KEY, secret: str = OWN_SECRET) -> dict[str, str]:
    return {"aws_access_key_id": key_id, "aws_secret_access_key": secret}


def test_a_profile_is_used_as_everywhere(
    aws: Loopback, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_PROFILE, and the region that stands there."""
    (home / "credentials").write_text(profile("ops", **keys()))
    (home / "config").write_text(profile("profile ops", region="eu-north-1"))
    monkeypatch.setenv("AWS_PROFILE", "ops")
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    world = accounts(DEFAULT)
    entered = world.enter(DEFAULT)

    assert (signing(world), entered.region) == (OWN_KEY, "eu-north-1")
    assert region(aws, "GetCallerIdentity") == "eu-north-1"


def test_the_account_s_own_region_goes_before_the_environment_s(
    aws: Loopback, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_REGION goes before AWS_DEFAULT_REGION, as in the other SDKs."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")

    seen = [enter().region, enter(Account("cn", region="cn-north-1")).region]

    assert seen == ["eu-west-1", "cn-north-1"]


def test_the_endpoint_of_one_service_is_honoured(
    aws: Loopback, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_ENDPOINT_URL_IAM goes before AWS_ENDPOINT_URL."""
    with loopback.loopback() as other:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", other.url)

        enter().iam.create_key("alice")

        assert (aws.arrived("CreateAccessKey"), other.arrived("CreateAccessKey")) == (0, 1)


def test_the_key_that_a_profile_s_role_is_assumed_with_is_told(
    aws: Loopback, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in use as long as we live, however many roles lie between."""
    (home / "credentials").write_text(profile("base", **keys()))
    (home / "config").write_text(
        profile("profile ops", role_arn=ROLE_ARN, source_profile="middle")
        + profile("profile middle", role_arn=ROLE_ARN, source_profile="base")
    )
    monkeypatch.setenv("AWS_PROFILE", "ops")

    world = accounts(DEFAULT)
    world.enter(DEFAULT)

    assert aws.arrived("AssumeRole") == 2
    assert signing(world) == OWN_KEY


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId"])
def test_refused_credentials_are_read_anew_once(
    aws: Loopback, accounts_of: Callable[..., Accounts], code: str
) -> None:
    """What gives them may give others by now, though no file has changed."""
    world = accounts_of(DEFAULT)
    world.enter(DEFAULT)
    aws.replies["GetCallerIdentity"] = in_turn(error(403, code), identity())

    assert world.enter(DEFAULT).account_id == ACCOUNT_ID
    assert aws.arrived("GetCallerIdentity") == 3


def test_no_credentials(home: Path) -> None:
    with pytest.raises(ReadError) as caught:
        accounts(DEFAULT).enter(DEFAULT)

    expected = (
        "account default: no AWS credentials were found; set AWS_PROFILE or AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY, or run where a role is attached"
    )
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("environ", "config", "expected"),
    [
        pytest.param({"AWS_PROFILE": "gone"}, "", "profile does not exist", id="no such profile"),
        pytest.param(
            {"AWS_ACCESS_KEY_ID": OWN_KEY}, "", "lack a part; set both", id="half a credential"
        ),
        pytest.param({}, "no section", "config file of AWS cannot be parsed", id="a broken file"),
        pytest.param(
            {},
            profile("default", credential_process=f"sh -c 'echo {SECRET} >&2; exit 1'"),
            "run `aws sts get-caller-identity` in the same environment",
            id="a process that fails",
        ),
        pytest.param(
            {},
            profile(
                "default",
                sso_start_url="https://x",
                sso_region="us-east-1",
                sso_account_id="1",
                sso_role_name="r",
            ),
            "run `aws sso login`",
            id="a login that was never made",
        ),
        pytest.param(
            {"AWS_REGION": "no region!", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"},
            "",
            "correct AWS_REGION",
            id="a region that is none",
        ),
    ],
)
def test_credentials_that_cannot_be_had(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    config: str,
    expected: str,
) -> None:
    """One sentence each, which says what to do and quotes nothing."""
    (home / "config").write_text(config)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ReadError) as caught:
        accounts(DEFAULT).enter(DEFAULT)

    assert expected in str(caught.value)
    assert str(caught.value).startswith("account default: ")
    assert_tells_no_secret(caught.value)


def test_no_region(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, nobody knows which part of AWS is meant."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    with pytest.raises(ReadError, match="account default: no AWS region is set; set AWS_REGION"):
        enter()


@pytest.mark.parametrize(
    ("reply", "expected", "told"),
    [
        pytest.param(error(403, "ExpiredToken"), ReadError, "have expired; renew", id="expired"),
        pytest.param(
            error(403, "InvalidClientTokenId"), ReadError, "does not know the access key", id="dead"
        ),
        pytest.param(
            error(403, "SignatureDoesNotMatch", f"canonical {SECRET}"),
            ReadError,
            "does not fit its access key id",
            id="a wrong secret",
        ),
        pytest.param(error(403, "AccessDenied", "an SCP"), AccessDenied, "an SCP", id="forbidden"),
        pytest.param(plain(200, ""), ReadError, "no usable answer", id="an empty answer"),
        pytest.param(
            loopback.answer("GetCallerIdentity", "<Arn>arn:aws:iam::1:user/a</Arn>"),
            ReadError,
            "no usable answer",
            id="an answer without an account",
        ),
        pytest.param(
            loopback.answer(
                "GetCallerIdentity", "<Arn>x</Arn><UserId>x</UserId><Account>1</Account>"
            ),
            ReadError,
            "no usable answer",
            id="an ARN that is none",
        ),
    ],
)
def test_an_account_that_cannot_be_entered(
    aws: Loopback, enter: Enter, reply: Reply, expected: type[ReadError], told: str
) -> None:
    """Whatever is wrong, it is never "every user is gone"."""
    aws.replies["GetCallerIdentity"] = reply

    with pytest.raises(ReadError) as caught:
        enter()

    assert type(caught.value) is expected
    assert told in str(caught.value)
    assert_tells_no_secret(caught.value)


@pytest.mark.parametrize(
    ("reply", "expected", "told"),
    [
        pytest.param(
            error(403, "AccessDenied", "not authorized to perform: sts:AssumeRole"),
            AccessDenied,
            "trust policy must name the caller",
            id="not trusted",
        ),
        pytest.param(error(403, "ExpiredToken"), ReadError, "have expired", id="expired"),
        pytest.param(plain(200, f"<x>{SECRET}"), ReadError, "no usable answer", id="a cut answer"),
        pytest.param(
            loopback.answer("AssumeRole", "<Credentials/>"),
            ReadError,
            "no usable answer",
            id="an empty credential",
        ),
    ],
)
def test_a_role_that_cannot_be_assumed(
    aws: Loopback, enter: Enter, reply: Reply, expected: type[ReadError], told: str
) -> None:
    """The sentence names the account, the role, and what a person can look at."""
    aws.replies["AssumeRole"] = reply

    with pytest.raises(ReadError) as caught:
        enter(PROD)

    assert type(caught.value) is expected
    assert str(caught.value).startswith(f"account prod: could not assume {ROLE_ARN}")
    assert told in str(caught.value)
    assert "ext-id" not in str(caught.value)
    assert_tells_no_secret(caught.value)


def test_nobody_listens(credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is told, and what to check."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)

    with pytest.raises(ReadError, match=f"AWS was not reached at {url}; check the network"):
        accounts(DEFAULT).enter(DEFAULT)


def test_nobody_listens_to_a_change(
    aws: Loopback, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was sent, so nothing happened."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", url)
    iam = enter().iam

    with pytest.raises(Rejected, match="AWS was not reached"):
        iam.create_key("alice")


# Proof

NEW = Credential("AKIALOOPBACK00000001", Secret(SECRET), "alice", ACCOUNT_ID)


def test_a_proof_is_signed_with_the_new_key_alone(
    aws: Loopback, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session token of ours would make it a proof of something else."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-of-ours")
    entered = enter()

    proof = entered.prove(NEW)

    assert (proof.account_id, proof.user_id) == (ACCOUNT_ID, "AIDALOOPBACK")
    assert signer(aws, "GetCallerIdentity") == NEW.access_key_id
    assert "X-Amz-Security-Token" not in aws.requests[-1].headers


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(error(403, "InvalidClientTokenId"), id="not known yet"),
        pytest.param(error(403, "AccessDenied"), id="forbidden"),
        pytest.param(error(400, "Throttling"), id="throttled"),
        pytest.param(error(500, "InternalFailure"), id="a failure"),
        pytest.param(loopback.drop, id="a dropped answer"),
        pytest.param(loopback.silence, id="no answer in time"),
        pytest.param(plain(200, SECRET), id="an answer that cannot be parsed"),
        pytest.param(loopback.answer("GetCallerIdentity"), id="an answer without anybody"),
    ],
)
def test_a_proof_that_fails_is_asked_once(aws: Loopback, enter: Enter, reply: Reply) -> None:
    """Whoever asks again writes down before that the new key is used by us."""
    entered = enter()
    aws.requests.clear()
    aws.replies["GetCallerIdentity"] = reply

    with pytest.raises(ReadError, match="could not prove access key …0001 of user alice") as caught:
        entered.prove(NEW)

    assert aws.arrived("GetCallerIdentity") == 1
    assert_tells_no_secret(caught.value)


def test_which_account_a_key_is_of(aws: Loopback, enter: Enter) -> None:
    """STS tells it of any key, of whichever account; where it may not be asked, nobody knows."""
    entered = enter()
    aws.replies["GetAccessKeyInfo"] = error(403, "AccessDenied")
    denied = entered.account_of("AKIALEAKED0000000001")
    aws.replies["GetAccessKeyInfo"] = answer("GetAccessKeyInfo", "<Account>999988887777</Account>")

    assert (denied, entered.account_of("AKIALEAKED0000000001")) == (None, "999988887777")
