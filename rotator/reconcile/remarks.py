"""What a sweep shows to be doubtful about a policy: told once, until it changes."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

from rotator.events import Event
from rotator.judgement.selection import described
from rotator.judgement.wording import span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotator.model import Policy, User
    from rotator.reconcile.equipment import Equipment

__all__ = ["Remarks"]

DAY = timedelta(days=1)


class Remarks:
    """Remembers what was told last of each policy, account and exclusion."""

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment
        self._told: dict[tuple[Event, str, str, str], str] = {}

    def tell(self, policy: Policy, users: Sequence[User], names: dict[str, str]) -> None:
        """What a sweep shows to be doubtful about a policy; each is told once, until it changes."""
        if not users:
            message = f"policy {policy.name} selects nobody in account {names['account']}"
            self._tell_once(Event.POLICY_UNMATCHED, names, message=message)
        a_day = len(users) * (DAY / policy.rotate_after)
        if a_day > policy.limits.issue:
            message = (
                f"{len(users)} users with rotate_after {span(policy.rotate_after)} need"
                f" {ceil(a_day)} new keys a day, and limits.issue allows {policy.limits.issue}"
            )
            self._tell_once(Event.POLICY_LIMITED, names, message=message)
        for exclusion in policy.exclude:
            expires = exclusion.expires
            if expires is not None and expires <= self._equipment.clock():
                self._tell_once(
                    Event.EXCLUSION_EXPIRED,
                    names,
                    exclusion=described(exclusion.selector),
                    expires_at=expires,
                    stated_reason=exclusion.reason,
                )

    def _tell_once(self, event: Event, names: dict[str, str], **fields: object) -> None:
        """Tell of a doubt unless the last thing told of it was the same.

        Only the last is kept: the number of users in a sentence may be another at each sweep.
        """
        about = (event, names["policy"], names["account"], str(fields.get("exclusion", "")))
        said = repr(sorted(fields.items()))
        if self._told.get(about) != said:
            self._told[about] = said
            self._equipment.emit(event, **names, **fields)
