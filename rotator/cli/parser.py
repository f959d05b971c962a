"""The command line: every command with its options; nothing heavy is imported here."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import rotator

__all__ = ["make_parser"]

Add = Callable[[str, str], argparse.ArgumentParser]
"""Adds a command of this name, with a sentence that says what it is for."""

_USER = "NAME or ACCOUNT/NAME"


def make_parser() -> argparse.ArgumentParser:
    """The whole parser; global options stand on either side of the command."""
    parser = argparse.ArgumentParser(
        prog="rotator",
        description="Rotates the access keys of AWS IAM users by itself, and loses none.",
        parents=[_common(None)],
    )
    parser.add_argument("--version", action="version", version=f"rotator {rotator.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    shared = _common(argparse.SUPPRESS)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[shared])

    _working(command)
    _looking(command)
    _levers(command)
    _others(command)
    return parser


def _common(default: str | None) -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("global options, on either side of the command")
    flag = False if default is None else default
    group.add_argument(
        "-c",
        "--config",
        default=default,
        metavar="PATH",
        help="a file or a folder of YAML (ROTATOR_CONFIG)",
    )
    group.add_argument(
        "--state",
        default=default,
        metavar="URL",
        help="where the store is, instead of what the configuration says (ROTATOR_STATE)",
    )
    group.add_argument(
        "--listen",
        default=default,
        metavar="HOST:PORT",
        help="where health and metrics are served, instead of what the configuration says (ROTATOR_LISTEN)",
    )
    group.add_argument(
        "--log-format",
        default=default,
        choices=("json", "console"),
        help="console on a terminal, else json (ROTATOR_LOG_FORMAT)",
    )
    group.add_argument(
        "--log-level",
        default=default,
        choices=("debug", "info", "warning", "error"),
        help="info (ROTATOR_LOG_LEVEL)",
    )
    group.add_argument(
        "--json", action="store_true", default=flag, help="one JSON document instead of text"
    )
    return common


def _working(command: Add) -> None:
    daemon = command("daemon", "The long-lived process.")
    daemon.add_argument(
        "--init-state", action="store_true", help="make the store first, where there is none"
    )
    run = command("run", "One sweep now, whatever the schedule says; then exit.")
    _narrowed(run)
    run.add_argument(
        "--until-idle",
        action="store_true",
        help="go on until nothing is open but what is stopped, held, or waits for more than an hour",
    )
    plan = command("plan", "What a sweep would do now; nothing is changed.")
    _narrowed(plan)
    plan.add_argument(
        "--exit-code", action="store_true", help="exit with 3 where at least one row would act now"
    )
    command("validate", "Check the configuration's files, and nothing else.")


def _narrowed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--policy", metavar="NAME", help="this policy alone")
    parser.add_argument("--user", metavar="USER", help=f"this user alone: {_USER}")


def _looking(command: Add) -> None:
    status = command("status", "Where each user stands, from the store.")
    status.add_argument("user", nargs="?", metavar="USER", help=_USER)
    explain = command("explain", "Everything about one user or key, looked at now.")
    explain.add_argument(
        "subject",
        metavar="USER|KEY",
        help=f"{_USER}, an access key id, or its last four characters",
    )
    history = command("history", "The record of what was done.")
    history.add_argument("user", nargs="?", metavar="USER", help=_USER)
    history.add_argument("--since", metavar="SPAN", help="only what is younger, like 6h")
    history.add_argument("--action", metavar="STEP", help="one step: issue, deliver, deactivate, …")


def _levers(command: Add) -> None:
    rotate = command("rotate", "Begin a rotation now.")
    rotate.add_argument("subject", metavar="USER|KEY", help=f"{_USER}, or a key of it")
    rotate.add_argument(
        "--enforce",
        action="store_true",
        help="also where the policy only observes the user: this one rotation runs to its end",
    )
    _ordered(rotate, required=False)
    for name, text in (
        ("rollback", "Revive the predecessor of an open rotation, and hold the user."),
        (
            "close",
            "End the open rotation, and leave the keys as they are; also gives up places that no policy names any more.",
        ),
    ):
        lever = command(name, text)
        lever.add_argument("user", metavar="USER", help=_USER)
        _ordered(lever, required=True)
    for name, text in (
        ("hold", "Stop at the next step: nothing is begun, switched off or deleted."),
        ("release", "End a hold."),
    ):
        lever = command(name, text)
        whom = lever.add_mutually_exclusive_group(required=True)
        whom.add_argument("user", nargs="?", metavar="USER", help=_USER)
        whom.add_argument("--policy", metavar="NAME", help="all users of a policy")
        whom.add_argument("--account", metavar="NAME", help="all users of an account")
        whom.add_argument("--all", action="store_true", help="everybody")
        _ordered(lever, required=name == "hold")
        if name == "hold":
            lever.add_argument(
                "--until",
                metavar="WHEN",
                help="a span from now like +4h, or a time like 2026-12-24T08:00Z",
            )


def _ordered(parser: argparse.ArgumentParser, *, required: bool) -> None:
    why = "why; it goes into the record" + ("" if required else " (optional)")
    parser.add_argument("--reason", metavar="TEXT", help=why, required=required, default="")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--as",
        dest="actor",
        metavar="WHO",
        help="who gives the order (ROTATOR_ACTOR, else login@host)",
    )


def _others(command: Add) -> None:
    credentials = command(
        "credentials",
        "For `credential_process`: print a file sink's credential with an expiration.",
    )
    credentials.add_argument(
        "path", metavar="PATH", help="the file that a file sink wrote, in its default JSON"
    )
    credentials.add_argument(
        "--expires-in", default="1h", metavar="SPAN", help="when SDKs look again (1h)"
    )
    command("sinks", "The installed sinks.")
    state = command("state", "The store: make it, check it, copy it.")
    verbs = state.add_subparsers(dest="verb", metavar="VERB", required=True)
    shared = _common(argparse.SUPPRESS)
    for name, text in (
        ("init", "Make a new, empty store; one that exists is left as it is."),
        ("check", "Check integrity and the chain of the record."),
        ("backup", "Copy the store to a file, while it is in use."),
        ("accept", "Go on with a store that is a backup, or that lost commits."),
    ):
        verb = verbs.add_parser(name, help=text, description=text, parents=[shared])
        if name == "backup":
            verb.add_argument("target", metavar="FILE", help="the copy; it must not exist")
        if name == "accept":
            _ordered(verb, required=True)
    demo = command("demo", "The real daemon at work on a local AWS, in under a minute.")
    demo.add_argument("--keep", action="store_true", help="leave it running, to be played with")
    demo.add_argument("--folder", metavar="DIR", help="where its files go (a temporary folder)")
