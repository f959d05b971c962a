"""The promises, held against the truth after every effect."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.model import JournalOutcome, KeyStatus, Title, UserRef
from tests.simulation.aws import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rotator.model import Policy, Rotation, Timing
    from rotator.store import JournalRow, Store
    from tests.simulation.aws import FakeAws
    from tests.simulation.consumers import Refusal
    from tests.sinks.fakes import MemoryBackend

__all__ = ["Broken", "Monitor"]

KNOWN_TO_HAVE_HAPPENED = {JournalOutcome.DONE, JournalOutcome.OBSERVED}


class Broken(AssertionError):
    """A promise was broken; the sentence says which, and by what."""


@dataclass
class Monitor:
    """Looks at the truth, never through the eyes of what is tested.

    Attributes:
        given_up: keys whose end a person answers for, so that P1 says nothing of them.
    """

    aws: FakeAws
    backend: MemoryBackend
    store: Callable[[], Store]
    policy: Callable[[], Policy]
    timing: Timing
    given_up: set[str] = field(default_factory=set)
    checked: int = 0
    _judged: int = 0
    _begun: dict[str, int] = field(default_factory=dict)

    def __call__(self, name: str) -> None:
        """Hold everything against the promises, after an effect."""
        self.checked += 1
        self.no_place_serves_what_we_harmed()
        while self._judged < len(self.aws.executed):
            step, key_id, at = self.aws.executed[self._judged]
            self._judged += 1
            self._one(step, key_id, at)

    def no_place_serves_what_we_harmed(self) -> None:
        """P1: no place is left serving a key that we deactivated or deleted."""
        for address in self.backend.entries:
            key_id = self.backend.served(address)
            if key_id is None or key_id in self.given_up:
                continue
            if self.aws.keys[key_id].status is not KeyStatus.ACTIVE and self._was_ours(key_id):
                raise Broken(f"P1: {address} serves {key_id}, which we switched off")

    def refused(self, refusal: Refusal) -> None:
        """P1: what a consumer read once and was in order then is accepted."""
        if refusal.key_id not in self.given_up:
            raise Broken(f"P1: a consumer of {refusal.address} was refused with {refusal.key_id}")

    def all_is_recorded(self) -> None:
        """P7: for each change there is an intent before it, and what became of it after it."""
        for step, key_id, at in self.aws.executed:
            rows = [r for r in self._rows(self._ref(key_id)) if r.step.value == step]
            known = [
                row
                for row in rows
                if row.key_id == key_id and row.at >= at and row.outcome in KNOWN_TO_HAVE_HAPPENED
            ]
            if not known:
                told = [(str(r.outcome), r.key_id) for r in rows]
                raise Broken(f"P7: nothing says that {step} of {key_id} was done: {told}")

    def _one(self, step: str, key_id: str, at: datetime) -> None:
        ref = self._ref(key_id)
        known = self.store().know(ref)
        self._has_an_intent(ref, step, key_id, at)
        if step == "issue":
            assert known.rotation is not None
            rotation_id = known.rotation.rotation_id
            self._begun[rotation_id] = self._begun.get(rotation_id, 0) + 1
            if self._begun[rotation_id] > 1:
                raise Broken(f"{rotation_id} issued twice")
        elif step in {"deactivate", "delete"}:
            self._has_a_title(known.rotation, step, key_id)
        if step == "delete":
            self._has_rested(known.rotation, key_id, at)

    def _has_an_intent(self, ref: UserRef, step: str, key_id: str, at: datetime) -> None:
        about = None if step == "issue" else key_id
        if not any(
            row.step.value == step
            and row.outcome is JournalOutcome.INTENT
            and row.key_id == about
            and row.timeout_at is not None
            and row.at <= at <= row.timeout_at + self.timing.settle
            for row in self._rows(ref)
        ):
            raise Broken(f"P7: {step} of {key_id} without an intent")

    def _has_a_title(self, rotation: Rotation | None, step: str, key_id: str) -> None:
        if rotation is None or rotation.leaving != key_id or rotation.right is None:
            raise Broken(f"P2: {step} of {key_id} without a title: {rotation}")
        key = self.aws.keys[key_id]
        if rotation.right in {Title.ORPHAN, Title.UNDELIVERED} and not key.ours:
            raise Broken(f"P2: {step} of {key_id}, which a person made")
        if rotation.right is Title.PREDECESSOR and rotation.predecessor != key_id:
            raise Broken(f"P2: {step} of {key_id}, which is no predecessor")

    def _has_rested(self, rotation: Rotation | None, key_id: str, at: datetime) -> None:
        assert rotation is not None
        since, before = self.aws.keys[key_id].history[-2]
        if before is not KeyStatus.INACTIVE:
            raise Broken(f"P3: {key_id} was {before} when it was deleted")
        rest = {
            Title.ORPHAN: self.timing.orphan_age,
            Title.UNDELIVERED: timedelta(0),
        }.get(rotation.right or Title.PREDECESSOR, self.policy().recovery_period)
        if rotation.right is Title.NAMED and rotation.now and rotation.titled_at is not None:
            rest = timedelta(0) if since <= rotation.titled_at else rest
        if at - since < rest:
            raise Broken(f"P3: {key_id} was deleted after {at - since}, and rests for {rest}")

    def _was_ours(self, key_id: str) -> bool:
        """Whether the last change of a key was one of ours."""
        ours = [at for step, key, at in self.aws.executed if key == key_id and step != "issue"]
        return bool(ours) and ours[-1] == self.aws.keys[key_id].history[-1][0]

    def _ref(self, key_id: str) -> UserRef:
        return UserRef(ACCOUNT_ID, self.aws.keys[key_id].user_id)

    def _rows(self, ref: UserRef) -> list[JournalRow]:
        return list(self.store().history(ref))
