"""The world that is soaked: who lives in it, what troubles it, and how it comes to rest.

world = Soaked.begun(variant=3)
RULES["days_pass"](world, days=2)
world.comes_to_rest()
world.close()
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Self, cast

from sqlalchemy import select

from rotator.model import KeyStatus, Reason, Title, UserRef
from rotator.store.schema import journal
from rotator.store.shapes import journal_row
from tests.simulation.broken import Broken
from tests.simulation.faults import Fault
from tests.simulation.hands import Hands
from tests.simulation.intents import Intents
from tests.simulation.lateness import Lateness
from tests.simulation.monitor import Monitor
from tests.simulation.replicas import BOTH, Replicas
from tests.simulation.report import CredentialReport
from tests.simulation.world import DAY, HOUR, MINUTE, READABLE, WRITEONLY, policy, sink_spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from rotator.model import Policy, SinkSpec, User
    from rotator.store import JournalRow, Lease
    from tests.simulation.faults import Life
    from tests.simulation.saving import Written
    from tests.sinks.fakes import FakeOptions

__all__ = ["VARIANTS", "Soaked"]

ORDINARY = policy(
    rotate_after=20 * HOUR, max_age=20 * DAY, unused_after=6 * DAY, grace_period=5 * HOUR
)
HASTY = replace(ORDINARY, grace_period=2 * HOUR)
SHARED = sink_spec("shared", "s/{user}")
TORN = sink_spec("torn", "t/{user}")
RETIRED = frozenset({"unused", "inactive"})
VARIANTS: dict[str, Policy] = {
    "one readable place": ORDINARY,
    "a readable and a write-only place": replace(ORDINARY, sinks=(READABLE, WRITEONLY)),
    "two readable places": replace(HASTY, sinks=(READABLE, SHARED)),
    "a torn, a shared and a write-only place": replace(ORDINARY, sinks=(TORN, SHARED, WRITEONLY)),
    "unused keys are retired": replace(ORDINARY, retire=RETIRED, provision=True),
    "no first use is waited for": replace(HASTY, require_first_use=False),
    "places that follow a tag": replace(
        ORDINARY, sinks=(sink_spec("memory", "m/{tag[home]}"), sink_spec("writeonly", "w/{user}"))
    ),
}
REST = 3 * DAY
"""How long everybody has to come to rest once nothing disturbs them any more."""
KNOWN_AFTER = 15 * MINUTE
"""By when both replicas know that they disagree, and whatever had begun before is over."""

CLOCKS = timedelta(seconds=80)
"""How far the clocks of two replicas are apart at most: each may be wrong by less than a minute."""

NAMES = ("ann", "bob", "cy", "dee", "eli", "fay")
IDLE = frozenset({Reason.NOT_DUE, Reason.NO_KEY})


@dataclass
class Watch(Monitor):
    """Holds the promises of two replicas, and keeps what was broken where nobody can catch it."""

    world: Soaked = field(kw_only=True)
    _record: dict[UserRef, list[JournalRow]] = field(default_factory=dict)
    _read_to: int = 0
    _forgotten: int = 0

    def __call__(self, name: str) -> None:
        with self._kept():
            super().__call__(name)

    def acquired(self, lease: Lease) -> None:
        with self._kept():
            super().acquired(lease)

    def saved(
        self, life: Life, lease: Lease, extend: timedelta | None, written: list[Written]
    ) -> None:
        with self._kept():
            super().saved(life, lease, extend, written)

    def told(self, text: str, where: str) -> None:
        """Everything that was written or told is searched once, at the end of the world."""

    def record_went_back(self) -> None:
        """A backup took the place of the store: what it does not know is not asked of it."""
        self._record.clear()
        self._read_to = 0
        self._forgotten = len(self.aws.executed)
        self.hands = Hands(self.aws.clock)
        self.intents = Intents(self.aws, self.backend, self.hands, lambda: self.timing, self._rows)

    def all_is_recorded(self) -> None:
        whole = self.aws.executed
        self.aws.executed = whole[self._forgotten :]
        try:
            super().all_is_recorded()
        finally:
            self.aws.executed = whole

    def _one(self, step: str, key_id: str, at: datetime) -> None:
        super()._one(step, key_id, at)
        since = self.world.disagreeing_since
        if since is not None and step != "reactivate" and since + KNOWN_AFTER < self.aws.clock():
            self._agreed(step, key_id)

    def _agreed(self, step: str, key_id: str) -> None:
        """Nothing is begun, switched off or deleted by replicas of different configurations."""
        live = self.store().replicas(self.aws.clock() - 2 * self.timing.lease)
        rotation = self.store().know(self._ref(key_id)).rotation
        if len({row.config_digest for row in live}) == 1 or self.world.has_overslept:
            return
        if rotation is None or rotation.right is not Title.COMPROMISED:
            raise Broken(f"agreed: {step} of {key_id}, although the replicas disagree")

    def _rows(self, ref: UserRef) -> list[JournalRow]:
        """The record of a user; what was read of it is kept, since nothing there ever changes."""
        query = select(journal).where(journal.c.seq > self._read_to).order_by(journal.c.seq)
        with self.store()._database.reading() as connection:
            for row in connection.execute(query):
                found = journal_row(row)
                whose = UserRef(found.account_id, found.user_id)
                self._record.setdefault(whose, []).append(found)
                self._read_to = found.seq
        return self._record.get(ref, [])

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except Broken as exc:
            self.world.bugs.append(exc)
            raise


@dataclass
class Soaked(Replicas):
    """Two replicas and a few users, who are disturbed by every rule there is.

    Attributes:
        touched: UserIds of whom a person, or a stranger, answers for how they end.
        struck: how often each fault was met.
        disagreeing_since: since when both replicas live with different configurations.
    """

    touched: set[str] = field(default_factory=set)
    down: set[str] = field(default_factory=set)
    struck: Counter[str] = field(default_factory=Counter)
    disagreeing_since: datetime | None = None
    ordinary: Policy = ORDINARY
    monitor: Watch = field(init=False)

    @classmethod
    def begun(cls, variant: int, seed: int = 0, *, users: int = len(NAMES)) -> Self:
        """A few users whose keys are due, and two replicas."""
        terms = tuple(VARIANTS.values())[variant % len(VARIANTS)]
        world = cast("Self", cls.made(None, terms))
        world.ordinary = terms
        world.effects.commits = True
        world.effects.plan = {}
        world.aws.new_key_delay = timedelta(seconds=1)
        world.aws.lateness = Lateness(Random(seed), new_keys=timedelta(seconds=2))
        world._watch()
        # In every other world the credential report may be read, and users are left out by it.
        world.aws.report = CredentialReport(world.aws) if seed % 2 else None
        for number, name in enumerate(NAMES[:users]):
            world.newcomer(name, age=2 * DAY + number * HOUR)
        for number in BOTH:
            world.turn_to(number)
            world.sweeper.announce()
        return world

    def _watch(self) -> None:
        """Hold the promises, and count the faults that are met."""
        names = ("grace_period", "quiet_period", "recovery_period")
        periods: dict[str, Any] = {name: getattr(self.ordinary, name) - CLOCKS for name in names}
        by_any_clock = replace(self.ordinary, **periods)
        self.monitor = Watch(
            self.aws,
            self.backend,
            lambda: self.store,
            lambda: by_any_clock,
            self.configuration.timing,
            terms=lambda _: by_any_clock,
            clocks=CLOCKS,
            world=self,
        )
        self.effects.after = self.monitor
        self.boot()
        following = self.effects.next

        def counted(name: str) -> Fault | None:
            fault = following(name)
            if fault is not None:
                fault = self._met(name, fault)
            if name.partition(" ")[2] in self.down:
                return Fault.REJECTED
            return fault

        self.effects.next = counted  # type: ignore[method-assign]  # listens in

    def _met(self, name: str, fault: Fault) -> Fault | None:
        kind = name.partition(" ")[0]
        if fault is Fault.FROZEN and self.replicas[self.number].turn is None:
            return None
        self.struck[f"{fault}: {kind}"] += 1
        if fault is Fault.FROZEN and name.startswith("put w/"):
            # Written late, over what another wrote: nobody can tell what such a place holds.
            self.touched |= set(self.aws.users)
        return fault

    @property
    def has_overslept(self) -> bool:
        """Whether who acts stood still in the middle of what it does."""
        return self.replicas[self.number].overslept

    # Trouble

    def set_ahead(self, replica: int, ahead: timedelta) -> None:
        """One replica's clock is ahead of true time."""
        self.replicas[replica].ahead = ahead
        self.replicas[replica].life.clock_ahead = ahead

    def address(self, which: int) -> str | None:
        """One of the places that there are."""
        addresses = sorted(self.backend.entries)
        return addresses[which % len(addresses)] if addresses else None

    def owner_of(self, address: str) -> User | None:
        """Whose place it is."""
        for user in self.aws.users.values():
            if address in {self.address_of(spec, user) for spec in self.ordinary.sinks}:
                return user
        return None

    def newcomer(self, name: str, *, age: timedelta = timedelta(0)) -> User:
        """Another user of a name that is free, with a key that its readable places are given."""
        user = self.aws.add_user(name)
        self.aws.users[user.user_id] = user = replace(user, tags={"home": name})
        credential = self.aws.add_key(user, age=age)
        for spec in self.ordinary.sinks:
            if spec.readable:
                self.backend.write(self.address_of(spec, user), credential)
        return user

    def amended(self, **fields: Any) -> None:  # noqa: ANN401 - the fields of a policy
        """Both replicas load the ordinary policy, changed so."""
        self.load(policies=(replace(self.ordinary, **fields),))

    def give_up(self, user: User) -> None:
        """A person answers for all keys that a user has now."""
        self.monitor.given_up |= {key.key_id for key in self.aws.keys_of(user.user_id)}

    # Rest

    def calm(self) -> None:
        """Nothing disturbs any more: what is planned, late, away or wrong ends."""
        self.effects.plan = {}
        self.spans.clear()
        self.aws.list_lag, self.aws.use_lag = timedelta(0), timedelta(minutes=20)
        self.aws.lateness.throttled = 0.0
        self.store_away = False
        self.agree()
        for number in BOTH:
            self.set_ahead(number, timedelta(0))
        self.load(policies=(self.ordinary,), freezes=())

    def agree(self) -> None:
        """Both replicas have the same files again."""
        for replica in self.replicas.values():
            replica.own = None
        self.disagreeing_since = None

    def comes_to_rest(self, within: timedelta = REST) -> None:
        """P5: with no help, everybody ends idle, waiting for a named moment, or stopped by name.

        Raises:
            Broken: somebody does not.
        """
        self.calm()
        self.live_for(within)
        self.monitor("the end")
        self.monitor.everybody_stands_somewhere()
        self.monitor.all_is_recorded()
        for user in self.aws.users.values():
            self.has_come_to_rest(user)

    def has_come_to_rest(self, user: User) -> None:
        """One user does.

        Raises:
            Broken: it does not.
        """
        row = self.row(user)
        if row is None:
            raise Broken(f"P5: {user.name} was never looked at")
        if row.blocked is not None:
            if not (row.blocked_reason and row.blocked_message):
                raise Broken(f"P5: {user.name} is blocked and nobody says why: {row}")
            if user.user_id not in self.touched:
                raise Broken(f"P5: {user.name} needs a person: {row.blocked_message}")
            return
        rotation = self.known(user).rotation
        if rotation is not None and row.next_at is None:
            raise Broken(f"P5: {user.name} waits for nothing: {row}")
        if rotation is not None and row.next_at and row.next_at + HOUR < self.clock():
            raise Broken(f"P5: {user.name} waits for what is past: {row}")
        if user.user_id not in self.touched and not self.is_clean(user):
            raise Broken(f"P1: {user.name} has {self.listed(user)}, {self.served()}: {row}")
        if user.user_id not in self.touched and row.overdue:
            raise Broken(f"P5: {user.name} is overdue and nothing disturbs it: {row}")

    def is_clean(self, user: User) -> bool:
        """Whether every place serves an Active key of the user."""
        active = {key for key, status in self.listed(user) if status is KeyStatus.ACTIVE}
        return {
            self.backend.served(self.address_of(s, user)) for s in self.ordinary.sinks
        } <= active

    def forget_touches(self) -> None:
        """Whoever is in order again is not excused any more.

        A hold that nobody has met with yet is none the less somebody's word.
        """
        holds = self.store.holds()
        for user in self.aws.users.values():
            row = self.row(user)
            if row is None or row.blocked or row.reason not in IDLE:
                continue
            if holds.on(user.ref, account=row.account, policy=row.policy) is not None:
                continue
            if self._is_written_by_others(user):
                continue
            has_one_key = len(self.listed(user)) == 1
            if self.known(user).rotation is None and self.is_clean(user) and has_one_key:
                self.touched.discard(user.user_id)

    def _is_written_by_others(self, user: User) -> bool:
        """Whether a place that cannot be read back was last written by somebody else.

        Nobody meets with that before the next key is due, and then it is for a person.
        """
        addresses = [self.address_of(s, user) for s in self.ordinary.sinks if not s.readable]
        entries = [self.backend.entries[a] for a in addresses if a in self.backend.entries]
        return any(not entry.ours for entry in entries)

    def address_of(self, spec: SinkSpec, user: User) -> str:
        """Where a sink writes for a user; of one without the tag that it asks for, nowhere."""
        if "home" not in user.tags and "tag" in str(cast("FakeOptions", spec.options).name):
            return ""
        return cast("FakeOptions", spec.options).name.resolve(user)

    # Figures

    def lives(self) -> Counter[str]:
        """How the rotations that are closed on record ended."""
        closed: Counter[str] = Counter()
        for standing in self.store.users():
            for rotation in self.store.rotations(standing.user.ref, most=10_000):
                if rotation.closed_at is not None:
                    closed[f"{rotation.kind}: {rotation.outcome}"] += 1
        return closed
