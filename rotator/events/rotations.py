"""The events of rotations and of keys: one life of a key, as the log tells it."""

from __future__ import annotations

from rotator.events.names import Event
from rotator.events.spec import INFO, WARNING, Spec

__all__ = ["KEYS", "ROTATIONS"]

ROTATIONS = {
    Event.ROTATION_BEGUN: Spec(
        INFO,
        (
            *("kind", "reason", "message", "predecessor", "successor", "leaver", "title"),
            *("places", "order_id"),
        ),
        "A rotation is on record and its places are claimed, or a key of an open one got the title "
        "by which it leaves. Nothing has been changed in AWS yet.",
    ),
    Event.ROTATION_DELIVERED: Spec(
        INFO,
        ("predecessor", "successor", "places", "next_at"),
        "Every place has the new key: the grace period begins, both keys work.",
    ),
    Event.ROTATION_RESCHEDULED: Spec(
        INFO,
        ("reason", "message", "phase", "was_at", "next_at"),
        "A period was changed in the configuration, and with it the next moment of an open "
        "rotation. A date that people were told is never moved forward.",
        "Nothing, if the change was meant.",
    ),
    Event.ROTATION_CLOSED: Spec(
        INFO,
        (
            *("kind", "outcome", "reason", "message", "predecessor", "successor"),
            *("leaver", "title", "begun_at", "seconds", "actor"),
        ),
        "The rotation is over; `outcome` says how.",
    ),
}

KEYS = {
    Event.KEY_ISSUED: Spec(
        INFO,
        ("successor", "predecessor", "reason", "message", "kind", "seconds"),
        "AWS has made a new key and its id is on record.",
    ),
    Event.KEY_PROVEN: Spec(
        INFO,
        ("successor", "attempts", "seconds"),
        "A call signed with the new key was answered with the right account and user.",
    ),
    Event.KEY_DELIVERED: Spec(
        INFO,
        ("successor", "predecessor", "sink", "place", "observed", "seconds"),
        "One place has the new key: its write was answered, or a reading shows it.",
    ),
    Event.KEY_USED: Spec(
        WARNING,
        ("access_key_id", "title", "phase", "message", "last_used_at", "service", "region"),
        "A key that is leaving was used after it should not have been.",
        "Find the consumer by service and region, and have it read the new key. `rotator explain` "
        "shows what each place serves.",
    ),
    Event.KEY_DEACTIVATED: Spec(
        INFO,
        (
            *("access_key_id", "title", "reason", "message", "successor"),
            *("last_used_at", "promised_at", "observed", "seconds"),
        ),
        "A key is switched off. Until `promised_at` `rotator rollback` can bring it back.",
    ),
    Event.KEY_REACTIVATED: Spec(
        WARNING,
        ("access_key_id", "title", "reason", "message", "actor", "observed", "seconds"),
        "A key that was switched off is Active again: by a person's order, by a hand in the "
        "console, or by us because somebody still needs it.",
        "Find out who needs the key: `rotator explain` names its last use and what each place "
        "serves. `rotator release` lets the rotation go on.",
        by_reason=True,
    ),
    Event.KEY_DELETED: Spec(
        INFO,
        ("access_key_id", "title", "reason", "message", "observed", "seconds"),
        "A key is gone for good; it had rested Inactive for as long as its title asks.",
    ),
    Event.ORPHAN_FOUND: Spec(
        WARNING,
        ("access_key_id", "created_at", "message", "next_at"),
        "A key was made by our own request whose answer was lost: nobody has its secret. It is "
        "taken out of service, and the rotation is begun again.",
        "Nothing, if it is rare. Often: look for time-outs between the daemon and AWS.",
    ),
    Event.SECRET_LOST: Spec(
        WARNING,
        ("access_key_id", "successor", "reason", "message", "next_at"),
        "The secret of a new key was lost before any place had it, because the process ended or "
        "the key could not be proven. The key is taken out of service, and the rotation is begun "
        "again.",
        "Nothing, if the daemon was killed. Otherwise read `message`.",
    ),
}
