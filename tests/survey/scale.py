"""How far one daemon goes: calls, time, memory and rows, measured and reckoned.

    python -m tests.survey.scale --users 5000 --write docs/scale.md

One account is lived through for a day, with the real store in a file and the simulated AWS; one
rotation of one user is lived through from its beginning to its end. The rest is arithmetic with
these figures, and says so.
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rotator.aws.iam import PAGE_MAX
from rotator.judgement.survey import BATCHES, PART, REPORT_AGE_MAX
from rotator.model import Every
from rotator.reconcile.abreast import Room
from tests.simulation.daemons import SimulatedDaemon
from tests.simulation.report import CredentialReport
from tests.simulation.world import DAY, HOUR, World, policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rotator.model import Policy

__all__ = ["main"]

SWEEP = 6 * HOUR
ROTATE_AFTER = 60 * DAY
MEBIBYTE = 1024 * 1024
YEAR = 365
LIVES = 101


@dataclass(frozen=True, slots=True)
class Day:
    """An idle day of one account whose users were all listed before.

    Attributes:
        listings: how often its users were listed, each time a page for a thousand of them.
        reports: how often a report was asked for, each time two calls or three.
        lookups: calls about single users.
        sweep: CPU seconds of one sweep.
        resident: memory after each quarter of the day, in MiB.
        stored: bytes of the store.
    """

    users: int
    listings: int
    reports: int
    lookups: int
    sweep: float
    resident: tuple[float, ...]
    stored: int


@dataclass(frozen=True, slots=True)
class Life:
    """One rotation from its beginning to its close, with one readable place: calls and rows."""

    calls: Mapping[str, int]
    rows: int
    stored: float


def terms() -> Policy:
    """A policy with ordinary periods."""
    return policy(rotate_after=ROTATE_AFTER, max_age=90 * DAY, schedule=Every(SWEEP))


def idle_day(users: int) -> Day:
    """A day in which nobody is due."""
    with tempfile.TemporaryDirectory(prefix="rotator-scale-") as folder:
        world = World.made(Path(folder), terms())
        world.aws.report = CredentialReport(world.aws)
        for number in range(users):
            user = world.aws.add_user(f"user{number:05}")
            world.aws.add_key(user, age=number % 30 * DAY)
        _list_everybody(world)
        daemon = SimulatedDaemon(world)
        daemon.live(world.clock() + 1 * HOUR)
        world.aws.calls.clear()
        began, sweeps, resident = time.process_time(), daemon.sweeps, []
        for _ in range(4):
            daemon.live(world.clock() + DAY / 4)
            resident.append(_resident())
        calls = Counter(world.aws.calls)
        spent = (time.process_time() - began) / max(1, daemon.sweeps - sweeps)
        return Day(
            users,
            calls["GetAccountAuthorizationDetails"],
            calls["GetCredentialReport"],
            calls["ListAccessKeys"],
            spent,
            tuple(resident),
            _size(folder),
        )


def _list_everybody(world: World) -> None:
    """As if a tenth of `rotate_after` had passed: every user was listed once."""
    entered = world.equipment.accounts.enter(world.configuration.accounts[0])
    roll = world.sweeper.rolls.of(entered)
    world.sweeper._visit_all(entered, roll, list(roll.users.values()), None, Room({}))


def one_life() -> Life:
    """One user, due, to the close of its rotation."""
    with tempfile.TemporaryDirectory(prefix="rotator-scale-") as folder:
        world = World.made(Path(folder), terms())
        users = [world.add_user(f"user{number}", age=61 * DAY) for number in range(LIVES)]
        world.live(users[0])
        world.aws.calls.clear()
        before = _size(folder)
        for user in users[1:]:
            world.live(user)
        rows = len(world.history(users[0]))
        calls = Counter(world.aws.calls)
        told = {name: round(many / (LIVES - 1)) for name, many in sorted(calls.items())}
        return Life(told, rows, (_size(folder) - before) / (LIVES - 1))


def _size(folder: str) -> int:
    """Bytes of the store, all that was committed being in its file."""
    path = Path(folder) / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    return path.stat().st_size


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MEBIBYTE


def page(day: Day, life: Life, accounts: int) -> str:
    """The page, with what was measured and what is reckoned from it."""
    sums = _Sums(day, life, accounts)
    return "\n".join(
        [
            "# How far one daemon goes\n",
            "<!-- Written by `make scale`. Do not edit: run it. -->\n",
            _measured(sums),
            _table(sums),
            _told(sums),
            "## Where the limits are, and what to do there\n",
            _limits(sums),
        ]
    )


@dataclass(frozen=True, slots=True)
class _Sums:
    day: Day
    life: Life
    accounts: int

    @property
    def pages(self) -> int:
        """Calls that list the users of one account once."""
        return -(-self.day.users // PAGE_MAX)

    @property
    def idle(self) -> int:
        """Calls of an idle day of one account."""
        return self.day.listings * (1 + self.pages) + 3 * self.day.reports

    @property
    def rotations(self) -> float:
        """Rotations of one account in a year."""
        return self.day.users * YEAR / ROTATE_AFTER.days

    @property
    def calls(self) -> int:
        """Calls of one rotation, but for those that list the account."""
        listing = self.life.calls.get("GetAccountAuthorizationDetails", 0)
        return sum(self.life.calls.values()) - listing

    @property
    def rows(self) -> float:
        """Rows of the journal of one account in a year."""
        return self.rotations * self.life.rows

    @property
    def stored(self) -> float:
        """The store of one account after a year, in MiB."""
        return (self.day.stored + self.rotations * self.life.stored) / MEBIBYTE


def _measured(sums: _Sums) -> str:
    return f"""\
