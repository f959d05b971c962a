"""Everything that AWS's guide "Managing access keys for IAM users" shows, against moto's IAM."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from rotator.aws.accounts import Accounts, Entered
from rotator.errors import ReadError, Rejected
from rotator.model import Credential, KeyStatus, NeverUsed, Secret, UsedAt, User
from tests.aws.conftest import DEFAULT, real_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_iam import IAMClient

ACCOUNT_ID = "123456789012"


@pytest.fixture
def console() -> Iterator[IAMClient]:
    """What somebody else does in the account."""
    with mock_aws():
        iam: IAMClient = boto3.client("iam")
        iam.create_user(UserName="alice", Path="/ci/", Tags=[{"Key": "team", "Value": "blue"}])
        yield iam


@pytest.fixture
def entered(console: IAMClient) -> Entered:
    return _enter()


def _enter() -> Entered:
    accounts = Accounts(
        [DEFAULT],
        environ=os.environ,
        clock=real_time,
        request_timeout=timedelta(seconds=5),
        rates=None,
    )
    return accounts.enter(DEFAULT)


@pytest.fixture
def as_alice(console: IAMClient, monkeypatch: pytest.MonkeyPatch) -> Credential:
    """The process signs with a key of alice."""
    key = console.create_access_key(UserName="alice")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    return Credential(key["AccessKeyId"], Secret(key["SecretAccessKey"]), "alice", ACCOUNT_ID)


def test_a_key_is_created_with_its_secret(console: IAMClient, entered: Entered) -> None:
    """The answer is the only place where the secret ever stands."""
    created = entered.iam.create_key("alice")

    listed = console.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in listed] == [created.credential.access_key_id]
    assert created.created_at == listed[0]["CreateDate"]
    assert created.credential.user_name == "alice"
    assert created.credential.account_id == ACCOUNT_ID
    assert len(created.credential.secret_access_key.reveal()) == 40


def test_the_secret_of_a_created_key_shows_nowhere(entered: Entered) -> None:
    """Neither what is created nor the account that it was made in prints it."""
    created = entered.iam.create_key("alice")

    secret = created.credential.secret_access_key.reveal()
    assert secret not in f"{created!r} {created} {entered!r}"


def test_a_third_key_is_rejected(entered: Entered) -> None:
    """The code tells the caller that there is no free slot."""
    entered.iam.create_key("alice")
    entered.iam.create_key("alice")

    with pytest.raises(Rejected) as caught:
        entered.iam.create_key("alice")

    assert caught.value.code == "LimitExceeded"


def test_a_user_without_keys_has_an_empty_list(entered: Entered) -> None:
    assert entered.iam.list_keys("alice") == ()


def test_keys_are_listed_oldest_first(entered: Entered) -> None:
    """The oldest key is the one that is due."""
    ids = [entered.iam.create_key("alice").credential.access_key_id for _ in range(2)]

    keys = entered.iam.list_keys("alice")

    assert [key.key_id for key in keys] == ids
    assert all(key.created_at.tzinfo is UTC for key in keys)


def test_the_keys_of_nobody_cannot_be_listed(entered: Entered) -> None:
    """No user is not "no keys"."""
    with pytest.raises(ReadError, match="user default/nobody") as caught:
        entered.iam.list_keys("nobody")

    assert caught.value.code == "NoSuchEntity"


def test_a_key_is_switched_off_and_on(entered: Entered) -> None:
    """Twice is once."""
    key_id = entered.iam.create_key("alice").credential.access_key_id

    seen = []
    for status in (KeyStatus.INACTIVE, KeyStatus.INACTIVE, KeyStatus.ACTIVE):
        entered.iam.set_status("alice", key_id, status)
        seen += [key.status for key in entered.iam.list_keys("alice")]

    assert seen == [KeyStatus.INACTIVE, KeyStatus.INACTIVE, KeyStatus.ACTIVE]


def test_a_key_is_deleted(entered: Entered) -> None:
    """Deleting what is not there is rejected, and the code says why; a listing decides."""
    key_id = entered.iam.create_key("alice").credential.access_key_id
    entered.iam.delete_key("alice", key_id)

    with pytest.raises(Rejected) as caught:
        entered.iam.delete_key("alice", key_id)

    assert caught.value.code == "NoSuchEntity"
    assert entered.iam.list_keys("alice") == ()


def test_what_is_rejected_says_which_user_and_key(entered: Entered) -> None:
    """The key id is masked."""
    with pytest.raises(Rejected) as caught:
        entered.iam.set_status("alice", "AKIAIOSFODNN7EXAMPLE", KeyStatus.INACTIVE)

    told = "could not set access key …MPLE of user default/alice to Inactive"
    assert str(caught.value).startswith(told)
    assert "AKIA" not in str(caught.value)


def test_a_new_key_was_never_used(entered: Entered) -> None:
    key_id = entered.iam.create_key("alice").credential.access_key_id

    assert entered.iam.last_use(key_id) == NeverUsed()


def test_a_used_key_tells_when_and_where(as_alice: Credential) -> None:
    """The date, the service and the region of the last use: here that of asking itself."""
    entered = _enter()

    used = entered.iam.last_use(as_alice.access_key_id)

    assert isinstance(used, UsedAt)
    assert (used.service, used.region) == ("iam", "us-east-1")
    assert datetime.now(UTC) - used.at < timedelta(minutes=1)


def test_whoever_signs_may_see_to_its_own_keys(as_alice: Credential) -> None:
    """Where no user is named, IAM takes the one whose key signs."""
    own = _enter().iam

    created = own.create_key(None).credential
    own.set_status(None, created.access_key_id, KeyStatus.INACTIVE)
    statuses = {key.key_id: key.status for key in own.list_keys(None)}
    own.delete_key(None, created.access_key_id)

    assert created.user_name == "alice"
    assert statuses == {
        as_alice.access_key_id: KeyStatus.ACTIVE,
        created.access_key_id: KeyStatus.INACTIVE,
    }
    assert [key.key_id for key in own.list_keys(None)] == [as_alice.access_key_id]


def test_a_new_key_proves_who_it_is(entered: Entered) -> None:
    """The account and the UserId are those of the user, for the caller to compare."""
    credential = entered.iam.create_key("alice").credential
    alice = entered.iam.get_user("alice")
    assert alice is not None

    proof = entered.prove(credential)

    assert (proof.account_id, proof.user_id, proof.arn) == (
        alice.account_id,
        alice.user_id,
        alice.arn,
    )


def test_a_user_is_read_by_its_name(console: IAMClient, entered: Entered) -> None:
    """With all that GetUser tells; groups and policies it does not."""
    user_id = console.get_user(UserName="alice")["User"]["UserId"]

    expected = User(
        account="default",
        account_id=ACCOUNT_ID,
        user_id=user_id,
        name="alice",
        path="/ci/",
        arn=f"arn:aws:iam::{ACCOUNT_ID}:user/ci/alice",
        tags={"team": "blue"},
    )
    assert entered.iam.get_user("alice") == expected


def test_a_user_that_is_not_there_is_none(entered: Entered) -> None:
    """Only NoSuchEntity says so."""
    assert entered.iam.get_user("nobody") is None


def test_all_users_are_read_with_groups_and_policies(console: IAMClient, entered: Entered) -> None:
    """Whatever a selector or the watch for quarantine asks for."""
    policy = (
        '{"Version": "2012-10-17", "Statement":'
        ' [{"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "*"}]}'
    )
    name = "AWSCompromisedKeyQuarantineV4"
    arn = console.create_policy(PolicyName=name, PolicyDocument=policy)["Policy"]["Arn"]
    console.attach_user_policy(UserName="alice", PolicyArn=arn)
    console.create_group(GroupName="deployers")
    console.add_user_to_group(GroupName="deployers", UserName="alice")
    console.create_user(UserName="bob")

    users = {user.name: user for user in entered.iam.users(groups=False, tags=False)}

    assert users["alice"].tags == {"team": "blue"}
    assert users["alice"].groups == frozenset({"deployers"})
    assert users["alice"].attached_policies == frozenset({name})
    assert (users["bob"].tags, users["bob"].groups) == ({}, frozenset())
    assert set(users) == {"alice", "bob"}
