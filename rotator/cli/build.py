"""The one place that builds things: settings, configuration, store, outlets, equipment."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, get_args
from urllib.parse import urlsplit
from uuid import uuid4

from rotator.cli.clocks import clock
from rotator.cli.outcomes import WrongCall
from rotator.config import Tables, load
from rotator.events import Event, Level
from rotator.formats import FORMATS
from rotator.model import HttpSettings, Kept, Timing
from rotator.reconcile import Discovery, Equipment, Found, Hands
from rotator.sinks import build, installed, sweep_leftovers

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping, Sequence

    from rotator.aws.accounts import Accounts
    from rotator.aws.ambient import Ambient
    from rotator.aws.pace import Paces
    from rotator.events import Emit
    from rotator.model import Account, Configuration, Renewed
    from rotator.outlets.logs import LogFormat
    from rotator.store import Store

__all__ = [
    "Settings",
    "disable_core_dumps",
    "equip",
    "load_configuration",
    "own_credentials",
    "paced",
    "paces_of",
    "settings_of",
    "state_of",
    "tidy",
]

_PAUSE_STOPPING = 0.25
"""Seconds between two attempts at what is still tried while the process is to end."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options and the environment say, before any file is read."""

    config: Path | None
    state: str | None = field(repr=False)
    listen: str | None
    log_format: LogFormat
    log_level: Level
    as_json: bool
    actor: str


def settings_of(given: Namespace) -> Settings:
    """The global options; where one is not given, its environment variable, then its default.

    Raises:
        WrongCall: a variable says what its option would not take.
    """
    config = given.config or os.environ.get("ROTATOR_CONFIG")
    return Settings(
        config=Path(config) if config else None,
        state=given.state or os.environ.get("ROTATOR_STATE") or None,
        listen=given.listen or os.environ.get("ROTATOR_LISTEN") or None,
        log_format=_log_format(given.log_format or os.environ.get("ROTATOR_LOG_FORMAT")),
        log_level=_log_level(given.log_level or os.environ.get("ROTATOR_LOG_LEVEL")),
        as_json=bool(given.json),
        actor=os.environ.get("ROTATOR_ACTOR", "").strip(),
    )


def _log_format(text: str | None) -> LogFormat:
    from rotator.outlets.logs import LogFormat

    if not text:
        return "console" if sys.stderr.isatty() else "json"
    for known in get_args(LogFormat):
        if text.lower() == known:
            form: LogFormat = known
            return form
    raise WrongCall(f"ROTATOR_LOG_FORMAT is {text!r}; it may be json or console")


def _log_level(text: str | None) -> Level:
    try:
        return Level(text.lower()) if text else Level.INFO
    except ValueError as exc:
        levels = ", ".join(Level)
        raise WrongCall(f"ROTATOR_LOG_LEVEL is {text!r}; it may be one of {levels}") from exc


def load_configuration(settings: Settings) -> Configuration:
    """The configuration that the options name, with what they say instead of it.

    Raises:
        WrongCall: none is named, or an option is wrong.
        ConfigError: its files are wrong.
    """
    if settings.config is None:
        raise WrongCall("no configuration is named: say --config PATH, or set ROTATOR_CONFIG")
    tables = Tables(sinks=installed(), formats=FORMATS)
    configuration = load(settings.config, environ=os.environ, tables=tables)
    if settings.state is not None:
        configuration = replace(configuration, state=settings.state)
    if settings.listen is not None:
        configuration = replace(configuration, http=_listen(settings.listen))
    return configuration


def state_of(settings: Settings) -> str:
    """The address of the store; no file is read where the options say it.

    Raises:
        WrongCall, ConfigError: it is not said, or the files that say it are wrong.
    """
    return settings.state or load_configuration(settings).state


def _listen(text: str) -> HttpSettings:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise WrongCall(f"--listen (ROTATOR_LISTEN): {text!r} is no address like 127.0.0.1:9180")
    return HttpSettings(host.strip("[]"), int(port))