Measured: one account of {sums.day.users:,} users, swept every six hours, lived through for an idle
day with the real store in an SQLite file and a simulated AWS; and {LIVES} rotations from their
beginning to their close. Reckoned from that: {sums.accounts} such accounts,
{sums.accounts * sums.day.users:,} users, each rotated every {ROTATE_AFTER.days} days.
"""


def _table(sums: _Sums) -> str:
    many = sums.accounts
    rows = [
        ("calls of an idle day", f"{sums.idle:,}", f"{many * sums.idle:,}"),
        ("calls of a rotation, all looks included", f"{sums.calls}", "the same"),
        (
            "calls of the rotations of a day",
            f"{sums.rotations / YEAR * sums.calls:,.0f}",
            f"{many * sums.rotations / YEAR * sums.calls:,.0f}",
        ),
        (
            "CPU of an idle sweep, that of the simulated AWS included",
            f"{sums.day.sweep:.1f} s",
            f"{many * sums.day.sweep:,.0f} s every six hours",
        ),
        (
            "memory of the daemon, that of the simulated AWS included",
            f"{max(sums.day.resident):.0f} MiB",
            "grows with the accounts that are swept at the same time, ten at most",
        ),
        ("rows of the journal a year", f"{sums.rows:,.0f}", f"{many * sums.rows:,.0f}"),
        (
            "store after a year",
            f"{sums.stored:,.0f} MiB",
            f"{many * sums.stored / 1024:,.0f} GiB",
        ),
    ]
    head = f"| | one account | {many} accounts, reckoned |\n|---|---|---|\n"
    return head + "".join(f"| {what} | {one} | {all_} |\n" for what, one, all_ in rows)


def _told(sums: _Sums) -> str:
    day, first = sums.day, sums.day.users * 3
    spread = ROTATE_AFTER.days / PART
    quarters = ", ".join(f"{one:.0f}" for one in day.resident)
    return f"""\
In the idle day the users were listed {day.listings} times ({sums.pages} calls each, and one to
ask who we are), the report was read {day.reports} times, and {day.lookups} calls were about single
users. Memory at the four quarters of the day: {quarters} MiB.

**The first days.** Each user's keys are listed once: {first:,} calls, in {BATCHES} batches over
{spread:.0f} days, {first / spread:,.0f} a day. Until then `status` says what the report says.

**A report** is made at most every {REPORT_AGE_MAX.total_seconds() / 3600:.0f} hours, however often
one sweeps: sweeping every hour costs the listing of the users, and nothing more.
"""


def _limits(sums: _Sums) -> str:
    many, flood = sums.accounts, sums.day.users * sums.calls
    a_day = many * sums.rows / YEAR
    return f"""\
- **IAM's rate**, some ten to twenty calls a second for an account and shared with everybody:
  {sums.day.users:,} users that all become due on one day take {flood:,} calls, which is
  {flood / 20 / 3600:.1f} hours at 20 a second. `limits.issue` keeps that from happening at
  once. More replicas do not help: the rate is the account's. Accounts do not share one.
- **SQLite** has one writer, on one machine. {many} accounts write {a_day:,.0f} rows of the journal
  a day, {a_day / 86400:.1f} a second, which it bears; its file grows by what the table says. From
  some ten accounts of this size on, use PostgreSQL, and back it up as one does.
- **One process** sweeps ten accounts at the same time, eight users of each. {many} accounts take
  {many * sums.day.sweep / 60:.0f} minutes of CPU for each round of sweeps. Several replicas over
  one PostgreSQL ([replicas](replicas.md)) share the users, though each surveys every account.
- **The gauges** are counted by the database: they cost no row for each user.
"""


def main(arguments: Sequence[str]) -> int:
    """Measure, reckon, print, and write."""
    parser = argparse.ArgumentParser(prog="python -m tests.survey.scale", description=__doc__)
    parser.add_argument("--users", type=int, default=5000)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args(arguments)
    text = page(idle_day(asked.users), one_life(), asked.accounts)
    sys.stdout.write(text)
    if asked.write:
        asked.write.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
