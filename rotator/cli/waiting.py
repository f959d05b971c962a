"""A command that made a key works on until the key is in its places, and says what it waits for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rotator.cli.output import say
from rotator.model import Step, mask

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rotator.model import UserRef
    from rotator.reconcile import Sweeper
    from rotator.store import Known

__all__ = ["deliver_the_rest", "waited_for"]


def deliver_the_rest(sweeper: Sweeper) -> None:
    """Bring what was issued to its places before the process ends, if it can be.

    Raises:
        StoreError: the store cannot be used.
    """
    if not sweeper.equipment.hands.users():
        return
    limit = sweeper.equipment.configuration().timing.shutdown_timeout.total_seconds()
    say(f"A new key is not in its places yet; trying for {limit:.0f} s at most.")
    sweeper.deliver_held(time.monotonic() + limit, waiting=_telling(sweeper))
    for ref in sweeper.equipment.hands.users():
        say(
            f"The new key of {_called(sweeper, ref)} is not in every place, and its secret ends"
            " with this process. The next run or the daemon goes on from a readable place that has"
            " it; where none has, it throws the key away and makes another."
        )


def _telling(sweeper: Sweeper) -> Callable[[Collection[UserRef]], None]:
    """What says on standard error what is waited for, each thing once."""
    told: set[str] = set()

    def tell(refs: Collection[UserRef]) -> None:
        for ref in refs:
            for sentence in waited_for(sweeper.equipment.store.know(ref)):
                if sentence not in told:
                    told.add(sentence)
                    say(sentence)

    return tell


def waited_for(known: Known) -> list[str]:
    """What keeps the successor of an open rotation from its places, a sentence each."""
    rotation = known.rotation
    if rotation is None or rotation.successor is None:
        return []
    subject = f"{known.user}: the new key {mask(rotation.successor)}"
    proof = known.failures.get(Step.PROVE)
    if rotation.proven_at is None and proof is not None:
        return [f"{subject} is not accepted by STS yet ({proof.why})"]
    return [
        f"{subject} is not in {row.place} yet"
        + (f": failed {row.failures.count} time(s), {row.failures.why}" if row.failures else "")
        for row in known.places
        if row.delivered_at is None
    ]


def _called(sweeper: Sweeper, ref: UserRef) -> str:
    row = sweeper.equipment.store.know(ref).user
    return str(row) if row is not None else f"user {ref.user_id}"
