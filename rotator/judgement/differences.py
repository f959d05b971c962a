"""What a change of configuration does to one user: the same case, judged by the old and the new."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from rotator.judgement.wording import listing, moment
from rotator.model import Contested, Excluded, Mode, Selected, Shut, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from rotator.judgement.outlook import Foreseen
    from rotator.model import Case, Place, Reason, User

__all__ = ["Change", "Difference", "Standpoint", "differences"]

_SAME = timedelta(minutes=1)
"""Moments no farther apart are one."""


class Change(StrEnum):
    """One way in which a user is concerned."""

    ENTERS = "enters"
    LEAVES = "leaves"
    MOVES = "moves"
    ENFORCED = "enforced"
    OBSERVED = "observed"
    DUE = "due"
    RESCHEDULED = "rescheduled"
    STOPPED = "stopped"
    RESUMED = "resumed"
    PLACE_ADDED = "place_added"
    PLACE_REMOVED = "place_removed"


@dataclass(frozen=True, slots=True)
class Standpoint:
    """One user under one configuration, and the first thing that is to be done or in the way."""

    case: Case
    first: Foreseen | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One row: what it was and what it becomes, and from when on it shows.

    `policy` is the one that selects the user now, else the one that did.
    """

    user: User
    change: Change
    before: str | None
    after: str | None
    message: str
    at: datetime | None = None
    policy: str | None = None


def differences(before: Standpoint | None, after: Standpoint | None) -> Iterator[Difference]:
    """Everything that becomes otherwise; None: the configuration has no such account."""
    standpoint = after or before
    assert standpoint is not None
    user = standpoint.case.user
    policy = _policy(after) or _policy(before)
    for ask in (_belonging, _acting, _moments, _places):
        for one in ask(user, before, after):
            yield replace(one, policy=policy)


def _policy(one: Standpoint | None) -> str | None:
    selection = one.case.selection if one else None
    return selection.policy if isinstance(selection, Selected) else None


def _belonging(
    user: User, before: Standpoint | None, after: Standpoint | None
) -> Iterator[Difference]:
    was, becomes = _policy(before), _policy(after)
    if was == becomes:
        return
    if was is None:
        yield Difference(user, Change.ENTERS, None, becomes, f"policy {becomes} selects the user")
    elif becomes is None:
        why = _why_unselected(after)
        yield Difference(user, Change.LEAVES, was, None, f"policy {was} selected the user; {why}")
    else:
        why = f"policy {becomes} selects the user, and no longer {was}"
        yield Difference(user, Change.MOVES, was, becomes, why)


def _why_unselected(after: Standpoint | None) -> str:
    if after is None:
        return "its account is not configured any more"
    selection = after.case.selection
    if isinstance(selection, Excluded):
        return f"policy {selection.policy} excludes it now ({selection.why})"
    if isinstance(selection, Contested):
        return f"{listing(sorted(selection.policies))} all select it now, so that none acts"
    return "none does any more"


def _acting(
    user: User, before: Standpoint | None, after: Standpoint | None
) -> Iterator[Difference]:
    """From observe to enforce, and back."""
    if not (_policy(before) and _policy(after)):
        return
    assert before is not None
    assert after is not None
    was, becomes = before.case.enforced, after.case.enforced
    if was == becomes:
        return
    change = Change.ENFORCED if becomes else Change.OBSERVED
    modes = (Mode.OBSERVE.value, Mode.ENFORCE.value)
    message = (
        "rotator acts on this user" if becomes else "nothing is begun any more; what is open ends"
    )
    yield Difference(user, change, modes[was], modes[becomes], message)


def _moments(
    user: User, before: Standpoint | None, after: Standpoint | None
) -> Iterator[Difference]:
    """What is to be done first, or is in the way, where that is another thing or another day."""
    was = before.first if before else None
    becomes = after.first if after else None
    cause = _stopped_by(becomes)
    if cause is not None:
        if _stopped_by(was) is not cause:
            yield _step(user, Change.STOPPED, was, becomes)
        return
    if _stopped_by(was) is not None:
        yield _step(user, Change.RESUMED, was, becomes)
        return
    if _is_same(was, becomes):
        return
    is_open = after is not None and after.case.rotation is not None
    if becomes is not None or _policy(after) is not None or is_open:
        yield _step(user, Change.RESCHEDULED if is_open else Change.DUE, was, becomes)


def _stopped_by(row: Foreseen | None) -> Reason | None:
    return row.action.reason if row is not None and isinstance(row.action, Stop) else None


def _step(user: User, change: Change, was: Foreseen | None, becomes: Foreseen | None) -> Difference:
    message = becomes.action.message if becomes else "nothing is to be done as far as one can see"
    at = becomes.at if becomes else None
    return Difference(user, change, _described(was), _described(becomes), message, at)


def _is_same(was: Foreseen | None, becomes: Foreseen | None) -> bool:
    if was is None or becomes is None:
        return was is becomes
    return _told(was) == _told(becomes) and abs(was.at - becomes.at) <= _SAME


def _told(row: Foreseen) -> tuple[str, str | None]:
    action = row.action
    gate = action.reason.value if isinstance(action, Shut) else None
    return (action.behind.name if isinstance(action, Shut) else action.name), gate


def _described(row: Foreseen | None) -> str | None:
    if row is None:
        return None
    name, gate = _told(row)
    cause = _stopped_by(row)
    what = f"{name} ({cause})" if cause is not None else name
    return f"{what} {moment(row.at)}" + (f", gate {gate}" if gate else "")


def _named(one: Standpoint | None) -> dict[Place, bool]:
    """The places that are written, and whether they are on record as the user's."""
    places = one.case.places if one else ()
    return {place.place: place.claimed for place in places if place.sink_id is not None}


def _places(
    user: User, before: Standpoint | None, after: Standpoint | None
) -> Iterator[Difference]:
    was, becomes = _named(before), _named(after)
    for place in sorted(becomes.keys() - was.keys()) if before else ():
        message = "a new key is put there too, from the next rotation or `rotator deliver` on"
        yield Difference(user, Change.PLACE_ADDED, None, str(place), message)
    for place in sorted(was.keys() - becomes.keys()):
        message = "it is not written any more" + (
            ": it stays on record as the user's, and what would be begun there is stopped until it"
            f" is named again or given up with `rotator close {user} --reason …`"
            if was[place] and after is not None and _policy(after) is not None
            else ""
        )
        yield Difference(user, Change.PLACE_REMOVED, str(place), None, message)
