"""Surveying by report and listing everybody live come to the same, no later than a report's age."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

from rotator.reconcile import shortlist
from tests.survey import twins
from tests.survey.twins import LATE, come_of

if TYPE_CHECKING:
    import pytest

SLICE = 6
"""Accounts in each run of the tests; `make twins` lives through hundreds."""


def test_both_act_on_the_same_users_in_the_same_way() -> None:
    """Other accounts each time: the seed is told where they differ."""
    seed = int(os.environ.get("TWINS_SEED", random.SystemRandom().randrange(10**6)))
    came = [come_of(seed, number) for number in range(SLICE)]

    again = f"make twins SEED={seed} ACCOUNTS={SLICE}"
    assert [one.differs for one in came if one.differs] == [], again
    assert max(one.late for one in came) <= LATE, again


def test_a_survey_that_believes_any_report_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that were changed by a person are then left as they were on record."""
    monkeypatch.setattr(shortlist, "agrees", lambda *_: True)

    assert come_of(1, 7).differs


def test_the_command_tells_what_came(capsys: pytest.CaptureFixture[str]) -> None:
    """How many accounts, how late, and what each way costs."""
    assert twins.main(["--accounts", "1", "--seed", "3"]) == 0

    told = capsys.readouterr().out
    assert "seed 3: 1 accounts" in told
    assert " 0 differ" in told
