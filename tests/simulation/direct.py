"""Statements of SQLAlchemy, taken straight to SQLite: the same text, the same values both ways.

SQLAlchemy compiles each statement, and says how its parameters and columns are converted; what it
does besides at each execution, which is most of its time, is left out. What cannot be taken
straight (several rows at once, defaults, lists that are written out) goes through SQLAlchemy's own
connection, in the same transaction.

    direct = Direct(engine, driver)
    direct.begin("BEGIN IMMEDIATE")
    direct.execute(select(users).where(…), {"of_user_id": "AIDA…"}).first()
    direct.end(driver.commit)
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy import inspect
from sqlalchemy.engine import Row
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound
from sqlalchemy.inspection import _inspects
from sqlalchemy.sql.compiler import SQLCompiler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine, Executable

__all__ = ["Answer", "Direct"]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How rows are made of what SQLite returns."""

    keys: SimpleResultMetaData
    converts: Sequence[Any] | None
    index: Mapping[Any, int]

    def row(self, raw: tuple[Any, ...]) -> Row[Any]:
        """One row, its columns converted."""
        return Row(self.keys, self.converts, cast("Any", self.index), raw)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One statement as SQLite takes it.

    Attributes:
        sources: for each parameter the name that the caller gives it, how it is converted, and its
            value where the statement itself has it.
    """

    text: str
    sources: tuple[tuple[str | None, Any, Any], ...]
    shape: _Shape | None


class Answer:
    """What SQLite answered, with the part of a result of SQLAlchemy's that is asked for."""

    def __init__(self, shape: _Shape | None, raw: list[tuple[Any, ...]], rowcount: int) -> None:
        self.rowcount = rowcount
        self._shape = shape
        self._raw = iter(raw)

    def __iter__(self) -> Iterator[Row[Any]]:
        return map(self._rows.row, self._raw)

    def fetchone(self) -> Row[Any] | None:
        """The next row, if any; one that cannot be converted is passed over by the next call."""
        raw = next(self._raw, None)
        return None if raw is None else self._rows.row(raw)

    first = fetchone

    def all(self) -> list[Row[Any]]:
        """All rows that are left."""
        return list(self)

    def one(self) -> Row[Any]:
        """The only row."""
        rows = self.all()
        if not rows:
            raise NoResultFound
        if len(rows) > 1:
            raise MultipleResultsFound
        return rows[0]

    def scalar(self) -> Any:  # noqa: ANN401 - whatever the column holds
        """The first column of the first row, if any."""
        row = self.fetchone()
        return None if row is None else row[0]

    def scalar_one(self) -> Any:  # noqa: ANN401 - whatever the column holds
        """The first column of the only row."""
        return self.one()[0]

    def scalars(self) -> Iterator[Any]:
        """The first column of each row."""
        return (row[0] for row in self)

    @property
    def _rows(self) -> _Shape:
        assert self._shape is not None, "a statement that returns no rows"
        return self._shape


class Direct:
    """The connection of one transaction after the other."""

    def __init__(self, engine: Engine, driver: sqlite3.Connection) -> None:
        self.dialect = engine.dialect
        self._engine = engine
        self._driver = driver
        self._own: Connection | None = None
        # The first of an engine's connections rolls back what it finds: not in a transaction.
        engine.connect().close()

    def begin(self, how: str) -> None:
        """Begin a transaction."""
        self._tell(how, ())
        self._driver.execute(how).close()

    def end(self, how: Callable[[], None]) -> None:
        """End it: `how` is the driver's commit or rollback."""
        try:
            how()
        finally:
            own, self._own = self._own, None
            if own is not None:
                own.close()

    def execute(self, statement: Executable, parameters: Any = None) -> Any:  # noqa: ANN401 - one row's or several
        """As SQLAlchemy's."""
        given = {} if parameters is None else parameters
        plan = _planned(statement, self._engine, tuple(given)) if type(given) is dict else None
        if plan is None:
            return self._connection.execute(statement, parameters)
        values = [
            value if name is None else given[name] if convert is None else convert(given[name])
            for name, convert, value in plan.sources
        ]
        self._tell(plan.text, values)
        try:
            cursor = self._driver.execute(plan.text, values)
            raw = [] if plan.shape is None else cursor.fetchall()
        except sqlite3.Error as exc:
            raise DBAPIError.instance(
                plan.text, None, exc, sqlite3.Error, hide_parameters=True, dialect=self.dialect
            ) from exc
        answer = Answer(plan.shape, raw, cursor.rowcount)
        cursor.close()
        return answer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever SQLAlchemy's has
        return getattr(self._connection, name)

    @property
    def _connection(self) -> Connection:
        """SQLAlchemy's own, in the same transaction of the one connection there is."""
        if self._own is None:
            self._own = self._engine.connect()
        return self._own

    def _tell(self, text: str, values: Sequence[object]) -> None:
        """Who counts statements hears of each."""
        for hear in self._engine.dispatch.before_cursor_execute:
            hear(None, None, text, values, None, False)


