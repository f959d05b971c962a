"""Who may be left out of a sweep, by the credential report and what is on record."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.judgement.judge import judge
from rotator.judgement.survey import (
    BATCHES,
    agrees,
    fingerprint,
    is_idle,
    is_of_use,
    look_moment,
    on_record,
    reported_keys,
    used_since,
    wants_look,
)
from rotator.model import (
    KeyStatus,
    NeverUsed,
    Reason,
    ReportedKey,
    ReportedUser,
    UsedAt,
    UseUnknown,
    Wait,
)
from tests.judgement.worlds import DAY, HOUR, NEVER, NEW, NOW, OLD, POLICY, a_case, a_key

MINUTE = timedelta(minutes=1)
INACTIVE = KeyStatus.INACTIVE


def slot(age: timedelta, *, is_active: bool = True, used: timedelta | None = None) -> ReportedKey:
    """A key of the report, by its age and how long ago it was used."""
    use = NEVER if used is None else UsedAt(NOW - used, "s3", "eu-north-1")
    return ReportedKey(is_active=is_active, rotated_at=NOW - age, last_use=use)


def reported(*slots: ReportedKey) -> ReportedUser:
    """A user as the report shows one."""
    return ReportedUser("deploy", "arn:aws:iam::111122223333:user/deploy", NOW - 90 * DAY, slots)


OLDER = a_key(OLD, age=40 * DAY)
YOUNGER = a_key(NEW, age=10 * DAY)
OFF = a_key(OLD, age=40 * DAY, off=DAY)

AGREEING = {
    "the same key, of the same date": (reported(slot(40 * DAY)), [OLDER], None, True),
    "two keys, whatever the order of the slots": (
        reported(slot(10 * DAY), slot(40 * DAY)),
        [OLDER, YOUNGER],
        None,
        True,
    ),
    "no key in either": (reported(), [], None, True),
    "another date: a key was made, or changed": (reported(slot(DAY)), [OLDER], None, False),
    "one more key": (reported(slot(40 * DAY), slot(DAY)), [OLDER], None, False),
    "one key less": (reported(), [OLDER], None, False),
    "switched off since": (reported(slot(40 * DAY, is_active=False)), [OLDER], None, False),
    "the two have changed places: the old one is on, the young one off": (
        reported(slot(40 * DAY), slot(10 * DAY, is_active=False)),
        [OFF, YOUNGER],
        None,
        False,
    ),
    "a date of a change that the report had when the keys were listed": (
        reported(slot(3 * DAY)),
        [OLDER],
        fingerprint(reported(slot(3 * DAY))),
        True,
    ),
    "a date of a later change than that": (
        reported(slot(2 * DAY)),
        [OLDER],
        fingerprint(reported(slot(3 * DAY))),
        False,
    ),
    "the same date of a change, but off on record and on in the report": (
        reported(slot(3 * DAY)),
        [OFF],
        fingerprint(reported(slot(3 * DAY))),
        False,
    ),
    "a key that is not listed any more does not count": (
        reported(slot(40 * DAY)),
        [OLDER, replace(YOUNGER, missing_since=NOW)],
        None,
        True,
    ),
    "AWS tells whole seconds": (
        reported(slot(40 * DAY)),
        [replace(OLDER, created_at=OLDER.created_at + timedelta(milliseconds=300))],
        None,
        True,
    ),
    "a key without a date is another": (
        reported(ReportedKey(is_active=True, rotated_at=None, last_use=NEVER)),
        [OLDER],
        None,
        False,
    ),
}


@pytest.mark.parametrize(
    ("row", "keys", "listed_under", "expected"), AGREEING.values(), ids=AGREEING.keys()
)
def test_whether_the_keys_are_what_they_were(
    row: ReportedUser, keys: list[object], listed_under: str | None, *, expected: bool
) -> None:
    """A report says so by its dates, or by being what it was when the keys were listed."""
    assert agrees(row, keys, listed_under) is expected  # type: ignore[arg-type] # of a table


def test_a_fingerprint_knows_no_order_and_no_use() -> None:
    """Slots are in no order, and a use changes nothing about a key."""
    one, other = slot(DAY, used=HOUR), slot(2 * DAY, is_active=False)

    assert fingerprint(reported(one, other)) == fingerprint(reported(other, slot(DAY)))
    assert fingerprint(reported(one)) != fingerprint(reported(slot(DAY, is_active=False)))


def test_a_fingerprint_is_the_same_in_every_release() -> None:
    """It is kept in the store: another would have every user listed anew."""
    two = reported(slot(DAY), slot(2 * DAY, is_active=False))

    expected = "active 2026-03-03 12:00:00+00:00; inactive 2026-03-02 12:00:00+00:00"
    assert expected == fingerprint(two)


@pytest.mark.parametrize(
    ("periods", "age", "expected"),
    [
        pytest.param({}, 4 * HOUR, True, id="four hours are nothing to a policy of days"),
        pytest.param({"rotate_after": 4 * HOUR}, 4 * HOUR, False, id="a policy of hours"),
        pytest.param({"rotate_after": 5 * HOUR}, 4 * HOUR, True, id="just long enough"),
        pytest.param({"unused_after": HOUR}, 2 * HOUR, True, id="unused_after, but retires nobody"),
        pytest.param(
            {"unused_after": HOUR, "retire": frozenset({"unused"})},
            2 * HOUR,
            False,
            id="unused_after of a policy that retires",
        ),
        pytest.param({}, timedelta(0), True, id="a report of this moment"),
        pytest.param({}, -MINUTE, False, id="a report of the future"),
    ],
)
def test_whether_a_report_is_young_enough(
    periods: dict[str, timedelta], age: timedelta, *, expected: bool
) -> None:
    """It may leave out only whom its age cannot have made due."""
    assert is_of_use(replace(POLICY, **periods), age) is expected  # type: ignore[arg-type] # a table


def test_a_use_that_is_later_than_on_record_is_taken_over() -> None:
    """And the report counts as having seen the keys once more."""
    known = a_key(OLD, age=40 * DAY, last_use=UsedAt(NOW - DAY))
    later = reported(slot(40 * DAY, used=HOUR))

    (seen,) = on_record([known], later, NOW - MINUTE)

    assert seen.last_use == UsedAt(NOW - HOUR, "s3", "eu-north-1")
    assert seen.last_seen_at == max(known.last_seen_at, NOW - MINUTE)
    assert used_since([known], reported(slot(40 * DAY, used=2 * DAY))) == ()


def test_what_the_report_adds_nothing_to_stays_as_it_is() -> None:
    """A use that is known, one as late as that, and a key that is not listed any more."""
    known = a_key(OLD, age=40 * DAY, last_use=UsedAt(NOW - HOUR), last_seen_at=NOW - DAY)
    gone = a_key(NEW, age=DAY, missing_since=NOW - HOUR, last_seen_at=NOW - DAY)

    seen, missing = on_record([known, gone], reported(slot(40 * DAY, used=2 * HOUR)), NOW - MINUTE)

    assert seen == replace(known, last_seen_at=NOW - MINUTE)
    assert missing == gone
    assert used_since([known], reported(slot(40 * DAY, used=HOUR))) == ()


def test_whose_a_use_is_must_be_told_by_the_dates() -> None:
    """Of two keys that look alike in the report, no use is anybody's."""
    never = NeverUsed()
    twins = [a_key(OLD, age=DAY, last_use=never), a_key(NEW, age=DAY, last_use=never)]
    told = [a_key(OLD, age=40 * DAY, last_use=never), a_key(NEW, age=DAY, last_use=never)]
    row = reported(slot(DAY, used=HOUR), slot(40 * DAY, used=2 * HOUR))

    assert used_since(twins, reported(slot(DAY, used=HOUR), slot(DAY))) == ()
    assert {key_id: use.at for key_id, use in used_since(told, row)} == {
        OLD: NOW - 2 * HOUR,
        NEW: NOW - HOUR,
    }


