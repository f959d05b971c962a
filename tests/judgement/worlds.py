# ruff: noqa: ANN401 - builders pass the fields of a noun on to it, of whatever type they are
"""Builders of cases: one user, told as ages and spans before a fixed now.

Every builder makes an ordinary, healthy part; a test names only what is different in its world.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rotator.model import (
    AccessKey,
    Action,
    Case,
    DoorName,
    Failures,
    Freeze,
    Hold,
    Intent,
    KeyStatus,
    Kind,
    LastUse,
    NeverUsed,
    Order,
    Place,
    PlaceState,
    Policy,
    Rotation,
    Scope,
    Selected,
    Selector,
    Serves,
    Shut,
    Signer,
    SigningKey,
    Step,
    Timing,
    Title,
    UsedAt,
    User,
    UseUnknown,
    Verb,
    WrittenAt,
)
from tests.judgement.said import told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rotator.model import Served

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
NOTHING = timedelta(0)

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
"""A Wednesday at noon."""

OLD = "AKIAOLDOLDOLDOLD0001"
NEW = "AKIANEWNEWNEWNEW0002"
OTHER = "AKIAOTHEROTHEROT0003"

TIMING = Timing()
SETTLE = TIMING.settle
LAG = TIMING.last_used_lag
GRAIN = TIMING.grain

POLICY = Policy(
    name="ci",
    include=(Selector(name="*"),),
    rotate_after=50 * DAY,
)

USER = User(account="prod", account_id="111122223333", user_id="AIDAUSER", name="deploy")

NEVER = NeverUsed()
UNKNOWN = UseUnknown("throttled")


def ago(span: timedelta) -> datetime:
    """The moment so long before now."""
    return NOW - span


def used(span: timedelta) -> UsedAt:
    """A last use so long before now."""
    return UsedAt(ago(span), "s3", "eu-north-1")


def a_key(
    key_id: str = OLD,
    age: timedelta = 30 * DAY,
    *,
    last_use: LastUse = NEVER,
    off: timedelta | None = None,
    first_seen: timedelta | None = None,
    **facts: Any,
) -> AccessKey:
    """A key so old, listed just now; `off`: Inactive for so long."""
    made = {
        "key_id": key_id,
        "status": KeyStatus.ACTIVE if off is None else KeyStatus.INACTIVE,
        "created_at": ago(age),
        "last_use": last_use,
        "status_since": ago(age if off is None else off),
        "first_seen_at": ago(age if first_seen is None else first_seen),
        "last_seen_at": NOW,
    }
    return AccessKey(**{**made, **facts})


def a_place(
    name: str = "a", reading: Served | None = None, *, readable: bool = True, **facts: Any
) -> PlaceState:
    """A place of the policy that is on record as this user's; read to serve the old key."""
    made = {
        "place": Place("file", name),
        "readable": readable,
        "sink_id": name,
        "claimed": True,
        "reading": Serves(OLD) if reading is None else reading,
    }
    return PlaceState(**{**made, **facts})


def got(name: str = "a", *, after: timedelta = 20 * DAY, **facts: Any) -> PlaceState:
    """A readable place that got the successor, and is read to serve it."""
    made = {
        "reading": Serves(NEW),
        "begun_key": NEW,
        "answered_key": NEW,
        "delivered_at": ago(after),
    }
    return a_place(name, **{**made, **facts})


def write_only(name: str = "w", *, after: timedelta = 20 * DAY, **facts: Any) -> PlaceState:
    """A write-only place that got the successor, and was written by nobody since."""
    made = {"readable": False, "reading": WrittenAt(ago(after)), "written_at": ago(after)}
    return got(name, after=after, **{**made, **facts})


def unwritten(name: str = "w", **facts: Any) -> PlaceState:
    """A write-only place that we never wrote, and that cannot tell when it was written."""
    return a_place(name, **{"readable": False, "reading": WrittenAt(None), **facts})


def unread(place: PlaceState) -> PlaceState:
    """The same place, not read in this visit."""
    return replace(place, reading=None)


