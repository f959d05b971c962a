"""Sweeps and replicas: who runs, and what was looked at when."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select, true, update

from rotator.model import SigningKey
from rotator.store import shapes
from rotator.store.damage import placing
from rotator.store.part import Part
from rotator.store.rows import Counts, ReplicaRow
from rotator.store.schema import replica_keys, replicas, sweeps
from rotator.store.twice import twice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Connection, Select

    from rotator.store.outages import Outage
    from rotator.store.rows import SweepRow

__all__ = ["Sweeps", "replicas_since"]

_REPLICA_FORGOTTEN_AFTER = timedelta(days=7)

_SWEEP_KEPT = timedelta(days=30)
"""How long a sweep is on record; the last that ended, and the last that went well, stay."""


_SINCE = (
    select(replicas, replica_keys.c.access_key_id, replica_keys.c.source, replica_keys.c.moves)
    .outerjoin(replica_keys, replica_keys.c.replica_id == replicas.c.replica_id)
    .where(replicas.c.seen_at >= bindparam("live_since"))
    .order_by(replicas.c.replica_id, replica_keys.c.access_key_id)
)


class Sweeps(Part):
    """Records of runs of policies, and of the processes that make them."""

    def seen_replica(
        self,
        replica_id: str,
        *,
        version: str,
        config_digest: str,
        at: datetime,
        host: str = "",
        keys: Sequence[SigningKey] = (),
    ) -> None:
        """Announce a process of ours and its keys; those long unheard of are forgotten."""
        columns = {
            "version": version,
            "host": host,
            "config_digest": config_digest,
            "seen_at": at,
        }
        row = self._database.insert(replicas).values(replica_id=replica_id, **columns)
        old = replicas.c.seen_at < at - _REPLICA_FORGOTTEN_AFTER
        gone = select(replicas.c.replica_id).where(old)

        def announce(connection: Connection) -> None:
            connection.execute(
                row.on_conflict_do_update(index_elements=[replicas.c.replica_id], set_=columns)
            )
            _sign_with(connection, replica_id, keys)
            connection.execute(delete(replica_keys).where(replica_keys.c.replica_id.in_(gone)))
            connection.execute(delete(replicas).where(old))

        twice(self._database, announce)

    def forget_replica(self, replica_id: str) -> None:
        """A process of ours ends: nobody needs to wait for it, or to agree with it, any more."""

        def forget(connection: Connection) -> None:
            _sign_with(connection, replica_id, ())
            connection.execute(delete(replicas).where(replicas.c.replica_id == replica_id))

        twice(self._database, forget)

    def last_outage(self) -> Outage | None:
        """When the store was away from this process last: nobody could announce anything then."""
        return self._database.outages.last

    def replicas(self, live_since: datetime) -> list[ReplicaRow]:
        """Processes that announced themselves since then."""
        with placing(self._database), self._database.reading() as connection:
            return replicas_since(connection, live_since)

    def sweep_begun(self, sweep_id: str, *, policy: str, account_id: str) -> None:
        """Record that a policy's run over an account has begun; old runs of it are forgotten."""
        now = self._database.clock()
        row = self._database.insert(sweeps).values(
            sweep_id=sweep_id,
            policy=policy,
            account_id=account_id,
            begun_at=now,
            message="",
            **asdict(Counts()),
        )
        ended = _latest(policy, account_id).with_only_columns(sweeps.c.sweep_id)
        went_well = _latest(policy, account_id, ok=True).with_only_columns(sweeps.c.sweep_id)
        old = delete(sweeps).where(
            sweeps.c.policy == policy,
            sweeps.c.account_id == account_id,
            sweeps.c.begun_at < now - _SWEEP_KEPT,
            sweeps.c.sweep_id.not_in(ended),
            sweeps.c.sweep_id.not_in(went_well),
        )

        def begin(connection: Connection) -> None:
            connection.execute(row.on_conflict_do_nothing())
            connection.execute(old)

        twice(self._database, begin)

    def sweep_ended(
        self, sweep_id: str, *, ok: bool, counts: Counts | None = None, message: str = ""
    ) -> None:
        """Record how a run ended; a run that was killed has no end."""
        ending = (
            update(sweeps)
            .where(sweeps.c.sweep_id == sweep_id)
            .values(
                ended_at=self._database.clock(),
                ok=ok,
                message=message,
                **asdict(counts or Counts()),
            )
        )
        twice(self._database, lambda connection: connection.execute(ending))

    def last_sweep(self, policy: str, account_id: str, *, ok: bool = False) -> SweepRow | None:
        """The latest run of a policy over an account that came to its end; with `ok`, well."""
        with self._database.reading() as connection:
            row = connection.execute(_latest(policy, account_id, ok=ok)).first()
        return None if row is None else shapes.sweep_row(row)


def _latest(policy: str, account_id: str, *, ok: bool = False) -> Select[Any]:
    """The run of a policy over an account that ended and began last; with `ok`, that went well."""
    return (
        select(sweeps)
        .where(
            sweeps.c.policy == policy,
            sweeps.c.account_id == account_id,
            sweeps.c.ended_at.is_not(None),
            *((sweeps.c.ok.is_(true()),) if ok else ()),
        )
        .order_by(sweeps.c.begun_at.desc())
        .limit(1)
    )


def replicas_since(connection: Connection, live_since: datetime) -> list[ReplicaRow]:
    """See `Sweeps.replicas`."""
    found: dict[str, ReplicaRow] = {}
    for row in connection.execute(_SINCE, {"live_since": live_since}):
        columns = row._asdict()
        key = SigningKey(
            columns.pop("access_key_id"), columns.pop("source"), moves=columns.pop("moves")
        )
        one = found.setdefault(row.replica_id, ReplicaRow(**columns))
        if row.access_key_id is not None:
            found[row.replica_id] = replace(one, keys=(*one.keys, key))
    return list(found.values())


def _sign_with(connection: Connection, replica_id: str, keys: Sequence[SigningKey]) -> None:
    """These keys, and no others, are the ones that a replica signs with."""
    connection.execute(delete(replica_keys).where(replica_keys.c.replica_id == replica_id))
    for key in keys:
        connection.execute(
            insert(replica_keys).values(
                replica_id=replica_id,
                access_key_id=key.key_id,
                source=key.source,
                moves=key.moves,
            )
        )
