"""The Secrets Manager sink: the label is moved from the version that was seen, or not at all."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import NoCredentialsError
from moto import mock_aws
from pydantic import ValidationError

from rotator.errors import AccessDenied, AnswerError, OutcomeUnknown, ReadError, Rejected
from rotator.formats import JsonFormat
from rotator.model import Absent, Empty, NameProblem, Serves, Stranger, Unreadable
from rotator.sinks.secretsmanager import PENDING, SecretsManagerOptions
from tests.sinks.fakes import FakeClock
from tests.sinks.network import AFTER, Fault, Network
from tests.sinks.worlds import (
    ACCOUNT,
    BOB,
    MINUTE,
    NEW,
    OLD,
    SecretsManagerWorld,
    context,
    failure_of,
    put_new,
    spec_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotator.sinks import Sink


@pytest.fixture
def world() -> Iterator[SecretsManagerWorld]:
    with mock_aws():
        yield SecretsManagerWorld()


@pytest.fixture
def network(world: SecretsManagerWorld) -> Network:
    return Network(world.client)


def labels(world: SecretsManagerWorld) -> list[list[str]]:
    described = world.client.describe_secret(SecretId="ci/bob")["VersionIdsToStages"]
    return sorted(sorted(stages) for stages in described.values())


def served(world: SecretsManagerWorld) -> str | None:
    state = world.state()
    return json.loads(str(state["ci/bob"]))["AccessKeyId"] if state else None


def test_a_secret_is_made_with_its_key_and_tags(world: SecretsManagerWorld) -> None:
    put_new(world, world.sink(kms_key_id="alias/ci", tags={"owner": "platform"}))

    described = world.client.describe_secret(SecretId="ci/bob")
    assert described["KmsKeyId"] == "alias/ci"
    assert described["Tags"] == [{"Key": "owner", "Value": "platform"}]
    assert served(world) == NEW.access_key_id


def test_the_value_before_stays_as_previous(world: SecretsManagerWorld) -> None:
    world.write(OLD)
    put_new(world, world.sink())

    previous = world.client.get_secret_value(SecretId="ci/bob", VersionStage="AWSPREVIOUS")
    assert json.loads(previous["SecretString"])["AccessKeyId"] == OLD.access_key_id
    assert labels(world) == [["AWSCURRENT", PENDING], ["AWSPREVIOUS"]]


def test_an_ordinary_put_is_four_requests(world: SecretsManagerWorld) -> None:
    """Look twice, stage, move."""
    world.write(OLD)
    sink = world.sink()
    seen = sink.current()
    world.clients.sent.clear()
    put_new(world, sink, seen)

    assert world.clients.sent == [
        "DescribeSecret",
        "GetSecretValue",
        "PutSecretValue",
        "UpdateSecretVersionStage",
    ]


def test_a_secret_without_a_value_is_empty(world: SecretsManagerWorld) -> None:
    """As infrastructure code makes them, to be filled by somebody else."""
    world.client.create_secret(Name="ci/bob")
    sink = world.sink()
    sink.check()

    assert sink.current() == Empty()

    put_new(world, sink)

    assert sink.current() == Serves(NEW.access_key_id)
    assert sink.fetch() == NEW


GONE_AT = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"RotationEnabled": True}, "rotated by Secrets Manager", id="rotated"),
        pytest.param({"OwningService": "rds"}, "managed by rds", id="of a service"),
        pytest.param({"PrimaryRegion": "eu-west-1"}, "replica: .* eu-west-1", id="a replica"),
        pytest.param({"DeletedDate": GONE_AT}, "scheduled for deletion", id="about to be deleted"),
    ],
)
def test_a_secret_that_others_change_is_refused(
    world: SecretsManagerWorld, change: dict[str, object], said: str
) -> None:
    """By check and by put, with what to do; nothing is staged."""
    world.write(OLD)
    world.client.meta.events.register(
        "after-call.secrets-manager.DescribeSecret", lambda parsed, **_: parsed.update(change)
    )
    sink = world.sink()

    with pytest.raises(Rejected, match=said):
        sink.check()
    with pytest.raises(Rejected, match=said):
        put_new(world, sink)
    assert "PutSecretValue" not in world.clients.sent


def test_a_secret_scheduled_for_deletion_is_no_evidence(world: SecretsManagerWorld) -> None:
    """It may be restored, and then serves its old key again."""
    world.write(OLD)
    world.client.delete_secret(SecretId="ci/bob", RecoveryWindowInDays=7)
    sink = world.sink()

    assert isinstance(sink.current(), Unreadable)
    with pytest.raises(Rejected, match="scheduled for deletion"):
        sink.check()
    with pytest.raises(Rejected, match="scheduled for deletion"):
        put_new(world, sink, Serves(OLD.access_key_id))


def test_a_binary_secret_is_a_stranger(world: SecretsManagerWorld) -> None:
    world.client.create_secret(Name="ci/bob", SecretBinary=b"\0secret")
    sink = world.sink()

    assert sink.current() == Stranger("it is binary")
    assert sink.fetch() is None
    with pytest.raises(Rejected, match="changed"):
        put_new(world, sink, Empty())


def test_what_is_too_large_is_refused_before_anything(world: SecretsManagerWorld) -> None:
    world.write(json.dumps({"x": "y" * 65_400}))
    sink = world.sink()

    with pytest.raises(Rejected, match="larger than 65536 bytes"):
        sink.check()
    with pytest.raises(Rejected, match="larger than 65536 bytes"):
        put_new(world, sink)
    assert "PutSecretValue" not in world.clients.sent


@pytest.mark.parametrize(
    ("operation", "fault", "expected", "now"),
    [
        pytest.param(operation, fault, expected, now, id=f"{operation} {fault.name}")
        for operation, faults, expected, now in [
            ("DescribeSecret", list(Fault), Rejected, OLD),
            ("GetSecretValue", list(Fault), Rejected, OLD),
            # Nobody reads what is only staged: consumers read the old key for certain.
            ("PutSecretValue", list(Fault), Rejected, OLD),
            (
                "UpdateSecretVersionStage",
                [Fault.INVALID, Fault.DENIED, Fault.THROTTLED, Fault.NOT_CONNECTED],
                Rejected,
                OLD,
            ),
            (
                "UpdateSecretVersionStage",
                [Fault.TIMEOUT_BEFORE, Fault.ERROR_500],
                OutcomeUnknown,
                OLD,
            ),
            # A look shows that it was done, whatever the answer says.
            ("UpdateSecretVersionStage", sorted(AFTER, key=lambda f: f.name), None, NEW),
        ]
        for fault in faults
    ],
)
def test_each_request_may_fail(
    world: SecretsManagerWorld,
    network: Network,
    operation: str,
    fault: Fault,
    expected: type[AnswerError] | None,
    now: Any,  # noqa: ANN401 - a credential of the world
) -> None:
    """The error tells what consumers read; a second put mends it; no secret is told."""
    world.write(OLD)
    sink = world.sink()
    seen = sink.current()
    network.fail(operation, fault)
    error = failure_of(lambda: put_new(world, sink, seen))
    told = "".join(traceback.format_exception(error)) if error else ""

    assert (type(error) if error else None) is expected
    assert error is None or error.__context__ is None
    assert served(world) == now.access_key_id
    for secret in (OLD.secret_access_key.reveal(), NEW.secret_access_key.reveal()):
        assert secret not in told

    put_new(world, world.sink(), seen)

    assert served(world) == NEW.access_key_id
    assert labels(world) == [["AWSCURRENT", PENDING], ["AWSPREVIOUS"]]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(Fault.DENIED, Rejected, id="not permitted"),
        pytest.param(Fault.NOT_CONNECTED, Rejected, id="no connection"),
        pytest.param(Fault.TIMEOUT_BEFORE, OutcomeUnknown, id="lost before"),
        pytest.param(Fault.ERROR_500, OutcomeUnknown, id="an error of the service"),
        pytest.param(Fault.TIMEOUT_AFTER, None, id="lost after"),
        pytest.param(Fault.EMPTY_200_AFTER, None, id="an empty answer"),
        pytest.param(Fault.GARBAGE_200_AFTER, None, id="an answer that is none"),
    ],
)
def test_the_creation_may_fail(
    world: SecretsManagerWorld,
    network: Network,
    fault: Fault,
    expected: type[AnswerError] | None,
) -> None:
    network.fail("CreateSecret", fault)
    sink = world.sink()
    error = failure_of(lambda: put_new(world, sink, Absent()))
    told = "".join(traceback.format_exception(error)) if error else ""

    assert (type(error) if error else None) is expected
    assert NEW.secret_access_key.reveal() not in told
    put_new(world, sink, sink.current())

    assert served(world) == NEW.access_key_id


def test_a_creation_that_somebody_else_won_is_rejected(
    world: SecretsManagerWorld, network: Network
) -> None:
    network.before("CreateSecret", lambda: world.write(OLD))

    with pytest.raises(Rejected, match="ResourceExistsException"):
        put_new(world, world.sink(), Absent())
    assert served(world) == OLD.access_key_id


def test_a_creation_that_is_sent_again_is_once(
    world: SecretsManagerWorld, network: Network
) -> None:
    """The first one arrives only after the second has looked."""
    sink = world.sink()
    network.before("CreateSecret", lambda: put_new(world, world.sink(), Absent()))
    put_new(world, sink, Absent())

    assert labels(world) == [["AWSCURRENT"]]


def test_one_who_writes_before_the_move_is_noticed(
    world: SecretsManagerWorld, network: Network
) -> None:
    """The service compares: the label is no longer where it was seen."""
    world.write(OLD)
    sink = world.sink()
    network.before("UpdateSecretVersionStage", lambda: world.write("somebody's text"))

    with pytest.raises(Rejected, match="InvalidParameterException"):
        put_new(world, sink)

    assert world.state() == {"ci/bob": "somebody's text"}


def test_two_who_promote_the_same_key_are_one(world: SecretsManagerWorld, network: Network) -> None:
    world.write(OLD)
    sink = world.sink()
    seen = sink.current()
    network.before("UpdateSecretVersionStage", lambda: put_new(world, world.sink(), seen))
    put_new(world, sink, seen)

    assert served(world) == NEW.access_key_id


@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_after_an_unanswered_try_no_refusal_is_certain(
    world: SecretsManagerWorld, network: Network, operation: str
) -> None:
    """The first try may still be on its way when the second is refused."""
    world.write(OLD)
    sink = world.sink()
    network.fail("UpdateSecretVersionStage", Fault.TIMEOUT_BEFORE)
    with pytest.raises(OutcomeUnknown):
        put_new(world, sink)

    network.fail(operation, Fault.DENIED)
    with pytest.raises(OutcomeUnknown):
        put_new(world, sink)


def test_a_version_staged_with_another_value_is_no_dead_end(
    world: SecretsManagerWorld, network: Network
) -> None:
    """As when the policy's format was changed between two tries."""
    world.write(OLD)
    network.fail("UpdateSecretVersionStage", Fault.DENIED)
    with pytest.raises(Rejected):
        put_new(world, world.sink())

    world.fmt = JsonFormat(constants={"Region": "eu-north-1"})
    put_new(world, world.sink())

    assert json.loads(str(world.state()["ci/bob"]))["Region"] == "eu-north-1"


