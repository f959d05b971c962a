"""What surveys add to the answers: how old knowledge is, keys nobody listed, and their rhythm."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.cli.surveyed import (
    account_row,
    quiet_enough,
    reported_rows,
    rhythm_of,
    tell_accounts,
    with_survey,
)
from rotator.model import Mode, NeverUsed, ReportedKey, UsedAt, UseUnknown
from rotator.store import KeyRow, Standing, SurveyRow
from tests.judgement.worlds import POLICY
from tests.store.worlds import ACCOUNT, ALICE, DAY, HOUR, NEW, NOW, OLD, a_key, a_rotation, a_user

SURVEY = SurveyRow(ACCOUNT, "prod", NOW, users=9, report_at=NOW - HOUR, uncovered=2, root_keys=1)
SEEN = a_user(as_of=NOW - DAY)
SLOT = ReportedKey(is_active=True, rotated_at=NOW - DAY, last_use=NeverUsed())

AS_OLD_AS = {
    "as the report, where it says what is on record": (Standing(SEEN), NOW - HOUR, "report"),
    "as the report, where nobody looked yet": (
        Standing(replace(SEEN, source="report", look_at=NOW + DAY)),
        NOW - HOUR,
        "report",
    ),
    "as the last look, where the report says something else": (
        Standing(replace(SEEN, look_at=NOW + DAY)),
        NOW - DAY,
        "live",
    ),
    "as the last look, where a rotation is open": (
        Standing(SEEN, rotation=a_rotation()),
        NOW - DAY,
        "live",
    ),
    "as the last look, where a stop stands": (
        Standing(replace(SEEN, blocked="stop")),
        NOW - DAY,
        "live",
    ),
    "as the last look, where that is later": (Standing(a_user(as_of=NOW)), NOW, "live"),
    "as the last look, where no policy selects the user": (
        Standing(replace(SEEN, policy=None)),
        NOW - DAY,
        "live",
    ),
}


@pytest.mark.parametrize(("row", "as_of", "source"), AS_OLD_AS.values(), ids=AS_OLD_AS.keys())
def test_how_old_knowledge_is(row: Standing, as_of: object, source: str) -> None:
    """A survey confirms what it finds as it is on record, and writes nothing for it."""
    user = with_survey({ACCOUNT: SURVEY}, row).user

    assert (user.as_of, user.source) == (as_of, source)


def test_without_a_report_nothing_is_younger_than_the_last_look() -> None:
    """Nor in an account of which there is no survey."""
    row = Standing(SEEN)

    assert with_survey({}, row) == row
    assert with_survey({ACCOUNT: replace(SURVEY, report_at=None)}, row) == row


def test_keys_of_the_report_have_no_ids() -> None:
    """Everything else is told as of other keys; of two nobody knows which is current."""
    used = ReportedKey(is_active=False, rotated_at=None, last_use=UsedAt(NOW, "s3", "eu"))
    unknown = replace(SLOT, last_use=UseUnknown("no_information"))

    (only,) = reported_rows(Standing(SEEN, reported=(SLOT,)))
    pair = reported_rows(Standing(SEEN, reported=(used, unknown)))

    assert (only["access_key_id"], only["role"], only["status"]) == (None, "current", "Active")
    assert (only["created_at"], only["last_used"]) == (NOW - DAY, "never")
    assert [(row["role"], row["status"]) for row in pair] == [
        ("foreign", "Inactive"),
        ("foreign", "Active"),
    ]
    assert [(row["last_used"], row["last_used_service"]) for row in pair] == [
        ("known", "s3"),
        ("unknown", None),
    ]


def silent(span: timedelta, key_id: str = OLD, **columns: object) -> KeyRow:
    """A key that was silent for so long, and used again."""
    return replace(KeyRow(ALICE, a_key(key_id), span, None), **columns)  # type: ignore[arg-type] # any column


def test_what_a_quiet_period_would_have_done() -> None:
    """Told by the longest silence that ended with another use."""
    keys = [silent(timedelta(days=6, hours=23))]

    long, short = (replace(POLICY, quiet_period=days * DAY) for days in (8, 5))

    assert rhythm_of(keys, OLD, None) == f"{OLD} was silent for up to 6 d 23 h, then used again"
    assert "waits longer than that" in (rhythm_of(keys, OLD, long) or "")
    assert "takes such a silence for the end of its use" in (rhythm_of(keys, OLD, short) or "")
    assert rhythm_of(keys, NEW, long) is None
    assert rhythm_of([replace(keys[0], longest_silence=None)], OLD, long) is None


def test_a_longer_quiet_period_is_proposed_where_silences_were_longer() -> None:
    """Keys that are gone do not count, nor those of other policies."""
    terms = replace(POLICY, mode=Mode.OBSERVE, quiet_period=3 * DAY)
    rows = [
        Standing(SEEN, keys=(silent(timedelta(days=6, hours=23)), silent(2 * DAY, NEW))),
        Standing(SEEN, keys=(silent(40 * DAY, gone_at=NOW),)),
        Standing(replace(SEEN, policy="other"), keys=(silent(50 * DAY),)),
    ]

    proposal = quiet_enough(terms, rows)

    assert proposal is not None
    assert (proposal["quiet_period"], proposal["keys"]) == ("7d", 1)
    assert proposal["longest_silence_seconds"] == timedelta(days=6, hours=23)
    assert quiet_enough(replace(terms, quiet_period=7 * DAY), rows) is None
    assert quiet_enough(terms, []) is None


def test_what_nobody_looks_for_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Root's keys, and users whom no policy covers; of an account in order, nothing."""
    tell_accounts([SURVEY, replace(SURVEY, uncovered=0, root_keys=0)])

    told = capsys.readouterr().out
    assert "its root user has 1 access key(s)" in told
    assert "2 of 9 users have access keys and no policy selects them" in told
    assert len(told.splitlines()) == 2


def test_an_account_is_one_row() -> None:
    """With when it was surveyed, by which report, or why by none."""
    row = account_row(replace(SURVEY, report_at=None, why="it is forbidden"))

    assert (row["as_of"], row["report_at"], row["no_report"]) == (NOW, None, "it is forbidden")
    assert (row["users"], row["users_uncovered"], row["root_keys"]) == (9, 2, 1)
