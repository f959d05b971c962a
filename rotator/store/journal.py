"""The record: append-only rows, each bound to the one before it of the same user.

The hash of a row is the SHA-256 over the hash of the user's row before it, a line feed, and the
row's canonical text: a JSON list of the columns in `BOUND`, moments as whole microseconds since
1970. `chains` holds how many rows a user has and the hash of the last one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, exists, insert, or_, select, update

from rotator.model import Failures, JournalOutcome, Step, UserRef
from rotator.store import shapes
from rotator.store.columns import micros, plain
from rotator.store.schema import chains, journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from sqlalchemy import Connection, Row

    from rotator.model import Intent
    from rotator.store.engine import Database
    from rotator.store.rows import JournalRow

__all__ = [
    "BOUND",
    "SETTLING",
    "Written",
    "append",
    "broken_chains",
    "failures",
    "hash_of",
    "latest",
    "settled",
    "unsettled",
]

BOUND = (
    "at",
    "account_id",
    "user_id",
    "account",
    "user",
    "policy",
    "policy_digest",
    "rotation_id",
    "sweep_id",
    "step",
    "outcome",
    "intent_seq",
    "timeout_at",
    "key_id",
    "place",
    "title",
    "reason",
    "detail",
    "actor",
)
"""The columns that a hash binds, in this order for ever: a column that is added later is not."""

_HAPPENED = (JournalOutcome.DONE, JournalOutcome.OBSERVED)
_PENDING = (JournalOutcome.INTENT,)
SETTLING = (JournalOutcome.REJECTED, *_HAPPENED)
"""Outcomes after which a request is waited for no longer. Unknown is none."""

FAILURES_READ_MAX = 200
"""Rows of an open rotation that are looked back on; the back-off has long stopped growing."""


def settled(seq: Any, outcomes: Sequence[JournalOutcome]) -> Any:  # noqa: ANN401 - expressions of SQL
    """The condition that an intent has one of these outcomes."""
    return exists().where(_ENDING.c.intent_seq == seq, shapes.one_of(_ENDING.c.outcome, outcomes))


_ENDING = journal.alias("ending")
_END_OF_CHAIN = select(chains.c.length, chains.c.hash).where(shapes.mine(chains)).with_for_update()
_APPEND = insert(journal).returning(journal.c.seq)
_LENGTHEN = update(chains).where(shapes.mine(chains))
_LATEST = select(journal.c.seq, journal.c.hash).order_by(journal.c.seq.desc()).limit(1)
_UNSETTLED = (
    select(journal, settled(journal.c.seq, _HAPPENED).label("happened"))
    .where(
        shapes.mine(journal),
        # A word that nobody knows might be an intent: it is read, and refused.
        *(journal.c.outcome != word for word in JournalOutcome if word not in _PENDING),
        or_(
            journal.c.rotation_id.is_not_distinct_from(bindparam("of_rotation")),
            journal.c.timeout_at > bindparam("over_since"),
        ),
        ~settled(journal.c.seq, (JournalOutcome.REJECTED,)),
    )
    .order_by(journal.c.seq.desc())
)
_ANSWERS = (
    select(journal)
    .where(
        journal.c.rotation_id == bindparam("of_rotation"),
        shapes.one_of(journal.c.outcome, (*SETTLING, JournalOutcome.UNKNOWN)),
    )
    .order_by(journal.c.seq.desc())
    .limit(FAILURES_READ_MAX)
)


def hash_of(previous: str, row: JournalRow) -> str:
    """The hash that binds a row to the one before it of the same user ("" for the first)."""
    values = [getattr(row, name) for name in BOUND]
    plain = [micros(value) if isinstance(value, datetime) else value for value in values]
    text = json.dumps(plain, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


class Written(NamedTuple):
    """A row as it is told from every other: where its number were given again, by its hash."""

    seq: int
    hash: str


def append(database: Database, connection: Connection, row: JournalRow) -> Written:
    """Write one row at the end of its user's chain; its `seq` and `hash` are given here."""
    length, previous = _end_of_chain(database, connection, row)
    row = replace(row, detail=plain(row.detail), actor=plain(row.actor))
    bound = replace(row, hash=hash_of(previous, row))
    columns = {name: getattr(bound, name) for name in BOUND} | {"hash": bound.hash}
    columns["user_name"] = columns.pop("user")
    seq = int(connection.execute(_APPEND, columns).scalar_one())
    end = {"length": length + 1, "hash": bound.hash}
    connection.execute(_LENGTHEN, shapes.whose(UserRef(row.account_id, row.user_id), **end))
    return Written(seq, bound.hash)


def latest(connection: Connection) -> Written:
    """The row of the highest number; 0 where there is none."""
    row = connection.execute(_LATEST).first()
    return Written(0, "") if row is None else Written(row.seq, row.hash)


