"""Whom a sweep of a policy looks at in one account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rotator.judgement.selection import serves_account
from rotator.model import Contested, Selected, User
from rotator.reconcile.cases import selection_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotator.model import Account, Policy, UserRef
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.rolls import Roll
    from rotator.store import Standing

__all__ = ["accounts_of", "candidates", "user_of"]

LONG_AGO = datetime.min.replace(tzinfo=UTC)


def candidates(
    equipment: Equipment, policy: Policy, roll: Roll, standings: Sequence[Standing]
) -> list[User]:
    """Whom a sweep of a policy looks at: selected, contested, or left open; oldest keys first.

    Whoever is not listed any more is looked at as long as a place is on record as theirs. How old
    keys are that nobody listed yet, the credential report tells as far as there is one.
    """
    now = equipment.clock()
    found = {
        user.ref: user
        for user in roll.users.values()
        if _concerns(policy, selection_of(equipment, user, now))
    }
    oldest: dict[UserRef, datetime] = {}
    for standing in standings:
        ref = standing.user.ref
        if ref.account_id != roll.account_id:
            continue
        if _left_open(equipment, policy, standing):
            found.setdefault(ref, user_of(roll, ref, standing.user.name))
        ages = [row.key.created_at for row in standing.keys if row.key.is_active]
        if ages or standing.user.source == "live":
            oldest[ref] = min(ages, default=LONG_AGO)
    for ref in found.keys() - oldest.keys():
        oldest[ref] = _reported_age(roll, found[ref])
    return sorted(found.values(), key=lambda user: (oldest[user.ref], user.name))


def _reported_age(roll: Roll, user: User) -> datetime:
    reported = roll.reported(user)
    keys = reported.keys if reported is not None else ()
    return min(
        (key.rotated_at for key in keys if key.is_active and key.rotated_at), default=LONG_AGO
    )


def _left_open(equipment: Equipment, policy: Policy, standing: Standing) -> bool:
    """Whether a rotation is open that is this policy's, or of a policy that is no more.

    Or, with none open, whether somebody who is gone still has places.
    """
    if standing.rotation is None:
        return standing.user.missing_since is not None and bool(standing.places)
    begun_by = standing.rotation.policy
    return begun_by == policy.name or equipment.configuration().policy(begun_by) is None


def _concerns(policy: Policy, selection: object) -> bool:
    match selection:
        case Selected(name):
            return name == policy.name
        case Contested(names):
            return policy.name in names
        case _:
            return False


def user_of(roll: Roll, ref: UserRef, name: str) -> User:
    """The user under its present name; one that is not listed any more, as it was known."""
    return roll.user(ref) or User(
        account=roll.account, account_id=ref.account_id, user_id=ref.user_id, name=name
    )


def accounts_of(equipment: Equipment, policy: Policy) -> list[Account]:
    """The configured accounts that a policy concerns."""
    configuration = equipment.configuration()
    names = [account.name for account in configuration.accounts]
    return [
        account for account in configuration.accounts if serves_account(policy, account.name, names)
    ]
