"""From the answer of CreateAccessKey to the last place: lines 5 to 7 of the judgement."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.judgement.beginning import contact_of
from rotator.judgement.leaving import heir_is_dead
from rotator.judgement.presence import has, may_have, our_places, served
from rotator.judgement.stops import place_stop, standing_stop
from rotator.judgement.wording import listing, moment, span, used
from rotator.model import (
    Close,
    Deliver,
    Kind,
    Name,
    NeverUsed,
    Outcome,
    Reason,
    Step,
    Stop,
    Title,
    Unreadable,
    UsedAt,
    Wait,
)

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import AccessKey, Action, Case, Place, PlaceState

__all__ = [
    "deliver",
    "failing",
    "is_owed",
    "lacking",
    "lost_secret",
    "named",
    "proof_backs_off",
    "unanswered_create",
]

_CLOCKS_APART = timedelta(minutes=1)
"""How far AWS's clock may be from ours; beyond it nothing is changed at all."""


def unanswered_create(case: Case) -> Action | None:
    """Line 5: a create whose answer never came, judged once its effect would be listed.

    No new key, or the create was rejected: nothing was issued. One that is provably ours, and that
    nobody has used: an orphan. Anything else is a person's key for all we know.
    """
    rotation = case.rotation
    if rotation is None or rotation.kind is Kind.LEAVE or rotation.successor is not None:
        return None
    if not any(intent.step is Step.ISSUE for intent in case.intents):
        return Close(
            Reason.NO_EFFECT,
            "the create was rejected: no key was made, and one that appeared since is not ours",
            outcome=Outcome.NO_EFFECT,
        )
    new = [key for key in case.listed if key.first_seen_at > rotation.begun_at]
    if not new:
        return Close(
            Reason.NO_EFFECT,
            "no new key is listed after the wait: the create had no effect",
            outcome=Outcome.NO_EFFECT,
        )
    if len(new) > 1:
        ids = ", ".join(key.key_id for key in new)
        return _foreign(f"{ids} all appeared since the create whose answer was lost")
    return _candidate(case, new[0])


def _candidate(case: Case, key: AccessKey) -> Action:
    rotation = case.open
    earliest = rotation.begun_at - _CLOCKS_APART
    latest = _end_of_create(case)
    if not earliest <= key.created_at <= latest:
        return _foreign(
            f"{key.key_id} was created {moment(key.created_at)}, outside the life of our create"
        )
    if isinstance(key.last_use, UsedAt):
        return _foreign(f"{key.key_id} was {used(key.last_use, case.now)}: somebody holds it")
    if not isinstance(key.last_use, NeverUsed):
        return Wait(
            Reason.LAST_USE_UNKNOWN,
            f"whether {key.key_id} is ours: {used(key.last_use, case.now)}",
            case.now + case.timing.settle,
        )
    judged_at = key.created_at + case.timing.last_used_lag + case.timing.grain
    if case.now < judged_at:
        return Wait(
            Reason.SETTLING,
            f"{key.key_id} appeared when the answer of our create was lost; whether nobody uses"
            f" it is known {moment(judged_at)}",
            judged_at,
        )
    if holder := _holder(case, key.key_id):
        return holder
    if elsewhere := _elsewhere(case, key.key_id):
        return elsewhere
    return Name(
        Reason.ORPHAN,
        f"{key.key_id} was made by our create whose answer was lost: its secret is nowhere, and"
        " nobody has used it",
        key_id=key.key_id,
        title=Title.ORPHAN,
    )


def _end_of_create(case: Case) -> datetime:
    """The last moment at which our create may have made a key."""
    ends = [intent.timeout_at for intent in case.intents if intent.step is Step.ISSUE]
    return max(ends) + case.timing.settle


def _holder(case: Case, key_id: str) -> Action | None:
    """A place that serves the candidate (a person put it there), or that may."""
    place = next((p for p in our_places(case) if may_have(p, key_id, case)), None)
    if place is None:
        return None
    if served(place) == key_id:
        return _foreign(f"{place.place} serves {key_id}: somebody put it there")
    return Wait(
        Reason.SINK,
        f"whether {key_id} is ours: {place.place} may serve it",
        case.now + case.timing.settle,
    )


def _foreign(what: str) -> Stop:
    return Stop(
        Reason.FOREIGN_KEY,
        f"{what}, so it cannot be told from a person's key. Say which key goes with"
        " `rotator retire KEY --reason …`, and rotation goes on by itself",
    )


def is_owed(case: Case) -> bool:
    """Whether a key was issued, or is the one that stays, that still has to reach its places."""
    rotation = case.rotation
    return (
        rotation is not None
        and rotation.successor is not None
        and (rotation.proven_at is None or rotation.delivered_at is None or bool(lacking(case)))
    )