def test_other_fields_that_changed_between_two_tries_are_kept(
    world: SecretsManagerWorld, network: Network
) -> None:
    """A staged value holds the fields as they were; it is not promoted over newer ones."""
    world.write(json.dumps({"host": "old"}))
    network.fail("UpdateSecretVersionStage", Fault.TIMEOUT_BEFORE)
    with pytest.raises(OutcomeUnknown):
        put_new(world, world.sink())

    world.write(json.dumps({"host": "new"}))
    put_new(world, world.sink())

    assert json.loads(str(world.state()["ci/bob"]))["host"] == "new"


@pytest.mark.parametrize("answered", [1, 2, 3, 4])
def test_no_request_is_begun_after_the_deadline(world: SecretsManagerWorld, answered: int) -> None:
    """It may pass between any two of them."""
    world.write(OLD)
    sink = world.sink()
    seen = sink.current()
    deadline = world.clock() + MINUTE
    count = len(world.clients.sent)

    def tick(**_: object) -> None:
        if len(world.clients.sent) - count == answered:
            world.clock.advance(MINUTE)

    world.client.meta.events.register("after-call.secrets-manager", tick)
    if answered < 4:
        with pytest.raises(Rejected, match="no time left"):
            sink.put(NEW, replacing=seen, deadline=deadline)
    else:
        sink.put(NEW, replacing=seen, deadline=deadline)

    assert len(world.clients.sent) - count == answered
    assert served(world) == (NEW if answered == 4 else OLD).access_key_id


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(Fault.DENIED, AccessDenied, id="not permitted"),
        pytest.param(Fault.THROTTLED, ReadError, id="throttled"),
        pytest.param(Fault.TIMEOUT_BEFORE, ReadError, id="no answer"),
        pytest.param(Fault.GARBAGE_200_AFTER, ReadError, id="an answer that is none"),
    ],
)
def test_check_tells_what_cannot_be_read(
    world: SecretsManagerWorld, network: Network, fault: Fault, expected: type[ReadError]
) -> None:
    world.write(OLD)
    sink = world.sink()
    network.fail("DescribeSecret", fault)
    with pytest.raises(expected) as raised:
        sink.check()
    assert type(raised.value) is expected

    network.fail("GetSecretValue", fault)
    with pytest.raises(ReadError):
        sink.check()
    sink.check()


