"""Teeth: each clause that keeps a promise is taken out in turn, and the loss is noticed.

Who notices what is printed (`pytest -s`): the first small world, or the first row of a table.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from rotator.judgement import judge as judging
from tests.judgement.mutants import TABLES, by_a_waived_world, by_small_worlds, by_tables, mutated

if TYPE_CHECKING:
    from pathlib import Path

GUARD = {
    "no title is asked for": (
        "        rule is not None\n        and not in",
        "        (rule := rule or Rule())\n        and not in",
    ),
    "P1 cannot be waived": ("            is_waived(case.open)\n            or (", "            ("),
    "P1 is always waived": (
        "            is_waived(case.open)\n            or (",
        "            True\n            or (",
    ),
    "P1 is waived for every title": (" and rule is not None and rule.waivable", ""),
    "places are not asked": (
        "not any(may_have(place, key.key_id, case) for place in our_places(case))",
        "True",
    ),
    "a key that we sign with may go": ("        and not in_use_by_us(case, key)\n", ""),
    "no title needs an heir": ("(not rule.heir(case.open) or heir_serves(case))", "True"),
    "every title needs an heir": (
        "(not rule.heir(case.open) or heir_serves(case))",
        "heir_serves(case)",
    ),
    "an heir that is still to be issued is not waited for": (
        "return rotation.successor is not None or rotation.kind is not Kind.LEAVE",
        "return rotation.successor is not None",
    ),
    "the heir need not be Active": (
        "        and heir.is_active\n        and case",
        "        and case",
    ),
    "the heir need not be proven": ("        and case.open.proven_at is not None\n", ""),
    "a listing that contradicts the heir is passed over": (
        "        and heir.key_id not in case.contradicted\n",
        "",
    ),
    "a place without a name is passed over": ("        and case.place_problem is None\n", ""),
    "the heir need be in no place": (
        "        and all(has(place, heir.key_id) for place in places)\n",
        "",
    ),
    "an heir may be nowhere": ("        and bool(places)\n", ""),
    "the title is any key's": (
        "if rotation is None or rotation.leaving != key.key_id:",
        "if rotation is None:",
    ),
}
"""Each clause of `may_go`, and of what it asks."""


@pytest.mark.slow
def test_the_real_judgement_is_not_caught() -> None:
    """Whoever calls every judgement wrong notices nothing."""
    assert by_small_worlds(judging.judge) is None
    assert [None] * len(TABLES) == [
        by_tables(function, getattr(import_module(f"rotator.judgement.{name}"), function))
        for function, (name, _) in TABLES.items()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("clause", GUARD)
def test_each_clause_of_the_guard_is_missed(
    clause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With any clause of `may_go` taken out, a world or a row of a table goes red."""
    module = mutated(tmp_path, "leaving", *GUARD[clause])
    for name in ("may_go", "patient", "rested", "rule_of", "stays"):
        monkeypatch.setattr(judging, name, getattr(module, name))

    caught = (
        by_small_worlds(judging.judge)
        or by_tables("may_go", module.may_go)
        or by_tables("title_of", module.title_of)
        or by_a_waived_world(module.may_go)
    )

    print(f"\n{clause} -> {caught}")  # noqa: T201 - the table that a reader asks for with -s
    assert caught


LINES = {
    "no hard doubt": ("hard_doubt(case)", "False"),
    "no user is gone": ("or user_gone(case)", ""),
    "nothing is noted": ("or noticed(case)", ""),
    "no soft doubt": ("or soft_doubt(case)", ""),
    "no order": ("or ordered(case)", ""),
    "no late evidence": ("or late_evidence(case)", ""),
    "no beginning": ("or _without_rotation(case)", ""),
    "every create was answered": ("or unanswered_create(case)", ""),
    "no delivery": ("or deliver(case)", ""),
    "no secret is lost": ("or lost_secret(case)", ""),
    "nothing ends": ("or _over(case)", ""),
    "nothing leaves": ("or _leave(case)", ""),
    "no stop": ("    if stop is not None:\n        return stop\n", ""),
    "no guard": (
        "    if not may_go(case, leaver):\n",
        "    if False:\n",
    ),
    "no patience": ("patient(case, leaver) or doors", "doors"),
    "no rest": ("rested(case, leaver) or doors", "doors"),
    "no door before switching off": (
        "doors.door(case, _deactivate(case, leaver), gates)",
        "_deactivate(case, leaver)",
    ),
    "no door before deleting": ("doors.door(case, _delete(leaver), gates)", "_delete(leaver)"),
    "no switching off": ("if leaver.status is not KeyStatus.INACTIVE:", "if False:"),
}
"""Each line of `judge` and of its last step, and what stands there instead."""


@pytest.mark.slow
@pytest.mark.parametrize("loss", LINES)
def test_each_line_of_the_judgement_is_missed(loss: str, tmp_path: Path) -> None:
    """With any line of `judge` taken out, a row of a table or a small world goes red."""
    module = mutated(tmp_path, "judge", *LINES[loss])

    caught = by_tables("judge", module.judge) or by_small_worlds(module.judge)

    print(f"\n{loss} -> {caught}")  # noqa: T201 - as above
    assert caught


