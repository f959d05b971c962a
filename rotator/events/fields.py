"""The vocabulary of the events' fields: one name, one meaning, wherever it stands."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COMMON", "FIELDS", "Field"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        means: what its value says, in words that stand in a table.
        is_key: it holds an access key id, or several, which logs show masked.
    """

    means: str
    is_key: bool = False


COMMON: dict[str, Field] = {
    "account": Field("the account's name in the configuration"),
    "account_id": Field("the account's 12 digits"),
    "user": Field("the user's name, as last seen"),
    "user_id": Field("the user's immutable id (AIDA…)"),
    "policy": Field("the policy's name"),
    "rotation_id": Field("runs through everything that belongs to one rotation"),
    "sweep_id": Field("runs through everything that one sweep did"),
}
"""Fields that every event may carry, where they apply."""

FIELDS: dict[str, Field] = COMMON | {
    "access_key_id": Field("the key that the event is about", is_key=True),
    "predecessor": Field("the key that is replaced", is_key=True),
    "successor": Field("the key that replaces it", is_key=True),
    "leaver": Field(
        "the key that leaves, where another title than predecessor was given", is_key=True
    ),
    "serves": Field("the key that a place was read to serve", is_key=True),
    "expected": Field("the key that it should serve", is_key=True),
    "kind": Field("what the rotation is for: replace, first, leave"),
    "title": Field("the right by which the key leaves"),
    "phase": Field("where the user stands"),
    "step": Field("the step of the rotation, as in the history"),
    "outcome": Field("how the rotation ended"),
    "action": Field("what was judged to be done"),
    "gate": Field("the first gate that is shut"),
    "reason": Field("why, as one word of the list of reasons"),
    "message": Field("why, as a sentence with the figures of the case"),
    "error": Field("what went wrong, as a sentence"),
    "code": Field("the error code that AWS or a backend gave"),
    "failures": Field("how often in a row"),
    "attempts": Field("how many requests it took"),
    "observed": Field("true where it was seen to be so, without a request of ours being answered"),
    "sink": Field("the id of the sink in its policy"),
    "place": Field("the place, as type:address"),
    "places": Field("how many places, or which"),
    "uncovered": Field("users with access keys whom no policy selects"),
    "root_keys": Field("access keys of the account's root user"),
    "report_at": Field("the moment whose state the credential report shows"),
    "report_digest": Field("the SHA-256 of the report as AWS gave it"),
    "rate": Field("requests a second that are let through from now on"),
    "organization": Field("the organization's name in the configuration"),
    "order_id": Field("the number of the order"),
    "verb": Field("what was ordered"),
    "actor": Field("who said so"),
    "stated_reason": Field("why, in that person's own words"),
    "scope": Field("whom a hold concerns: user, policy, account, all"),
    "begun_at": Field("when it began"),
    "created_at": Field("when the key was created"),
    "last_used_at": Field("the last use that IAM has recorded"),
    "service": Field("the service of that use"),
    "region": Field("the region of that use"),
    "since": Field("since when it has been so"),
    "until": Field("until when it will be so"),
    "promised_at": Field("the date of deletion that people are told"),
    "overdue_at": Field("when the key passes the policy's max_age, or has passed it"),
    "expires_at": Field("when it stopped counting"),
    "next_at": Field("when the next step, or the next attempt, is due"),
    "was_at": Field("when it was due before"),
    "seconds": Field("how long it took"),
    "skew_seconds": Field("how far our clock is ahead of AWS's (negative: behind)"),
    "version": Field("the version of rotator"),
    "pid": Field("the process"),
    "signal": Field("the signal that asked for it"),
    "replica": Field("which replica"),
    "source": Field("the file or folder of the configuration"),
    "origin": Field("where rotator has its own credentials from"),
    "signed_by": Field("the replicas of rotator that sign with the key, and where they have it"),
    "config_digest": Field("the digest of the configuration in force"),
    "policies": Field("how many policies"),
    "accounts": Field("how many accounts"),
    "warnings": Field("doubts about time and reach, as FILE:LINE:COL: sentence"),
    "problems": Field("what is wrong, as FILE:LINE:COL: sentence"),
    "exclusion": Field("the exclusion, as written"),
    "store": Field("the store's address, without a password"),
    "address": Field("host and port"),
    "trigger": Field("why now: schedule, start, rotation, order, reload"),
    "users": Field("how many users were looked at"),
    "acted": Field("how many of them something was done for"),
    "waiting": Field("how many of them wait"),
    "stopped": Field("how many of them are stopped or held"),
    "failed": Field("how many of them failed"),
    "outlet": Field("who was being told: logs, metrics, …"),
    "logger": Field("the library's logger"),
    "text": Field("what it said"),
    "exc_info": Field(
        "the error itself; logged as `exception`, a traceback without local variables"
    ),
}
"""Every field that any event may carry."""