def named(case: Case) -> tuple[PlaceState, ...]:
    """The places of this user that a policy names: those that are written."""
    return tuple(place for place in our_places(case) if place.sink_id is not None)


def lacking(case: Case) -> tuple[PlaceState, ...]:
    """The places that a policy names and that never got the successor of the open rotation."""
    return tuple(place for place in named(case) if place.delivered_at is None)


def deliver(case: Case) -> Deliver | Stop | Wait | None:
    """Line 6: the secret is at hand; prove it, and put it where it is lacking.

    Readable places come first, and a write-only place is written only when a readable one has
    the credential: from there it can be read back after a crash.
    """
    if not is_owed(case) or not _at_hand(case):
        return None
    rotation = case.open
    if obstacle := _ailing(case) or proof_backs_off(case) or _nowhere(case):
        return obstacle
    verdicts = [(place, _obstacle(case, place)) for place in _in_order(case)]
    ready = tuple(place.place for place, verdict in verdicts if verdict is None)
    obstacles = [verdict for _, verdict in verdicts if verdict is not None]
    if ready or not obstacles:
        todo = ["" if rotation.proven_at else "prove it", _put(ready)]
        return Deliver(
            Reason.ISSUED,
            f"{rotation.successor} {_why_put(case)}: {', then '.join(filter(None, todo))}",
            places=ready,
        )
    stop = next((verdict for verdict in obstacles if isinstance(verdict, Stop)), None)
    if stop is not None:
        return stop
    return min(
        (verdict for verdict in obstacles if isinstance(verdict, Wait)),
        key=lambda wait: wait.until or case.now,
    )


def lost_secret(case: Case) -> Name | Stop | Wait | None:
    """Line 7: the secret died with a process; the key is given up only if no place may have it.

    Nor if a place ever got it: its readers may have it still, whatever the place serves since. A
    place that no policy names is not read at all: only a person can say what is to become of it.
    """
    if not is_owed(case):
        return None
    key_id = case.open.successor
    assert key_id is not None
    if case.open.issued_at is None:
        return _heir_out_of_reach(case, key_id)
    holders = [place for place in our_places(case) if may_have(place, key_id, case)]
    changed = next((p for p in holders if p.delivered_at is not None and _shows_another(p)), None)
    if changed is not None:
        return _changed_since(case, changed)
    if holders:
        unnamed = any(place.sink_id is None for place in holders)
        return (standing_stop(case) if unnamed else None) or Wait(
            Reason.SINK,
            f"{key_id} is issued, its secret is in no readable place, and {holders[0].place} may"
            " have it: nothing is undone until that can be read",
            case.now + case.timing.settle,
        )
    place = next((p for p in our_places(case) if p.delivered_at is not None), None)
    if place is not None:
        return _changed_since(case, place)
    dead = heir_is_dead(case)
    if not dead and (elsewhere := _elsewhere(case, key_id)):
        return elsewhere
    why = "is not Active any more" if dead else "lost its secret with the process that issued it"
    return Name(
        Reason.UNDELIVERED,
        f"{key_id} {why}, and no place has it",
        key_id=key_id,
        title=Title.UNDELIVERED,
    )


def _elsewhere(case: Case, key_id: str) -> Wait | None:
    """The process that asked for the key lives, and is another: its memory may have the secret."""
    until = case.issuer_lives_until
    if until is None or until <= case.now:
        return None
    return Wait(
        Reason.LEASE,
        f"{key_id} was asked for by replica {case.open.issuer}, which lives and may have its"
        f" secret: it is left to that one; were it dead, that would be known {moment(until)}",
        min(until, case.now + case.timing.retry_min),
    )


def _heir_out_of_reach(case: Case, key_id: str) -> Stop | Wait:
    """The key that stays is no key of ours: it is not given up, and nobody leaves for it."""
    unread = next((p for p in our_places(case) if p.readable and may_have(p, key_id, case)), None)
    if unread is not None and not heir_is_dead(case):
        return (place_stop(case) if unread.sink_id is None else None) or Wait(
            Reason.SINK,
            f"{key_id} stays, and is proven with what {unread.place} serves, which cannot be read",
            case.now + case.timing.settle,
        )
    dead = heir_is_dead(case)
    state = "is not Active any more" if dead else "no place serves it"
    return Stop(
        Reason.SUCCESSOR_GONE if dead else Reason.SINK_CONFLICT,
        f"{key_id} was to stay, and {state}:"
        f" end this with `rotator close {case.user} --reason …`; {case.open.leaving} stays too",
    )


