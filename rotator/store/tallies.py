"""Where everybody stands, counted by the database: what gauges say costs no row for each user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from rotator.model import KeyStatus, UserRef
from rotator.store import shapes
from rotator.store.damage import sound
from rotator.store.part import Part
from rotator.store.schema import keys, reported_keys, rotations, users

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rotator.model import Phase, Reason

__all__ = ["Tallies", "Tally"]

_MINE = users.c.policy.is_not(None)
_STANDING = (
    select(users.c.account, users.c.policy, users.c.phase, func.count().label("many"))
    .where(_MINE)
    .group_by(users.c.account, users.c.policy, users.c.phase)
)
_BLOCKED = (
    select(users.c.policy, users.c.blocked_reason, func.count().label("many"))
    .where(_MINE, users.c.blocked_reason.is_not(None))
    .group_by(users.c.policy, users.c.blocked_reason)
)
_OVERDUE = (
    select(users.c.policy, func.count().label("many"))
    .where(_MINE, users.c.overdue)
    .group_by(users.c.policy)
)
_OLDEST = (
    select(users.c.account, users.c.policy, func.min(keys.c.created_at).label("made_at"))
    .join(users, shapes.same_user(users, keys))
    .where(
        _MINE,
        keys.c.status == KeyStatus.ACTIVE,
        keys.c.gone_at.is_(None),
        keys.c.missing_since.is_(None),
    )
    .group_by(users.c.account, users.c.policy)
)
_OLDEST_REPORTED = (
    select(users.c.account, users.c.policy, func.min(reported_keys.c.rotated_at).label("made_at"))
    .join(users, shapes.same_user(users, reported_keys))
    .where(_MINE, reported_keys.c.is_active, users.c.source == "report")
    .group_by(users.c.account, users.c.policy)
)
_ACCOUNTS = select(users.c.account, users.c.account_id).distinct()
_PAIRS = select(users.c.policy, users.c.account_id).where(_MINE).distinct()
_OPEN = (
    select(users.c.account_id, users.c.user_id, users.c.account, users.c.name)
    .join(rotations, shapes.same_user(users, rotations))
    .where(rotations.c.closed_at.is_(None))
    .order_by(users.c.account_id, users.c.user_id)
)


@dataclass(frozen=True, slots=True)
class Tally:
    """Users whom a policy selects, counted.

    Attributes:
        standing: by account, policy and phase.
        blocked: who is stopped or held, by policy and reason.
        overdue: by policy.
        oldest: when the oldest Active key was made, by account and policy.
    """

    standing: Mapping[tuple[str, str, Phase], int] = field(default_factory=dict)
    blocked: Mapping[tuple[str, Reason], int] = field(default_factory=dict)
    overdue: Mapping[str, int] = field(default_factory=dict)
    oldest: Mapping[tuple[str, str], datetime] = field(default_factory=dict)


class Tallies(Part):
    """Questions about everybody at once, whose answers do not grow with how many there are."""

    def tally(self) -> Tally:
        """Count the users whom a policy selects; who has a row that cannot be read is not."""
        with self._database.reading() as connection:
            standing = sound(connection.execute(_STANDING))
            blocked = sound(connection.execute(_BLOCKED))
            overdue = sound(connection.execute(_OVERDUE))
            oldest: dict[tuple[str, str], datetime] = {}
            for query in (_OLDEST, _OLDEST_REPORTED):
                for row in sound(connection.execute(query)):
                    label = (row.account, row.policy)
                    if row.made_at is not None:
                        oldest[label] = min(oldest.get(label, row.made_at), row.made_at)
            return Tally(
                {(row.account, row.policy, row.phase): row.many for row in standing},
                {(row.policy, row.blocked_reason): row.many for row in blocked},
                {row.policy: row.many for row in overdue},
                oldest,
            )

    def account_ids(self) -> list[tuple[str, str]]:
        """The name and the id of each account of which a user is known; names may repeat."""
        with self._database.reading() as connection:
            return [(row.account, row.account_id) for row in sound(connection.execute(_ACCOUNTS))]

    def swept_pairs(self) -> list[tuple[str, str]]:
        """Each policy with the id of each account in which it selects somebody."""
        with self._database.reading() as connection:
            return [(row.policy, row.account_id) for row in sound(connection.execute(_PAIRS))]

    def open_rotations(self) -> list[tuple[UserRef, str, str]]:
        """Users with a rotation open: reference, account, name."""
        with self._database.reading() as connection:
            rows = list(sound(connection.execute(_OPEN)))
        return [(shapes.ref_of(row), row.account, row.name) for row in rows]
