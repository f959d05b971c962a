"""SIGKILL at random moments: the real daemon, a real file, a real store, AWS over HTTP."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from rotator.demo.aws import LocalAws
from tests.life.house import AWS_OPTIONS, Consumers, House, eventually

if TYPE_CHECKING:
    from pathlib import Path

USERS = tuple(f"job-{number}" for number in range(5))
KILLS = 15
SEED = 20261124


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_daemon_that_is_killed_again_and_again_harms_nobody(tmp_path: Path) -> None:
    """P5 and P1: at the end everybody has a new key that works, and no call ever failed.

    A kill is aimed a random while after the process began to do something, so that it hits
    rotations and not the start of Python.
    """
    chance = random.Random(SEED)
    with LocalAws(options=AWS_OPTIONS) as aws, House(tmp_path, aws) as house:
        house.plant(*USERS)
        first = {user: aws.truth()[user]["keys"][0]["access_key_id"] for user in USERS}
        with Consumers(house, USERS) as consumers:
            for _ in range(KILLS):
                seen = len(house.events("decision.made"))
                house.start()
                eventually(partial(_has_judged, house, seen), 15)
                time.sleep(chance.uniform(0.0, 0.7))
                house.kill()
            seen = len(house.events("decision.made"))
            house.start()
            eventually(partial(_has_judged, house, seen), 15)
            rested = eventually(
                lambda: all(_is_done(house, user, first[user]) for user in USERS), 60
            )
            status = house.stop()
        truth = aws.truth()

    assert rested, (truth, house.events("user.stopped", "user.failed")[-5:])
    assert status == 0
    assert consumers.failures == []
    assert consumers.calls > 100
    assert house.kills == KILLS
    assert house.rotator("state", "check").returncode == 0
    assert {path.name for path in house.secrets.iterdir()} == {f"{user}.json" for user in USERS}


def _is_done(house: House, user: str, first: str) -> bool:
    """One key is left, another than the first, Active, and its place holds it."""
    keys = house.aws.truth()[user]["keys"]
    held = house.held(user)
    return (
        len(keys) == 1
        and keys[0]["status"] == "Active"
        and keys[0]["access_key_id"] != first
        and held is not None
        and held["AccessKeyId"] == keys[0]["access_key_id"]
    )


def _has_judged(house: House, seen: int) -> bool:
    """Whether the daemon has looked at anybody since so many decisions were seen."""
    return len(house.events("decision.made")) > seen
