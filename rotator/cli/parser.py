"""The parser of the command line, made from `surface`; nothing heavy is imported here."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import rotator
from rotator.cli.surface import COMMANDS, GLOBAL, Command, Option

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["make_parser"]


def make_parser() -> argparse.ArgumentParser:
    """The whole parser; global options stand on either side of the command."""
    parser = argparse.ArgumentParser(
        prog="rotator",
        description="Rotates the access keys of AWS IAM users; no consumer is ever without one.",
        epilog="`rotator COMMAND --help` tells more.",
        parents=[_common(on_the_left=True)],
        allow_abbrev=False,
    )
    _add_commands(parser, COMMANDS, "command", "COMMAND")
    return parser


def _common(*, on_the_left: bool) -> argparse.ArgumentParser:
    """The global options; on the right of a command they say nothing where they are not given."""
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    group = common.add_argument_group("global options, on either side of the command")
    for option in GLOBAL:
        settings = _settings(option)
        settings["default"] = option.default if on_the_left else argparse.SUPPRESS
        group.add_argument(*option.names, **settings)
    group.add_argument("--version", action="version", version=f"rotator {rotator.__version__}")
    return common


def _add_commands(
    parser: argparse.ArgumentParser, commands: Iterable[Command], dest: str, metavar: str
) -> None:
    found = parser.add_subparsers(dest=dest, metavar=metavar, required=True)
    for command in commands:
        one = found.add_parser(
            command.name,
            help=command.text.partition(". ")[0].rstrip("."),
            description=command.text,
            parents=[_common(on_the_left=False)],
            allow_abbrev=False,
        )
        _add_options(one, command)
        if command.verbs:
            _add_commands(one, command.verbs, "verb", "VERB")


def _add_options(parser: argparse.ArgumentParser, command: Command) -> None:
    if command.one_of:
        group = parser.add_mutually_exclusive_group(required=True)
        for option in command.one_of:
            group.add_argument(*option.names, **_settings(option))
    for option in command.options:
        parser.add_argument(*option.names, **_settings(option))


def _settings(option: Option) -> dict[str, Any]:
    """One option as argparse takes it."""
    settings: dict[str, Any] = {"help": option.help}
    if option.is_switch:
        settings["action"] = "store_true"
        return settings
    settings |= {"type": option.type, "default": option.default}
    if option.choices:
        settings["choices"] = option.choices
    else:
        settings["metavar"] = option.metavar
    if option.is_optional:
        settings["nargs"] = "?"
    if option.is_required:
        settings["required"] = True
    if option.dest:
        settings["dest"] = option.dest
    return settings
