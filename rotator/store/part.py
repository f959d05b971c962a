"""What the parts of the store have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rotator.store.engine import Database
    from rotator.store.watermark import Watermark

__all__ = ["Part"]


class Part:
    """One noun's share of the store: the database that it speaks to, and what was seen of it."""

    def __init__(self, database: Database, watermark: Watermark) -> None:
        self._database = database
        self._watermark = watermark
