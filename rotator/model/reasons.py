"""Why something is done, waited for or stopped: one word per cure, stable for scripts."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["SEVERE", "Reason"]


class Reason(StrEnum):
    """One enum for acts, waits, stops and holds; a sentence with the figures goes with each."""

    # waits: the judgement itself waits, and looks again by itself
    NOT_DUE = "not_due"
    NO_KEY = "no_key"
    HEIR = "heir"
    SINK = "sink"
    GRACE = "grace"
    RECOVERY = "recovery"
    ORPHAN_AGE = "orphan_age"
    LAST_USE_UNKNOWN = "last_use_unknown"
    NOT_QUIET = "not_quiet"
    NOT_USED_YET = "not_used_yet"
    SETTLING = "settling"
    PROVING = "proving"
    BACKOFF = "backoff"
    LEASE = "lease"
    CLOCK = "clock"
    AWS_UNAVAILABLE = "aws_unavailable"
    STORE = "store"

    # waits: a shut gate
    HOLD = "hold"
    OBSERVE = "observe"
    AGREED = "agreed"
    CLOSED = "closed"
    LIMIT = "limit"
    APPROVAL = "approval"

    # stops: only a person can remove the cause
    FOREIGN_KEY = "foreign_key"
    POLICY_UNCLEAR = "policy_unclear"
    SINK_CONFLICT = "sink_conflict"
    SINK_SERVES_DEAD = "sink_serves_dead"
    SUCCESSOR_GONE = "successor_gone"
    QUARANTINED = "quarantined"
    PLACE_NAME = "place_name"

    # holds
    BY_HAND = "by_hand"
    REACTIVATED = "reactivated"
    USED_AFTER_ALL = "used_after_all"

    # acts
    AGE = "age"
    FIRST_KEY = "first_key"
    REQUESTED = "requested"
    COMPROMISED = "compromised"
    UNUSED = "unused"
    NAMED = "named"
    ORPHAN = "orphan"
    UNDELIVERED = "undelivered"
    GRACE_OVER = "grace_over"
    RECOVERY_OVER = "recovery_over"
    GONE = "gone"
    NO_EFFECT = "no_effect"
    SUPERSEDED = "superseded"
    COMPLETED = "completed"
    ISSUED = "issued"
    SEEN = "seen"
    REFUSED = "refused"


SEVERE = frozenset(
    {
        Reason.SINK_SERVES_DEAD,
        Reason.QUARANTINED,
        Reason.SUCCESSOR_GONE,
        Reason.USED_AFTER_ALL,
    }
)
"""Reasons that are an error, not a warning: a person is needed now."""
