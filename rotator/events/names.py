"""The names of the events, final once released: people filter, count and alert on them."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Event", "Level"]


class Level(StrEnum):
    """How much an event matters to whoever reads the log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Event(StrEnum):
    """`noun.past_participle`: what has happened; the catalogue says what each means."""

    DAEMON_STARTED = "daemon.started"
    DAEMON_STOPPED = "daemon.stopped"
    DAEMON_FAILED = "daemon.failed"
    CONFIG_LOADED = "config.loaded"
    CONFIG_REJECTED = "config.rejected"
    HTTP_OPENED = "http.opened"
    HTTP_FAILED = "http.failed"

    SWEEP_STARTED = "sweep.started"
    SWEEP_COMPLETED = "sweep.completed"
    SWEEP_FAILED = "sweep.failed"
    POLICY_UNMATCHED = "policy.unmatched"
    POLICY_LIMITED = "policy.limited"
    EXCLUSION_EXPIRED = "exclusion.expired"

    ROTATION_BEGUN = "rotation.begun"
    ROTATION_DELIVERED = "rotation.delivered"
    ROTATION_RESCHEDULED = "rotation.rescheduled"
    ROTATION_CLOSED = "rotation.closed"

    KEY_ISSUED = "key.issued"
    KEY_PROVEN = "key.proven"
    KEY_DELIVERED = "key.delivered"
    KEY_USED = "key.used"
    KEY_DEACTIVATED = "key.deactivated"
    KEY_REACTIVATED = "key.reactivated"
    KEY_DELETED = "key.deleted"
    ORPHAN_FOUND = "orphan.found"
    SECRET_LOST = "secret.lost"  # noqa: S105 - the name of an event

    USER_STOPPED = "user.stopped"
    USER_RESUMED = "user.resumed"
    USER_HELD = "user.held"
    USER_RELEASED = "user.released"
    USER_OVERDUE = "user.overdue"
    USER_UNCOVERED = "user.uncovered"
    USER_FAILED = "user.failed"

    PLACE_DRIFTED = "place.drifted"
    SINK_FAILED = "sink.failed"
    ACCOUNT_FAILED = "account.failed"
    ACCOUNT_RECOVERED = "account.recovered"
    ACCOUNT_FOUND = "account.found"
    ACCOUNT_LOST = "account.lost"
    ORGANIZATION_FAILED = "organization.failed"
    ORGANIZATION_RECOVERED = "organization.recovered"
    ACCOUNT_THROTTLED = "account.throttled"
    ACCOUNT_UNWATCHED = "account.unwatched"
    ACCOUNT_SURVEYED = "account.surveyed"
    REPORT_FAILED = "report.failed"
    REPORT_RECOVERED = "report.recovered"
    CREDENTIALS_MOVED = "credentials.moved"
    CREDENTIALS_KEPT = "credentials.kept"
    CLOCK_SKEWED = "clock.skewed"
    CLOCK_RECOVERED = "clock.recovered"
    STORE_FAILED = "store.failed"
    STORE_RECOVERED = "store.recovered"

    ORDER_GIVEN = "order.given"
    ORDER_ACCEPTED = "order.accepted"
    ORDER_OBEYED = "order.obeyed"
    ORDER_REFUSED = "order.refused"
    ORDER_LAPSED = "order.lapsed"

    DECISION_MADE = "decision.made"
    OUTLET_FAILED = "outlet.failed"
    LIBRARY_LOGGED = "library.logged"
