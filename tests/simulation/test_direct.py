"""The short way to the store in memory: it asks and is answered as SQLAlchemy asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.exc import IntegrityError

from rotator.errors import RowDamaged
from rotator.store import shapes
from rotator.store.schema import leases, meta, users
from tests.simulation.direct import Answer, Direct
from tests.simulation.stores import empty_store
from tests.simulation.world import READABLE, WRITEONLY, World, policy
from tests.sinks.fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Executable


class Compared:
    """Each statement, asked by SQLAlchemy too, and taken back, before it goes the short way."""

    def __init__(self) -> None:
        self.straight = 0
        self.differ: list[tuple[Any, Any]] = []
        self._short_way = Direct.execute

    def asked_twice(self) -> Callable[..., Any]:
        """What stands in the place of `Direct.execute`: a function, which is bound as that is."""

        def execute(direct: Direct, *asked: Any) -> Any:  # noqa: ANN401 - as SQLAlchemy's
            return self.execute(direct, *asked)

        return execute

    def execute(self, direct: Direct, statement: Executable, parameters: Any = None) -> Any:  # noqa: ANN401 - as SQLAlchemy's
        """In the place of `Direct.execute`."""
        asked: list[tuple[str, list[object]]] = []

        def note(_connection: object, _cursor: object, text: str, values: Any, *_: object) -> None:  # noqa: ANN401 - of any statement
            asked.append((text, list(values)))

        event.listen(direct._engine, "before_cursor_execute", note)
        try:
            direct._driver.execute("SAVEPOINT compared")
            long_way = direct._connection.execute(statement, parameters)
            rows = long_way.all() if long_way.returns_rows else []
            count = long_way.rowcount
            direct._driver.execute("ROLLBACK TO compared")
            direct._driver.execute("RELEASE compared")
            answer = self._short_way(direct, statement, parameters)
        finally:
            event.remove(direct._engine, "before_cursor_execute", note)
        if not isinstance(answer, Answer):
            return answer
        self.straight += 1
        found = answer.all() if answer._shape else []
        self.differ += [] if asked[0] == asked[1] else [(asked[0], asked[1])]
        self.differ += [] if found == rows else [(rows, found)]
        if not rows:
            self.differ += [] if answer.rowcount == count else [(count, answer.rowcount)]
        answer._raw = iter([tuple(row) for row in found])
        if answer._shape is not None:
            # They are converted by now.
            shape = answer._shape
            answer._shape = type(shape)(shape.keys, None, shape.index)
        return answer


def test_each_statement_of_a_life_is_asked_and_answered_as_by_sqlalchemy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same text, the same values, the same rows, over the whole life of a rotation."""
    compared = Compared()
    monkeypatch.setattr(Direct, "execute", compared.asked_twice())
    world = World.made(None, policy(sinks=(READABLE, WRITEONLY)))

    world.live(world.add_user())
    world.close()

    assert compared.differ == []
    assert compared.straight > 200


def test_a_row_that_cannot_be_is_refused() -> None:
    """As by SQLAlchemy: its columns are converted by the store's own types."""
    store = empty_store(FakeClock())
    with store._database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO leases VALUES ('1', 'AIDA', 'somebody', 1, 'never', '')"
        )

    with (
        pytest.raises(RowDamaged, match="'never' where a whole number belongs"),
        store._database.reading() as connection,
    ):
        connection.execute(select(leases)).all()


def test_what_breaks_a_rule_of_the_schema_is_told_as_sqlalchemy_tells_it() -> None:
    """The product distinguishes it by that."""
    store = empty_store(FakeClock())
    row = {"name": "twice", "value": ""}
    with store._database.writing() as connection:
        connection.execute(insert(meta), row)

        with pytest.raises(IntegrityError, match="UNIQUE"):
            connection.execute(insert(meta), row)


def test_what_fails_leaves_nothing_written() -> None:
    """Whichever way a statement went, it is in the one transaction."""
    store = empty_store(FakeClock())
    rows = [{"name": "one", "value": ""}, {"name": "two", "value": ""}]

    def written_and_given_up() -> None:
        with store._database.writing() as connection:
            connection.execute(insert(meta), rows)
            connection.execute(insert(meta), {"name": "three", "value": ""})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        written_and_given_up()

    with store._database.reading() as connection:
        names = {row.name for row in connection.execute(select(meta))}
        user = connection.execute(
            select(users).where(shapes.mine(users)), {"of_account_id": "1", "of_user_id": "2"}
        ).first()

    assert (names & {"one", "two", "three"}, user) == (set(), None)