def test_what_cannot_be_read_is_not_never() -> None:
    """A use that is not known stays so, whatever the record had."""
    unknown = replace(slot(40 * DAY), last_use=UseUnknown("no_information"))
    (seen,) = reported_keys(reported(unknown), NOW - HOUR)

    assert isinstance(seen.last_use, UseUnknown)
    assert used_since([OLDER], reported(unknown)) == ()


def test_keys_of_the_report_have_no_ids_and_are_at_least_so_old() -> None:
    """The oldest first; one without a date is as old as the report."""
    undated = ReportedKey(is_active=False, rotated_at=None, last_use=NEVER)

    keys = reported_keys(reported(undated, slot(40 * DAY)), NOW - HOUR)

    assert [one.created_at for one in keys] == [NOW - 40 * DAY, NOW - HOUR]
    assert [one.status for one in keys] == [KeyStatus.ACTIVE, INACTIVE]
    assert [one.key_id for one in keys] == ["(key 2 of the report)", "(key 1 of the report)"]
    assert [one.status_since for one in keys] == [NOW - 40 * DAY, NOW - HOUR]
    assert {(one.first_seen_at, one.last_seen_at) for one in keys} == {(NOW - HOUR, NOW - HOUR)}


def test_a_key_that_is_off_is_so_since_the_report() -> None:
    """Since when it is Inactive nobody knows."""
    (off,) = reported_keys(reported(slot(40 * DAY, is_active=False)), NOW - HOUR)

    assert off.status_since == NOW - HOUR


