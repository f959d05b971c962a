"""What replicas must agree on, as one figure: a digest over what was loaded.

It is taken of what the configuration means, so a comment, an order of files, or `48h` for `2d`
changes nothing. Values that came from `${…}` are hashed before anything else is done with them.
The folder of the files is left out: the same files elsewhere are the same policy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, time, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pydantic import BaseModel

if TYPE_CHECKING:
    from rotator.model import Configuration

__all__ = ["agreement", "digest"]

_LEFT_OUT = frozenset({"base", "digest"})


def digest(subject: object, *, secrets: frozenset[str]) -> str:
    """A hexadecimal SHA-256 over all that the subject says."""
    return _sha256(json.dumps(_canonical(subject, secrets), sort_keys=True))


def agreement(configuration: Configuration, *, secrets: frozenset[str]) -> str:
    """The digest of a whole configuration: its policies, accounts, freezes and timing."""
    parts = {
        "policies": sorted(policy.digest for policy in configuration.policies),
        "accounts": sorted(digest(account, secrets=secrets) for account in configuration.accounts),
        "organizations": sorted(
            digest(one, secrets=secrets) for one in configuration.organizations
        ),
        "freezes": sorted(digest(freeze, secrets=secrets) for freeze in configuration.freezes),
        "timing": digest(configuration.timing, secrets=secrets),
    }
    return _sha256(json.dumps(parts, sort_keys=True))


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _canonical(value: object, secrets: frozenset[str]) -> object:
    """The value as JSON has it: sets and mappings in order, times and zones as text."""
    if isinstance(value, str):
        return f"sha256:{_sha256(value)}" if value in secrets else str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, timedelta):
        return value / timedelta(microseconds=1)
    if isinstance(value, datetime | time):
        return value.isoformat()
    if isinstance(value, ZoneInfo):
        return value.key
    if isinstance(value, BaseModel):
        model = type(value)
        dumped = _canonical(value.model_dump(mode="json"), secrets)
        return [f"{model.__module__}.{model.__qualname__}", dumped]
    return _composite(value, secrets)


def _composite(value: object, secrets: frozenset[str]) -> object:
    if is_dataclass(value):
        named = {f.name: getattr(value, f.name) for f in fields(value) if f.name not in _LEFT_OUT}
        return [type(value).__name__, _canonical(named, secrets)]
    if isinstance(value, Mapping):
        return {str(_canonical(key, secrets)): _canonical(v, secrets) for key, v in value.items()}
    if isinstance(value, frozenset | set):
        return sorted((_canonical(item, secrets) for item in value), key=json.dumps)
    if isinstance(value, list | tuple):
        return [_canonical(item, secrets) for item in value]
    raise TypeError(f"no canonical form of a {type(value).__name__}")
