"""`rotator history`: the record of what was done, by whom and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rotator.cli.build import state_of
from rotator.cli.outcomes import FINE
from rotator.cli.output import plain, table, tell
from rotator.cli.stores import reading
from rotator.cli.subjects import user_subject
from rotator.model import Step

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings
    from rotator.store import JournalRow

__all__ = ["history"]

HEADINGS = ("AT", "USER", "STEP", "OUTCOME", "KEY", "REASON", "BY", "DETAIL")


def history(settings: Settings, given: Namespace) -> int:
    """Print the record, oldest first; as JSON one row a line.

    Raises:
        ConfigError, StoreError, Refused: it could not be read, or there is no such user.
    """
    action = Step(given.action) if given.action else None
    with reading(state_of(settings)) as store:
        ref = user_subject(given.user, store, None).ref if given.user else None
        rows = store.history(ref, given.since, action)
        if settings.as_json:
            # All of them: a pipe that is read no more ends it.
            all(tell(json.dumps(plain(_document(row)))) for row in rows)
        else:
            _print(list(rows))
    return FINE


def _print(rows: list[JournalRow]) -> None:
    if rows:
        tell(table(HEADINGS, list(map(_line, rows))))
    else:
        tell("Nothing of this kind is on record.")


def _line(row: JournalRow) -> list[object]:
    user = f"{row.account}/{row.user}".strip("/")
    detail = " ".join(filter(None, (row.place, row.detail)))
    return [row.at, user, row.step, row.outcome, row.key_id, row.reason, row.actor, detail]


def _document(row: JournalRow) -> dict[str, Any]:
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