DESIGN = {
    "unknown use is no doubt": (
        "leaving",
        "patient",
        "if not isinstance(key.last_use, UseUnknown):",
        "if True:",
    ),
    "grace is not waited for": (
        "leaving",
        "patient",
        "(_grace(case, key) if rule.grace",
        "(None if rule.grace",
    ),
    "quiet is not waited for": (
        "leaving",
        "patient",
        "(_quiet(case, key) if rule.quiet",
        "(None if rule.quiet",
    ),
    "first use is not waited for": (
        "leaving",
        "patient",
        "(_first_use(case, key) if rule.first_use",
        "(None if rule.first_use",
    ),
    "our own proof is taken for first use": (
        "leaving",
        "patient",
        " > own_use_at + case.timing.grain",
        " >= own_use_at",
    ),
    "the lag of last uses is forgotten": ("leaving", "patient", " + case.timing.last_used_lag", ""),
    "a block restarts no clock": (
        "leaving",
        "patient",
        "max(fact, key.status_since, blocked_at or fact)",
        "max(fact, key.status_since)",
    ),
    "a change of status restarts no clock": (
        "leaving",
        "patient",
        "max(fact, key.status_since, blocked_at or fact)",
        "max(fact, blocked_at or fact)",
    ),
    "grace counts from the first place": (
        "leaving",
        "patient",
        "max(filter(None, [rotation.titled_at, rotation.delivered_at, *put_at]))",
        "rotation.delivered_at",
    ),
    "a key we sign with is quiet": (
        "leaving",
        "patient",
        "        or (kept_for_us(case, key) if in_use_by_us(case, key) else None)\n",
        "",
    ),
    "no rest": ("leaving", "rested", "until = since + rest", "until = since"),
    "a promise is not kept": (
        "leaving",
        "rested",
        "until = max(until, rotation.promised_at)",
        "pass",
    ),
    "a late use is forgotten": (
        "leaving",
        "rested",
        "since, rest = max(since, key.last_use.at), max(rest, case.timing.orphan_age)",
        "pass",
    ),
    "an unreadable place has nothing": (
        "presence",
        "may_have",
        "    if place.readable:\n        return True\n    return (",
        "    if place.readable:\n        return False\n    return (",
    ),
    "a reading does not decide": (
        "presence",
        "may_have",
        "        return place.reading.key_id == key_id\n",
        "        pass\n",
    ),
    "a put that was begun is not there": (
        "presence",
        "may_have",
        "        key_id in {place.begun_key, place.answered_key}\n        or written",
        "        written",
    ),
    "somebody else's writing is ignored": (
        "presence",
        "may_have",
        "        or written_by_another(place)\n",
        "",
    ),
    "what we never wrote has nothing": (
        "presence",
        "may_have",
        "        or (place.answered_key is None and _older_than_rotation(case, key_id))\n",
        "",
    ),
    "a used candidate is an orphan": (
        "delivering",
        "unanswered_create",
        "    if isinstance(key.last_use, UsedAt):\n        return _foreign",
        "    if False:\n        return _foreign",
    ),
    "unknown use of a candidate is never": (
        "delivering",
        "unanswered_create",
        "if not isinstance(key.last_use, NeverUsed):",
        "if False:",
    ),
    "a candidate is judged at once": (
        "delivering",
        "unanswered_create",
        "    if case.now < judged_at:",
        "    if False:",
    ),
    "a candidate of any age": (
        "delivering",
        "unanswered_create",
        "if not earliest <= key.created_at <= latest:",
        "if False:",
    ),
    "two candidates": ("delivering", "unanswered_create", "if len(new) > 1:", "if False:"),
    "a place may have the candidate": (
        "delivering",
        "unanswered_create",
        "if holder := _holder(case, key.key_id):",
        "if holder := None:",
    ),
    "a place may have the undelivered key": (
        "delivering",
        "lost_secret",
        "place for place in our_places(case) if may_have(place, key_id, case)]",
        "place for place in ()]",
    ),
    "a delivered key is called undelivered": (
        "delivering",
        "lost_secret",
        "if p.delivered_at is not None), None)",
        "if False), None)",
    ),
    "late evidence is not ours alone": (
        "late",
        "late_evidence",
        "        and key.key_id in rotation.evidence\n",
        "",
    ),
    "a used orphan is kept for deletion": (
        "late",
        "late_evidence",
        "if key is None or not (is_used or _active_again(case, rotation, key)):",
        "if key is None or not _active_again(case, rotation, key):",
    ),
    "a stale Active is a person": (
        "noticing",
        "noticed",
        "if case.listed_at < rotation.deactivated_at + case.timing.settle:",
        "if False:",
    ),
    "rest begins before the delivery": (
        "noticing",
        "noticed",
        "rule.heir(rotation) and not rule.by_word and rotation.delivered_at is None",
        "False",
    ),
}
"""Mistakes that lose keys: in which module, held by which function's tables."""


@pytest.mark.parametrize("mistake", DESIGN)
def test_each_mistake_is_noticed(mistake: str, tmp_path: Path) -> None:
    """With any of the mistakes made that this design was drawn against, a row goes red."""
    name, function, piece, instead = DESIGN[mistake]
    module = mutated(tmp_path, name, piece, instead)

    caught = by_tables(function, getattr(module, function))

    print(f"\n{mistake} -> {caught}")  # noqa: T201 - as above
    assert caught
