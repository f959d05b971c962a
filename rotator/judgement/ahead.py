"""Looking ahead: what will be done to whom and when, if nothing else changes.

The same judgement as everywhere, asked at the moments at which a daemon would ask it: for a user
with a rotation open when its next moment comes, for all others in the sweeps of their policy. In
between nothing happens, so time goes from one such moment to the next. All users are played
together, the oldest keys first, because they share the limits of their policy.

Nobody acts: what waits for a person waits to the end, and what could not be read stays unread.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from rotator.judgement import doors
from rotator.judgement.foreseen import after
from rotator.judgement.habits import at_moment, in_use_at_first, in_use_later
from rotator.judgement.judge import judge
from rotator.judgement.outlook import Calendar, Foreseen, Greatest
from rotator.judgement.selection import is_enforced, select
from rotator.judgement.turns import (
    has_moments,
    is_swept,
    last_sweep,
    next_sweep,
    next_turn,
    waits_for_people,
)
from rotator.judgement.wording import moment
from rotator.model import (
    Deactivate,
    Delete,
    Deliver,
    Delivered,
    DoorName,
    Issue,
    Leave,
    PlaceReached,
    Reason,
    Record,
    Selected,
    Shut,
    Stop,
    Title,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rotator.judgement.foreseen import Effect
    from rotator.judgement.outlook import Scene
    from rotator.model import Action, Case, Configuration, Hold, Policy, Selection

__all__ = ["look_ahead"]

_STEPS_MAX = 40
"""Actions in one visit: as many as a real one may have."""

_REPEATS_MAX = 5
"""So many waits in a row for one reason that time does not remove: it is left at that."""

_DAY = timedelta(hours=24)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_BLINK = timedelta(microseconds=1)
_IDLE = frozenset({Reason.NOT_DUE, Reason.NO_KEY})
_UNCOUNTED = frozenset({Title.ORPHAN, Title.UNDELIVERED})

Spent = dict[tuple[str, str], dict[DoorName, list[datetime]]]
Door = tuple[str, str, DoorName]


@dataclass(slots=True)
class _Line:
    """One user's way through time."""

    case: Case
    in_use: frozenset[str]
    known: frozenset[str]
    made: int = 0
    oldest: tuple[timedelta, str, datetime] | None = None
    told: object = None
    shut: Foreseen | None = None
    waits: list[Foreseen] = field(default_factory=list)


def look_ahead(scene: Scene, until: datetime) -> Calendar:
    """Everything that will be done until then."""
    return _Play(scene, until).calendar()


