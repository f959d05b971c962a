"""What every sink promises, whatever stands behind it."""

from __future__ import annotations

import logging
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from rotator.errors import AnswerError, Rejected
from rotator.formats import JsonFormat
from rotator.model import Absent, Empty, NameProblem, Serves, Stranger, WrittenAt
from tests.sinks.fakes import ReadableFake, WriteOnlyFake
from tests.sinks.worlds import (
    BOB,
    NEW,
    OLD,
    FakeWorld,
    FileWorld,
    SecretsManagerWorld,
    SsmWorld,
    VaultWorld,
    World,
    credential,
    parameter_store,
    put,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rotator.model import Credential

READABLE = ["file", "secretsmanager", "ssm", "vault", "vault-1", "memory"]
TEXTUAL = ["file", "secretsmanager", "ssm", "vault", "vault-1"]
ALL = [*READABLE, "writeonly"]


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The world of the sink that the test's parameter names."""
    match request.param:
        case "file":
            yield FileWorld(tmp_path)
        case "secretsmanager":
            with mock_aws():
                yield SecretsManagerWorld()
        case "ssm":
            with parameter_store() as parameters:
                yield parameters
        case "vault":
            yield VaultWorld(request.getfixturevalue("bao"))
        case "vault-1":
            yield VaultWorld(request.getfixturevalue("bao"), version=1)
        case "memory":
            yield FakeWorld(ReadableFake)
        case _:
            yield FakeWorld(WriteOnlyFake)


every_sink = pytest.mark.parametrize("world", ALL, indirect=True)
every_readable = pytest.mark.parametrize("world", READABLE, indirect=True)
every_textual = pytest.mark.parametrize("world", TEXTUAL, indirect=True)


@every_sink
def test_first_contact_finds_nothing_and_changes_nothing(world: World) -> None:
    sink = world.sink()
    sink.check()

    assert sink.current() == Absent()
    assert sink.fetch() is None
    assert world.state() == {}


@every_sink
def test_put_is_current(world: World) -> None:
    """What was put is what consumers read, also over another key, and seen by a new instance."""
    sink = world.sink()
    put(world, sink, OLD)
    put(world, sink, NEW)

    expected = Serves(NEW.access_key_id) if sink.readable else WrittenAt(world.clock())
    assert expected == sink.current()
    assert expected == world.sink().current()


@every_sink
def test_check_passes_once_it_is_there(world: World) -> None:
    sink = world.sink()
    put(world, sink, OLD)
    before = world.state()
    sink.check()

    assert before == world.state()


@every_sink
def test_twice_is_once(world: World) -> None:
    """Also by another instance that still believes what was there before."""
    sink = world.sink()
    put(world, sink, OLD)
    seen = sink.current()
    put(world, sink, NEW, seen)
    once = world.state()
    put(world, sink, NEW, seen)
    put(world, world.sink(), NEW, seen)
    put(world, sink, NEW)

    assert once == world.state()


@every_readable
def test_fetch_gives_back_what_was_put(world: World) -> None:
    """Odd characters included; it is how a place that lacks the key is mended."""
    sink = world.sink()
    odd = credential("AKIAODDODDODDODDODD3", "/+=+/=/+==" * 4)
    put(world, sink, OLD)
    put(world, sink, odd)

    assert odd == sink.fetch()
    assert odd == world.sink().fetch()


@every_readable
@pytest.mark.parametrize(
    "held",
    [
        pytest.param(NEW, id="another key"),
        pytest.param("somebody's text", id="a stranger's text"),
    ],
)
def test_a_concurrent_writer_is_noticed(world: World, held: Credential | str) -> None:
    """What came after the look is not overwritten, and that is said for certain."""
    third = credential("AKIATHIRDTHIRDTHIRD3", "third/secret/third/secret")
    sink = world.sink()
    put(world, sink, OLD)
    seen = sink.current()
    world.write(held)
    before = world.state()

    with pytest.raises(Rejected, match="changed"):
        put(world, sink, third, seen)

    assert before == world.state()


@every_readable
def test_one_who_made_it_first_is_noticed(world: World) -> None:
    sink = world.sink()
    world.write("somebody's text")
    before = world.state()

    with pytest.raises(Rejected):
        put(world, sink, NEW, Absent())

    assert before == world.state()


@every_readable
def test_a_place_that_vanished_is_noticed(world: World) -> None:
    with pytest.raises(Rejected):
        put(world, world.sink(), NEW, Serves(OLD.access_key_id))

    assert world.state() == {}


@every_readable
def test_a_stranger_is_told_and_left_alone(world: World) -> None:
    """Reading says that it is none of ours, without quoting it; looking changes nothing."""
    world.write("somebody's text")
    before = world.state()
    sink = world.sink()
    seen = sink.current()

    assert isinstance(seen, Stranger)
    assert "text" not in seen.why or isinstance(world, FakeWorld)
    assert sink.fetch() is None
    assert before == world.state()


@every_readable
def test_a_stranger_can_be_taken_over_by_who_saw_it(world: World) -> None:
    """That is a person's word; the sink only compares with what was seen."""
    world.write("somebody's text")
    sink = world.sink()
    put(world, sink, NEW)

    assert sink.current() == Serves(NEW.access_key_id)


@every_textual
def test_other_fields_are_kept(world: World) -> None:
    world.write('{"host": "db", "port": 5432}')
    sink = world.sink()

    assert sink.current() == Empty()

    put(world, sink, OLD)
    put(world, sink, NEW)

    [text] = [str(value) for value in world.state().values() if "AKIA" in str(value)]
    assert '"host": "db"' in text
    assert "5432" in text
    assert sink.fetch() == NEW


@every_sink
def test_nothing_is_begun_after_the_deadline(world: World) -> None:
    """Not even a look: a process that was frozen must do no harm when it goes on."""
    sink = world.sink()
    put(world, sink, OLD)
    seen, before, sent = sink.current(), world.state(), world.requests()

    with pytest.raises(Rejected, match="no time left"):
        sink.put(NEW, replacing=seen, deadline=world.clock())

    assert before == world.state()
    assert sent == world.requests()


@every_sink
def test_what_is_not_to_be_created_is_not(world: World) -> None:
    sink = world.sink(create=False)

    with pytest.raises(Rejected, match="not to be created"):
        sink.check()
    assert sink.current() == Absent()


@every_textual
def test_put_creates_nothing_that_is_not_to_be_created(world: World) -> None:
    with pytest.raises(Rejected, match="not to be created"):
        put(world, world.sink(create=False), NEW)

    assert world.state() == {}


@every_sink
def test_equal_places_are_equal(world: World) -> None:
    """However the name is come by; and another user's is another."""
    alice = replace(BOB, name="alice", user_id="AIDAALICE")

    assert world.sink().place() == world.sink(name="ci/bob").place()
    assert world.sink().place() == world.sink(replace(BOB, path="/"), name="ci{path}{user}").place()
    assert world.sink().place() != world.sink(alice).place()
    assert world.sink().place() == world.sink(replace(BOB, user_id="AIDAOTHER")).place()


@every_sink
@pytest.mark.parametrize("name", [pytest.param("..", id="dots"), pytest.param(".", id="a dot")])
def test_a_hostile_name_is_that_users_problem(world: World, name: str) -> None:
    """It is said when the sink is made, before anything is touched."""
    with pytest.raises(NameProblem):
        world.sink(replace(BOB, name=name))

    assert world.state() == {}


@every_sink
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("n" * 64, id="64 characters"),
        pytest.param("a+b=c.d@e-f_g", id="signs"),
        pytest.param("...", id="three dots"),
    ],
)
def test_an_odd_name_has_its_place(world: World, name: str) -> None:
    """Every name that IAM takes; but the Parameter Store knows fewer signs."""
    if isinstance(world, SsmWorld) and "+" in name:
        with pytest.raises(NameProblem, match="no name of a parameter"):
            world.sink(replace(BOB, name=name))
        return
    sink = world.sink(replace(BOB, name=name))
    put(world, sink, NEW)

    assert isinstance(sink.current(), Serves | WrittenAt)
    assert name in str(sink.place())


