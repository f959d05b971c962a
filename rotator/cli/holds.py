"""`hold` and `release`: in force as soon as they are written, obeyed at every next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.cli.actors import actor_of, confirmed
from rotator.cli.build import clock, equip, load_configuration
from rotator.cli.levers import known_to
from rotator.cli.output import moment, print_document
from rotator.cli.quiet import outlets_of
from rotator.cli.spans import NoSpan, moment_of
from rotator.cli.stores import opened
from rotator.cli.subjects import user_subject
from rotator.errors import Refused
from rotator.events import Event
from rotator.model import Scope
from rotator.reconcile import Planner

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import datetime

    from rotator.cli.build import Settings
    from rotator.cli.subjects import Subject
    from rotator.model import Configuration, UserRef
    from rotator.reconcile import Equipment
    from rotator.store import Store

__all__ = ["hold_or_release"]


def hold_or_release(settings: Settings, given: Namespace) -> int:
    """Stop, or let go again, one user, a policy, an account or everybody.

    Raises:
        ConfigError, StoreError, Refused: it could not be given.
    """
    configuration = load_configuration(settings)
    actor = actor_of(settings, given)
    until = _until(given)
    with opened(configuration.state) as store:
        equipment = equip(configuration, store, outlets_of(settings), actor=actor)
        scope, subject, called, user = _whom(given, configuration, store, equipment)
        if not confirmed(given, f"{given.command.capitalize()} {called}?"):
            return 1
        if given.command == "hold":
            if user is not None:
                known_to(store, user)
            store.give_hold(scope, subject=subject, until=until, reason=given.reason, actor=actor)
            end = f" until {moment(until)}" if until else " until `rotator release`"
            text = f"held: {called}{end}; obeyed at every next step"
        else:
            ended = store.release_hold(scope, subject=subject, reason=given.reason, actor=actor)
            if not ended:
                raise Refused(_not_held(store, called, user))
            text = f"released: {called}"
        equipment.emit(
            Event.ORDER_GIVEN,
            verb=given.command,
            actor=actor,
            stated_reason=given.reason,
            scope=scope.value,
            until=until,
            user=user.name if user else None,
        )
    if settings.as_json:
        print_document(done=text, scope=scope.value, until=until)
    else:
        print(text)
    return 0


def _until(given: Namespace) -> datetime | None:
    text = getattr(given, "until", None)
    if text is None:
        return None
    try:
        return moment_of(text, clock())
    except NoSpan as exc:
        raise Refused(f"--until: {exc}") from exc


def _whom(
    given: Namespace, configuration: Configuration, store: Store, equipment: Equipment
) -> tuple[Scope, UserRef | str | None, str, Subject | None]:
    """The scope, what it is about, and how it is called."""
    if given.policy is not None:
        if configuration.policy(given.policy) is None:
            names = ", ".join(policy.name for policy in configuration.policies)
            raise Refused(f"there is no policy {given.policy!r}; there are: {names}")
        return Scope.POLICY, given.policy, f"policy {given.policy}", None
    if given.account is not None:
        if configuration.account(given.account) is None:
            names = ", ".join(account.name for account in configuration.accounts)
            raise Refused(f"there is no account {given.account!r}; there are: {names}")
        return Scope.ACCOUNT, given.account, f"account {given.account}", None
    if given.all:
        return Scope.ALL, None, "everybody", None
    user = user_subject(given.user, store, Planner(equipment))
    return Scope.USER, user.ref, f"user {user}", user


def _not_held(store: Store, called: str, user: Subject | None) -> str:
    """Nothing of this scope is held; a user may be held by a wider one, and that is said."""
    if user is None:
        return f"{called} is not held by an order of just that scope: there is nothing to release"
    row = next((row.user for row in store.users() if row.user.ref == user.ref), None)
    policy = row.policy if row else None
    hold = store.hold_on(user.ref, account=user.account, policy=policy)
    if hold is None:
        return f"{called} is not held: there is nothing to release"
    wider = {
        Scope.POLICY: f"--policy {policy}",
        Scope.ACCOUNT: f"--account {user.account}",
        Scope.ALL: "--all",
    }
    return f"{called} itself is not held, but wider: `rotator release {wider.get(hold.scope, '')}`"
