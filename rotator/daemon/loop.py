"""The long-lived process: APScheduler as a metronome, signals, reload, and a quiet end.

The metronome only says when to look. What is to be done is derived from the store and from AWS
at each look, so a tick that is missed or made twice changes nothing.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from apscheduler.events import EVENT_JOB_ERROR
from apscheduler.schedulers.background import BackgroundScheduler

import rotator
from rotator.daemon.schedules import first_run, trigger_of
from rotator.daemon.tries import Tries
from rotator.errors import ConfigError, StoreError, StoreUnavailable
from rotator.events import Event
from rotator.reconcile import Sweeper, accounts_of, last_sweeps

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import FrameType

    from apscheduler.events import JobExecutionEvent

    from rotator.daemon.reloading import Watch
    from rotator.events import Emit
    from rotator.model import Configuration, Policy
    from rotator.reconcile import Equipment
    from rotator.store import Store

__all__ = ["Daemon"]

LOOK = timedelta(seconds=2)
"""How often files, orders and the moments of open rotations are looked at, at most."""

ALIVE_FOR = timedelta(minutes=1)
"""How long ago the loop may have turned."""

SWEEPS_MAX = 10
"""Sweeps that run at the same time."""


NO_STORE = "the store cannot be used"
"""What probes are told; the whole sentence, with its path, is in the log."""


@dataclass(slots=True)
class Daemon:
    """Runs until a signal; built by the command line.

    Attributes:
        open_store: opens the store, again and again where it is only away.
        equip: builds the equipment for a configuration, over one store and one set of hands.
        process: the random id of this start.
    """

    watch: Watch
    open_store: Callable[[], Store]
    equip: Callable[[Configuration, Store], Equipment]
    clock: Callable[[], datetime]
    emit: Emit
    process: str
    stopping: threading.Event = field(default_factory=threading.Event)
    _sweeper: Sweeper | None = None
    _scheduler: BackgroundScheduler = field(
        default_factory=lambda: BackgroundScheduler(
            timezone=UTC,
            executors={"default": {"type": "threadpool", "max_workers": SWEEPS_MAX}},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
    )
    _turned_at: float = field(default_factory=time.monotonic)
    _asked: threading.Event = field(default_factory=threading.Event)
    _tries: Tries = field(default_factory=Tries)
    _outage: tuple[str, datetime] | None = None
    _signal: str = ""

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; the exit status.

        Raises:
            StoreMissing, StoreDamaged, StoreTooNew: a person must do something first.
        """
        begun_at = time.monotonic()
        self._listen_to_signals()
        self._tell_started()
        store = self._await_store()
        if store is not None:
            self._start(store)
            self._turn_until_stopped()
            self._end(store)
        self.emit(
            Event.DAEMON_STOPPED,
            signal=self._signal,
            seconds=round(time.monotonic() - begun_at, 3),
            pid=os.getpid(),
            replica=self.process,
        )
        if _is_visiting():
            # A request that hangs must not keep the process for longer than was promised. Its
            # intent is on record, and its outcome is found out at the next start.
            os._exit(0)
        return 0

    def is_alive(self) -> bool:
        """Whether the loop has turned within a minute; AWS or the store being away is no matter."""
        return time.monotonic() - self._turned_at < ALIVE_FOR.total_seconds()

    def problems(self) -> list[str]:
        """Why nothing can be begun now, as sentences; empty where all is well."""
        found: list[str] = []
        if self.watch.rejected is not None:
            found.append("the configuration's files are wrong; the one before stays in force")
        if self._sweeper is None:
            found.append("the store is not open")
        elif self._outage is not None:
            found.append(NO_STORE)
        else:
            found += _went_back(self._sweeper.equipment.store)
        return found

    @property
    def store(self) -> Store | None:
        """The store, once it is open."""
        return self._sweeper.equipment.store if self._sweeper else None

    # Starting

    def _listen_to_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hangup)

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        self._signal = signal.Signals(number).name
        self.stopping.set()

    def _on_hangup(self, _number: int, _frame: FrameType | None) -> None:
        self._asked.set()

    def _tell_started(self) -> None:
        configuration = self.watch.current
        self.emit(
            Event.DAEMON_STARTED,
            version=rotator.__version__,
            pid=os.getpid(),
            replica=self.process,
        )
        self._tell_loaded(configuration)

    def _tell_loaded(self, configuration: Configuration) -> None:
        self.emit(
            Event.CONFIG_LOADED,
            source=configuration.source,
            config_digest=configuration.digest,
            policies=len(configuration.policies),
            accounts=len(configuration.accounts) + len(configuration.organizations),
            warnings=[str(warning) for warning in configuration.warnings],
        )

    def _await_store(self) -> Store | None:
        """The store as soon as it answers; None where the process is asked to stop before."""
        while not self.stopping.is_set():
            self._turned_at = time.monotonic()
            try:
                return self.open_store()
            except StoreUnavailable as exc:
                self._store_failed(exc)
            self.stopping.wait(LOOK.total_seconds())
        return None

    def _start(self, store: Store) -> None:
        self._sweeper = Sweeper(self.equip(self.watch.current, store))
        self._heartbeat()
        self._scheduler.add_listener(self._on_error, EVENT_JOB_ERROR)
        look = min(LOOK, self.watch.current.timing.settle / 5).total_seconds()
        self._scheduler.add_job(
            self._visit_moments,
            "interval",
            seconds=look,
            id="moments",
            next_run_time=self.clock(),
        )
        self._scheduler.add_job(self._visit_open, id="open", next_run_time=self.clock())
        self._schedule_policies()
        self._scheduler.start()

    def _schedule_policies(self) -> None:
        for job in self._scheduler.get_jobs():
            if job.id.startswith("policy:"):
                job.remove()
        for policy in self.watch.current.policies:
            start_at = first_run(
                policy.schedule, last_at=self._last_swept(policy), now=self.clock()
            )
            self._scheduler.add_job(
                self._sweep,
                trigger_of(policy.schedule, start_at=start_at),
                args=[policy.name],
                id=f"policy:{policy.name}",
                next_run_time=start_at,
            )

    def _last_swept(self, policy: Policy) -> datetime | None:
        """When the account of a policy that has waited longest was swept; None: one never was."""
        assert self._sweeper is not None
        try:
            return last_sweeps(self._sweeper.equipment, [policy])[policy.name]
        except StoreError as exc:
            self._store_failed(exc)
            return None

    # Turning

    def _turn_until_stopped(self) -> None:
        announced_at = time.monotonic()
        while not self.stopping.wait(LOOK.total_seconds()):
            self._turned_at = time.monotonic()
            rhythm = self.watch.current.timing.lease.total_seconds() / 4
            if self._outage is not None or self._turned_at - announced_at >= rhythm:
                announced_at = self._turned_at
                self._heartbeat()
            self._reload()

    def _heartbeat(self) -> None:
        """Say that this replica lives, with which configuration and key."""
        assert self._sweeper is not None
        try:
            self._sweeper.announce()
        except StoreError as exc:
            self._store_failed(exc)
            return
        if self._outage is not None:
            _, since = self._outage
            self._outage = None
            seconds = (self.clock() - since).total_seconds()
            self.emit(Event.STORE_RECOVERED, since=since, seconds=seconds)

    def _store_failed(self, exc: StoreError) -> None:
        """Tell why the store cannot be used, once for each cause, and when it is tried again."""
        now = self.clock()
        why, since = self._outage or ("", now)
        self._outage = (str(exc), since)
        if why != str(exc):
            self.emit(Event.STORE_FAILED, error=str(exc), next_at=now + LOOK)

    def _reload(self) -> None:
        """Take a changed configuration whole, or keep the one in force."""
        ask = self._asked.is_set()
        self._asked.clear()
        try:
            renewed = self.watch.renewed(ask=ask)
        except ConfigError as exc:
            self.emit(
                Event.CONFIG_REJECTED,
                source=self.watch.current.source,
                problems=[str(problem) for problem in exc.problems],
            )
            return
        if renewed is None:
            return
        assert self._sweeper is not None
        self._sweeper = Sweeper(
            self.equip(renewed, self._sweeper.equipment.store), away=self._sweeper.away
        )
        self._schedule_policies()
        self._tell_loaded(renewed)
        self._scheduler.add_job(self._visit_open, id="open", replace_existing=True)

    def _on_error(self, event: JobExecutionEvent) -> None:
        """A job ended by an error that nobody knows: it is told, and the job runs again in time."""
        self.emit(
            Event.DAEMON_FAILED,
            error=type(event.exception).__name__,
            exc_info=event.exception,
        )

    # Working

    def _sweep(self, name: str) -> None:
        """Sweep one policy over its accounts, side by side."""
        assert self._sweeper is not None
        sweeper = self._sweeper
        if self.stopping.is_set():
            return
        sweeper.equipment.discover()
        policy = sweeper.equipment.configuration().policy(name)
        if policy is None:
            return
        accounts = accounts_of(sweeper.equipment, policy)
        with ThreadPoolExecutor(max_workers=SWEEPS_MAX, thread_name_prefix="sweep") as pool:
            running = [
                pool.submit(sweeper.sweep, policy, account, trigger="schedule")
                for account in accounts
            ]
            for future in running:
                future.result()

    def _visit_moments(self) -> None:
        """Visit the users whose next moment has come, those on whom an order is open, and those
        whose secret is here since their last visit was broken off.
        """
        assert self._sweeper is not None
        if self.stopping.is_set():
            return
        try:
            store, now = self._sweeper.equipment.store, self.clock()
            ordered = {row.ref: row.order.order_id for row in store.open_orders()}
            # Before all others: nobody else can save what is in our memory alone.
            come = [*self._sweeper.stranded(), *store.moments(now)]
            come = list({who[0]: who for who in come}.values())
            due = self._tries.due(
                (ref for ref, _, _ in come), ordered, now, self.watch.current.timing
            )
            results = self._sweeper.visit_now(who for who in come if who[0] in due)
            self._tries.ended(due, results, now)
        except StoreError as exc:
            self._store_failed(exc)

    def _visit_open(self) -> None:
        """Visit every open rotation once: its next moment may be another after a reload."""
        assert self._sweeper is not None
        try:
            self._sweeper.visit_now(self._sweeper.equipment.store.open_rotations())
        except StoreError as exc:
            self._store_failed(exc)

    # Ending

    def _end(self, store: Store) -> None:
        """Begin nothing; let what is issued reach its places; give the leases back."""
        assert self._sweeper is not None
        deadline = time.monotonic() + self.watch.current.timing.shutdown_timeout.total_seconds()
        self._sweeper.equipment.stopping.set()
        self._scheduler.shutdown(wait=False)
        while _is_visiting() and time.monotonic() < deadline:
            time.sleep(0.05)
        self._sweeper.deliver_held(deadline)
        try:
            self._sweeper.farewell()
        except StoreError as exc:
            self._store_failed(exc)
        store.close()


def _is_visiting() -> bool:
    """Whether a visit is still going on; its threads live only as long as it does."""
    return any(thread.name.startswith("visit") for thread in threading.enumerate())


def _went_back(store: Store) -> list[str]:
    """What a person has to answer for, if anything; a store that fails just now is one too."""
    try:
        went_back = store.went_back()
    except StoreError:
        return [NO_STORE]
    return [went_back] if went_back else []
