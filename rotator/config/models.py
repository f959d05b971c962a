"""The fields of the YAML: names, types, defaults and meanings.

The reference for people is made from these descriptions, so they are written for its readers.
What one field alone can get wrong is refused here; what needs a second look, at other fields or
other policies, is refused by the modules that make the nouns of `rotator.model`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, JsonValue

from rotator.config.account_models import AccountSection
from rotator.config.fields import (
    Address,
    CronExpression,
    Days,
    Duration,
    Given,
    Kind,
    Moment,
    Name,
    PathPrefix,
    StateUrl,
    Text,
    TimeOfDay,
    TimeZone,
)
from rotator.config.section import Section, StandIns
from rotator.model import Mode

__all__ = [
    "AccountSection",
    "ExclusionSection",
    "FreezeSection",
    "HttpSection",
    "LimitsSection",
    "PolicySection",
    "Root",
    "ScheduleSection",
    "Section",
    "SelectorSection",
    "SinkSection",
    "TimingSection",
    "UsersSection",
    "WindowSection",
]

_UTC = ZoneInfo("UTC")


class SelectorSection(Section):
    """Which users. All fields that are given must match; at least one is given."""

    noun = "a selector"

    name: Given[Text] = Field(
        None, description="The user's name, a case-sensitive glob: `deploy-*`."
    )
    path: Given[PathPrefix] = Field(
        None, description="The beginning of the user's path, from `/` to `/`: `/ci/`."
    )
    tag: Given[Annotated[dict[str, Text], Kind("mapping of text to text")]] = Field(
        None, description="Tags of the user, all of them; the values are globs."
    )
    group: Given[Text] = Field(None, description="The name of a group that the user is in.")


class ExclusionSection(SelectorSection):
    """Users who are left alone, why, and until when."""

    noun = "an exclusion"

    reason: Given[Text] = Field(None, description="Why they are left alone; `status` says it.")
    ticket: Given[Text] = Field(None, description="Where that was agreed.")
    expires: Given[Moment] = Field(
        None,
        description=(
            "From when on it covers nobody any more, which is then said. "
            "A date begins at midnight UTC, as does a time without an offset."
        ),
    )


class UsersSection(Section):
    """The users whom the policy covers."""

    noun = "`users`"
    stand_ins: ClassVar[StandIns] = {"include": [{"name": "?"}]}

    include: Annotated[list[SelectorSection], Field(min_length=1)] = Field(
        description="Selectors; a user whom any of them matches is covered."
    )
    exclude: list[ExclusionSection] = Field(
        [], description="Users who are left alone although `include` covers them."
    )


class ScheduleSection(Section):
    """When a policy is swept. Exactly one of `every` and `cron`."""

    noun = "a schedule"

    every: Given[Duration] = Field(None, description="The time between two sweeps.")
    cron: Given[CronExpression] = Field(
        None,
        description=(
            "Five fields: minute, hour, day, month, weekday. Weekdays have names: "
            "`0 6 * * mon-fri`."
        ),
    )
    timezone: Given[TimeZone] = Field(
        None, description="The time zone of `cron`; UTC where it is not given."
    )


class WindowSection(Section):
    """When the doors (issue, deactivate, delete) may be open."""

    noun = "a window"

    days: Given[Days] = Field(
        None,
        description="`mon-thu`, `sat`, or a list of such; every day where it is not given.",
    )
    opens: Given[TimeOfDay] = Field(
        None,
        alias="from",
        description="Local time from which the doors may be open; `until` goes with it.",
    )
    closes: Given[TimeOfDay] = Field(
        None,
        alias="until",
        description=(
            "Local time from which they are shut. Earlier than `from` means on the day after; "
            "`24:00` is the end of the day."
        ),
    )
    timezone: TimeZone = Field(_UTC, description="The time zone of days and times.")


_Count = Annotated[int, Field(ge=1), Kind("whole number")]


class LimitsSection(Section):
    """How much may happen per policy and account in any 24 hours."""

    noun = "`limits`"

    issue: _Count = Field(50, description="Keys issued.")
    deactivate: _Count = Field(50, description="Keys switched off.")
    delete: _Count = Field(50, description="Keys deleted.")
    failures: _Count = Field(
        3,
        description=(
            "Nothing is issued while the last so many users whose rotation was begun, all within "
            "twelve times `settle`, failed or got no answer in time."
        ),
    )


class SinkSection(Section):
    """One place for each user's key. The type's own fields stand beside these."""

    model_config = ConfigDict(extra="allow")

    noun = "a sink"
    stand_ins: ClassVar[StandIns] = {"type": "?"}

    type: Name = Field(description="The type of sink; `rotator sinks` lists what is installed.")
    id: Given[Name] = Field(
        None, description="Its name within the policy, unique there; the type where not given."
    )
    format: Annotated[JsonValue, Kind("format")] = Field(
        None,
        description=(
            "What is written: the name of a format, or a mapping of `type` (that name) and the "
            "format's own fields. The sink type's own default where not given."
        ),
    )
    account: Given[Name] = Field(
        None, description="The account in which it lives; the user's where not given."
    )
    create: bool = Field(default=True, description="Whether a place that does not exist is made.")


class PolicySection(Section):
    """Which users' keys are rotated, when, and where the new ones go."""

    noun = "a policy"
    stand_ins: ClassVar[StandIns] = {
        "name": "?",
        "users": {"include": [{"name": "?"}]},
        "rotate_after": "1d",
    }

    name: Name = Field(description="Unique over all files.")
    description: Given[Text] = Field(None, description="For people.")
    mode: Literal["observe", "enforce"] = Field(
        Mode.OBSERVE.value,
        description="`observe` judges and reports, begins nothing, and finishes what is open; "
        "`enforce` acts.",
    )
    enforce_only: Given[Annotated[list[SelectorSection], Field(min_length=1)]] = Field(
        None,
        description="The canaries that `enforce` means; the other users are observed. "
        "All users where not given.",
    )
    accounts: Given[Annotated[list[Name], Field(min_length=1)]] = Field(
        None,
        description=(
            "Names of accounts or organizations, or `{tag: {NAME: GLOB}}` for accounts of"
            " organizations; required where there is more than one."
        ),
    )
    users: UsersSection = Field(description="Whom it covers.")
    schedule: ScheduleSection = Field(
        ScheduleSection.model_validate({"every": "6h"}),
        description=(
            "When the policy is swept: surveyed, judged, begun. A sweep that was missed is made "
            "at the next start, once."
        ),
    )
    window: Given[WindowSection] = Field(
        None, description="When the doors may be open; always where not given."
    )
    rotate_after: Duration = Field(description="The age at which an Active key is due.")
    max_age: Duration = Field(
        timedelta(days=90),
        description="The promise to auditors; a key that passes it, or will, is overdue.",
    )
    grace_period: Duration = Field(
        timedelta(days=7),
        description="From the delivery at the last place to the earliest deactivation.",
    )
    quiet_period: Duration = Field(
        timedelta(days=8),
        description=(
            "How long, beside `last_used_lag`, the old key must not have been used before it is "
            "deactivated."
        ),
    )
    require_first_use: bool = Field(
        default=True,
        description="Whether the new key must have been used before the old one leaves.",
    )
    recovery_period: Duration = Field(
        timedelta(days=14), description="How long the old key stays Inactive and revivable."
    )
    retire: list[Literal["inactive", "unused", "only"]] = Field(
        default_factory=list,
        description="Keys that leave by themselves: `inactive` and `unused` ones beside a key that "
        "is due, to make room; `only`: unused ones whatever else the user has, the last one too, "
        "and so not beside `provision`. Not in `defaults`.",
    )
    unused_after: Duration = Field(
        timedelta(days=45),
        description="Without a use for how long a key counts as unused, and its successor need "
        "not be seen in use.",
    )
    provision: bool = Field(
        default=False,
        description="Whether a user without keys gets a first one. Not in `defaults`.",
    )
    approve: list[Literal["issue", "deactivate", "delete"]] = Field(
        default_factory=list,
        description="Doors that wait for a person: `rotator approve` opens one for one step. What "
        "a person ordered, and a key that leaves as leaked or lost, waits for none.",
    )
    limits: LimitsSection = Field(
        LimitsSection(), description="How much may happen per account in any 24 hours."
    )
    sinks: list[SinkSection] = Field(
        [],
        description=(
            "Where each user's key is delivered; required where the mode is `enforce`. "
            "One of them at least can be read back."
        ),
    )


