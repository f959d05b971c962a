"""P7 and P8 of requests: each has its intent committed before it, and a late one harms nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rotator.model import JournalOutcome, Outcome, Step
from tests.simulation.broken import Broken

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rotator.model import Timing, UserRef
    from rotator.store import JournalRow, Lease
    from tests.simulation.aws import FakeAws
    from tests.simulation.faults import Life
    from tests.simulation.hands import Hands
    from tests.simulation.places import WatchedBackend
    from tests.simulation.saving import Written

__all__ = ["Intents", "Sent"]

SETTLING = {JournalOutcome.DONE, JournalOutcome.REJECTED, JournalOutcome.OBSERVED}
IN_VAIN = {Outcome.NO_EFFECT.value, Outcome.GONE.value}
STEPS = {
    "CreateAccessKey": {Step.ISSUE},
    "UpdateAccessKey": {Step.DEACTIVATE, Step.REACTIVATE},
    "DeleteAccessKey": {Step.DELETE},
    "prove": {Step.PROVE},
}


@dataclass(frozen=True, slots=True)
class Sent:
    """An intent that was committed: whose, about what, and until when its request may live."""

    seq: int
    life: str
    ref: UserRef
    step: Step
    key_id: str | None
    address: str | None
    at: datetime
    timeout_at: datetime


@dataclass
class Intents:
    """What was committed to be sent, as it was seen to be committed."""

    aws: FakeAws
    backend: WatchedBackend
    hands: Hands
    timing: Callable[[], Timing]
    rows: Callable[[UserRef], list[JournalRow]]
    sent: list[Sent] = field(default_factory=list)

    def saved(self, life: Life, lease: Lease, written: list[Written]) -> None:
        """Remember the intents of a commit."""
        for one in written:
            if one.what != "intent":
                continue
            place = one.named.get("place")
            self.sent.append(
                Sent(
                    seq=one.answer,
                    life=life.name,
                    ref=lease.ref,
                    step=one.values[0],
                    key_id=one.named.get("key_id"),
                    address=place.address if place is not None else None,
                    at=self.aws.clock(),
                    timeout_at=one.named["timeout_at"],
                )
            )

    def requested(self, name: str) -> None:
        """P7, P8: a request was carried out just now, by the process that acts."""
        verb, _, address = name.partition(" ")
        is_put = verb in {"put", "stage"}
        steps = {Step.DELIVER} if is_put else STEPS.get(name)
        if steps is None:
            return
        about = self.backend.carried_out if is_put else self._key_of_change(name)
        sent = self._latest(steps, about, address if is_put else None)
        if sent is None:
            raise Broken(f"P7: {name} of {about} without an intent of this process")
        if not self.hands.decides(sent.life, sent.ref):
            self._harms_nothing(sent, name)

    def _latest(self, steps: set[Step], key_id: str | None, address: str | None) -> Sent | None:
        life = self.aws.effects.life.name
        for sent in reversed(self.sent):
            if sent.life != life or sent.step not in steps or sent.address != address:
                continue
            if sent.step is Step.PROVE or sent.key_id == key_id:
                return sent
        return None

    def _key_of_change(self, name: str) -> str | None:
        """The key that the latest change was about; a create names none."""
        return None if name in {"CreateAccessKey", "prove"} else self.aws.executed[-1][1]

    def _harms_nothing(self, sent: Sent, name: str) -> None:
        """P8: nobody has concluded what a request without a lease makes untrue.

        It has no outcome yet, so that whoever decides now counts on it; and it is not so late that
        its absence may be taken for a fact.
        """
        late = f"P8: {name} of {sent.life}, which has lost its lease"
        slack = abs(self.aws.effects.life.clock_ahead)
        if self.aws.clock() > sent.timeout_at + self.timing().settle + slack:
            raise Broken(f"{late}, arrived after its absence was evidence")
        concluded = [
            row
            for row in self.rows(sent.ref)
            if row.intent_seq == sent.seq and row.outcome in SETTLING
        ]
        if concluded and concluded[0].outcome is JournalOutcome.REJECTED:
            raise Broken(f"{late}, was done, and is on record as rejected")
        closed = [
            row
            for row in self.rows(sent.ref)
            if row.step is Step.CLOSE and row.seq > sent.seq and row.detail in IN_VAIN
        ]
        if closed:
            raise Broken(f"{late}, arrived after its rotation was closed as {closed[0].detail}")