def unsettled(
    connection: Connection,
    ref: UserRef,
    *,
    rotation_id: str | None,
    now: datetime,
    settle: timedelta,
) -> tuple[Intent, ...]:
    """A user's intents whose outcome is not known for certain, oldest first.

    An intent is settled by a done, a rejected or an observed, never by an unknown. Left out is
    what a later intent of the same step, key and place has superseded: one that is itself
    unsettled, whose life ends later; or one that is known to have happened, once the wait for the
    earlier is over. Of rotations that are closed only those are told whose wait is not long over.
    """
    which = shapes.whose(ref, of_rotation=rotation_id, over_since=now - 2 * settle)
    rows = connection.execute(_UNSETTLED, which)
    happened: set[tuple[Step, str | None, str | None]] = set()
    told: dict[tuple[Step, str | None, str | None], Intent] = {}
    for row in rows:
        found = shapes.intent(row)
        same = (found.step, found.key_id, found.place)
        if row.happened:
            happened.add(same)
        elif same not in told and not (same in happened and found.timeout_at + settle <= now):
            told[same] = found
    return tuple(reversed(told.values()))


def failures(connection: Connection, rotation_id: str) -> Mapping[Step, Failures]:
    """Per step of a rotation: what was rejected or got no answer since it last succeeded."""
    rows = connection.execute(_ANSWERS, {"of_rotation": rotation_id})
    counted: dict[Step, Failures] = {}
    over: set[Step] = set()
    requests: set[int] = set()
    for row in rows:
        if row.outcome not in {JournalOutcome.REJECTED, JournalOutcome.UNKNOWN}:
            over.add(row.step)
        elif row.step not in over and row.intent_seq not in requests:
            # A request without an answer that is later seen not to be done has failed once.
            counted[row.step] = _one_more(counted.get(row.step), row)
            requests |= set() if row.intent_seq is None else {row.intent_seq}
    return counted


def _one_more(latest: Failures | None, row: Row[Any]) -> Failures:
    if latest is not None:
        return replace(latest, count=latest.count + 1)
    why = row.detail or (row.reason.value if row.reason else "")
    return Failures(1, row.at, why)


@dataclass(slots=True)
class _Walk:
    """Where a check of one user's chain has got to."""

    user: tuple[str, str]
    length: int = 0
    hash: str = ""
    broken: bool = False


def broken_chains(connection: Connection) -> Iterator[str]:
    """One sentence for each user whose part of the journal was changed, or lacks a row."""
    ends = {
        (row.account_id, row.user_id): (row.length, row.hash)
        for row in connection.execute(select(chains))
    }
    rows = connection.execution_options(yield_per=500).execute(
        select(journal).order_by(journal.c.account_id, journal.c.user_id, journal.c.seq)
    )
    walk: _Walk | None = None
    for stored in rows:
        row = shapes.journal_row(stored)
        user = (row.account_id, row.user_id)
        if walk is None or walk.user != user:
            yield from _ended(walk, ends)
            walk = _Walk(user)
        if not walk.broken and row.hash != hash_of(walk.hash, row):
            walk.broken = True
            yield (
                f"journal row {row.seq} of {_whose(user)} does not follow from the one before: "
                "a row was changed, added or taken out"
            )
        walk.length += 1
        walk.hash = row.hash
    yield from _ended(walk, ends)
    yield from (f"the whole journal of {_whose(user)} is missing" for user in ends)


def _ended(walk: _Walk | None, ends: dict[tuple[str, str], tuple[int, str]]) -> Iterator[str]:
    """Compare the end of a chain that was walked with what is on record about it."""
    if walk is None:
        return
    expected = ends.pop(walk.user, (0, ""))
    if not walk.broken and expected != (walk.length, walk.hash):
        yield (
            f"the journal of {_whose(walk.user)} has {walk.length} rows where {expected[0]} were "
            "written: its end was changed or taken out"
        )


def _whose(user: tuple[str, str]) -> str:
    account_id, user_id = user
    if user_id:
        return f"user {user_id} of account {account_id}"
    return f"account {account_id}" if account_id else "all accounts"


def _end_of_chain(database: Database, connection: Connection, row: JournalRow) -> tuple[int, str]:
    """How the user's chain ends, its row locked until this transaction does."""
    mine = shapes.whose(UserRef(row.account_id, row.user_id))
    found = connection.execute(_END_OF_CHAIN, mine).first()
    if found is None:
        first = database.insert(chains).values(
            account_id=row.account_id, user_id=row.user_id, length=0, hash=""
        )
        connection.execute(first.on_conflict_do_nothing())
        found = connection.execute(_END_OF_CHAIN, mine).one()
    return found.length, found.hash
