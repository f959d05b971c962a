"""`rotator status` and `rotator history`: what the store knows, AWS being up or down."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rotator.cli.build import clock, load_configuration
from rotator.cli.output import plain, print_document, say, table
from rotator.cli.spans import NoSpan, span_of
from rotator.cli.stores import reading
from rotator.cli.subjects import user_subject
from rotator.errors import Refused
from rotator.judgement.wording import span
from rotator.model import NeverUsed, Step, UsedAt

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import datetime

    from rotator.cli.build import Settings
    from rotator.store import JournalRow, KeyRow, Standing, Store, UserRow

__all__ = ["document_of", "history", "status"]

STEPS = tuple(step.value for step in Step)


def status(settings: Settings, given: Namespace) -> int:
    """Print where each user stands, those first who need a person.

    Raises:
        ConfigError, StoreError, Refused: it could not be read, or there is no such user.
    """
    url = settings.state or load_configuration(settings).state
    with reading(url, say) as store:
        rows = store.users()
        if given.user:
            wanted = user_subject(given.user, store, None).ref
            rows = [row for row in rows if row.user.ref == wanted]
        rows = [_with_hold(store, row) for row in rows]
    rows = [row for row in rows if given.user or _counts(row)]
    rows.sort(key=lambda row: (row.user.blocked is None, not row.user.overdue, str(row.user)))
    if settings.as_json:
        print_document(users=[document_of(row) for row in rows])
        return 0
    now = clock()
    print(
        table(
            ["USER", "POLICY", "PHASE", "BLOCKED", "NEXT", "SEEN", "WHY"],
            [_line(row.user, now) for row in rows],
        )
    )
    return 0


def _with_hold(store: Store, row: Standing) -> Standing:
    """The row with a hold that was given since the user was last looked at."""
    user = row.user
    hold = store.hold_on(user.ref, account=user.account, policy=user.policy)
    if hold is None:
        return row
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


def _counts(row: Standing) -> bool:
    """Whom a policy selects, or who has a rotation open, or is stopped or held."""
    user = row.user
    return (
        bool(user.policy and not user.uncovered) or row.rotation is not None or bool(user.blocked)
    )


def _line(user: UserRow, now: datetime) -> list[object]:
    seen = f"{span(now - user.as_of)} ago" if user.as_of else "never"
    blocked = f"{user.blocked}: {user.blocked_reason}" if user.blocked else ""
    late = " (overdue)" if user.overdue else ""
    return [
        str(user),
        user.policy,
        f"{user.phase}{late}",
        blocked,
        user.next_at or user.due_at,
        seen,
        user.message,
    ]


def document_of(row: Standing) -> dict[str, Any]:
    """One user as a script gets it."""
    user, rotation = row.user, row.rotation
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
        "blocked": _blocked(user),
        "rotation_id": rotation.rotation_id if rotation else None,
        "title": rotation.right if rotation else None,
        "predecessor": rotation.predecessor if rotation else None,
        "successor": rotation.successor if rotation else None,
        "keys": [_key(row, key) for key in row.keys if key.gone_at is None],
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


def _blocked(user: UserRow) -> dict[str, Any] | None:
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


def _key(row: Standing, key: KeyRow) -> dict[str, Any]:
    use = key.key.last_use
    known = (
        "known" if isinstance(use, UsedAt) else "never" if isinstance(use, NeverUsed) else "unknown"
    )
    return {
        "access_key_id": key.key.key_id,
        "role": _role(row, key.key.key_id),
        "status": key.key.status,
        "created_at": key.key.created_at,
        "last_used": known,
        "last_used_at": use.at if isinstance(use, UsedAt) else None,
        "last_used_service": use.service if isinstance(use, UsedAt) else None,
        "last_used_region": use.region if isinstance(use, UsedAt) else None,
    }


def _role(row: Standing, key_id: str) -> str:
    rotation = row.rotation
    if rotation is None:
        listed = [key for key in row.keys if key.gone_at is None]
        return "current" if len(listed) == 1 else "foreign"
    if key_id == rotation.successor:
        return "successor"
    if key_id == rotation.leaver:
        return "leaver"
    return "predecessor" if key_id == rotation.predecessor else "foreign"


def history(settings: Settings, given: Namespace) -> int:
    """Print the record, oldest first; as JSON one row a line.

    Raises:
        ConfigError, StoreError, Refused: it could not be read, or there is no such user.
    """
    url = settings.state or load_configuration(settings).state
    since = None
    if given.since:
        try:
            since = clock() - span_of(given.since)
        except NoSpan as exc:
            raise Refused(f"--since: {exc}") from exc
    if given.action is not None and given.action not in STEPS:
        raise Refused(f"--action: there is no step {given.action!r}; there are {', '.join(STEPS)}")
    with reading(url, say) as store:
        ref = user_subject(given.user, store, None).ref if given.user else None
        rows = list(store.history(ref, since, Step(given.action) if given.action else None))
    if settings.as_json:
        for row in rows:
            print(json.dumps(plain(_journal(row))))
        return 0
    lines = [
        [
            row.at,
            f"{row.account}/{row.user}",
            row.step,
            row.outcome,
            row.key_id,
            row.reason,
            row.actor,
            row.detail,
        ]
        for row in rows
    ]
    print(table(["AT", "USER", "STEP", "OUTCOME", "KEY", "REASON", "BY", "DETAIL"], lines))
    return 0


def _journal(row: JournalRow) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "at": row.at,
        "rotation_id": row.rotation_id,
        "sweep_id": row.sweep_id,
        "account": row.account,
        "user": row.user,
        "user_id": row.user_id,
        "policy": row.policy,
        "policy_digest": row.policy_digest,
        "step": row.step,
        "outcome": row.outcome,
        "access_key_id": row.key_id,
        "reason": row.reason,
        "detail": row.detail,
        "actor": row.actor,
    }
