"""A right configuration becomes the nouns that everything else works with."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rotator.config import load
from rotator.config.fields import _days
from rotator.errors import ConfigError
from rotator.model import (
    Account,
    Cron,
    Every,
    Exclusion,
    Freeze,
    HttpSettings,
    Limits,
    Mode,
    Selector,
    Timing,
    Window,
)
from tests.config.worlds import ENVIRON, SECRET, TABLES, OneWay, Plain, ShelfOptions, loaded, policy

OSLO = ZoneInfo("Europe/Oslo")
DAY = timedelta(days=1)

WHOLE = """\
version: 1
state: sqlite:///state/r.db
http: {listen: "[::1]:0"}
timing: {settle: 1s, last_used_lag: 1h, request_timeout: 2s, shutdown_timeout: 250ms}
accounts:
  default: {}
  prod: {role_arn: arn:aws-cn:iam::111122223333:role/ops/rotator, external_id: "${EXTERNAL_ID}",
         region: cn-north-1}
freezes:
  - {name: year end, from: 2026-12-18, until: 2027-01-04, timezone: Europe/Oslo}
  - {name: move, from: 2026-06-01T12:00+02:00, until: 2026-06-01 20:30}
defaults: {grace_period: 3d, limits: {delete: 7}, mode: enforce}
policies:
  - name: ci
    description: Keys that CI uses
    accounts: [prod]
    users:
      include: [{path: /ci/}, {tag: {rotate: "true"}}, {group: deployers, name: "deploy-*"}]
      exclude:
        - {name: deploy-legacy, reason: appliance, ticket: OPS-1, expires: 2027-03-31}
        - {tag: {rotate: never}}
    enforce_only: [{name: canary}]
    schedule: {cron: "0 6 * * mon-fri", timezone: Europe/Oslo}
    window: {days: [mon, wed-thu], from: 9:00, until: "24:00", timezone: Europe/Oslo}
    rotate_after: 50d
    max_age: 12w
    quiet_period: 36h
    recovery_period: 15m
    require_first_use: false
    provision: true
    limits: {issue: 10}
    sinks:
      - {type: shelf, path: "{user}/a"}
      - {type: slot, id: far, path: "{user}/b", account: default, create: false, width: 3,
         format: {type: plain, indent: 2, names: [x, y]}}
      - {type: shelf, id: mail, path: "{user}/c", format: oneway}
"""


def test_a_whole_configuration(tmp_path: Path) -> None:
    """Every field arrives as what it means; `defaults` fill what a policy leaves out."""
    found = loaded(WHOLE, tmp_path)
    ci = found.policies[0]

    assert (
        Account("default"),
        Account("prod", "arn:aws-cn:iam::111122223333:role/ops/rotator", SECRET, "cn-north-1"),
    ) == found.accounts
    assert found.http == HttpSettings("::1", 0)
    assert found.timing == Timing(
        settle=timedelta(seconds=1),
        last_used_lag=timedelta(hours=1),
        request_timeout=timedelta(seconds=2),
        shutdown_timeout=timedelta(milliseconds=250),
    )
    assert found.freezes == (
        Freeze(
            "year end", datetime(2026, 12, 17, 23, tzinfo=UTC), datetime(2027, 1, 3, 23, tzinfo=UTC)
        ),
        Freeze(
            "move", datetime(2026, 6, 1, 10, tzinfo=UTC), datetime(2026, 6, 1, 20, 30, tzinfo=UTC)
        ),
    )
    assert found.state == f"sqlite:///{tmp_path}/state/r.db"
    assert found.source == str(tmp_path / "rotator.yaml")
    assert found.files == (str(tmp_path / "rotator.yaml"),)
    assert (ci.name, ci.description, ci.mode) == ("ci", "Keys that CI uses", Mode.ENFORCE)
    assert ci.accounts == ("prod",)
    assert ci.include == (
        Selector(path="/ci/"),
        Selector(tags={"rotate": "true"}),
        Selector(name="deploy-*", group="deployers"),
    )
    assert ci.exclude == (
        Exclusion(
            Selector(name="deploy-legacy"), "appliance", "OPS-1", datetime(2027, 3, 31, tzinfo=UTC)
        ),
        Exclusion(Selector(tags={"rotate": "never"})),
    )
    assert ci.enforce_only == (Selector(name="canary"),)
    assert ci.schedule == Cron("0 6 * * mon-fri", "Europe/Oslo")
    assert ci.window == Window(frozenset({0, 2, 3}), time(9), time(0), OSLO)
    assert (ci.rotate_after, ci.max_age) == (50 * DAY, 84 * DAY)
    assert (ci.grace_period, ci.quiet_period) == (3 * DAY, timedelta(hours=36))
    assert (ci.recovery_period, ci.require_first_use) == (timedelta(minutes=15), False)
    assert ci.provision is True
    assert ci.limits == Limits(issue=10, delete=7)


def test_sinks_of_a_policy(tmp_path: Path) -> None:
    """Common fields, the type's own and the format's come apart; relative paths have a base."""
    sinks = loaded(WHOLE, tmp_path).policies[0].sinks

    assert [(sink.id, sink.type, sink.readable) for sink in sinks] == [
        ("shelf", "shelf", True),
        ("far", "slot", False),
        ("mail", "shelf", False),
    ]
    assert [(sink.account, sink.create, sink.base) for sink in sinks] == [
        (None, True, str(tmp_path)),
        ("default", False, str(tmp_path)),
        (None, True, str(tmp_path)),
    ]
    assert sinks[1].options == ShelfOptions(path="{user}/b", width=3)
    assert [sink.format for sink in sinks] == [Plain(), Plain(indent=2, names=("x", "y")), OneWay()]


def test_the_smallest_configuration(tmp_path: Path) -> None:
    """A name, users and an age are enough; the rest has the documented defaults."""
    found = loaded(policy(), tmp_path)

    assert found.accounts == (Account("default"),)
    assert found.state == f"sqlite:///{tmp_path}/state/rotator.db"
    assert found.http == HttpSettings("127.0.0.1", 9180)
    assert (found.timing, found.freezes, found.warnings) == (Timing(), (), ())
    only = found.policies[0]
    assert (only.mode, only.accounts, only.sinks) == (Mode.OBSERVE, ("default",), ())
    assert (only.schedule, only.window) == (Every(timedelta(hours=6)), None)
    assert (only.max_age, only.grace_period, only.quiet_period) == (90 * DAY, 7 * DAY, 8 * DAY)
    assert (only.recovery_period, only.unused_after) == (14 * DAY, 45 * DAY)
    assert (only.limits, only.provision, only.require_first_use) == (Limits(), False, True)


def test_json_is_yaml(tmp_path: Path) -> None:
    """YAML 1.2 holds JSON: braces, quotes and a tab between tokens of one line."""
    found = loaded(
        '{"http": null, "policies": [{"name": "p", "rotate_after": "1d",'
        ' "users": {"include": [{"name": "x"}]}}]}',
        tmp_path,
    )

    assert (found.http, found.policies[0].rotate_after) == (None, DAY)


def test_yaml_is_of_version_1_2(tmp_path: Path) -> None:
    """`on` is text and dates are no moments; hexadecimal is a number, and a float is one."""
    text = policy("description: on\nlimits: {issue: 0x10, delete: 0o10}", name="2026-12-18")

    found = loaded(text, tmp_path).policies[0]

    assert (found.name, found.description) == ("2026-12-18", "on")
    assert (found.limits.issue, found.limits.delete) == (16, 8)


def test_an_explicit_text_tag_is_allowed(tmp_path: Path) -> None:
    """`!!str` says in YAML's own way what quotes say."""
    found = loaded(policy("description: !!str 12"), tmp_path)

    assert found.policies[0].description == "12"


