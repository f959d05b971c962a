"""Makes one tree of all files, and one mapping of each policy and the `defaults`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.config.checking import expect_fields, expect_items, field_names, unknown
from rotator.config.models import Root
from rotator.config.tree import Entry, Fields, Items, Mark, Node, plain, quoted, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rotator.config.faults import Faults

__all__ = ["DEFAULTS_NEVER", "merge", "with_defaults"]

DEFAULTS_NEVER = ("name", "users", "retire", "provision")
"""What every policy says itself, or no file could be read alone."""

_LISTS = ("freezes", "policies")
_MAPPINGS = ("accounts",)
_EVERYWHERE = ("version",)


def merge(roots: Sequence[Node], start: Mark, faults: Faults) -> Fields:
    """One mapping of all files: lists are joined, names and single fields are given once."""
    entries: dict[str, Entry] = {}
    for root in roots:
        if not isinstance(root, Fields):
            faults.add(
                root.mark,
                f"expected a mapping of fields such as `policies`, got {shown(root)}",
            )
            continue
        unknown(root, field_names(Root), faults, noun=Root.noun)
        for name, entry in root.only(*field_names(Root)).entries.items():
            earlier = entries.get(name)
            merged = _joined(name, earlier, entry, faults) if earlier else entry
            entries[name] = merged
    first = roots[0].mark if len(roots) == 1 else start
    return Fields(first, entries)


def _joined(name: str, earlier: Entry, entry: Entry, faults: Faults) -> Entry:
    """A field that a second file gives too."""
    if name in _LISTS:
        both = [*expect_items(name, earlier.node, faults), *expect_items(name, entry.node, faults)]
        return Entry(earlier.mark, Items(earlier.node.mark, tuple(both)))
    if name in _MAPPINGS:
        mappings = [expect_fields(name, node, faults) for node in (earlier.node, entry.node)]
        return Entry(earlier.mark, _united((m for m in mappings if m), earlier.node.mark, faults))
    if name not in _EVERYWHERE or plain(entry.node) != plain(earlier.node):
        at = f"{earlier.mark.file}:{earlier.mark.line}"
        faults.add(entry.mark, f"{quoted(name)} is already given in {at}")
    return earlier


def _united(mappings: Iterable[Fields], mark: Mark, faults: Faults) -> Fields:
    entries: dict[str, Entry] = {}
    for mapping in mappings:
        for key, entry in mapping.entries.items():
            if key in entries:
                at = f"{entries[key].mark.file}:{entries[key].mark.line}"
                faults.add(entry.mark, f"{quoted(key)} is already given in {at}")
            else:
                entries[key] = entry
    return Fields(mark, entries)


def with_defaults(policy: Fields, defaults: Fields) -> Fields:
    """The policy's own fields over those of `defaults`; `limits` are merged field by field."""
    entries = {**defaults.without(*DEFAULTS_NEVER).entries, **policy.entries}
    limits, shared = policy.get("limits"), defaults.get("limits")
    if isinstance(limits, Fields) and isinstance(shared, Fields):
        merged = Fields(limits.mark, {**shared.entries, **limits.entries})
        entries["limits"] = Entry(policy.entries["limits"].mark, merged)
    return Fields(policy.mark, entries)
