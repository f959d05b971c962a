"""Phases: where a user stands, by the earliest fact that is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.judgement.phases import phase_of
from rotator.model import KeyStatus, Kind, Phase, Title
from tests.judgement.worlds import (
    DAY,
    NOW,
    a_rotation,
    delivered,
    issued,
    leaving,
    off_key,
    old_key,
    recovering,
)

if TYPE_CHECKING:
    from rotator.model import AccessKey, Rotation


@pytest.mark.parametrize(
    ("rotation", "leaver", "expected"),
    [
        pytest.param(None, None, Phase.IDLE, id="no open row"),
        pytest.param(a_rotation(), old_key(), Phase.ISSUING, id="not issued"),
        pytest.param(issued(), old_key(), Phase.DELIVERING, id="not proven"),
        pytest.param(issued(proven_at=NOW), old_key(), Phase.DELIVERING, id="not delivered"),
        pytest.param(
            issued(delivered_at=NOW), old_key(), Phase.DELIVERING, id="delivered, but not proven"
        ),
        pytest.param(
            a_rotation(delivered_at=NOW, deactivated_at=NOW),
            off_key(),
            Phase.ISSUING,
            id="a later fact never hides an earlier one",
        ),
        pytest.param(delivered(), old_key(), Phase.GRACE, id="the leaver is Active"),
        pytest.param(
            delivered(), old_key(status=KeyStatus.EXPIRED), Phase.GRACE, id="Expired is not at rest"
        ),
        pytest.param(recovering(), off_key(), Phase.RECOVERY, id="the leaver is Inactive"),
        pytest.param(recovering(), None, Phase.RECOVERY, id="the leaver is gone"),
        pytest.param(leaving(Title.ORPHAN), old_key(), Phase.GRACE, id="an orphan is owed nothing"),
        pytest.param(
            leaving(Title.UNDELIVERED), off_key(off=DAY), Phase.RECOVERY, id="nor when it rests"
        ),
        pytest.param(
            issued(kind=Kind.FIRST, predecessor=None), None, Phase.DELIVERING, id="a first key"
        ),
    ],
)
def test_phase_of(rotation: Rotation | None, leaver: AccessKey | None, expected: Phase) -> None:
    """The phase is derived, never stored."""
    assert expected == phase_of(rotation, leaver)
