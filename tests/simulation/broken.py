"""What is raised where a promise is broken."""

from __future__ import annotations

__all__ = ["Broken"]


class Broken(AssertionError):
    """A promise was broken; the sentence says which, and by what."""