def tidy(configuration: Configuration) -> int:
    """Remove what killed processes left in the places of sinks: their secrets' own siblings (P4).

    To be called once, when a process that may write starts; how many things were removed.
    """
    return sweep_leftovers(spec for policy in configuration.policies for spec in policy.sinks)


def equip(  # noqa: PLR0913 - the parts of a process
    configuration: Configuration,
    store: Store,
    emit: Emit,
    *,
    actor: str,
    process: str = "",
    hands: Hands | None = None,
    stopping: Flag | None = None,
    on_request: Callable[[str, str, str], None] | None = None,
    ambient: Ambient | None = None,
    paces: Paces | None = None,
    found: Found | None = None,
) -> Equipment:
    """What a process works with under one configuration; the last three outlive it.

    Whoever is no daemon lists the accounts of organizations here, once.
    """
    from rotator.aws.accounts import Accounts
    from rotator.aws.pace import Rates
    from rotator.aws.quiet import quiet_boto

    quiet_boto()
    accounts = Accounts(
        configuration.accounts,
        environ=os.environ,
        clock=clock,
        request_timeout=configuration.timing.request_timeout,
        rates=None if _is_local(os.environ) else Rates(),
        on_request=on_request or (lambda _account, _action, _result: None),
        on_credentials=lambda change: _tell_credentials(emit, change),
        ambient=ambient,
        paces=paces,
    )
    discovery = Discovery(configuration, accounts, clock=clock, emit=emit, found=found)
    if actor != "daemon":
        discovery.renew()
    flag = stopping or Flag()
    return Equipment(
        store=store,
        accounts=accounts,
        configuration=discovery.current,
        discover=discovery.renew,
        build_sink=build,
        clock=clock,
        emit=emit,
        process=process or uuid4().hex,
        pause=lambda seconds: _pause(flag, seconds),
        actor=actor,
        hands=hands or Hands(),
        stopping=flag,
    )


def paced(accounts: Sequence[Account]) -> Accounts:
    """The way into accounts for who has no store, and no configuration either."""
    from rotator.aws.accounts import Accounts
    from rotator.aws.pace import Rates
    from rotator.aws.quiet import quiet_boto

    quiet_boto()
    return Accounts(
        accounts,
        environ=os.environ,
        clock=clock,
        request_timeout=Timing().request_timeout,
        rates=None if _is_local(os.environ) else Rates(),
    )


def paces_of(emit: Emit) -> Paces:
    """What is learned of how much each account bears, for as long as the process lives."""
    from rotator.aws.pace import Paces

    return Paces(
        lambda account, rate: emit(Event.ACCOUNT_THROTTLED, account=account, rate=round(rate, 2))
    )


def own_credentials() -> Ambient:
    """The credentials of this process, for as long as it lives, whatever the configuration."""
    from rotator.aws.ambient import Ambient

    return Ambient(os.environ, clock)


def _tell_credentials(emit: Emit, change: Renewed | Kept) -> None:
    """Our own credentials have moved, or should have."""
    if isinstance(change, Kept):
        emit(Event.CREDENTIALS_KEPT, access_key_id=change.key_id, message=change.why)
    else:
        emit(
            Event.CREDENTIALS_MOVED,
            access_key_id=change.before,
            successor=change.after,
            origin=change.source,
        )


def _pause(stopping: Flag, seconds: float) -> None:
    """Wait, and not for long where the process is to end; but never not at all."""
    if stopping.wait(seconds):
        time.sleep(min(seconds, _PAUSE_STOPPING))


def _is_local(environ: Mapping[str, str]) -> bool:
    """Whether AWS is a local one, which shares no rate of requests with anybody."""
    address = environ.get("AWS_ENDPOINT_URL_IAM") or environ.get("AWS_ENDPOINT_URL") or ""
    return urlsplit(address).hostname in {"127.0.0.1", "localhost", "::1"}


def disable_core_dumps() -> None:
    """A core dump would hold secrets (P4): there is to be none, however the process dies."""
    if os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
