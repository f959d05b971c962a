"""`rotator explain`: one user, looked at now: what is waited for, why, and what a person may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rotator.cli.build import clock, equip, load_configuration
from rotator.cli.output import moment, print_document, say, table
from rotator.cli.plan import row_of
from rotator.cli.quiet import outlets_of
from rotator.cli.stores import reading
from rotator.cli.subjects import subject_of
from rotator.errors import ReadError, Refused
from rotator.judgement import doors
from rotator.judgement.phases import phase_of
from rotator.judgement.wording import span, used
from rotator.model import DoorName, Selected, Serves, WrittenAt
from rotator.reconcile import Planner

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings
    from rotator.cli.subjects import Subject
    from rotator.model import Case, PlaceState
    from rotator.reconcile import Examined
    from rotator.store import Store

__all__ = ["explain"]


def explain(settings: Settings, given: Namespace) -> int:
    """Look at one user live and print everything that the judgement rests on.

    Raises:
        ConfigError, StoreError, Refused: it could not be begun, or nobody is meant.
    """
    configuration = load_configuration(settings)
    with reading(configuration.state, say) as store:
        planner = Planner(equip(configuration, store, outlets_of(settings), actor="explain"))
        subject = subject_of(given.subject, store, planner)
        account = configuration.account(subject.account)
        if account is None:
            raise Refused(f"the configuration has no account {subject.account!r} any more")
        try:
            entered, roll = planner.enter(account)
        except ReadError as exc:
            say(f"rotator: {exc}")
            return _from_store(settings, subject, store)
        user = planner.user(roll, subject.ref, subject.name)
        examined = planner.examine(entered, roll, user)
    if settings.as_json:
        print_document(**_document(examined, subject))
    else:
        _print(examined, subject)
    return 0


def _from_store(settings: Settings, subject: Subject, store: Store) -> int:
    """AWS is away: what is on record, said to be that."""
    row = next((row for row in store.users() if row.user.ref == subject.ref), None)
    said = row.user.message if row else "nothing is on record"
    if settings.as_json:
        print_document(user=str(subject), source="store", message=said)
    else:
        as_of = moment(row.user.as_of) if row else None
        print(f"{subject}: on record (seen {as_of or 'never'}): {said}")
    return 1


def _document(examined: Examined, subject: Subject) -> dict[str, Any]:
    case = examined.case
    rotation = case.rotation
    return {
        "account": case.user.account,
        "account_id": case.user.account_id,
        "user": case.user.name,
        "user_id": case.user.user_id,
        "asked_for": subject.key_id,
        "policy": case.policy.name if case.policy else None,
        "phase": phase_of(rotation, case.key(rotation.leaving) if rotation else None),
        "next": row_of(examined),
        "keys": [
            {
                "access_key_id": key.key_id,
                "status": key.status,
                "created_at": key.created_at,
                "last_use": used(key.last_use, case.now),
                "role": _role(case, key.key_id),
            }
            for key in case.keys
        ],
        "former_keys": sorted(case.former),
        "places": [
            {"place": str(place.place), "serves": _serves(place), "id": place.sink_id}
            for place in case.places
        ],
        "gates": _gates(case),
        "may_do": _may_do(examined),
    }


def _print(examined: Examined, subject: Subject) -> None:
    case, action = examined.case, row_of(examined)
    phase = _document(examined, subject)["phase"]
    print(f"{case.user} ({case.user.user_id}), {_policy(case)}: {phase}")
    if subject.key_id is not None:
        print(f"{subject.key_id} is {_whose(case, subject.key_id)}.")
    gate = f", but the gate {action['gate']!r} is shut" if action["gate"] else ""
    print(f"Next: {action['action']}{gate} ({action['reason']}): {action['message']}")
    if action["at"] is not None and action["at"] > clock():
        print(f"Looked at again: {moment(action['at'])}")
    keys = [
        [
            key.key_id,
            _role(case, key.key_id),
            key.status,
            span(case.now - key.created_at),
            used(key.last_use, case.now),
        ]
        for key in case.keys
    ]
    print("\n" + table(["KEY", "ROLE", "STATUS", "AGE", "LAST USE"], keys))
    places = [[place.place, place.sink_id, _serves(place)] for place in case.places]
    if places:
        print("\n" + table(["PLACE", "SINK", "SERVES"], places))
    gates = [[row["door"], row["gate"], row["message"]] for row in _gates(case)]
    print("\n" + table(["DOOR", "SHUT GATE", "WHY"], gates) if gates else "\nNo gate is shut.")
    print("\nYou may:\n" + "\n".join(f"  {line}" for line in _may_do(examined)))


def _policy(case: Case) -> str:
    if isinstance(case.selection, Selected) and case.policy is not None:
        mode = "enforced" if case.enforced else "observed"
        return f"policy {case.policy.name} ({mode})"
    return f"no policy in charge ({type(case.selection).__name__.lower()})"


def _whose(case: Case, key_id: str) -> str:
    if key_id in case.former:
        return f"a former key of {case.user}: it was deleted"
    return f"a key of {case.user}, as {_role(case, key_id)}"


def _role(case: Case, key_id: str) -> str:
    rotation = case.rotation
    if rotation is None:
        return "current" if len(case.listed) == 1 else "foreign"
    roles = {rotation.predecessor: "predecessor", rotation.leaver: "leaver"}
    if key_id == rotation.successor:
        return "successor"
    return roles.get(key_id, "foreign")


def _serves(place: PlaceState) -> str:
    match place.reading:
        case Serves(key_id):
            return key_id
        case WrittenAt(at):
            key = place.answered_key or "not ours"
            return f"write-only, last put {key}" + (f", written {moment(at)}" if at else "")
        case None:
            return "not looked at: nothing is due"
        case other:
            why = getattr(other, "why", "")
            return type(other).__name__.lower() + (f": {why}" if why else "")


def _gates(case: Case) -> list[dict[str, str]]:
    """Every gate that is shut, at every door."""
    return [
        {"door": name.value, "gate": gate.reason.value, "message": gate.message}
        for name in DoorName
        for gate in doors.shut_gates(
            case, doors.BEGINNING if name is DoorName.ISSUE else doors.ALL, name
        )
    ]


def _may_do(examined: Examined) -> list[str]:
    """What a person may type now; only what is not refused."""
    case = examined.case
    user = str(case.user)
    lines = [f"rotator history {user}"]
    if case.hold is not None:
        lines.append(f"rotator release {_held(case, case.hold.scope.value)}")
    else:
        lines.append(f"rotator hold {user} --reason …")
    if case.rotation is None:
        observed = "" if case.enforced else " --enforce"
        if isinstance(case.selection, Selected) and len(case.listed) == 1:
            lines.append(f"rotator rotate {user}{observed}")
    else:
        if case.rotation.predecessor is not None:
            lines.append(f"rotator rollback {user} --reason …")
        lines.append(f"rotator close {user} --reason …")
    return lines


def _held(case: Case, scope: str) -> str:
    policy = case.policy.name if case.policy else ""
    return {
        "user": str(case.user),
        "policy": f"--policy {policy}",
        "account": f"--account {case.user.account}",
    }.get(scope, "--all")