IDLE = {
    "a young key": (a_case(YOUNGER), True),
    "no key at all": (a_case(), True),
    "no key, and the policy provides one": (
        a_case(policy=replace(POLICY, provision=True)),
        False,
    ),
    "one that is due": (a_case(a_key(OLD, age=60 * DAY)), False),
    "one that is due, and two slots taken": (
        a_case(a_key(OLD, age=60 * DAY), a_key(NEW, age=DAY, off=DAY)),
        False,
    ),
    "quarantined": (a_case(YOUNGER, quarantined_since=NOW), False),
}


@pytest.mark.parametrize(("world", "expected"), IDLE.values(), ids=IDLE.keys())
def test_who_is_idle(world: object, *, expected: bool) -> None:
    """Nothing is to be done, and nothing that a look could bring out."""
    assert is_idle(world, judge(world)) is expected  # type: ignore[arg-type] # of a table


def test_who_waits_for_something_else_is_not_idle() -> None:
    assert not is_idle(a_case(YOUNGER), Wait(Reason.SETTLING, "something else"))


@pytest.mark.parametrize(
    ("retire", "off", "expected"),
    [((), DAY, False), (("inactive",), DAY, True), (("inactive",), None, False)],
)
def test_who_is_looked_at_at_once(
    retire: tuple[str, ...], off: timedelta | None, *, expected: bool
) -> None:
    """Where a policy counts since when a key is known to be Inactive, knowing it cannot wait."""
    terms = replace(POLICY, retire=frozenset(retire))
    world = a_case(a_key(OLD, age=2 * DAY, off=off), policy=terms)

    assert wants_look(world) is expected


def test_looks_are_spread_over_a_tenth_of_the_period() -> None:
    """In batches, each user in the same one at every reckoning."""
    moments = [look_moment(f"AIDA{number}", NOW, POLICY) for number in range(2000)]
    span = POLICY.rotate_after / 10

    assert min(moments) == NOW
    assert max(moments) == NOW + span * (BATCHES - 1) / BATCHES
    assert len(set(moments)) == BATCHES
    assert look_moment("AIDA7", NOW, POLICY) == moments[7]
    assert moments[7] == NOW + span * 22 / BATCHES