def test_an_alias_stands_for_its_anchor(tmp_path: Path) -> None:
    """Anchors and aliases are YAML 1.2 and mean the same value twice, redefined or not."""
    text = policy("grace_period: &t 1d\nquiet_period: *t\nrecovery_period: &t 2d\nmax_age: 80d")

    found = loaded(text, tmp_path).policies[0]

    assert (found.grace_period, found.quiet_period, found.recovery_period) == (DAY, DAY, 2 * DAY)


def test_an_absolute_state_stays_where_it_is(tmp_path: Path) -> None:
    """Only a relative path starts from the file's folder."""
    assert loaded("state: sqlite:////data/r.db\n" + policy(), tmp_path).state == (
        "sqlite:////data/r.db"
    )


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param("sat", {5}, id="one day"),
        pytest.param("mon-thu", {0, 1, 2, 3}, id="a range"),
        pytest.param("fri-mon", {4, 5, 6, 0}, id="a range over the weekend"),
        pytest.param("sun-sun", {6}, id="a range of one day"),
        pytest.param(["mon", "wed-thu", "wed"], {0, 2, 3}, id="a list of both"),
    ],
)
def test_days(days: object, expected: set[int]) -> None:
    """Days are numbered as Python does: Monday is 0."""
    assert expected == _days(days)


@pytest.mark.parametrize(
    ("users", "sink"),
    [
        pytest.param("{include: [{name: '*'}]}", "a/{user}", id="the user's name"),
        pytest.param("{include: [{name: '*'}]}", "a/{tag[app]}", id="a tag of the user"),
        pytest.param("{include: [{name: one}]}", "a", id="a policy of one user"),
        pytest.param(
            "{include: [{name: one, path: /a/}, {name: one, path: /b/}]}",
            "a",
            id="one name in several selectors",
        ),
    ],
)
def test_places_that_users_do_not_share(users: str, sink: str, tmp_path: Path) -> None:
    """A place is a user's own by its name, a tag, or because the policy names one user only."""
    text = policy(f'sinks: [{{type: shelf, path: "{sink}"}}]', users=users)

    assert len(loaded(text, tmp_path).policies[0].sinks) == 1


def test_one_user_in_two_accounts_has_two_places(tmp_path: Path) -> None:
    """Where a policy covers two accounts, `{account}` tells users of one name apart."""
    accounts = "accounts: {a: {}, b: {role_arn: arn:aws:iam::111122223333:role/r}}\n"
    fields = 'accounts: [a, b]\nsinks: [{type: shelf, path: "{account_id}"}]'

    found = loaded(accounts + policy(fields, users="{include: [{name: one}]}"), tmp_path)

    assert found.policies[0].accounts == ("a", "b")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """Some editors write one; columns do not count it."""
    assert loaded("\ufeff" + policy(), tmp_path).policies[0].name == "p"


def test_problems_name_the_file_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path stays relative, so that editors and people find it; the state does not."""
    (tmp_path / "r.yaml").write_text("policies: [a]\n" + "stat: x\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match=r"^r\.yaml:1:12: ") as caught:
        load(Path("r.yaml"), environ=ENVIRON, tables=TABLES)

    assert [problem.file for problem in caught.value.problems] == ["r.yaml", "r.yaml"]
