"""What a command says while it works on for a key that is not in its places yet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rotator.cli.waiting import deliver_the_rest, waited_for
from rotator.model import Failures, Kind, Place, Rotation, Step, UserRef
from rotator.store import Known, PlaceRow, UserRow
from tests.reconcile.test_scenarios import strike
from tests.simulation.faults import Fault
from tests.simulation.world import World

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
USER = UserRow(UserRef("111122223333", "AIDABOB"), "prod", "bob")
FILE = Place("file", "/keys/bob.json")
ISSUED = Rotation("r1", Kind.REPLACE, "ci", NOW, successor="AKIANEW0001", proven_at=NOW)
NOT_YET = "prod/bob: the new key …0001 is not in file:/keys/bob.json yet"
WAITING = PlaceRow(FILE, readable=True)


def known(rotation: Rotation | None = ISSUED, *places: PlaceRow, **facts: object) -> Known:
    """All that is on record of bob."""
    return Known(user=USER, rotation=rotation, places=places, **facts)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(known(None), [], id="nothing is open"),
        pytest.param(
            known(ISSUED, PlaceRow(FILE, readable=True, delivered_at=NOW)),
            [],
            id="every place has it",
        ),
        pytest.param(
            known(ISSUED, WAITING),
            [NOT_YET],
            id="a place that was not written yet",
        ),
        pytest.param(
            known(ISSUED, PlaceRow(FILE, readable=True, failures=Failures(2, NOW, "disk is full"))),
            [f"{NOT_YET}: failed 2 time(s), disk is full"],
            id="a place that fails",
        ),
        pytest.param(
            known(
                Rotation("r1", Kind.REPLACE, "ci", NOW, successor="AKIANEW0001"),
                WAITING,
                failures={Step.PROVE: Failures(1, NOW, "unknown to STS")},
            ),
            ["prod/bob: the new key …0001 is not accepted by STS yet (unknown to STS)"],
            id="a key that is not proven",
        ),
    ],
)
def test_what_is_waited_for(world: Known, expected: list[str]) -> None:
    """Whose key, where it is lacking, and why."""
    assert expected == waited_for(world)


def test_it_is_said_while_it_is_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, each thing once, and nothing where nothing is waited for."""
    world = World.made(tmp_path)
    deliver_the_rest(world.sweeper)
    quiet = capsys.readouterr()
    user = world.add_user()
    strike(world, "put m/bob", Fault.REJECTED)
    world.visit(user)
    assert world.equipment.hands.users() == (user.ref,)

    deliver_the_rest(world.sweeper)

    said = capsys.readouterr()
    assert (quiet.out, quiet.err, said.out) == ("", "", "")
    assert said.err.startswith("A new key is not in its places yet; trying for 100 s at most.\n")
    assert "prod/bob: the new key …M002 is not in memory:m/bob yet: failed 1 time(s)" in said.err
    assert len(said.err.splitlines()) == len(set(said.err.splitlines()))
    assert world.equipment.hands.users() == ()
    world.close()
