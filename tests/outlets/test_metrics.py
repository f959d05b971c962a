"""The metrics have the promised names, few labels, and say what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rotator.errors import StoreUnavailable
from rotator.events import Event
from rotator.model import Outcome, Phase, Reason, Step
from rotator.outlets.metrics import Metrics, Standing

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

STANDING = Standing(
    users={("prod", "ci", Phase.IDLE): 40, ("prod", "ci", Phase.GRACE): 2},
    blocked={("ci", Reason.FOREIGN_KEY): 3},
    overdue={"gone-policy": 1},
    uncovered={"prod": 7},
    oldest_key_at={("prod", "ci"): NOW - timedelta(days=80)},
    swept_at={"ci": NOW - timedelta(hours=5)},
)

PROMISED = {
    "rotator_users": {"account", "policy", "phase"},
    "rotator_users_blocked": {"policy", "reason"},
    "rotator_users_overdue": {"policy"},
    "rotator_users_uncovered": {"account"},
    "rotator_oldest_key_age_seconds": {"account", "policy"},
    "rotator_rotations_total": {"policy", "outcome"},
    "rotator_step_duration_seconds_count": {"step"},
    "rotator_step_duration_seconds_sum": {"step"},
    "rotator_step_duration_seconds_bucket": {"step", "le"},
    "rotator_aws_requests_total": {"account", "action", "result"},
    "rotator_aws_throttled_total": {"account"},
    "rotator_last_successful_sweep_timestamp_seconds": {"policy"},
    "rotator_config_valid": set(),
    "rotator_store_up": set(),
    "rotator_build_info": {"version"},
    "rotator_outlet_failures_total": {"outlet"},
}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Store:
    """Stands where the gauges are read: answers, or is away."""

    def __init__(self, standing: Standing = STANDING) -> None:
        self.standing = standing
        self.away = False
        self.asked = 0

    def __call__(self) -> Standing:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("locked")
        return self.standing


def make(store: Store | None = None) -> Metrics:
    return Metrics(clock=lambda: NOW, version="1.2.3", standing=store or Store())


def samples(metrics: Metrics) -> Samples:
    """Every sample, read back as a scraper reads it."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def test_names_and_labels_are_as_promised() -> None:
    """People's alerts are built on them; and none that costs twice is beside them."""
    metrics = make()
    metrics.on_event(Event.ROTATION_CLOSED, {"policy": "ci", "outcome": Outcome.COMPLETED})
    metrics.on_step(Step.ISSUE, 0.2)
    metrics.on_request("prod", "CreateAccessKey", "throttled")
    metrics.on_outlet_failure("logs")

    actual: dict[str, set[str]] = {}
    for name, labels in samples(metrics):
        if not name.startswith("process_"):
            actual.setdefault(name, set()).update(label for label, _ in labels)
    assert actual == PROMISED


def test_where_users_stand() -> None:
    """Every phase of every policy has a number, so that none is missing from a graph."""
    metrics = make()

    actual = {
        phase: sample(metrics, "rotator_users", account="prod", policy="ci", phase=phase)
        for phase in Phase
    }
    assert actual == {
        Phase.IDLE: 40,
        Phase.ISSUING: 0,
        Phase.DELIVERING: 0,
        Phase.GRACE: 2,
        Phase.RECOVERY: 0,
    }


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("rotator_users_blocked", {"policy": "ci", "reason": "foreign_key"}, 3),
        ("rotator_users_overdue", {"policy": "gone-policy"}, 1),
        ("rotator_users_overdue", {"policy": "ci"}, 0),
        ("rotator_users_uncovered", {"account": "prod"}, 7),
        ("rotator_oldest_key_age_seconds", {"account": "prod", "policy": "ci"}, 80 * 86400),
        (
            "rotator_last_successful_sweep_timestamp_seconds",
            {"policy": "ci"},
            (NOW - timedelta(hours=5)).timestamp(),
        ),
        ("rotator_store_up", {}, 1),
        ("rotator_build_info", {"version": "1.2.3"}, 1),
    ],
)
def test_gauges_say_what_the_store_knows(
    name: str, labels: dict[str, str], expected: float
) -> None:
    assert expected == sample(make(), name, **labels)


def test_the_store_is_not_read_before_a_scrape() -> None:
    """A daemon whose store is away at the start can still make its metrics."""
    store = Store()

    metrics = make(store)
    assert store.asked == 0

    metrics.render()
    assert store.asked == 1


