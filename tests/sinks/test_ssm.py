"""The Parameter Store sink: SecureStrings only, and a concurrent writer is noticed."""

from __future__ import annotations

import json
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from rotator.errors import AccessDenied, AnswerError, OutcomeUnknown, ReadError, Rejected
from rotator.formats import JsonFormat
from rotator.model import Absent, Empty, NameProblem, Serves, Stranger, Unreadable
from rotator.sinks.ssm import SsmOptions
from tests.sinks.network import AFTER, Fault, Network
from tests.sinks.worlds import (
    ACCOUNT,
    BOB,
    MINUTE,
    NEW,
    OLD,
    SsmWorld,
    failure_of,
    parameter_store,
    put_new,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotator.model import Credential


@pytest.fixture
def world() -> Iterator[SsmWorld]:
    with parameter_store() as made:
        yield made


@pytest.fixture
def network(world: SsmWorld) -> Network:
    return Network(world.client)


def served(world: SsmWorld) -> str | None:
    state = world.state()
    key_id: str | None = json.loads(str(state["/ci/bob"]))["AccessKeyId"] if state else None
    return key_id


def latest(world: SsmWorld) -> dict[str, object]:
    """What the newest version's history says."""
    versions = world.client.get_parameter_history(Name="/ci/bob")["Parameters"]
    newest: dict[str, object] = versions[-1]
    return newest


def told(error: BaseException | None) -> str:
    return "".join(traceback.format_exception(error)) if error else ""


def test_a_parameter_is_made_a_secure_string_with_its_key_tier_and_tags(world: SsmWorld) -> None:
    tags = {"owner": "platform"}
    put_new(world, world.sink(kms_key_id="alias/ci", tier="advanced", tags=tags))

    about = latest(world)
    found = world.client.list_tags_for_resource(ResourceType="Parameter", ResourceId="/ci/bob")
    assert (about["Type"], about["KeyId"], about["Tier"]) == (
        "SecureString",
        "alias/ci",
        "Advanced",
    )
    assert found["TagList"] == [{"Key": "owner", "Value": "platform"}]
    assert served(world) == NEW.access_key_id


def test_tags_are_sent_only_when_it_is_made(world: SsmWorld, network: Network) -> None:
    """The service refuses them beside an overwriting."""
    world.write(OLD)
    put_new(world, world.sink(tags={"owner": "platform"}))

    sent = network.bodies["PutParameter"][-1]
    assert sent["Overwrite"] is True
    assert "Tags" not in sent


def test_an_ordinary_put_is_three_requests(world: SsmWorld) -> None:
    """Look, ask for its key and tier, write."""
    world.write(OLD)
    sink = world.sink()
    seen = sink.current()
    world.clients.sent.clear()
    put_new(world, sink, seen)

    assert world.clients.sent == ["GetParameter", "GetParameterHistory", "PutParameter"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, ("alias/theirs", "Advanced"), id="where the policy says nothing"),
        pytest.param({"tier": "standard"}, ("alias/theirs", "Advanced"), id="never a lower tier"),
        pytest.param({"kms_key_id": "alias/ci"}, ("alias/ci", "Advanced"), id="the policy's key"),
    ],
)
def test_a_parameter_keeps_its_key_and_tier(
    world: SsmWorld, network: Network, options: dict[str, Any], expected: tuple[str, str]
) -> None:
    """Both must be sent: the service would take AWS's own key, and refuse a lower tier."""
    world.write(OLD, KeyId="alias/theirs", Tier="Advanced")
    put_new(world, world.sink(**options))

    sent = network.bodies["PutParameter"][-1]
    assert expected == (sent["KeyId"], sent["Tier"])
    assert served(world) == NEW.access_key_id


def test_a_standard_parameter_can_be_raised(world: SsmWorld) -> None:
    world.write(OLD)
    put_new(world, world.sink(tier="intelligent-tiering"))

    assert latest(world)["Tier"] == "Intelligent-Tiering"


def test_the_newest_of_many_versions_tells_the_key(world: SsmWorld, network: Network) -> None:
    """A history has pages, and the newest version is on the last one."""
    for count in range(60):
        world.write(json.dumps({"count": count}), KeyId=f"alias/k{count}")
    put_new(world, world.sink())

    assert network.bodies["PutParameter"][-1]["KeyId"] == "alias/k59"


