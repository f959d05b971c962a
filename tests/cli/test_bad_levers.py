"""Levers and circumstances: the exit status and a piece of the sentence, and no cell is empty."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.cli import levers
from rotator.store import engine
from tests.cli.circumstances import CIRCUMSTANCES, LEVERS, OLD, argv_of

if TYPE_CHECKING:
    from rotator.demo.aws import LocalAws
    from tests.cli.conftest import Program

Cell = tuple[int, str]

STAYS = "stays on record, not done yet: "
UNKNOWN_KEY = "is nobody's key: it is not on record, and IAM knows it in no account (prod)"
NO_KEY_LEAVES = "no rotation is open in which a key leaves: nothing to roll back"
NOTHING_OPEN = "no rotation is open, and every place is named by a policy"
NOTHING_APPROVED = "no key of this user is on its way out, so there is nothing to delete"
NOTHING_SERVED = "no readable place serves an Active key of prod/alice: bring one with `rotator"
OPEN_ALREADY = "a rotation is open since"
HELD = "prod/alice is held until somebody releases it"
NOT_HELD = "prod/alice is not held: there is nothing to release"
SWITCHED_OFF = f"{OLD} is Inactive since"
DELIVERED = "alice.json; nothing was rotated"
ENDED = "ends the rotation; the keys stay as they are"
APPROVED = f"delete of {OLD} is approved by"

AT_ONCE: dict[str, Cell] = {"hold": (0, HELD), "release": (1, NOT_HELD)}
"""Holds are in force as soon as they are written, whoever looks after the user."""

NOTHING_IS_OPEN: dict[str, Cell] = {
    "rollback": (1, NO_KEY_LEAVES),
    "deliver": (1, NOTHING_SERVED),
    "approve": (1, NOTHING_APPROVED),
    "close": (1, NOTHING_OPEN),
    **AT_ONCE,
}

SOMETHING_IS_OPEN: dict[str, Cell] = {
    "rotate": (1, OPEN_ALREADY),
    "rotate --compromised": (0, SWITCHED_OFF),
    "retire": (0, f"{OLD} leaves: it stays Active until its grace is over and it is quiet"),
    "rollback": (0, f"{OLD} is Active: the user is held, and it stays so until"),
    "deliver": (0, DELIVERED),
    "approve": (0, APPROVED),
    "close": (0, ENDED),
    **AT_ONCE,
}


def by_users_name(sentence: str) -> dict[str, Cell]:
    """The levers that take a user and no key."""
    return dict.fromkeys(("rollback", "deliver", "close", "hold", "release"), (1, sentence))


ALL = "every lever"

CELLS: dict[str, dict[str, Cell]] = {
    "a user whom nobody knows": {ALL: (1, "there is no user 'alcie'; did you mean 'alice'?")},
    "two users of one name in two accounts": {
        ALL: (1, "'alice' may be prod/alice and test/alice; say which, as ACCOUNT/NAME")
    },
    "a key of another account": {
        ALL: (
            1,
            f"on test/eve {STAYS}it waits for a daemon, and none lives now; this configuration",
        ),
        **by_users_name("is a key of test/eve, and a user is asked for: name it"),
    },
    "a key id that is none": {ALL: (1, "there is no user 'AKIATOOSHORT'")},
    "a key that is nobody's": {
        ALL: (1, UNKNOWN_KEY),
        **by_users_name("there is no user 'AKIANOBODY0000000001'"),
    },
    "a key that was deleted": {
        "rotate": (1, f"{OLD} is no key of this user"),
        "rotate --compromised": (0, f"{OLD} is deleted"),
        "retire": (0, f"{OLD} is deleted"),
        "approve": (1, NOTHING_APPROVED),
        **by_users_name("is a key of prod/alice, and a user is asked for: name it"),
    },
    "four characters that fit two keys": {
        ALL: (1, "'0001' fits more than one key: AKIAOLD0000000000001, AKIAOTHER00000000001"),
        **by_users_name("there is no user '0001'"),
    },
    "idle, without a terminal and without --yes": {
        "rotate": (0, f"is issued and delivered; {OLD} leaves when it is safe"),
        "rotate --compromised": (0, SWITCHED_OFF),
        "retire": (1, f"{OLD} is the only Active key: `rotator rotate prod/alice` replaces it"),
        **NOTHING_IS_OPEN,
    },
    "stopped, both slots taken": {
        "rotate": (1, "both slots are taken"),
        "rotate --compromised": (0, SWITCHED_OFF),
        "retire": (1, "no readable place serves another Active key"),
        **NOTHING_IS_OPEN,
    },
    "held": {
        "rotate": (1, "the user is held; first `rotator release prod/alice`"),
        "rotate --compromised": (0, SWITCHED_OFF),
        "retire": (1, "the user is held; first `rotator release prod/alice`"),
        **NOTHING_IS_OPEN,
        "release": (0, "prod/alice is released"),
    },
    "observed": {
        "rotate": (1, "the policy only observes this user; say `--enforce` to act"),
        "rotate --compromised": (1, "the policy only observes this user; say `--enforce` to act"),
        "retire": (1, f"{OLD} is the only Active key"),
        **NOTHING_IS_OPEN,
    },
    "issuing, with an answer outstanding": {
        ALL: (1, f"{STAYS}the answer to issue was lost"),
        **AT_ONCE,
    },
    "delivering": SOMETHING_IS_OPEN,
    "in grace": SOMETHING_IS_OPEN,
    "in recovery": {
        **SOMETHING_IS_OPEN,
        "retire": (0, f"{OLD} is Inactive, and is deleted when it has rested"),
        "rollback": (0, f"rolls back: {OLD} is revived, and the user is held until"),
    },
    "while another holds the lease": {
        ALL: (1, f"{STAYS}another process looks after this user now, and obeys it"),
        **AT_ONCE,
    },
    "the store is away": {ALL: (2, "there is no state at")},
    "the store is read-only": {ALL: (1, "cannot be read and written by this user")},
    "the store is locked": {ALL: (1, "is locked by another process for more than")},
    "AWS is away, and no daemon lives": {
        ALL: (
            1,
            f"{STAYS}it waits for a daemon, and none lives now; from here, account prod: could",
        ),
        **AT_ONCE,
    },
}


def cell(circumstance: str, lever: str) -> Cell:
    """What is expected of one lever in one circumstance."""
    row = CELLS[circumstance]
    return row.get(lever) or row[ALL]


def test_no_cell_is_empty() -> None:
    """Every lever is held against every circumstance."""
    cells = [cell(circumstance, lever) for circumstance in CIRCUMSTANCES for lever in LEVERS]

    assert CIRCUMSTANCES.keys() == CELLS.keys()
    assert all(sentence for _, sentence in cells)
    assert len(cells) == len(CIRCUMSTANCES) * len(LEVERS)


@pytest.mark.slow
@pytest.mark.parametrize("lever", LEVERS)
@pytest.mark.parametrize("circumstance", CIRCUMSTANCES)
def test_a_lever_in_a_circumstance(
    stocked: Program,
    aws: LocalAws,
    monkeypatch: pytest.MonkeyPatch,
    circumstance: str,
    lever: str,
) -> None:
    """What can be done is done; what cannot is refused with a sentence that says what helps."""
    monkeypatch.setattr(levers, "PATIENCE", timedelta(milliseconds=200))
    whom = CIRCUMSTANCES[circumstance](stocked, aws)
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.5)
    with whom.during():
        answer = stocked(*argv_of(lever, whom))

    status, sentence = cell(circumstance, lever)
    assert (answer.status, sentence in answer.out + answer.sentences) == (status, True), answer
    assert bool(answer.out) is (status == 0)
    assert "Traceback" not in answer.err
