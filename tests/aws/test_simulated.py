"""The simulated IAM tells what the adapter tells: the same answers of AWS, over the wire.

Each recorded answer is given to the real adapter by a server on loopback, and the same situation
is brought about in the simulated account. What a caller then knows is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from rotator.errors import AnswerError, ReadError
from rotator.model import Account, KeyStatus, NeverUsed, UsedAt, UseUnknown
from tests.aws.loopback import KEY_ID, answer, error, listed
from tests.simulation import recorded
from tests.simulation.aws import FakeAccounts, FakeAws, FakeIam
from tests.simulation.faults import Effects, Life
from tests.sinks.fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotator.aws.accounts import Entered
    from rotator.aws.iam import Iam
    from tests.aws.loopback import Loopback
    from tests.simulation.recorded import Answer

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Situation:
    """One answer of AWS, how it comes about in the simulated account, and who asks what."""

    action: str
    answer: Answer
    arrange: Callable[[FakeAws], None]
    ask: Callable[[Iam], object]


def alice(aws: FakeAws, keys: int = 1) -> None:
    """The user whom the server on loopback has, with so many keys, the first of them KEY_ID."""
    user = aws.add_user("alice")
    for _ in range(keys):
        aws.add_key(user)
    if keys:
        first = next(iter(aws.keys.values()))
        first.key_id, first.created_at = KEY_ID, CREATED
        first.history = [(CREATED, KeyStatus.ACTIVE)]
        aws.keys = {key.key_id: key for key in aws.keys.values()}


def failing(action: str, told: Answer) -> Callable[[FakeAws], None]:
    """Alice, and one call that AWS does not answer as it should."""

    def arrange(aws: FakeAws) -> None:
        alice(aws)
        aws.failing[action] = told

    return arrange


def busy(action: str) -> Callable[[FakeAws], None]:
    """Alice, and one call too many."""

    def arrange(aws: FakeAws) -> None:
        alice(aws)
        aws.busy[action] = 1

    return arrange


def nobody(aws: FakeAws) -> None:
    """An empty account."""
    del aws


def gone(aws: FakeAws) -> None:
    """Alice, and a key that was deleted."""
    alice(aws)
    aws.switch(KEY_ID, None)


SITUATIONS = {
    "a third key": Situation(
        "CreateAccessKey",
        recorded.QUOTA,
        lambda aws: alice(aws, keys=2),
        lambda iam: iam.create_key("alice"),
    ),
    "a key for nobody": Situation(
        "CreateAccessKey",
        recorded.no_user("alice"),
        nobody,
        lambda iam: iam.create_key("alice"),
    ),
    "one create too many": Situation(
        "CreateAccessKey",
        recorded.THROTTLING,
        busy("CreateAccessKey"),
        lambda iam: iam.create_key("alice"),
    ),
    "a create that the server failed at": Situation(
        "CreateAccessKey",
        recorded.SERVICE_FAILURE,
        failing("CreateAccessKey", recorded.SERVICE_FAILURE),
        lambda iam: iam.create_key("alice"),
    ),
    "a key that is not there is switched off": Situation(
        "UpdateAccessKey",
        recorded.no_key(KEY_ID),
        gone,
        lambda iam: iam.set_status("alice", KEY_ID, KeyStatus.INACTIVE),
    ),
    "a key that is not there is deleted": Situation(
        "DeleteAccessKey",
        recorded.no_key(KEY_ID),
        gone,
        lambda iam: iam.delete_key("alice", KEY_ID),
    ),
    "a delete that the server failed at": Situation(
        "DeleteAccessKey",
        recorded.SERVICE_FAILURE,
        failing("DeleteAccessKey", recorded.SERVICE_FAILURE),
        lambda iam: iam.delete_key("alice", KEY_ID),
    ),
    "the keys of nobody": Situation(
        "ListAccessKeys",
        recorded.no_user("alice"),
        nobody,
        lambda iam: iam.list_keys("alice"),
    ),
    "a listing that is denied": Situation(
        "ListAccessKeys",
        recorded.denied("ListAccessKeys", "somebody"),
        failing("ListAccessKeys", recorded.denied("ListAccessKeys", "somebody")),
        lambda iam: iam.list_keys("alice"),
    ),
    "a user that is not there": Situation(
        "GetUser", recorded.no_user("alice"), nobody, lambda iam: iam.get_user("alice")
    ),
    "a user who may not be read": Situation(
        "GetUser",
        recorded.denied("GetUser", "somebody"),
        failing("GetUser", recorded.denied("GetUser", "somebody")),
        lambda iam: iam.get_user("alice"),
    ),
    "the last use of a key that there is not": Situation(
        "GetAccessKeyLastUsed",
        recorded.use_denied(KEY_ID, "somebody"),
        nobody,
        lambda iam: iam.last_use(KEY_ID),
    ),
}


def simulated(arrange: Callable[[FakeAws], None]) -> FakeIam:
    """The simulated IAM of an account that is arranged so."""
    aws = FakeAws(FakeClock(), Effects(Life("somebody")))
    arrange(aws)
    return cast("FakeIam", FakeAccounts.over(aws).enter(Account("prod")).iam)


def known_after(ask: Callable[[Iam], object], iam: Iam | FakeIam) -> tuple[str, str]:
    """What a caller knows: the kind of the answer or of the error, and its code."""
    try:
        found = ask(cast("Iam", iam))
    except (AnswerError, ReadError) as exc:
        return type(exc).__name__, getattr(exc, "code", "")
    return type(found).__name__, ""


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS.keys())
def test_an_error_of_aws_is_the_same_to_a_caller(
    situation: Situation, aws: Loopback, entered: Entered
) -> None:
    """Kind and code: what the caller does next hangs on nothing else."""
    told = situation.answer
    aws.replies[situation.action] = error(told.status, told.code, told.message)

    real = known_after(situation.ask, entered.iam)

    assert known_after(situation.ask, simulated(situation.arrange)) == real


def test_a_listing_is_the_same_to_a_caller(aws: Loopback, entered: Entered) -> None:
    """The same entries, of the same type."""
    aws.replies["ListAccessKeys"] = listed((KEY_ID, "Active"))

    assert simulated(alice).list_keys("alice") == entered.iam.list_keys("alice")


def test_a_user_is_the_same_to_a_caller(aws: Loopback, entered: Entered) -> None:
    """Neither groups nor policies are told, which is not the same as none."""
    arn = "arn:aws:iam::111122223333:user/alice"
    entry = f"<Path>/</Path><UserName>alice</UserName><UserId>AIDAALICE</UserId><Arn>{arn}</Arn>"
    aws.replies["GetUser"] = answer("GetUser", f"<User>{entry}</User>")
    real = entered.iam.get_user("alice")

    found = simulated(alice).get_user("alice")

    assert found is not None
    assert real is not None
    assert (found.ref, found.name, found.path, found.arn) == (
        real.ref,
        real.name,
        real.path,
        real.arn,
    )
    assert (found.tags, found.groups, found.attached_policies) == (
        real.tags,
        real.groups,
        real.attached_policies,
    )


def test_a_last_use_is_the_same_to_a_caller(aws: Loopback, entered: Entered) -> None:
    """Never used, and used: service and region in the same places."""
    never = "<ServiceName>N/A</ServiceName><Region>N/A</Region>"
    date = "<LastUsedDate>2026-11-02T08:00:00Z</LastUsedDate>"
    used = f"{date}<ServiceName>s3</ServiceName><Region>eu-north-1</Region>"
    real = []
    for told in (never, used):
        inside = f"<UserName>alice</UserName><AccessKeyLastUsed>{told}</AccessKeyLastUsed>"
        aws.replies["GetAccessKeyLastUsed"] = answer("GetAccessKeyLastUsed", inside)
        real.append(entered.iam.last_use(KEY_ID))
    iam = simulated(alice)
    found = [iam.last_use(KEY_ID)]
    iam.aws.keys[KEY_ID].uses.append(iam.aws.clock() - timedelta(hours=1))
    found.append(iam.last_use(KEY_ID))

    assert (
        found
        == real
        == [NeverUsed(), UsedAt(datetime(2026, 11, 2, 8, tzinfo=UTC), "s3", "eu-north-1")]
    )


def test_a_created_key_is_the_same_to_a_caller(entered: Entered) -> None:
    """The credential names its user and account, and the moment has whole seconds."""
    iam = simulated(lambda aws: alice(aws, keys=0))

    made, real = iam.create_key("alice"), entered.iam.create_key("alice")

    assert type(made) is type(real)
    assert made.credential.user_name == real.credential.user_name
    assert made.credential.account_id == real.credential.account_id
    assert made.created_at.tzinfo is real.created_at.tzinfo
    assert (made.created_at.microsecond, real.created_at.microsecond) == (0, 0)


def test_an_unknown_last_use_is_no_never() -> None:
    """What the simulated account does not know, nobody takes for unused."""
    assert isinstance(simulated(nobody).last_use(KEY_ID), UseUnknown)