def test_without_the_store_the_last_reading_stays() -> None:
    """The dead man's switch must go on ageing, not vanish, while the store is away."""
    store = Store()
    metrics = make(store)
    before = samples(metrics)

    store.away = True
    after = samples(metrics)

    assert after[("rotator_store_up", frozenset())] == 0
    kept = ("rotator_users", "rotator_last_successful_sweep_timestamp_seconds")
    assert {key: value for key, value in before.items() if key[0] in kept} == {
        key: value for key, value in after.items() if key[0] in kept
    }

    store.away = False
    assert sample(metrics, "rotator_store_up") == 1


def test_a_store_that_was_never_there_shows_no_users() -> None:
    """What nobody has read is not told as zero."""
    store = Store()
    store.away = True

    actual = {name for name, _ in samples(make(store)) if name.startswith("rotator_users")}
    assert set() == actual


def test_uncovered_users_are_absent_where_nobody_looked() -> None:
    metrics = make(Store(Standing()))

    assert b"rotator_users_uncovered" not in metrics.render()


def test_the_configuration_is_valid_or_not() -> None:
    """A rejected reload shows until the files are right again."""
    metrics = make()
    seen = []

    for event in (Event.CONFIG_LOADED, Event.CONFIG_REJECTED, Event.CONFIG_LOADED):
        metrics.on_event(event, {})
        seen.append(sample(metrics, "rotator_config_valid"))

    assert seen == [1, 0, 1]


def test_rotations_are_counted_by_outcome() -> None:
    """Each end counts once, other events do not count."""
    metrics = make()

    for outcome in (Outcome.COMPLETED, Outcome.COMPLETED, Outcome.ORPHAN):
        metrics.on_event(Event.ROTATION_CLOSED, {"policy": "ci", "outcome": outcome})
    metrics.on_event(Event.KEY_ISSUED, {"policy": "ci"})
    metrics.on_event(Event.ROTATION_CLOSED, {})

    name = "rotator_rotations_total"
    assert sample(metrics, name, policy="ci", outcome="completed") == 2
    assert sample(metrics, name, policy="ci", outcome="orphan") == 1
    assert sample(metrics, name, policy="other", outcome="other") == 1


@pytest.mark.parametrize(
    ("result", "counted", "throttled"),
    [
        ("ok", "ok", None),
        ("denied", "denied", None),
        ("rejected", "rejected", None),
        ("unknown", "unknown", None),
        ("throttled", "throttled", 1),
        ("anything else", "unknown", None),
    ],
)
def test_requests_are_counted_by_result(result: str, counted: str, throttled: float | None) -> None:
    """Results are a closed set; throttling has a counter of its own."""
    metrics = make()

    metrics.on_request("prod", "ListAccessKeys", result)

    labels = {"account": "prod", "action": "ListAccessKeys", "result": counted}
    assert sample(metrics, "rotator_aws_requests_total", **labels) == 1
    assert throttled == sample(metrics, "rotator_aws_throttled_total", account="prod")


def test_steps_are_timed() -> None:
    metrics = make()

    metrics.on_step(Step.PROVE, 3.0)
    metrics.on_step(Step.PROVE, 90.0)

    name = "rotator_step_duration_seconds"
    assert sample(metrics, f"{name}_count", step="prove") == 2
    assert sample(metrics, f"{name}_sum", step="prove") == 93
    assert sample(metrics, f"{name}_bucket", step="prove", le="5.0") == 1


def test_labels_do_not_grow_without_end() -> None:
    """A year of accounts that come and go does not fill the memory."""
    metrics = make()

    for number in range(3000):
        metrics.on_request(f"account-{number}", "GetUser", "ok")
        metrics.on_request("account-0", f"Action{number}", "ok")

    seen = samples(metrics)
    accounts = {dict(labels)["account"] for name, labels in seen if "requests_total" in name}
    actions = {dict(labels)["action"] for name, labels in seen if "requests_total" in name}
    assert len(accounts) == 1001
    assert len(actions) == 1001
    assert "other" in accounts & actions


@pytest.mark.parametrize("name", ['a"b', "a\nb", "a\\b", "a{b}", "æ"])
def test_a_label_forges_no_sample(name: str) -> None:
    """Whatever a policy is called, a scraper reads that name back and nothing else."""
    metrics = make(Store(Standing(swept_at={name: NOW})))

    value = sample(metrics, "rotator_last_successful_sweep_timestamp_seconds", policy=name)
    assert value == NOW.timestamp()


def test_no_user_is_a_label() -> None:
    """Users come and go in thousands; who one is belongs in the log."""
    metrics = make()

    metrics.on_event(Event.ROTATION_CLOSED, {"user": "somebody", "policy": "ci"})

    assert b"somebody" not in metrics.render()
