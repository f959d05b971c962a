"""A world that a daemon looks after, and how it is brought to each phase of a rotation.

    world = phases["recovery"](Lived.begun(tmp_path, ordinary()))
    world.live_for(2 * DAY)
    world.stands()          # "completes"

Everybody is looked at as the daemon does it: at the moments that rotations wait for, by the sweep
of each policy, and after each change of the configuration.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, cast

from rotator.errors import Rejected
from rotator.model import (
    KeyStatus,
    Policy,
    Reason,
    Scope,
    Selector,
    Stranger,
    User,
)
from rotator.reconcile import Sweeper, accounts_of
from tests.reconcile.test_scenarios import strike
from tests.simulation.aws import ACCOUNT_ID, FakeAccounts
from tests.simulation.faults import Fault
from tests.simulation.monitor import Broken
from tests.simulation.world import DAY, HOUR, MINUTE, SWEEP, World, policy, sink_spec
from tests.sinks.fakes import ReadableFake, WriteOnlyFake

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from rotator.model import Credential, Rotation, Served
    from rotator.sinks import Sink, SinkContext

__all__ = ["BOTH", "PHASES", "AtOnce", "Lived", "ordinary"]

BOTH = (sink_spec("memory", "m/{tag[home]}"), sink_spec("writeonly", "w/{tag[home]}"))
QUARANTINE = frozenset({"AWSCompromisedKeyQuarantineV3"})


def ordinary(**fields: Any) -> Policy:  # noqa: ANN401 - the fields of a policy
    """Whose tag says so, in a readable and a write-only place that follow another tag."""
    retired = frozenset({"unused"})
    return policy(
        **{"retire": retired, "include": (Selector(tags={"team": "ci"}),), "sinks": BOTH, **fields}
    )


class AtOnce:
    """A pool that does everything where it is asked, so that a life is the same each time."""

    def __init__(self, max_workers: int = 0, thread_name_prefix: str = "") -> None:
        """As the real one; neither matters here."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing runs any more."""

    def submit(self, act: Callable[..., object], *args: object) -> Future[object]:
        """Do it, and keep what came of it."""
        done: Future[object] = Future()
        try:
            done.set_result(act(*args))
        except Exception as exc:  # noqa: BLE001 - as a future keeps it
            done.set_exception(exc)
        return done


