"""Which key is where: the one predicate that is asked before any key is harmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.model import Absent, Empty, Kind, Serves, Title, WrittenAt

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import Case, PlaceState

__all__ = ["has", "made_by_us", "may_have", "our_places", "served", "written_by_another"]


def our_places(case: Case) -> tuple[PlaceState, ...]:
    """The places that belong, or are about to belong, to this user and to no other."""
    return tuple(place for place in case.places if place.owner is None)


def served(place: PlaceState) -> str | None:
    """The key that a reading of this visit shows at a place, if it shows one."""
    return place.reading.key_id if isinstance(place.reading, Serves) else None


def may_have(place: PlaceState, key_id: str, case: Case) -> bool:
    """Whether consumers may be reading this key here; doubt says yes (P1, P6).

    A reading of a readable place decides alone. A write-only place may have the key that was put
    there last, or may have been; every key once somebody else wrote it; and, where we never
    wrote, every key that is older than the open rotation.
    """
    if isinstance(place.reading, Serves):
        return place.reading.key_id == key_id
    if isinstance(place.reading, Empty | Absent):
        return False
    if made_by_us(case, key_id) and key_id not in {place.begun_key, place.answered_key}:
        return _written_since(place, _created_at(case, key_id))
    if place.readable:
        return True
    return (
        key_id in {place.begun_key, place.answered_key}
        or written_by_another(place)
        or (place.answered_key is None and _older_than_rotation(case, key_id))
    )


def has(place: PlaceState, key_id: str) -> bool:
    """Whether the key was delivered here, and nothing that was read since says otherwise."""
    if place.delivered_at is None:
        return False
    if place.readable:
        return served(place) == key_id
    return place.answered_key == key_id and not written_by_another(place)


def written_by_another(place: PlaceState) -> bool:
    """Whether a write-only place that we wrote may have been written by somebody since.

    One that cannot tell its writing time is taken at our own last answered put.
    """
    if place.answered_key is None:
        return False
    if isinstance(place.reading, WrittenAt):
        return place.reading.at is not None and place.reading.at != place.written_at
    return True


def made_by_us(case: Case, key_id: str) -> bool:
    """Whether the open rotation's own create made this key, or may have (row 2's candidate)."""
    rotation = case.rotation
    if rotation is None:
        return False
    if key_id == rotation.successor:
        return rotation.issued_at is not None
    if rotation.title in {Title.ORPHAN, Title.UNDELIVERED}:
        return key_id == rotation.leaver
    key = case.key(key_id)
    return (
        rotation.kind is not Kind.LEAVE
        and rotation.successor is None
        and key is not None
        and key.first_seen_at > rotation.begun_at
    )


def _written_since(place: PlaceState, moment: datetime | None) -> bool:
    """Whether a place shows that somebody else than us wrote it since a moment.

    IAM tells whole seconds, so a writing in the same second may be the later one.
    """
    at = place.reading.at if isinstance(place.reading, WrittenAt) else None
    return at is not None and at != place.written_at and (moment is None or at >= moment)


def _created_at(case: Case, key_id: str) -> datetime | None:
    key = case.key(key_id)
    return key.created_at if key else None


def _older_than_rotation(case: Case, key_id: str) -> bool:
    created_at = _created_at(case, key_id)
    return case.rotation is None or created_at is None or created_at < case.rotation.begun_at