@pytest.mark.parametrize("kind", ["String", "StringList"])
def test_a_parameter_of_another_type_is_never_written(world: SsmWorld, kind: str) -> None:
    """Nor read for a credential, nor made a SecureString, whatever a person says."""
    world.write(OLD, Type=kind)
    before = world.newest()
    sink = world.sink()

    assert sink.current() == Stranger(f"it is a {kind}, not a SecureString")
    assert sink.fetch() is None
    with pytest.raises(Rejected, match=f"it is a {kind}, .*delete it, or name another"):
        sink.check()
    for seen in (sink.current(), Serves(OLD.access_key_id)):
        with pytest.raises(Rejected):
            put_new(world, sink, seen)
    assert before == world.newest()
    assert "GetParameterHistory" not in world.clients.sent


def test_a_type_that_changes_after_the_look_is_noticed(world: SsmWorld, network: Network) -> None:
    """The type goes with every write, so that the service refuses to change it."""
    world.write(OLD)

    def remade() -> None:
        world.client.delete_parameter(Name="/ci/bob")
        world.write("somebody's text", Type="String")

    network.before("PutParameter", remade)
    with pytest.raises(Rejected, match="HierarchyTypeMismatchException: somebody has just made"):
        put_new(world, world.sink())

    assert (world.newest()["Type"], world.newest()["Value"]) == ("String", "somebody's text")


@pytest.mark.parametrize(
    ("tier", "largest"),
    [("standard", 4096), ("advanced", 8192), ("intelligent-tiering", 8192)],
)
def test_what_is_too_large_for_the_tier_is_told_before_anything(
    world: SsmWorld, tier: str, largest: int
) -> None:
    """By check, which measures the longest credential; by put, which measures this one."""
    sink = world.sink(tier=tier)
    world.write(json.dumps({"x": "y" * (largest - 500)}), Tier="Advanced")
    sink.check()
    world.write(json.dumps({"x": "y" * (largest - 300)}), Tier="Advanced")
    with pytest.raises(Rejected, match=f"larger than {largest} bytes"):
        sink.check()
    put_new(world, sink)

    world.write(json.dumps({"x": "y" * (largest - 150)}), Tier="Advanced")
    writes = world.requests()
    with pytest.raises(Rejected, match=f"larger than {largest} bytes"):
        put_new(world, sink)
    assert writes == world.requests()


def test_a_value_that_the_store_would_take_for_a_reference_is_told_before_anything(
    world: SsmWorld,
) -> None:
    world.fmt = JsonFormat(constants={"host": "{{ssm:other}}"})
    sink = world.sink()

    for act in (sink.check, lambda: put_new(world, sink, Absent())):
        with pytest.raises(Rejected, match=r"would hold `\{\{`"):
            act()
    assert world.state() == {}


def test_a_parameter_that_will_be_deleted_by_a_policy_is_refused(world: SsmWorld) -> None:
    """Its consumers would lose their key at a date that nobody here knows."""
    world.write(OLD)
    policies = [{"PolicyType": "Expiration", "PolicyText": "{}", "PolicyStatus": "Pending"}]
    world.client.meta.events.register(
        "after-call.ssm.GetParameterHistory",
        lambda parsed, **_: parsed["Parameters"][-1].update(Policies=policies),
    )
    sink = world.sink()

    for act in (sink.check, lambda: put_new(world, sink)):
        with pytest.raises(Rejected, match="a policy that deletes it at a date"):
            act()
    assert served(world) == OLD.access_key_id


def test_a_name_whose_arn_is_too_long_is_told_before_anything(world: SsmWorld) -> None:
    sink = world.sink(name="n" * 970 + "/{user}")

    with pytest.raises(Rejected, match="ARN of more than 1011"):
        sink.check()


FINAL = [
    Fault.INVALID,
    Fault.DENIED,
    Fault.THROTTLED,
    Fault.BUSY,
    Fault.LABELLED,
    Fault.MAX_REACHED,
    Fault.NOT_CONNECTED,
]


