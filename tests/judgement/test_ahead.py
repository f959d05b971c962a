"""Looking ahead from every phase: what will be done, on which day, if nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.judgement.ahead import look_ahead
from rotator.judgement.outlook import Scene
from rotator.model import Account, Configuration, DoorName, Limits, Serves, Shut, Verb
from tests.judgement.worlds import (
    DAY,
    NOW,
    OLD,
    POLICY,
    UNKNOWN,
    a_hold,
    a_key,
    a_place,
    an_approval,
    an_order,
    an_orphan,
    an_undelivered,
    candidate,
    delivering,
    grace,
    idle,
    issuing,
    new_key,
    old_key,
    policy,
    recovery,
)

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.judgement.outlook import Calendar, Foreseen
    from rotator.model import Case, Policy


class Daily:
    """A sweep a day, at noon."""

    def next(self, policy: str, moment: datetime) -> datetime | None:
        return NOW + max(0, -((NOW - moment) // DAY)) * DAY

    def last(self, policy: str, moment: datetime) -> datetime | None:
        return None if moment <= NOW else NOW + (-((NOW - moment) // DAY) - 1) * DAY


def seen(*cases: Case, days: int = 40, policies: tuple[Policy, ...] = ()) -> Calendar:
    """What is foreseen of these users; unless said, they share the policy of the first."""
    terms = policies or (cases[0].policy or POLICY,)
    configuration = Configuration(policies=terms, accounts=(Account("prod"),))
    scene = Scene(cases, configuration, Daily(), {}, frozenset(case.user.ref for case in cases))
    return look_ahead(scene, NOW + days * DAY)


def play(*cases: Case, days: int = 40, policies: tuple[Policy, ...] = ()) -> list[Foreseen]:
    """The rows of it."""
    return list(seen(*cases, days=days, policies=policies).rows)


def told(row: Foreseen) -> str:
    """`deactivate 7`, `issue 0 behind observe`, `stop foreign_key 0`."""
    day = round((row.at - NOW) / DAY)
    if isinstance(row.action, Shut):
        return f"{row.action.behind.name} {day} behind {row.action.reason}"
    return (
        f"{row.action.name} {day}" if row.acts else f"{row.action.name} {row.action.reason} {day}"
    )


APPROVED = policy(approve=frozenset({DoorName.DEACTIVATE, DoorName.DELETE}))

LIVES = [
    pytest.param(idle(), "issue 0, deactivate 7, delete 21", id="due now"),
    pytest.param(
        issuing(), "record 0, issue 0, deactivate 7, delete 21", id="a create without effect"
    ),
    pytest.param(
        issuing(keys=(old_key(), candidate())),
        "record 0, deactivate 0, delete 1, issue 1, deactivate 9, delete 23",
        id="an orphan goes before another is made",
    ),
    pytest.param(delivering(), "deliver 0, deactivate 7, delete 21", id="in delivery"),
    pytest.param(grace(), "deactivate 0, delete 14, issue 30, deactivate 38", id="grace is over"),
    pytest.param(recovery(), "delete 0, issue 10, deactivate 18, delete 32", id="rested"),
    pytest.param(an_orphan(), "delete 0, issue 0, deactivate 8, delete 22", id="orphan has rested"),
    pytest.param(
        an_undelivered(),
        "deactivate 0, delete 0, issue 0, deactivate 8, delete 22",
        id="undelivered",
    ),
    pytest.param(grace(hold=a_hold()), "deactivate 0 behind hold", id="held for good"),
    pytest.param(
        grace(hold=a_hold(until=NOW + 10 * DAY)),
        "deactivate 17, delete 31, issue 31, deactivate 39",
        id="held for ten days: grace starts anew at the last sweep that found it so",
    ),
    pytest.param(
        idle(hold=a_hold(until=NOW + 10 * DAY)),
        "issue 10, deactivate 17, delete 31",
        id="held before it begins",
    ),
    pytest.param(idle(enforced=False), "issue 0 behind observe", id="observed"),
    pytest.param(
        grace(orders=(an_order(Verb.RETIRE, key_id=OLD),)),
        "record 0, deactivate 7, delete 21, issue 30, deactivate 38",
        id="a person names the key",
    ),
    pytest.param(
        idle(orders=(an_order(),)),
        "issue 0, record 0, deactivate 7, delete 21",
        id="a person asks for a rotation",
    ),
    pytest.param(
        recovery(orders=(an_order(Verb.ROLLBACK),)), "reactivate 0, wait hold 0", id="rolled back"
    ),
    pytest.param(
        grace(orders=(an_order(Verb.CLOSE),)), "record 0, stop foreign_key 0", id="closed"
    ),
    pytest.param(
        grace(user_missing_since=NOW - DAY, users_listed_at=NOW),
        "record 0, record 0, wait gone 0",
        id="the user is gone",
    ),
    pytest.param(
        grace(old_key(last_use=UNKNOWN), new_key()),
        "wait last_use_unknown 0",
        id="what cannot be read stays so",
    ),
    pytest.param(
        grace(policy=APPROVED), "deactivate 0 behind approval", id="a door waits for a person"
    ),
    pytest.param(
        grace(policy=APPROVED, orders=(an_approval(DoorName.DEACTIVATE),)),
        "deactivate 0, delete 14 behind approval",
        id="one approval is one step",
    ),
    pytest.param(
        replace(grace(), rotation=replace(grace().open, policy="before")),
        "record 0, deactivate 0, delete 14, issue 30, deactivate 38",
        id="the policy was renamed",
    ),
]


@pytest.mark.parametrize(("case", "expected"), LIVES)
def test_a_life_to_come(case: Case, expected: str) -> None:
    """From this phase on, for forty days, with a sweep a day."""
    assert expected == ", ".join(map(told, play(case)))


def test_the_oldest_keys_go_first_through_a_limit() -> None:
    """One a day; who is not through by the end is told to wait there."""
    terms = policy(limits=Limits(issue=1))
    cases = [
        replace(
            idle(
                keys=(a_key(f"AKIA{age}", age * DAY),),
                policy=terms,
                places=(a_place(reading=Serves(f"AKIA{age}")),),
            ),
            user=replace(idle().user, user_id=f"AIDA{age}", name=f"user-{age}"),
        )
        for age in (60, 80, 70, 75)
    ]
    rows = [(row.user.name, told(row)) for row in play(*cases, days=4)]

    assert sorted(rows) == [
        ("user-60", "issue 0 behind limit"),
        ("user-70", "issue 4"),
        ("user-75", "issue 2"),
        ("user-80", "issue 0"),
    ]