class _Play:
    """All users, the queue of their moments, and what went through the doors."""

    def __init__(self, scene: Scene, until: datetime) -> None:
        self._scene = scene
        self._until = until
        self._begins = max((case.now for case in scene.cases), default=until)
        self._accounts = [account.name for account in scene.configuration.accounts]
        self._selections = _expiries(scene.configuration.policies, self._begins)
        self._lines = [
            _Line(case, in_use_at_first(case), frozenset(key.key_id for key in case.keys))
            for case in scene.cases
        ]
        self._spent: Spent = {
            pair: {door: sorted(at) for door, at in doors.items()}
            for pair, doors in scene.spent.items()
        }
        self._serial = count()
        self._queue: list[tuple[datetime, datetime, str, int, _Line | Door]] = []
        self._limited: dict[Door, list[tuple[datetime, str, int, _Line]]] = {}
        self._rows: list[Foreseen] = []

    def calendar(self) -> Calendar:
        """Play until the end."""
        for line in self._lines:
            self._enter(line)
        while self._queue:
            at, _, _, _, whose = heappop(self._queue)
            if isinstance(whose, _Line):
                self._visit(whose, at)
            else:
                self._visit_limited(whose, at)
        for line in self._lines:
            if line.shut is not None:
                self._rows.append(line.shut)
        self._rows.sort(key=lambda row: (row.at, str(row.user)))
        greatest = tuple(self._greatest(line) for line in self._lines)
        return Calendar(self._begins, self._until, tuple(self._rows), greatest)

    # Queue

    def _enter(self, line: _Line) -> None:
        """The first look: at once where a rotation or an order is open, else in the next sweep."""
        case = line.case
        if self._selections:
            line.case = case = self._selected(case, case.now)
        if has_moments(case) or case.user_missing_since is not None:
            self._put(line, case.now)
        elif not self._await_selection(line, case.now):
            first = next_sweep(replace(case, now=case.now - _BLINK), self._scene.rhythm, case.now)
            self._put(line, first, known=case.user.ref in self._scene.recorded)

    def _await_selection(self, line: _Line, at: datetime) -> bool:
        """Whether no sweep looks at the user yet; then it is asked again when one may."""
        if is_swept(line.case):
            return False
        self._put(line, next((one for one in self._selections if one > at), None))
        return True

    def _put(self, line: _Line, at: datetime | None, *, known: bool = True) -> None:
        """Sweeps take the oldest keys first; moments that come together, by the user's id."""
        if at is None or at > self._until:
            return
        user, by_moment = line.case.user, has_moments(line.case)
        rank = _LONG_AGO if by_moment or not known else _rank(line.case)
        name = user.user_id if by_moment else user.name
        heappush(self._queue, (at, rank, name, next(self._serial), line))

    def _visit_limited(self, door: Door, at: datetime) -> None:
        """A limit lets somebody through again: the oldest of those who wait."""
        waiting = self._limited[door]
        _, _, _, line = heappop(waiting)
        if not waiting:
            del self._limited[door]
        self._visit(line, at)
        if waiting and waiting is self._limited.get(door):
            rank, name, _, nobody = waiting[0]
            again = at if nobody is not line else self._reopened(door, nobody.case)
            self._wake(door, again, rank, name)

    def _wait_at_limit(self, line: _Line, door: Door) -> None:
        waiting = self._limited.get(door)
        entry = (_rank(line.case), line.case.user.name, next(self._serial), line)
        if waiting is not None:
            heappush(waiting, entry)
            return
        self._limited[door] = [entry]
        self._wake(door, self._reopened(door, line.case), entry[0], entry[1])

    def _wake(self, door: Door, at: datetime | None, rank: datetime, name: str) -> None:
        if at is not None and at <= self._until:
            heappush(self._queue, (at, rank, name, next(self._serial), door))

    def _reopened(self, door: Door, case: Case) -> datetime | None:
        """The first sweep at which the limit lets one through."""
        policy, account_id, name = door
        most = case.terms.limits.of(name)
        spent = self._spent[policy, account_id][name]
        return next_sweep(case, self._scene.rhythm, spent[-most] + _DAY + _BLINK)

    # Visits

    def _visit(self, line: _Line, at: datetime) -> None:
        """Judge and act until the next step waits, as a visit of the daemon does."""
        if not is_swept(line.case) and not has_moments(line.case) and at > self._begins:
            line.case = self._selected(replace(line.case, now=at - _BLINK), at)
            if not self._await_selection(line, at):
                self._put(line, next_sweep(line.case, self._scene.rhythm, at))
            return
        line.case = self._arrived(line, at)
        acted: list[Effect] = []
        for _ in range(_STEPS_MAX):
            action = judge(line.case)
            if isinstance(action, Wait | Shut | Stop):
                self._rest(line, action)
                return
            self._act(line, action, acted)
            acted.append(action)
        soon = line.case.now + line.case.timing.retry_min
        self._rest(line, Wait(Reason.BACKOFF, "too many steps at once", soon))

    def _arrived(self, line: _Line, at: datetime) -> Case:
        case = line.case
        if any(case.now < expiry <= at for expiry in self._selections):
            case = self._selected(case, at)
        if case.failed_in_a_row:
            failed = case.failed_in_a_row if at < self._begins + case.timing.retry_max else 0
            case = replace(case, failed_in_a_row=failed, failed_until=at + case.timing.settle)
        return at_moment(case, at, line.in_use, self._counts(case, at))

    def _selected(self, case: Case, at: datetime) -> Case:
        configuration = self._scene.configuration
        selection = select(case.user, configuration.policies, self._accounts, at)
        policy = _policy_of(configuration, selection, case)
        enforced = policy is not None and is_enforced(policy, case.user)
        return replace(case, selection=selection, policy=policy, enforced=enforced)

    def _counts(self, case: Case, at: datetime) -> Mapping[DoorName, int]:
        spent = self._spent.get(_pair(case), {})
        since = at - _DAY
        return {door: len(times) - bisect_left(times, since) for door, times in spent.items()}

    def _act(self, line: _Line, action: Effect, before: Sequence[Effect]) -> None:
        case = line.case
        if _is_shown(action, before):
            self._rows.append(self._row(line, action))
        if isinstance(action, Issue | Deactivate | Delete):
            self._spend(case, action)
        if isinstance(action, Deactivate):
            self._grow(line, action.key_id, case.now)
        if isinstance(action, Issue):
            line.made += 1
        line.in_use = in_use_later(case, action, line.in_use)
        line.case = at_moment(
            after(case, action, f"new key {line.made}"),
            case.now,
            line.in_use,
            self._counts(case, case.now),
        )
        line.told, line.shut, line.waits = None, None, []

    def _spend(self, case: Case, action: Issue | Deactivate | Delete) -> None:
        title = case.rotation.right if case.rotation else None
        if title not in _UNCOUNTED:
            door = doors.door_of(action)
            self._spent.setdefault(_pair(case), {}).setdefault(door, []).append(case.now)

    def _rest(self, line: _Line, action: Wait | Shut | Stop) -> None:
        """Nothing to do now: when to look again, and whether to tell what is waited for."""
        case, rhythm = line.case, self._scene.rhythm
        if case.hold is not None and case.hold.until is None and case.rotation is not None:
            self._tell(
                line, self._row(line, action if isinstance(action, Shut) else _held(case.hold))
            )
            return
        row = self._row(line, action)
        if line.waits and line.waits[0].action.reason is not action.reason:
            line.waits = []
        line.waits.append(row)
        if isinstance(action, Shut) and action.reason is Reason.LIMIT and action.until is None:
            line.shut = line.shut or row
            self._wait_at_limit(line, (*_pair(case), doors.door_of(action.behind)))
            return
        again = next_turn(case, action, rhythm, line.in_use, self._selections)
        stuck = _is_stuck(action, len(line.waits))
        lasts = stuck or (again is None and action.reason not in _IDLE)
        if lasts or isinstance(action, Stop) or waits_for_people(action):
            self._tell(line, line.waits[0])
        elif isinstance(action, Shut):
            line.shut = line.shut or row
        else:
            line.told = None
        if stuck:
            return
        self._block(line, action, again)
        self._put(line, again)

    def _tell(self, line: _Line, row: Foreseen) -> None:
        """A row about what keeps the user waiting, once for as long as it stays so."""
        action = row.action
        behind = action.behind.name if isinstance(action, Shut) else None
        what = (type(action), action.reason, behind)
        line.shut = None
        if line.told != what:
            line.told = what
            self._rows.append(row)

    def _block(self, line: _Line, action: Action, again: datetime | None) -> None:
        """The last sweep that finds a rotation held or stopped starts its clocks anew."""
        case, hold = line.case, line.case.hold
        if case.rotation is None or not (hold or isinstance(action, Stop)):
            return
        ends = hold.until if hold else again
        last = ends and last_sweep(case, self._scene.rhythm, ends)
        rotation = replace(case.rotation, blocked_at=max(case.now, last or case.now))
        line.case = replace(case, rotation=rotation)

    # Telling

    def _row(self, line: _Line, action: Action) -> Foreseen:
        case = line.case
        told = action.behind if isinstance(action, Shut) else action
        return Foreseen(
            case.now,
            case.user,
            case.policy.name if case.policy else None,
            action,
            told.harmed if told.harmed in line.known else None,
        )

    def _grow(self, line: _Line, key_id: str, at: datetime) -> None:
        key = line.case.key(key_id)
        if key is not None and key.is_active:
            age = at - key.created_at
            if line.oldest is None or age > line.oldest[0]:
                line.oldest = (age, key_id, key.created_at)

    def _greatest(self, line: _Line) -> Greatest:
        case = line.case
        for key in case.active:
            self._grow(line, key.key_id, max(self._until, case.now))
        policy = case.policy.name if case.policy else None
        if line.oldest is None:
            return Greatest(case.user, policy)
        age, key_id, created_at = line.oldest
        most = case.policy.max_age if case.policy else None
        return Greatest(
            case.user,
            policy,
            key_id if key_id in line.known else None,
            age,
            most,
            created_at + most if most is not None and age > most else None,
        )


