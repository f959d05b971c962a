"""Where every rule is written down, with how often it is drawn and how great its numbers are."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature

__all__ = ["BOUNDS", "RULES", "WEIGHTS", "Act", "rule"]

Act = Callable[..., None]

RULES: dict[str, Act] = {}
"""Every rule by its name."""

WEIGHTS: dict[str, int] = {}
"""How often each is drawn, against the others."""

BOUNDS = {
    "who": 5,
    "which": 3,
    "fault": 4,
    "after": 40,
    "days": 3,
    "hours": 30,
    "way": 5,
    "replica": 1,
}
"""The greatest number that a rule is given, by the name of the argument; the least is 0."""


def rule(weight: int) -> Callable[[Act], Act]:
    """One thing that can happen; its arguments are bounded by their names."""

    def kept(act: Act) -> Act:
        assert set(signature(act).parameters) - {"world"} <= set(BOUNDS), act
        RULES[act.__name__] = act
        WEIGHTS[act.__name__] = weight
        return act

    return kept
