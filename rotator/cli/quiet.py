"""The outlets of a command that runs once: the log on standard error, and nothing else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rotator.cli.clocks import clock
from rotator.outlets import Outlets
from rotator.outlets.logs import configure

if TYPE_CHECKING:
    from rotator.cli.build import Settings
    from rotator.events import Emit

__all__ = ["outlets_of"]


def outlets_of(settings: Settings) -> Emit:
    """Where the events of this command go."""
    logs = configure(
        format=settings.log_format,
        level=settings.log_level,
        stream=sys.stderr,
        clock=clock,
    )
    return Outlets(logs).emit
