"""The metrics: counters fed by what happens, and gauges read from the store at each scrape.

Labels are bounded: no user, no key and no free text is ever one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from rotator.errors import StoreError
from rotator.events import Event
from rotator.model import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from prometheus_client import Metric

__all__ = ["CONTENT_TYPE", "Metrics", "Standing"]

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""What `Metrics.render` gives, for the header of the answer."""

_RESULTS = frozenset({"ok", "throttled", "denied", "rejected", "unknown"})
_VALUES_MAX = 1000
_OTHER = "other"
_STEP_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where everybody stands, as the store knows it: what the gauges are made from.

    Attributes:
        users: users by (account, policy, phase). Phases that are not given are 0.
        blocked: stopped or held users by (policy, reason).
        overdue: overdue users by policy.
        uncovered: users with keys whom no policy covers, by account; None where nobody looked.
        oldest_key_at: creation of the oldest Active key by (account, policy).
        swept_at: the last sweep that completed, by policy.
        rates: requests a second that are let through now, by (account, kind).
    """

    users: Mapping[tuple[str, str, Phase], int] = field(default_factory=dict)
    blocked: Mapping[tuple[str, str], int] = field(default_factory=dict)
    overdue: Mapping[str, int] = field(default_factory=dict)
    uncovered: Mapping[str, int] | None = None
    oldest_key_at: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    swept_at: Mapping[str, datetime] = field(default_factory=dict)
    rates: Mapping[tuple[str, str], float] = field(default_factory=dict)


class Metrics:
    """The outlet that counts; also told directly of requests and of how long steps took.

    Args:
        clock: aware UTC.
        version: what `rotator_build_info` says.
        standing: reads the store for the gauges; called in the thread that scrapes. Raises
            StoreError while the store cannot be used: then `rotator_store_up` is 0 and the gauges
            stay as last read, so that the age of the last sweep goes on growing.
    """

    name = "metrics"

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        version: str,
        standing: Callable[[], Standing],
    ) -> None:
        self._registry = CollectorRegistry()
        self._accounts, self._policies, self._actions = _Bounded(), _Bounded(), _Bounded()
        self._make_counters()
        build = Gauge(
            "rotator_build_info", "1, with the version.", ["version"], registry=self._registry
        )
        build.labels(version).set(1)
        self._registry.register(_Gauges(clock, standing))
        ProcessCollector(registry=self._registry)

    def _make_counters(self) -> None:
        self._rotations = Counter(
            "rotator_rotations_total",
            "Rotations that ended, by how they ended.",
            ["policy", "outcome"],
            registry=self._registry,
        )
        self._steps = Histogram(
            "rotator_step_duration_seconds",
            "How long the steps of rotations took.",
            ["step"],
            buckets=_STEP_SECONDS,
            registry=self._registry,
        )
        self._requests = Counter(
            "rotator_aws_requests_total",
            "Requests to AWS, by what was answered.",
            ["account", "action", "result"],
            registry=self._registry,
        )
        self._throttled = Counter(
            "rotator_aws_throttled_total",
            "Requests that AWS refused because there were too many.",
            ["account"],
            registry=self._registry,
        )
        self._failures = Counter(
            "rotator_outlet_failures_total",
            "Events that an outlet (logs, metrics, …) failed at.",
            ["outlet"],
            registry=self._registry,
        )
        self._config_valid = Gauge(
            "rotator_config_valid",
            "1 while the configuration files are the ones in force, 0 while they are wrong.",
            registry=self._registry,
        )

    def on_event(self, event: Event, fields: Mapping[str, object]) -> None:
        """Count one event, if it is one that is counted."""
        if event is Event.CONFIG_LOADED:
            self._config_valid.set(1)
        elif event is Event.CONFIG_REJECTED:
            self._config_valid.set(0)
        elif event is Event.ROTATION_CLOSED:
            policy = self._policies(str(fields.get("policy", _OTHER)))
            self._rotations.labels(policy, str(fields.get("outcome", _OTHER))).inc()

    def on_request(self, account: str, action: str, result: str) -> None:
        """Count one request to AWS: `result` is ok, throttled, denied, rejected or unknown."""
        account = self._accounts(account)
        result = result if result in _RESULTS else "unknown"
        self._requests.labels(account, self._actions(action), result).inc()
        if result == "throttled":
            self._throttled.labels(account).inc()

    def on_step(self, step: str, seconds: float) -> None:
        """Note how long one step of one rotation took."""
        self._steps.labels(step).observe(seconds)

    def on_outlet_failure(self, outlet: str) -> None:
        """Count an event that an outlet failed at."""
        self._failures.labels(outlet).inc()

    def render(self) -> bytes:
        """All metrics in Prometheus's text format, as `CONTENT_TYPE` says."""
        return generate_latest(_WithoutBirths(self._registry))


