"""Kills the real daemon at every effect of its work, and at random, again and again.

    python -m tests.life.kills --kills 200 [--seed N] [--abreast 2]

A house is one folder with one store, in which users come and go: before each kill one more user is
due. The daemon is started, struck, and started again; nobody helps. At the end of each house the
daemon runs undisturbed until every user has one new key, and all that was promised is checked.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rotator.demo.aws import LocalAws
from tests.life import tearing
from tests.life.house import AWS_OPTIONS, Consumers, House, eventually
from tests.life.promises import exposed, is_done, known_secrets, leftovers, unrecorded
from tests.life.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["AT_RANDOM", "EFFECTS", "House", "Spot", "Tally", "live", "plan", "table"]

KILLS_A_HOUSE = 20
REACHED_SECONDS = 40
REST_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a process is killed: at a moment of an effect; see `aim`."""

    effect: str
    moment: str

    def __str__(self) -> str:
        return f"{self.effect} | {self.moment}"

    @property
    def column(self) -> str:
        """Before the effect, in the middle of it, or after it."""
        return self.moment if self.moment in {"before", "after"} else "middle"


AT_RANDOM = Spot("at random", "middle")

_OF_COMMITS = ("before", *tearing.MOMENTS, "after")
_OF_REQUESTS = ("before", "torn", "answered", "after")
_OF_PUTS = ("before", "torn", "written", "synced", "to be renamed", "renamed", "after")

EFFECTS = {
    "commit to replica_keys, replicas": _OF_COMMITS,
    "commit to sweeps": _OF_COMMITS,
    "commit to leases": _OF_COMMITS,
    "commit to keys, leases, users": _OF_COMMITS,
    "commit issue intent": _OF_COMMITS,
    "request iam:CreateAccessKey": _OF_REQUESTS,
    "commit issue done": _OF_COMMITS,
    "commit prove intent": _OF_COMMITS,
    "request sts:GetCallerIdentity (proof)": _OF_REQUESTS,
    "commit to leases, rotations": _OF_COMMITS,
    "commit prove done": _OF_COMMITS,
    "commit deliver intent": _OF_COMMITS,
    "put": _OF_PUTS,
    "commit deliver done": _OF_COMMITS,
    "commit to leases, places, users": _OF_COMMITS,
    "commit to keys, leases": _OF_COMMITS,
    "commit deactivate intent": _OF_COMMITS,
    "request iam:UpdateAccessKey": _OF_REQUESTS,
    "commit deactivate done": _OF_COMMITS,
    "commit to leases, users": _OF_COMMITS,
    "commit delete intent": _OF_COMMITS,
    "request iam:DeleteAccessKey": _OF_REQUESTS,
    "commit close done": _OF_COMMITS,
}
"""The effects of a rotation that nothing befalls, in their order, and the moments of each."""