def a_case(*keys: AccessKey, places: Iterable[PlaceState] = (), **facts: Any) -> Case:
    """A user whom an enforcing policy selects, listed just now, with nothing open."""
    made = {
        "now": NOW,
        "timing": TIMING,
        "user": USER,
        "selection": Selected(POLICY.name),
        "policy": POLICY,
        "enforced": True,
        "listed_at": NOW,
        "users_listed_at": NOW,
    }
    ordered = tuple(sorted(keys, key=lambda key: (key.created_at, key.key_id)))
    return Case(**{**made, "keys": ordered, "places": tuple(places), **facts})


def a_rotation(begun: timedelta = 20 * DAY, **facts: Any) -> Rotation:
    """A rotation that replaces the old key, begun so long ago; nothing is issued yet."""
    made = {
        "rotation_id": "r1",
        "kind": Kind.REPLACE,
        "policy": POLICY.name,
        "begun_at": ago(begun),
        "predecessor": OLD,
    }
    return Rotation(**{**made, **facts})


def issued(begun: timedelta = 20 * DAY, **facts: Any) -> Rotation:
    """A rotation whose successor is issued, and not proven."""
    return a_rotation(begun, **{"successor": NEW, "issued_at": ago(begun), **facts})


def delivered(begun: timedelta = 20 * DAY, **facts: Any) -> Rotation:
    """A rotation whose successor is proven and in every place, all within a moment."""
    made = {"own_use_at": ago(begun), "proven_at": ago(begun), "delivered_at": ago(begun)}
    return issued(begun, **{**made, **facts})


def leaving(title: Title, key_id: str = NEW, begun: timedelta = 3 * DAY, **facts: Any) -> Rotation:
    """A rotation that ends with a key leaving by a title other than predecessor."""
    return a_rotation(begun, **{"kind": Kind.LEAVE, "leaver": key_id, "title": title, **facts})


def idle(**facts: Any) -> Case:
    """Nothing is open, and the only key is due: a rotation would begin now."""
    return a_case(a_key(age=60 * DAY), **{"places": (a_place(),), **facts})


def issuing(**facts: Any) -> Case:
    """The answer of CreateAccessKey was lost two hours ago, and no new key is listed."""
    made = {
        "rotation": a_rotation(2 * HOUR),
        "places": (a_place(),),
        "intents": (an_intent(Step.ISSUE, 2 * HOUR),),
    }
    return a_case(a_key(age=60 * DAY), **{**made, **facts})


def candidate(**facts: Any) -> AccessKey:
    """A key that appeared right after the beginning of `issuing`, and was not used since."""
    return a_key(NEW, 2 * HOUR, **{"first_seen": 2 * HOUR - MINUTE, **facts})


def delivering(**facts: Any) -> Case:
    """A successor was issued an hour ago, its secret is at hand, and it is nowhere yet."""
    made = {
        "rotation": issued(HOUR),
        "places": (a_place(),),
        "secret_at_hand": True,
    }
    return a_case(a_key(age=60 * DAY), a_key(NEW, HOUR), **{**made, **facts})


def old_key(**facts: Any) -> AccessKey:
    """The predecessor of `grace` and `recovery`: quiet for a month."""
    return a_key(age=80 * DAY, **{"last_use": used(30 * DAY), **facts})


def new_key(**facts: Any) -> AccessKey:
    """The successor of `grace` and `recovery`: in use."""
    return a_key(NEW, 20 * DAY, **{"last_use": used(HOUR), **facts})


def grace(*keys: AccessKey, **facts: Any) -> Case:
    """Delivered twenty days ago, quiet and used by others: the predecessor may be switched off."""
    return a_case(
        *(keys or (old_key(), new_key())),
        **{"rotation": delivered(), "places": (got(),), **facts},
    )


def recovering(off: timedelta = 15 * DAY, **facts: Any) -> Rotation:
    """A rotation whose predecessor was switched off so long ago, all evidence on record."""
    made = {
        "evidence": {OLD: used(60 * DAY)},
        "deactivated_at": ago(off),
        "promised_at": ago(off) + POLICY.recovery_period,
    }
    return delivered(40 * DAY, **{**made, **facts})


