"""The reference of all fields, made from the models, so that it cannot be out of date."""

from __future__ import annotations

import re
from datetime import timedelta
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Literal, Union, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from rotator.config.account_models import AccountSection, OrganizationSection
from rotator.config.fields import Kind
from rotator.config.models import (
    ExclusionSection,
    FreezeSection,
    HttpSection,
    LimitsSection,
    PolicySection,
    Root,
    ScheduleSection,
    SelectorSection,
    SinkSection,
    TimingSection,
    UsersSection,
    WindowSection,
)
from rotator.model import Secret, Template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

    from rotator.config.tables import Tables

__all__ = ["reference"]

_SECTIONS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("A file", "root", Root),
    ("http", "http", HttpSection),
    ("timing", "timing", TimingSection),
    ("accounts", "account", AccountSection),
    ("organization", "organization", OrganizationSection),
    ("freezes", "freeze", FreezeSection),
    ("policies", "policy", PolicySection),
    ("users", "users", UsersSection),
    ("Selectors", "selector", SelectorSection),
    ("Exclusions", "exclusion", ExclusionSection),
    ("schedule", "schedule", ScheduleSection),
    ("window", "window", WindowSection),
    ("limits", "limits", LimitsSection),
    ("sinks", "sink", SinkSection),
)

_WORDS: Mapping[type, str] = {
    bool: "true or false",
    int: "whole number",
    str: "text",
    Secret: "text, never shown",
    Template: "name of a place",
}

_OPENING = """\
# Configuration

<!-- Made from the models in rotator/config/models.py and
     those of sinks and formats, by `rotator.config.reference()`. -->

`--config PATH` or `ROTATOR_CONFIG` names a file, or a folder whose `*.yaml` and `*.yml` are read
as one: lists are joined, names are unique over all files, and a single field (`state`, `http`,
`timing`, `defaults`) stands in one of them. The examples in `config/` are there to be copied.

- **YAML 1.2**, so JSON too: `yes` and `on` are text, and so are dates. Merge keys (`<<`) and tags
  are refused; what policies share stands in `defaults`.
- **`${NAME}`** in a value is an environment variable, **`${file:PATH}`** a file's content,
  trimmed; unset or missing is an error, and `$${` stands for `${`. It is done after the YAML was
  parsed, so a secret may hold any character; no message ever shows such a value.
- **Relative paths** start from the folder of the file that holds them.
- **Durations** are a whole number above zero and a unit: `250ms`, `30s`, `15m`, `12h`, `90d`, `2w`.
- **Names of places** are templates over `{account}`, `{account_id}`, `{user}`, `{path}` and
  `{tag[NAME]}`. They hold `{user}` (or a tag) unless the policy names one single user.
- **Mistakes** are told all at once, as `FILE:LINE:COL: sentence`, and nothing is changed while
  there is one. Warnings have the same form: such a configuration works, but cannot keep the
  promise that its figures make.
"""


_SINKS = """\
## Types of sinks

The fields that each type has of its own, beside those of every [sink](#sink). `rotator sinks` lists
what is installed, plugins included.
"""

_FORMATS = """\
## Formats

What is written, apart from where: `format: env`, or with fields of its own
`format: {type: env, constants: {AWS_REGION: eu-north-1}}`.
"""


def reference(tables: Tables) -> str:
    """The whole reference as Markdown: every field's name, type, default and meaning."""
    sinks = {name: tables.sinks[name].Options for name in sorted(tables.sinks)}
    formats = {name: tables.formats[name] for name in sorted(tables.formats)}
    return "\n".join(
        [
            _OPENING,
            *(_section(*section) for section in _SECTIONS),
            _SINKS,
            *(part for name, model in sinks.items() for part in _with_parts(name, model)),
            _FORMATS,
            *(_section(name, f"format-{name}", model, level=3) for name, model in formats.items()),
        ]
    )


def _with_parts(name: str, model: type[BaseModel]) -> Iterator[str]:
    """The section of a sink, and one for each mapping that a field of it may be."""
    yield _section(name, f"sink-{name}", model, level=3)
    for name_of_field, field in model.model_fields.items():
        for part in _members(field.annotation):
            title = f"{name_of_field}: {{{_told_by(part)}, …}}"
            yield _section(title, _anchor_of(part), part, level=4)


def _members(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that a field may be, which have no section elsewhere."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _members(part)


def _told_by(model: type[BaseModel]) -> str:
    """The field and the word by which a model is told from the others of a union."""
    name, field = next(iter(model.model_fields.items()))
    return f"{name}: {get_args(field.annotation)[0]}"


def _anchor_of(model: type[BaseModel]) -> str:
    return "-".join(re.findall("[A-Z][a-z]+", model.__name__)).lower()


def _section(title: str, anchor: str, model: type[BaseModel], *, level: int = 2) -> str:
    rows = [
        f"| `{field.alias or name}` | {_type(field)} | {_default(field)} | {field.description} |"
        for name, field in model.model_fields.items()
    ]
    code = f"`{title}`" if title.islower() else title
    return "\n".join(
        [
            f'<a id="{anchor}"></a>',
            "",
            f"{'#' * level} {code}",
            "",
            " ".join((model.__doc__ or "").split("\n\n")[0].split()),
            "",
            "| field | type | default | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _type(field: FieldInfo) -> str:
    return _kind(field.metadata) or _name(field.annotation)


def _kind(metadata: list[object] | tuple[object, ...]) -> str | None:
    return next((item.name for item in metadata if isinstance(item, Kind)), None)


def _name(annotation: object) -> str:
    """What a type is called: the kind that it carries, or a link to its section."""
    if hasattr(annotation, "__metadata__"):
        return _kind(annotation.__metadata__) or _name(get_args(annotation)[0])
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        return " or ".join(_name(part) for part in parts if part is not NoneType)
    if origin is list:
        return f"list of {_name(parts[0])}"
    if origin is dict:
        return f"mapping of {_name(parts[0])} to {_name(parts[1])}"
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if isinstance(annotation, type) and annotation in _WORDS:
        return _WORDS[annotation]
    anchor = next((anchor for _, anchor, model in _SECTIONS if model is annotation), None)
    if anchor is None and any(True for _ in _members(annotation)):
        [model] = _members(annotation)
        return f"[`{_told_by(model)}`](#{_anchor_of(model)})"
    if anchor is None:
        raise TypeError(f"the reference has no word for {annotation!r}; give it a Kind")
    return f"[{anchor}](#{anchor})"


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "**required**"
    if default is None:
        return ""
    return f"`{_shown(default)}`"


def _shown(value: object) -> str:
    """A default as one would write it in the YAML."""
    if isinstance(value, BaseModel):
        given = {
            field.alias or name: getattr(value, name)
            for name, field in type(value).model_fields.items()
            if getattr(value, name) is not None
        }
        return _shown(given)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if isinstance(value, tuple):
        return ":".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return _duration(value)
    return value.key if isinstance(value, ZoneInfo) else str(value)


def _duration(length: timedelta) -> str:
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    seconds = int(length.total_seconds())
    return next(f"{seconds // size}{unit}" for unit, size in units.items() if seconds % size == 0)
