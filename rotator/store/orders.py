"""What people said: levers and holds, obeyed by whoever next holds the user's lease."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import and_, bindparam, exists, or_, select, update

from rotator.errors import RowDamaged
from rotator.model import JournalOutcome, Order, Reason, Scope, Step, UserRef, Verb
from rotator.store import journal as record
from rotator.store import shapes
from rotator.store.damage import placing, sound
from rotator.store.part import Part
from rotator.store.rows import JournalRow
from rotator.store.schema import orders, rotations, users
from rotator.store.twice import twice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row

    from rotator.model import Hold
    from rotator.store.engine import Database
    from rotator.store.rows import OrderRow

__all__ = ["Holds", "Orders", "holds_at", "open_levers", "waiting_levers", "write_order"]


def write_order(
    database: Database,
    connection: Connection,
    order: Order,
    *,
    scope: Scope,
    account_id: str = "",
    user_id: str = "",
    **columns: Any,  # noqa: ANN401 - values of the table's own columns
) -> int | None:
    """Add a row to `orders` and return its number; that of `order` is not looked at.

    None where a row of the same `mark` is there: one that is being committed is waited for.
    """
    said = {field.name: getattr(order, field.name) for field in fields(Order)}
    del said["order_id"]
    row = {"message": "", **said, **columns}
    row |= {"scope": scope, "account_id": account_id, "user_id": user_id}
    adding = database.insert(orders).values(**row).on_conflict_do_nothing(index_elements=["mark"])
    number: int | None = connection.execute(adding.returning(orders.c.order_id)).scalar()
    return number


def open_levers() -> ColumnElement[bool]:
    """Orders that have not ended, but for holds: those are in force."""
    return and_(orders.c.ended_at.is_(None), orders.c.verb != Verb.HOLD)


def waiting_levers() -> ColumnElement[bool]:
    """Orders that wait to be obeyed; an accepted approval waits for its step, and for nobody."""
    return and_(open_levers(), orders.c.accepted_at.is_(None))


class Orders(Part):
    """Orders and holds, given and looked up by anybody; the lease is for obeying them."""

    def give(self, ref: UserRef, order: Order) -> int:
        """Put down an order on a user and return its number; that of `order` is not looked at.

        Raises:
            CommitUnknown: it was put down, or not; the database cannot be asked now.
        """
        mark = uuid4().hex

        def write(connection: Connection) -> int:
            number = write_order(
                self._database,
                connection,
                order,
                scope=Scope.USER,
                account_id=ref.account_id,
                user_id=ref.user_id,
                mark=mark,
            )
            return number or _number_of(connection, mark)

        return twice(self._database, write)

    def withdraw(self, order_id: int, message: str = "") -> bool:
        """Take an order back; False where it had ended, or is a hold (those are released)."""
        now = self._database.clock()
        ending = {"outcome": "withdrawn", "message": message, "ended_at": now}
        mine = orders.c.order_id == order_id
        done = and_(mine, *(orders.c[name] == value for name, value in ending.items()))

        def end(connection: Connection) -> bool:
            connection.execute(update(orders).where(mine, open_levers()).values(**ending))
            return connection.execute(select(orders.c.order_id).where(done)).first() is not None

        return twice(self._database, end)

    def open_orders(self) -> list[OrderRow]:
        """Every order that waits to be obeyed, oldest first; those that cannot be read left out."""
        query = select(orders).where(waiting_levers()).order_by(orders.c.order_id)
        with self._database.reading() as connection:
            found: list[OrderRow] = []
            for row in sound(connection.execute(query)):
                with suppress(RowDamaged):
                    found.append(shapes.order_row(row))
        return found

    def order(self, order_id: int) -> OrderRow | None:
        """One order, open or not."""
        with self._database.reading() as connection:
            row = connection.execute(select(orders).where(orders.c.order_id == order_id)).first()
        return None if row is None else shapes.order_row(row)

    def give_hold(
        self,
        scope: Scope,
        *,
        subject: UserRef | str | None = None,
        until: datetime | None = None,
        reason: str,
        actor: str,
    ) -> int:
        """Stop a user, a policy, an account or everything, until released or `until`.

        `subject` is the user's reference, the policy's name, the account's name or id, or
        nothing, as `scope` asks. Recorded in the journal too.
        """
        about = _about(scope, subject)
        order = Order(0, Verb.HOLD, self._database.clock(), actor=actor, reason=reason)
        mark = uuid4().hex
        told: record.Written | None = None

        def write(connection: Connection) -> int:
            nonlocal told
            number = write_order(
                self._database,
                connection,
                order,
                scope=scope,
                cause=Reason.BY_HAND,
                until=until,
                mark=mark,
                **about,
            )
            if number is None:
                return _number_of(connection, mark)
            told = self._tell(connection, order, f"hold of {_called(scope, subject)}", about)
            return number

        number = twice(self._database, write)
        self._watermark.saw(told)
        return number

    def release_hold(
        self,
        scope: Scope,
        *,
        subject: UserRef | str | None = None,
        reason: str,
        actor: str,
    ) -> int:
        """End the holds of exactly this scope and subject; how many were in force.

        Whoever has a rotation open is to be looked at now: its moment may have passed meanwhile.
        """
        about = _about(scope, subject)
        order = Order(0, Verb.RELEASE, self._database.clock(), actor=actor, reason=reason)
        mark, released = uuid4().hex, 0
        told: record.Written | None = None

        def release(connection: Connection) -> int:
            nonlocal released, told
            ended = _end_holds(connection, scope, about, order)
            if not ended:
                # Unless they were ended by a run whose answer was lost.
                return released if _number_of(connection, mark) else 0
            released = ended
            write_order(
                self._database,
                connection,
                order,
                scope=scope,
                outcome="done",
                ended_at=order.given_at,
                mark=mark,
                **about,
            )
            told = self._tell(connection, order, f"release of {_called(scope, subject)}", about)
            return ended

        released = twice(self._database, release)
        self._watermark.saw(told)
        return released

    def holds(self) -> Holds:
        """Every hold that is in force now, for whoever asks about many users.

        Raises:
            RowDamaged: one of them cannot be read, and whom it holds is not known.
        """
        with placing(self._database), self._database.reading() as connection:
            return holds_at(connection, self._database.clock())

    def hold_on(self, ref: UserRef, *, account: str, policy: str | None) -> Hold | None:
        """The hold that stops this user now: the narrowest, and of these the oldest."""
        return self.holds().on(ref, account=account, policy=policy)

    def _tell(
        self, connection: Connection, order: Order, detail: str, about: dict[str, str]
    ) -> record.Written:
        ref = UserRef(about.get("account_id", ""), about.get("user_id", ""))
        named = connection.execute(select(users).where(shapes.of_user(users, ref))).first()
        return record.append(
            self._database,
            connection,
            JournalRow(
                seq=0,
                at=order.given_at,
                step=Step.ORDER,
                outcome=JournalOutcome.DONE,
                account_id=ref.account_id,
                user_id=ref.user_id,
                account=named.account if named else about.get("account", ""),
                user=named.name if named else "",
                policy=named.policy if named else about.get("policy"),
                reason=Reason.BY_HAND,
                detail=f"{detail}: {order.reason}",
                actor=order.actor,
            ),
        )


class Holds:
    """The holds that were in force at one moment, asked for one user after the other."""

    def __init__(self, rows: Sequence[Row[Any]]) -> None:
        """`rows` of the table of orders, oldest first."""
        self._rows: dict[tuple[Scope, str, str], Row[Any]] = {}
        self._again: dict[int, datetime] = {}
        for row in rows:
            first = self._rows.setdefault((row.scope, *_subject_of(row)), row)
            if first is not row:
                self._again[first.order_id] = row.given_at

    def on(self, ref: UserRef, *, account: str, policy: str | None) -> Hold | None:
        """The hold that stops this user: the narrowest, and of these the oldest."""
        of_account = [
            row
            for name in (account, ref.account_id)
            if (row := self._rows.get((Scope.ACCOUNT, name, ""))) is not None
        ]
        found = (
            self._rows.get((Scope.USER, ref.account_id, ref.user_id))
            or (self._rows.get((Scope.POLICY, policy, "")) if policy else None)
            or min(of_account, key=lambda row: row.order_id, default=None)
            or self._rows.get((Scope.ALL, "", ""))
        )
        if found is None:
            return None
        return replace(shapes.hold(found), said_again_at=self._again.get(found.order_id))


def _number_of(connection: Connection, mark: str) -> int:
    """The number of the order that was written with this mark; 0 where none was."""
    found = select(orders.c.order_id).where(orders.c.mark == mark)
    return int(connection.execute(found).scalar() or 0)


def _end_holds(connection: Connection, scope: Scope, about: dict[str, str], release: Order) -> int:
    """End the holds of a scope and subject, and have whoever waits behind them looked at now."""
    now = release.given_at
    ended = connection.execute(
        update(orders)
        .where(
            _IN_FORCE,
            orders.c.scope == scope,
            *(orders.c[name] == value for name, value in about.items()),
        )
        .values(
            outcome="done",
            ended_at=now,
            message=f"released by {release.actor}: {release.reason}",
        ),
        {"at_moment": now},
    ).rowcount
    rotating = exists().where(shapes.same_user(rotations, users), rotations.c.closed_at.is_(None))
    if ended:
        connection.execute(update(users).where(*_users_of(about), rotating).values(next_at=now))
    return ended


_IN_FORCE = and_(
    orders.c.verb == Verb.HOLD,
    orders.c.ended_at.is_(None),
    or_(orders.c.until.is_(None), orders.c.until > bindparam("at_moment")),
)
_HOLDS = select(orders).where(_IN_FORCE).order_by(orders.c.order_id)


def holds_at(connection: Connection, now: datetime) -> Holds:
    """See `Orders.holds`."""
    rows = connection.execute(_HOLDS, {"at_moment": now})
    return Holds([shapes.whole(orders, row) for row in rows])


def _users_of(about: dict[str, str]) -> list[ColumnElement[bool]]:
    """Whose rows a hold concerned; an account is told by its name or its id."""
    if "account" in about:
        account = about["account"]
        return [or_(users.c.account == account, users.c.account_id == account)]
    return [users.c[name] == value for name, value in about.items()]


def _subject_of(row: Row[Any]) -> tuple[str, str]:
    match row.scope:
        case Scope.USER:
            return row.account_id, row.user_id
        case Scope.POLICY:
            return row.policy or "", ""
        case Scope.ACCOUNT:
            return row.account or "", ""
        case _:
            return "", ""


def _about(scope: Scope, subject: UserRef | str | None) -> dict[str, str]:
    """The columns that say whom a hold concerns; never fewer than its scope asks for."""
    if scope is Scope.USER and isinstance(subject, UserRef):
        return {"account_id": subject.account_id, "user_id": subject.user_id}
    if scope in {Scope.POLICY, Scope.ACCOUNT} and isinstance(subject, str) and subject:
        return {scope.value: subject}
    if scope is Scope.ALL and subject is None:
        return {}
    raise ValueError(f"a hold of scope {scope} cannot concern {subject!r}")


def _called(scope: Scope, subject: UserRef | str | None) -> str:
    if scope is Scope.ALL:
        return "everything"
    return f"{scope} {subject.user_id if isinstance(subject, UserRef) else subject}"
