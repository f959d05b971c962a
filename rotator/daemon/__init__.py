"""The daemon: a metronome, signals, reload and a quiet end."""

from rotator.daemon.loop import Daemon
from rotator.daemon.reloading import Watch

__all__ = ["Daemon", "Watch"]
