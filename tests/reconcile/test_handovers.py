"""Hand-overs: what may happen to a user, its policy, account and places, in every phase.

Each cell of the table is one life: a rotation is brought to a phase, a thing happens, two days go
by, the thing is undone, and the rotation is to end with one Active key that every place serves.
The monitor looks after every effect, and consumers use what they read all the while.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from rotator.events import Event
from rotator.model import Scope
from rotator.reconcile import sweep
from tests.reconcile.leavings import LEAVINGS
from tests.reconcile.lives import PHASES, AtOnce, Lived
from tests.reconcile.situations import SITUATIONS
from tests.simulation.world import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

pytestmark = pytest.mark.slow

Row = tuple[str, ...]

IDLE = "idle not_due"
DONE = "completed"
HELD = "held in grace"
LEAKED = "stops quarantined in grace"


def row(*cells: str, held: str = HELD, stopped: str = LEAKED) -> Row:
    """Idle, due, issuing, delivering, the same after a restart, grace, recovery; held; stopped."""
    return (*cells, held, stopped)


def stops(
    reason: str,
    *,
    again: str,
    first: str = "grace",
    stopped: str = LEAKED,
    idle: str = IDLE,
) -> Row:
    """A cause that only a person removes stops it before it begins, and before a key leaves.

    What is issued is delivered where it can be, and an orphan, which nobody can use, is cleared up.
    `first` and `again`: how far it gets with the secret in memory, and without.
    """
    said = f"stops {reason} in"
    return row(
        idle,
        f"{said} idle",
        f"orphan, {said} idle",
        f"{said} {first}",
        f"{said} {again}",
        f"{said} grace",
        f"{said} recovery",
        stopped=stopped,
    )


def waits(reason: str, phase: str, *, recovery: str = DONE) -> Row:
    """What was shortened or lengthened, or shut, is waited for."""
    said = f"waits {reason} in {phase}"
    return row(IDLE, said, f"orphan, {said}", said, said, said, recovery)


GOES_ON = row(IDLE, DONE, f"orphan, {DONE}", DONE, DONE, DONE, DONE)
LEFT_ALONE = row(
    IDLE,
    IDLE,
    "orphan",
    *["stops policy_unclear in grace"] * 3,
    "stops policy_unclear in recovery",
    stopped="stops policy_unclear in grace",
)
UNKNOWN_PLACES = row(
    IDLE,
    IDLE,
    "orphan",
    *["stops policy_unclear in delivering"] * 2,
    "stops policy_unclear in grace",
    "stops policy_unclear in recovery",
    stopped="stops policy_unclear in grace",
)
FINISHED = row(IDLE, "idle observe", "orphan", *[DONE] * 4)
OUT_OF_REACH = row(
    IDLE,
    IDLE,
    *[
        f"waits aws_unavailable in {phase}"
        for phase in ("issuing", "delivering", "delivering", "grace", "recovery")
    ],
)
GONE = row("idle gone", "idle gone", *["gone"] * 5, held="gone, held in idle", stopped="gone")

TABLE: Mapping[str, Row] = {
    "moved to another policy by a tag": GOES_ON,
    "moved to another policy by its path": GOES_ON,
    "moved to another policy by the YAML": GOES_ON,
    "moved to a policy with other places": stops("policy_unclear", again="delivering"),
    "excluded": LEFT_ALONE,
    "excluded until tomorrow": GOES_ON,
    "deselected by a tag": LEFT_ALONE,
    "deselected by the YAML": LEFT_ALONE,
    "selected by two policies": stops(
        "policy_unclear",
        again="grace",
        stopped="stops policy_unclear in grace",
        idle="stops policy_unclear in idle",
    ),
    "covered by enforce_only no more": FINISHED,
    "only observed": FINISHED,
    "under a policy that was renamed in git": GOES_ON,
    "without its policy's file": UNKNOWN_PLACES,
    "without its policy's file, beside another": UNKNOWN_PLACES,
    "in an account that its policy names no more": LEFT_ALONE,
    "renamed, in places that follow the name": stops("policy_unclear", again="delivering"),
    "renamed, in places that do not": GOES_ON,
    "made again under the same name": GONE,
    "deleted": GONE,
    "tagged so that its places have other names": stops("policy_unclear", again="delivering"),
    "tagged so that its places are another user's": stops(
        "sink_conflict", first="delivering", again="delivering"
    ),
    "tagged so that its places have no name": stops(
        "place_name", first="delivering", again="delivering"
    ),
    "in an account that has another name": GOES_ON,
    "in an account with another role": GOES_ON,
    "in an account whose role cannot be assumed": OUT_OF_REACH,
    "under an account's name that leads elsewhere": (
        *OUT_OF_REACH[:-1],
        "waits aws_unavailable in grace",
    ),
    "in an account that has two names": OUT_OF_REACH,
    "with one more sink": GOES_ON,
    "with one sink less": stops("policy_unclear", again="grace"),
    "with a sink that was moved": stops("policy_unclear", again="delivering"),
    "with a sink of another id": GOES_ON,
    "with a sink in another format": row(
        IDLE,
        "stops sink_conflict in idle",
        "orphan, stops sink_conflict in idle",
        *["stops sink_conflict in delivering"] * 2,
        "stops sink_conflict in grace",
        "stops sink_conflict in recovery",
        stopped="stops sink_conflict in grace",
    ),
    "with its write-only sink alone": row(
        IDLE,
        "stops policy_unclear in idle",
        "orphan, stops policy_unclear in idle",
        *["stops policy_unclear in delivering"] * 2,
        "stops policy_unclear in grace",
        "stops policy_unclear in recovery",
    ),
    "with rotate_after shortened": (DONE, *GOES_ON[1:]),
    "with rotate_after lengthened": row(IDLE, IDLE, "orphan", *[DONE] * 4),
    "with grace_period shortened": GOES_ON,
    "with grace_period lengthened": waits("grace", "grace"),
    "with quiet_period shortened": GOES_ON,
    "with quiet_period lengthened": waits("not_quiet", "grace"),
    "with recovery_period shortened": GOES_ON,
    "with recovery_period lengthened": waits(
        "recovery", "recovery", recovery="waits recovery in recovery"
    ),
    "with max_age shortened": GOES_ON,
    "with max_age lengthened": GOES_ON,
    "with first use not asked for any more": GOES_ON,
    "with first use asked for": GOES_ON,
    "under other defaults": GOES_ON,
    "under a longer timing": row(
        IDLE, DONE, "waits orphan_age in recovery", DONE, DONE, DONE, DONE
    ),
    "under a shorter timing": GOES_ON,
    "with provision switched on": GOES_ON,
    "with provision switched off": GOES_ON,
    "in a freeze": row(
        IDLE,
        "idle closed",
        "orphan",
        *["waits closed in grace"] * 3,
        "waits closed in recovery",
    ),
}
"""What is so two days after each thing happened, phase by phase in the order of `PHASES`."""

TAKEN_OVER = tuple(name for name in TABLE if "another policy" in name or "renamed in git" in name)
RESCHEDULED = {
    "with grace_period shortened": "grace",
    "with grace_period lengthened": "grace",
    "with recovery_period lengthened": "recovery",
    "under other defaults": "grace",
}
"""Where the log tells the old and the new moment."""


CELLS = [
    pytest.param(situation, phase, expected, id=f"{situation}, {phase}: {expected}")
    for situation, cells in TABLE.items()
    for phase, expected in zip(PHASES, cells, strict=True)
]


@pytest.fixture(autouse=True)
def _one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """No threads: there is one user to look at, and hundreds of lives to live."""
    monkeypatch.setattr(sweep, "ThreadPoolExecutor", AtOnce)


def test_the_table_has_no_empty_cell(capsys: pytest.CaptureFixture[str]) -> None:
    """Every situation has an expectation for every phase; how many cells that makes is said."""
    count = sum(len(cells) for cells in TABLE.values())
    with capsys.disabled():
        sys.stderr.write(
            f"\nhand-overs: {count} cells, {len(SITUATIONS)} situations in {len(PHASES)} phases\n"
        )

    assert list(TABLE) == list(SITUATIONS)
    assert all(len(cells) == len(PHASES) and all(cells) for cells in TABLE.values())
    assert count == len(SITUATIONS) * len(PHASES)


@pytest.mark.parametrize(("situation", "phase", "expected"), CELLS)
def test_a_hand_over(tmp_path: Path, situation: str, phase: str, expected: str) -> None:
    """As the table says; nothing is harmed while it is unclear, and it comes back."""
    lives_through(tmp_path, situation, phase, expected)


def lives_through(folder: Path, situation: str, phase: str, expected: str) -> None:
    """One cell: brought to its phase, handed over, looked at after two days, and undone."""
    what = SITUATIONS[situation]
    world = Lived.begun(folder, *what.policies, names=what.names)
    (PHASES | LEAVINGS)[phase](world)
    rotation = world.open
    world.mark()
    world.down.clear()
    what.happens(world)
    world.live_for(2 * DAY)

    assert expected == world.stands()
    assert world.is_clean()
    if DONE not in expected and "recovery" not in expected:
        assert world.harmed() == (["deactivate", "delete"] if "orphan" in expected else [])
    if expected.startswith("stops"):
        assert world.harmed() == []
    if situation in TAKEN_OVER and rotation is not None:
        assert any("takes the rotation over" in line.detail for line in world.history(world.bob))
    if RESCHEDULED.get(situation) == phase:
        assert any(
            event is Event.ROTATION_RESCHEDULED and fields["was_at"] != fields["next_at"]
            for event, fields in world.told
        )

    comes_back(world, situation, phase, expected)
    world.close()


def comes_back(world: Lived, situation: str, phase: str, expected: str) -> None:
    """When it is undone the rotation ends, with one Active key that all places serve."""
    undone = SITUATIONS[situation].undone
    if "AIDABOB" not in world.aws.users:
        assert world.known(world.bob).rotation is None
        assert world.known(world.bob).places == ()
        return
    row = world.row_of()
    world.sweeper.visit_now([(world.bob.ref, row.account, row.name)])
    before = len(world.aws.executed)
    back_at = world.clock()
    if undone is not None:
        undone(world)
    if phase.startswith("held"):
        world.store.release_hold(Scope.USER, subject=world.bob.ref, reason="over", actor="eve")
    if phase.startswith("stopped"):
        world.amend("bob", attached_policies=frozenset())
    world.live_for(13 * DAY, lambda: world.outcomes()[-1:] == [DONE] and world.is_at_rest())

    assert world.outcomes()[-1:] == [DONE] or "by_hand" in world.outcomes()
    assert world.is_at_rest(), world.stands()
    assert world.is_clean()
    world.monitor.all_is_recorded()
    if TABLE[situation] != OUT_OF_REACH:
        # Who could not be looked at was last found held when it still could be.
        starts_anew(world, phase, expected, before, back_at)


def starts_anew(world: Lived, phase: str, expected: str, before: int, back_at: datetime) -> None:
    """A clock that was stopped starts when the block ends, and not before."""
    first = next((step for step in world.aws.executed[before:] if step[0] != "issue"), None)
    terms = world.configuration.policies[0]
    if first is None or not expected.startswith(("stops", "held")):
        return
    if first[0] == "deactivate" and phase.startswith("compromised"):
        return
    step, _, at = first
    waited = {"deactivate": terms.grace_period, "delete": terms.recovery_period}[step]

    assert at - back_at >= waited
