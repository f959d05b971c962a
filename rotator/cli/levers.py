"""`rotate`, `rollback`, `close`: orders, obeyed by whoever next holds the user's lease."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.cli.actors import actor_of, confirmed
from rotator.cli.build import clock, equip, load_configuration
from rotator.cli.output import print_document, say
from rotator.cli.quiet import outlets_of
from rotator.cli.stores import opened
from rotator.cli.subjects import subject_of, user_subject
from rotator.events import Event
from rotator.model import Order, Verb
from rotator.reconcile import Planner, Sweeper
from rotator.store import UserRow

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings
    from rotator.cli.subjects import Subject
    from rotator.reconcile import Equipment
    from rotator.store import OrderRow, Store

__all__ = ["known_to", "pull"]

PATIENCE = timedelta(seconds=10)
"""How long a live replica has for taking the order before the command does it itself."""

LOOK_SECONDS = 0.2

QUESTIONS = {
    Verb.ROTATE: "Rotate the key of {subject} now?",
    Verb.ROLLBACK: "Revive the old key of {subject}, and hold the user?",
    Verb.CLOSE: "End the open rotation of {subject}, and leave its keys as they are?",
}


def pull(settings: Settings, given: Namespace) -> int:
    """Put the order down, see that somebody obeys it, and print what was done.

    Raises:
        ConfigError, StoreError, Refused: it could not be given.
    """
    configuration = load_configuration(settings)
    actor = actor_of(settings, given)
    with opened(configuration.state) as store:
        equipment = equip(configuration, store, outlets_of(settings), actor=actor)
        planner = Planner(equipment)
        if given.command == Verb.ROTATE.value:
            subject = subject_of(given.subject, store, planner)
        else:
            subject = user_subject(given.user, store, planner)
        verb = Verb(given.command)
        if not confirmed(given, QUESTIONS[verb].format(subject=subject)):
            return 1
        order_id = _give(store, equipment, subject, _order(given, verb, actor, subject))
        ended, waits_for = _see_to(store, equipment, subject, order_id)
    return _answer(settings, subject, order_id, ended, waits_for)


def _order(given: Namespace, verb: Verb, actor: str, subject: Subject) -> Order:
    return Order(
        order_id=0,
        verb=verb,
        given_at=clock(),
        actor=actor,
        reason=given.reason,
        key_id=subject.key_id,
        enforce=getattr(given, "enforce", False),
        confirmed=given.yes,
    )


def _give(store: Store, equipment: Equipment, subject: Subject, order: Order) -> int:
    known_to(store, subject)
    order_id = store.give(subject.ref, order)
    equipment.emit(
        Event.ORDER_GIVEN,
        account=subject.account,
        user=subject.name,
        user_id=subject.ref.user_id,
        order_id=order_id,
        verb=order.verb.value,
        actor=order.actor,
        stated_reason=order.reason,
        access_key_id=order.key_id,
    )
    return order_id


def known_to(store: Store, subject: Subject) -> None:
    """Put down a user whom nobody has looked at yet, so that an order can be about it."""
    store.note_users([UserRow(subject.ref, subject.account, subject.name)])


def _see_to(
    store: Store, equipment: Equipment, subject: Subject, order_id: int
) -> tuple[OrderRow | None, str]:
    """Wait for a live replica to obey, and do it ourselves where none does in time."""
    configuration = equipment.configuration()
    others = store.replicas(clock() - 2 * configuration.timing.lease)
    until = time.monotonic() + (PATIENCE.total_seconds() if others else 0.0)
    while time.monotonic() < until:
        row = store.order(order_id)
        if row is not None and row.outcome is not None:
            return row, ""
        time.sleep(LOOK_SECONDS)
    sweeper = Sweeper(equipment)
    visits = sweeper.visit_now([(subject.ref, subject.account, subject.name)])
    sweeper.deliver_held(time.monotonic() + configuration.timing.request_timeout.total_seconds())
    sweeper.farewell()
    last = visits[0].last if visits else None
    why = last.message if last else "another replica looks after the user now"
    return store.order(order_id), why if visits else "the account cannot be entered now"


def _answer(
    settings: Settings,
    subject: Subject,
    order_id: int,
    ended: OrderRow | None,
    waits_for: str,
) -> int:
    outcome = ended.outcome if ended else None
    message = (ended.message if ended else "") or waits_for
    if settings.as_json:
        print_document(user=str(subject), order_id=order_id, outcome=outcome, message=message)
    elif outcome == "done":
        print(f"{subject}: {message}")
    elif outcome is None:
        print(f"{subject}: the order is on record (number {order_id}), and waits: {message}")
    else:
        say(f"rotator: {outcome}: {message}")
    return 0 if outcome == "done" else 1