class _Bounded:
    """Keeps the number of values of one label finite: what comes after the last is `other`."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        if value in self._seen:
            return value
        if len(self._seen) >= _VALUES_MAX:
            return _OTHER
        self._seen.add(value)
        return value


class _WithoutBirths(Collector):
    """Leaves out when each counter was made, which would double their number."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Every metric of the registry, without its `_created` samples."""
        for metric in self._registry.collect():
            metric.samples = [each for each in metric.samples if not each.name.endswith("_created")]
            yield metric


class _Gauges(Collector):
    """Reads where everybody stands, at each scrape, and says so in gauges."""

    def __init__(self, clock: Callable[[], datetime], standing: Callable[[], Standing]) -> None:
        self._clock = clock
        self._standing = standing
        self._last = Standing()

    def describe(self) -> Iterator[Metric]:
        """Names no metric, so that the store is not read before somebody scrapes."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The gauges of now, or of the last time that the store could be read."""
        try:
            self._last = self._standing()
            up = 1
        except StoreError:
            up = 0
        yield GaugeMetricFamily("rotator_store_up", "1 while the store can be used.", value=up)
        yield from _people(self._last)
        yield from _ages(self._last, self._clock())
        yield _rates(self._last)


def _people(standing: Standing) -> Iterator[Metric]:
    users = GaugeMetricFamily(
        "rotator_users",
        "Users whom a policy selects, by where they stand.",
        labels=["account", "policy", "phase"],
    )
    pairs = sorted({(account, policy) for account, policy, _ in standing.users})
    for account, policy in pairs:
        for phase in Phase:
            count = standing.users.get((account, policy, phase), 0)
            users.add_metric([account, policy, phase], count)
    yield users

    blocked = GaugeMetricFamily(
        "rotator_users_blocked",
        "Users who are stopped or held, by the reason.",
        labels=["policy", "reason"],
    )
    for (policy, reason), count in sorted(standing.blocked.items()):
        blocked.add_metric([policy, reason], count)
    yield blocked

    overdue = GaugeMetricFamily(
        "rotator_users_overdue",
        "Users with an Active key that has passed max_age, or will.",
        labels=["policy"],
    )
    for policy in sorted({policy for _, policy in pairs} | standing.overdue.keys()):
        overdue.add_metric([policy], standing.overdue.get(policy, 0))
    yield overdue

    if standing.uncovered is not None:
        uncovered = GaugeMetricFamily(
            "rotator_users_uncovered",
            "Users with access keys whom no policy selects.",
            labels=["account"],
        )
        for account, count in sorted(standing.uncovered.items()):
            uncovered.add_metric([account], count)
        yield uncovered


def _ages(standing: Standing, now: datetime) -> Iterator[Metric]:
    oldest = GaugeMetricFamily(
        "rotator_oldest_key_age_seconds",
        "Age of the oldest Active key.",
        labels=["account", "policy"],
    )
    for (account, policy), created_at in sorted(standing.oldest_key_at.items()):
        oldest.add_metric([account, policy], (now - created_at).total_seconds())
    yield oldest

    swept = GaugeMetricFamily(
        "rotator_last_successful_sweep_timestamp_seconds",
        "When the last sweep that looked at every user was over: the dead man's switch.",
        labels=["policy"],
    )
    for policy, at in sorted(standing.swept_at.items()):
        swept.add_metric([policy], at.timestamp())
    yield swept


def _rates(standing: Standing) -> Metric:
    rates = GaugeMetricFamily(
        "rotator_aws_request_rate",
        "Requests a second to IAM that are let through now, by kind: read or change.",
        labels=["account", "kind"],
    )
    for (account, kind), rate in sorted(standing.rates.items()):
        rates.add_metric([account, kind], rate)
    return rates
