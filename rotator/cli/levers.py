"""Levers are orders: rows in the store, obeyed by whoever next holds the user's lease."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.cli.actors import actor_of, confirmed, is_meant
from rotator.cli.build import disable_core_dumps, equip, load_configuration
from rotator.cli.clocks import clock
from rotator.cli.interrupts import Interrupts, interrupts
from rotator.cli.outcomes import FAILED, FINE, WrongCall
from rotator.cli.output import moment, say, tell, tell_document
from rotator.cli.quiet import outlets_of
from rotator.cli.stores import opened
from rotator.cli.subjects import key_subject, subject_of, user_subject
from rotator.cli.waiting import deliver_the_rest
from rotator.errors import ReadError
from rotator.events import Event
from rotator.judgement.wording import span
from rotator.model import DoorName, Order, Title, Verb
from rotator.reconcile import Planner, Sweeper
from rotator.store import UserRow

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from rotator.cli.build import Settings
    from rotator.cli.subjects import Subject
    from rotator.model import AccessKey
    from rotator.reconcile import Equipment
    from rotator.store import OrderRow, ReplicaRow, Store

__all__ = ["make_known", "pull"]

PATIENCE = timedelta(seconds=10)
"""How long a live replica has for taking the order before the command does it itself."""

LOOK_SECONDS = 0.2
"""Between two looks at what became of the order."""

QUESTIONS = {
    Verb.ROTATE: "Rotate the key of {subject} now?",
    Verb.RETIRE: "Take {key} of {subject} out of service?",
    Verb.APPROVE: "Let rotator {action} a key of {subject}, once?",
    Verb.ROLLBACK: "Revive the old key of {subject}, and hold the user?",
    Verb.DELIVER: "Have what a readable place of {subject} serves put to its other places?",
    Verb.CLOSE: "End the open rotation of {subject}, and leave its keys as they are?",
}

AT_ONCE = {
    "compromised": "Replace {key} of {subject} now, and switch it off as soon as every place has"
    " its successor?",
    "contain_first": "Switch {key} of {subject} off now? Whoever reads it stops working until they"
    " have its successor.",
    "now": "Take the next step with {key} of {subject} now? An Active key is switched off, whoever"
    " uses it; an Inactive one is deleted.",
}
"""What is asked where the order waits for nothing; the last that fits."""

LEAKED = (
    "The key that leaves {subject} is in the wrong hands, it was said. Revive it all the same, and"
    " hold the user?"
)


def _is_leaked(store: Store, subject: Subject) -> bool:
    rotation = store.know(subject.ref).rotation
    return rotation is not None and rotation.right is Title.COMPROMISED


_FIND = {Verb.ROTATE: subject_of, Verb.APPROVE: subject_of, Verb.RETIRE: key_subject}


def _question(verb: Verb, given: Namespace, subject: Subject) -> str:
    said = [text for word, text in AT_ONCE.items() if getattr(given, word, False)]
    text = said[-1] if said else QUESTIONS[verb]
    return text.format(
        subject=subject, key=subject.key_id or "the key", action=getattr(given, "action", "")
    )


def pull(settings: Settings, given: Namespace) -> int:
    """Put the order down, see that somebody obeys it, and print what was done.

    Raises:
        ConfigError, StoreError, Refused: it could not be given.
    """
    disable_core_dumps()
    configuration = load_configuration(settings)
    if getattr(given, "contain_first", False) and not given.compromised:
        raise WrongCall("`--contain-first` is for a key that leaked: say `--compromised` too")
    actor, verb, asked = actor_of(settings, given), Verb(given.command), Interrupts()
    with opened(configuration.state) as store:
        equipment = equip(
            configuration, store, outlets_of(settings), actor=actor, stopping=asked.stopping
        )
        subject = _FIND.get(verb, user_subject)(given.subject, store, Planner(equipment))
        leaked = verb is Verb.ROLLBACK and _is_leaked(store, subject)
        question = LEAKED.format(subject=subject) if leaked else _question(verb, given, subject)
        if not confirmed(given, question):
            return FAILED
        with interrupts(asked):
            order_id = _give(store, equipment, subject, _order(given, verb, actor, subject))
            errand = Errand(equipment, subject, order_id)
            ended = errand.see_to()
        message = _message(store, subject, verb, ended) or errand.why
        message = _contained(store, subject, given) + message
    _print(settings, errand, ended, message, leaked=_lives_on(given))
    done = ended is not None and ended.outcome in {"done", None}
    return FINE if done else asked.status(FAILED)


def _contained(store: Store, subject: Subject, given: Namespace) -> str:
    """That a leaked key is dead already, whatever else its order waits for or could not do."""
    known = store.know(subject.ref)
    key = _key(known.keys, subject.key_id)
    if not getattr(given, "contain_first", False) or key is None or key.is_active:
        return ""
    return f"{key.key_id} is switched off since {moment(key.status_since)}; what is left: "


def _order(given: Namespace, verb: Verb, actor: str, subject: Subject) -> Order:
    return Order(
        order_id=0,
        verb=verb,
        given_at=clock(),
        actor=actor,
        reason=given.reason or "",
        key_id=subject.key_id,
        enforce=getattr(given, "enforce", False),
        compromised=getattr(given, "compromised", False),
        contain_first=getattr(given, "contain_first", False),
        now=getattr(given, "now", False),
        confirmed=is_meant(given),
        sink_id=getattr(given, "sink", None),
        take_over=getattr(given, "take_over", False),
        action=DoorName(given.action) if verb is Verb.APPROVE else None,
    )


def _give(store: Store, equipment: Equipment, subject: Subject, order: Order) -> int:
    make_known(store, subject)
    order_id = store.give(subject.ref, order)
    equipment.emit(
        Event.ORDER_GIVEN,
        account=subject.account,
        user=subject.name,
        user_id=subject.ref.user_id,
        order_id=order_id,
        verb=order.verb.value,
        actor=order.actor,
        stated_reason=order.reason or None,
        access_key_id=order.key_id,
    )
    return order_id


def make_known(store: Store, subject: Subject) -> None:
    """Put down a user whom nobody has looked at yet, so that an order can be about it."""
    if store.know(subject.ref).user is None:
        store.note_users([UserRow(subject.ref, subject.account, subject.name)])


@dataclass(slots=True)
class Errand:
    """One order on its way; `why` says what it still waits for."""

    equipment: Equipment
    subject: Subject
    order_id: int
    why: str = ""
    is_left: bool = False

    def see_to(self) -> OrderRow | None:
        """The order as it ended, or an approval that counts; None: it stays on record, undone.

        A live replica has ten seconds to take it; after that, and at once where there is none,
        it is obeyed here, unless somebody else has the user's lease: that is waited for.
        """
        timing = self.equipment.configuration().timing
        lives = self.equipment.store.replicas(clock() - 2 * timing.lease)
        if lives and (ended := self._await_end(PATIENCE)):
            return ended
        self._obey(waits_for=_who_else(lives))
        return self._await_end(PATIENCE if self.is_left else timedelta(0))

    def _await_end(self, most: timedelta) -> OrderRow | None:
        """Look, at least once, until the order asks for nothing more, or the time is over."""
        end = time.monotonic() + most.total_seconds()
        while True:
            row = self.equipment.store.order(self.order_id)
            if row is not None and (row.outcome or row.order.accepted_at):
                return row
            if time.monotonic() >= end or self.equipment.stopping.is_set():
                return None
            self.equipment.pause(LOOK_SECONDS)

    def _obey(self, *, waits_for: str) -> None:
        """Visit the user now, in the name of whoever gave the order.

        `waits_for`: who is to do it where this machine cannot.
        """
        configuration = self.equipment.configuration()
        account = configuration.account(self.subject.account)
        if account is None:
            lacks = f"this configuration has no account {self.subject.account!r}"
            self.why = f"{waits_for}; {lacks}"
            return
        sweeper = Sweeper(self.equipment)
        try:
            self.equipment.accounts.enter(account)
        except ReadError as exc:
            self.why = f"{waits_for}; from here, {exc}"
            return
        visits = sweeper.visit_now([(self.subject.ref, self.subject.account, self.subject.name)])
        deliver_the_rest(sweeper)
        sweeper.farewell()
        visit = visits[0] if visits else None
        self.is_left = visit is not None and visit.left_to_another
        if self.is_left:
            self.why = "another process looks after this user now, and obeys it"
        elif visit is None or visit.last is None:
            self.why = "looking at the user failed; the log says why"
        else:
            self.why = visit.last.message


def _who_else(lives: Sequence[ReplicaRow]) -> str:
    if not lives:
        return "it waits for a daemon, and none lives now"
    names = ", ".join(sorted(row.replica_id for row in lives))
    return f"it waits for the daemon ({names}), which has not taken it within {span(PATIENCE)}"


def _message(store: Store, subject: Subject, verb: Verb, ended: OrderRow | None) -> str:
    """What became of the order; of a rollback that comes too late, why."""
    if ended is None:
        return ""
    if ended.outcome == "refused" and verb is Verb.ROLLBACK:
        return _too_late(store, subject) or ended.message
    return ended.message


def _too_late(store: Store, subject: Subject) -> str:
    """Where the key that a person wants back was deleted: that it was, and what helps instead."""
    known = store.know(subject.ref)
    latest = next(iter(store.rotations(subject.ref, most=1)), None)
    if known.rotation is not None or latest is None or latest.predecessor not in known.former:
        return ""
    key = _key(known.keys, latest.predecessor)
    when = f" {moment(key.missing_since)}" if key is not None and key.missing_since else ""
    return (
        f"{latest.predecessor} was deleted{when}, and a deleted key cannot be revived;"
        f" `rotator rotate {subject}` makes a new one"
    )


def _key(keys: tuple[AccessKey, ...], key_id: str | None) -> AccessKey | None:
    return next((key for key in keys if key.key_id == key_id), None)


def _lives_on(given: Namespace) -> bool:
    """Whether a key that leaked may still be used while its order waits."""
    return getattr(given, "compromised", False) and not given.contain_first


def _print(
    settings: Settings, errand: Errand, ended: OrderRow | None, message: str, *, leaked: bool
) -> None:
    outcome = (ended.outcome or "accepted") if ended else None
    subject, order_id = errand.subject, errand.order_id
    if settings.as_json:
        tell_document(
            account=subject.account,
            user=subject.name,
            user_id=subject.ref.user_id,
            order_id=order_id,
            outcome=outcome,
            message=message,
        )
    elif outcome in {"done", "accepted"}:
        tell(f"{subject}: {message}")
    if outcome is None:
        say(f"rotator: order {order_id} on {subject} stays on record, not done yet: {message}")
        if leaked:
            say("rotator: `--contain-first` switches the key off before all this, at once")
    elif outcome not in {"done", "accepted"}:
        say(f"rotator: {subject}: {outcome}: {message}")
