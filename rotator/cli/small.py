"""The small commands: `validate`, `sinks`, `demo`."""

from __future__ import annotations

import importlib.util
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotator.cli.build import load_configuration
from rotator.cli.outcomes import FAILED, FINE, WrongCall
from rotator.cli.output import say, table, tell, tell_document
from rotator.errors import ConfigError, Problem
from rotator.sinks import GROUP, SinkUnavailable, installed

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings
    from rotator.model import Configuration

__all__ = ["demo", "sinks", "validate"]


def validate(settings: Settings, _given: Namespace) -> int:
    """Check the configuration's files: every fault, and every doubt, where it stands.

    Raises:
        ConfigError: they are wrong.
        WrongCall: none is named.
    """
    try:
        configuration = load_configuration(settings)
    except ConfigError as exc:
        if settings.as_json:
            tell_document(valid=False, errors=list(map(_problem, exc.problems)), warnings=[])
        raise
    warnings = [found for found in configuration.warnings if isinstance(found, Problem)]
    for found in warnings:
        say(f"{found.file}:{found.line}:{found.column}: warning: {found.sentence}")
    if settings.as_json:
        tell_document(
            valid=True,
            errors=[],
            warnings=list(map(_problem, warnings)),
            policies=[policy.name for policy in configuration.policies],
            accounts=[account.name for account in configuration.accounts],
            organizations=[one.name for one in configuration.organizations],
            config_digest=configuration.digest,
        )
    else:
        tell(_fine(configuration))
    return FINE


def _fine(configuration: Configuration) -> str:
    policies = ", ".join(policy.name for policy in configuration.policies)
    names = [account.name for account in configuration.accounts]
    names += [f"{one.name} (an organization)" for one in configuration.organizations]
    accounts = ", ".join(names)
    return f"{configuration.source} is valid: policies {policies}; accounts {accounts}"


def _problem(found: Problem) -> dict[str, Any]:
    return {
        "file": found.file,
        "line": found.line,
        "column": found.column,
        "sentence": found.sentence,
    }


def sinks(settings: Settings, _given: Namespace) -> int:
    """Which sinks are installed, and from which package; one that cannot be loaded is told."""
    found = installed()
    packages = {
        point.name: f"{point.dist.name} {point.dist.version}"
        for point in entry_points(group=GROUP)
        if point.dist is not None
    }
    rows: list[dict[str, Any]] = []
    errors: list[str] = []
    for name in sorted(found):
        try:
            kind = found[name]
        except SinkUnavailable as exc:
            errors.append(str(exc))
            continue
        about = (kind.__doc__ or "").strip().partition("\n")[0]
        rows.append(
            {
                "type": name,
                "package": packages.get(name, "rotator"),
                "default_format": kind.default_format,
                "options": sorted(kind.Options.model_fields),
                "about": about,
            }
        )
    if settings.as_json:
        tell_document(sinks=rows, errors=errors)
    else:
        lines = [[*list(row.values())[:3], ", ".join(row["options"]), row["about"]] for row in rows]
        tell(table(["TYPE", "PACKAGE", "FORMAT", "OPTIONS", "ABOUT"], lines))
    for error in errors:
        say(f"rotator: {error}")
    return FAILED if errors else FINE


def demo(_settings: Settings, given: Namespace) -> int:
    """Show the real daemon at work on a local AWS.

    Raises:
        WrongCall: what it needs is not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in ("moto", "flask")):
        raise WrongCall("the demo needs moto: install rotator with its extra `demo`")
    from rotator.demo.show import main

    return main(keep=given.keep, folder=Path(given.folder) if given.folder else None)