def off_key(**facts: Any) -> AccessKey:
    """The predecessor of `recovery`: switched off 15 days ago, last used two months ago."""
    return a_key(age=100 * DAY, **{"off": 15 * DAY, "last_use": used(60 * DAY), **facts})


def recovery(*keys: AccessKey, **facts: Any) -> Case:
    """The predecessor has rested Inactive for 15 days: it may be deleted."""
    return a_case(
        *(keys or (off_key(), a_key(NEW, 40 * DAY, last_use=used(HOUR)))),
        **{"rotation": recovering(), "places": (got(after=40 * DAY),), **facts},
    )


def an_orphan(*keys: AccessKey, **facts: Any) -> Case:
    """An orphan has rested Inactive for two days, switched off by us: it may be deleted."""
    rotation = leaving(
        Title.ORPHAN, deactivated_at=ago(2 * DAY), evidence={NEW: NEVER, OLD: used(HOUR)}
    )
    return a_case(
        a_key(age=60 * DAY, last_use=used(HOUR)),
        *(keys or (a_key(NEW, 3 * DAY, off=2 * DAY),)),
        **{"rotation": rotation, "places": (a_place(),), **facts},
    )


def an_undelivered(*keys: AccessKey, **facts: Any) -> Case:
    """A successor whose secret died is still Active, and no place has it."""
    return a_case(
        a_key(age=60 * DAY, last_use=used(HOUR)),
        *(keys or (a_key(NEW, 3 * DAY),)),
        **{"rotation": leaving(Title.UNDELIVERED), "places": (a_place(),), **facts},
    )


def an_intent(step: Step, age: timedelta = MINUTE, **facts: Any) -> Intent:
    """A request of so long ago whose answer is not known; it lived for a minute."""
    return Intent(**{"step": step, "at": ago(age), "timeout_at": ago(age) + MINUTE, **facts})


def an_order(verb: Verb = Verb.ROTATE, order_id: int = 7, **facts: Any) -> Order:
    """What a person said an hour ago."""
    made = {"order_id": order_id, "verb": verb, "given_at": ago(HOUR), "actor": "kim"}
    return Order(**{**made, **facts})


def an_approval(
    action: DoorName, accepted: timedelta | None = HOUR, order_id: int = 8, **facts: Any
) -> Order:
    """An approval that was accepted so long ago (None: not yet); what keeps its door is open."""
    at = None if accepted is None else ago(accepted)
    made = {"action": action, "accepted_at": at, "open_since": at}
    return an_order(Verb.APPROVE, order_id, **{**made, **facts})


def a_hold(**facts: Any) -> Hold:
    """A person holds this user."""
    return Hold(**{"scope": Scope.USER, "since": ago(HOUR), "by": "kim", **facts})


def a_freeze(begins: timedelta, ends: timedelta, name: str = "year end") -> Freeze:
    """A freeze told by its distance from now: negative has been."""
    return Freeze(name, NOW + begins, NOW + ends)


def a_signer(
    key_id: str,
    replica: str = "one",
    source: str = "environment variables",
    *,
    moves: bool = False,
) -> Signer:
    """A live replica of ours that signs with a key; unless said, one that cannot move."""
    return Signer(replica, "web-1", SigningKey(key_id, source, moves=moves))


def failed(count: int = 1, age: timedelta = NOTHING, why: str = "no route") -> Failures:
    """So many failures in a row, the last so long ago."""
    return Failures(count, ago(age), why)


def bare(action: Action | None) -> Action | None:
    """The action without its sentences: those are on record beside the tables, see `said`."""
    return stripped(told(action))


def stripped(action: Action | None) -> Action | None:
    """The action without its sentences."""
    if action is None:
        return None
    if isinstance(action, Shut):
        behind = replace(action.behind, message="")
        return replace(action, message="", behind=behind)
    return replace(action, message="")


def policy(**fields: Any) -> Policy:
    """The ordinary policy with some fields changed."""
    return replace(POLICY, **fields)