def test_what_is_found_and_then_not_is_no_evidence(
    world: SecretsManagerWorld, network: Network
) -> None:
    """Absent is only what two questions say alike."""
    sink = world.sink()
    network.fail("DescribeSecret", Fault.TIMEOUT_BEFORE)
    assert isinstance(sink.current(), Unreadable)

    network.before("DescribeSecret", lambda: world.write(OLD))
    assert isinstance(sink.current(), Unreadable)
    assert sink.current() == Serves(OLD.access_key_id)


def no_role(service: str, region: str | None) -> object:
    raise AccessDenied(f"the role for {service} cannot be assumed", code="AccessDenied")


def no_credentials(service: str, region: str | None) -> object:
    raise NoCredentialsError


@pytest.mark.parametrize("factory", [no_role, no_credentials])
def test_an_account_out_of_reach_is_told(factory: Callable[[str, str | None], object]) -> None:
    """In every question alike; the place is known all the same where the region is given."""

    def made(region: str | None) -> Sink:
        from rotator.sinks.secretsmanager import SecretsManagerSink  # noqa: PLC0415

        options = SecretsManagerOptions.model_validate({"name": "ci/{user}", "region": region})
        spec = spec_of("secretsmanager", options)
        clock = FakeClock()
        return SecretsManagerSink(context(user=BOB, spec=spec, clock=clock, client=factory))

    sink = made("eu-north-1")

    assert isinstance(sink.current(), Unreadable)
    assert sink.fetch() is None
    assert sink.place().address == f"aws/{ACCOUNT}/eu-north-1/ci/bob"
    with pytest.raises(ReadError):
        sink.check()
    with pytest.raises(Rejected):
        sink.put(NEW, replacing=Absent(), deadline=FakeClock()() + timedelta(minutes=1))
    with pytest.raises(ReadError):
        made(None).place()


