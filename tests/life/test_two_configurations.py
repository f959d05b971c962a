"""Two replicas whose configurations differ: nothing is begun or harmed before they agree."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rotator.demo.aws import LocalAws
from rotator.model import Reason
from tests.databases.postgres import Server
from tests.life.house import AWS_OPTIONS, House, eventually
from tests.life.replicas import Fleet, Pace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PERIOD = 20
"""Seconds of grace, and of rest: enough for another process to start meanwhile."""

HARM = ("CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey")
SECOND_PLACE = '      - {type: file, id: copy, path: "%s/copies/{user}.json"}\n'


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Two users with an old key each, which grace and rest take some seconds to replace."""
    with (
        Server.started() as server,
        LocalAws(options=AWS_OPTIONS) as aws,
        House(tmp_path, aws) as house,
    ):
        (tmp_path / "copies").mkdir(mode=0o700)
        fleet = Fleet.over(server, house, users=2, pace=Pace(timeout=2, schedule=2))
        text = house.config.read_text() + SECOND_PLACE % tmp_path
        text = text.replace("grace_period: 2s", f"grace_period: {PERIOD}s")
        house.config.write_text(text.replace("recovery_period: 1s", f"recovery_period: {PERIOD}s"))
        with fleet:
            yield fleet


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_nothing_is_begun_or_harmed_until_replicas_agree(fleet: Fleet) -> None:
    """One user would be begun, one switched off and one deleted; what mends is done meanwhile."""
    house = fleet.house
    fleet.start("one")
    leaving, rolled_back = fleet.users
    assert eventually(lambda: told(fleet, "rotation.delivered") >= {leaving, rolled_back}, 60)
    in_grace = plant(fleet, "job-grace")
    assert eventually(lambda: in_grace in told(fleet, "rotation.delivered"), PERIOD + 20)
    assert eventually(lambda: told(fleet, "key.deactivated") >= {leaving, rolled_back}, PERIOD + 20)

    other = house.folder / "other.yaml"
    other.write_text(house.config.read_text().replace("issue: 500", "issue: 499"))
    fleet.start("two", ROTATOR_CONFIG=str(other))
    assert eventually(lambda: len(fleet.alive()) == 2, 30)
    waiting = plant(fleet, "job-waiting")
    before = harm(fleet)
    (house.folder / "copies" / f"{in_grace}.json").unlink()
    mended = [
        house.rotator("rollback", rolled_back, "--reason", "not yet", "--yes"),
        house.rotator("deliver", in_grace, "--sink", "copy", "--reason", "lost"),
    ]

    # Long enough for the rest of one and the grace of another to be over.
    assert eventually(lambda: waits(fleet) >= {leaving, in_grace, waiting}, 60), fleet.standing()
    meanwhile = harm(fleet) - before
    active = {user: [key["status"] for key in keys] for user, keys in fleet.keys().items()}

    assert [one.returncode for one in mended] == [0, 0]
    assert meanwhile == Counter({"UpdateAccessKey": 1})
    assert active[rolled_back] == ["Active", "Active"]
    assert json.loads((house.folder / "copies" / f"{in_grace}.json").read_text()) == house.held(
        in_grace
    )
    assert any(one.id in fleet.standing()[waiting].message for one in fleet.replicas)

    other.write_text(house.config.read_text())

    assert eventually(lambda: leaving in told(fleet, "key.deleted"), 60)
    assert eventually(lambda: in_grace in told(fleet, "key.deactivated"), 60)
    assert eventually(lambda: waiting in told(fleet, "rotation.delivered"), 60)
    assert fleet.end() == [0, 0]


def told(fleet: Fleet, name: str) -> set[str]:
    """Of whom something was told."""
    return {event["user"] for event in fleet.did(name)}


def harm(fleet: Fleet) -> Counter[str]:
    """How often AWS was asked to change something."""
    return Counter(call["action"] for call in fleet.house.aws.calls() if call["action"] in HARM)


def waits(fleet: Fleet) -> set[str]:
    """Who waits for the replicas to agree."""
    return {name for name, row in fleet.standing().items() if row.reason is Reason.AGREED}


def plant(fleet: Fleet, user: str) -> str:
    """One more user whose key is old."""
    fleet.house.plant(user)
    fleet.users += (user,)
    return user
