"""Sinks: where credentials are delivered. One module per sink; plugins by entry point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, cast

from rotator.errors import RotatorError
from rotator.sinks.base import NameTemplate, Sink, SinkContext, SinkOptions, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rotator.formats import Format
    from rotator.model import SinkSpec

__all__ = [
    "GROUP",
    "NameTemplate",
    "Sink",
    "SinkContext",
    "SinkOptions",
    "SinkUnavailable",
    "Statement",
    "build",
    "installed",
    "sweep_leftovers",
]

GROUP = "rotator.sinks"
"""The entry-point group in which a package announces its sinks."""

_BUILT_IN = {
    "file": "rotator.sinks.file:FileSink",
    "secretsmanager": "rotator.sinks.secretsmanager:SecretsManagerSink",
    "ssm": "rotator.sinks.ssm:SsmSink",
    "vault": "rotator.sinks.vault:VaultSink",
}


class SinkUnavailable(RotatorError):
    """A sink is installed but cannot be loaded; the sentence names it and its package."""


class _Installed(Mapping[str, type[Sink]]):
    """The sinks by name, each imported when it is first asked for."""

    def __init__(self, points: Mapping[str, EntryPoint]) -> None:
        self._points = points
        self._loaded: dict[str, type[Sink]] = {}

    def __getitem__(self, name: str) -> type[Sink]:
        if name not in self._loaded:
            self._loaded[name] = _load(self._points[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, name: object) -> bool:
        """Membership without importing the sink, which the mixin's would do."""
        return name in self._points


@cache
def installed() -> Mapping[str, type[Sink]]:
    """All sinks of this installation by the name that a policy calls them.

    A name of the package itself cannot be taken by a plugin. Asking for a sink that cannot be
    imported raises SinkUnavailable; those nobody asks for are never imported.
    """
    points = {point.name: point for point in sorted(entry_points(group=GROUP), key=_by_name)}
    own = {name: EntryPoint(name, target, GROUP) for name, target in _BUILT_IN.items()}
    return _Installed(points | own)


def build(context: SinkContext, sinks: Mapping[str, type[Sink]] | None = None) -> Sink:
    """Make the sink of one user and one entry of a policy; raises NameProblem.

    `sinks` are those to choose from; by default the installed ones. The format is made that of
    this user.
    """
    spec = context.spec
    fmt = cast("Format", spec.format).of(context.user)
    made = replace(context, spec=replace(spec, format=fmt))
    return (installed() if sinks is None else sinks)[spec.type](made)


def sweep_leftovers(
    specs: Iterable[SinkSpec], sinks: Mapping[str, type[Sink]] | None = None
) -> int:
    """Remove what killed processes left in the places of these entries; how many things.

    Called at start. Only sinks that write temporary things have the class method for it.
    """
    known = installed() if sinks is None else sinks
    sweeps = [(getattr(known[spec.type], "sweep_leftovers", None), spec) for spec in specs]
    return sum(sweep(spec) for sweep, spec in sweeps if sweep is not None)


def _by_name(point: EntryPoint) -> tuple[str, str]:
    return point.name, point.value


def _load(point: EntryPoint) -> type[Sink]:
    """Import one sink; whatever a plugin does wrong is said in one sentence."""
    source = f"package {point.dist.name}" if point.dist else "this package"
    try:
        sink: type[Sink] = point.load()
    except Exception as exc:
        raise SinkUnavailable(
            f"the sink {point.name!r} of {source} cannot be loaded: {type(exc).__name__}: {exc}"
        ) from exc
    missing = [name for name in _REQUIRED if not hasattr(sink, name)]
    if missing:
        raise SinkUnavailable(
            f"the sink {point.name!r} of {source} is no sink: it lacks {', '.join(missing)}"
        )
    return sink


_REQUIRED = (
    "Options",
    "default_format",
    "reads_back",
    "place",
    "permissions",
    "check",
    "put",
    "current",
    "fetch",
    "close",
)
