"""Opening the store: none is made in passing, and reading goes on without one."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rotator.cli.clocks import clock
from rotator.cli.output import say
from rotator.errors import Refused, StoreMissing
from rotator.store import create, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotator.store import Store

__all__ = ["ensured", "opened", "reading", "shown"]


def opened(url: str) -> Store:
    """The store at this address.

    Raises:
        StoreMissing: there is none; only `state init` makes one.
        StoreError: it cannot be used; the sentence says why.
    """
    return open_store(url, clock=clock)


def ensured(url: str) -> Store:
    """The store at this address, made first where there is none (`--init-state`)."""
    try:
        return opened(url)
    except StoreMissing:
        pass
    try:
        return create(url, clock=clock)
    except Refused:
        # Somebody else made it in between: theirs is the store.
        return opened(url)


@contextmanager
def reading(url: str) -> Iterator[Store]:
    """The store for a command that only reads; as on the first day where there is none.

    What stands in for it is an empty store in a folder of its own, gone afterwards.
    """
    try:
        store = opened(url)
    except StoreMissing as exc:
        say(f"rotator: {exc}\nGoing on as on the first day: nothing is on record.")
        with (
            tempfile.TemporaryDirectory(prefix="rotator-") as folder,
            create(f"sqlite:///{Path(folder) / 'none.db'}", clock=clock) as blank,
        ):
            yield blank
        return
    with store:
        yield store


def shown(url: str) -> str:
    """The address of a store as it may be printed: without a password."""
    if url.startswith("sqlite"):
        return url
    from rotator.errors import StoreError
    from rotator.store.engine import Address

    try:
        return Address.parse(url, Path()).shown
    except StoreError:
        return "the store"
