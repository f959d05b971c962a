"""What a sweep would do now: the same looks and the same judgement, and nothing is changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from rotator.errors import RowDamaged
from rotator.judgement.judge import judge
from rotator.reconcile.candidates import candidates, user_of
from rotator.reconcile.cases import assemble, policy_of, recalled, selection_of
from rotator.reconcile.looks import look
from rotator.reconcile.places import OpenPlaces
from rotator.reconcile.rolls import Roll, Rolls
from rotator.reconcile.shortlist import LeftOut, sorted_out
from rotator.reconcile.visit import observe_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from rotator.aws.accounts import Entered
    from rotator.model import Account, Action, Case, Policy, Selection, User, UserRef
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.looks import Look

__all__ = ["Examined", "Planner"]

THREADS = 8
"""Users who are looked at at the same time."""


@dataclass(frozen=True, slots=True)
class Examined:
    """One user as seen now, and the first action of a sweep."""

    user: User
    case: Case
    action: Action


class Planner:
    """Looks at users as a sweep does, without a lease and without writing anything.

    Attributes:
        unread: users whose record makes no sense, and the sentence that says so.
    """

    def __init__(
        self,
        equipment: Equipment,
        *,
        on_look: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - nobody waits
    ) -> None:
        """`on_look` is told of each user looked at: how many, of how many that are known so far."""
        self.equipment = equipment
        self._on_look = on_look
        self._rolls = Rolls(equipment, records=False)
        self.unread: dict[UserRef, str] = {}

    def accounts(self) -> tuple[Account, ...]:
        """All configured accounts."""
        return self.equipment.configuration().accounts

    def enter(self, account: Account, policy: Policy | None = None) -> tuple[Entered, Roll]:
        """Enter an account and list its users; for a policy's sweep, with the credential report.

        Raises:
            ReadError: the account cannot be entered, or the listing broke off.
        """
        entered = self.equipment.accounts.enter(account)
        return entered, self._roll(entered, policy)

    def _roll(self, entered: Entered, policy: Policy | None) -> Roll:
        return self._rolls.surveyed(entered, policy) if policy else self._rolls.of(entered)

    def plan(
        self, policy: Policy, account: Account, *, only: UserRef | None = None
    ) -> list[Examined]:
        """What a sweep of this policy over this account would do now, user by user.

        Raises:
            ReadError: the account cannot be entered, or the listing broke off.
        """
        entered = self.equipment.accounts.enter(account)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="record") as aside:
            # What is on record is read while AWS is waited for.
            record = aside.submit(self.equipment.store.users, entered.account_id)
            roll = self._roll(entered, policy if only is None else None)
            standings = record.result()
        if only is not None:
            users = candidates(self.equipment, policy, roll, standings)
            return self._examine_all(entered, roll, (user for user in users if user.ref == only))
        left_out: list[Examined] = []

        def to_look_at() -> Iterator[User]:
            """Who is left out is found while others are asked about already."""
            for one in sorted_out(self.equipment, policy, roll, standings):
                if isinstance(one, LeftOut):
                    left_out.append(Examined(one.user, one.case, one.action))
                else:
                    yield one

        found = self._examine_all(entered, roll, to_look_at())
        return [*found, *left_out]

    def _examine_all(self, entered: Entered, roll: Roll, users: Iterator[User]) -> list[Examined]:
        """Look at users side by side, and give them back in their order."""
        done, known = count(1), 0

        def counted() -> Iterator[User]:
            nonlocal known
            for user in users:
                known += 1
                yield user

        with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="look") as pool:

            def look_at(user: User) -> Examined | None:
                try:
                    return self.examine(entered, roll, user)
                except RowDamaged as exc:
                    self.unread[user.ref] = f"{user}: {exc}"
                    return None
                finally:
                    self._on_look(next(done), known)

            return [one for one in pool.map(look_at, counted()) if one is not None]

    def examine(self, entered: Entered, roll: Roll, user: User) -> Examined:
        """Look at one user now, and judge."""
        equipment = self.equipment
        known = recalled(equipment, user.ref)
        with OpenPlaces(equipment, entered, None, user) as places:
            _, case = observe_user(equipment, entered, roll, user, known, places)
        return Examined(case.user, case, judge(case))

    def selection(self, user: User, at: datetime) -> Selection:
        """Which policy selects a user, as far as the account's listing tells."""
        return selection_of(self.equipment, user, at)

    def survey(
        self,
        entered: Entered,
        roll: Roll,
        user: User,
        at: datetime,
        seen: Look | None = None,
    ) -> tuple[Look, Case]:
        """Look at one user with all of its places, whether they matter now or not.

        The places are those of the policy that selects the user at `at`, which may be to come;
        `seen` is a look at the user's keys that was had already.
        """
        equipment = self.equipment
        known = recalled(equipment, user.ref)
        if seen is None:
            seen = look(equipment, entered, roll, user, known)
        selection = selection_of(equipment, seen.user, at)
        policy = policy_of(equipment.configuration(), selection, known)
        with OpenPlaces(equipment, entered, policy, seen.user) as places:
            read = places.read(seen, check=known.rotation is None, keep=lambda: None)
            return seen, assemble(equipment, places, known, read, selection)

    def user(self, roll: Roll, ref: UserRef, name: str) -> User:
        """A user under its present name."""
        return user_of(roll, ref, name)
