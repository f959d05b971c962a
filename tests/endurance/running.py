"""A daemon that lives for years in minutes, and what of it could grow.

The daemon is the real one, put together as the command line does it (store in a file, logs,
metrics, health and metrics pages), but that the metronome is turned by hand and the clock is a
made-up one. What is measured is everything that could grow: rows, files, threads, connections,
what rotator's own objects hold, and memory.
"""

from __future__ import annotations

import gc
import io
import logging
import os
import sys
import threading
from collections import Counter, deque
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from rotator.cli.gauges import StepTimes, standing_of
from rotator.daemon import Daemon, Watch
from rotator.outlets import Outlets
from rotator.outlets.logs import configure
from rotator.outlets.metrics import Metrics
from rotator.reconcile import Sweeper
from rotator.store.schema import METADATA
from rotator.web import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotator.aws.accounts import Accounts
    from rotator.model import Configuration
    from rotator.reconcile import Equipment
    from rotator.store import Store
    from tests.simulation.world import World

__all__ = [
    "RELOAD_EACH",
    "Running",
    "Size",
    "blocks",
    "grown",
    "resident",
    "rows_of",
    "slope",
    "wal_bytes",
]

RELOAD_EACH = 20
SCRAPE_EACH = 10
ATOMS = (str, bytes, int, float, bool, type(None))


class Nowhere(io.StringIO):
    """A stream that keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)


@dataclass(frozen=True)
class Size:
    """What there is at one moment of all that could grow.

    Attributes:
        held: how much each container holds that an object or a module of rotator's leads to.
        objects: how many objects there are of each class of rotator's.
    """

    files: int
    threads: int
    checked_out: int
    pooled: int
    statements: int
    rows: dict[str, int]
    held: dict[str, int]
    objects: dict[str, int]

    def told(self) -> str:
        """The figures in one line."""
        return (
            f"{self.files} files, {self.threads} threads, {self.pooled} connections,"
            f" {self.statements} statements, {sum(self.objects.values())} objects,"
            f" {sum(self.held.values())} things held, {sum(self.rows.values())} rows"
        )


@dataclass
class Running:
    """The daemon over a simulated account; `turn` is what its metronome does in one sweep."""

    world: World
    daemon: Daemon = field(init=False)
    metrics: Metrics = field(init=False)
    turns: int = 0
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = self.world
        # Nobody else hears the lines, as pytest would, which keeps them.
        logging.getLogger().handlers.clear()
        logs = configure(format="json", level="info", stream=Nowhere(), clock=world.clock)
        self.metrics = Metrics(
            clock=world.clock, version="0", standing=lambda: standing_of(self.daemon.store)
        )
        outlets = Outlets(
            logs,
            self.metrics,
            StepTimes(self.metrics.on_step),
            on_failure=self.failures.append,
            strict=True,
        )
        self.daemon = Daemon(
            watch=Watch(world.path.with_name("none.yaml"), self._loaded, world.configuration),
            open_store=lambda: world.store,
            equip=self._equip,
            clock=world.clock,
            emit=outlets.emit,
            process="endurance",
        )
        self.daemon._sweeper = Sweeper(self._equip(world.configuration, world.store))
        self.app = make_app(
            alive=self.daemon.is_alive, problems=self.daemon.problems, metrics=self.metrics.render
        )

    def _loaded(self) -> Configuration:
        return self.world.configuration

    def _equip(self, configuration: Configuration, store: Store) -> Equipment:
        return replace(
            self.world.equipment,
            store=store,
            configuration=lambda: configuration,
            emit=self.daemon.emit,
            accounts=self.accounts(configuration),
        )

    def accounts(self, _configuration: Configuration) -> Accounts:
        """What enters the accounts; a configuration that is loaded anew has others."""
        return self.world.equipment.accounts

    def turn(self) -> None:
        """Do once all that the metronome and a scraper do from one sweep to the next."""
        self.turns += 1
        self.daemon._heartbeat()
        self.daemon._sweep(self.world.configuration.policies[0].name)
        self.daemon._visit_moments()
        if self.turns % SCRAPE_EACH == 0:
            assert b"rotator_store_up 1.0" in self.metrics.render()
            assert list(self.app({"REQUEST_METHOD": "GET", "PATH_INFO": "/readyz"}, _begin))
        if self.turns % RELOAD_EACH == 0:
            self._reload()
        self.world.aws.calls.clear()
        # What the world itself keeps for its monitor is no leak of the daemon's.
        self.world.aws.heard.forget()

    def _reload(self) -> None:
        """SIGHUP, and a look at every open rotation as after each configuration."""
        accounts = self.daemon._sweeper
        self.daemon._asked.set()
        self.daemon._scheduler.remove_all_jobs()
        self.daemon._reload()
        assert self.daemon._sweeper is not accounts
        self.daemon._visit_open()

    def size(self) -> Size:
        """Everything that could grow, after a reload, and after what is garbage was collected."""
        self._reload()
        gc.collect()
        engine = self.world.store._database.engine
        pool: Any = engine.pool
        return Size(
            files=len(list(Path("/proc/self/fd").iterdir())),
            threads=threading.active_count(),
            checked_out=pool.checkedout(),
            pooled=pool.checkedin(),
            statements=len(engine._compiled_cache or ()),
            rows=rows_of(self.world.store),
            held=_summed(_held([self.daemon, self.metrics, self.app])),
            objects=_objects(),
        )


def _begin(status: str, _headers: object, _error: object = None) -> Any:  # noqa: ANN401 - as WSGI has it
    assert status == "200 OK"


def rows_of(store: Store) -> dict[str, int]:
    """How many rows each table has."""
    with store._database.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in METADATA.sorted_tables
        }


def wal_bytes(path: Path) -> int:
    """How long the log of an SQLite store is that is not yet written to the file itself."""
    return path.with_name(f"{path.name}-wal").stat().st_size


def slope(samples: list[int]) -> float:
    """By how much the second half of some samples is above the first, from one to the next.

    Of each half the least counts: what comes and goes only adds.
    """
    half = len(samples) // 2
    return (min(samples[-half:]) - min(samples[:half])) / max(1, len(samples) - half)


def blocks() -> int:
    """Blocks of memory that Python's objects hold, after what is garbage was collected."""
    gc.collect()
    return sys.getallocatedblocks()


