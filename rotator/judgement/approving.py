"""What becomes of an approval: accepted, refused with a sentence, or ended without being used.

An approval is spent once, by the outcome of the step that it let through. Until then it lapses a
day after all other gates of its door were first found open with it given, and ends with the
rotation that it was given for. A second one for the same step is refused: one word is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.judgement import doors
from rotator.judgement.approvals import (
    LIFE,
    about,
    approval_for,
    concerns,
    has_lapsed,
    is_of_this_rotation,
    lapses_at,
)
from rotator.judgement.leaving import rule_of
from rotator.judgement.wording import listing, moment, span
from rotator.model import Approved, DoorName, KeyStatus, Obey, Reason, Record, Selected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotator.judgement.doors import Gate, GateEntry
    from rotator.model import Case, Order

__all__ = ["approve", "newly_open"]


def approve(case: Case, order: Order) -> Record | Obey | None:
    """What an approval asks for now; None: it counts, and waits for its step."""
    if order.accepted_at is not None:
        return _ended(case, order)
    why_not = _why_not(case, order) or _why_not_again(case, order)
    if why_not is not None:
        return Obey(Reason.REFUSED, why_not, order_id=order.order_id, refused=True)
    shut = _other_gates(case, order)
    fact = Approved(order.order_id, is_open=not shut)
    return Record(Reason.BY_HAND, _accepted(case, order, shut), fact)


def newly_open(case: Case) -> tuple[Order, ...]:
    """The approvals of which nothing else keeps the door shut, and of which that is news."""
    return tuple(
        order
        for order in case.approvals
        if order.open_since is None and concerns(case, order) and not _other_gates(case, order)
    )


def _ended(case: Case, order: Order) -> Obey | None:
    """The end of an approval that was not used, or not with an answer."""
    until = lapses_at(order)
    if until is not None and has_lapsed(case, order):
        why = (
            f"{order.actor}'s approval of {order.action} lapsed {moment(until)}, unspent,"
            f" {span(LIFE)} after nothing else kept that door shut;"
            f" `{_command(case, order)}` gives another"
        )
    elif order.action is not DoorName.ISSUE and not is_of_this_rotation(case, order):
        why = f"the rotation is over for which {order.actor} had approved {order.action}"
    else:
        return None
    return Obey(Reason.APPROVAL, why, order_id=order.order_id, withdrawn=True)


def _why_not(case: Case, order: Order) -> str | None:
    """Why nothing waits for this approval, and what to do instead."""
    door = order.action
    if door is None:
        return "it does not say what is approved: say `--action issue`, `deactivate` or `delete`"
    return _why_not_issue(case, order) if door is DoorName.ISSUE else _why_not_harm(case, order)


def _why_not_issue(case: Case, order: Order) -> str | None:
    if case.rotation is not None:
        return (
            "a rotation is open, and none is begun beside it: what may wait for approval now is"
            " `--action deactivate` or `--action delete`"
        )
    if not isinstance(case.selection, Selected):
        return "no policy, or more than one, selects this user: select it by one"
    if _asks_nothing(case, DoorName.ISSUE):
        return f"{_asks_nothing(case, DoorName.ISSUE)}; `rotator rotate {case.user}` begins at once"
    if not case.enforced:
        return (
            "the policy only observes this user, so that nothing waits for approval;"
            f" `rotator rotate {case.user} --enforce` begins at once"
        )
    if order.key_id is None or order.key_id == about(case, DoorName.ISSUE):
        return None
    if order.key_id not in {key.key_id for key in case.listed}:
        return _not_its_key(case, order)
    oldest = about(case, DoorName.ISSUE) or "none of its keys"
    return f"{order.key_id} is not what the next rotation replaces, but {oldest}: approve that"


def _why_not_harm(case: Case, order: Order) -> str | None:
    door, rotation = order.action, case.rotation
    assert door is not None
    if rotation is None or rotation.leaving is None:
        return (
            f"no key of this user is on its way out, so there is nothing to {door};"
            f" `rotator explain {case.user}` says what comes next"
        )
    if order.key_id is not None and order.key_id != rotation.leaving:
        if order.key_id not in {key.key_id for key in case.keys}:
            return _not_its_key(case, order)
        return f"{order.key_id} is not the key that leaves, but {rotation.leaving}: approve that"
    if _asks_nothing(case, door):
        return f"{_asks_nothing(case, door)}: it is done as soon as it is safe"
    rule = rule_of(rotation)
    if rule is None or rule.gates is not doors.ALL:
        return f"{rotation.leaving} leaves as {rotation.right}, which waits for no approval"
    leaver = case.key(rotation.leaving)
    if door is DoorName.DEACTIVATE and leaver and leaver.status is KeyStatus.INACTIVE:
        return f"{rotation.leaving} is Inactive already; its deletion is `--action delete`"
    return None


def _why_not_again(case: Case, order: Order) -> str | None:
    assert order.action is not None
    given = approval_for(case, order.action)
    if given is None:
        return None
    until = lapses_at(given)
    end = f", and it counts until {moment(until)}" if until else ", and it counts"
    return (
        f"{given.actor} approved {order.action} {moment(given.given_at)} already{end}: one"
        " approval is enough"
    )


def _asks_nothing(case: Case, door: DoorName) -> str | None:
    if case.policy is not None and door in case.policy.approve:
        return None
    policy = f"policy {case.policy.name}" if case.policy else "no policy"
    return f"{policy} asks for {'no' if case.policy else 'any'} approval of {door}"


def _not_its_key(case: Case, order: Order) -> str:
    gone = ": it was deleted" if order.key_id in case.former else ""
    return f"{order.key_id} is no key of this user{gone}; `rotator explain {case.user}` shows them"


def _other_gates(case: Case, order: Order) -> tuple[Gate, ...]:
    """The shut gates before the door that is approved, that of approvals left out."""
    assert order.action is not None
    others = [gate for gate in _gates_of(case) if gate[0] is not Reason.APPROVAL]
    return tuple(doors.shut_gates(case, tuple(others), order.action))


def _gates_of(case: Case) -> Sequence[GateEntry]:
    if case.rotation is None:
        return doors.BEGINNING
    rule = rule_of(case.rotation)
    return rule.gates if rule else doors.ALL


def _accepted(case: Case, order: Order, shut: Sequence[Gate]) -> str:
    assert order.action is not None
    key_id = order.key_id or about(case, order.action)
    what = f"{order.action} of {key_id}" if key_id else f"{order.action}"
    if not shut:
        return f"{what} is approved by {order.actor} until {moment(case.now + LIFE)}"
    closed = listing([f"{gate.reason}" for gate in shut])
    return (
        f"{what} is approved by {order.actor}, until {span(LIFE)} after the other gates before it"
        f" are open (shut now: {closed})"
    )


def _command(case: Case, order: Order) -> str:
    return f"rotator approve {order.key_id or case.user} --action {order.action}"
