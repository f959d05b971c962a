"""`rotator state init | check | backup | accept`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rotator.cli.actors import actor_of, confirmed
from rotator.cli.build import clock, load_configuration
from rotator.cli.output import print_document, say
from rotator.cli.stores import opened
from rotator.store import create

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings

__all__ = ["state"]


def state(settings: Settings, given: Namespace) -> int:
    """Do one thing with the store as a whole.

    Raises:
        StoreError, Refused: it cannot be done; nothing was changed.
    """
    url = settings.state or load_configuration(settings).state
    if given.verb == "init":
        create(url, clock=clock).close()
        return _answer(settings, f"made {url}")
    with opened(url) as store:
        if given.verb == "check":
            faults = store.check()
            if settings.as_json:
                print_document(faults=faults)
            elif not faults:
                print(f"{url}: fine")
            for fault in faults:
                say(fault)
            return 1 if faults else 0
        if given.verb == "backup":
            store.backup(Path(given.target))
            return _answer(settings, f"copied to {given.target}")
        reason = store.went_back()
        if reason is None:
            say("rotator: this store did not go back: there is nothing to accept")
            return 1
        if not confirmed(given, f"{reason}. Go on with it?"):
            return 1
        store.accept(actor=actor_of(settings, given), reason=given.reason)
        return _answer(settings, "accepted")


def _answer(settings: Settings, text: str) -> int:
    if settings.as_json:
        print_document(done=text)
    else:
        print(text)
    return 0