@_inspects(Direct)
def _inspected(direct: Direct) -> Any:  # noqa: ANN401 - whatever SQLAlchemy makes of its own
    return inspect(direct._connection)


_PLANS: WeakKeyDictionary[Executable, dict[tuple[str, ...], _Plan | None]] = WeakKeyDictionary()
_SHAPES: WeakKeyDictionary[SQLCompiler, _Shape | None] = WeakKeyDictionary()


def _planned(statement: Executable, engine: Engine, names: tuple[str, ...]) -> _Plan | None:
    plans = _PLANS.get(statement)
    if plans is None:
        plans = _PLANS[statement] = {}
    if names not in plans:
        plans[names] = _plan(statement, engine, names)
    return plans[names]


def _plan(statement: Any, engine: Engine, names: tuple[str, ...]) -> _Plan | None:  # noqa: ANN401 - SQLAlchemy's inner side
    """How this statement is executed with parameters of these names; None: not straight."""
    compiled, extracted, collected, _ = statement._compile_w_cache(
        engine.dialect, compiled_cache=engine._compiled_cache, column_keys=sorted(names)
    )
    if not _is_straight(compiled):
        return None
    own = compiled.construct_params(
        extracted_parameters=extracted,
        escape_names=False,
        _check=False,
        _collected_params=collected,
    )
    keys = {name: one.key for one, name in compiled.bind_names.items()}
    required = {name for one, name in compiled.bind_names.items() if one.required}
    sources: list[tuple[str | None, Any, Any]] = []
    for name in compiled.positiontup or ():
        convert = compiled._bind_processors.get(name)
        source = next((one for one in (keys[name], name) if one in names), None)
        if source is None and name in required:
            return None
        value = own[name] if source is None else None
        if source is None and convert is not None:
            value = convert(value)
        sources.append((source, convert, value))
    return _Plan(compiled.string, tuple(sources), _shape(compiled, engine))


def _is_straight(compiled: Any) -> bool:  # noqa: ANN401 - SQLAlchemy's inner side
    """Whether nothing is done at its execution besides converting."""
    if not isinstance(compiled, SQLCompiler) or compiled.isplaintext:
        return False
    return not (
        compiled.literal_execute_params
        or compiled.post_compile_params
        or compiled.insert_prefetch
        or compiled.update_prefetch
        or any(one.callable for one in compiled.bind_names)
        or (compiled._result_columns and not compiled._ordered_columns)
    )


def _shape(compiled: SQLCompiler, engine: Engine) -> _Shape | None:
    if compiled not in _SHAPES:
        is_read = not (compiled.isinsert or compiled.isupdate or compiled.isdelete)
        returns = is_read or bool(compiled.effective_returning)
        _SHAPES[compiled] = _shaped(compiled, engine) if returns else None
    return _SHAPES[compiled]


def _shaped(compiled: SQLCompiler, engine: Engine) -> _Shape:
    columns = compiled._result_columns
    keys = SimpleResultMetaData([column.keyname for column in columns])
    converts = [column.type._cached_result_processor(engine.dialect, None) for column in columns]
    return _Shape(keys, converts if any(converts) else None, keys._key_to_index)
