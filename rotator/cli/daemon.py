"""`rotator daemon`: the long-lived process, put together."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING
from uuid import uuid4

import rotator
from rotator.cli.build import (
    disable_core_dumps,
    equip,
    load_configuration,
    own_credentials,
    paces_of,
    tidy,
)
from rotator.cli.clocks import clock
from rotator.cli.gauges import StepTimes, standing_of
from rotator.cli.stores import ensured, opened
from rotator.daemon import Daemon, Watch
from rotator.errors import StoreUnavailable
from rotator.events import Event
from rotator.outlets import Outlets
from rotator.outlets.logs import configure
from rotator.outlets.metrics import Metrics
from rotator.reconcile import Found, Hands
from rotator.web import CannotListen, make_app, serve

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings
    from rotator.model import Configuration
    from rotator.reconcile import Equipment
    from rotator.store import Store
    from rotator.web import Server

__all__ = ["look_for_store", "run_daemon"]


def run_daemon(settings: Settings, given: Namespace) -> int:
    """Run until a signal; 0 at a quiet end.

    Raises:
        ConfigError: at the start there is no configuration to keep in force.
        StoreError: a person must do something about the store first.
    """
    disable_core_dumps()
    configuration = load_configuration(settings)
    if not given.init_state:
        look_for_store(configuration)
    tidy(configuration)
    daemon, metrics = _build(settings, given, configuration)
    server = _serve(daemon, metrics, configuration)
    try:
        return daemon.run()
    finally:
        if server is not None:
            server.close()


def look_for_store(configuration: Configuration) -> None:
    """Refuse at once a store that only a person can bring in order; one that is away is awaited."""
    with suppress(StoreUnavailable):
        opened(configuration.state).close()


def _build(
    settings: Settings, given: Namespace, configuration: Configuration
) -> tuple[Daemon, Metrics]:
    logs = configure(
        format=settings.log_format,
        level=settings.log_level,
        stream=sys.stderr,
        clock=clock,
    )
    process, hands, stopping, found = uuid4().hex, Hands(), Flag(), Found()
    ambient = own_credentials()
    metrics = Metrics(
        clock=clock,
        version=rotator.__version__,
        standing=lambda: standing_of(daemon.store, paces.rates()),
    )
    outlets = Outlets(
        logs, metrics, StepTimes(metrics.on_step), on_failure=metrics.on_outlet_failure
    )

    paces = paces_of(outlets.emit)

    def equipped(configuration: Configuration, store: Store) -> Equipment:
        return equip(
            configuration,
            store,
            outlets.emit,
            actor="daemon",
            process=process,
            hands=hands,
            stopping=stopping,
            on_request=metrics.on_request,
            ambient=ambient,
            paces=paces,
            found=found,
        )

    source = settings.config or Path()
    open_it = ensured if given.init_state else opened
    daemon = Daemon(
        watch=Watch(source, lambda: load_configuration(settings), configuration),
        open_store=lambda: open_it(configuration.state),
        equip=equipped,
        clock=clock,
        emit=outlets.emit,
        process=process,
    )
    return daemon, metrics


def _serve(daemon: Daemon, metrics: Metrics, configuration: Configuration) -> Server | None:
    """Serve health and metrics; where the port is taken, rotation goes on without."""
    if configuration.http is None:
        return None
    app = make_app(alive=daemon.is_alive, problems=daemon.problems, metrics=metrics.render)
    try:
        server = serve(app, configuration.http)
    except CannotListen as exc:
        address = f"{configuration.http.host}:{configuration.http.port}"
        daemon.emit(Event.HTTP_FAILED, address=address, error=str(exc))
        return None
    daemon.emit(Event.HTTP_OPENED, address=server.address)
    return server