class FreezeSection(Section):
    """A span in which the doors of all policies are shut."""

    noun = "a freeze"
    stand_ins: ClassVar[StandIns] = {"name": "?", "from": "2000-01-01", "until": "2000-01-02"}

    name: Name = Field(description="Unique over all files; the gate says it.")
    starts: Moment = Field(
        alias="from",
        description="When it begins. A date is its local midnight.",
    )
    until: Moment = Field(
        description="When it is over: exclusive, so a date is the first day after."
    )
    timezone: TimeZone = Field(
        _UTC, description="The time zone of dates, and of times without an offset."
    )


class TimingSection(Section):
    """Times that follow from how IAM behaves; change them for a local AWS and for tests only."""

    noun = "`timing`"

    settle: Duration = Field(
        timedelta(minutes=5),
        description=(
            "How long after a request's time-out its effect may still show. Retries begin at a "
            "fifth of it and double up to twelve times it."
        ),
    )
    last_used_lag: Duration = Field(
        timedelta(hours=1),
        description=(
            "How long IAM may take to report a use. A quarter of it is the grain in which uses "
            "are recorded, 24 times it the rest of an orphan before it is deleted."
        ),
    )
    request_timeout: Duration = Field(
        timedelta(seconds=60),
        description=(
            "The longest life of one request that changes something, and of the proof of a new "
            "key; leases last twice as long."
        ),
    )
    shutdown_timeout: Duration = Field(
        timedelta(seconds=100),
        description="How long a stopping daemon works to deliver a key that is issued.",
    )


