"""IAM's credential report: up to four hours old, without key ids, its slots in no order.

report = CredentialReport(aws)
report.generate()       # STARTED, then INPROGRESS, then COMPLETE
report.get().content    # CSV
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from rotator.model import KeyStatus
from tests.simulation import recorded

if TYPE_CHECKING:
    from tests.simulation.account import FakeAws, FakeKey

__all__ = ["COLUMNS", "CredentialReport", "Report"]

COLUMNS = (
    *("user", "arn", "user_creation_time", "password_enabled", "password_last_used"),
    *("password_last_changed", "password_next_rotation", "mfa_active"),
    *(
        f"access_key_{slot}_{what}"
        for slot in (1, 2)
        for what in (
            *("active", "last_rotated", "last_used_date", "last_used_region"),
            "last_used_service",
        )
    ),
    *(f"cert_{slot}_{what}" for slot in (1, 2) for what in ("active", "last_rotated")),
)
"""The columns of a report that was recorded in 2026."""

LASTS = timedelta(hours=4)
ABSENT = "N/A"


@dataclass(frozen=True, slots=True)
class Report:
    """A finished report, and the moment whose state it shows."""

    content: str
    generated_at: datetime

    def rows(self) -> list[dict[str, str]]:
        """One row for each user, and that of the root user first."""
        return list(csv.DictReader(io.StringIO(self.content)))


@dataclass
class CredentialReport:
    """The one report of an account.

    Attributes:
        takes: how long one is in the making.
        expired: whether the finished one is not given any more.
        denied: the calls that are forbidden here.
        order: what the slots of a user are ordered by, besides its UserId. AWS does not say.
    """

    aws: FakeAws
    takes: timedelta = timedelta(seconds=5)
    expired: bool = False
    denied: set[str] = field(default_factory=set)
    order: str = ""
    _finished: Report | None = None
    _started_at: datetime | None = None

    def generate(self) -> str:
        """Ask for a report: a young one is kept, and one that is being made is waited for.

        Raises:
            ClientError: as AWS answers.
        """
        self._called("GenerateCredentialReport")
        self._finish()
        now = self.aws.clock()
        if self._started_at is not None:
            return "INPROGRESS"
        if self._finished is not None and now < self._finished.generated_at + LASTS:
            return "COMPLETE"
        self._started_at = now
        return "STARTED"

    def get(self) -> Report:
        """The finished report.

        Raises:
            ClientError: as AWS answers where there is none.
        """
        self._called("GetCredentialReport")
        self._finish()
        if self._finished is None and self._started_at is None:
            raise recorded.REPORT_ABSENT.error("GetCredentialReport")
        if self._finished is None:
            raise recorded.REPORT_IN_PROGRESS.error("GetCredentialReport")
        if self.expired:
            raise recorded.REPORT_EXPIRED.error("GetCredentialReport")
        return self._finished

    def _called(self, name: str) -> None:
        self.aws.calls.append(name)
        if name in self.denied:
            raise recorded.denied(name, "arn:aws:sts::111122223333:assumed-role/a/b").error(name)

    def _finish(self) -> None:
        """What was begun shows the state of the moment at which it was finished."""
        now = self.aws.clock()
        if self._started_at is None or now < self._started_at + self.takes:
            return
        self._finished = Report(self._text(), self._started_at + self.takes)
        self._started_at, self.expired = None, False

    def _text(self) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval=ABSENT, lineterminator="\n")
        writer.writeheader()
        writer.writerow(_root())
        for user in self.aws.users.values():
            row = {"user": user.name, "arn": user.arn, "password_enabled": "false"}
            assert user.created_at is not None
            row |= {"user_creation_time": _told(user.created_at), "mfa_active": "false"}
            row |= {"cert_1_active": "false", "cert_2_active": "false"}
            row |= {f"access_key_{slot}_active": "false" for slot in (1, 2)}
            for slot, key in enumerate(self._slots(user.user_id), start=1):
                row |= self._key(key, slot)
            writer.writerow(row)
        return text.getvalue()

    def _slots(self, user_id: str) -> list[FakeKey]:
        """A user's keys in an order that tells nothing; a third key has no slot."""
        keys = self.aws.keys_of(user_id)
        seed = f"{self.order}{user_id}"
        keys.sort(key=lambda key: sha256(f"{seed}{key.key_id}".encode()).digest())
        return keys[:2]

    def _key(self, key: FakeKey, slot: int) -> dict[str, str]:
        used_at = self.aws.shown_use(key.key_id)
        named = {
            "active": "true" if key.status is KeyStatus.ACTIVE else "false",
            "last_rotated": _told(key.created_at),
            "last_used_date": _told(used_at) if used_at else ABSENT,
            "last_used_region": "eu-north-1" if used_at else ABSENT,
            "last_used_service": "s3" if used_at else ABSENT,
        }
        return {f"access_key_{slot}_{what}": value for what, value in named.items()}


def _root() -> dict[str, str]:
    unknown = ("password_enabled", "password_last_changed", "password_next_rotation")
    row = dict.fromkeys(unknown, "not_supported")
    row |= {"user": "<root_account>", "arn": "arn:aws:iam::111122223333:root"}
    row |= {"mfa_active": "true", "user_creation_time": "2020-01-01T00:00:00+00:00"}
    return row | {f"access_key_{slot}_active": "false" for slot in (1, 2)}


def _told(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat()