@dataclass(slots=True)
class Tally:
    """What became of the kills and lives of one house, or of many."""

    kills: Counter[Spot] = field(default_factory=Counter)
    users: int = 0
    calls: int = 0
    searched: int = 0
    effects: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take in what another house came to."""
        self.kills += other.kills
        self.users += other.users
        self.calls += other.calls
        self.searched += other.searched
        self.effects |= other.effects
        self.broken += other.broken


@dataclass(slots=True)
class Life:
    """One house with its users, as the kills befall it."""

    house: House
    relay: Relay
    chance: random.Random
    tally: Tally = field(default_factory=Tally)
    first: dict[str, str] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)

    def add_user(self) -> None:
        """One more user whose key is due."""
        user = f"job-{len(self.first)}"
        self.house.plant(user)
        self.first[user] = self.house.aws.truth()[user]["keys"][0]["access_key_id"]
        self.waiting.append(user)
        self.tally.users += 1

    def kill_at(self, spot: Spot) -> None:
        """Start the daemon, and let it die there."""
        self.add_user()
        if spot is AT_RANDOM:
            self._kill_at_random()
        else:
            self._kill_at_spot(spot)
        self.tally.kills[spot] += 1
        self._search(f"killed at {spot}")

    def _kill_at_random(self) -> None:
        seen = len(self.house.events("decision.made"))
        self.house.start(aim="")
        assert eventually(partial(_has_judged, self.house, seen), REACHED_SECONDS)
        time.sleep(self.chance.uniform(0.0, 2.5))
        self.house.kill()

    def _kill_at_spot(self, spot: Spot) -> None:
        daemon = self.house.start(aim=f"kill | {spot}")
        end = time.monotonic() + REACHED_SECONDS
        while daemon.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        last = self.house.trace.read_text().splitlines()[-1]
        if daemon.poll() != -9 or f"struck {spot}" not in self.house.trace.read_text():
            self.tally.broken.append(f"{spot} was not reached: {daemon.poll()}, {last}")
        self.house.kill()

    def _search(self, when: str) -> None:
        """Every byte that is left at this moment, while the next life has not begun."""
        self.secrets |= self.relay.secrets() | known_secrets(self.house)
        found = exposed(self.house, self.secrets)
        open_to_others = {n: m for n, m in leftovers(self.house).items() if m & 0o077}
        self.tally.searched += 1
        if found or open_to_others:
            self.tally.broken.append(f"{when}: secrets in {found}, open {open_to_others}")

    def end(self, consumers: Consumers) -> None:
        """The daemon runs as it is until all is done, and everything is looked at."""
        self.house.start()
        rested = eventually(self._all_are_done, REST_SECONDS)
        status = self.house.stop()
        checked = self.house.rotator("state", "check")
        broken = [
            *([] if rested else [f"not done: {self._not_done()}"]),
            *([] if status == 0 else [f"the daemon ended with {status}"]),
            *([] if checked.returncode == 0 else [checked.stdout + checked.stderr]),
            *(f"left over: {name}" for name in leftovers(self.house)),
            *(f"refused: {failure}" for failure in consumers.failures),
            *unrecorded(self.house, self.house.aws.calls()),
        ]
        self.tally.calls += consumers.calls
        self.tally.broken += broken
        self.tally.effects |= set(self.house.trace.read_text().splitlines())
        self._search("at the end")

    def _all_are_done(self) -> bool:
        truth = self.house.aws.truth()
        self.waiting[:] = [
            u for u in self.waiting if not is_done(self.house, truth, u, self.first[u])
        ]
        return not self.waiting

    def _not_done(self) -> str:
        truth = self.house.aws.truth()
        status = self.house.rotator("status", "--json").stdout
        return json.dumps({user: truth[user] for user in self.waiting}) + status


def live(folder: Path, aws: LocalAws, spots: Iterable[Spot], chance: random.Random) -> Tally:
    """One house from its first kill to its end; what it came to."""
    aws.reset()
    with Relay(aws.port) as relay, House(folder, aws, endpoint=relay.endpoint) as house:
        life = Life(house, relay, chance)
        with Consumers(house, life.waiting) as consumers:
            for spot in spots:
                life.kill_at(spot)
                life._all_are_done()
            life.end(consumers)
    return life.tally


def _has_judged(house: House, seen: int) -> bool:
    """Whether the daemon has looked at anybody since so many decisions were seen."""
    return len(house.events("decision.made")) > seen


def plan(kills: int, chance: random.Random) -> list[Spot]:
    """So many spots in a random order: each once before any twice, and a quarter at random."""
    every = [
        Spot(effect, moment)
        for effect, moments in EFFECTS.items()
        for moment in moments
        if moment not in tearing.MOMENTS or tearing.can_tear()
    ]
    aimed = kills - kills // 4
    spots: list[Spot] = []
    while len(spots) < aimed:
        spots += chance.sample(every, len(every))
    spots = [*spots[:aimed], *[AT_RANDOM] * (kills - aimed)]
    chance.shuffle(spots)
    return spots


def table(kills: Counter[Spot]) -> str:
    """The kills by effect, and where in it."""
    columns = ("before", "middle", "after")
    cells: Counter[tuple[str, str]] = Counter()
    for spot, count in kills.items():
        cells[spot.effect, spot.column] += count
    effects = [*EFFECTS, *sorted({effect for effect, _ in cells} - set(EFFECTS))]
    lines = [f"{'effect':42}{'before':>8}{'middle':>8}{'after':>8}"]
    lines += [
        f"{effect:42}" + "".join(f"{cells[effect, column] or '-':>8}" for column in columns)
        for effect in effects
    ]
    sums = [sum(cells[effect, column] for effect in effects) for column in columns]
    return "\n".join([*lines, f"{kills.total():<42}" + "".join(f"{n:>8}" for n in sums)])


def _houses(spots: Sequence[Spot]) -> Iterator[Sequence[Spot]]:
    for start in range(0, len(spots), KILLS_A_HOUSE):
        yield spots[start : start + KILLS_A_HOUSE]


def _work(houses: Iterator[tuple[int, Sequence[Spot]]], seed: int) -> Tally:
    """Live in one house after the other, over one AWS."""
    tally = Tally()
    with LocalAws(options=AWS_OPTIONS) as aws:
        for number, spots in houses:
            folder = Path(tempfile.mkdtemp(prefix=f"kills-{number}-"))
            one = live(folder, aws, spots, random.Random(f"{seed}/{number}"))
            tally.add(one)
            _tell(f"house {number}: {len(spots)} kills, {one.users} users")
            if one.broken:
                _tell("\n    ".join([f"  broken, see {folder}:", *one.broken]))
            else:
                shutil.rmtree(folder)
    return tally


def main(argv: Sequence[str] | None = None) -> int:
    """Kill so often, print what was killed where, and what broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.life.kills", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--abreast", type=int, default=2, help="houses at the same time")
    given = parser.parse_args(argv)
    begun = time.monotonic()
    spots = plan(given.kills, random.Random(given.seed))
    _tell(f"{given.kills} kills, SEED={given.seed}")
    # A generator may not be asked by two threads at once; an iterator over a list may.
    houses = iter(list(enumerate(_houses(spots))))
    tally = Tally()
    with ThreadPoolExecutor(given.abreast) as pool:
        for done in [pool.submit(_work, houses, given.seed) for _ in range(given.abreast)]:
            tally.add(done.result())
    minutes = (time.monotonic() - begun) / 60
    _tell(table(tally.kills))
    _tell(
        f"{tally.users} users, each with one new key at the end; {tally.calls} calls of their "
        f"programs; {tally.searched} searches for secrets; {minutes:.1f} min; SEED={given.seed}"
    )
    for sentence in tally.broken:
        _tell(f"BROKEN {sentence}")
    return 1 if tally.broken else 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
