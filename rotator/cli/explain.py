"""`rotator explain`: one user, looked at now: what is waited for, why, and what a person may do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rotator.cli.build import equip, load_configuration
from rotator.cli.evidence import approvals_of, door_of, may_do, reading_of, whose
from rotator.cli.outcomes import FAILED, FINE
from rotator.cli.output import moment, say, table, tell, tell_document
from rotator.cli.plan import row_of
from rotator.cli.quiet import outlets_of
from rotator.cli.status import blocked_of, document_of, key_row, role_of, with_hold
from rotator.cli.stores import reading
from rotator.cli.subjects import subject_of
from rotator.cli.surveyed import rhythm_of, with_survey
from rotator.errors import ReadError, Refused
from rotator.judgement.ourselves import signed_by
from rotator.judgement.wording import span, used
from rotator.model import Contested, Excluded, Mode, Selected, Serves
from rotator.reconcile import Planner
from rotator.reconcile.places import OpenPlaces
from rotator.reconcile.standing import standing_of

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.aws.accounts import Entered
    from rotator.cli.build import Settings
    from rotator.cli.subjects import Subject
    from rotator.model import Case, Configuration, Rotation
    from rotator.reconcile import Examined
    from rotator.store import Standing, Store

__all__ = ["explain"]


def explain(settings: Settings, given: Namespace) -> int:
    """Look at one user live and print everything that the judgement rests on.

    Raises:
        ConfigError, StoreError, Refused: it could not be begun, or nobody is meant.
    """
    configuration = load_configuration(settings)
    with reading(configuration.state) as store:
        planner = Planner(equip(configuration, store, outlets_of(settings), actor="explain"))
        configuration = planner.equipment.configuration()
        subject = subject_of(given.subject, store, planner)
        try:
            examined = _examine(configuration, planner, subject)
        except ReadError as exc:
            return _from_store(settings, subject, store, str(exc))
        found = _document(examined, subject, store)
    if settings.as_json:
        tell_document(**found)
    else:
        _print(examined, found)
    return FAILED if found["blocked"] else FINE


def _examine(configuration: Configuration, planner: Planner, subject: Subject) -> Examined:
    account = configuration.account(subject.account)
    if account is None:
        raise ReadError(f"the configuration has no account {subject.account!r} any more")
    entered, roll = planner.enter(account)
    examined = planner.examine(entered, roll, planner.user(roll, subject.ref, subject.name))
    return _with_readings(planner, entered, examined)


def _with_readings(planner: Planner, entered: Entered, examined: Examined) -> Examined:
    """What places serve is read for a person also where the judgement did not ask for it."""
    case = examined.case
    if all(place.reading is not None for place in case.places):
        return examined
    with OpenPlaces(planner.equipment, entered, case.policy, case.user) as opened:
        readings = {place: sink.current() for place, (_, sink) in opened.sinks.items()}
    places = tuple(replace(p, reading=readings.get(p.place, p.reading)) for p in case.places)
    return replace(examined, case=replace(case, places=places))


def _document(examined: Examined, subject: Subject, store: Store) -> dict[str, Any]:
    """What was seen now; the first fields are those of `status`."""
    case = examined.case
    row = standing_of(case, examined.action, store.know(case.user.ref).user)
    return {
        "source": "live",
        "account": case.user.account,
        "account_id": case.user.account_id,
        "user": case.user.name,
        "user_id": case.user.user_id,
        "asked_for": _asked_for(subject, whose(case, subject.key_id)),
        "policy": row.policy,
        "mode": row.mode,
        "selection": _selection(case),
        "phase": row.phase,
        "next": row_of(examined),
        "due_at": row.due_at,
        "overdue": row.overdue,
        "blocked": blocked_of(row),
        "rotation": _rotation(case.rotation),
        "keys": _keys(case, store),
        "former_keys": sorted(case.former),
        "places": _places(case),
        "door": door_of(case),
        "approvals": approvals_of(case),
        "may_do": may_do(case),
    }


def _keys(case: Case, store: Store) -> list[dict[str, Any]]:
    past = store.rotations(case.user.ref)
    ours = {one.successor for one in past if one.successor is not None}
    known = store.keys_of(case.user.ref)
    return [
        key_row(key, role_of(key, case.keys, case.rotation, ours))
        | {
            "signed_by": signed_by(case, key.key_id),
            "rhythm": rhythm_of(known, key.key_id, case.policy),
        }
        for key in case.keys
    ]


def _places(case: Case) -> list[dict[str, Any]]:
    return [
        {
            "id": place.sink_id,
            "type": place.place.type,
            "place": place.place.address,
            "serves": place.reading.key_id if isinstance(place.reading, Serves) else None,
            "reading": reading_of(place),
            "delivered_at": place.delivered_at,
        }
        for place in case.places
    ]


def _asked_for(subject: Subject, sentence: str | None) -> dict[str, Any] | None:
    if subject.key_id is None:
        return None
    return {"access_key_id": subject.key_id, "message": sentence}


def _rotation(rotation: Rotation | None) -> dict[str, Any] | None:
    if rotation is None:
        return None
    names = (
        *("rotation_id", "kind", "reason", "begun_at", "predecessor", "successor", "issued_at"),
        *("proven_at", "delivered_at", "leaver", "deactivated_at", "promised_at"),
    )
    return {name: getattr(rotation, name) for name in names} | {"title": rotation.right}


def _selection(case: Case) -> str:
    """Who is in charge of the user, as a sentence."""
    match case.selection:
        case Selected(name):
            acts = "acts on" if case.enforced else "only observes"
            return f"policy {name} selects the user, and {acts} it"
        case Excluded(name, why):
            return f"policy {name} excludes the user: {why}"
        case Contested(names):
            return f"more than one policy selects the user: {', '.join(names)}"
        case _:
            return "no policy selects the user"


def _print(examined: Examined, found: dict[str, Any]) -> None:
    case = examined.case
    overdue = ", overdue" if found["overdue"] else ""
    tell(f"{case.user} ({case.user.user_id}): {found['phase']}{overdue}")
    tell(f"{found['selection'][0].upper()}{found['selection'][1:]}.")
    if found["asked_for"]:
        tell(f"{found['asked_for']['message']}.")
    _print_next(case, found)
    keys = [
        [
            key["access_key_id"],
            key["role"],
            key["status"],
            span(case.now - key["created_at"]),
            used(seen.last_use, case.now),
        ]
        for key, seen in zip(found["keys"], case.keys, strict=True)
    ]
    if keys:
        tell("\n" + table(["KEY", "ROLE", "STATUS", "AGE", "LAST USE"], keys))
    for key in found["keys"]:
        if key["signed_by"]:
            tell(f"rotator signs its own calls with {key['access_key_id']}: {key['signed_by']}.")
        if key["rhythm"]:
            tell(f"{key['rhythm']}.")
    if found["places"]:
        names = ("id", "place", "reading")
        places = [[place[name] for name in names] for place in found["places"]]
        tell("\n" + table(["SINK", "PLACE", "SERVES"], places))
    _print_door(found["door"])
    for approval in found["approvals"]:
        tell(f"\nOn record: {approval['message']}")
    tell("\nYou may:\n" + "\n".join(f"  {line}" for line in found["may_do"]))


def _print_next(case: Case, found: dict[str, Any]) -> None:
    step = found["next"]
    gate = f", once its gate {step['gate']} is open" if step["gate"] else ""
    tell(f"Next: {step['action']} ({step['reason']}){gate}: {step['message']}")
    if step["at"] is not None and step["at"] > case.now:
        tell(f"Looked at again: {moment(step['at'])}, in {span(step['at'] - case.now)}")
    hold = found["blocked"]
    if hold is not None and hold["kind"] == "hold":
        until = f" until {moment(hold['until'])}" if hold["until"] else ""
        tell(f"Held by {hold['by']} since {moment(hold['since'])}{until}: {hold['message']}")


def _print_door(door: dict[str, Any]) -> None:
    gates = [
        [gate["gate"], "open" if gate["open"] else "shut", gate["message"]]
        for gate in door["gates"]
    ]
    if gates:
        tell(f"\nGates before {door['door']}:\n" + table(["GATE", "IS", "WHY"], gates))


def _from_store(settings: Settings, subject: Subject, store: Store, why: str) -> int:
    """AWS cannot be asked: what is on record, said to be that."""
    say(f"rotator: {why}\nWhat follows is what is on record.")
    row = next((row for row in store.users() if row.user.ref == subject.ref), None)
    if row is None:
        raise Refused(f"nothing is on record about {subject}")
    row = with_survey(store.surveys(), with_hold(store.holds(), row))
    found = document_of(store, row)
    sentence = None if subject.key_id is None else _whose_by_record(row, subject.key_id)
    found |= {"source": "store", "asked_for": _asked_for(subject, sentence), "note": why}
    if settings.as_json:
        tell_document(**found)
    else:
        _print_record(row, found)
    return FAILED


def _whose_by_record(row: Standing, key_id: str) -> str:
    key = next(key for key in row.keys if key.key.key_id == key_id)
    if key.gone_at is not None:
        return f"{key_id} was a key of {row.user}; it is deleted since {moment(key.gone_at)}"
    return f"{key_id} is a key of {row.user}"


def _print_record(row: Standing, found: dict[str, Any]) -> None:
    user = row.user
    mode = "acts on" if user.mode is Mode.ENFORCE else "only observes"
    policy = f"policy {user.policy} {mode} it" if user.policy else "no policy is in charge"
    tell(
        f"{user} ({user.ref.user_id}): {user.phase}, seen {moment(user.as_of) or 'never'}; {policy}"
    )
    if found["asked_for"]:
        tell(f"{found['asked_for']['message']}.")
    tell(f"Then: {user.reason or 'nothing'}: {user.message}")
    if user.next_at is not None:
        tell(f"Looked at again: {moment(user.next_at)}")
    if found["keys"]:
        names = ("access_key_id", "role", "status", "created_at", "last_used_at")
        keys = [[key[name] for name in names] for key in found["keys"]]
        tell("\n" + table(["KEY", "ROLE", "STATUS", "CREATED", "LAST USE"], keys))
    if found["places"]:
        places = [[p["id"], p["place"], p["serves"]] for p in found["places"]]
        tell("\n" + table(["SINK", "PLACE", "LAST GIVEN"], places))
