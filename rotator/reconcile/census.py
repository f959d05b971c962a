"""What a survey tells of everybody in an account, whether a policy selects them or not: kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rotator.events import Event
from rotator.judgement.survey import agrees, used_since
from rotator.model import Reason, Unselected
from rotator.reconcile.cases import selection_of
from rotator.store import KeyUse, SurveyRow, UserRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from rotator.model import Report, ReportedKey, ReportedUser, User, UserRef
    from rotator.reconcile.equipment import Equipment
    from rotator.reconcile.rolls import Roll
    from rotator.store import Standing

__all__ = ["take_census"]


def take_census(equipment: Equipment, roll: Roll, standings: Sequence[Standing]) -> None:
    """Keep what a survey says of an account: who is covered by no policy, and when keys were used.

    Whom no policy selects is told once; in the first survey of an account only how many they are.

    Raises:
        StoreError: it could not be saved.
    """
    store = equipment.store
    before = store.surveys().get(roll.account_id)
    if before is not None and before.report_at == _time_of(roll.report) and before.report_at:
        store.note_survey(replace(before, account=roll.account, at=roll.listed_at))
        return
    if roll.report is None:
        row = SurveyRow(
            roll.account_id,
            roll.account,
            roll.listed_at,
            users=len(roll.users),
            why=roll.why_no_report,
        )
        store.note_survey(row)
        return
    census = _Census(equipment, roll, roll.report, {row.user.ref: row for row in standings})
    store.note_users(census.changed())
    store.note_reported(roll.account_id, census.reported)
    store.note_uses(roll.account_id, census.uses())
    root = roll.report.root
    row = SurveyRow(
        roll.account_id,
        roll.account,
        roll.listed_at,
        users=len(roll.users),
        report_at=roll.report.generated_at,
        report_digest=roll.report.digest,
        uncovered=len(census.uncovered),
        root_keys=len(root.keys) if root else 0,
    )
    store.note_survey(row)
    _tell(equipment, census, row, is_first=before is None)


@dataclass
class _Census:
    equipment: Equipment
    roll: Roll
    report: Report
    standings: Mapping[UserRef, Standing]
    uncovered: dict[UserRef, tuple[User, ReportedUser]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        now = self.equipment.clock()
        for user in self.roll.users.values():
            reported = self.roll.reported(user)
            if reported is None or not reported.keys:
                continue
            if isinstance(selection_of(self.equipment, user, now), Unselected):
                self.uncovered[user.ref] = user, reported

    @property
    def reported(self) -> dict[str, tuple[ReportedKey, ...]]:
        """The keys of those whom no policy selects, by UserId."""
        return {ref.user_id: reported.keys for ref, (_, reported) in self.uncovered.items()}

    def newly(self) -> list[UserRef]:
        """Who was covered, or had no keys, or was not there when somebody looked last."""
        return [ref for ref in self.uncovered if not self._was_uncovered(ref)]

    def changed(self) -> list[UserRow]:
        """The rows of whom this changes something for."""
        found = [row for ref in self.uncovered if (row := self._row(ref)) is not None]
        covered = (
            replace(one.user, uncovered=False)
            for ref, one in self.standings.items()
            if one.user.uncovered and ref not in self.uncovered and one.rotation is None
        )
        return [*found, *covered]

    def uses(self) -> list[KeyUse]:
        """Uses of keys that are later than on record, of users whose keys are what they were."""
        found: list[KeyUse] = []
        for user in self.roll.users.values():
            standing, reported = self.standings.get(user.ref), self.roll.reported(user)
            if standing is None or reported is None or standing.user.source != "live":
                continue
            keys = [row.key for row in standing.keys if row.gone_at is None]
            if agrees(reported, keys, standing.user.reported):
                found += [KeyUse(user.ref, *use) for use in used_since(keys, reported)]
        return found

    def _row(self, ref: UserRef) -> UserRow | None:
        user, _ = self.uncovered[ref]
        standing = self.standings.get(ref)
        if standing is not None and (standing.rotation or standing.user.blocked):
            return None
        as_new = UserRow(ref, user.account, user.name, source="report", as_of=self._as_of)
        before = standing.user if standing else as_new
        row = replace(
            before,
            account=user.account,
            name=user.name,
            path=user.path,
            arn=user.arn,
            policy=None,
            mode=None,
            reason=Reason.NOT_DUE,
            message=_NOBODYS,
            due_at=None,
            overdue=False,
            uncovered=True,
            look_at=None,
        )
        return None if standing is not None and row == before else row

    def _was_uncovered(self, ref: UserRef) -> bool:
        standing = self.standings.get(ref)
        return standing is not None and standing.user.uncovered

    @property
    def _as_of(self) -> datetime:
        return self.report.generated_at


_NOBODYS = "no policy selects this user"


def _time_of(report: Report | None) -> datetime | None:
    return report.generated_at if report else None


def _tell(equipment: Equipment, census: _Census, row: SurveyRow, *, is_first: bool) -> None:
    equipment.emit(
        Event.ACCOUNT_SURVEYED,
        account=row.account,
        account_id=row.account_id,
        users=row.users,
        uncovered=row.uncovered,
        root_keys=row.root_keys,
        report_at=row.report_at,
        report_digest=row.report_digest,
    )
    for ref in [] if is_first else census.newly():
        user, reported = census.uncovered[ref]
        equipment.emit(
            Event.USER_UNCOVERED,
            account=user.account,
            account_id=row.account_id,
            user=user.name,
            user_id=user.user_id,
            created_at=min((k.rotated_at for k in reported.keys if k.rotated_at), default=None),
            message=f"{user} has {len(reported.keys)} access key(s), and no policy selects it",
        )
