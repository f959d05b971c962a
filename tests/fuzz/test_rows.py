"""Damaged rows: a sentence with the row's place, nothing harmed, and the other users go on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st

from rotator.cli import main
from rotator.errors import RotatorError
from rotator.store.columns import Word
from rotator.store.damage import JUDGED_BY, damages
from rotator.store.schema import journal
from tests.fuzz.rows import SINGLE, Damaged, Wound, wounds
from tests.fuzz.runs import Fuzzer
from tests.simulation.world import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SWEEPS = 6

COMMANDS = [
    ["status"],
    ["--json", "status"],
    ["history"],
    ["--json", "history", "bob"],
    ["state", "check"],
]


def read_everything(damaged: Damaged) -> None:
    """Each question that the store answers."""
    store = damaged.world.store
    questions: list[Callable[[], object]] = [
        store.users,
        store.check,
        store.holds,
        store.open_orders,
        lambda: store.moments(damaged.world.clock()),
        lambda: store.replicas(damaged.world.clock() - HOUR),
        lambda: list(store.history()),
        lambda: store.find_user("bob"),
        lambda: store.find_key("M001"),
        *(lambda user=user: store.know(user.ref) for user in damaged.users),
        *(lambda user=user: store.rotations(user.ref) for user in damaged.users),
    ]
    for ask in questions:
        with suppress(RotatorError):
            ask()


def go_on(damaged: Damaged) -> None:
    """Sweeps over some days: who is not damaged is looked at, and no promise is broken."""
    world = damaged.world
    with world.store._database.reading() as connection:
        found = list(damages(connection, *JUDGED_BY))
        of_journal = list(damages(connection, journal))
    spared = {user.ref for user in damaged.users}
    spared -= {one.ref for one in (*found, *of_journal)}
    concerns_all = any(one.ref is None or " of orders " in one.sentence for one in found)
    if any(one.ref is None for one in of_journal):
        # Its user is unreadable too, and only its rotation knows whose it is.
        spared.clear()
    waited = 0
    for _ in range(SWEEPS):
        result = world.sweeper.sweep(
            world.configuration.policies[0], world.configuration.accounts[0], trigger="schedule"
        )
        if not concerns_all:
            failed = {one.user.ref for one in result.visits if one.failed}
            # A disk that is busy with other tests may keep a writer waiting; a transaction that was
            # left open would do so in every sweep.
            waited += result.error is not None and "is locked by another" in result.error
            assert result.error is None or waited < SWEEPS, result.error
            assert result.error is None or "is locked by another" in result.error
            assert not failed & spared, (found, of_journal)
        world.go(5 * HOUR)
    assert not [fields for _, fields in world.told if fields.get("exc_info") is not None]


@pytest.fixture
def damaged(tmp_path: Path) -> Damaged:
    """A world with users in every phase."""
    return Damaged(tmp_path)


def check(damaged: Damaged, capsys: pytest.CaptureFixture[str], given: list[Wound]) -> None:
    """Damage some values, and hold what readers, commands and sweeps make of it."""
    try:
        damaged.wound(given)
    except RotatorError:
        return
    world = damaged.world
    sentences = world.store.damaged()
    read_everything(damaged)
    for argv in COMMANDS:
        status = main(["--state", f"sqlite:///{world.path}", *argv])
        told = capsys.readouterr()
        assert status in {0, 1, 2}, argv
        assert "bug" not in told.err, (argv, told.err)
        assert "\x1b" not in told.out + told.err
        if sentences and argv[-1] == "status":
            assert status == 1
    go_on(damaged)


def test_planted_faults_are_found(
    damaged: Damaged,
    said: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A type of column that lets everything pass is noticed by one of its first values."""
    monkeypatch.setattr(Word, "process_result_value", lambda _self, value, _dialect: value)
    words = st.just([Wound("users", "phase", 0, "dancing"), Wound("keys", "status", 1, 7)])

    with pytest.raises((AssertionError, BaseExceptionGroup, AttributeError)):
        Fuzzer(said, "a planted fault", 1).run(words, lambda it: check(damaged, capsys, it))


def test_damaged_rows(
    damaged: Damaged, said: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a row holds: no traceback, and a judgement is built on none of it."""
    Fuzzer(said, "damaged rows", 10).run(wounds, lambda it: check(damaged, capsys, it))


@pytest.mark.parametrize("table", sorted({wound.table for wound in SINGLE}))
def test_every_value_that_a_column_cannot_hold(damaged: Damaged, table: str) -> None:
    """Each one alone: every question is answered, or is refused with a sentence."""
    for wound in SINGLE:
        if wound.table == table:
            with suppress(RotatorError):
                damaged.wound([wound])
            read_everything(damaged)
