"""One user, looked after under its lease: observe, judge, act once, record, and again.

What to do next is always derived anew from what is seen and on record; nothing is queued. The
visit ends when the judgement waits, stops, or an effect failed.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.events import Event
from rotator.judgement.beginning import is_curious
from rotator.judgement.delivering import is_owed
from rotator.judgement.judge import judge
from rotator.judgement.leaving import used_at
from rotator.judgement.wording import used
from rotator.model import (
    Deactivate,
    Delete,
    Deliver,
    Issue,
    Reactivate,
    Reason,
    Record,
    Shut,
    Stop,
    UsedAt,
    Wait,
)
from rotator.reconcile.cases import assemble, policy_of, recalled, selection_of
from rotator.reconcile.effects import Progress, act, catch_up
from rotator.reconcile.journey import Visit
from rotator.reconcile.looks import look
from rotator.reconcile.places import OpenPlaces
from rotator.reconcile.standing import keep_standing
from rotator.store import UserRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotator.aws.accounts import Entered
    from rotator.model import Action, Case, User
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.looks import Look
    from rotator.reconcile.rolls import Roll
    from rotator.store import Known, Lease

__all__ = ["VisitResult", "begun", "observe_user", "recall", "visit"]

STEPS_MAX = 40
"""Actions in one visit; a rotation of a dozen places needs fewer, and nothing runs for ever."""


@dataclass(frozen=True, slots=True)
class VisitResult:
    """How a visit ended: the last judgement, and what was done before it."""

    user: User
    last: Action | None
    acted: tuple[Action, ...] = ()
    failed: bool = False
    left_to_another: bool = False


def visit(
    equipment: Equipment, entered: Entered, roll: Roll, user: User, *, sweep_id: str | None = None
) -> VisitResult:
    """Look after one user until the next step waits.

    Raises:
        StoreError: something could not be saved; the user stays where the record says.
        LeaseLost: another holder took over; nothing more is done here.
    """
    timing = equipment.configuration().timing
    lease = equipment.store.acquire(user.ref, holder=equipment.holder, length=timing.lease)
    if lease is None:
        return VisitResult(user, None, left_to_another=True)
    came_to_its_end = False
    try:
        with begun(equipment, entered, roll, user, lease, sweep_id=sweep_id) as journey:
            if equipment.hands.unrecorded(user.ref) is not None:
                catch_up(journey)
                recall(journey)
            result = _go(journey)
        came_to_its_end = True
    finally:
        equipment.hands.visited(user.ref, broken_off=not came_to_its_end)
        equipment.store.release(lease)
    return result


@contextmanager
def begun(
    equipment: Equipment,
    entered: Entered,
    roll: Roll,
    user: User,
    lease: Lease,
    *,
    sweep_id: str | None = None,
) -> Iterator[Visit]:
    """A visit under a lease: the user was looked at, and what was seen is on record.

    Raises:
        StoreError, LeaseLost: as `visit` does.
    """
    known = recalled(equipment, user.ref)
    keep = _keeping(equipment, lease)
    with OpenPlaces(equipment, entered, None, user) as places:
        seen, case = observe_user(equipment, entered, roll, user, known, places, keep)
        journey = Visit(
            equipment,
            entered,
            roll,
            lease,
            user,
            places,
            keep,
            known,
            seen,
            case,
            sweep_id,
        )
        _remember(journey)
        yield journey


def _keeping(equipment: Equipment, lease: Lease) -> Callable[[], None]:
    """What keeps the lease while one looks on, where that takes long."""
    timeout = equipment.configuration().timing.request_timeout
    kept_at = equipment.clock()

    def keep() -> None:
        nonlocal kept_at
        if equipment.clock() < kept_at + timeout / 2:
            return
        with equipment.store.change(lease, extend=4 * timeout, mends=True):
            kept_at = equipment.clock()

    return keep


def observe_user(  # noqa: PLR0913, PLR0917 - the sources of a case
    equipment: Equipment,
    entered: Entered,
    roll: Roll,
    user: User,
    known: Known,
    places: OpenPlaces,
    keep: Callable[[], None] = lambda: None,
) -> tuple[Look, Case]:
    """What is seen of a user now, and the case that it makes; changes nothing.

    Which policy selects the user, and how its places are called, is told by the name, path and
    tags that IAM shows now; the account's listing, which may be minutes old, tells the groups.
    The places are only read where it matters what they serve: with a rotation open, or one due.
    `keep` is called again and again meanwhile.
    """
    seen = look(equipment, entered, roll, user, known, keep)
    selection = selection_of(equipment, seen.user, equipment.clock())
    places.follow(policy_of(equipment.configuration(), selection, known), seen.user)
    if known.rotation is None:
        case = assemble(equipment, places, known, seen, selection)
        if not is_curious(case):
            return seen, case
    seen = places.read(seen, check=known.rotation is None, keep=keep)
    return seen, assemble(equipment, places, known, seen, selection)


def _go(journey: Visit) -> VisitResult:
    """Judge and act, each action once, until there is nothing to do now.

    After a failure the judgement is asked again like after a success: it is the judgement that
    knows when the step is tried again. The very step that has just failed is left to a later visit
    all the same. No key is issued or harmed but on a look that is fresh.
    """
    acted: list[Action] = []
    fresh, failed = True, False
    in_vain: Action | None = None
    while True:
        action = judge(journey.case)
        _tell_decision(journey, action)
        if _is_over(journey, action) or action == in_vain or len(acted) == STEPS_MAX:
            break
        if isinstance(action, Issue | Deactivate | Delete) and not fresh:
            _look_again(journey)
            fresh = True
            continue
        progress = act(journey, action)
        acted.append(action)
        in_vain = action if progress is Progress.FAILED else None
        failed = failed or in_vain is not None
        fresh = progress is not Progress.GO_ON
        _look_again(journey) if fresh else recall(journey)
    if not is_owed(journey.case):
        # Another replica may have brought it everywhere, or nothing is open any more.
        journey.equipment.hands.let_go(journey.user.ref)
    keep_standing(journey, action)
    return VisitResult(journey.user, action, tuple(acted), failed=failed)


def _is_over(journey: Visit, action: Action) -> bool:
    """Whether there is nothing to do now.

    Where the process is asked to stop, only what mends and what was seen is still done.
    """
    if isinstance(action, Wait | Stop | Shut):
        return True
    mends = isinstance(action, Deliver | Reactivate | Record)
    return journey.equipment.stopping.is_set() and not mends


def _remember(journey: Visit) -> None:
    """Write down what the listing showed, where it differs from what is on record.

    Of keys nothing, where our clock is wrong: since when one is missing is a moment of it.
    """
    is_wrong = any(doubt.reason is Reason.CLOCK for doubt in journey.case.doubts)
    _tell_late_use(journey)
    with journey.change(extend=journey.case.timing.lease, mends=True) as change:
        if journey.known.user is None:
            change.note_user(UserRow(journey.user.ref, journey.user.account, journey.user.name))
        if is_wrong:
            return
        change.sight(journey.seen.keys)
        settle = journey.case.timing.settle
        for key in journey.seen.keys:
            since, at = key.missing_since, journey.seen.listed_at
            if since is not None and at is not None and since + settle <= at:
                change.gone(key.key_id, at)


def _tell_late_use(journey: Visit) -> None:
    """Say that a key that is switched off was used since: somebody has it still."""
    rotation = journey.known.rotation
    leaver = journey.case.key(rotation.leaving) if rotation else None
    if leaver is None or leaver.is_active or not isinstance(leaver.last_use, UsedAt):
        return
    use = leaver.last_use
    known = next((key for key in journey.known.keys if key.key_id == leaver.key_id), None)
    is_new = known is None or used_at(known) < use.at
    if is_new and use.at > leaver.status_since:
        journey.tell(
            Event.KEY_USED,
            access_key_id=leaver.key_id,
            title=rotation.right if rotation else None,
            message=f"{leaver.key_id} is {leaver.status}, and was {used(use, journey.seen.at)}",
            last_used_at=use.at,
            service=use.service,
            region=use.region,
        )


def _look_again(journey: Visit) -> None:
    """Observe anew: before a key is harmed, and after IAM was changed."""
    journey.known = recalled(journey.equipment, journey.user.ref)
    journey.seen, journey.case = observe_user(
        journey.equipment,
        journey.entered,
        journey.roll,
        journey.user,
        journey.known,
        journey.places,
        journey.keep,
    )
    _remember(journey)


def recall(journey: Visit) -> None:
    """The same look, with what has been recorded since."""
    journey.known = recalled(journey.equipment, journey.user.ref)
    journey.case = assemble(
        journey.equipment, journey.places, journey.known, journey.seen, journey.case.selection
    )


def _tell_decision(journey: Visit, action: Action) -> None:
    journey.tell(
        Event.DECISION_MADE,
        action=action.behind.name if isinstance(action, Shut) else action.name,
        gate=action.reason if isinstance(action, Shut) else None,
        reason=action.reason,
        message=action.message,
        access_key_id=action.harmed,
    )
