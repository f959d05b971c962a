"""One run of one policy over one account, and visits at the moments that rotations wait for."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from socket import gethostname
from typing import TYPE_CHECKING
from uuid import uuid4

import rotator
from rotator.errors import STORE_AWAY, LeaseLost, ReadError, RotatorError, RowDamaged, StoreError
from rotator.events import Event
from rotator.model import Stop, User
from rotator.reconcile.abreast import Room, visit_in_order
from rotator.reconcile.candidates import accounts_of, candidates, user_of
from rotator.reconcile.cases import wrong_clock
from rotator.reconcile.census import take_census
from rotator.reconcile.remarks import Remarks
from rotator.reconcile.rolls import Roll, Rolls
from rotator.reconcile.shortlist import LeftOut, Shortlist, shortlist
from rotator.reconcile.standing import note_unreachable
from rotator.reconcile.visit import VisitResult, visit
from rotator.store import Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from concurrent.futures import Future

    from rotator.aws.accounts import Entered
    from rotator.model import Account, Policy, SigningKey, UserRef
    from rotator.reconcile.equipment import Equipment

__all__ = ["SweepResult", "Sweeper", "accounts_of", "candidates", "user_of"]

THREADS = 8
"""Users of one account that are visited at the same time."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What one sweep came to; `error` says why it could not be made, or not be finished."""

    policy: str
    account: str
    visits: tuple[VisitResult, ...] = ()
    error: str | None = None
    left_out: tuple[LeftOut, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the sweep, or the visit of any user, failed."""
        return self.error is not None or any(visit.failed for visit in self.visits)

    @property
    def blocked(self) -> bool:
        """Whether somebody who was looked at is stopped."""
        return any(isinstance(visit.last, Stop) for visit in self.visits)


@dataclass(slots=True)
class Sweeper:
    """Sweeps accounts and visits users; users and accounts are isolated from each other.

    Attributes:
        away: accounts that could not be entered or read at the last try: why, and since when.
        skewed: accounts by whose answers our clock is wrong, and since when.
    """

    equipment: Equipment
    away: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    skewed: dict[str, datetime] = field(default_factory=dict)
    rolls: Rolls = field(init=False)
    _announced: tuple[tuple[SigningKey, ...], datetime] | None = None
    _ids: dict[str, str] = field(default_factory=dict)
    _remarks: Remarks = field(init=False)

    def __post_init__(self) -> None:
        self.rolls = Rolls(self.equipment)
        self._remarks = Remarks(self.equipment)

    def sweep(
        self, policy: Policy, account: Account, *, trigger: str, only: UserRef | None = None
    ) -> SweepResult:
        """Look at every user of a policy in one account, and at those whom it left open.

        Raises nothing that a person may be told in one sentence: that is the result's `error`.
        """
        entered, roll, error = self._enter(account, policy if only is None else None)
        if entered is None or roll is None:
            return SweepResult(policy.name, account.name, error=error)
        sweep_id, begun_at = uuid4().hex[:12], self.equipment.clock()
        names = {"policy": policy.name, "account": account.name, "sweep_id": sweep_id}
        try:
            self.equipment.store.sweep_begun(
                sweep_id, policy=policy.name, account_id=entered.account_id
            )
            self.equipment.emit(Event.SWEEP_STARTED, **names, trigger=trigger)
            chosen = self._choose(policy, roll, names, only)
            room = Room.of(self.equipment, policy, entered.account_id)
            visits = self._visit_all(entered, roll, chosen.look, sweep_id, room)
            self._end(sweep_id, visits, names, begun_at, left_out=len(chosen.left_out))
        except StoreError as exc:
            self.equipment.emit(Event.STORE_FAILED, error=str(exc))
            self.equipment.emit(Event.SWEEP_FAILED, **names, error=str(exc))
            return SweepResult(policy.name, account.name, error=str(exc))
        return SweepResult(policy.name, account.name, tuple(visits), left_out=chosen.left_out)

    def visit_now(self, refs: Iterable[tuple[UserRef, str, str]]) -> list[VisitResult]:
        """Visit these users, whatever the schedule: their moment has come, or an order.

        Raises:
            StoreError: the store cannot be used.
        """
        by_account: dict[str, list[tuple[UserRef, str]]] = {}
        for ref, account_name, name in refs:
            account = self._account_of(ref, account_name)
            if account is not None:
                by_account.setdefault(account.name, []).append((ref, name))
        with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="account") as pool:
            running = [
                pool.submit(self._visit_some, account_name, wanted)
                for account_name, wanted in by_account.items()
            ]
            return [result for future in running for result in future.result()]

    def stranded(self) -> list[tuple[UserRef, str, str]]:
        """Whose visit was broken off while their secret was here, as `visit_now` takes them.

        Raises:
            StoreError: the store cannot be used.
        """
        return self._called(self.equipment.hands.stranded())

    def _called(self, refs: Iterable[UserRef]) -> list[tuple[UserRef, str, str]]:
        """The names of users and of their accounts, as far as they are on record."""
        found: list[tuple[UserRef, str, str]] = []
        for ref in refs:
            # Whose row makes no sense is told of by each sweep, and must not keep the others.
            with suppress(RowDamaged):
                row = self.equipment.store.know(ref).user
                found += [(ref, row.account, row.name)] if row is not None else []
        return found

    def _account_of(self, ref: UserRef, name: str) -> Account | None:
        """The configured account of a user: by the name it had, else by the id that it is.

        None where it is not configured any more, or away.
        """
        configuration = self.equipment.configuration()
        account = configuration.account(name)
        if account is not None:
            return account
        for other in configuration.accounts:
            if other.name not in self._ids:
                self._enter(other)
        named = (a for a in configuration.accounts if self._ids.get(a.name) == ref.account_id)
        return next(named, None)

    def _visit_some(
        self, account_name: str, wanted: Sequence[tuple[UserRef, str]]
    ) -> list[VisitResult]:
        """Visit some users of one account; where that is away, it is said of each of them."""
        account = self.equipment.configuration().account(account_name)
        if account is None:
            return []
        entered, roll, error = self._enter(account)
        if entered is None or roll is None:
            for ref, _ in wanted:
                note_unreachable(self.equipment, ref, error or "its account cannot be entered")
            return []
        users = [user_of(roll, ref, name) for ref, name in wanted]
        return self._visit_all(entered, roll, users, None, Room({}))

    def announce(self) -> None:
        """Say in the store that this process lives, with which configuration and keys.

        Raises:
            StoreError: the store cannot be used.
        """
        keys = self.equipment.accounts.signing()
        self.equipment.store.seen_replica(
            self.equipment.process,
            version=rotator.__version__,
            config_digest=self.equipment.configuration().digest,
            at=self.equipment.clock(),
            host=gethostname(),
            keys=keys,
        )
        self._announced = keys, self.equipment.clock()

    def _announce_in_time(self) -> None:
        """Announce where the keys are others, or the last time was long ago."""
        if self._announced is not None:
            keys, at = self._announced
            is_recent = (
                self.equipment.clock() < at + self.equipment.configuration().timing.lease / 4
            )
            if is_recent and keys == self.equipment.accounts.signing():
                return
        self.announce()

    def farewell(self) -> None:
        """Say in the store that this process ends.

        Raises:
            StoreError: the store cannot be used.
        """
        self.equipment.store.forget_replica(self.equipment.process)

    def deliver_held(
        self,
        deadline: float,
        *,
        waiting: Callable[[Collection[UserRef]], None] = lambda _: None,
    ) -> None:
        """Before the process ends: visit whose secret is in memory alone, until it is delivered.

        `deadline` is a moment of `time.monotonic`; what is not delivered by then is lost with
        the process, and found out at the next start. `waiting` is told again and again of whom.
        """
        while (held := self.equipment.hands.users()) and time.monotonic() < deadline:
            try:
                waiting(held)
                self.visit_now(self._called(held))
            except StoreError as exc:
                self.equipment.emit(Event.STORE_FAILED, error=str(exc))
            if self.equipment.hands.users():
                self.equipment.pause(
                    min(1.0, self.equipment.configuration().timing.retry_min.total_seconds())
                )

    def _enter(
        self, account: Account, policy: Policy | None = None
    ) -> tuple[Entered | None, Roll | None, str | None]:
        """Enter an account and list its users; what fails is told, and ends this account alone.

        For the sweep of a policy the credential report is asked for besides.
        """
        try:
            entered = self.equipment.accounts.enter(account)
            self._ids[account.name] = entered.account_id
            self._announce_in_time()
            rolls = self.rolls
            roll = rolls.surveyed(entered, policy) if policy else rolls.of(entered)
        except ReadError as exc:
            self._tell_away(account, exc)
            return None, None, str(exc)
        except StoreError as exc:
            self.equipment.emit(Event.STORE_FAILED, error=str(exc))
            return None, None, str(exc)
        self._tell_back(account)
        return entered, roll, None

    def _tell_away(self, account: Account, error: ReadError) -> None:
        """Tell why an account is away, once for each cause."""
        why, since = self.away.get(account.name, ("", self.equipment.clock()))
        self.away[account.name] = (str(error), since)
        if why != str(error):
            self.equipment.emit(
                Event.ACCOUNT_FAILED, account=account.name, error=str(error), code=error.code
            )

    def _tell_back(self, account: Account) -> None:
        away = self.away.pop(account.name, None)
        if away is not None:
            seconds = (self.equipment.clock() - away[1]).total_seconds()
            self.equipment.emit(
                Event.ACCOUNT_RECOVERED, account=account.name, since=away[1], seconds=seconds
            )

    def _tell_clock(self, entered: Entered) -> None:
        """Tell that our clock is wrong by this account's answers, and when it is right again."""
        skew, now = entered.skew(), self.equipment.clock()
        wrong = wrong_clock(skew)
        if wrong is not None and entered.name not in self.skewed:
            self.skewed[entered.name] = now
            ahead = None if skew is None else -skew.total_seconds()
            self.equipment.emit(
                Event.CLOCK_SKEWED, account=entered.name, skew_seconds=ahead, message=wrong
            )
        if wrong is None and (since := self.skewed.pop(entered.name, None)) is not None:
            self.equipment.emit(
                Event.CLOCK_RECOVERED,
                account=entered.name,
                since=since,
                seconds=(now - since).total_seconds(),
            )

    def _choose(
        self, policy: Policy, roll: Roll, names: dict[str, str], only: UserRef | None
    ) -> Shortlist:
        """At whom a sweep looks; what is learned of everybody else on the way is kept."""
        equipment, store = self.equipment, self.equipment.store
        standings = store.users(roll.account_id)
        if only is not None:
            users = candidates(equipment, policy, roll, standings)
            return Shortlist(tuple(user for user in users if user.ref == only))
        take_census(equipment, roll, standings)
        chosen = shortlist(equipment, policy, roll, standings)
        known = {standing.user.ref: standing for standing in standings}
        store.note_users(one.row for one in chosen.left_out if one.is_news(known.get(one.user.ref)))
        store.note_reported(roll.account_id, chosen.reported(roll, known))
        everybody = [*chosen.look, *(one.user for one in chosen.left_out)]
        self._remarks.tell(policy, everybody, names)
        return chosen

    def _visit_all(
        self,
        entered: Entered,
        roll: Roll,
        users: Sequence[User],
        sweep_id: str | None,
        room: Room,
    ) -> list[VisitResult]:
        """Visit users side by side; whatever happens to one of them ends only its own visit.

        Raises:
            StoreError: nothing can be saved, so nothing more is begun.
        """
        with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="visit") as pool:

            def begin(user: User) -> Future[VisitResult]:
                return pool.submit(self._visit, entered, roll, user, sweep_id)

            visits = visit_in_order(begin, users, room, THREADS)
        # After their answers: the one before may have come before the machine slept.
        self._tell_clock(entered)
        return visits

    def _visit(
        self,
        entered: Entered,
        roll: Roll,
        user: User,
        sweep_id: str | None,
    ) -> VisitResult:
        about = {
            "account": user.account,
            "user": user.name,
            "user_id": user.user_id,
            "sweep_id": sweep_id,
        }
        if self.equipment.stopping.is_set() and user.ref not in self.equipment.hands.users():
            return VisitResult(user, None, left_to_another=True)
        try:
            return visit(self.equipment, entered, roll, user, sweep_id=sweep_id)
        except STORE_AWAY:
            raise
        except LeaseLost as exc:
            self.equipment.emit(Event.USER_FAILED, **about, error=str(exc))
            return VisitResult(user, None, left_to_another=True)
        except RotatorError as exc:
            self.equipment.emit(Event.USER_FAILED, **about, error=str(exc))
        except Exception as exc:  # noqa: BLE001 - a bug met with one user must not stop the others
            self.equipment.emit(Event.USER_FAILED, **about, error=type(exc).__name__, exc_info=exc)
        return VisitResult(user, None, failed=True)

    def _end(
        self,
        sweep_id: str,
        visits: Sequence[VisitResult],
        names: dict[str, str],
        begun_at: datetime,
        *,
        left_out: int,
    ) -> None:
        counts = Counts(
            selected=len(visits) + left_out,
            observed=sum(1 for one in visits if not one.left_to_another),
            acted=sum(1 for one in visits if one.acted),
            waiting=left_out
            + sum(1 for one in visits if not one.acted and not isinstance(one.last, Stop)),
            blocked=sum(1 for one in visits if isinstance(one.last, Stop)),
            failed=sum(1 for one in visits if one.failed),
        )
        self.equipment.store.sweep_ended(sweep_id, ok=True, counts=counts)
        self.equipment.emit(
            Event.SWEEP_COMPLETED,
            **names,
            users=counts.selected,
            acted=counts.acted,
            waiting=counts.waiting,
            stopped=counts.blocked,
            failed=counts.failed,
            seconds=(self.equipment.clock() - begun_at).total_seconds(),
        )
