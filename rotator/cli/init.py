"""`rotator init`: a first look at an account, and policies in observe mode, ready for review."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rotator.cli.build import load_configuration, paced
from rotator.cli.clocks import clock
from rotator.cli.outcomes import FINE, WrongCall
from rotator.cli.output import say, tell, tell_document
from rotator.errors import ReadError, Refused
from rotator.judgement.triage import OLD, UNUSED, proposals, triage
from rotator.judgement.wording import moment, span
from rotator.model import Account

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from rotator.cli.build import Settings
    from rotator.judgement.triage import Proposal, Triage

__all__ = ["init", "page"]

PATIENCE = timedelta(minutes=5)
"""How long a report is waited for that AWS is just making."""

SHOWN_MAX = 10
"""So many users are named of each kind; the file has a line for each kind, not for each user."""

DIGITS = 12


def init(settings: Settings, given: Namespace) -> int:
    """Read an account's report, and print or write what it says and which policies would cover it.

    Raises:
        ConfigError, Refused, WrongCall: it could not be read, or not be written.
    """
    account = _account(settings, given.account)
    target = Path(given.output) / "rotator.yaml" if given.output else None
    if target is not None and target.exists():
        raise Refused(f"{target} is there already, and is left as it is; name another folder")
    try:
        found, policies, account_id = _look(account, given.account)
    except ReadError as exc:
        raise Refused(
            f"{exc}; `init` goes by the credential report, and asks about no single key"
        ) from exc
    if not found.with_keys:
        raise Refused(f"no user of account {account.name} ({account_id}) has an access key")
    if not policies:
        raise Refused(
            f"no user of account {account.name} ({account_id}) who has an access key in the report "
            f"of {moment(found.generated_at)} is there any more; AWS makes a new one after 4 hours"
        )
    text = page(account, account_id, found, policies)
    if target is not None:
        _write(target, text)
    if settings.as_json:
        tell_document(
            account=account.name,
            account_id=account_id,
            report_at=found.generated_at,
            users=found.users,
            users_with_keys=found.with_keys,
            keys=found.keys,
            root_keys=found.root_keys,
            old=[{"user": name, "age_seconds": age} for name, age in found.old],
            two_keys=found.doubled,
            unused=found.unused,
            use_unknown=found.unclear,
            configuration=text,
        )
    elif target is None:
        tell(text.rstrip("\n"))
    else:
        tell(f"{target} is written: read it, then `rotator validate --config {target}`.")
    return FINE


def _account(settings: Settings, name: str) -> Account:
    """The account of this name in the configuration, if there is one; else the ambient one."""
    if settings.config is not None:
        account = load_configuration(settings).account(name)
        if account is not None:
            return account
    if name.isdigit():
        if len(name) != DIGITS:
            raise WrongCall(f"an account's id has {DIGITS} digits, and {name!r} has {len(name)}")
        return Account("default")
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
        raise WrongCall(f"{name!r}: an account's name is of letters, digits, `-` and `_`")
    return Account(name)


def _look(account: Account, asked: str) -> tuple[Triage, list[Proposal], str]:
    """What the report says of an account, and policies for it.

    Raises:
        Refused: it is another account than was asked for.
        ReadError: it cannot be entered, or has no report.
    """
    entered = paced((account,)).enter(account)
    if asked.isdigit() and entered.account_id != asked:
        raise Refused(
            f"the credentials are those of account {entered.account_id}, and not of {asked}"
        )
    say(f"Asking AWS for the credential report of {entered.account_id}; it may take a minute …")
    began = clock()
    report = entered.iam.report(deadline=began + PATIENCE, clock=clock, pause=_pause)
    users = entered.iam.users(groups=False, tags=True)
    return triage(report, clock()), proposals(users, report), entered.account_id


def _pause(seconds: float) -> None:
    import time

    time.sleep(seconds)


def _write(target: Path, text: str) -> None:
    """Write a new file, and never over one."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w") as file:
            file.write(text)
    except OSError as exc:
        raise Refused(f"{target} could not be written: {exc.strerror}") from exc


def page(account: Account, account_id: str, found: Triage, policies: Sequence[Proposal]) -> str:
    """The configuration, with what the report says in comments before it."""
    told = moment(found.generated_at)
    lines = [
        f"# Account {account.name} ({account_id}), by its credential report of {told}:",
        f"#   {found.users} users; {found.with_keys} of them have {found.keys} access keys",
        *_told(
            f"have an Active key of more than {span(OLD)}",
            [f"{name} ({span(age)})" for name, age in found.old],
        ),
        *_told("have two keys: only one that goes makes room for a new one", found.doubled),
        *_told(f"have an Active key that was not used for {span(UNUSED)}", found.unused),
        *_told("have a key of which the report tells no last use", found.unclear),
        f"#   the root user has {found.root_keys} access key(s)" + _of_root(found),
        "#",
        "# Policies that only observe. Read them, then: rotator validate, rotator plan.",
        "version: 1",
        "accounts:",
        f"  {_quoted(account.name)}: {_entered_by(account)}",
        "policies:",
    ]
    for policy in policies:
        lines += _policy(policy, account)
    return "\n".join(lines) + "\n"


def _of_root(found: Triage) -> str:
    return "; delete them, no policy can replace them" if found.root_keys else ""


def _told(what: str, names: Sequence[str]) -> list[str]:
    if not names:
        return [f"#   0 {what}"]
    more = f", and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else ""
    return [f"#   {len(names)} {what}: {', '.join(names[:SHOWN_MAX])}{more}"]


def _entered_by(account: Account) -> str:
    fields = [("role_arn", account.role_arn), ("region", account.region)]
    told = ", ".join(f"{name}: {value}" for name, value in fields if value)
    return f"{{{told}}}"


def _policy(policy: Proposal, account: Account) -> list[str]:
    include = {"name": "*"} if policy.path is None and policy.tag is None else {}
    selector = [
        *(f'{name}: "{value}"' for name, value in include.items()),
        *([f"path: {_quoted(policy.path)}"] if policy.path else []),
        *([f"tag: {{{_quoted(policy.tag[0])}: {_quoted(policy.tag[1])}}}"] if policy.tag else []),
    ]
    own = "reason: has a policy of its own"
    without = [f"{{path: {_quoted(path)}, {own}}}" for path in policy.without]
    without += [
        f"{{tag: {{{_quoted(name)}: {_quoted(value)}}}, {own}}}"
        for name, value in policy.without_tag
    ]
    lines = [
        f"  - name: {_quoted(policy.name)}",
        f"    description: {policy.users} users with access keys",
        "    mode: observe",
        f"    accounts: [{_quoted(account.name)}]",
        "    users:",
        f"      include: [{{{', '.join(selector)}}}]",
    ]
    if without:
        lines += ["      exclude:", *(f"        - {one}" for one in without)]
    return [*lines, "    rotate_after: 60d"]


def _quoted(text: str) -> str:
    """Text as YAML takes it between double quotes; `${` of an account's names refers to nothing."""
    import json

    escaped = "".join(
        f"\\U{ord(char):08x}" if ord(char) > _FIRST_PLANE else json.dumps(char)[1:-1]
        for char in text.replace("${", "$${")
    )
    return f'"{escaped}"'


_FIRST_PLANE = 0xFFFF
"""The last character that JSON escapes as one; of others it makes pairs, which YAML refuses."""
