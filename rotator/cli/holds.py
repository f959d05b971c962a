"""`hold` and `release`: in force as soon as they are written, obeyed at every next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotator.cli.actors import actor_of, confirmed
from rotator.cli.build import equip, load_configuration
from rotator.cli.evidence import release_of
from rotator.cli.levers import make_known
from rotator.cli.outcomes import FAILED, FINE, WrongCall
from rotator.cli.output import moment, tell, tell_document
from rotator.cli.plan import policies_of
from rotator.cli.quiet import outlets_of
from rotator.cli.stores import opened
from rotator.cli.subjects import Subject, nearest, user_subject
from rotator.errors import Refused
from rotator.events import Event
from rotator.model import Scope
from rotator.reconcile import Planner

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import datetime

    from rotator.cli.build import Settings
    from rotator.model import Configuration, UserRef
    from rotator.reconcile import Equipment
    from rotator.store import Store

__all__ = ["hold_or_release"]


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom a hold concerns, and how that is called."""

    scope: Scope
    subject: UserRef | str | None
    called: str
    user: Subject | None = None


def hold_or_release(settings: Settings, given: Namespace) -> int:
    """Stop, or let go again, one user, a policy, an account or everybody.

    Raises:
        ConfigError, StoreError, Refused, WrongCall: it could not be given.
    """
    configuration = load_configuration(settings)
    actor = actor_of(settings, given)
    with opened(configuration.state) as store:
        equipment = equip(configuration, store, outlets_of(settings), actor=actor)
        whom = _whom(given, equipment.configuration(), store, equipment)
        if not confirmed(given, f"{given.command.capitalize()} {whom.called}?"):
            return FAILED
        change = _hold if given.command == "hold" else _release
        text = change(given, store, whom, actor)
        equipment.emit(
            Event.ORDER_GIVEN,
            account=whom.user.account if whom.user else None,
            user=whom.user.name if whom.user else None,
            user_id=whom.user.ref.user_id if whom.user else None,
            verb=given.command,
            actor=actor,
            stated_reason=given.reason,
            scope=whom.scope.value,
            until=getattr(given, "until", None),
        )
    if settings.as_json:
        tell_document(verb=given.command, scope=whom.scope, message=text)
    else:
        tell(text)
    return FINE


def _hold(given: Namespace, store: Store, whom: Whom, actor: str) -> str:
    if whom.user is not None:
        make_known(store, whom.user)
    store.give_hold(
        whom.scope, subject=whom.subject, until=given.until, reason=given.reason, actor=actor
    )
    end = moment(given.until) if given.until else "somebody releases it"
    longer = _stands_longer(store, whom, given.until)
    return f"{whom.called} is held until {end}: nothing is begun, switched off or deleted{longer}"


def _stands_longer(store: Store, whom: Whom, until: datetime | None) -> str:
    """That an older hold of this user goes on when the new one has ended."""
    if whom.user is None or until is None:
        return ""
    hold = store.hold_on(whom.user.ref, account=whom.user.account, policy=None)
    if hold is None or hold.until == until:
        return ""
    end = f"until {moment(hold.until)}" if hold.until else "until somebody releases it"
    return f"; an older hold of {hold.by} stands {end}"


def _release(given: Namespace, store: Store, whom: Whom, actor: str) -> str:
    reason = given.reason or ""
    ended = store.release_hold(whom.scope, subject=whom.subject, reason=reason, actor=actor)
    if whom.scope is Scope.ACCOUNT and whom.subject != given.account:
        # One that was given before any of its users was known stands under the account's name.
        ended += store.release_hold(whom.scope, subject=given.account, reason=reason, actor=actor)
    if not ended:
        raise Refused(_why_not_held(store, whom))
    held = _still_held(store, whom)
    return f"{whom.called} is released" + (f"; but {held}" if held else "")


def _whom(
    given: Namespace, configuration: Configuration, store: Store, equipment: Equipment
) -> Whom:
    """Whom the call means; what is held must be known, what is released need not be any more."""
    is_hold = given.command == "hold"
    if given.policy is not None:
        if is_hold:
            policies_of(configuration, given.policy)
        return Whom(Scope.POLICY, given.policy, f"policy {given.policy}")
    if given.account is not None:
        names = [account.name for account in configuration.accounts]
        if is_hold and given.account not in names:
            hint = nearest(given.account, names) or f"; there are: {', '.join(names)}"
            raise WrongCall(f"there is no account {given.account!r}{hint}")
        subject = _account_id(store, given.account) or given.account
        return Whom(Scope.ACCOUNT, subject, f"account {given.account}")
    if given.all:
        return Whom(Scope.ALL, None, "everybody")
    user = user_subject(given.user, store, Planner(equipment))
    return Whom(Scope.USER, user.ref, str(user), user)


def _account_id(store: Store, name: str) -> str | None:
    """The id of an account, once a user of it is known: its name may change, the id never."""
    ids = {account_id for account, account_id in store.account_ids() if account == name}
    return ids.pop() if len(ids) == 1 else None


def _why_not_held(store: Store, whom: Whom) -> str:
    """Nothing of this very scope is held; a user may be held by a wider one, and that is said."""
    held = _still_held(store, whom)
    if held:
        return f"{whom.called} itself is not held, but {held}"
    return f"{whom.called} is not held: there is nothing to release"


def _still_held(store: Store, whom: Whom) -> str:
    """The hold under which a user stands by a wider order, and what ends it."""
    if whom.user is None:
        return ""
    ref, account = whom.user.ref, whom.user.account
    row = store.know(ref).user
    policy = row.policy if row else None
    hold = store.hold_on(ref, account=account, policy=policy)
    if hold is None:
        return ""
    command = release_of(hold, str(whom.user), account, policy or "")
    return f"a wider hold stands ({hold.scope}): `{command}` ends it"
