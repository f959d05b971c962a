"""The entries of a policy's `sinks`: types and formats looked up, options checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rotator.config.checking import check, field_names, take, unknown
from rotator.config.contents import with_contents
from rotator.config.faults import nearest
from rotator.config.models import SinkSection
from rotator.config.tables import NamesPlaces
from rotator.config.tree import Fields, Mark, Node, Scalar, quoted, scalars, shown, shown_at
from rotator.errors import RotatorError
from rotator.model import SinkSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pydantic import BaseModel

    from rotator.config.faults import Faults
    from rotator.config.tables import SinkType, Tables

__all__ = [
    "one_way_remarks",
    "refuse_same_places",
    "refuse_shared_place",
    "refuse_unknown_account",
    "refuse_unreadable",
    "sink_spec",
]


def sink_spec(
    node: Fields, *, tables: Tables, accounts: Collection[str], files: list[Path], faults: Faults
) -> SinkSpec | None:
    """One entry, or None where anything about it is wrong; `files` gets what it made us read."""
    common = take(SinkSection, node, faults)
    _refuse_unknown_account(node, accounts, faults)
    if "type" in common.broken:
        return None
    name = common.fields.type
    sink_type = _sink_type(node, name, tables, faults)
    if sink_type is None:
        return None
    options = _options(node, sink_type, name, faults)
    fmt = _format(node, sink_type, tables, files, faults)
    if options is None or fmt is None or common.broken:
        return None
    return SinkSpec(
        id=common.fields.id or name,
        type=name,
        options=options,
        format=fmt,
        readable=sink_type.reads_back(options, fmt) and not getattr(fmt, "one_way", False),
        base=str(Path(node.mark.file).absolute().parent),
        account=common.fields.account,
        create=common.fields.create,
    )


def _sink_type(node: Fields, name: str, tables: Tables, faults: Faults) -> SinkType | None:
    """The type of this name; a plugin that cannot be loaded says why by a RotatorError."""
    try:
        sink_type = tables.sinks.get(name)
    except RotatorError as exc:
        faults.add(node.mark_of("type"), str(exc))
        return None
    if sink_type is None:
        hint = nearest(name, tables.sinks, there_are="there are")
        faults.add(node.mark_of("type"), f"{shown_at(node, 'type')} is not a type of sink; {hint}")
    return sink_type


def _refuse_unknown_account(node: Fields, accounts: Collection[str], faults: Faults) -> None:
    account = node.get("account")
    if isinstance(account, Scalar) and isinstance(account.value, str):
        refuse_unknown_account(account, accounts, faults)


def refuse_unknown_account(node: Scalar, accounts: Collection[str], faults: Faults) -> None:
    """A name that `accounts` does not have."""
    if node.value not in accounts:
        hint = nearest(str(node.value), accounts, there_are="there are")
        faults.add(node.mark, f"{shown(node)} is not one of `accounts`; {hint}")


def _options(node: Fields, sink_type: SinkType, name: str, faults: Faults) -> BaseModel | None:
    common, own = field_names(SinkSection), field_names(sink_type.Options)
    noun = f"a sink of type {quoted(name)}"
    unknown(node, [*common, *own], faults, noun=noun)
    options = check(sink_type.Options, node.without(*common).only(*own), faults, noun=noun)
    return options if node.entries.keys() <= {*common, *own} else None


def _format(
    node: Fields, sink_type: SinkType, tables: Tables, files: list[Path], faults: Faults
) -> BaseModel | None:
    """The format's options; a name alone is the format with its defaults."""
    given = node.get("format")
    name: object = sink_type.default_format
    mark, own = node.mark, Fields(node.mark, {})
    if isinstance(given, Fields):
        name, mark = _type_of(given, faults), given.mark_of("type")
        own = given.without("type")
    elif given is not None:
        name, mark = (given.value if isinstance(given, Scalar) else None), given.mark
    if not isinstance(name, str):
        if not isinstance(given, Fields):
            got = shown(given) if given else "nothing"
            faults.add(mark, f"`format`: expected a name, or a mapping with `type`, got {got}")
        return None
    model = tables.formats.get(name)
    if model is None:
        _refuse_format(given, mark, name, tables, faults)
        return None
    whole = with_contents(own, model, faults, files=files)
    return check(model, whole, faults, noun=f"the format {quoted(name)}") if whole else None


