"""What the sinks that speak HTTP promise when the wire goes wrong: they say what is so."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest

from rotator.errors import OutcomeUnknown, Rejected
from rotator.model import Serves, Unreadable
from tests.sinks.middle import Break, Middle
from tests.sinks.worlds import NEW, OLD, VaultWorld, failure_of, put, put_new

if TYPE_CHECKING:
    from collections.abc import Iterator

WORLDS = ["vault", "vault-1"]
CERTAIN = {
    Break.QUOTING_400,
    Break.UNAUTHORIZED_401,
    Break.FORBIDDEN_403,
    Break.MISSING_404,
    Break.CONFLICT_409,
    Break.THROTTLED_429,
}


class Wired:
    """A sink's world, and what lies between the sink and the backend."""

    def __init__(self, world: VaultWorld, middle: Middle, writes: str) -> None:
        self.world = world
        self.middle = middle
        self.writes = writes
        self.sink = world.sink(url=middle.url)


@pytest.fixture
def wired(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wired]:
    """The world that the test's parameter names."""
    monkeypatch.setattr("rotator.sinks.http.SECONDS", 0.4)
    world = VaultWorld(
        request.getfixturevalue("bao"), version=1 if request.param == "vault-1" else 2
    )
    with Middle(world.bao.url).listening() as middle:
        yield Wired(world, middle, "POST")


over_http = pytest.mark.parametrize("wired", WORLDS, indirect=True)
every_break = pytest.mark.parametrize("broken", [pytest.param(b, id=b.name) for b in Break])


@over_http
@every_break
def test_a_write_that_goes_wrong(wired: Wired, broken: Break) -> None:
    """Done only where it is so, Rejected only where consumers read what they read before.

    What was done although its answer was lost is found out by reading, in the same put.
    """
    put(wired.world, wired.sink, OLD)
    before = wired.world.state()
    wired.middle.fail(wired.writes, broken, *([broken] if broken is Break.FORBIDDEN_403 else []))

    failure = failure_of(lambda: put_new(wired.world, wired.sink))

    after = wired.sink.current()
    if broken.arrives:
        assert failure is None
        assert after == Serves(NEW.access_key_id)
    else:
        assert isinstance(failure, Rejected if broken in CERTAIN else OutcomeUnknown)
        assert before == wired.world.state()
    told = "".join(traceback.format_exception(failure)) if failure else ""
    assert NEW.secret_access_key.reveal() not in told
    assert OLD.secret_access_key.reveal() not in told
    assert wired.world.token not in told
    assert wired.middle.astray == []


@over_http
@every_break
def test_an_answer_that_is_lost_for_good(wired: Wired, broken: Break) -> None:
    """Where the reading after it goes wrong too, the outcome is unknown, or it was refused."""
    put(wired.world, wired.sink, OLD)
    seen = wired.sink.current()
    before = wired.world.state()
    wired.middle.fail(wired.writes, broken, *([broken] if broken is Break.FORBIDDEN_403 else []))
    wired.middle.fail("GET", None, Break.ERROR_500)

    failure = failure_of(lambda: put_new(wired.world, wired.sink, seen))

    assert isinstance(failure, Rejected if broken in CERTAIN else OutcomeUnknown)
    assert broken.arrives == (before != wired.world.state())


@over_http
@every_break
def test_a_reading_that_goes_wrong(wired: Wired, broken: Break) -> None:
    """It is never taken for an answer: no key, no emptiness and no absence."""
    put(wired.world, wired.sink, OLD)
    wired.middle.fail("GET", broken, broken)

    seen = wired.sink.current()

    assert isinstance(seen, Unreadable)
    assert OLD.secret_access_key.reveal() not in repr(seen)
    assert wired.middle.astray == []
