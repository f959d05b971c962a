"""`rotator status`: where each user stands as the store knows it, AWS being up or down."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rotator.cli.build import state_of
from rotator.cli.clocks import clock
from rotator.cli.outcomes import FAILED, FINE
from rotator.cli.output import say, table, tell, tell_document
from rotator.cli.stores import reading
from rotator.cli.subjects import user_subject
from rotator.cli.surveyed import account_row, reported_rows, tell_accounts, use_of, with_survey
from rotator.judgement.wording import span

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Collection
    from datetime import datetime

    from rotator.cli.build import Settings
    from rotator.model import AccessKey, Rotation
    from rotator.store import Holds, Standing, Store, UserRow

__all__ = ["blocked_of", "document_of", "key_row", "role_of", "status", "with_hold"]


def status(settings: Settings, given: Namespace) -> int:
    """Print where each user stands, those first who need a person.

    Raises:
        ConfigError, StoreError, Refused: it could not be read, or there is no such user.
    """
    with reading(state_of(settings)) as store:
        rows = store.users()
        if given.user:
            wanted = user_subject(given.user, store, None).ref
            rows = [row for row in rows if row.user.ref == wanted]
        holds, surveys = store.holds(), store.surveys()
        rows = [with_survey(surveys, with_hold(holds, row)) for row in rows]
        rows = [row for row in rows if given.user or _counts(row)]
        rows.sort(key=lambda row: (row.user.blocked is None, not row.user.overdue, str(row.user)))
        users = [document_of(store, row) for row in rows] if settings.as_json else []
        damaged = store.damaged()
    accounts = sorted(surveys.values(), key=lambda survey: survey.account)
    if settings.as_json:
        tell_document(users=users, accounts=[account_row(survey) for survey in accounts])
    elif rows:
        now = clock()
        headings = ["USER", "POLICY", "PHASE", "BLOCKED", "NEXT", "SEEN", "WHY"]
        tell(table(headings, [_line(row.user, now) for row in rows]))
    else:
        tell("Nobody is on record yet: `rotator run`, or the daemon, looks at users.")
    if not settings.as_json and not given.user:
        tell_accounts(accounts)
    for sentence in damaged:
        say(f"rotator: {sentence}")
    return FAILED if damaged or any(row.user.blocked for row in rows) else FINE


def with_hold(holds: Holds, row: Standing) -> Standing:
    """The row with the hold that is in force now: one may have come or gone since the last look."""
    user = row.user
    hold = holds.on(user.ref, account=user.account, policy=user.policy)
    if hold is None:
        return row if user.blocked != "hold" else replace(row, user=_unblocked(user))
    held = replace(
        user,
        blocked="hold",
        blocked_reason=hold.reason,
        blocked_message=hold.message,
        blocked_since=hold.since,
        blocked_by=hold.by,
        blocked_until=hold.until,
    )
    return replace(row, user=held)


def _unblocked(user: UserRow) -> UserRow:
    return replace(
        user,
        blocked=None,
        blocked_reason=None,
        blocked_message="",
        blocked_since=None,
        blocked_by=None,
        blocked_until=None,
    )


def _counts(row: Standing) -> bool:
    """Whom a policy selects, or who has a rotation open, or is stopped or held."""
    user = row.user
    selected = user.policy is not None and not user.uncovered
    return selected or row.rotation is not None or user.blocked is not None


def _line(user: UserRow, now: datetime) -> list[object]:
    seen = f"{span(now - user.as_of)} ago" if user.as_of else "never"
    blocked = f"{user.blocked}: {user.blocked_reason}" if user.blocked else ""
    late = " (overdue)" if user.overdue else ""
    return [
        str(user),
        user.policy,
        f"{user.phase}{late}",
        blocked,
        user.next_at or (user.due_at if user.due_at and user.due_at > now else None),
        seen,
        (user.blocked_message if user.blocked == "hold" else "") or user.message,
    ]


def document_of(store: Store, row: Standing) -> dict[str, Any]:
    """One user as a script gets it."""
    user, rotation = row.user, row.rotation
    keys = [key.key for key in row.keys if key.gone_at is None]
    ours = made_by_us(store, row) if len(keys) > 1 and rotation is None else frozenset()
    return {
        "account": user.account,
        "account_id": user.ref.account_id,
        "user": user.name,
        "user_id": user.ref.user_id,
        "policy": user.policy,
        "mode": user.mode,
        "phase": user.phase,
        "reason": user.reason,
        "message": user.message,
        "next_at": user.next_at,
        "due_at": user.due_at,
        "overdue": user.overdue,
        "blocked": blocked_of(user),
        "rotation_id": rotation.rotation_id if rotation else None,
        "title": rotation.right if rotation else None,
        "predecessor": rotation.predecessor if rotation else None,
        "successor": rotation.successor if rotation else None,
        "keys": [key_row(key, role_of(key, keys, rotation, ours)) for key in keys]
        or reported_rows(row),
        "places": [
            {
                "id": place.sink_id,
                "type": place.place.type,
                "place": place.place.address,
                "serves": place.serves or place.answered_key,
                "delivered_at": place.delivered_at,
            }
            for place in row.places
        ],
        "as_of": user.as_of,
        "source": user.source,
    }


def blocked_of(user: UserRow) -> dict[str, Any] | None:
    """What keeps a user from going on, whatever its phase."""
    if user.blocked is None:
        return None
    return {
        "kind": user.blocked,
        "reason": user.blocked_reason,
        "message": user.blocked_message,
        "since": user.blocked_since,
        "by": user.blocked_by,
        "until": user.blocked_until,
    }


def key_row(key: AccessKey, role: str) -> dict[str, Any]:
    """One key as a script gets it."""
    return {
        "access_key_id": key.key_id,
        "role": role,
        "status": key.status,
        "created_at": key.created_at,
        **use_of(key.last_use),
    }


def made_by_us(store: Store, row: Standing) -> frozenset[str]:
    """The keys that rotations of this user made, as far back as the store tells."""
    past = store.rotations(row.user.ref)
    return frozenset(one.successor for one in past if one.successor is not None)


def role_of(
    key: AccessKey,
    keys: Collection[AccessKey],
    rotation: Rotation | None,
    ours: Collection[str] = (),
) -> str:
    """What a key is to its user: by the open rotation, else whether it is the one in service.

    Beside another one a key is `current` only where we made it (`ours`); else it is `foreign`.
    """
    if rotation is None:
        return "current" if len(keys) == 1 or key.key_id in ours else "foreign"
    if key.key_id == rotation.successor:
        return "successor"
    if key.key_id == rotation.leaver:
        return "leaver"
    return "predecessor" if key.key_id == rotation.predecessor else "foreign"
