"""What a soak came to, as a table; and what nobody is to believe in, since it never happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.faults import Fault
from tests.soak.rules import RULES

if TYPE_CHECKING:
    from collections import Counter

    from tests.soak.scripts import Figures

__all__ = ["kinds_never_met", "table"]

EFFECTS = ("commit", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "prove", "put")


def table(total: Figures, *, seed: int, seconds: float) -> str:
    """Everything that is counted, a line each."""
    lives = sum(total.lives.values())
    head = (
        f"{lives} whole lives (each a rotation or leaving from its beginning on record to its"
        f" close) in {total.worlds} worlds; {total.effects} effects, {total.deaths} processes"
        f" killed; seed {seed}, {seconds:.0f} s"
    )
    parts = {
        "how lives ended": total.lives,
        "faults met, by effect": total.faults,
        "rules fired": total.rules,
    }
    return "\n".join([head, *(_part(title, counts) for title, counts in parts.items())])


def kinds_never_met(total: Figures) -> list[str]:
    """Rules that never fired, and faults that never struck an effect of some kind."""
    rules = [name for name in RULES if not total.rules[name]]
    pairs = [f"{fault}: {effect}" for fault in Fault for effect in EFFECTS]
    return rules + [pair for pair in pairs if not total.faults[pair]]


def _part(title: str, counts: Counter[str]) -> str:
    lines = [f"  {count:>9}  {name}" for name, count in counts.most_common()]
    return "\n".join([f"{title}:", *lines])