@dataclass
class Lived(World):
    """A world with one user, bob, whom a daemon has rotated once already.

    Attributes:
        down: addresses that reject every put.
        written_as: the format in which each address was written last.
        heard: the promises of deletion that were made, by rotation.
    """

    down: set[str] = field(default_factory=set)
    written_as: dict[str, object] = field(default_factory=dict)
    heard: dict[str, datetime] = field(default_factory=dict)
    swept: dict[tuple[str, str], datetime] = field(default_factory=dict)
    changed_at: datetime | None = None
    done: int = 0
    ended: int = 0

    @classmethod
    def begun(
        cls,
        folder: Path,
        *policies: Policy,
        names: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Self:
        """Users with places of their own, each rotated once and due again."""
        world = cast("Self", cls.made(folder, *policies))
        world.monitor.policy = lambda: next(iter(world.configuration.policies), ordinary())
        names = names or {"bob": {}}
        for name, tags in names.items():
            made = world.aws.add_user(name)
            world.amend(name, path="/ci/")
            world.tag(name, **{"team": "ci", "home": name, **tags})
            credential = world.aws.add_key(made, age=20 * DAY)
            world.serve(world.user(name), credential)
        world.live_for(2 * DAY)
        assert all(world.row_of(name).phase.value == "idle" for name in names), world.told
        assert all(len(world.aws.keys_of(world.user(n).user_id)) == 1 for n in names)
        return world

    # Who

    def user(self, name: str = "bob") -> User:
        """The user of this UserId as AWS has it, or as it was."""
        return self.aws.users[f"AIDA{name.upper()}"]

    @property
    def bob(self) -> User:
        """The user that this is about; known by UserId alone."""
        return self.aws.users.get("AIDABOB") or User("prod", ACCOUNT_ID, "AIDABOB", "bob")

    def row_of(self, name: str = "bob") -> Any:  # noqa: ANN401 - a row that is there
        """Where a user stands."""
        row = self.row(self.user(name) if name != "bob" else self.bob)
        assert row is not None
        return row

    @property
    def open(self) -> Rotation | None:
        """Bob's open rotation."""
        return self.known(self.bob).rotation

    def tag(self, name: str, **tags: str) -> None:
        """A person changes a user's tags; an empty value takes one away."""
        found = self.user(name)
        kept = {**found.tags, **tags}
        self.amend(name, tags={key: value for key, value in kept.items() if value})

    def amend(self, name: str, **fields: Any) -> None:  # noqa: ANN401 - the fields of a user
        """A person changes a user in IAM."""
        found = self.user(name)
        self.aws.users[found.user_id] = replace(found, **fields)

    # Time

    def live_for(self, span: timedelta, until: Callable[[], bool] = lambda: False) -> None:
        """Let the daemon look after everybody for so long, or until something is so."""
        end = self.clock() + span
        while self.clock() < end:
            self.look()
            if until():
                return
            self.go(max(min(self._next(), end) - self.clock(), timedelta(seconds=1)))

    def look(self) -> None:
        """What the daemon does at one moment."""
        self.sweeper.visit_now(self.store.moments(self.clock()))
        for terms in self.configuration.policies:
            for account in accounts_of(self.equipment, terms):
                if self._is_due(terms.name, account.name):
                    self.swept[terms.name, account.name] = self.clock()
                    self.sweeper.sweep(terms, account, trigger="schedule")
        self._hear()

    def reload(self, *policies: Policy, **fields: Any) -> None:  # noqa: ANN401 - any field
        """The files changed: another sweeper, and every open rotation is visited."""
        self.reconfigure(*policies, **fields)
        self.monitor.timing = self.configuration.timing
        self.equipment = replace(self.equipment, accounts=FakeAccounts.over(self.aws, self._names))
        self.sweeper = Sweeper(self.equipment)
        rows = self.store.users()
        self.sweeper.visit_now(
            (row.user.ref, row.user.account, row.user.name) for row in rows if row.rotation
        )
        self._hear()

    def _names(self) -> list[str]:
        return [account.name for account in self.configuration.accounts]

    def _is_due(self, name: str, account: str) -> bool:
        last = self.swept.get((name, account))
        return last is None or last + SWEEP <= self.clock()

    def _next(self) -> datetime:
        moment = self.store.next_moment() or self.clock() + SWEEP
        if moment <= self.clock():
            moment = self.clock() + 4 * MINUTE
        return min([moment, *(at + SWEEP for at in self._in_force())])

    def _in_force(self) -> list[datetime]:
        names = {terms.name for terms in self.configuration.policies}
        return [
            at
            for (name, _), at in self.swept.items()
            if name in names and at + SWEEP > self.clock()
        ]

    def _hear(self) -> None:
        """A date of deletion that people were told is never moved forward while it stands."""
        rotation = self.open
        if rotation is None:
            return
        told, before = rotation.promised_at, self.heard.get(rotation.rotation_id)
        if told is None:
            self.heard.pop(rotation.rotation_id, None)
            return
        if before is not None and told < before:
            raise Broken(f"promised for {before:%c}, and then for {told:%c}")
        self.heard[rotation.rotation_id] = told

    # What came of it

    def mark(self) -> None:
        """From here on it is asked what is done."""
        self.done, self.ended = len(self.aws.executed), len(self._ends())
        self.changed_at = self.clock()

    def since(self) -> list[str]:
        """What was done in IAM for bob since `mark`: steps, in order."""
        return [step for step, key, _ in self.aws.executed[self.done :] if self._is_bobs(key)]

    def outcomes(self) -> list[str]:
        """How bob's rotations ended since `mark`."""
        return self._ends()[self.ended :]

    def stands(self) -> str:
        """Where bob stands, as the table says it."""
        row, rotation, ends = self.row_of(), self.open, self.outcomes()
        said = [*ends]
        if row.blocked == "stop":
            said.append(f"stops {row.blocked_reason} in {row.phase}")
        elif row.blocked == "hold":
            said.append(f"held in {row.phase}")
        elif rotation is not None:
            said.append(f"waits {row.reason} in {row.phase}")
        elif not ends:
            said.append(f"idle {row.reason}")
        return ", ".join(said)

    def harmed(self) -> list[str]:
        """Which keys that somebody had were switched off or deleted by us since `mark`."""
        return [step for step in self.since() if step in {"deactivate", "delete"}]

    def is_at_rest(self, name: str = "bob") -> bool:
        """Idle, one key, Active, and every place that a policy names serves it."""
        user = self.user(name)
        keys = self.aws.keys_of(user.user_id)
        if self.known(user).rotation is not None or len(keys) != 1:
            return False
        (key,) = keys
        places = [row for row in self.known(user).places if row.sink_id is not None]
        return key.status is KeyStatus.ACTIVE and all(
            self.backend.served(row.place.address) == key.key_id for row in places
        )

    def is_clean(self) -> bool:
        """Nobody was failed by a mistake of ours."""
        return not any(
            event.value == "sweep.failed" or (event.value == "user.failed" and "step" not in fields)
            for event, fields in self.told
        )

    def _ends(self) -> list[str]:
        rows = [row for row in self.history(self.bob) if row.step.value == "close"]
        return [row.detail for row in rows if " " not in row.detail]

    def _is_bobs(self, key_id: str) -> bool:
        return self.aws.keys[key_id].user_id == "AIDABOB"

    # Places

    def _sink(self, context: SinkContext) -> Sink:
        kind = _Readable if context.spec.type == "memory" else _WriteOnly
        made = kind.over(self.backend)(context)
        made.world = self
        return made


class _OfWorld:
    """What the places of this world have besides: they may be down, and know their format."""

    world: Lived
    _address: str
    _context: SinkContext

    def put(self, credential: Credential, *, replacing: Served, deadline: datetime) -> None:
        if self._address in self.world.down:
            raise Rejected(f"{self._address} is down")
        super().put(credential, replacing=replacing, deadline=deadline)  # type: ignore[misc]  # a mix-in
        self.world.written_as[self._address] = self._context.spec.format


class _Readable(_OfWorld, ReadableFake):
    def _served(self) -> Served:
        form = self._context.spec.format
        if self.world.written_as.get(self._address, form) != form:
            return Stranger("it is of another format")
        return super()._served()


class _WriteOnly(_OfWorld, WriteOnlyFake):
    pass


# The phases


def _idle(world: Lived) -> None:
    """Not due: the key is nine hours old."""


def _due(world: Lived) -> None:
    """Due, and not looked at yet."""
    (key,) = world.aws.keys_of("AIDABOB")
    world.go(key.created_at + 10 * DAY - world.clock() + MINUTE)


def _issuing(world: Lived) -> None:
    """The answer of CreateAccessKey was lost; the key was made."""
    _due(world)
    strike(world, "CreateAccessKey", Fault.LOST_AFTER)
    world.look()
    assert world.open is not None
    assert world.open.successor is None


def _delivering(world: Lived) -> None:
    """One of two places has the successor, and its secret is in memory."""
    _due(world)
    world.down.add("w/bob")
    world.look()
    assert world.row_of().phase.value == "delivering"
    assert world.equipment.hands.users()


def _restarted(world: Lived) -> None:
    """One of two places has the successor, and whoever had the secret in memory is dead."""
    _delivering(world)
    world.boot()


def _grace(world: Lived) -> None:
    """Delivered a moment ago."""
    _due(world)
    world.live_for(DAY, lambda: world.row_of().phase.value == "grace")


def _recovery(world: Lived) -> None:
    """The predecessor was switched off a moment ago."""
    _due(world)
    world.live_for(DAY, lambda: world.row_of().phase.value == "recovery")


def _held(world: Lived) -> None:
    """In grace, and somebody said stop."""
    _grace(world)
    world.store.give_hold(Scope.USER, subject=world.bob.ref, reason="incident", actor="eve")
    world.go(HOUR)
    world.live_for(SWEEP + MINUTE)


def _stopped(world: Lived) -> None:
    """In grace, and AWS says that a key leaked."""
    _grace(world)
    world.amend("bob", attached_policies=QUARANTINE)
    world.live_for(SWEEP + MINUTE)
    assert world.row_of().blocked_reason is Reason.QUARANTINED


PHASES: dict[str, Callable[[Lived], None]] = {
    "idle": _idle,
    "due": _due,
    "issuing": _issuing,
    "delivering": _delivering,
    "delivering after a restart": _restarted,
    "grace": _grace,
    "recovery": _recovery,
    "held in grace": _held,
    "stopped in grace": _stopped,
}
"""The columns of the table: each brings a world that begun to its phase."""
