"""What a process works with: one of each, built by the command line and handed down."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event as Flag
from threading import get_ident
from typing import TYPE_CHECKING

from rotator.reconcile.hands import Hands

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rotator.aws.accounts import Accounts
    from rotator.events import Emit
    from rotator.model import Configuration
    from rotator.sinks import Sink, SinkContext
    from rotator.store import Store

__all__ = ["Equipment"]


@dataclass(frozen=True, slots=True)
class Equipment:
    """The adapters and the few things that live as long as the process.

    Attributes:
        configuration: gives the configuration in force; it may change between two visits.
        build_sink: makes the instance of a sink for one user.
        process: a random id of this process's start; with the thread it is the holder of leases.
        pause: waits so many seconds, or less when the process is asked to stop.
        stopping: set when nothing may be begun any more.
        discover: lists the accounts of organizations anew, where that is due.
        actor: who acts when nobody ordered it, as the journal says it (`daemon`, `run`).
    """

    store: Store
    accounts: Accounts
    configuration: Callable[[], Configuration]
    build_sink: Callable[[SinkContext], Sink]
    clock: Callable[[], datetime]
    emit: Emit
    process: str
    pause: Callable[[float], None]
    discover: Callable[[], None] = lambda: None
    actor: str = "daemon"
    hands: Hands = field(default_factory=Hands)
    stopping: Flag = field(default_factory=Flag)

    @property
    def holder(self) -> str:
        """Who holds a lease: this process's start and the thread that works."""
        return f"{self.process}-{get_ident():x}"