class HttpSection(Section):
    """Where health, metrics and the status page are served."""

    noun = "`http`"

    listen: Address = Field(
        ("127.0.0.1", 9180), description="Port 0 takes a free one, which is logged."
    )


class Root(Section):
    """The fields of a file. In a folder the files are read as one."""

    noun = "the configuration"
    stand_ins: ClassVar[StandIns] = {"policies": []}

    version: Annotated[Literal[1], Kind("1")] = Field(1, description="The version of this form.")
    state: StateUrl = Field(
        "sqlite:///state/rotator.db",
        description=(
            "Where the record is kept; a relative path starts from the file's folder. Several "
            "replicas share `postgresql+psycopg://USER:${file:PATH}@HOST/DATABASE`; in a user or "
            "password `@` is written `%40`."
        ),
    )
    http: HttpSection | None = Field(
        HttpSection(), description="Where health and metrics are served; `null` turns it off."
    )
    timing: TimingSection = Field(TimingSection(), description="Times that IAM's ways dictate.")
    accounts: Annotated[dict[str, AccountSection], Kind("mapping of names to accounts")] = Field(
        {"default": AccountSection()}, description="The AWS accounts, by names of your own."
    )
    freezes: list[FreezeSection] = Field([], description="When nothing is begun or ended.")
    defaults: Annotated[dict[str, JsonValue], Kind("fields of a policy")] = Field(
        {},
        description=(
            "Fields that every policy has unless it gives its own; `limits` are merged field by "
            "field. May not hold `name`, `users`, `retire`, `provision`."
        ),
    )
    policies: list[PolicySection] = Field(description="At least one.")
