"""The credential report of each account, asked for at most once for everybody who wants it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from rotator.errors import AccessDenied, ReadError
from rotator.events import Event
from rotator.judgement.survey import REPORT_AGE_MAX, is_of_use

if TYPE_CHECKING:
    from datetime import datetime

    from rotator.aws.accounts import Entered
    from rotator.model import Policy, Report
    from rotator.reconcile.equipment import Equipment

__all__ = ["Reports"]

ASK_AGAIN = timedelta(minutes=5)
"""How long AWS is not asked again for a report that it did not give, or is not likely to have."""

PATIENCE = timedelta(minutes=1)
"""How long a sweep waits for a report that AWS is just making."""


@dataclass(slots=True)
class _Kept:
    report: Report | None = None
    why: str = ""
    asked_at: datetime | None = None


class Reports:
    """The latest credential report of each account, asked for once for all who want it."""

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment
        self._kept: dict[str, _Kept] = defaultdict(_Kept)
        self._locks: dict[str, Lock] = defaultdict(Lock)

    def kept(self, account_id: str) -> tuple[Report | None, str]:
        """The report that was had last, without asking; None, and why there is none."""
        kept = self._kept[account_id]
        return kept.report, kept.why

    def renew(self, entered: Entered, policy: Policy) -> None:
        """Ask for the report that a policy's sweep goes by, where there may be a newer one.

        One that is younger than four hours is the newest there is. Not asked is for a policy
        whose periods are shorter than a report may be old.
        """
        if not is_of_use(policy, REPORT_AGE_MAX):
            return
        with self._locks[entered.account_id]:
            kept = self._kept[entered.account_id]
            if self._is_to_be_asked(kept):
                self._ask(entered, kept)

    def _is_to_be_asked(self, kept: _Kept) -> bool:
        now = self._equipment.clock()
        if kept.report is not None and now < kept.report.generated_at + REPORT_AGE_MAX:
            return now < kept.report.generated_at
        return kept.asked_at is None or not kept.asked_at <= now < kept.asked_at + ASK_AGAIN

    def _ask(self, entered: Entered, kept: _Kept) -> None:
        """Ask for a report; where none is given, the one before stays, and it is told once."""
        equipment = self._equipment
        kept.asked_at = equipment.clock()
        try:
            report = entered.iam.report(
                deadline=kept.asked_at + PATIENCE, clock=equipment.clock, pause=self._pause
            )
        except ReadError as exc:
            if equipment.stopping.is_set():
                return
            if kept.why != str(exc):
                equipment.emit(
                    Event.REPORT_FAILED, account=entered.name, error=str(exc), code=exc.code
                )
            kept.why = str(exc)
            if isinstance(exc, AccessDenied):
                kept.report = None
            return
        if kept.why:
            equipment.emit(Event.REPORT_RECOVERED, account=entered.name)
        kept.report, kept.why = report, ""

    def _pause(self, seconds: float) -> None:
        """Wait, but for no report where the process is to end.

        Raises:
            ReadError: it is.
        """
        if self._equipment.stopping.is_set():
            raise ReadError("the process is asked to stop")
        self._equipment.pause(seconds)
