"""One hand at a time: the right to decide about one user, for a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import case, select, update

from rotator.errors import CommitUnknown, LeaseLost, StoreUnavailable
from rotator.store import shapes
from rotator.store.engine import RowLocked
from rotator.store.part import Part
from rotator.store.rows import Lease
from rotator.store.schema import leases

if TYPE_CHECKING:
    from datetime import timedelta

    from sqlalchemy import Connection

    from rotator.model import UserRef
    from rotator.store.engine import Database

__all__ = ["Leases", "confirm", "was_written"]

LOOKS_MAX = 20
"""How often one looks again whether a commit was lost, while the database starts anew."""

LOOK_PAUSE_SECONDS = 0.25


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
        with self._database.writing() as connection:
            now = self._database.now()
            insert = self._database.insert(leases).values(
                account_id=ref.account_id,
                user_id=ref.user_id,
                holder=holder,
                fence=1,
                until=self._database.now(length),
            )
            taken = connection.execute(
                insert.on_conflict_do_update(
                    index_elements=[leases.c.account_id, leases.c.user_id],
                    set_={
                        "holder": insert.excluded.holder,
                        "fence": leases.c.fence + 1,
                        "until": insert.excluded.until,
                    },
                    where=leases.c.until <= now,
                ).returning(leases.c.fence, leases.c.until)
            ).first()
        return None if taken is None else Lease(ref, holder, taken.fence, taken.until)

    def release(self, lease: Lease) -> None:
        """Give a lease back; of one that somebody else has by now nothing is changed."""
        with self._database.writing() as connection:
            connection.execute(
                update(leases)
                .where(
                    leases.c.account_id == lease.ref.account_id,
                    leases.c.user_id == lease.ref.user_id,
                    leases.c.holder == lease.holder,
                    leases.c.fence == lease.fence,
                )
                .values(until=self._database.now())
            )

    def release_all(self, holder: str) -> None:
        """Give back whatever this holder has."""
        with self._database.writing() as connection:
            now = self._database.now()
            connection.execute(
                update(leases)
                .where(leases.c.holder == holder, leases.c.until > now)
                .values(until=now)
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
    for look in range(LOOKS_MAX):
        if look:
            time.sleep(LOOK_PAUSE_SECONDS)
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
