"""Reasons about time and reach: what a configuration allows but cannot keep.

These are warnings. Such a configuration does what it says; it just cannot keep the promises that
its figures make to auditors.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.judgement.wording import span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotator.model import Policy, Timing

__all__ = ["Remark", "lint_policy", "lint_timing"]

_LAG_MIN = timedelta(hours=1)
"""AWS gives no bound for how late a use is reported; within an hour is ample, less is not."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One warning, and the field that it is about."""

    field: str
    sentence: str


def lint_policy(
    policy: Policy, timing: Timing, *, gap: timedelta | None, freeze: timedelta
) -> Iterator[Remark]:
    """What this policy's figures cannot keep.

    `gap` is the longest time between two sweeps that find the window open, None where a sweep
    may never find it open; `freeze` is the longest freeze.
    """
    if gap is None:
        yield Remark("window", _NEVER_OPEN)
    yield from _too_late(policy, gap or timedelta(0), freeze)
    if policy.quiet_period < timing.last_used_lag:
        yield Remark(
            "quiet_period",
            f"`quiet_period` ({span(policy.quiet_period)}) is shorter than IAM may take to report "
            f"a use (`last_used_lag`, {span(timing.last_used_lag)})",
        )


_NEVER_OPEN = (
    "the schedule may never meet the window: a sweep that finds the doors shut begins nothing, so "
    "sweep more often than the window is long, or at a time within it"
)


def _too_late(policy: Policy, gap: timedelta, freeze: timedelta) -> Iterator[Remark]:
    parts = [
        ("rotate_after", policy.rotate_after),
        ("the longest gap of schedule and window", gap),
        ("the longest freeze", freeze),
        ("grace_period", policy.grace_period),
        ("quiet_period", policy.quiet_period),
    ]
    age = sum((length for _, length in parts), timedelta(0))
    if age > policy.max_age:
        terms = " + ".join(f"{name} {span(length)}" for name, length in parts if length)
        yield Remark(
            "rotate_after",
            f"a key may get {span(age)} old, past `max_age` {span(policy.max_age)}: {terms}",
        )


def lint_timing(timing: Timing, *, own_endpoint: bool) -> Iterator[Remark]:
    """What the timing cannot keep; `own_endpoint` is false where AWS's own IAM answers."""
    if timing.last_used_lag < _LAG_MIN and not own_endpoint:
        yield Remark(
            "last_used_lag",
            f"`last_used_lag` ({span(timing.last_used_lag)}) is below 1 h, which is for a local "
            "AWS only: AWS's own IAM may report a use later, and a key in use would look quiet",
        )
