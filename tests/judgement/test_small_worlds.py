"""Over all small worlds: nothing is harmed without a title, a heir, rest, and certainty."""

import os
from collections import Counter

import pytest

from rotator.judgement.judge import judge
from rotator.model import Deactivate, Delete
from tests.judgement.every_world import asked, count, slices
from tests.judgement.small_worlds import broken, small_worlds

WORLDS_MIN = 40_000

PARTS = 64
"""Into how many parts `make test` cuts every world there is; it goes through another each time."""


def test_no_small_world_breaks_a_promise() -> None:
    """P1, P2, P3 and P6 hold in every small world; and each harm that is right does happen."""
    harm: Counter[tuple[str, str]] = Counter()
    worlds, failures = 0, []
    for small in small_worlds():
        worlds += 1
        action = judge(small.case)
        if why := broken(small.case, action):
            failures.append(f"{why}: {small}")
        if isinstance(action, Deactivate | Delete):
            harm[str(small.case.open.right), action.name.value] += 1

    assert failures == []
    assert worlds >= WORLDS_MIN, worlds
    assert sorted(harm) == [
        ("compromised", "deactivate"),
        ("compromised", "delete"),
        ("named", "deactivate"),
        ("named", "delete"),
        ("orphan", "deactivate"),
        ("orphan", "delete"),
        ("predecessor", "deactivate"),
        ("predecessor", "delete"),
        ("undelivered", "deactivate"),
        ("undelivered", "delete"),
        ("unused", "deactivate"),
        ("unused", "delete"),
    ]


def test_a_judgement_can_be_asked_again() -> None:
    """The same case has the same action: there is no clock, no chance and no memory."""
    worlds = [small.case for number, small in enumerate(small_worlds()) if number % 7 == 0]

    assert [judge(case) for case in worlds] == [judge(case) for case in worlds]


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])
def test_no_world_of_this_part_breaks_a_promise(half: int) -> None:
    """As above in a part of all titles, keys, places, doubts and orders; and `may_go` with it."""
    part = int(os.environ.get("LIVES_SLICE") or 0) % PARTS
    begin, end = slices(part, PARTS, 2)[half]
    tally = asked(begin, end)

    print(f"worlds {begin} to {end} of {count()}: part {part}/{PARTS}, {tally.harm.total()} harmed")  # noqa: T201 - what replays it
    assert tally.broken == []
    assert tally.worlds == end - begin
    # Of a part it is enough that most titles are met; the whole of it meets them all.
    titles = {title for title, _ in tally.harm}
    assert len(titles) >= 5
    assert titles <= {
        "compromised",
        "named",
        "orphan",
        "predecessor",
        "undelivered",
        "unused",
    }
