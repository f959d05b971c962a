"""One entry of `policies`, defaults filled in, to a Policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, tzinfo
from typing import TYPE_CHECKING

from rotator.config.account_models import AccountTagsSection
from rotator.config.checking import expect_fields, expect_items, field_names, take
from rotator.config.digests import digest
from rotator.config.models import (
    ExclusionSection,
    LimitsSection,
    PolicySection,
    ScheduleSection,
    SelectorSection,
    WindowSection,
)
from rotator.config.places import (
    refuse_same_places,
    refuse_shared_place,
    refuse_unknown_account,
    refuse_unreadable,
    sink_spec,
)
from rotator.config.tree import Fields, Items, Node, Scalar, quoted, shown
from rotator.model import (
    Cron,
    DoorName,
    Every,
    Exclusion,
    Limits,
    Mode,
    Policy,
    Schedule,
    Selector,
    SinkSpec,
    Window,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from rotator.config.faults import Faults
    from rotator.config.models import UsersSection
    from rotator.config.tables import Tables

__all__ = ["policy_from"]

_GLOB = frozenset("*?[")
_SELECTOR_FIELDS = field_names(SelectorSection)
_NOT_SELECTING = set(field_names(ExclusionSection)) - set(_SELECTOR_FIELDS)
_EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a policy is held against: installed types, account names, values from `${…}`.

    `files` collects the files that policies made us read. The names of `organizations` are among
    the account names, and each stands for several.
    """

    tables: Tables
    accounts: Collection[str]
    secrets: frozenset[str]
    files: list[Path]
    organizations: Collection[str] = ()


def policy_from(node: Fields, around: Surroundings, faults: Faults) -> Policy:
    """The policy; where something about it is wrong, that is in `faults`, and it is no use."""
    tags = _account_tags(node, around, faults)
    fields = take(PolicySection, node.without("accounts") if tags else node, faults).fields
    accounts = () if tags else _accounts(node, fields, around.accounts, faults)
    _refuse_empty_selectors(node, faults)
    policy = Policy(
        name=fields.name,
        description=fields.description or "",
        mode=Mode(fields.mode),
        include=tuple(map(_selector, fields.users.include)),
        exclude=_exclusions(fields.users),
        enforce_only=_optional_selectors(fields.enforce_only),
        accounts=accounts,
        account_tags=tags,
        schedule=_schedule(node, fields.schedule, faults),
        window=_window(node, fields.window, faults),
        rotate_after=fields.rotate_after,
        max_age=fields.max_age,
        grace_period=fields.grace_period,
        quiet_period=fields.quiet_period,
        require_first_use=fields.require_first_use,
        recovery_period=fields.recovery_period,
        retire=_retire(node, fields, faults),
        unused_after=fields.unused_after,
        provision=fields.provision,
        approve=frozenset(map(DoorName, fields.approve)),
        limits=_limits(fields.limits),
        sinks=_sinks(node, around, faults, one_account=_is_one(accounts, around)),
    )
    return replace(policy, digest=digest(policy, secrets=around.secrets))


def _accounts(
    node: Fields, fields: PolicySection, known: Collection[str], faults: Faults
) -> tuple[str, ...]:
    given = node.get("accounts")
    if given is None and len(known) > 1:
        names = ", ".join(map(quoted, known))
        faults.add(node.mark, f"a policy needs `accounts` where there are several: {names}")
    if isinstance(given, Items):
        seen: set[object] = set()
        for item in given:
            if not isinstance(item, Scalar) or not isinstance(item.value, str):
                continue
            refuse_unknown_account(item, known, faults)
            if item.value in seen:
                faults.add(item.mark, f"{shown(item)} is named twice")
            seen.add(item.value)
    return tuple(fields.accounts if fields.accounts is not None else known)


def _account_tags(node: Fields, around: Surroundings, faults: Faults) -> Mapping[str, str]:
    """The tags by which accounts of organizations are chosen; none where they are named."""
    given = node.get("accounts")
    if not isinstance(given, Fields):
        return {}
    if not around.organizations:
        faults.add(given.mark, "`accounts` by tag needs an `organization` among `accounts`")
    return take(AccountTagsSection, given, faults).fields.tag


def _is_one(accounts: Sequence[str], around: Surroundings) -> bool:
    """Whether a policy can only ever mean one account."""
    return len(accounts) == 1 and accounts[0] not in around.organizations


def _retire(node: Fields, fields: PolicySection, faults: Faults) -> frozenset[str]:
    """Which keys leave by themselves; a user is not to be left without a key, and given one."""
    given = node.get("retire")
    if given is not None and "only" in fields.retire and fields.provision:
        faults.add(
            given.mark,
            "`retire: [only]` leaves users without a key, and `provision: true` gives them one:"
            " say one of them",
        )
    return frozenset(fields.retire)


