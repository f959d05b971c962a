"""Sightings: what a listing says of known keys, given that it may be stale."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotator.judgement.sightings import contradicted, sighted
from rotator.model import KeyStatus, ListedKey, UseUnknown
from tests.judgement.worlds import (
    DAY,
    HOUR,
    NEW,
    NOW,
    OLD,
    SECOND,
    SETTLE,
    a_key,
    ago,
)

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.model import AccessKey

BEFORE = ago(HOUR)
"""When the listing before this one was made."""

ON, OFF = KeyStatus.ACTIVE, KeyStatus.INACTIVE


def known(**facts: object) -> AccessKey:
    """A key that was listed an hour ago."""
    return replace(a_key(age=30 * DAY, last_seen_at=BEFORE), **facts)  # type: ignore[arg-type] # fields of a key


def line(status: KeyStatus = ON, key_id: str = OLD, age: object = 30 * DAY) -> ListedKey:
    """One entry of a listing."""
    return ListedKey(key_id, status, NOW - age)  # type: ignore[operator] # a span


def seen(
    keys: list[AccessKey], *lines: ListedKey, changed: dict[str, datetime] | None = None
) -> tuple[AccessKey, ...]:
    """What is known after a listing made now."""
    return sighted(keys, lines, NOW, settle=SETTLE, changed_by_us=changed or {})


UNASKED = UseUnknown("not asked yet")


@pytest.mark.parametrize(
    ("before", "listed", "changed", "expected"),
    [
        pytest.param([], [], {}, [], id="nothing known, nothing listed"),
        pytest.param(
            [],
            [line()],
            {},
            [known(last_use=UNASKED, first_seen_at=NOW, last_seen_at=NOW)],
            id="an Active key at first sight was so since its creation",
        ),
        pytest.param(
            [],
            [line(OFF)],
            {},
            [
                known(
                    last_use=UNASKED,
                    status=OFF,
                    status_since=NOW,
                    first_seen_at=NOW,
                    last_seen_at=NOW,
                )
            ],
            id="an Inactive one is known so only from now on",
        ),
        pytest.param([known()], [line()], {}, [known(last_seen_at=NOW)], id="as before"),
        pytest.param(
            [known()],
            [line(OFF)],
            {},
            [known(status=OFF, status_since=NOW, last_seen_at=NOW)],
            id="a change counts from the listing that shows it",
        ),
        pytest.param(
            [known(status=OFF, status_since=BEFORE)],
            [line(KeyStatus.EXPIRED)],
            {},
            [known(status=KeyStatus.EXPIRED, status_since=NOW, last_seen_at=NOW)],
            id="Expired is a status of its own",
        ),
        pytest.param(
            [known(status=OFF, status_since=BEFORE)],
            [line()],
            {OLD: ago(SETTLE - SECOND)},
            [known(status=OFF, status_since=BEFORE, last_seen_at=NOW)],
            id="Active within `settle` after we switched it off is stale",
        ),
        pytest.param(
            [known(status=OFF, status_since=BEFORE)],
            [line()],
            {OLD: ago(SETTLE)},
            [known(status_since=NOW, last_seen_at=NOW)],
            id="and after that it is somebody's doing",
        ),
        pytest.param(
            [known(status=OFF, status_since=BEFORE)],
            [line()],
            {NEW: NOW},
            [known(status_since=NOW, last_seen_at=NOW)],
            id="a change of another key makes no listing stale",
        ),
        pytest.param(
            [known()], [], {}, [known(missing_since=NOW)], id="missing for the first time"
        ),
        pytest.param(
            [known(missing_since=BEFORE)], [], {}, [known(missing_since=BEFORE)], id="missing still"
        ),
        pytest.param(
            [known(missing_since=BEFORE)],
            [line()],
            {},
            [known(last_seen_at=NOW)],
            id="listed again: it was never gone",
        ),
        pytest.param(
            [known()],
            [],
            {OLD: ago(SETTLE - SECOND)},
            [known()],
            id="made just now, not listed yet",
        ),
        pytest.param(
            [known()], [], {OLD: ago(SETTLE)}, [known(missing_since=NOW)], id="it should be by now"
        ),
        pytest.param(
            [known(created_at=ago(31 * DAY))],
            [line()],
            {},
            [known(last_seen_at=NOW)],
            id="its creation is what IAM says it is",
        ),
    ],
)
def test_sighted(
    before: list[AccessKey],
    listed: list[ListedKey],
    changed: dict[str, datetime],
    expected: list[AccessKey],
) -> None:
    """A listing is believed, but not against what we ourselves have just changed."""
    assert tuple(expected) == seen(before, *listed, changed=changed)


def test_keys_are_told_oldest_first() -> None:
    """Whatever the order of a listing: by age, and where that is one, by id."""
    lines = [line(key_id="C", age=DAY), line(key_id="B", age=2 * DAY), line(key_id="A", age=DAY)]
    keys = seen([known(key_id="D", created_at=ago(3 * DAY))], *lines)

    assert [key.key_id for key in keys] == ["D", "B", "A", "C"]


def test_an_inactive_key_that_was_missed_by_one_listing_keeps_its_clock() -> None:
    """Missing is no status: an id never comes back as another key."""
    off = known(status=OFF, status_since=ago(9 * DAY))
    lost = sighted([off], [], BEFORE, settle=SETTLE, changed_by_us={})

    assert (replace(off, last_seen_at=NOW),) == seen(list(lost), line(OFF))


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        pytest.param([line()], set(), id="it shows what is believed"),
        pytest.param([line(OFF)], {OLD}, id="it shows another status"),
        pytest.param([], {OLD}, id="it lacks the key"),
        pytest.param([line(), line(key_id=NEW)], set(), id="a key that is not known yet"),
    ],
)
def test_a_listing_contradicts_what_is_believed(
    listed: list[ListedKey], expected: set[str]
) -> None:
    """Of such a key it cannot be told yet whether the listing is stale."""
    missing = known(key_id=NEW, missing_since=BEFORE)

    assert expected == contradicted([known()], listed)
    assert expected == contradicted([known(), missing], listed)
