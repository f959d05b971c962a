"""The real daemon over a database that refuses, hangs, is slow or is not there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from rotator.demo.aws import LocalAws
from rotator.model import Scope
from rotator.store import open_store
from tests.databases.postgres import Server
from tests.databases.wire import Cut, Wire
from tests.life.house import AWS_OPTIONS, House, eventually
from tests.life.replicas import Fleet, Pace
from tests.sinks.fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.life.replicas import Replica

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ACCESS = """\
local all postgres trust
local all rotator scram-sha-256
"""


@dataclass
class Place:
    """A house whose database is behind a wire, under a user who owns nothing else."""

    server: Server
    wire: Wire
    house: House
    fleet: Fleet
    name: str

    def sql(self, statement: str) -> None:
        """As the superuser, and not by the wire."""
        self.server.sql(statement)

    def rotator(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command over the same configuration."""
        return subprocess.run(
            [sys.executable, "-m", "rotator", *words],
            env=self.house.environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that asks for a password, which is struck down in these tests."""
    with Server.started() as server:
        server.sql("CREATE ROLE rotator LOGIN PASSWORD 'right'")
        (server.data / "pg_hba.conf").write_text(ACCESS)
        server.sql("SELECT pg_reload_conf()")
        yield server


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """A local AWS; each test begins it anew."""
    with LocalAws(options=AWS_OPTIONS) as aws:
        yield aws


@pytest.fixture
def place(tmp_path: Path, server: Server, aws: LocalAws) -> Iterator[Place]:
    """Everything is in order, one user's key is old, and nothing runs yet."""
    aws.reset()
    with Wire(server) as wire, House(tmp_path, aws) as house:
        fleet = Fleet.over(server, house, users=1, pace=Pace(timeout=2, schedule=2))
        name = fleet.state.partition("@/")[2].partition("?")[0]
        server.sql("GRANT USAGE ON SCHEMA public TO rotator", database=name)
        server.sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO rotator", database=name)
        server.sql("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO rotator", database=name)
        address = wire.url(fleet.state).replace("postgres@/", "rotator:right@/")
        house.config.write_text(house.config.read_text().replace(fleet.state, address))
        with fleet:
            yield Place(server, wire, house, fleet, name)


@dataclass(frozen=True)
class Trouble:
    """What a database can do to us, how it ends, and what is said of it."""

    name: str
    begin: Callable[[Place], object]
    end: Callable[[Place], object]
    said: str

    def __str__(self) -> str:
        return self.name


def standby(place: Place, *, on: str) -> None:
    """The database takes no writes, or does again."""
    place.sql(f"ALTER DATABASE {place.name} SET default_transaction_read_only = {on}")


def rename(place: Place) -> None:
    """The database is not where it was; it cannot be renamed while somebody is connected."""
    place.wire.go_away()
    place.sql(f"ALTER DATABASE {place.name} RENAME TO elsewhere")
    place.wire.come_back()


TROUBLES = (
    Trouble(
        "another password is right",
        lambda place: place.sql("ALTER ROLE rotator PASSWORD 'changed'"),
        lambda place: place.sql("ALTER ROLE rotator PASSWORD 'right'"),
        'lets nobody in: password authentication failed for user "rotator"',
    ),
    Trouble(
        "it has too many connections",
        lambda place: place.sql("ALTER ROLE rotator CONNECTION LIMIT 0"),
        lambda place: place.sql("ALTER ROLE rotator CONNECTION LIMIT -1"),
        'lets nobody in: too many connections for role "rotator"',
    ),
    Trouble(
        "it is a standby",
        lambda place: standby(place, on="on"),
        lambda place: standby(place, on="off"),
        "takes no writes: it is a standby, or read-only",
    ),
    Trouble(
        "it has another name",
        rename,
        lambda place: place.sql(f"ALTER DATABASE elsewhere RENAME TO {place.name}"),
        "lets nobody in: database",
    ),
    Trouble(
        "its server is killed",
        lambda place: place.server.kill(),
        lambda place: place.server.start(),
        "does not answer",
    ),
    Trouble(
        "it hangs",
        lambda place: place.wire.stand_still(),
        lambda place: place.wire.go_on(),
        "does not answer",
    ),
)


def test_every_trouble_is_told_and_got_over(place: Place) -> None:
    """One daemon lives through all of them, a rotation open in each.

    Meanwhile nothing is begun; the log says why and when it is tried again, `status` says why and
    exits with 1; afterwards work goes on by itself, and each user gets one new key.
    """
    (daemon,) = place.fleet.start("daemon")
    assert eventually(lambda: told(daemon, "key.issued", "job-000"), 60)

    problems = [problem for trouble in TROUBLES for problem in lived(place, daemon, trouble)]

    assert "\n".join(problems) == ""
    assert eventually(lambda: not place.fleet.unfinished(), 60)
    assert daemon.end() == 0
    assert place.fleet.created() == dict.fromkeys(place.fleet.users, 1)
    assert "Traceback" not in daemon.log.read_text()
    with open_store(place.fleet.state, clock=FakeClock()) as store:
        assert store.check() == []


def lived(place: Place, daemon: Replica, trouble: Trouble) -> Iterator[str]:
    """One trouble, from its beginning to its end; what was not as it should be."""
    user = f"late-{TROUBLES.index(trouble)}"
    recoveries, known = len(daemon.events("store.recovered")), len(daemon.events("store.failed"))
    trouble.begin(place)
    if trouble.name != "it hangs":
        place.wire.break_all()
    plant(place, user)
    # A sweep that fails tells of it, too; the daemon itself says when it tries again.
    if not eventually(
        lambda: any(one.get("next_at") for one in failures(daemon, trouble, known)), 40
    ):
        yield f"{trouble}: not told, but {daemon.events('store.failed')[known:]}"
    status = place.rotator("status")
    if status.returncode != 1 or trouble.said not in status.stderr or "Trace" in status.stderr:
        yield f"{trouble}: status ended with {status.returncode} and said {status.stderr}"
    if place.fleet.created()[user]:
        yield f"{trouble}: a key was made meanwhile"
    trouble.end(place)
    if not eventually(lambda: len(daemon.events("store.recovered")) > recoveries, 40):
        yield f"{trouble}: it is not over"
    if not eventually(lambda: told(daemon, "key.issued", user), 40):
        yield f"{trouble}: nothing is begun after it"


def plant(place: Place, user: str) -> None:
    """One more user whose key is old."""
    place.house.plant(user)
    place.fleet.users += (user,)
    place.fleet.before[user] = place.fleet.keys()[user][0]["access_key_id"]


def told(daemon: Replica, name: str, user: str) -> bool:
    """Whether it was told of a user."""
    return any(event.get("user") == user for event in daemon.events(name))


def failures(daemon: Replica, trouble: Trouble, known: int = 0) -> list[dict[str, Any]]:
    """What was told of a trouble, the first `known` failures left out."""
    return [one for one in daemon.events("store.failed")[known:] if trouble.said in one["error"]]


def test_a_slow_database_is_only_slow(place: Place) -> None:
    """Every answer comes late: it takes longer, and that is all."""
    place.wire.delay = 0.03
    (daemon,) = place.fleet.start("daemon")

    rested = eventually(lambda: not place.fleet.unfinished(), 120)

    assert rested
    assert daemon.events("store.failed") == []
    assert daemon.end() == 0


def test_a_start_without_the_database_is_awaited(place: Place) -> None:
    """A password that is wrong now may be right in a minute: the daemon stays, and says why."""
    first = TROUBLES[0]
    first.begin(place)
    (daemon,) = place.fleet.start("daemon")
    assert eventually(lambda: failures(daemon, first), 30)
    assert daemon.process.poll() is None

    first.end(place)

    assert eventually(lambda: not place.fleet.unfinished(), 60)
    assert "right" not in daemon.log.read_text()


@pytest.mark.parametrize(
    ("statement", "status", "said"),
    [
        pytest.param(
            "UPDATE meta SET value = '99' WHERE name IN ('min_reader', 'schema_version')",
            1,
            "written by a newer rotator",
            id="a newer schema",
        ),
        pytest.param(
            "DELETE FROM meta", 1, "does not say which version it is", id="an unknown one"
        ),
        pytest.param("DROP TABLE sweeps", 1, "lacks the table sweeps", id="one that lacks a table"),
        pytest.param("DROP TABLE meta", 2, "there is no store in", id="none at all"),
    ],
)
def test_what_only_a_person_can_mend_ends_the_daemon(
    place: Place, statement: str, status: int, said: str
) -> None:
    """At once, with a sentence; and nothing is made in its place."""
    place.server.tamper(place.fleet.state, statement)

    daemon = place.rotator("daemon")

    assert (daemon.returncode, "Traceback" in daemon.stderr) == (status, False)
    assert said in daemon.stderr
    assert place.fleet.created() == {}


# What a person is told


@pytest.mark.parametrize("cut", [pytest.param(cut, id=str(cut)) for cut in Cut])
def test_a_word_whose_commit_lost_its_answer_is_found_out(place: Place, cut: Cut) -> None:
    """Whoever holds everything is told that it is held, and it is, once."""
    place.wire.cut_at_commit(cut)

    answer = place.rotator("hold", "--all", "--reason", "wait")

    assert (answer.returncode, place.wire.cuts) == (0, 1)
    with open_store(place.fleet.state, clock=FakeClock()) as store:
        assert [row.detail for row in store.history()] == ["hold of everything: wait"]


def test_a_word_that_nobody_can_be_asked_about_is_not_told_to_have_failed(place: Place) -> None:
    """It may stand: the person is told to look before saying it again."""
    place.wire.cut_at_commit(Cut.AFTER, away=60)

    answer = place.rotator("hold", "--all", "--reason", "wait")

    assert answer.returncode == 1
    assert "whether that was written is not known" in answer.stderr
    assert "look before you say it again: rotator status" in answer.stderr
    with open_store(place.fleet.state, clock=FakeClock()) as store:
        assert store.release_hold(Scope.ALL, reason="go", actor="eve") == 1