def _rank(case: Case) -> datetime:
    return min((key.created_at for key in case.active), default=_LONG_AGO)


def _pair(case: Case) -> tuple[str, str]:
    return (case.policy.name if case.policy else "", case.user.account_id)


def _policy_of(configuration: Configuration, selection: Selection, case: Case) -> Policy | None:
    if isinstance(selection, Selected):
        return configuration.policy(selection.policy)
    return configuration.policy(case.rotation.policy) if case.rotation else None


def _expiries(policies: Iterable[Policy], after: datetime) -> tuple[datetime, ...]:
    """When exclusions expire, and other users may be selected."""
    found = {one.expires for policy in policies for one in policy.exclude if one.expires}
    return tuple(sorted(at for at in found if at > after))


def _is_shown(action: Effect, before: Sequence[Effect]) -> bool:
    """Whether an action is a row: an issue stands for its proof and its deliveries.

    A key that begins to leave is told when it is switched off or deleted.
    """
    if isinstance(action, Leave):
        return False
    bookkeeping = isinstance(action, Deliver) or (
        isinstance(action, Record) and isinstance(action.fact, PlaceReached | Delivered)
    )
    return not (bookkeeping and any(isinstance(one, Issue | Deliver) for one in before))


def _is_stuck(action: Wait | Shut | Stop, repeats: int) -> bool:
    """Whether it waits again and again for what no passing of time brings."""
    return isinstance(action, Wait) and action.reason not in _IDLE and repeats >= _REPEATS_MAX


def _held(hold: Hold) -> Wait:
    why = f": {hold.message}" if hold.message else ""
    return Wait(
        Reason.HOLD,
        f"held by {hold.by} since {moment(hold.since)}{why}; its clocks start anew when it is"
        " released",
    )
