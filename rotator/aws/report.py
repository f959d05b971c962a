"""IAM's credential report: asked for until it is there, and read whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rotator.errors import ReadError
from rotator.model import LastUse, NeverUsed, Report, ReportedKey, ReportedUser, UsedAt, UseUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_iam import IAMClient

    from rotator.aws.wire import Tap

__all__ = ["ask_for_report", "report_from"]

ROOT = "<root_account>"
ABSENT = "N/A"
SLOTS = (1, 2)
_NEEDED = (
    *("user", "arn", "user_creation_time"),
    *(
        f"access_key_{slot}_{what}"
        for slot in SLOTS
        for what in (
            *("active", "last_rotated", "last_used_date", "last_used_region"),
            "last_used_service",
        )
    ),
)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 8.0
"""Seconds between two questions for a report that is being made; they double."""

AHEAD_MAX = timedelta(minutes=1)
"""How far ahead of our clock a report may have been made."""

_NOT_YET = frozenset({"ReportNotPresent", "ReportInProgress", "ReportExpired"})


def ask_for_report(
    lister: Tap[IAMClient],
    account: str,
    *,
    deadline: datetime,
    clock: Callable[[], datetime],
    pause: Callable[[float], None],
) -> Report:
    """The newest credential report; one that AWS is making is waited for until `deadline`.

    AWS makes one every four hours at most, and gives a younger one as it is (IAM API Reference,
    GenerateCredentialReport).

    Raises:
        AccessDenied: it is forbidden.
        ReadError: there is none by then, or none that can be read.
    """
    doing, wait = f"read the credential report of {account}", FIRST_PAUSE
    while True:
        state = lister.read(lambda: str(lister.client.generate_credential_report()["State"]), doing)
        if state == "COMPLETE" and (report := _finished(lister, doing, clock)) is not None:
            return report
        if clock() + timedelta(seconds=wait) > deadline:
            raise ReadError(f"could not {doing}: AWS is still making it", code="ReportInProgress")
        pause(wait)
        wait = min(2 * wait, LONGEST_PAUSE)


def _finished(lister: Tap[IAMClient], doing: str, clock: Callable[[], datetime]) -> Report | None:
    """The report; None where AWS has none to give yet."""

    def request() -> Report:
        answer = lister.client.get_credential_report()
        return report_from(answer["Content"], answer["GeneratedTime"])

    try:
        report = lister.read(request, doing)
    except ReadError as exc:
        if exc.code in _NOT_YET:
            return None
        raise
    if report.generated_at > clock() + AHEAD_MAX:
        raise ReadError(f"could not {doing}: AWS says that it was made in the future")
    return report


def report_from(content: bytes, generated_at: datetime) -> Report:
    """A report from its CSV; a user or a key that cannot be read makes the whole unreadable.

    Columns are found by their names: AWS may add some, and says nothing of their order.

    Raises:
        ReadError: a column is missing, a row is cut short, or a value is none that can be.
    """
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = next(rows, [])
        places = _places(header)
        users = [_user(row, places, len(header)) for row in rows if row]
    except (UnicodeDecodeError, csv.Error) as exc:
        raise ReadError("the credential report is no CSV that can be read") from exc
    by_name = {user.name: user for user in users}
    if len(by_name) != len(users):
        raise ReadError("the credential report names a user twice")
    root = by_name.pop(ROOT, None)
    digest = hashlib.sha256(content).hexdigest()
    return Report(generated_at.astimezone(UTC), by_name, root, digest)


def _places(header: Sequence[str]) -> Mapping[str, int]:
    places = {name: place for place, name in enumerate(header)}
    missing = [name for name in _NEEDED if name not in places]
    if missing:
        raise ReadError(f"the credential report has no column {missing[0]}")
    return places


def _user(row: Sequence[str], places: Mapping[str, int], columns: int) -> ReportedUser:
    if len(row) != columns:
        raise ReadError(f"a row of the credential report has {len(row)} of {columns} columns")
    name, arn, made_at = row[places["user"]], row[places["arn"]], row[places["user_creation_time"]]
    created_at = _moment(made_at)
    if created_at is None or not name:
        raise ReadError(f"the credential report does not say when user {name} was made")
    found = (_key(row, places, f"access_key_{slot}_", name) for slot in SLOTS)
    keys = tuple(key for key in found if key is not None)
    return ReportedUser(name, arn, created_at, keys)


def _key(row: Sequence[str], places: Mapping[str, int], slot: str, name: str) -> ReportedKey | None:
    """The key of one slot; None where the slot is empty."""
    active = row[places[f"{slot}active"]].lower()
    if active not in {"true", "false"}:
        raise ReadError(f"the credential report does not say whether a key of {name} is active")
    rotated_at = _moment(row[places[f"{slot}last_rotated"]])
    if active == "false" and rotated_at is None:
        return None
    return ReportedKey(
        is_active=active == "true", rotated_at=rotated_at, last_use=_use(row, places, slot)
    )


def _use(row: Sequence[str], places: Mapping[str, int], slot: str) -> LastUse:
    told = row[places[f"{slot}last_used_date"]]
    if told == ABSENT:
        return NeverUsed()
    at = _moment(told)
    if at is None:
        return UseUnknown(f"the credential report says {told!r} where a last use belongs")
    service, region = (row[places[f"{slot}last_used_{what}"]] for what in ("service", "region"))
    return UsedAt(at, service or ABSENT, region or ABSENT)


_WORDS = frozenset({ABSENT, "no_information", "not_supported", ""})


def _moment(text: str) -> datetime | None:
    """A date of the report; None where it says that there is none to tell."""
    if text in _WORDS:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ReadError(f"the credential report says {text[:40]!r} where a date belongs")
    return moment.astimezone(UTC)
