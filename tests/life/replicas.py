"""Several real daemons that share one PostgreSQL, one local AWS and the same users.

with Fleet.over(server, house, users=64) as fleet:
    fleet.start("one", "two")
    assert eventually(lambda: not fleet.unfinished(), 60)
    print(fleet.table())
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from rotator.model import Step
from rotator.store import create, open_store
from tests.sinks.fakes import FakeClock

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from rotator.store import ReplicaRow, UserRow
    from tests.databases.postgres import Server
    from tests.life.house import House

__all__ = ["STEPS", "Fleet", "Pace", "Replica"]

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
STEPS = ("key.issued", "rotation.delivered", "key.deactivated", "key.deleted")

POLICIES = """\
version: 1
state: {state}
http: null
timing:
  {{settle: {settle}s, last_used_lag: 500ms, request_timeout: {timeout}s, shutdown_timeout: 5s}}
accounts: {{prod: {{}}}}
policies:
  - name: ci
    mode: enforce
    schedule: {{every: {schedule}s}}
    rotate_after: 50d
    grace_period: 2s
    quiet_period: 1s
    recovery_period: 1s
    require_first_use: false
    limits: {{issue: 500, deactivate: 500, delete: 500, failures: 500}}
    users: {{include: [{{path: /ci/}}]}}
    sinks:
      - {{type: file, path: "{folder}/secrets/{{user}}.json"}}
