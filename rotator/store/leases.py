"""One hand at a time: the right to decide about one user, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import case, select, update

from rotator.errors import CommitUnknown, LeaseLost, StoreUnavailable
from rotator.store import shapes
from rotator.store.engine import RowLocked
from rotator.store.part import Part
from rotator.store.rows import Lease
from rotator.store.schema import leases
from rotator.store.twice import looks, twice

if TYPE_CHECKING:
    from datetime import timedelta

    from sqlalchemy import Connection

    from rotator.model import UserRef
    from rotator.store.engine import Database

__all__ = ["Leases", "confirm", "was_written"]


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
        mark = uuid4().hex
        insert = self._database.insert(leases).values(
            account_id=ref.account_id,
            user_id=ref.user_id,
            holder=holder,
            fence=1,
            until=self._database.now(length),
            mark=mark,
        )
        take = insert.on_conflict_do_update(
            index_elements=[leases.c.account_id, leases.c.user_id],
            set_={
                "holder": insert.excluded.holder,
                "fence": leases.c.fence + 1,
                "until": insert.excluded.until,
                "mark": insert.excluded.mark,
            },
            where=leases.c.until <= self._database.now(),
        ).returning(leases.c.fence, leases.c.until)

        def acquired(connection: Connection) -> Lease | None:
            taken = connection.execute(take).first()
            if taken is None:
                # Ours all the same, where it is the answer to this very taking that was lost.
                taken = connection.execute(
                    select(leases.c.fence, leases.c.until).where(
                        shapes.of_user(leases, ref),
                        leases.c.holder == holder,
                        leases.c.mark == mark,
                    )
                ).first()
            return None if taken is None else Lease(ref, holder, taken.fence, taken.until)

        return twice(self._database, acquired)

    def release(self, lease: Lease) -> None:
        """Give a lease back; of one that somebody else has by now nothing is changed."""
        ours = (leases.c.holder == lease.holder) & (leases.c.fence == lease.fence)
        twice(
            self._database,
            lambda connection: connection.execute(
                update(leases)
                .where(shapes.of_user(leases, lease.ref), ours)
                .values(until=self._database.now())
            ),
        )

    def release_all(self, holder: str) -> None:
        """Give back whatever this holder has."""
        now = self._database.now()
        twice(
            self._database,
            lambda connection: connection.execute(
                update(leases)
                .where(leases.c.holder == holder, leases.c.until > now)
                .values(until=now)
            ),
        )


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
    now = database.now()
    longer = leases.c.until if extend is None else database.now(extend)
    found = connection.execute(
        update(leases)
        .where(
            leases.c.account_id == lease.ref.account_id,
            leases.c.user_id == lease.ref.user_id,
            leases.c.holder == lease.holder,
            leases.c.fence == lease.fence,
            leases.c.until > now,
        )
        .values(until=case((longer > leases.c.until, longer), else_=leases.c.until), mark=mark)
        .returning(leases.c.until)
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
                row = connection.execute(
                    select(leases).where(shapes.of_user(leases, lease.ref)).with_for_update()
                ).first()
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
