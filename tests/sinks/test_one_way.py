"""A place whose text cannot be read back says when it was written, and is written all the same."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from rotator.errors import OutcomeUnknown, Rejected
from rotator.formats import JsonFormat, TemplateFormat
from rotator.model import Absent, Empty, WrittenAt
from tests.sinks.network import Fault, Network
from tests.sinks.worlds import (
    NEW,
    OLD,
    FileWorld,
    SecretsManagerWorld,
    SsmWorld,
    parameter_store,
    put,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


World = FileWorld | SecretsManagerWorld | SsmWorld

ONE_WAY = TemplateFormat(template="{account}.{user}={access_key_id}{secret_access_key}")


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A world of the sink that the test's parameter names; its format is one-way."""
    made: World
    match request.param:
        case "file":
            made = FileWorld(tmp_path, fmt=ONE_WAY)
            yield made
        case "secretsmanager":
            with mock_aws():
                yield SecretsManagerWorld(fmt=ONE_WAY)
        case _:
            with parameter_store() as made:
                made.fmt = ONE_WAY
                yield made


every_sink = pytest.mark.parametrize("world", ["file", "secretsmanager", "ssm"], indirect=True)
aws_sinks = pytest.mark.parametrize("world", ["secretsmanager", "ssm"], indirect=True)


def texts(world: World) -> str:
    return "".join(str(value) for value in world.state().values())


@every_sink
def test_it_says_when_it_was_written(world: World) -> None:
    """And no more: not which key, and nothing to read back."""
    sink = world.sink()
    put(world, sink, OLD)
    seen = sink.current()

    assert not sink.readable
    assert isinstance(seen, WrittenAt)
    assert seen.at is not None
    assert seen.at.tzinfo is not None
    assert seen == world.sink().current()
    assert sink.fetch() is None
    assert f"prod.bob={OLD.access_key_id}{OLD.secret_access_key.reveal()}" in texts(world)


@every_sink
def test_what_is_there_before_anything_is_seen(world: World) -> None:
    """Absent, and empty, are no doubt."""
    assert world.sink().current() == Absent()

    world.write(" ")
    assert world.sink().current() == Empty()


@every_sink
def test_twice_is_once(world: World) -> None:
    """Although the time of writing is another after the first: the text is ours."""
    sink = world.sink()
    put(world, sink, OLD)
    seen = sink.current()
    put(world, sink, NEW, seen)
    once = world.state(), sink.current()
    put(world, sink, NEW, seen)
    put(world, world.sink(), NEW, Absent())

    assert once == (world.state(), sink.current())


def a_second_on(parsed: dict[str, datetime], **_: object) -> None:
    """What moto says of the time of a version, which it counts in whole seconds."""
    parsed["CreatedDate"] += timedelta(seconds=1)


@every_sink
def test_a_concurrent_writer_is_noticed(world: World) -> None:
    sink = world.sink()
    put(world, sink, OLD)
    seen = sink.current()
    world.write("somebody's text, a little longer")
    if isinstance(world, SecretsManagerWorld):
        world.client.meta.events.register("after-call.secrets-manager.GetSecretValue", a_second_on)
    before = world.state()

    with pytest.raises(Rejected, match="changed"):
        put(world, sink, NEW, seen)
    assert before == world.state()


@aws_sinks
def test_an_answer_that_is_lost_is_looked_for(world: SecretsManagerWorld | SsmWorld) -> None:
    """The text itself shows that it was done."""
    sink = world.sink()
    put(world, sink, OLD)
    network = Network(world.client)
    for request in ("PutParameter", "UpdateSecretVersionStage"):
        network.fail(request, Fault.TIMEOUT_AFTER, Fault.TIMEOUT_BEFORE)
    put(world, sink, NEW)

    assert NEW.access_key_id in texts(world)
    with pytest.raises(OutcomeUnknown):
        put(world, sink, OLD)
    assert NEW.access_key_id in texts(world)


@every_sink
def test_the_class_knows_it_too(world: World) -> None:
    """Whether a policy has a readable place is checked before any user is known."""
    kind = type(world.sink())
    options = kind.Options.model_validate(
        {"path" if isinstance(world, FileWorld) else "name": "/ci/{user}"}
    )

    assert not kind.reads_back(options, ONE_WAY)
    assert kind.reads_back(options, JsonFormat())
