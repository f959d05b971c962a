"""Holds a part of the tree against a model, and says in our own words what does not fit.

The model's library would show the value (which may be a secret), its own jargon and an address
on the web; none of that leaves this module.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from rotator.config.faults import nearest
from rotator.config.fields import UNFIT
from rotator.config.section import Section
from rotator.config.tree import Fields, Items, Node, find, is_secret, plain, quoted, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from rotator.config.faults import Faults

__all__ = ["Taken", "check", "expect_fields", "expect_items", "field_names", "take", "unknown"]

M = TypeVar("M", bound=BaseModel)
S = TypeVar("S", bound=Section)
_Steps = tuple[int | str, ...]

_TYPES = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_parsing": "a number",
    "float_type": "a number",
    "frozen_set_type": "a list",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "mapping_type": "a mapping",
    "model_attributes_type": "a mapping",
    "model_type": "a mapping",
    "set_type": "a list",
    "string_type": "text",
    "tuple_type": "a list",
}
_BOUNDS = {
    "enum": "{expected}",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "text of the form {pattern}",
    "string_too_long": "text of at most {max_length} characters",
    "string_too_short": "text of at least {min_length} characters",
    "too_long": "at most {max_length} entries",
    "too_short": "at least {min_length} entries",
}
"""Error types of pydantic 2 and what was expected; the others get a sentence without figures."""


@dataclass(frozen=True, slots=True)
class Taken(Generic[S]):
    """A section as far as it fits; wrong fields have their default or stand-in, and are named."""

    fields: S
    broken: frozenset[str]


def take(model: type[S], node: Fields, faults: Faults, *, partial: bool = False) -> Taken[S]:
    """Read a section of ours; `partial` forgives required fields that are missing."""
    values, errors = _validated(model, node)
    wanted = [error for error in errors if not (partial and _is_missing(error))]
    for error in wanted:
        _say(error, model=model, node=node, faults=faults, noun=model.noun)
    broken = frozenset(str(error["loc"][0]) for error in errors if error["loc"])
    if values is None:
        kept = {name: plain(entry.node) for name, entry in node.without(*broken).entries.items()}
        values = model.model_validate_json(json.dumps({**model.stand_ins, **kept}))
    return Taken(values, broken)


def check(model: type[M], node: Fields, faults: Faults, *, noun: str) -> M | None:
    """Read a mapping of a sink's or a format's own fields; None where anything is wrong."""
    values, errors = _validated(model, node)
    for error in errors:
        _say(error, model=model, node=node, faults=faults, noun=noun)
    return values


def field_names(model: type[BaseModel]) -> list[str]:
    """The fields of a model as the YAML spells them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def unknown(node: Fields, known: Iterable[str], faults: Faults, *, noun: str) -> None:
    """Refuse the keys of a mapping that are not known, each at its own place."""
    names = list(known)
    for key, entry in node.entries.items():
        if key not in names:
            hint = nearest(key, names, there_are="there are")
            faults.add(entry.mark, f"{quoted(key)} is not a field of {noun}; {hint}")


def expect_fields(name: str, node: Node, faults: Faults) -> Fields | None:
    """The node if it is a mapping; else that is said."""
    if isinstance(node, Fields):
        return node
    faults.add(node.mark, f"{quoted(name)}: expected a mapping, got {shown(node)}")
    faults.spoil(node.mark)
    return None


def expect_items(name: str, node: Node | None, faults: Faults) -> tuple[Node, ...]:
    """The entries of a list that may be missing; that it is none is said."""
    if node is None:
        return ()
    if not isinstance(node, Items):
        faults.add(node.mark, f"{quoted(name)}: expected a list, got {shown(node)}")
        faults.spoil(node.mark)
        return ()
    return node.items


def _validated(model: type[M], node: Fields) -> tuple[M | None, list[ErrorDetails]]:
    # As JSON, because there lists may become tuples, and texts enums, even in a strict model.
    text = json.dumps(plain(node))
    try:
        return model.model_validate_json(text), []
    except ValidationError as exc:
        return None, exc.errors(include_url=False, include_input=False)


def _is_missing(error: ErrorDetails) -> bool:
    return error["type"] == "missing" and len(error["loc"]) == 1