"""


@dataclass(frozen=True)
class Pace:
    """How fast everything goes, in seconds; the local AWS must keep up with all replicas.

    Attributes:
        timeout: `request_timeout`; an intent extends a lease to four of them.
        schedule: between two sweeps.
    """

    timeout: float = 3
    schedule: float = 6

    @property
    def freeze(self) -> float:
        """Past any lease, and shorter than `settle`: the longest that is promised to do no harm."""
        return 4 * self.timeout + 0.5

    @property
    def settle(self) -> float:
        """How long what was sent may still show up."""
        return 5 * self.timeout


PACE = Pace()


@dataclass
class Replica:
    """One of the processes, with a log of its own, and what became of it."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]
    fate: str = "lived"
    _asked: bool = False

    def events(self, *names: str) -> list[dict[str, Any]]:
        """What it logged, in order; of these names, or all."""
        lines = self.log.read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [event for event in found if not names or event.get("event") in names]

    def did(self) -> Counter[str]:
        """How often it took each step."""
        return Counter(event["event"] for event in self.events(*STEPS))

    @property
    def id(self) -> str:
        """What it calls itself in the store."""
        (started,) = self.events("daemon.started")
        return str(started["replica"])

    def kill(self) -> None:
        """SIGKILL: whatever it has in memory alone is gone."""
        self.process.kill()
        self.process.wait()
        self.fate = "SIGKILL"

    def freeze(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT when so much time has passed."""
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)
        self.fate = f"frozen for {seconds} s"

    def end(self) -> int:
        """SIGTERM, unless it is dead; its exit status."""
        self.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def terminate(self) -> None:
        """SIGTERM, once: a second one would strike an interpreter that takes itself down."""
        if self.process.poll() is None and not self._asked:
            self._asked = True
            self.process.terminate()


@dataclass
class Fleet:
    """All of them, and the users that they share; whatever runs ends with the `with`."""

    house: House
    state: str
    users: tuple[str, ...]
    replicas: list[Replica] = field(default_factory=list)
    before: dict[str, str] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    @classmethod
    def over(
        cls,
        server: Server,
        house: House,
        *,
        users: int,
        pace: Pace = PACE,
        address: str = "",
    ) -> Self:
        """A new store for as many users, each with one old key; nothing runs yet.

        `address` is how the processes are told of the database, if not as it is.
        """
        state = server.database()
        create(state, clock=FakeClock()).close()
        text = POLICIES.format(
            state=address or state,
            folder=house.folder,
            settle=pace.settle,
            timeout=pace.timeout,
            schedule=pace.schedule,
        )
        house.config.write_text(text)
        fleet = cls(house, state, tuple(f"job-{number:03}" for number in range(users)))
        house.plant(*fleet.users)
        fleet.before = {
            user: keys[0]["access_key_id"] for user, keys in fleet.keys().items() if keys
        }
        return fleet

    def __enter__(self) -> Self:
        self.begun = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def start(self, *names: str, **variables: str) -> list[Replica]:
        """Start as many processes over the configuration of the house, at once."""
        started = []
        for name in names:
            path = self.house.folder / f"{name}.log"
            with path.open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "rotator", "daemon", "--log-format", "json"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self.house.environ() | variables,
                )
            started.append(Replica(name, path, process))
        self.replicas += started
        return started

    def end(self) -> list[int]:
        """End them all; their exit statuses."""
        for replica in self.replicas:
            replica.terminate()
        return [replica.end() for replica in self.replicas]

    def kill(self, replica: Replica) -> set[str]:
        """Kill one; for whom it had asked for a key that is not everywhere yet, as is on record."""
        replica.kill()
        with open_store(self.state, clock=FakeClock()) as store:
            open_ones = [row for row in store.users() if row.rotation is not None]
        in_hand = {
            row.user.name
            for row in open_ones
            if row.rotation and not row.rotation.delivered_at and row.rotation.issuer == replica.id
        }
        replica.fate = f"SIGKILL, {len(in_hand)} in hand"
        return in_hand

    def did(self, *names: str) -> list[dict[str, Any]]:
        """What any of them logged."""
        return [event for replica in self.replicas for event in replica.events(*names)]

    def alive(self) -> list[ReplicaRow]:
        """The processes that are on record."""
        with open_store(self.state, clock=FakeClock()) as store:
            return store.replicas(LONG_AGO)

    def standing(self) -> dict[str, UserRow]:
        """Where each user stands, as it is on record."""
        with open_store(self.state, clock=FakeClock()) as store:
            return {row.user.name: row.user for row in store.users()}

    def keys(self) -> dict[str, list[dict[str, Any]]]:
        """The keys of each user, as they truly are."""
        truth = self.house.aws.truth()
        return {user: found["keys"] for user, found in truth.items() if user in self.users}

    def unfinished(self) -> dict[str, list[dict[str, Any]]]:
        """Whoever has not one key alone, another than the first, Active, and in their place."""
        return {
            user: keys
            for user, keys in self.keys().items()
            if [(key["access_key_id"], key["status"]) for key in keys]
            != [((self.house.held(user) or {}).get("AccessKeyId"), "Active")]
            or keys[0]["access_key_id"] == self.before[user]
        }

    def created(self) -> Counter[str]:
        """How many keys AWS made for each user."""
        return Counter(call["user"] for call in self.house.aws.calls(action="CreateAccessKey"))

    def closed(self) -> dict[str, Counter[str]]:
        """How the rotations of each user ended, as it is on record."""
        found: dict[str, Counter[str]] = {}
        with open_store(self.state, clock=FakeClock()) as store:
            assert store.check() == []
            for row in store.history(action=Step.CLOSE):
                found.setdefault(row.user, Counter())[row.detail] += 1
        return found

    def table(self) -> str:
        """Who did what, who died, how the work was spread, and how long it took."""
        seconds = time.monotonic() - self.begun
        rows = [f"{'replica':8}" + "".join(f"{step:>20}" for step in STEPS) + "  fate"]
        rows += [
            f"{one.name:8}" + "".join(f"{one.did()[step]:>20}" for step in STEPS) + f"  {one.fate}"
            for one in self.replicas
        ]
        issued = sorted(one.did()["key.issued"] for one in self.replicas)
        twice = sum(1 for count in self.created().values() if count > 1)
        rows.append(
            f"{len(self.users)} users in {seconds:.0f} s; issued per replica: {issued[0]} to"
            f" {issued[-1]}; {twice} users got a second new key"
        )
        return "\n".join(rows)