@pytest.mark.parametrize(
    ("operation", "fault", "expected", "now"),
    [
        pytest.param(operation, fault, expected, now, id=f"{operation} {fault.name}")
        for operation, faults, expected, now in [
            ("GetParameter", list(Fault), Rejected, OLD),
            ("GetParameterHistory", list(Fault), Rejected, OLD),
            ("PutParameter", FINAL, Rejected, OLD),
            ("PutParameter", [Fault.TIMEOUT_BEFORE, Fault.ERROR_500], OutcomeUnknown, OLD),
            # A look shows that it was done, whatever the answer says.
            ("PutParameter", sorted(AFTER, key=lambda f: f.name), None, NEW),
        ]
        for fault in faults
    ],
)
def test_each_request_may_fail(
    world: SsmWorld,
    network: Network,
    operation: str,
    fault: Fault,
    expected: type[AnswerError] | None,
    now: Credential,
) -> None:
    """The error tells what consumers read; a second put mends it; no secret is told."""
    world.write(OLD)
    sink = world.sink()
    seen = sink.current()
    network.fail(operation, fault)
    error = failure_of(lambda: put_new(world, sink, seen))

    assert (type(error) if error else None) is expected
    assert error is None or error.__context__ is None
    assert served(world) == now.access_key_id
    for secret in (OLD.secret_access_key.reveal(), NEW.secret_access_key.reveal()):
        assert secret not in told(error)

    put_new(world, world.sink(), seen)

    assert served(world) == NEW.access_key_id
    assert world.newest()["Version"] == 2


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
    world: SsmWorld, network: Network, fault: Fault, expected: type[AnswerError] | None
) -> None:
    network.fail("PutParameter", fault)
    sink = world.sink()
    error = failure_of(lambda: put_new(world, sink, Absent()))

    assert (type(error) if error else None) is expected
    assert NEW.secret_access_key.reveal() not in told(error)
    put_new(world, sink, sink.current())

    assert served(world) == NEW.access_key_id


@pytest.mark.parametrize(
    ("fault", "cure"),
    [
        (Fault.LABELLED, "move that label to a newer version"),
        (Fault.BUSY, "somebody else is writing it right now"),
        (Fault.MAX_REACHED, "as many parameters as it may have"),
    ],
)
def test_what_a_person_can_mend_is_said(
    world: SsmWorld, network: Network, fault: Fault, cure: str
) -> None:
    world.write(OLD)
    network.fail("PutParameter", fault)

    with pytest.raises(Rejected, match=cure):
        put_new(world, world.sink())


def test_a_creation_that_somebody_else_won_is_rejected(world: SsmWorld, network: Network) -> None:
    network.before("PutParameter", lambda: world.write(OLD))

    with pytest.raises(Rejected, match="ParameterAlreadyExists: somebody else has just made it"):
        put_new(world, world.sink(), Absent())
    assert served(world) == OLD.access_key_id


def test_a_creation_that_is_sent_again_is_once(world: SsmWorld, network: Network) -> None:
    """The first one arrives only after the second has looked."""
    sink = world.sink()
    network.before("PutParameter", lambda: put_new(world, world.sink(), Absent()))
    put_new(world, sink, Absent())

    assert served(world) == NEW.access_key_id
    assert world.newest()["Version"] == 1


def test_one_who_writes_between_look_and_put_is_noticed(world: SsmWorld, network: Network) -> None:
    """The store does not compare, so it is too late to stop; but no doubt is hidden."""
    world.write(OLD)
    sink = world.sink()
    network.before("PutParameter", lambda: world.write("somebody's text"))

    with pytest.raises(OutcomeUnknown, match="became version 3 where 2 was due: somebody else"):
        put_new(world, sink)

    assert sink.current() == Serves(NEW.access_key_id)
    history = world.client.get_parameter_history(Name="/ci/bob", WithDecryption=True)
    assert [version["Value"] for version in history["Parameters"]][1] == "somebody's text"


@pytest.mark.parametrize("answered", [1, 2, 3])
def test_no_request_is_begun_after_the_deadline(world: SsmWorld, answered: int) -> None:
    """It may pass between any two of them."""
    world.write(OLD)
    sink = world.sink()
    seen = sink.current()
    deadline = world.clock() + MINUTE
    count = len(world.clients.sent)

    def tick(**_: object) -> None:
        if len(world.clients.sent) - count == answered:
            world.clock.advance(MINUTE)

    world.client.meta.events.register("after-call.ssm", tick)
    error = failure_of(lambda: sink.put(NEW, replacing=seen, deadline=deadline))

    assert (error is None) == (answered == 3)
    assert error is None or "no time left" in str(error)
    assert len(world.clients.sent) - count == answered
    assert served(world) == (NEW if answered == 3 else OLD).access_key_id


@pytest.mark.parametrize("operation", ["GetParameter", "GetParameterHistory"])
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
    world: SsmWorld, network: Network, operation: str, fault: Fault, expected: type[ReadError]
) -> None:
    world.write(OLD)
    sink = world.sink()
    network.fail(operation, fault)
    with pytest.raises(ReadError, match="the parameter /ci/bob: Get") as raised:
        sink.check()

    assert type(raised.value) is expected
    sink.check()


