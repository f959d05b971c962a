"""`deliver`: places are given what a readable one serves, or a key that is brought (`--from`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.cli.actors import actor_of, confirmed
from rotator.cli.bringing import bring
from rotator.cli.build import disable_core_dumps, equip, load_configuration
from rotator.cli.interrupts import Interrupts, interrupts
from rotator.cli.levers import pull
from rotator.cli.outcomes import FAILED, FINE
from rotator.cli.output import say, tell, tell_document
from rotator.cli.quiet import outlets_of
from rotator.cli.stores import opened
from rotator.cli.subjects import user_subject
from rotator.errors import LeaseLost, ReadError, Refused
from rotator.reconcile import Brought, Planner, take

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings
    from rotator.cli.subjects import Subject
    from rotator.model import Configuration, Credential

__all__ = ["deliver"]


def deliver(settings: Settings, given: Namespace) -> int:
    """An order like the others; but what is brought only this command has, so it does it itself.

    Raises:
        ConfigError, StoreError, Refused: it could not be begun.
    """
    return pull(settings, given) if given.source is None else _take(settings, given)


def _take(settings: Settings, given: Namespace) -> int:
    disable_core_dumps()
    configuration = load_configuration(settings)
    actor, asked = actor_of(settings, given), Interrupts()
    with opened(configuration.state) as store:
        equipment = equip(
            configuration, store, outlets_of(settings), actor=actor, stopping=asked.stopping
        )
        planner = Planner(equipment)
        subject = user_subject(given.subject, store, planner)
        question = f"Put the key from {given.source} to the places of {subject}?"
        if given.source != "-" and not confirmed(given, question):
            return FAILED
        credential = bring(given.source, _formats(configuration))
        try:
            with interrupts(asked):
                message, done = _taken(planner, subject, _brought(given, credential)), True
        except (Refused, ReadError, LeaseLost) as exc:
            message, done = str(exc), False
    _print(settings, subject, message, done=done)
    return FINE if done else asked.status(FAILED)


def _brought(given: Namespace, credential: Credential) -> Brought:
    return Brought(
        credential, sink_id=given.sink, take_over=given.take_over, why=given.reason or ""
    )


def _formats(configuration: Configuration) -> list[object]:
    """The formats in which this configuration's sinks write, with the names of their fields."""
    return [spec.format for policy in configuration.policies for spec in policy.sinks]


def _taken(planner: Planner, subject: Subject, brought: Brought) -> str:
    account = planner.equipment.configuration().account(subject.account)
    if account is None:
        raise Refused(f"this configuration has no account {subject.account!r}")
    entered, roll = planner.enter(account)
    user = planner.user(roll, subject.ref, subject.name)
    return take(planner.equipment, entered, roll, user, brought)


def _print(settings: Settings, subject: Subject, message: str, *, done: bool) -> None:
    outcome = "done" if done else "refused"
    if settings.as_json:
        tell_document(
            account=subject.account,
            user=subject.name,
            user_id=subject.ref.user_id,
            order_id=None,
            outcome=outcome,
            message=message,
        )
    elif done:
        tell(f"{subject}: {message}")
    if not done:
        say(f"rotator: {subject}: {outcome}: {message}")
