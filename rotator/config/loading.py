"""Loads a configuration, whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rotator.config.account_models import AccountSection
from rotator.config.checking import expect_fields, expect_items, take
from rotator.config.digests import agreement
from rotator.config.faults import Faults
from rotator.config.gaps import longest_freeze, longest_gap
from rotator.config.merging import DEFAULTS_NEVER, merge, with_defaults
from rotator.config.models import FreezeSection, PolicySection, Root
from rotator.config.places import one_way_remarks
from rotator.config.policies import Surroundings, moment_of, policy_from
from rotator.config.reading import read
from rotator.config.tree import Entry, Fields, Items, Mark, Node, Scalar, quoted, scalars, shown_at
from rotator.errors import ConfigError, Problem
from rotator.judgement.lint import Remark, lint_policy, lint_timing
from rotator.model import (
    Account,
    Configuration,
    Freeze,
    HttpSettings,
    Organization,
    Policy,
    Timing,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rotator.config.tables import Tables

__all__ = ["load", "yaml_files"]

_SUFFIXES = frozenset({".yaml", ".yml"})
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM")
_SQLITE = "sqlite:///"


def yaml_files(path: Path) -> tuple[Path, ...]:
    """The files that `load` would read: the file itself, or the `*.yaml` and `*.yml` of a folder.

    Folders within it and names that begin with a dot are left out. Raises ConfigError where the
    folder cannot be listed.
    """
    if not path.is_dir():
        return (path,)
    try:
        found = sorted(path.iterdir())
    except OSError as exc:
        sentence = f"this folder cannot be listed: {exc.strerror or type(exc).__name__}"
        raise ConfigError([Problem(str(path), 1, 1, sentence)]) from None
    return tuple(
        file for file in found if file.suffix in _SUFFIXES and not file.name.startswith(".")
    )


def load(path: Path, *, environ: Mapping[str, str], tables: Tables) -> Configuration:
    """The configuration of a file, or of a folder's files read as one.

    Raises ConfigError with every fault at once, each where it stands; no sentence holds a value
    that came from `${…}`. `warnings` of the result are Problems too, about what is allowed but
    cannot keep its promises. `files` are all that were read, `${file:…}` included.
    """
    faults = Faults()
    files: list[Path] = []
    names = yaml_files(path)
    if not names:
        sentence = "this folder holds no *.yaml and no *.yml"
        raise ConfigError([Problem(str(path), 1, 1, sentence)])
    read_roots = [read(name, environ=environ, faults=faults, files=files) for name in names]
    roots = [root for root in read_roots if root is not None]
    tree = merge(roots, Mark(str(path), 1, 1), faults)
    complete = sum(isinstance(root, Fields) for root in roots) == len(names)
    loader = _Loader(path, tree, tables, faults, files=files)
    configuration = loader.configuration(complete=complete)
    faults.raise_any()
    return replace(
        configuration,
        files=tuple(dict.fromkeys(str(file.absolute()) for file in files)),
        warnings=loader.warnings(configuration, environ),
    )


class _Loader:
    """Makes the nouns of one tree; what is wrong goes to `faults`, what is read to `files`."""

    def __init__(
        self, path: Path, tree: Fields, tables: Tables, faults: Faults, *, files: list[Path]
    ) -> None:
        self._path = path
        self._tree = tree
        self._tables = tables
        self._faults = faults
        self._files = files
        self._secrets = frozenset(
            scalar.value
            for scalar in scalars(tree)
            if scalar.source is not None and isinstance(scalar.value, str)
        )
        self._policies: list[tuple[Fields, Policy]] = []
        self._organizations: list[Organization] = []

    def configuration(self, *, complete: bool) -> Configuration:
        """All of it; `complete` is false where a file could not be read, so names may lack."""
        single = self._tree.only("version", "state", "http", "timing")
        root = take(Root, single, self._faults, partial=True).fields
        accounts = self._accounts()
        names = [account.name for account in accounts]
        names += [organization.name for organization in self._organizations]
        self._read_policies(names, complete=complete)
        loaded = Configuration(
            policies=tuple(policy for _, policy in self._policies),
            accounts=accounts,
            organizations=tuple(self._organizations),
            timing=Timing(**dict(root.timing)),
            freezes=self._freezes(),
            http=HttpSettings(*root.http.listen) if root.http else None,
            state=self._state(root.state),
            source=str(self._path),
        )
        return replace(loaded, digest=agreement(loaded, secrets=self._secrets))

    def _accounts(self) -> tuple[Account, ...]:
        node = self._tree.get("accounts")
        if node is None:
            return (Account("default"),)
        mapping = expect_fields("accounts", node, self._faults)
        if mapping is None:
            return ()
        if not mapping.entries:
            self._faults.add(node.mark, "`accounts`: expected at least one, got an empty mapping")
        found = [self._account(name, entry) for name, entry in mapping.entries.items()]
        accounts = [one for one in found if one is not None]
        self._refuse_same_accounts(mapping, [account for account, whole in accounts if whole])
        return tuple(account for account, _ in accounts)

    def _account(self, name: str, entry: Entry) -> tuple[Account, bool] | None:
        """An account, and whether its fields are right; None where it is an organization."""
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            sentence = f"{quoted(name)}: an account's name is of letters, digits, `-` and `_`"
            self._faults.add(entry.mark, sentence)
        node = expect_fields(name, entry.node, self._faults)
        if node is None:
            return Account(name), False
        taken = take(AccountSection, node, self._faults)
        section = taken.fields
        if "organization" in node.entries:
            self._organization(name, node, section)
            return None
        if "external_id" in node.entries and "role_arn" not in node.entries:
            mark = node.entries["external_id"].mark
            self._faults.add(mark, "`external_id` goes with `role_arn` only")
        account = Account(name, section.role_arn, section.external_id, section.region, section.rate)
        return account, not taken.broken

    def _organization(self, name: str, node: Fields, section: AccountSection) -> None:
        if "role_arn" in node.entries:
            mark = node.entries["role_arn"].mark
            self._faults.add(mark, "`role_arn` is of one account; an organization has `role_name`")
        found = section.organization
        if found is not None:
            one = Organization(
                name,
                found.role_name,
                tuple(found.units or ()),
                found.tag or {},
                tuple(found.exclude or ()),
                section.external_id,
                section.region,
                section.rate,
            )
            self._organizations.append(one)

    def _refuse_same_accounts(self, mapping: Fields, accounts: Sequence[Account]) -> None:
        """Two names for one account: every table and lock would see one, policies would see two."""
        seen: dict[str, str] = {}
        for account in accounts:
            entry = mapping.entries[account.name]
            number = account.role_arn.split(":")[4] if account.role_arn else ""
            if number in seen:
                what = f"account {number}" if number else "the account of the environment"
                sentence = f"{quoted(account.name)} and {quoted(seen[number])} are both {what}"
                self._faults.add(entry.mark, sentence)
            seen.setdefault(number, account.name)

    def _freezes(self) -> tuple[Freeze, ...]:
        freezes: list[Freeze] = []
        named: set[str] = set()
        for node in self._mappings("freezes"):
            taken = take(FreezeSection, node, self._faults)
            section, broken = taken.fields, taken.broken
            starts_at = moment_of(section.starts, section.timezone)
            until = moment_of(section.until, section.timezone)
            if until <= starts_at and not broken:
                self._faults.add(node.mark_of("until"), "the freeze ends before it begins")
            if "name" not in broken:
                self._refuse_twice(node, section.name, named, "freezes")
            freezes.append(Freeze(section.name, starts_at, until))
        return tuple(freezes)

    def _read_policies(self, accounts: Sequence[str], *, complete: bool) -> None:
        defaults = self._defaults()
        nodes = self._mappings("policies")
        if not nodes and complete:
            self._refuse_no_policies()
        organizations = [one.name for one in self._organizations]
        around = Surroundings(
            self._tables, accounts, self._secrets, self._files, organizations=organizations
        )
        named: set[str] = set()
        for own in nodes:
            node = with_defaults(own, defaults)
            policy = policy_from(node, around, self._faults)
            if _is_text(own.get("name")):
                self._refuse_twice(own, policy.name, named, "policies")
            self._policies.append((node, policy))

    def _refuse_no_policies(self) -> None:
        given = self._tree.get("policies")
        if given is None:
            self._faults.add(self._tree.mark, "the configuration needs `policies`")
        elif given == Items(given.mark, ()):
            self._faults.add(given.mark, "`policies`: expected at least one, got an empty list")

    def _defaults(self) -> Fields:
        node = self._tree.get("defaults")
        given = expect_fields("defaults", node, self._faults) if node else None
        if given is None:
            return Fields(self._tree.mark, {})
        for name in DEFAULTS_NEVER:
            if name in given.entries:
                sentence = f"{quoted(name)} may not stand in `defaults`: each policy says it itself"
                self._faults.add(given.entries[name].mark, sentence)
        take(PolicySection, given.without(*DEFAULTS_NEVER), self._faults, partial=True)
        return given

    def _mappings(self, name: str) -> list[Fields]:
        nodes = expect_items(name, self._tree.get(name), self._faults)
        return [found for node in nodes if (found := expect_fields(name, node, self._faults))]

    def _refuse_twice(self, node: Fields, name: str, named: set[str], where: str) -> None:
        if name in named:
            self._faults.add(
                node.mark_of("name"), f"two {where} have the name {shown_at(node, 'name')}"
            )
        named.add(name)

    def _state(self, url: str) -> str:
        """The address; a file's path made absolute, from the folder of the file that gives it."""
        given = self._tree.get("state")
        folder = self._path if self._path.is_dir() else self._path.parent
        if given is not None:
            folder = Path(given.mark.file).parent
        if not url.startswith(_SQLITE):
            return url
        return _SQLITE + str(folder.absolute() / url.removeprefix(_SQLITE))

    def warnings(
        self, configuration: Configuration, environ: Mapping[str, str]
    ) -> tuple[Problem, ...]:
        """What is allowed, but cannot keep the promises that its figures make."""
        remarks = Faults()
        freeze = longest_freeze([(f.starts_at, f.until) for f in configuration.freezes])
        timing = configuration.timing
        given = self._tree.get("timing")
        for node, policy in self._policies:
            gap = longest_gap(policy.schedule, policy.window)
            found = lint_policy(policy, timing, gap=gap, freeze=freeze)
            _note(found, node, remarks)
            entries = node.get("sinks")
            nodes = entries.items if isinstance(entries, Items) else ()
            for mark, sentence in one_way_remarks(nodes, policy.sinks):
                remarks.add(mark, sentence)
        own_endpoint = any(environ.get(name) for name in _ENDPOINTS)
        if isinstance(given, Fields):
            _note(lint_timing(timing, own_endpoint=own_endpoint), given, remarks)
        return remarks.problems()


def _note(found: Iterable[Remark], node: Fields, remarks: Faults) -> None:
    for remark in found:
        remarks.add(node.mark_of(remark.field), remark.sentence)


def _is_text(node: Node | None) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, str)