@every_sink
def test_no_secret_is_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by what is raised, with all that led to it, nor by a repr, nor by a log line."""
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="rotator")
    sink = world.sink()
    told = [repr(sink), str(sink)]
    put(world, sink, OLD)
    told += [repr(sink.current()), repr(sink.fetch()), repr(vars(sink))]
    for replacing in (Absent(), Stranger("x"), Serves("AKIASOMETHINGELSE"), Empty()):
        try:
            put(world, sink, NEW, replacing)
        except AnswerError as exc:
            told += traceback.format_exception(exc)
    told += [record.getMessage() for record in caplog.records]

    for secret in (OLD.secret_access_key, NEW.secret_access_key):
        assert secret.reveal() not in "".join(told)
    sink.close()


@every_sink
def test_permissions_name_this_very_place(world: World) -> None:
    for statement in world.sink().permissions():
        assert statement.actions
        assert all("*" not in action for action in statement.actions)
        assert all("ci/bob" in resource for resource in statement.resources)


@every_sink
def test_the_class_knows_what_the_instance_is(world: World) -> None:
    """Whether a policy has a readable place is checked before any user is known."""
    sink = world.sink()
    name = "/ci/{user}"
    given: dict[str, object] = {"path" if isinstance(world, FileWorld) else "name": name}
    if isinstance(world, VaultWorld):
        given = world.options(name)
    options = type(sink).Options.model_validate(given)

    assert sink.readable == type(sink).reads_back(options, JsonFormat())
    assert [template.text for template in options.name_templates()] == [name]
    assert type(sink).default_format == "json"