def _refuse_format(
    given: Node | None, mark: Mark, name: str, tables: Tables, faults: Faults
) -> None:
    found = given.get("type") if isinstance(given, Fields) else given
    hint = nearest(name, tables.formats, there_are="there are")
    faults.add(mark, f"{shown(found) if found else quoted(name)} is not a format; {hint}")


def _type_of(node: Fields, faults: Faults) -> str | None:
    found = node.get("type")
    if found is None:
        faults.add(node.mark, "a format needs `type`")
        return None
    if not isinstance(found, Scalar) or not isinstance(found.value, str):
        faults.add(found.mark, f"`type`: expected the name of a format, got {shown(found)}")
        return None
    return found.value


def refuse_same_places(entries: Sequence[tuple[Fields, SinkSpec]], faults: Faults) -> None:
    """Two entries of one id, or of one place, in a policy."""
    ids: dict[str, Fields] = {}
    for count, (node, spec) in enumerate(entries):
        if spec.id in ids:
            mark = node.mark_of("id") if node.get("id") else node.mark
            line = ids[spec.id].mark.line
            faults.add(
                mark,
                f"the sink id {_id(node)} is already that of the sink in line {line}; "
                "give one of them another `id`",
            )
        ids.setdefault(spec.id, node)
        for other_node, other in entries[:count]:
            same = (spec.type, spec.options, spec.account, spec.base)
            if same == (other.type, other.options, other.account, other.base):
                line = other_node.mark.line
                faults.add(node.mark, f"the same place as that of the sink in line {line}")


def _id(node: Fields) -> str:
    """The sink's id in the policy, as a sentence may say it."""
    return shown_at(node, "id" if node.get("id") else "type")


def refuse_unreadable(entries: Sequence[tuple[Fields, SinkSpec]], faults: Faults) -> None:
    """Places that all are write-only: what is missing in one could be read back nowhere."""
    if entries and not any(spec.readable for _, spec in entries):
        node, spec = entries[0]
        because = one_way_because(spec)
        faults.add(
            node.mark,
            f"nothing can be read back from {_id(node)}, nor from another sink of this "
            "policy; add one that can be read, such as `file` with the format `json`"
            + (f" ({because})" if because else ""),
        )


def one_way_because(spec: SinkSpec) -> str | None:
    """Why nothing can be read back from what this entry's format writes; None where it can."""
    because: str | None = getattr(spec.format, "one_way_because", None)
    return because


def one_way_remarks(nodes: Sequence[Node], specs: Sequence[SinkSpec]) -> Iterator[tuple[Mark, str]]:
    """What is to be said of the entries of a policy whose formats cannot be read back."""
    for node, spec in zip(nodes, specs, strict=True):
        because = one_way_because(spec)
        if because is not None and isinstance(node, Fields):
            sentence = (
                f"nothing can be read back from this template: {because}; what is lacking there "
                "has to be read from another place of this policy"
            )
            yield node.mark_of("format"), sentence


def refuse_shared_place(
    node: Fields, spec: SinkSpec, *, one_name: bool, one_account: bool, faults: Faults
) -> None:
    """A place that two users whom the policy may select would share.

    `{tag[NAME]}` tells users apart too; those who collide by it are stopped when that is seen.
    """
    options = spec.options
    templates = list(options.name_templates()) if isinstance(options, NamesPlaces) else []
    fields = frozenset[str]().union(*(template.fields for template in templates))
    if any(field == "user" or field.startswith("tag[") for field in fields):
        return
    if one_name and (one_account or fields & {"account", "account_id"}):
        return
    texts = [template.text for template in templates]
    mark = next((s.mark for s in scalars(node) if s.value in texts), node.mark)
    faults.add(
        mark,
        "every user of this policy would share this place; put {user} into its name"
        + ("" if not one_name else ", or {account}"),
    )
