"""Sweeps and replicas: who runs, and what was looked at when."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from rotator.store import shapes
from rotator.store.part import Part
from rotator.store.rows import Counts, ReplicaRow
from rotator.store.schema import replicas, sweeps

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.store.rows import SweepRow

__all__ = ["Sweeps"]

_REPLICA_FORGOTTEN_AFTER = timedelta(days=7)


class Sweeps(Part):
    """Records of runs of policies, and of the processes that make them."""

    def seen_replica(
        self,
        replica_id: str,
        *,
        version: str,
        config_digest: str,
        access_key_id: str | None,
        at: datetime,
    ) -> None:
        """Announce a process of ours; those long unheard of are forgotten."""
        columns = {
            "version": version,
            "config_digest": config_digest,
            "access_key_id": access_key_id,
            "seen_at": at,
        }
        with self._database.writing() as connection:
            row = self._database.insert(replicas).values(replica_id=replica_id, **columns)
            connection.execute(
                row.on_conflict_do_update(index_elements=[replicas.c.replica_id], set_=columns)
            )
            connection.execute(
                delete(replicas).where(replicas.c.seen_at < at - _REPLICA_FORGOTTEN_AFTER)
            )

    def forget_replica(self, replica_id: str) -> None:
        """A process of ours ends: nobody needs to wait for it, or to agree with it, any more."""
        with self._database.writing() as connection:
            connection.execute(delete(replicas).where(replicas.c.replica_id == replica_id))

    def replicas(self, live_since: datetime) -> list[ReplicaRow]:
        """Processes that announced themselves since then."""
        query = (
            select(replicas).where(replicas.c.seen_at >= live_since).order_by(replicas.c.replica_id)
        )
        with self._database.reading() as connection:
            return [ReplicaRow(**row._asdict()) for row in connection.execute(query)]

    def sweep_begun(self, sweep_id: str, *, policy: str, account_id: str) -> None:
        """Record that a policy's run over an account has begun."""
        with self._database.writing() as connection:
            connection.execute(
                insert(sweeps).values(
                    sweep_id=sweep_id,
                    policy=policy,
                    account_id=account_id,
                    begun_at=self._database.clock(),
                    message="",
                    **asdict(Counts()),
                )
            )

    def sweep_ended(
        self, sweep_id: str, *, ok: bool, counts: Counts | None = None, message: str = ""
    ) -> None:
        """Record how a run ended; a run that was killed has no end."""
        with self._database.writing() as connection:
            connection.execute(
                update(sweeps)
                .where(sweeps.c.sweep_id == sweep_id)
                .values(
                    ended_at=self._database.clock(),
                    ok=ok,
                    message=message,
                    **asdict(counts or Counts()),
                )
            )

    def last_sweep(self, policy: str, account_id: str, *, ok: bool = False) -> SweepRow | None:
        """The latest run of a policy over an account that came to its end; with `ok`, well."""
        query = (
            select(sweeps)
            .where(
                sweeps.c.policy == policy,
                sweeps.c.account_id == account_id,
                sweeps.c.ended_at.is_not(None),
                *((sweeps.c.ok.is_(True),) if ok else ()),
            )
            .order_by(sweeps.c.begun_at.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else shapes.sweep_row(row)
