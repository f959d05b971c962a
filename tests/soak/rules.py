"""What can happen while two replicas are at work: one table, for the search and for the soak.

Every rule is given small whole numbers and nothing else, so that a run is its rules with their
numbers, and shrinks to fewer and smaller ones. The order of the table is part of what a seed draws.
"""

from tests.soak import rules_of_the_world  # noqa: I001 - each import writes its rules down, in turn
from tests.soak import rules_of_people
from tests.soak import rules_of_configuration
from tests.soak.registry import BOUNDS, RULES, WEIGHTS, Act

__all__ = [
    "BOUNDS",
    "RULES",
    "WEIGHTS",
    "Act",
    "rules_of_configuration",
    "rules_of_people",
    "rules_of_the_world",
]
