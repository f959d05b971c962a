"""What matters to a judgement besides the user: replicas, holds, counts, failures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rotator.store import limits
from rotator.store.damage import placing
from rotator.store.orders import holds_at
from rotator.store.part import Part
from rotator.store.rows import Surroundings
from rotator.store.sweeps import replicas_since

if TYPE_CHECKING:
    from rotator.model import UserRef

__all__ = ["Around"]

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Around(Part):
    """Answers at once what would be five questions, each time that a user is judged."""

    def around(
        self,
        ref: UserRef,
        *,
        account: str,
        policy: str,
        counted_since: datetime,
        failed_since: datetime,
    ) -> Surroundings:
        """What is on record around one user, as one transaction sees it.

        `policy` is the one whose limits and failures count; "" where there is none.
        """
        of = {"policy": policy, "account_id": ref.account_id}
        with placing(self._database), self._database.reading() as connection:
            went_back = self._watermark.look(connection)
            holds = holds_at(connection, self._database.clock())
            return Surroundings(
                went_back=went_back,
                replicas=tuple(replicas_since(connection, _LONG_AGO)),
                hold=holds.on(ref, account=account, policy=policy or None),
                counts=limits.counts(connection, **of, since=counted_since),
                failed_in_a_row=limits.recent_failures(connection, **of, since=failed_since),
            )
