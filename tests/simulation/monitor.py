"""The promises P1 to P8, held against the truth after every effect: each request, each commit.

It looks at what is so, never through the eyes of what is tested; what it takes from the record is
what the record has to say by promise. A broken promise raises `Broken` with a sentence.

    P1  no consumer is without a working key        after every effect, and whenever one calls
    P2  a key is harmed with a title on record      when one is
    P3  nothing vanishes at once                    when a key is deleted
    P4  no secret but in memory and in sinks        at every commit, event and failure; all at last
    P5  everybody stands somewhere with a reason    when it is asked (`everybody_stands_somewhere`)
    P6  nothing is harmed or begun in doubt         when it is
    P7  the intent is committed before              at every request; its outcome at last
    P8  one hand at a time                          at every lease, commit and request
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.model import JournalOutcome, KeyStatus, Reason, Step, Title, UsedAt, UserRef, Verb
from tests.simulation.account import ACCOUNT_ID
from tests.simulation.broken import Broken
from tests.simulation.doubts import MADE_IN_VAIN, Doubts, waives_places
from tests.simulation.hands import Hands
from tests.simulation.heard import Topic
from tests.simulation.intents import Intents
from tests.simulation.saving import Watcher
from tests.simulation.secrecy import no_secret_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rotator.model import Policy, Rotation, Timing
    from rotator.store import JournalRow, Lease, Store
    from tests.simulation.aws import FakeAws
    from tests.simulation.consumers import Refusal
    from tests.simulation.faults import Life
    from tests.simulation.places import WatchedBackend
    from tests.simulation.saving import Written

__all__ = ["Broken", "Monitor", "Right"]

KNOWN_TO_HAVE_HAPPENED = {JournalOutcome.DONE, JournalOutcome.OBSERVED}
BY_PERSON = {Title.COMPROMISED, Title.NAMED}
SLACK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Right:
    """By what right a key was switched off, as the record had it at that moment."""

    title: Title
    now: bool

    @property
    def waives_places(self) -> bool:
        """Whether P1 is waived: contained first, named to go now, or `retire: [only]`."""
        return self.now

    @property
    def waives_readers(self) -> bool:
        """Whether those may be refused who still have in memory what they read before."""
        return self.now or self.title is Title.COMPROMISED


@dataclass
class Monitor(Watcher):
    """Looks at the truth, never through the eyes of what is tested.

    Attributes:
        policy: the terms where the rotation's own policy is not configured any more.
        terms: a configured policy by its name.
        given_up: keys whose end a person answers for outside of the record, so that P1 says
            nothing of them.
        clocks: how far apart the clocks of replicas may be, by which rests are reckoned.
    """

    aws: FakeAws
    backend: WatchedBackend
    store: Callable[[], Store]
    policy: Callable[[], Policy]
    timing: Timing
    terms: Callable[[str], Policy | None] = lambda _: None
    database_clock: Callable[[], datetime] | None = None
    given_up: set[str] = field(default_factory=set)
    clocks: timedelta = timedelta(0)
    checked: int = 0
    _judged: int = 0
    _begun: dict[str, int] = field(default_factory=dict)
    _rights: dict[str, Right] = field(default_factory=dict)
    _serving: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hands = Hands(self.database_clock or self.aws.clock)
        self.intents = Intents(self.aws, self.backend, self.hands, lambda: self.timing, self._rows)
        self.doubts = Doubts(self.aws, self.backend)

    # When it is called

    def __call__(self, name: str) -> None:
        """Hold everything against the promises, after a request that was carried out."""
        self.checked += 1
        self._note_what_is_served()
        self.intents.requested(name)
        while self._judged < len(self.aws.executed):
            step, key_id, at = self.aws.executed[self._judged]
            self._judged += 1
            self._one(step, key_id, at)
        self.no_place_serves_what_we_harmed()

    def saved(
        self, life: Life, lease: Lease, extend: timedelta | None, written: list[Written]
    ) -> None:
        """Hold everything against the promises, after a commit."""
        self.checked += 1
        self.hands.saved(lease, extend)
        self.intents.saved(life, lease, written)
        self.told(repr(written), "what was committed")
        self._note_what_is_served()
        self.no_place_serves_what_we_harmed()

    def acquired(self, lease: Lease) -> None:
        """P8: nobody else has it."""
        self.hands.acquired(lease)

    def released(self, lease: Lease) -> None:
        """P8: whoever is next may decide."""
        self.hands.released(lease)

    def released_all(self, holder: str) -> None:
        """P8: whoever is next may decide."""
        self.hands.released_all(holder)

    def told(self, text: str, where: str) -> None:
        """P4: what is written, told or raised holds no secret."""
        no_secret_in(text, self.aws.secrets(), where)

    def refused(self, refusal: Refusal) -> None:
        """P1: what a consumer read once and was in order then is accepted.

        That holds of keys that we switched off. Whoever goes by what it read for longer than the
        grace period, and calls more rarely than the quiet period, is out of reach of any rotator.
        """
        key_id = refusal.key_id
        key = self.aws.keys[key_id]
        if key_id in self.given_up or not self._was_ours(key_id):
            return
        right = self._rights.get(key_id)
        if right is not None and right.waives_readers:
            return
        terms = self.policy()
        held_for, unused_for = key.since - refusal.read_at, terms.quiet_period
        is_recent = refusal.used_at is not None and refusal.used_at + unused_for >= key.since
        if held_for <= terms.grace_period or is_recent:
            raise Broken(f"P1: a consumer of {refusal.address} was refused with {key_id}")

    # P1

    def no_place_serves_what_we_harmed(self) -> None:
        """P1: no place is left serving a key that we deactivated or deleted."""
        for address, entry in self.backend.entries.items():
            key_id = self.backend.served(address)
            if key_id is None or key_id in self.given_up:
                continue
            key = self.aws.keys[key_id]
            if key.status is KeyStatus.ACTIVE or not self._was_ours(key_id):
                continue
            by_another_later = not entry.ours and entry.written_at > key.since
            if not entry.ours and not self._is_claimed(address, key_id):
                # Nothing was ever delivered there, and no policy named it when anything was begun.
                continue
            right = self._rights.get(key_id)
            if not by_another_later and not (right and right.waives_places):
                raise Broken(f"P1: {address} serves {key_id}, which we switched off")

    def _waited(self, rotation: Rotation, key_id: str, at: datetime) -> None:
        """P1: grace is over at every place, and whoever uses the key has been seen to stop."""
        right = rotation.right
        if right not in {Title.PREDECESSOR, Title.NAMED} or rotation.now:
            return
        terms = self.terms(rotation.policy) or self.policy()
        slack = SLACK + abs(self.aws.effects.life.clock_ahead)
        if right is Title.PREDECESSOR:
            for address, (served, since) in self._serving.items():
                if served == rotation.successor and at + slack < since + terms.grace_period:
                    raise Broken(
                        f"P1: {key_id} was switched off {at - since} after {address} had its"
                        f" successor; the grace period is {terms.grace_period}"
                    )
        used = self.aws.heard.last(self.aws.effects.life.name, Topic.USE, key_id)
        if used is None or not isinstance(used.value, UsedAt):
            return
        quiet_at = used.value.at + terms.quiet_period + self.timing.last_used_lag
        if at + slack < quiet_at:
            raise Broken(f"P1: {key_id} was switched off before it was quiet, at {quiet_at:%c}")

    def _has_an_heir(self, rotation: Rotation, key_id: str) -> None:
        """P1: whoever reads a place finds a key that works, where the title asks for one."""
        successor = rotation.successor
        if successor is None or rotation.now or rotation.right in MADE_IN_VAIN:
            return
        heir = self.aws.keys[successor]
        said = self.aws.heard.last(self.aws.effects.life.name, Topic.KEYS, heir.user_id)
        stale = self.aws.list_lag + self.aws.lateness.listings
        if heir.status is KeyStatus.ACTIVE or said is None or heir.since > said.at - stale:
            return
        raise Broken(f"P1: {key_id} was harmed, and its heir {successor} is {heir.status}")

    def _note_what_is_served(self) -> None:
        for address, entry in self.backend.entries.items():
            key_id = self.backend.served(address)
            if key_id is not None and self._serving.get(address, ("",))[0] != key_id:
                self._serving[address] = key_id, entry.written_at

    # P2 and P3

    def _one(self, step: str, key_id: str, at: datetime) -> None:
        ref = self._ref(key_id)
        known = self.store().know(ref)
        intent = self._has_an_intent(ref, step, key_id, at)
        if step == "issue":
            self.doubts.nothing_begun(ref)
            assert known.rotation is not None
            rotation_id = known.rotation.rotation_id
            self._begun[rotation_id] = self._begun.get(rotation_id, 0) + 1
            if self._begun[rotation_id] > 1:
                raise Broken(f"{rotation_id} issued twice")
        elif step in {"deactivate", "delete"}:
            rotation = self._has_a_title(known.rotation, step, key_id)
            self._says_why(rotation, intent, step, key_id)
            places = [row.place.address for row in known.places]
            self.doubts.nothing_harmed(ref, rotation, key_id, places)
            self._has_an_heir(rotation, key_id)
            if step == "deactivate":
                assert rotation.right is not None
                self._rights[key_id] = Right(rotation.right, waives_places(rotation))
                self._waited(rotation, key_id, at)
            else:
                self._has_rested(rotation, key_id, at)

    def _has_a_title(self, rotation: Rotation | None, step: str, key_id: str) -> Rotation:
        if rotation is None or rotation.leaving != key_id or rotation.right is None:
            raise Broken(f"P2: {step} of {key_id} without a title: {rotation}")
        key = self.aws.keys[key_id]
        if rotation.right in MADE_IN_VAIN and not key.ours:
            raise Broken(f"P2: {step} of {key_id}, which a person made")
        if rotation.right is Title.PREDECESSOR and rotation.predecessor != key_id:
            raise Broken(f"P2: {step} of {key_id}, which is no predecessor")
        return rotation

    def _says_why(self, rotation: Rotation, intent: JournalRow, step: str, key_id: str) -> None:
        """P2: who, why and the evidence stand in the record; a person's word is a person's."""
        if not (intent.actor and intent.reason and intent.detail):
            raise Broken(f"P2: {step} of {key_id}, and the record does not say who and why")
        if intent.title is not rotation.right:
            raise Broken(f"P2: {step} of {key_id} as {intent.title}, and it is {rotation.right}")
        if step == "deactivate" and key_id not in rotation.evidence:
            raise Broken(f"P2: deactivate of {key_id} without the evidence on record")
        terms = self.terms(rotation.policy) or self.policy()
        if rotation.right in BY_PERSON:
            self._was_said(rotation, key_id)
        elif rotation.right is Title.UNUSED and not terms.retire:
            raise Broken(f"P2: {step} of {key_id} as unused, and no policy retires such keys")
        elif waives_places(rotation) and "only" not in terms.retire:
            raise Broken(f"P2: {step} of {key_id}: P1 is waived, and nobody said so")

    def _was_said(self, rotation: Rotation, key_id: str) -> None:
        found = self.store().order(rotation.order_id) if rotation.order_id is not None else None
        order = found.order if found is not None else None
        if order is None or order.verb not in {Verb.ROTATE, Verb.RETIRE} or not order.actor:
            raise Broken(f"P2: {key_id} leaves as {rotation.right}, and nobody said so")
        if order.key_id != key_id:
            raise Broken(f"P2: {key_id} leaves by an order about {order.key_id}")
        if rotation.now and not (order.now or order.contain_first):
            raise Broken(f"P2: P1 is waived for {key_id}, and {order.actor} did not say so")

    def _was_unseen(self, key_id: str, since: datetime) -> bool:
        """Whether a person had just switched the key on, and no answer that we had could tell."""
        if any(done == ("reactivate", key_id, since) for done in self.aws.executed):
            return False
        said = self.aws.heard.last(
            self.aws.effects.life.name, Topic.KEYS, self.aws.keys[key_id].user_id
        )
        stale = self.aws.list_lag + self.aws.lateness.listings
        return said is not None and since > said.at - stale

    def _has_rested(self, rotation: Rotation, key_id: str, at: datetime) -> None:
        """P3: it was Inactive, known to be so for as long as its title says, and not used since."""
        since, before = self.aws.keys[key_id].history[-2]
        if before is KeyStatus.ACTIVE and self._was_unseen(key_id, since):
            # DeleteAccessKey knows no condition: what no listing shows yet cannot be heeded.
            return
        if before is not KeyStatus.INACTIVE:
            raise Broken(f"P3: {key_id} was {before} when it was deleted")
        rest = {
            Title.ORPHAN: self.timing.orphan_age,
            Title.UNDELIVERED: timedelta(0),
        }.get(rotation.right or Title.PREDECESSOR, self.policy().recovery_period)
        if rotation.right is Title.NAMED and rotation.now and rotation.titled_at is not None:
            rest = timedelta(0) if since <= rotation.titled_at else rest
        known_since = self.aws.heard.inactive_since(key_id, since)
        if known_since is None:
            raise Broken(f"P3: {key_id} was deleted, and nobody had seen that it is Inactive")
        slack = SLACK + self.clocks + abs(self.aws.effects.life.clock_ahead)
        if at - known_since + slack < rest:
            raise Broken(f"P3: {key_id} was deleted after {at - known_since}, and rests for {rest}")
        self._was_not_missed(rotation, key_id, since)

    def _was_not_missed(self, rotation: Rotation, key_id: str, since: datetime) -> None:
        by_word = rotation.right is Title.COMPROMISED or (
            rotation.right is Title.NAMED and rotation.now
        )
        used = self.aws.heard.last(self.aws.effects.life.name, Topic.USE, key_id)
        if by_word or used is None or not isinstance(used.value, UsedAt):
            return
        if used.value.at > since + self.timing.settle:
            raise Broken(f"P3: {key_id} was deleted, and was used since: {used.value.at:%c}")

    # P5

    def everybody_stands_somewhere(self) -> None:
        """P5: each user is idle, waits for a named moment, or is stopped or held with a reason."""
        for standing in self.store().users():
            row = standing.user
            where = f"{row} in {row.phase}"
            if row.blocked is not None and not (row.blocked_reason and row.blocked_message):
                raise Broken(f"P5: {where} is blocked, and no reason is named")
            if standing.rotation is None or row.blocked is not None:
                continue
            if row.reason is None or not row.message:
                raise Broken(
                    f"P5: {where} has an open rotation, and waits for nothing that is named"
                )

    # P7

    def all_is_recorded(self) -> None:
        """P7: for each change there is an intent before it, and what became of it after it."""
        for step, key_id, at in self.aws.executed:
            rows = [r for r in self._rows(self._ref(key_id)) if r.step.value == step]
            known = [
                row
                for row in rows
                if row.key_id == key_id
                and row.at >= at - self.timing.request_timeout
                and row.outcome in KNOWN_TO_HAVE_HAPPENED
            ]
            if not known and self._ref(key_id).user_id not in self.aws.users:
                # Gone with its user before anybody could see it: that it was asked for is on
                # record, and what came of it nobody can know any more.
                known = [row for row in rows if row.key_id in {None, key_id}]
            if not known and not self._is_named_by_a_person(key_id):
                told = [(str(r.outcome), r.key_id) for r in rows]
                raise Broken(f"P7: nothing says that {step} of {key_id} was done: {told}")

    def _is_named_by_a_person(self, key_id: str) -> bool:
        """Whether a person ordered its end while it could not be told whose key it is.

        That was never found out then: on record is the person's word instead.
        """
        rows = self._rows(self._ref(key_id))
        return any(r.reason is Reason.NAMED and r.key_id == key_id for r in rows)

    def _has_an_intent(self, ref: UserRef, step: str, key_id: str, at: datetime) -> JournalRow:
        about = None if step == "issue" else key_id
        slack = abs(self.aws.effects.life.clock_ahead)
        found = None
        for row in self._rows(ref):
            if (
                row.step is Step(step)
                and row.outcome is JournalOutcome.INTENT
                and row.key_id == about
                and row.timeout_at is not None
                and row.at - slack <= at <= row.timeout_at + self.timing.settle + slack
            ):
                found = row
        if found is None:
            raise Broken(f"P7: {step} of {key_id} without an intent")
        return found

    def _is_claimed(self, address: str, key_id: str) -> bool:
        """Whether a place is on record as one of the owner of this key."""
        places = self.store().know(self._ref(key_id)).places
        return any(row.place.address == address for row in places)

    def _was_ours(self, key_id: str) -> bool:
        """Whether the last change of a key was one of ours."""
        ours = [at for step, key, at in self.aws.executed if key == key_id and step != "issue"]
        return bool(ours) and ours[-1] == self.aws.keys[key_id].since

    def _ref(self, key_id: str) -> UserRef:
        return UserRef(ACCOUNT_ID, self.aws.keys[key_id].user_id)

    def _rows(self, ref: UserRef) -> list[JournalRow]:
        return list(self.store().history(ref))
