"""Where a rotation stands: the phase of the earliest fact that its kind still lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.model import KeyStatus, Kind, Phase

if TYPE_CHECKING:
    from rotator.model import AccessKey, Rotation

__all__ = ["phase_of"]


def phase_of(rotation: Rotation | None, leaver: AccessKey | None) -> Phase:
    """The phase of a user; a later fact never hides an earlier one that is missing."""
    if rotation is None:
        return Phase.IDLE
    if rotation.kind is not Kind.LEAVE:
        if rotation.issued_at is None:
            return Phase.ISSUING
        if rotation.proven_at is None or rotation.delivered_at is None:
            return Phase.DELIVERING
    if leaver is None or leaver.status is KeyStatus.INACTIVE:
        return Phase.RECOVERY
    return Phase.GRACE
