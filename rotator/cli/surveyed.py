"""What surveys add to what is on record of a user: how old it is, and keys that nobody listed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rotator.cli.output import tell
from rotator.judgement.wording import span
from rotator.model import KeyStatus, NeverUsed, UsedAt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    from rotator.model import LastUse, Policy
    from rotator.store import KeyRow, Standing, SurveyRow

__all__ = [
    "account_row",
    "quiet_enough",
    "reported_rows",
    "rhythm_of",
    "tell_accounts",
    "use_of",
    "with_survey",
]


def with_survey(surveys: Mapping[str, SurveyRow], row: Standing) -> Standing:
    """The row as old as the latest survey that found the user as it is on record.

    A user of whom a report says something else is to be looked at, and as old as the last look.
    """
    user, survey = row.user, surveys.get(row.user.ref.account_id)
    at = survey.report_at if survey is not None else None
    if at is None or user.policy is None or user.as_of is None or at <= user.as_of:
        return row
    is_known = user.source == "report" or user.look_at is None
    if not is_known or row.rotation is not None or user.blocked is not None:
        return row
    return replace(row, user=replace(user, as_of=at, source="report"))


def reported_rows(row: Standing) -> list[dict[str, Any]]:
    """Keys of which only a report tells, as a script gets them: nobody knows their ids yet."""
    role = "current" if len(row.reported) == 1 else "foreign"
    return [
        {
            "access_key_id": None,
            "role": role,
            "status": KeyStatus.ACTIVE if key.is_active else KeyStatus.INACTIVE,
            "created_at": key.rotated_at,
            **use_of(key.last_use),
        }
        for key in row.reported
    ]


def use_of(use: LastUse) -> dict[str, Any]:
    """The last use of a key as a script gets it."""
    known = "never" if isinstance(use, NeverUsed) else "unknown"
    return {
        "last_used": "known" if isinstance(use, UsedAt) else known,
        "last_used_at": use.at if isinstance(use, UsedAt) else None,
        "last_used_service": use.service if isinstance(use, UsedAt) else None,
        "last_used_region": use.region if isinstance(use, UsedAt) else None,
    }


def account_row(survey: SurveyRow) -> dict[str, Any]:
    """One account as its latest survey found it."""
    return {
        "account": survey.account,
        "account_id": survey.account_id,
        "as_of": survey.at,
        "report_at": survey.report_at,
        "report_digest": survey.report_digest,
        "no_report": survey.why or None,
        "users": survey.users,
        "users_uncovered": survey.uncovered,
        "root_keys": survey.root_keys,
    }


def tell_accounts(surveys: Iterable[SurveyRow]) -> None:
    """Say what a person would not look for: root's keys, and users whom no policy covers."""
    for survey in surveys:
        if survey.root_keys:
            tell(
                f"Account {survey.account}: its root user has {survey.root_keys} access key(s);"
                " delete them, no policy can replace them."
            )
        if survey.uncovered:
            tell(
                f"Account {survey.account}: {survey.uncovered} of {survey.users} users have access"
                " keys and no policy selects them."
            )


def rhythm_of(keys: Sequence[KeyRow], key_id: str, policy: Policy | None) -> str | None:
    """What is known of a key's silences, and what the policy's `quiet_period` would have done."""
    row = next((row for row in keys if row.key.key_id == key_id), None)
    silence = row.longest_silence if row is not None else None
    if silence is None:
        return None
    sentence = f"{key_id} was silent for up to {span(silence)}, then used again"
    if policy is None:
        return sentence
    if silence < policy.quiet_period:
        return f"{sentence}: a quiet_period of {span(policy.quiet_period)} waits longer than that"
    return (
        f"{sentence}: a quiet_period of {span(policy.quiet_period)} takes such a silence for the"
        " end of its use"
    )


def quiet_enough(policy: Policy, rows: Iterable[Standing]) -> dict[str, Any] | None:
    """A `quiet_period` by which no silence seen so far of the policy's keys ends their use.

    None where none was seen, or the policy's own is long enough.
    """
    silences = [
        key.longest_silence
        for row in rows
        if row.user.policy == policy.name
        for key in row.keys
        if key.longest_silence is not None and key.gone_at is None
    ]
    longest: timedelta | None = max(silences, default=None)
    if longest is None or longest < policy.quiet_period:
        return None
    days = longest.days + 1
    return {
        "policy": policy.name,
        "longest_silence_seconds": longest,
        "quiet_period": f"{days}d",
        "keys": sum(silence >= policy.quiet_period for silence in silences),
        "message": (
            f"policy {policy.name} only observes, with quiet_period {span(policy.quiet_period)};"
            f" a key was silent for {span(longest)} and then used again: propose quiet_period:"
            f" {days}d"
        ),
    }
