"""Looking at one user: what IAM lists and what its places serve, as far as it matters now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rotator.errors import ReadError
from rotator.judgement.sightings import contradicted, sighted
from rotator.model import Doubt, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from rotator.aws.accounts import Entered
    from rotator.model import AccessKey, LastUse, ListedKey, Place, Served, User
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.rolls import Roll
    from rotator.store import Known

__all__ = ["Look", "look"]


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of one user at one moment; readings are added when they matter."""

    user: User
    at: datetime
    keys: tuple[AccessKey, ...] = ()
    contradicted: frozenset[str] = frozenset()
    listed_at: datetime | None = None
    users_listed_at: datetime | None = None
    doubts: tuple[Doubt, ...] = ()
    readings: Mapping[Place, Served] = field(default_factory=dict)
    checks: Mapping[Place, str] = field(default_factory=dict)

    def with_doubt(self, doubt: Doubt) -> Look:
        """The same look, with one more thing that is not known."""
        return replace(self, doubts=(*self.doubts, doubt))

    def with_checks(self, checks: Mapping[Place, str]) -> Look:
        """The same look, with the places at which a put could not work, and why."""
        return replace(self, checks=checks)

    def with_reading(self, place: Place, reading: Served) -> Look:
        """The same look, with what one place was read to serve just now."""
        return replace(self, readings={**self.readings, place: reading})


def look(
    equipment: Equipment,
    entered: Entered,
    roll: Roll,
    user: User,
    known: Known,
    keep: Callable[[], None] = lambda: None,
) -> Look:
    """List the user's keys and ask when each was last used.

    Whatever cannot be read becomes a doubt, never an absence (P6). Keys are listed by name, and
    only then is it asked whether the name has the UserId that is meant: so no keys of a user who
    was made again in between are taken for this one's. `keep` is called before each question.
    """
    at = equipment.clock()
    seen = Look(user=user, at=at, users_listed_at=roll.listed_at)
    if entered.account_id != user.account_id:
        return seen.with_doubt(_elsewhere(entered, user, at + _retry(equipment)))
    try:
        listed = entered.iam.list_keys(user.name)
        keep()
        present = entered.iam.get_user(user.name)
        if present is None or present.user_id != user.user_id:
            seen = _doubting(seen, f"IAM knows no user {user} with the UserId {user.user_id}")
        else:
            seen = replace(seen, user=_grouped(present, user))
            seen = _listed(equipment, entered, known, seen, listed, keep)
    except ReadError as exc:
        seen = _doubting(seen, str(exc))
    return seen


def _retry(equipment: Equipment) -> timedelta:
    return equipment.configuration().timing.retry_max


def _elsewhere(entered: Entered, user: User, until: datetime) -> Doubt:
    """The name leads to another account by now: nothing of this user is to reach that one."""
    return Doubt(
        Reason.AWS_UNAVAILABLE,
        f"the configured account {entered.name} is {entered.account_id} now, and {user} is of"
        f" {user.account_id}: nothing is done until its account is configured again",
        until,
    )


def _listed(
    equipment: Equipment,
    entered: Entered,
    known: Known,
    seen: Look,
    listed: Sequence[ListedKey],
    keep: Callable[[], None],
) -> Look:
    """The look with the user's keys and their last uses."""
    present = [key for key in listed if key.key_id not in known.former]
    keys = sighted(
        [key for key in known.keys if key.key_id not in known.former],
        present,
        seen.at,
        settle=equipment.configuration().timing.settle,
        changed_by_us={key.key_id: _changed_at(key) for key in known.keys},
    )
    return replace(
        seen,
        keys=tuple(key.with_last_use(_last_use(entered, key, keep)) for key in keys),
        contradicted=contradicted(keys, present),
        listed_at=seen.at,
    )


def _grouped(present: User, user: User) -> User:
    """The user as GetUser shows it, with what only the account's listing tells."""
    return replace(present, groups=user.groups, attached_policies=user.attached_policies)


def _last_use(entered: Entered, key: AccessKey, keep: Callable[[], None]) -> LastUse:
    if not key.is_listed:
        return key.last_use
    keep()
    return entered.iam.last_use(key.key_id)


def _changed_at(key: AccessKey) -> datetime:
    """The last moment at which we know that something about a key changed."""
    return key.first_seen_at if key.status_since <= key.created_at else key.status_since


def _doubting(seen: Look, why: str) -> Look:
    return seen.with_doubt(Doubt(Reason.AWS_UNAVAILABLE, why, hard=False))
