"""IAM's credential report: ages, activity and last use of every key, and no key ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rotator.model.iam import LastUse

__all__ = ["Report", "ReportedKey", "ReportedUser"]


@dataclass(frozen=True, slots=True)
class ReportedKey:
    """One slot that holds a key; `rotated_at` is when it was created or last changed."""

    is_active: bool
    rotated_at: datetime | None
    last_use: LastUse


@dataclass(frozen=True, slots=True)
class ReportedUser:
    """One row of the report."""

    name: str
    arn: str
    created_at: datetime
    keys: tuple[ReportedKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report; `generated_at` is the moment whose state it shows."""

    generated_at: datetime
    users: Mapping[str, ReportedUser] = field(default_factory=dict)
    root: ReportedUser | None = None
    digest: str = ""