def test_half_an_answer_is_none(world: SsmWorld) -> None:
    """A parameter without its value, and a history without versions."""
    world.write(OLD)
    halved = ["GetParameter"]

    def halve(parsed: dict[str, object], model: object, **_: object) -> None:
        if halved == [model.name]:  # type: ignore[attr-defined]  # botocore has no types
            parsed.update(Parameter={"Name": "/ci/bob"}, Parameters=[])

    world.client.meta.events.register("after-call.ssm", halve)
    sink = world.sink()

    assert isinstance(sink.current(), Unreadable)
    halved[:] = ["GetParameterHistory"]
    with pytest.raises(ReadError, match="its history is empty"):
        sink.check()


def test_a_parameter_without_a_key_is_empty(world: SsmWorld) -> None:
    """As infrastructure code makes them, to be filled by somebody else."""
    world.write("{}")
    sink = world.sink()
    sink.check()

    assert sink.current() == Empty()

    put_new(world, sink)

    assert sink.fetch() == NEW


def test_the_place_is_the_same_however_the_region_is_known(world: SsmWorld) -> None:
    assert world.sink().place() == world.sink(region="eu-north-1").place()
    assert world.sink().place() != world.sink(region="eu-west-1").place()
    assert world.sink().place().address == f"aws/{ACCOUNT}/eu-north-1/ci/bob"
    assert world.sink(name="Ci/bob").place() != world.sink(name="ci/bob").place()


def test_permissions_are_for_this_parameter(world: SsmWorld) -> None:
    """Tagging is asked for only where tags are, the key only where it has one of its own."""
    [plain] = world.sink().permissions()
    [tagged] = world.sink(tags={"a": "b"}).permissions()
    [reduced] = world.sink(tags={"a": "b"}, create=False).permissions()
    [_, alias] = world.sink(kms_key_id="alias/ci").permissions()
    key = f"arn:aws:kms:eu-north-1:{ACCOUNT}:key/1234"
    [_, exact] = world.sink(kms_key_id=key).permissions()

    assert plain.resources == (f"arn:aws:ssm:eu-north-1:{ACCOUNT}:parameter/ci/bob",)
    assert set(tagged.actions) - set(plain.actions) == {"ssm:AddTagsToResource"}
    assert reduced.actions == plain.actions
    assert alias.resources == (f"arn:aws:kms:eu-north-1:{ACCOUNT}:key/*",)
    assert exact.resources == (key,)
    assert set(exact.actions) == {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("ci/{tag[team]}/x", "no name of a parameter", id="a sign it has not"),
        pytest.param("{tag[deep]}/{user}", "no name of a parameter", id="too deep"),
        pytest.param("{tag[own]}/{user}", "belongs to AWS", id="AWS's own"),
    ],
)
def test_a_name_that_no_parameter_can_have_is_that_users_problem(
    world: SsmWorld, name: str, said: str
) -> None:
    tags = {"team": "a:b", "deep": "/".join("abcdefghijklmno"), "own": "Awsome"}

    with pytest.raises(NameProblem, match=said):
        world.sink(replace(BOB, tags=tags), name=name)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"name": "ci/{user}"}, "does not begin with `/`", id="no slash"),
        pytest.param({"name": "{user}"}, "does not begin with `/`", id="a user's name first"),
        pytest.param({"name": "/ci/{user}:x"}, "more than letters", id="a colon, as of a version"),
        pytest.param({"name": "/ci/{user} x"}, "more than letters", id="a space"),
        pytest.param({"name": "/ci//{user}"}, "an empty part", id="an empty part"),
        pytest.param({"name": "/ci/{user}/"}, "an empty part", id="a slash at the end"),
        pytest.param({"name": "/AWS/{user}"}, "belong to AWS", id="AWS's own"),
        pytest.param({"name": "/ssm-keys/{user}"}, "belong to AWS", id="the service's own"),
        pytest.param({"name": "/{usr}"}, r"did you mean \{user\}", id="unknown placeholder"),
        pytest.param({"name": "/x", "tier": "Advanced"}, "'advanced'", id="another spelling"),
        pytest.param({"name": "/x", "region": "Oslo"}, "pattern", id="no region"),
        pytest.param({"name": "/x", "kms_key_id": "a b"}, "pattern", id="no key"),
        pytest.param({"name": "/x", "type": "String"}, "not permitted", id="a type"),
        pytest.param({}, "Field required", id="no name"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SsmOptions.model_validate(options)


def test_a_path_may_begin_the_name() -> None:
    """It brings its own slash."""
    assert SsmOptions.model_validate({"name": "{path}{user}"}).name.text == "{path}{user}"
