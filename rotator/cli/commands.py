"""Which function runs which command; each is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping

    from rotator.cli.build import Settings

__all__ = ["COMMANDS"]


def _daemon(settings: Settings, given: Namespace) -> int:
    from rotator.cli.daemon import run_daemon

    return run_daemon(settings, given)


def _run(settings: Settings, given: Namespace) -> int:
    from rotator.cli.run import run_once

    return run_once(settings, given)


def _plan(settings: Settings, given: Namespace) -> int:
    from rotator.cli.plan import plan

    return plan(settings, given)


def _validate(settings: Settings, given: Namespace) -> int:
    from rotator.cli.small import validate

    return validate(settings, given)


def _status(settings: Settings, given: Namespace) -> int:
    from rotator.cli.status import status

    return status(settings, given)


def _explain(settings: Settings, given: Namespace) -> int:
    from rotator.cli.explain import explain

    return explain(settings, given)


def _history(settings: Settings, given: Namespace) -> int:
    from rotator.cli.history import history

    return history(settings, given)


def _lever(settings: Settings, given: Namespace) -> int:
    from rotator.cli.levers import pull

    return pull(settings, given)


def _deliver(settings: Settings, given: Namespace) -> int:
    from rotator.cli.deliver import deliver

    return deliver(settings, given)


def _hold(settings: Settings, given: Namespace) -> int:
    from rotator.cli.holds import hold_or_release

    return hold_or_release(settings, given)


def _sinks(settings: Settings, given: Namespace) -> int:
    from rotator.cli.small import sinks

    return sinks(settings, given)


def _init(settings: Settings, given: Namespace) -> int:
    from rotator.cli.init import init

    return init(settings, given)


def _state(settings: Settings, given: Namespace) -> int:
    from rotator.cli.state import state

    return state(settings, given)


def _demo(settings: Settings, given: Namespace) -> int:
    from rotator.cli.small import demo

    return demo(settings, given)


COMMANDS: Mapping[str, Callable[[Settings, Namespace], int]] = {
    "daemon": _daemon,
    "run": _run,
    "plan": _plan,
    "validate": _validate,
    "status": _status,
    "explain": _explain,
    "history": _history,
    "rotate": _lever,
    "retire": _lever,
    "approve": _lever,
    "rollback": _lever,
    "deliver": _deliver,
    "close": _lever,
    "hold": _hold,
    "release": _hold,
    "init": _init,
    "sinks": _sinks,
    "state": _state,
    "demo": _demo,
}
