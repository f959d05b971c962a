"""The fakes fail as real sinks do; other tests build on that."""

from __future__ import annotations

import pytest

from rotator.errors import OutcomeUnknown, ReadError, Rejected
from rotator.model import Absent, Empty, Serves, Unreadable, WrittenAt
from rotator.sinks.base import NameTemplate, SinkOptions
from tests.sinks.fakes import Fault, ReadableFake, WriteOnlyFake
from tests.sinks.worlds import MINUTE, NEW, OLD, FakeWorld, no_client


@pytest.fixture(params=[ReadableFake, WriteOnlyFake])
def world(request: pytest.FixtureRequest) -> FakeWorld:
    made = FakeWorld(request.param)
    made.write(OLD)
    return made


@pytest.mark.parametrize(
    ("fault", "expected", "now"),
    [
        pytest.param(Fault.REJECTED, Rejected, OLD, id="rejected"),
        pytest.param(Fault.LOST_BEFORE, OutcomeUnknown, OLD, id="lost before"),
        pytest.param(Fault.LOST_AFTER, OutcomeUnknown, NEW, id="lost after"),
        pytest.param(Fault.HANG, OutcomeUnknown, OLD, id="hangs"),
    ],
)
def test_a_fault_happens_once(
    world: FakeWorld, fault: Fault, expected: type[Exception], now: object
) -> None:
    sink = world.sink()
    seen, deadline = sink.current(), world.clock() + MINUTE
    world.backend.fail("ci/bob", fault)
    with pytest.raises(expected):
        sink.put(NEW, replacing=seen, deadline=deadline)

    assert world.state() == {"ci/bob": now}
    assert (world.clock() == deadline) is (fault is Fault.HANG)

    world.backend.land()
    sink.put(NEW, replacing=seen, deadline=world.clock() + MINUTE)

    assert world.backend.served("ci/bob") == NEW.access_key_id


def test_what_hung_lands_late(world: FakeWorld) -> None:
    world.backend.fail("ci/bob", Fault.HANG)
    with pytest.raises(OutcomeUnknown):
        world.sink().put(NEW, replacing=world.sink().current(), deadline=world.clock() + MINUTE)
    world.backend.land()

    assert world.backend.served("ci/bob") == NEW.access_key_id
    assert world.backend.puts == [("ci/bob", NEW.access_key_id)]


def test_a_place_out_of_reach(world: FakeWorld) -> None:
    world.backend.unreadable.add("ci/bob")
    sink = world.sink()

    assert isinstance(sink.current(), Unreadable)
    assert sink.fetch() is None
    with pytest.raises(ReadError):
        sink.check()


def test_an_empty_place() -> None:
    world = FakeWorld(ReadableFake)
    world.backend.write("ci/bob", None)

    assert world.sink().current() == Empty()
    assert world.backend.served("ci/bob") is None
    assert world.backend.served("ci/alice") is None


def test_a_write_only_place_tells_when_it_was_written() -> None:
    """Or cannot, as with some services; whoever wrote it."""
    world = FakeWorld(WriteOnlyFake)
    assert world.sink().current() == Absent()

    world.write(OLD)
    at = world.clock()
    world.clock.advance(MINUTE)

    assert world.sink().current() == WrittenAt(at)

    world.backend.tells_time = False

    assert world.sink().current() == WrittenAt(None)


def test_a_backend_outlives_its_sinks() -> None:
    world = FakeWorld(ReadableFake)
    world.sink().put(NEW, replacing=Absent(), deadline=world.clock() + MINUTE)

    assert world.sink().current() == Serves(NEW.access_key_id)


def test_name_templates_are_found_wherever_they_stand() -> None:
    """Whether a policy may give two users one place is asked of all of a sink's names."""

    class Options(SinkOptions):
        repository: NameTemplate
        secrets: dict[str, NameTemplate]
        more: tuple[NameTemplate, ...] = ()
        other: int = 5

    options = Options.model_validate(
        {"repository": "acme/{user}", "secrets": {"id": "KEY_{account}"}, "more": ("{path}",)}
    )

    assert [str(found) for found in options.name_templates()] == [
        "acme/{user}",
        "KEY_{account}",
        "{path}",
    ]


def test_a_world_without_aws_says_so() -> None:
    with pytest.raises(AssertionError, match="nobody may ask for iam"):
        no_client("iam", None)
