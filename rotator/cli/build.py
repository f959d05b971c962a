"""The one place that builds things: settings, configuration, store, outlets, equipment."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from rotator.config import Tables, load
from rotator.errors import ConfigError, Problem
from rotator.formats import FORMATS
from rotator.model import HttpSettings
from rotator.reconcile import Equipment, Hands
from rotator.sinks import build, installed

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from threading import Event as Flag

    from rotator.events import Emit
    from rotator.model import Configuration
    from rotator.store import Store

__all__ = ["Settings", "clock", "equip", "load_configuration", "settings_of"]


def clock() -> datetime:
    """Now, aware, in UTC: the clock that everything is given."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options and the environment say, before any file is read."""

    config: Path | None
    state: str | None
    listen: str | None
    log_format: str
    log_level: str
    as_json: bool
    actor: str


def settings_of(given: Namespace) -> Settings:
    """The global options; where one is not given, its environment variable, then its default."""
    environ = os.environ
    config = given.config or environ.get("ROTATOR_CONFIG")
    on_terminal = "console" if sys.stderr.isatty() else "json"
    return Settings(
        config=Path(config) if config else None,
        state=given.state or environ.get("ROTATOR_STATE"),
        listen=given.listen or environ.get("ROTATOR_LISTEN"),
        log_format=given.log_format or environ.get("ROTATOR_LOG_FORMAT") or on_terminal,
        log_level=(given.log_level or environ.get("ROTATOR_LOG_LEVEL") or "info").lower(),
        as_json=bool(given.json),
        actor=environ.get("ROTATOR_ACTOR") or "",
    )


def load_configuration(settings: Settings) -> Configuration:
    """The configuration that the options name, with what they say instead of it.

    Raises:
        ConfigError: it is wrong, or none is named.
    """
    if settings.config is None:
        raise ConfigError(
            [
                Problem(
                    "rotator",
                    1,
                    1,
                    "no configuration is named: say --config PATH, or set ROTATOR_CONFIG",
                )
            ]
        )
    tables = Tables(sinks=installed(), formats=FORMATS)
    configuration = load(settings.config, environ=os.environ, tables=tables)
    if settings.state is not None:
        configuration = replace(configuration, state=settings.state)
    if settings.listen is not None:
        configuration = replace(configuration, http=_listen(settings.listen))
    return configuration


def _listen(text: str) -> HttpSettings:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise ConfigError(
            [Problem("--listen", 1, 1, f"{text!r} is no address like 127.0.0.1:9180")]
        )
    return HttpSettings(host.strip("[]"), int(port))


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
) -> Equipment:
    """What a process works with under one configuration."""
    from rotator.aws.accounts import Accounts

    accounts = Accounts(
        configuration.accounts,
        environ=os.environ,
        clock=clock,
        request_timeout=configuration.timing.request_timeout,
        on_request=on_request or (lambda _account, _action, _result: None),
    )
    equipment = Equipment(
        store=store,
        accounts=accounts,
        configuration=lambda: configuration,
        build_sink=build,
        clock=clock,
        emit=emit,
        process=process or uuid4().hex,
        pause=time.sleep,
        actor=actor,
        hands=hands or Hands(),
    )
    return replace(equipment, stopping=stopping) if stopping else equipment
