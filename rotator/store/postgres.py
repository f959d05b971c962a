"""What PostgreSQL needs besides: bounds on every wait, and a commit that says whether it was.

Every wait has an end on our own side, since a server that hangs cannot keep one: connecting
`CONNECT_SECONDS`, any answer `ANSWER_SECONDS`. On the server's side there are two more: waiting for
a row that another replica holds (`LOCK_SECONDS`), and a transaction of ours that stands still
(`IDLE_SECONDS`), so that a frozen replica keeps nobody from its rows. There is no
`statement_timeout` on purpose: one that strikes while COMMIT waits for a synchronous standby is
answered like a success.

This module is imported only where a database of PostgreSQL is used: its driver is an extra.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

import psycopg
from sqlalchemy import create_engine, event

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import URL, Engine

__all__ = ["ANSWER_SECONDS", "CONNECT_SECONDS", "IDLE_SECONDS", "LOCK_SECONDS", "engine"]

CONNECT_SECONDS = 5
LOCK_SECONDS = 5
IDLE_SECONDS = 10
ANSWER_SECONDS = 15

_DEFAULTS = {
    "application_name": "rotator",
    # A database of encoding SQL_ASCII would answer with bytes instead of text.
    "client_encoding": "utf8",
    "connect_timeout": str(CONNECT_SECONDS),
    # A standby is refused; of several hosts in the URL the one that takes writes is found.
    "target_session_attrs": "read-write",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}
"""What libpq is told where the URL says nothing else."""

_SESSION = """
SELECT set_config('lock_timeout', %(lock)s, false),
       set_config('idle_in_transaction_session_timeout', %(idle)s, false),
       set_config('statement_timeout', '0', false),
       set_config('synchronous_commit', CASE current_setting('synchronous_commit')
           WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)
"""
"""Said in each new session, whatever the server or the role has for a default."""

T = TypeVar("T")


def engine(url: URL, **bounds: Any) -> Engine:  # noqa: ANN401 - the arguments of create_engine
    """The pool of connections to a database; nothing is connected yet."""
    missing = {name: value for name, value in _DEFAULTS.items() if name not in url.query}
    made = create_engine(
        url.update_query_dict(missing),
        hide_parameters=True,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        **bounds,
    )
    event.listen(made, "do_connect", _connect)
    return made


class _Bounded(psycopg.Connection[Any]):
    """A connection that is given up when an answer does not come."""

    def wait(self, gen: Any, *how: Any, **named: Any) -> Any:  # noqa: ANN401 - as the driver's own
        """Wait as the driver does, but not for ever."""
        return super().wait(self._bounded(gen), *how, **named)

    def _bounded(self, gen: Generator[T, Any, Any]) -> Generator[T, Any, Any]:
        """The driver's own steps; it is asked several times a second whether it goes on."""
        ends = time.monotonic() + ANSWER_SECONDS
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > ends:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"no answer within {ANSWER_SECONDS} s")
                wanted = gen.send(ready)
        except StopIteration as answer:
            return cast("T", answer.value)


def _connect(_dialect: object, _record: object, args: Any, named: Any) -> Any:  # noqa: ANN401 - the driver's own
    connection = _Bounded.connect(*args, **named)
    try:
        connection.execute(
            _SESSION, {"lock": f"{LOCK_SECONDS}s", "idle": f"{IDLE_SECONDS}s"}
        ).close()
        connection.commit()
    except psycopg.Error:
        connection.close()
        raise
    return connection
