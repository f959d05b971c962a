"""One hand at a time: the right to decide about one user, for a while."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import and_, bindparam, case, select, update

from rotator.errors import CommitUnknown, LeaseLost, StoreUnavailable
from rotator.store import shapes
from rotator.store.engine import inserting, moment
from rotator.store.part import Part
from rotator.store.rows import Lease
from rotator.store.schema import leases
from rotator.store.translation import RowLocked
from rotator.store.twice import looks, twice

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Update
    from sqlalchemy.sql.dml import ReturningUpdate

    from rotator.model import UserRef
    from rotator.store.engine import Database

__all__ = ["Leases", "confirm", "was_written"]

_TAKEN = select(leases.c.fence, leases.c.until).where(
    shapes.mine(leases),
    leases.c.holder == bindparam("of_holder"),
    leases.c.mark == bindparam("of_mark"),
)
_ROW = select(leases).where(shapes.mine(leases)).with_for_update()


@cache
def _acquiring(*, is_sqlite: bool, by_our_clock: bool) -> Any:  # noqa: ANN401 - the dialects' classes share no base
    insert = inserting(leases, is_sqlite=is_sqlite).values(
        fence=1, until=moment("ends", by_our_clock=by_our_clock)
    )
    return insert.on_conflict_do_update(
        index_elements=[leases.c.account_id, leases.c.user_id],
        set_={
            "holder": insert.excluded.holder,
            "fence": leases.c.fence + 1,
            "until": insert.excluded.until,
            "mark": insert.excluded.mark,
        },
        where=leases.c.until <= moment("now", by_our_clock=by_our_clock),
    ).returning(leases.c.fence, leases.c.until)


def _held() -> ColumnElement[bool]:
    return and_(
        shapes.mine(leases),
        leases.c.holder == bindparam("of_holder"),
        leases.c.fence == bindparam("of_fence"),
    )


def _of(lease: Lease) -> dict[str, object]:
    return shapes.whose(lease.ref, of_holder=lease.holder, of_fence=lease.fence)


@cache
def _releasing(*, by_our_clock: bool) -> Update:
    return update(leases).where(_held()).values(until=moment("now", by_our_clock=by_our_clock))


@cache
def _confirming(*, by_our_clock: bool, extends: bool) -> ReturningUpdate[Any]:
    until = moment("ends", by_our_clock=by_our_clock) if extends else leases.c.until
    return (
        update(leases)
        .where(_held(), leases.c.until > moment("now", by_our_clock=by_our_clock))
        .values(
            until=case((until > leases.c.until, until), else_=leases.c.until),
            mark=bindparam("of_mark"),
        )
        .returning(leases.c.until)
    )


class Leases(Part):
    """Leases on users; there is none on anything else."""

    def acquire(self, ref: UserRef, *, holder: str, length: timedelta) -> Lease | None:
        """Take the lease on a user if nobody has it, in one statement; None if somebody has.

        Not re-entrant: whoever holds it already gets None as well. The fence grows with each
        acquisition, so that a holder who overslept is told from the one who followed.
        """
        try:
            return self._acquire(ref, holder, length)
        except RowLocked:
            # Only who has the lease, or is just taking it, keeps its row locked.
            return None

    def _acquire(self, ref: UserRef, holder: str, length: timedelta) -> Lease | None:
        mark, database = uuid4().hex, self._database
        take = _acquiring(is_sqlite=database.is_sqlite, by_our_clock=database.by_our_clock)
        row = database.moments(now=timedelta(), ends=length)
        row |= {"account_id": ref.account_id, "user_id": ref.user_id}
        row |= {"holder": holder, "mark": mark}

        def acquired(connection: Connection) -> Lease | None:
            taken = connection.execute(take, row).first()
            if taken is None:
                # Ours all the same, where it is the answer to this very taking that was lost.
                ours = shapes.whose(ref, of_holder=holder, of_mark=mark)
                taken = connection.execute(_TAKEN, ours).first()
            return None if taken is None else Lease(ref, holder, taken.fence, taken.until)

        return twice(database, acquired)

    def release(self, lease: Lease) -> None:
        """Give a lease back; of one that somebody else has by now nothing is changed."""
        release = _releasing(by_our_clock=self._database.by_our_clock)
        which = _of(lease) | self._database.moments(now=timedelta())
        twice(self._database, lambda connection: connection.execute(release, which))

    def release_all(self, holder: str) -> None:
        """Give back whatever this holder has."""
        now = moment("now", by_our_clock=self._database.by_our_clock)
        release = (
            update(leases).where(leases.c.holder == holder, leases.c.until > now).values(until=now)
        )
        at = self._database.moments(now=timedelta())
        twice(self._database, lambda connection: connection.execute(release, at))


def confirm(
    database: Database,
    connection: Connection,
    lease: Lease,
    extend: timedelta | None,
    *,
    mark: str,
) -> Lease:
    """Compare holder and fence inside a transaction, and keep the row locked until its end.

    `mark` is left in the row: it tells later whether this very transaction was committed.

    Raises:
        LeaseLost: it ran out, was given back, or is somebody else's.
    """
    times = database.moments(now=timedelta(), **({} if extend is None else {"ends": extend}))
    found = connection.execute(
        _confirming(by_our_clock=database.by_our_clock, extends=extend is not None),
        _of(lease) | times | {"of_mark": mark},
    ).first()
    if found is None:
        raise LeaseLost(
            f"the lease on user {lease.ref.user_id} of account {lease.ref.account_id} "
            f"(fence {lease.fence}) is no longer ours"
        )
    return Lease(lease.ref, lease.holder, lease.fence, found.until)


def was_written(database: Database, lease: Lease, mark: str) -> bool:
    """Whether the transaction that left `mark` was committed, though its answer was lost.

    The row is locked to read it: a commit that the database is still busy with is waited for.

    Raises:
        CommitUnknown: the database cannot be asked.
        LeaseLost: the row is somebody else's by now, who has the mark written over.
    """
    for _ in looks():
        try:
            with database.writing() as connection:
                row = connection.execute(_ROW, shapes.whose(lease.ref)).first()
        except RowLocked:
            break
        except StoreUnavailable:
            continue
        if row is None or (row.holder, row.fence) != (lease.holder, lease.fence):
            raise LeaseLost(
                f"the lease on user {lease.ref.user_id} of account {lease.ref.account_id} went to "
                "another holder while a commit of ours was not answered"
            )
        return bool(row.mark == mark)
    raise CommitUnknown(
        f"{database.address} went away in the middle of a commit about user {lease.ref.user_id} of "
        f"account {lease.ref.account_id}, and cannot be asked whether that was written"
    )
