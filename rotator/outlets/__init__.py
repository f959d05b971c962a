"""What reads events: the log, the metrics, and later the people who want to be told."""

from rotator.outlets.fanout import Outlet, Outlets

__all__ = ["Outlet", "Outlets"]
