"""A Case from what was seen and what is on record: the door into the pure part."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.judgement.selection import is_enforced, select
from rotator.model import Case, Doubt, Reason, Selected, Signer
from rotator.reconcile.places import place_states

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rotator.model import AccessKey, Configuration, Policy, Selection, User, UserRef
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.looks import Look
    from rotator.reconcile.places import OpenPlaces
    from rotator.store import Known, ReplicaRow, UserRow

__all__ = ["assemble", "policy_of", "quarantined_since", "recalled", "selection_of", "wrong_clock"]

QUARANTINE = "AWSCompromisedKeyQuarantine"
"""How the names of the policies begin that AWS attaches to users whose keys have leaked."""

DAY = timedelta(hours=24)
"""Over how long limits count."""

SKEW_MAX = timedelta(minutes=1)
"""How far our clock may be from AWS's; beyond it nothing is changed."""


def recalled(equipment: Equipment, ref: UserRef) -> Known:
    """What is on record about one user now."""
    return equipment.store.know(ref, settle=equipment.configuration().timing.settle)


def selection_of(equipment: Equipment, user: User, now: datetime) -> Selection:
    """Which policy selects the user, by the configuration in force."""
    configuration = equipment.configuration()
    names = [account.name for account in configuration.accounts]
    return select(user, configuration.policies, names, now)


def policy_of(configuration: Configuration, selection: Selection, known: Known) -> Policy | None:
    """The policy whose periods and places apply: the selecting one, else the rotation's own."""
    if isinstance(selection, Selected):
        return configuration.policy(selection.policy)
    return configuration.policy(known.rotation.policy) if known.rotation else None


def assemble(
    equipment: Equipment, places: OpenPlaces, known: Known, seen: Look, selection: Selection
) -> Case:
    """All that is known of one user now."""
    configuration = equipment.configuration()
    now, user, timing = equipment.clock(), seen.user, configuration.timing
    policy = policy_of(configuration, selection, known)
    around = equipment.store.around(
        user.ref,
        account=user.account,
        policy=policy.name if policy else "",
        counted_since=now - DAY,
        failed_since=now - timing.retry_max,
    )
    live_since = now - 2 * timing.lease
    return Case(
        now=now,
        timing=timing,
        user=user,
        selection=selection,
        policy=policy,
        enforced=policy is not None and is_enforced(policy, user),
        listed_at=seen.listed_at,
        users_listed_at=seen.users_listed_at,
        user_missing_since=known.user.missing_since if known.user else None,
        keys=_keys(known, seen),
        contradicted=seen.contradicted,
        former=known.former,
        rotation=known.rotation,
        places=place_states(equipment, places, known, seen),
        place_problem=places.problem,
        intents=known.intents,
        failures=known.failures,
        restart=known.restart,
        orders=known.orders,
        hold=around.hold,
        agreed=_disagreement(
            configuration, [row for row in around.replicas if row.seen_at >= live_since]
        ),
        freezes=configuration.freezes,
        counts=around.counts,
        failed_in_a_row=around.failed_in_a_row,
        failed_until=now + timing.settle if around.failed_in_a_row else None,
        signers=_signers(equipment, around.replicas, live_since),
        quarantined_since=quarantined_since(known.user, user, now),
        secret_at_hand=_is_at_hand(equipment, known, user),
        issuer_lives_until=_issuer_lives_until(equipment, around.replicas, known),
        doubts=_doubts(places, seen, now + timing.settle, around.went_back),
    )


def _keys(known: Known, seen: Look) -> tuple[AccessKey, ...]:
    """What the look shows, and what was recorded since (a key that we have just made)."""
    looked_at = {key.key_id: key for key in seen.keys}
    recorded = {key.key_id: key for key in known.keys if key.key_id not in known.former}
    keys = {**recorded, **{k: v for k, v in looked_at.items() if k not in known.former}}
    return tuple(sorted(keys.values(), key=lambda key: (key.created_at, key.key_id)))


def quarantined_since(known: UserRow | None, user: User, now: datetime) -> datetime | None:
    """Since when AWS is seen to have attached a quarantine policy; of any version, by its prefix.

    Where the listing does not tell attached policies, what was seen before stands.
    """
    before = known.quarantined_since if known else None
    if user.attached_policies is None:
        return before
    if any(name.startswith(QUARANTINE) for name in user.attached_policies):
        return before or now
    return None


def _is_at_hand(equipment: Equipment, known: Known, user: User) -> bool:
    successor = known.rotation.successor if known.rotation else None
    return equipment.hands.held(user.ref, successor) is not None


def _issuer_lives_until(
    equipment: Equipment, announced: Sequence[ReplicaRow], known: Known
) -> datetime | None:
    """Until when another process that asked for the successor is held to live.

    Its silence says nothing for as long as the store itself was away from us.
    """
    issuer = known.rotation.issuer if known.rotation else None
    row = next((row for row in announced if row.replica_id == issuer), None)
    if row is None or issuer == equipment.process:
        return None
    two_leases = 2 * equipment.configuration().timing.lease
    until = row.seen_at + two_leases
    outage = equipment.store.last_outage()
    if outage is not None and outage.began_at <= until:
        until = max(until, outage.ended_at + two_leases)
    return until


def _doubts(
    places: OpenPlaces, seen: Look, later: datetime, went_back: str | None
) -> tuple[Doubt, ...]:
    doubts = list(seen.doubts)
    wrong = wrong_clock(places.entered.skew())
    if wrong is not None:
        doubts.append(Doubt(Reason.CLOCK, f"{wrong}: nothing is changed until they agree", later))
    if went_back is not None:
        doubts.append(Doubt(Reason.STORE, went_back))
    if places.unreachable is not None:
        doubts.append(Doubt(Reason.SINK, places.unreachable, later, hard=False))
    return tuple(doubts)


def _disagreement(configuration: Configuration, replicas: Sequence[ReplicaRow]) -> str | None:
    others = [row for row in replicas if row.config_digest != configuration.digest]
    if not others:
        return None
    names = ", ".join(sorted(row.replica_id for row in others))
    return (
        f"live replicas have another configuration ({names}): nothing is begun, switched off or"
        " deleted until all have the same"
    )


def _signers(
    equipment: Equipment, announced: Sequence[ReplicaRow], live_since: datetime
) -> tuple[Signer, ...]:
    """Which live replicas sign with which keys.

    Of this very process that is known without a record, however long it stood still; one that
    never announced itself (`plan`, `explain`) only looks, and is no replica.
    """
    found: list[Signer] = []
    for row in announced:
        is_own = row.replica_id == equipment.process
        if is_own or row.seen_at >= live_since:
            keys = equipment.accounts.signing() if is_own else row.keys
            found += [Signer(row.replica_id, row.host, key) for key in keys]
    return tuple(found)


def wrong_clock(skew: timedelta | None) -> str | None:
    """What is wrong with our clock at the moment of judging; None where it agrees with AWS's.

    Whatever was measured before our clock was set says nothing of the clock that is judged by.
    """
    if skew is None:
        return "no answer of AWS told its time, so that ours cannot be held against it"
    if abs(skew) <= SKEW_MAX:
        return None
    side = "behind" if skew > timedelta(0) else "ahead of"
    return f"our clock is {abs(skew).total_seconds():.0f} s {side} AWS's"
