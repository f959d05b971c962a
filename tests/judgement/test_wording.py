"""Wording: how figures stand in sentences for people."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest

from rotator.judgement.wording import listing, moment, span, used
from rotator.model import LastUse, NeverUsed, UsedAt, UseUnknown
from tests.judgement.worlds import DAY, HOUR, MINUTE, NOW, SECOND, ago
from tests.judgement.worlds import used as used_before


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        pytest.param(0 * SECOND, "0 s", id="nothing"),
        pytest.param(-DAY, "0 s", id="less than nothing"),
        pytest.param(timedelta(milliseconds=250), "0 s", id="less than a second"),
        pytest.param(59 * SECOND, "59 s", id="seconds"),
        pytest.param(45 * MINUTE, "45 min", id="whole minutes"),
        pytest.param(90 * SECOND, "1 min 30 s", id="minutes and seconds"),
        pytest.param(25 * HOUR, "1 d 1 h", id="days and hours"),
        pytest.param(7 * DAY - SECOND, "6 d 23 h", id="its two largest units, cut"),
        pytest.param(DAY + 5 * MINUTE, "1 d", id="what is small beside a day is left out"),
        pytest.param(50 * DAY, "50 d", id="days are not made weeks"),
    ],
)
def test_span(length: timedelta, expected: str) -> None:
    """A length is told in its two largest units."""
    assert expected == span(length)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(NOW, "2026-03-04 12:00 UTC", id="a whole minute"),
        pytest.param(NOW + SECOND, "2026-03-04 12:00:01 UTC", id="to the second"),
        pytest.param(
            datetime(2026, 3, 4, 13, 0, tzinfo=timezone(HOUR)), "2026-03-04 12:00 UTC", id="in UTC"
        ),
    ],
)
def test_moment(at: datetime, expected: str) -> None:
    """A moment is told in UTC."""
    assert expected == moment(at)


def test_a_moment_is_told_in_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        told = moment(NOW)
    time.tzset()

    assert told == "2026-03-04 12:00 UTC"


@pytest.mark.parametrize(
    ("last_use", "expected"),
    [
        pytest.param(used_before(3 * HOUR), "used 3 h ago in s3, eu-north-1", id="when and where"),
        pytest.param(UsedAt(ago(HOUR), "sts", "N/A"), "used 1 h ago in sts", id="no region"),
        pytest.param(UsedAt(ago(HOUR), "", ""), "used 1 h ago", id="nowhere"),
        pytest.param(NeverUsed(), "never used", id="never"),
        pytest.param(
            UseUnknown("denied"), "its last use is not known (denied)", id="unknown is not never"
        ),
    ],
)
def test_used(last_use: LastUse, expected: str) -> None:
    """What is known of a last use is told with its service and region."""
    assert expected == used(last_use, NOW)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["a"], "a", id="one"),
        pytest.param(["a", "b"], "a and b", id="two"),
        pytest.param(["a", "b", "c"], "a, b and c", id="three"),
    ],
)
def test_listing(words: list[str], expected: str) -> None:
    """Several things are one phrase."""
    assert expected == listing(words)
