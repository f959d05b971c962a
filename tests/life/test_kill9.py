"""The real daemon is killed again and again; nobody notices but the log."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.life.stage import Stage, user

if TYPE_CHECKING:
    from pathlib import Path

    from rotator.demo.aws import LocalAws

KILLS = 15
USERS = [f"user-{number}" for number in range(6)]


class Readers:
    """A consumer of each user: it reads its place and makes a call with what stands there."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.calls = 0

    def call(self) -> None:
        """One call of everybody; none may fail."""
        for name in USERS:
            key = self.stage.place(name)
            client: Any = self.stage.aws.client(
                "sts",
                aws_access_key_id=key["AccessKeyId"],
                aws_secret_access_key=key["SecretAccessKey"],
                aws_session_token=None,
            )
            client.get_caller_identity()
            client.close()
            self.calls += 1


@pytest.mark.slow
def test_no_kill_at_any_moment_costs_a_key(tmp_path: Path, aws: LocalAws) -> None:
    """Killed at random moments, every user still ends with one working key, in its place.

    The seed is printed with a failure; the moments it gives replay the kills, as far as the
    machine keeps time.
    """
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    stage = Stage.over(tmp_path, aws, [user(name, "100d") for name in USERS])
    stage.declare(first_use=False)
    for name in USERS:
        stage.give(name)
    before = {name: stage.place(name)["AccessKeyId"] for name in USERS}
    readers = Readers(stage)
    stage.start()
    for _ in range(KILLS):
        end = time.monotonic() + chance.uniform(0.6, 3.0)
        while time.monotonic() < end:
            readers.call()
        stage.kill()
        stage.start()

    def done() -> bool:
        readers.call()
        return all(stage.closed(name) for name in USERS)

    stage.wait_for(done, seconds=90)
    assert stage.stop() == 0

    truth = stage.truth()
    left = {name: [key["access_key_id"] for key in truth[name]["keys"]] for name in USERS}
    served = {name: [stage.place(name)["AccessKeyId"]] for name in USERS}
    assert served == left, f"seed {seed}"
    assert not set(before.values()) & {key for (key,) in left.values()}, f"seed {seed}"
    assert readers.calls > len(USERS) * KILLS
    checked = stage.rotator("state", "check")
    assert checked.returncode == 0, checked.stderr