def _say(
    error: ErrorDetails, *, model: type[BaseModel], node: Fields, faults: Faults, noun: str
) -> None:
    """Turn one error of the library into a problem at its place."""
    _, steps = _follow(model, error["loc"])
    context: dict[str, Any] = error.get("ctx", {})
    if error["type"] in {"missing", "extra_forbidden"}:
        parent, _ = find(node, steps[:-1])
        owner, _ = _follow(model, error["loc"][:-1])
        called = owner.noun if owner and issubclass(owner, Section) else noun
        if error["type"] == "missing":
            faults.add(parent.mark, f"{called} needs {quoted(str(steps[-1]))}")
        elif isinstance(parent, Fields):
            known = field_names(owner) if owner else []
            unknown(parent.only(str(steps[-1])), known, faults, noun=called)
        return
    if error["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        _say_tags(context, find(node, steps)[0], faults)
        return
    if "at" in context:
        steps = (*steps, context["at"])
    # What is left of the steps are names of the library's own, such as a union's members.
    found, left = find(node, steps)
    sentence = _sentence(error["type"], context, found)
    gone = steps[: len(steps) - len(left)]
    name = next((step for step in reversed(gone) if isinstance(step, str)), None)
    faults.add(found.mark, f"{quoted(name)}: {sentence}" if name else f"{noun}: {sentence}")


def _say_tags(context: dict[str, Any], found: Node, faults: Faults) -> None:
    """The field that tells which of several models a mapping is has another word, or is missing."""
    field = context["discriminator"].strip("'")
    expected = context.get("expected_tags", "").replace("'", "`")
    if not isinstance(found, Fields) or field not in found.entries:
        faults.add(found.mark, f"this mapping needs {quoted(field)}")
        return
    entry = found.entries[field]
    sentence = _expected(f"one of {expected}", entry.node, "")
    faults.add(entry.node.mark, f"{quoted(field)}: {sentence}")


def _sentence(kind: str, context: dict[str, Any], found: Node) -> str:
    if kind == UNFIT:
        return _expected(context["expected"], found, context["why"])
    if kind in _TYPES:
        quotes = kind == "string_type" and not isinstance(plain(found), list | dict | None)
        return _expected(_TYPES[kind], found, "put it in quotes" if quotes else "")
    if kind in {"too_short", "string_too_short"} and context["min_length"] == 1:
        return _expected("at least one entry" if kind == "too_short" else "text", found, "")
    if kind in _BOUNDS:
        return _expected(_BOUNDS[kind].format(**context).replace("'", "`"), found, "")
    if kind == "value_error" and not is_secret(found):
        # The words of a sink or a format about its own field; with a secret in reach they might
        # quote it, cut or escaped in ways that nobody can search for.
        return " ".join(str(context["error"]).split())
    return _expected("something else", found, "")


def _expected(expected: str, found: Node, why: str) -> str:
    if not why:
        return f"expected {expected}, got {shown(found)}"
    link = "," if why.startswith(("which ", "whose ")) else ";"
    return f"expected {expected}, got {shown(found)}{link} {why}"


def _follow(model: type[BaseModel], steps: _Steps) -> tuple[type[BaseModel] | None, _Steps]:
    """The model of the mapping that these steps lead to, if it is one, and the steps in the YAML.

    After a field that may be one of several models the library's steps name the one that was
    meant, by its word; such a step is none in the YAML.
    """
    candidates = [model]
    kept: list[str | int] = []
    for step in steps:
        tagged = [one for one in candidates if len(candidates) > 1 and step in _tags(one)]
        if tagged:
            candidates = tagged
            continue
        kept.append(step)
        if isinstance(step, str):
            fields = [field for one in candidates for field in _spelt(one, step)]
            candidates = [found for field in fields for found in _models(field.annotation)]
    return candidates[0] if candidates else None, tuple(kept)


def _spelt(model: type[BaseModel], step: str) -> list[FieldInfo]:
    return [one for name, one in model.model_fields.items() if (one.alias or name) == step]


def _tags(model: type[BaseModel]) -> list[object]:
    literals = [one.annotation for one in model.model_fields.values()]
    return [tag for one in literals if get_origin(one) is Literal for tag in get_args(one)]


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
