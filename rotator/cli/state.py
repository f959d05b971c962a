"""`rotator state init | check | backup | accept`: the store as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rotator.cli.actors import actor_of, confirmed
from rotator.cli.build import state_of
from rotator.cli.clocks import clock
from rotator.cli.outcomes import FAILED, FINE
from rotator.cli.output import say, tell, tell_document
from rotator.cli.stores import opened, shown
from rotator.errors import Refused
from rotator.store import create

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings
    from rotator.store import Store

__all__ = ["state"]


def state(settings: Settings, given: Namespace) -> int:
    """Do one thing with the store as a whole.

    Raises:
        ConfigError, StoreError, Refused: it cannot be done; nothing was changed.
    """
    url = state_of(settings)
    if given.verb == "init":
        create(url, clock=clock).close()
        return _answer(settings, f"made a new, empty store: {shown(url)}")
    with opened(url) as store:
        if given.verb == "check":
            return _check(settings, store, shown(url))
        if given.verb == "backup":
            store.backup(Path(given.target))
            return _answer(settings, f"copied to {given.target}")
        return _accept(settings, given, store)


def _check(settings: Settings, store: Store, url: str) -> int:
    faults = store.check()
    if went_back := store.went_back():
        faults.append(went_back)
    if settings.as_json:
        tell_document(state=url, faults=faults)
    elif not faults:
        tell(f"{url} is in order")
    for fault in faults:
        say(f"rotator: {fault}")
    return FAILED if faults else FINE


def _accept(settings: Settings, given: Namespace, store: Store) -> int:
    went_back = store.went_back()
    if went_back is None:
        raise Refused("this store is no backup and lost nothing: there is nothing to accept")
    if not confirmed(given, f"{went_back}. Go on with it as it is?"):
        return FAILED
    store.accept(actor=actor_of(settings, given), reason=given.reason)
    return _answer(settings, "accepted: work goes on from this store as it is")


def _answer(settings: Settings, text: str) -> int:
    if settings.as_json:
        tell_document(message=text)
    else:
        tell(text)
    return FINE
