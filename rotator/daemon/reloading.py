"""Loads the configuration anew when its files change: whole, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rotator.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotator.model import Configuration

__all__ = ["Watch"]

Fingerprint = tuple[tuple[str, int, int], ...]


class Watch:
    """The configuration in force, and whether what it was read from has changed since.

    A file that was found to be wrong is not read again before it changes.
    """

    def __init__(
        self, source: Path, load: Callable[[], Configuration], loaded: Configuration
    ) -> None:
        self._source = source
        self._load = load
        self.current = loaded
        self._seen = self._fingerprint()
        self.rejected: ConfigError | None = None

    def renewed(self, *, ask: bool = False) -> Configuration | None:
        """The new configuration if its files changed, or if asked to look; else None.

        Raises:
            ConfigError: it is wrong; the one before stays in force.
        """
        fingerprint = self._fingerprint()
        if fingerprint == self._seen and not ask:
            return None
        self._seen = fingerprint
        try:
            loaded = self._load()
        except ConfigError as exc:
            self.rejected = exc
            raise
        was_rejected, self.rejected = self.rejected is not None, None
        self._seen = self._fingerprint()
        if loaded == self.current and not ask and not was_rejected:
            return None
        self.current = loaded
        return loaded

    def _fingerprint(self) -> Fingerprint:
        """The names, times and sizes of everything that is read; a missing file is one, too."""
        names = {self._source, *map(Path, self.current.files)}
        if self._source.is_dir():
            names.update(self._source.glob("*.y*ml"))
        return tuple(sorted(map(_mark, names)))


def _mark(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, -1
    return str(path), status.st_mtime_ns, status.st_size