def grown(before: Size, after: Size) -> dict[str, tuple[Any, Any]]:
    """What is other than before, each with both figures."""
    found: dict[str, tuple[Any, Any]] = {}
    for part in fields(Size):
        was, now = getattr(before, part.name), getattr(after, part.name)
        if not isinstance(was, dict):
            was, now = {"": was}, {"": now}
        for name in was.keys() | now.keys():
            if was.get(name, 0) != now.get(name, 0):
                found[f"{part.name} {name}".strip()] = (was.get(name, 0), now.get(name, 0))
    return found


def _summed(lengths: Iterator[tuple[str, int]]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for path, length in lengths:
        counted[path] += length
    return dict(counted)


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _objects() -> dict[str, int]:
    """How many objects of rotator's classes the collector knows."""
    ours = (each for each in gc.get_objects() if _is_of(each, "rotator."))
    return dict(Counter(type(each).__qualname__ for each in ours))


def _is_of(it: object, *packages: str) -> bool:
    """Whether its class is made in one of these packages."""
    return str(type(it).__module__).startswith(packages)


def _held(roots: list[object]) -> Iterator[tuple[str, int]]:
    """The length of each container that rotator's objects and modules lead to, by its path."""
    modules = [m for name, m in sorted(sys.modules.items()) if name.startswith("rotator.")]
    todo: deque[tuple[str, object]] = deque((type(r).__name__, r) for r in roots)
    todo.extend((m.__name__, m) for m in modules)
    seen: set[int] = set()
    while todo:
        path, it = todo.popleft()
        if id(it) in seen or isinstance(it, ATOMS):
            continue
        seen.add(id(it))
        if isinstance(it, dict | list | tuple | set | frozenset | deque):
            yield path, len(it)
        todo.extend(_within(path, it))


def _within(path: str, it: object) -> Iterator[tuple[str, object]]:
    """What a container or an object of rotator's leads to."""
    if isinstance(it, dict):
        yield from ((f"{path}[]", value) for value in it.values())
    elif isinstance(it, list | tuple | set | frozenset | deque):
        yield from ((f"{path}[]", value) for value in it)
    elif isinstance(it, ModuleType) and it.__name__.startswith("rotator"):
        yield from ((f"{path}.{name}", value) for name, value in vars(it).items())
    elif isinstance(it, FunctionType):
        cells = it.__closure__ or ()
        yield from ((f"{path}()", cell.cell_contents) for cell in cells if _is_full(cell))
    elif not isinstance(it, type) and _is_of(it, "rotator.", "prometheus_client"):
        names = [n for kind in type(it).__mro__ for n in getattr(kind, "__slots__", ())]
        names += list(getattr(it, "__dict__", {}))
        yield from ((f"{path}.{name}", getattr(it, name)) for name in names if hasattr(it, name))


def _is_full(cell: Any) -> bool:  # noqa: ANN401 - Python's own type of cells has no public name
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
