"""What the daemon shows over HTTP: whether it lives, whether it can work, and its metrics."""

from rotator.web.app import make_app
from rotator.web.server import CannotListen, Server, serve

__all__ = ["CannotListen", "Server", "make_app", "serve"]
