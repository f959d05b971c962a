"""The small commands: `validate`, `sinks`, `demo`."""

from __future__ import annotations

import importlib.util
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from rotator.cli.build import load_configuration
from rotator.cli.output import print_document, say, table
from rotator.sinks import installed

if TYPE_CHECKING:
    from argparse import Namespace

    from rotator.cli.build import Settings

__all__ = ["demo", "sinks", "validate"]


def validate(settings: Settings, _given: Namespace) -> int:
    """Check the configuration's files: every fault, and every doubt, where it stands.

    Raises:
        ConfigError: it is wrong.
    """
    configuration = load_configuration(settings)
    for warning in configuration.warnings:
        say(f"{warning} (warning)")
    policies = ", ".join(policy.name for policy in configuration.policies)
    if settings.as_json:
        print_document(
            valid=True,
            policies=[policy.name for policy in configuration.policies],
            warnings=[str(warning) for warning in configuration.warnings],
            config_digest=configuration.digest,
        )
    else:
        print(f"{settings.config}: fine ({len(configuration.policies)} policies: {policies})")
    return 0


def sinks(settings: Settings, _given: Namespace) -> int:
    """Which sinks are installed, from which package, and whether they can be read back."""
    origins = {
        point.name: f"{point.dist.name} {point.dist.version}" if point.dist else ""
        for point in entry_points(group="rotator.sinks")
    }
    rows = [
        {
            "type": name,
            "from": origins.get(name, ""),
            "default_format": kind.default_format,
            "about": (kind.__doc__ or "").strip().splitlines()[0],
        }
        for name, kind in sorted(installed().items())
    ]
    if settings.as_json:
        print_document(sinks=rows)
    else:
        print(table(["TYPE", "FROM", "FORMAT", "ABOUT"], [list(row.values()) for row in rows]))
    return 0


def demo(_settings: Settings, given: Namespace) -> int:
    """Show the real daemon at work on a local AWS."""
    if any(importlib.util.find_spec(name) is None for name in ("moto", "flask")):
        say("rotator: the demo needs moto: install rotator with its extra `demo`")
        return 2
    from rotator.demo.show import main

    return main(keep=given.keep, folder=Path(given.folder) if given.folder else None)
