"""Some of the single faults of every way, over the other database: the same code, the same lives.

The slice is another one each time: LIVES_SLICE is its seed, POSTGRES_LIVES how many of each way.
"""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING

import pytest

from rotator.store import Store, open_store
from rotator.store.schema import METADATA
from tests.faults.lives import lived
from tests.faults.matrix import effects_of, faults_at
from tests.faults.ways import WAYS
from tests.simulation import world as worlds
from tests.store.worlds import set_by_hand

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.databases.postgres import Server

pytestmark = pytest.mark.timeout(900)

LIVES = int(os.environ.get("POSTGRES_LIVES", "2"))


def moved(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> list[Store]:
    """Every world that is made from now on has its store in a real PostgreSQL; the stores."""
    found: list[Store] = []

    def empty(clock: Callable[[], datetime]) -> Store:
        found.append(set_by_hand(open_store(postgres.empty(), clock=clock)))
        return found[-1]

    monkeypatch.setattr(worlds, "empty_store", empty)
    monkeypatch.setattr(worlds, "give_back", Store.close)
    monkeypatch.setattr(worlds, "bytes_of", every_row)
    return found


def every_row(store: Store) -> bytes:
    """All that is stored."""
    with store._database.reading() as connection:
        tables = [connection.execute(table.select()).all() for table in METADATA.sorted_tables]
    return repr(tables).encode()


@pytest.mark.parametrize("way", WAYS)
def test_single_faults_are_survived_over_postgresql(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The promises hold, it ends well, and it takes the effects that it takes over SQLite."""
    chance, effects = Random(f"{os.environ.get('LIVES_SLICE', '')} {way} pg"), effects_of(way)
    opened = moved(postgres, monkeypatch)
    undisturbed = lived(way, {})
    struck = []
    for _ in range(LIVES):
        number = chance.randrange(len(effects))
        fault = chance.choice(faults_at(effects[number]))
        try:
            lived(way, {number: fault})
        except AssertionError as exc:
            struck.append(f"{way}: {fault} at effect {number} ({effects[number]}): {exc}")

    assert struck == []
    assert undisturbed == effects
    assert len(opened) == LIVES + 1
    assert not any(store._database.is_sqlite for store in opened)