def test_the_place_is_the_same_however_the_region_is_known(world: SecretsManagerWorld) -> None:
    assert world.sink().place() == world.sink(region="eu-north-1").place()
    assert world.sink().place() != world.sink(region="eu-west-1").place()


def test_permissions_are_for_this_secret(world: SecretsManagerWorld) -> None:
    """The service adds six characters to the name; creating is asked for only where wanted."""
    [wanted] = world.sink().permissions()
    [reduced] = world.sink(create=False).permissions()
    [_, alias] = world.sink(kms_key_id="alias/ci").permissions()
    key = f"arn:aws:kms:eu-north-1:{ACCOUNT}:key/1234"
    [_, exact] = world.sink(kms_key_id=key).permissions()

    secret = f"arn:aws:secretsmanager:eu-north-1:{ACCOUNT}:secret:ci/bob-??????"
    assert wanted.resources == (secret,)
    assert set(wanted.actions) - set(reduced.actions) == {
        "secretsmanager:CreateSecret",
        "secretsmanager:TagResource",
    }
    assert alias.resources == (f"arn:aws:kms:eu-north-1:{ACCOUNT}:key/*",)
    assert exact.resources == (key,)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("ci/{tag[team]} x", id="a space"),
        pytest.param("ci/{user}:x", id="a colon, as of an ARN"),
        pytest.param("ci/é/{user}", id="a letter of another alphabet"),
        pytest.param("ci/{user}/" + "n" * 512, id="too long"),
    ],
)
def test_a_name_that_no_secret_can_have_is_that_users_problem(
    world: SecretsManagerWorld, name: str
) -> None:
    with pytest.raises(NameProblem, match="no name of a secret"):
        world.sink(name=name)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"name": "{usr}"}, r"did you mean \{user\}", id="unknown placeholder"),
        pytest.param({"name": "x", "region": "Oslo"}, "pattern", id="no region"),
        pytest.param({"name": "x", "tags": {"a": 1}}, "valid string", id="a number for a tag"),
        pytest.param({"name": "x", "kms": "alias/x"}, "not permitted", id="unknown field"),
        pytest.param({}, "Field required", id="no name"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SecretsManagerOptions.model_validate(options)