def _at_hand(case: Case) -> bool:
    """Whether the successor's secret is in memory, or can be read back from a place.

    That of a dead key is worth nothing.
    """
    successor = case.open.successor
    if heir_is_dead(case):
        return False
    return case.secret_at_hand or any(served(place) == successor for place in our_places(case))


def _ailing(case: Case) -> Wait | None:
    """The successor was seen Inactive, or not at all, and it is not sure yet that it is dead."""
    heir = case.key(case.open.successor)
    if heir is None:
        return None
    if heir.key_id in case.contradicted:
        return Wait(
            Reason.HEIR,
            f"the latest listing says that {heir.key_id} is not listed as Active, which may be"
            " stale: it is put nowhere before that is settled",
            case.now + case.timing.retry_min,
        )
    if heir.is_active:
        return None
    sure_at = (heir.missing_since or heir.status_since) + case.timing.settle
    state = f"is {heir.status}" if heir.is_listed else "is not listed"
    return Wait(
        Reason.HEIR, f"{heir.key_id} {state}: it is put nowhere before that is settled", sure_at
    )


def _nowhere(case: Case) -> Stop | Wait | None:
    """Nothing is left to prove or to put, and yet no place that a policy names has it."""
    if case.open.proven_at is None or lacking(case):
        return None
    return standing_stop(case) or Wait(
        Reason.SINK, "no place is known that the successor could be put to"
    )


def _why_put(case: Case) -> str:
    return "is issued" if case.open.issued_at is not None else "stays"


def _put(places: tuple[Place, ...]) -> str:
    return f"put it to {listing(list(map(str, places)))}" if places else ""


def proof_backs_off(case: Case) -> Wait | None:
    """A proof failed lately; a secret that was read back is proven again, however old the first."""
    failures = case.failures.get(Step.PROVE)
    if failures is None or (case.open.proven_at is not None and case.secret_at_hand):
        return None
    until = failures.last_at + case.timing.backoff(failures.count)
    if until <= case.now:
        return None
    return Wait(
        Reason.PROVING,
        f"{case.open.successor} is not accepted by STS ({failures.why}); tried again"
        f" {moment(until)}",
        until,
    )


def _in_order(case: Case) -> list[PlaceState]:
    """The lacking places, readable ones first, each else in the policy's order."""
    return sorted(lacking(case), key=lambda place: not place.readable)


def failing(case: Case, place: PlaceState) -> Wait | None:
    """A put failed here lately, and is tried again at its moment."""
    if place.failures is None:
        return None
    until = place.failures.last_at + case.timing.backoff(place.failures.count)
    if until <= case.now:
        return None
    return Wait(
        Reason.SINK,
        f"{place.place} failed {place.failures.count} time(s) in a row"
        f" ({place.failures.why}); tried again in {span(until - case.now)}",
        until,
    )


def _obstacle(case: Case, place: PlaceState) -> Stop | Wait | None:
    """What keeps the successor from being put to one place now."""
    if backoff := failing(case, place):
        return backoff
    if not place.readable and (obstacle := _not_readable_first(case, place)):
        return obstacle
    return contact_of(case, place)


def _not_readable_first(case: Case, place: PlaceState) -> Stop | Wait | None:
    """A write-only place is written once a readable one has the key; what keeps that from being.

    One that got the key and lost it again, or that no policy names, gets it from nobody but a
    person; waiting for it would never end.
    """
    successor = case.open.successor
    assert successor is not None
    readable = [one for one in our_places(case) if one.readable]
    if any(has(one, successor) for one in readable):
        return None
    changed = next((p for p in readable if p.delivered_at is not None and _shows_another(p)), None)
    if changed is not None and not any(p.readable for p in lacking(case)):
        return _changed_since(case, changed)
    return (place_stop(case) if any(p.sink_id is None for p in readable) else None) or Wait(
        Reason.SINK,
        f"{place.place} is write-only: a readable place gets the key first",
        case.now + case.timing.retry_min,
    )


def _shows_another(place: PlaceState) -> bool:
    """Whether a readable place that got the successor is read to hold something else."""
    return place.readable and not isinstance(place.reading, Unreadable | None)


def _changed_since(case: Case, place: PlaceState) -> Stop:
    return Stop(
        Reason.SINK_CONFLICT,
        f"{place.place} got {case.open.successor} and was changed by somebody since, and its secret"
        " is in no other place that can be read. Whoever has it may bring it:"
        f" `rotator deliver {case.user} --from …`. Else put the value back that it had, or end this"
        f" rotation with `rotator close {case.user} --reason …`",
    )
