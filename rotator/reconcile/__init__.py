"""Observe, judge, act once, record: the only part that both looks and changes."""

from rotator.reconcile.comparing import compare
from rotator.reconcile.discovery import Discovery, Found
from rotator.reconcile.equipment import Equipment
from rotator.reconcile.hands import Hands
from rotator.reconcile.planning import Examined, Planner
from rotator.reconcile.rolls import Roll, Rolls
from rotator.reconcile.scenes import last_sweeps, scene_of
from rotator.reconcile.sweep import Sweeper, SweepResult, accounts_of
from rotator.reconcile.taking import Brought, take
from rotator.reconcile.visit import VisitResult, visit

__all__ = [
    "Brought",
    "Discovery",
    "Equipment",
    "Examined",
    "Found",
    "Hands",
    "Planner",
    "Roll",
    "Rolls",
    "SweepResult",
    "Sweeper",
    "VisitResult",
    "accounts_of",
    "compare",
    "last_sweeps",
    "scene_of",
    "take",
    "visit",
]
