"""No rotation is open: is one due, is there room for it, and may its places be written?"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from rotator.judgement import doors
from rotator.judgement.calendar import opens_at
from rotator.judgement.leaving import quiet_at
from rotator.judgement.presence import served
from rotator.judgement.retiring import candidates, retiring
from rotator.judgement.stops import place_stop, user_stop
from rotator.judgement.wording import listing, moment, span, used
from rotator.model import (
    KEYS_MAX,
    Absent,
    Empty,
    Issue,
    Kind,
    Reason,
    Selected,
    Serves,
    Stop,
    Stranger,
    Unreadable,
    Verb,
    Wait,
    WrittenAt,
)

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import AccessKey, Action, Case, Failures, PlaceState

__all__ = [
    "begin",
    "contact",
    "contact_of",
    "due_at",
    "due_key",
    "is_curious",
    "no_slot",
    "overdue",
    "ready",
    "wants_first_key",
]


def begin(case: Case) -> Action:
    """What policy alone asks for, for a user with no rotation open."""
    if stop := user_stop(case):
        return stop
    if not isinstance(case.selection, Selected):
        return Wait(Reason.NOT_DUE, "no policy selects this user")
    due = due_key(case)
    if leave := retiring(case, due):
        return leave
    if due is None:
        if not wants_first_key(case):
            return _readers_down(case) or _not_due(case)
        return ready(case, contact_forgives=True) or doors.door(case, _first(), doors.BEGINNING)
    return (
        no_slot(case, due) or ready(case) or doors.door(case, _replace(case, due), doors.BEGINNING)
    )


def _readers_down(case: Case) -> Stop | None:
    """No key of the user is Active, and a place serves one of them: told, due or not."""
    if case.active or "only" in case.terms.retire:
        return None
    stops = [contact_of(case, place) for place in case.places if place.reading is not None]
    dead = (s for s in stops if isinstance(s, Stop) and s.reason is Reason.SINK_SERVES_DEAD)
    return next(dead, None)


def ready(
    case: Case, *, contact_forgives: bool = False, said_at: datetime | None = None
) -> Wait | Stop | None:
    """What must be so before any key is issued, whoever asks for it; None: all of it is.

    `said_at`: failures of before do not count, for who cannot wait for them.
    """
    return (
        place_stop(case)
        or _settling(case)
        or (None if _is_older(case.restart, said_at) else backing_off(case))
        or contact(case, forgive=contact_forgives)
    )


def due_key(case: Case) -> AccessKey | None:
    """The oldest Active key that is old enough to be replaced, by its own CreateDate."""
    return next((key for key in case.active if (at := due_at(case, key)) and at <= case.now), None)


def due_at(case: Case, key: AccessKey) -> datetime | None:
    """When a key becomes due: at `rotate_after`, or in time before a freeze that would be too long.

    A key that a coming freeze would keep in service past `max_age`, whether it could only be
    replaced after it or only be switched off after it, is due early enough to be out of service
    before the freeze begins.
    """
    policy = case.policy
    if policy is None:
        return None
    due = key.created_at + policy.rotate_after
    deadline = key.created_at + policy.max_age
    need = policy.grace_period + policy.quiet_period + case.timing.last_used_lag
    for freeze in case.freezes:
        if freeze.starts_at <= case.now or due + need <= freeze.starts_at:
            continue
        reopened = opens_at(policy.window, case.freezes, freeze.until) or freeze.until
        begun_after = due >= freeze.starts_at
        if reopened > (deadline - need if begun_after else deadline):
            due = freeze.starts_at - need
    return due


def overdue(case: Case) -> bool:
    """Whether an Active key has passed `max_age`, or cannot be out of service before it does."""
    policy = case.policy
    if policy is None or not case.active:
        return False
    oldest, rotation = case.active[0], case.rotation
    deadline = oldest.created_at + policy.max_age
    leaves = rotation is not None and rotation.leaving == oldest.key_id
    delivered_at = rotation.delivered_at if rotation is not None and leaves else None
    begun_at = case.now if leaves else opens_at(policy.window, case.freezes, case.now)
    if begun_at is None or begun_at > deadline:
        return True
    grace_over = (delivered_at or begun_at) + policy.grace_period
    ready_at = max(case.now, grace_over, quiet_at(case, oldest))
    off_at = opens_at(policy.window, case.freezes, ready_at)
    return off_at is None or off_at > deadline


def is_curious(case: Case) -> bool:
    """Whether what the places serve matters now; else they are not asked."""
    if case.rotation is not None:
        return True
    if case.listed_at is None:
        return False
    levers = {Verb.ROTATE, Verb.RETIRE, Verb.DELIVER}
    asked = any(order.verb in levers for order in case.orders)
    due = due_key(case)
    down = not case.active and any(place.claimed for place in case.places)
    return asked or down or due is not None or wants_first_key(case) or bool(candidates(case, None))


def no_slot(case: Case, due: AccessKey) -> Stop | None:
    """Due, but no second key can be made beside the others: a person must say which goes."""
    others = [key for key in case.listed if key.key_id != due.key_id]
    if not others:
        return None
    assert len(case.listed) >= KEYS_MAX
    keys = "; ".join(_described(case, key) for key in case.listed)
    return Stop(
        Reason.FOREIGN_KEY,
        f"{due.key_id} is due, but both slots are taken and only a deletion frees one: {keys}."
        " Say which of them goes with `rotator retire KEY --reason …` (--now: at once, whoever uses"
        " it), and rotation goes on by itself",
    )


def contact(case: Case, *, forgive: bool) -> Wait | Stop | None:
    """First contact: what stands in each place that would be overwritten.

    `forgive`: the beginning is itself the cure of a place that serves a dead key.
    """
    verdicts = [contact_of(case, place, forgive=forgive) for place in case.places]
    stops = [verdict for verdict in verdicts if isinstance(verdict, Stop)]
    return next(iter(stops), None) or next((v for v in verdicts if v is not None), None)


def contact_of(case: Case, place: PlaceState, *, forgive: bool = False) -> Wait | Stop | None:
    """What stands in one place, if it keeps us from writing there.

    While a rotation is open it will write the place itself: it is the cure of a dead key there.
    """
    where = str(place.place)
    if place.check is not None:
        return Wait(Reason.SINK, f"{where}: {place.check}", case.now + case.timing.retry_max)
    match place.reading:
        case Serves(key_id):
            cured = forgive or case.rotation is not None
            return _serves(case, place, key_id, cured=cured)
        case Absent() if not place.create:
            return Stop(
                Reason.SINK_CONFLICT, f"{where} does not exist, and `create: false` forbids it"
            )
        case Empty() | Absent():
            return None
        case WrittenAt(at):
            if at is None or _written_by_us(case, place, at):
                return None
            return _conflict(
                case,
                place,
                f"was written by somebody else at {moment(at)}, and cannot be read back",
            )
        case Stranger(why):
            return _conflict(case, place, f"holds something else ({why})")
        case Unreadable(why):
            return Wait(
                Reason.SINK,
                f"{where} cannot be read: {why}",
                case.now + case.timing.retry_max,
            )
        case None:
            return Wait(Reason.SINK, f"{where} was not read", case.now + case.timing.settle)
        case _:
            assert_never(place.reading)


def _serves(case: Case, place: PlaceState, key_id: str, *, cured: bool) -> Wait | Stop | None:
    where = str(place.place)
    key = case.key(key_id)
    if key is not None and key.is_active:
        return None
    if key is None and key_id not in case.former:
        return _conflict(case, place, f"serves {key_id}, which is no key of {case.user}")
    if cured:
        return None
    state = "was deleted" if key is None or not key.is_listed else f"is {key.status}"
    return Stop(
        Reason.SINK_SERVES_DEAD,
        f"{where} serves {key_id}, which {state}: its readers are down now;"
        f" `rotator rotate {case.user}` gives them a new key",
    )


def _written_by_us(case: Case, place: PlaceState, at: datetime) -> bool:
    """Whether a write-only place was last written by our last answered put, or by the open one."""
    if place.answered_key is not None and at == place.written_at:
        return True
    return case.rotation is not None and place.begun_key == case.rotation.successor


def _conflict(case: Case, place: PlaceState, what: str) -> Stop:
    """A place that is not ours to overwrite; with a key at hand, a person may say that it is."""
    successor = case.rotation.successor if case.rotation else None
    keys = {key.key_id for key in case.active} if successor is None else {successor}
    brings = "" if any(served(other) in keys for other in case.places) else " --from …"
    own = "" if place.answered_key is not None else " --take-over"
    return Stop(
        Reason.SINK_CONFLICT,
        f"{place.place} {what}; it would be overwritten, so nothing is begun. `rotator deliver"
        f" {case.user} --sink {place.sink_id}{own}{brings}` overwrites it; or empty it, or name"
        " another place in the policy",
    )


def _is_older(failures: Failures | None, moment: datetime | None) -> bool:
    return failures is not None and moment is not None and failures.last_at < moment


def backing_off(case: Case) -> Wait | None:
    """After a rotation without effect, another is begun later, doubling."""
    if case.restart is None:
        return None
    until = case.restart.last_at + case.timing.backoff(case.restart.count)
    if until <= case.now:
        return None
    return Wait(
        Reason.BACKOFF,
        f"{case.restart.count} rotation(s) in a row ended without a new key"
        f" ({case.restart.why}); the next begins {moment(until)}",
        until,
    )


def wants_first_key(case: Case) -> bool:
    """Whether the policy gives a first key to a user who has none."""
    return case.policy is not None and case.policy.provision and not case.listed


def vanished(case: Case, key: AccessKey) -> Wait | None:
    """A key that is not listed any more, and that the next listing may show again."""
    assert case.listed_at is not None
    sure_at = (key.missing_since or case.listed_at) + case.timing.settle
    if key.is_listed or sure_at <= case.listed_at:
        return None
    return Wait(
        Reason.SETTLING,
        f"{key.key_id} is not listed; it counts as gone {moment(sure_at)}",
        sure_at,
    )


def _settling(case: Case) -> Wait | None:
    """Nothing is begun on a listing that may be stale: a key that it lacks may still be there."""
    return next((wait for key in case.keys if (wait := vanished(case, key))), None)


def _not_due(case: Case) -> Wait:
    if not case.active:
        what = (
            "no Active key, and `provision` is off"
            if not case.listed
            else "only keys that are not Active: none is due"
        )
        return Wait(Reason.NO_KEY, f"the user has {what}")
    dates = [at for key in case.active if (at := due_at(case, key))]
    oldest = case.active[0]
    return Wait(
        Reason.NOT_DUE,
        f"its oldest Active key {oldest.key_id} was created {moment(oldest.created_at)}; due"
        f" {moment(min(dates))}",
        min(dates),
    )


def _replace(case: Case, due: AccessKey) -> Issue:
    return Issue(
        Reason.AGE,
        f"{due.key_id} is {span(case.now - due.created_at)} old (rotate_after"
        f" {span(case.terms.rotate_after)}): a successor is created, proven and delivered",
        kind=Kind.REPLACE,
        predecessor=due.key_id,
    )


def _first() -> Issue:
    return Issue(
        Reason.FIRST_KEY,
        "the user has no key and the policy provisions one: it is created, proven and delivered",
        kind=Kind.FIRST,
    )


def _described(case: Case, key: AccessKey) -> str:
    places = [str(place.place) for place in case.places if served(place) == key.key_id]
    where = f", served by {listing(places)}" if places else ""
    return (
        f"{key.key_id} ({key.status}, {span(case.now - key.created_at)} old,"
        f" {used(key.last_use, case.now)}{where})"
    )