def _refuse_empty_selectors(node: Fields, faults: Faults) -> None:
    users = node.get("users")
    lists = [node.get("enforce_only")]
    if isinstance(users, Fields):
        lists += [users.get("include"), users.get("exclude")]
    names = ", ".join(map(quoted, _SELECTOR_FIELDS))
    for entries in lists:
        for entry in entries if isinstance(entries, Items) else ():
            if not isinstance(entry, Fields):
                continue
            if entry.entries.keys() <= _NOT_SELECTING:
                faults.add(entry.mark, f"a selector needs at least one of {names}")
            tags = entry.get("tag")
            if isinstance(tags, Fields) and not tags.entries:
                faults.add(tags.mark, "`tag`: expected at least one tag, got an empty mapping")


def _selector(section: SelectorSection) -> Selector:
    return Selector(section.name, section.path, dict(section.tag or {}), section.group)


def _optional_selectors(sections: list[SelectorSection] | None) -> tuple[Selector, ...] | None:
    return None if sections is None else tuple(map(_selector, sections))


def _exclusions(users: UsersSection) -> tuple[Exclusion, ...]:
    return tuple(
        Exclusion(
            selector=_selector(section),
            reason=section.reason,
            ticket=section.ticket,
            expires=moment_of(section.expires, UTC) if section.expires else None,
        )
        for section in users.exclude
    )


def moment_of(value: date | datetime, zone: tzinfo) -> datetime:
    """A date as its midnight, a time without an offset as that of the clock there; in UTC."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    local = value if value.tzinfo else value.replace(tzinfo=zone)
    return local.astimezone(UTC)


def _schedule(node: Fields, section: ScheduleSection, faults: Faults) -> Schedule:
    given = node.get("schedule")
    if isinstance(given, Fields):
        named = given.entries.keys() & {"every", "cron"}
        mistyped = not named and not given.entries.keys() <= {"timezone"}
        if len(named) != 1 and not mistyped:
            which = "both" if named else "neither"
            faults.add(given.mark, f"a schedule has either `every` or `cron`; this has {which}")
        elif "timezone" in given.entries and "every" in named:
            faults.add(given.entries["timezone"].mark, "`timezone` goes with `cron` only")
    if section.cron is not None:
        return Cron(section.cron, section.timezone.key if section.timezone else "UTC")
    default = PolicySection.model_fields["schedule"].get_default()
    return Every(section.every or default.every)


def _window(node: Fields, section: WindowSection | None, faults: Faults) -> Window | None:
    given = node.get("window")
    if isinstance(given, Fields):
        times = given.entries.keys() & {"from", "until"}
        if len(times) == 1:
            missing = {"from": "until", "until": "from"}[next(iter(times))]
            faults.add(given.mark, f"a window with `{next(iter(times))}` needs `{missing}`")
        elif not times and "days" not in given.entries:
            faults.add(given.mark, "a window needs `days`, or `from` and `until`")
        elif section is not None and section.opens is not None and section.opens == section.closes:
            faults.add(
                given.mark_of("until"),
                "`until` is the same time as `from`; leave both out for the whole day",
            )
    if section is None:
        return None
    days = _EVERY_DAY if section.days is None else section.days
    return Window(days, section.opens, section.closes, section.timezone)


def _limits(section: LimitsSection) -> Limits:
    return Limits(section.issue, section.deactivate, section.delete, section.failures)


def _sinks(
    node: Fields, around: Surroundings, faults: Faults, *, one_account: bool
) -> tuple[SinkSpec, ...]:
    given = node.get("sinks")
    nodes = expect_items("sinks", given, faults)
    _refuse_none(node, nodes, faults)
    mappings = [found for entry in nodes if (found := expect_fields("sinks", entry, faults))]
    entries = [
        (entry, spec)
        for entry in mappings
        if (
            spec := sink_spec(
                entry,
                tables=around.tables,
                accounts=[name for name in around.accounts if name not in around.organizations],
                files=around.files,
                faults=faults,
            )
        )
    ]
    for entry, spec in entries:
        refuse_shared_place(
            entry, spec, one_name=_selects_one(node), one_account=one_account, faults=faults
        )
    refuse_same_places(entries, faults)
    if len(entries) == len(nodes):
        refuse_unreadable(entries, faults)
    return tuple(spec for _, spec in entries)


def _refuse_none(node: Fields, nodes: tuple[Node, ...], faults: Faults) -> None:
    mode, given = node.get("mode"), node.get("sinks")
    enforced = isinstance(mode, Scalar) and mode.value == Mode.ENFORCE.value
    if enforced and not nodes and (given is None or isinstance(given, Items)):
        faults.add(given.mark if given else node.mark, "a policy that enforces needs `sinks`")


def _selects_one(node: Fields) -> bool:
    """Whether every `include` names the same one user."""
    users = node.get("users")
    include = users.get("include") if isinstance(users, Fields) else None
    if not isinstance(include, Items):
        return True
    names: set[str | None] = set()
    for entry in include:
        name = entry.get("name") if isinstance(entry, Fields) else None
        value = name.value if isinstance(name, Scalar) else None
        names.add(value if isinstance(value, str) and _GLOB.isdisjoint(value) else None)
    return len(names) == 1 and None not in names
