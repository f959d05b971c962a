"""Who is measured: their commands, and how to tell from what they wrote whom they found due."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["Contender", "custodian", "floor", "plain_loop", "rotator_plan", "rotator_run"]

CUSTODIAN = """\
policies:
  - name: {name}
    resource: aws.iam-user
    filters: {filters}
"""
BY_KEYS = (
    "[{type: access-key, key: Status, value: Active},"
    " {type: access-key, match-operator: and, key: CreateDate, value_type: age, value: 90, op: ge}]"
)
BY_REPORT = (
    "[{type: credential, key: access_keys.active, value: true},"
    " {type: credential, key: access_keys.last_rotated, value_type: age, value: 90, op: ge}]"
)

CONFIGURATION = """\
state: sqlite:///{folder}/state.db
accounts: {{default: {{{rate}}}}}
policies:
  - name: ci
    mode: {mode}
    users: {{include: [{{path: /}}]}}
    rotate_after: 90d
    max_age: 180d
    limits: {{issue: 1000}}
    sinks: [{{id: file, type: file, path: "{folder}/out/{{user}}.json"}}]
"""


@dataclass(frozen=True, slots=True)
class Contender:
    """One tool as it is measured.

    Attributes:
        command: what is started.
        found: whom it found due, by what it wrote on its standard output.
        rotates: whether it gives them new keys, and nobody else.
    """

    name: str
    command: Sequence[str]
    found: Callable[[str], list[str]]
    rotates: bool = False


def floor(threads: int = 8) -> Contender:
    """The calls that cannot be left out."""
    command = [sys.executable, "-m", "tests.bench.floor", "--threads", str(threads)]
    return Contender("floor client", command, str.split)


def plain_loop() -> Contender:
    """boto3, as AWS's documentation teaches it."""
    return Contender(
        "plain boto3 loop", [sys.executable, "-m", "tests.bench.plain_loop"], str.split
    )


def custodian(venv: Path, folder: Path, *, report: bool) -> Contender:
    """Cloud Custodian, by its filter over the keys or by the one over the report."""
    name = "by-report" if report else "by-keys"
    policy = folder / f"{name}.yml"
    filters = BY_REPORT if report else BY_KEYS
    policy.write_text(CUSTODIAN.format(name=name, filters=filters), encoding="utf-8")
    out = folder / "custodian"
    command = [
        *(str(venv / "bin" / "custodian"), "run", "--cache-period", "0", "-s", str(out)),
        *("--region", "us-east-1", str(policy)),
    ]

    def found(_: str) -> list[str]:
        users = json.loads((out / name / "resources.json").read_text(encoding="utf-8"))
        return [user["UserName"] for user in users]

    kind = "credential" if report else "access-key"
    return Contender(f"Cloud Custodian, {kind} filter", command, found)


def configured(folder: Path, *, mode: str = "observe", rate: float | None = None) -> Path:
    """Rotator's configuration in a folder, and its store if there is none yet."""
    (folder / "out").mkdir(exist_ok=True)
    path = folder / f"rotator-{mode}.yaml"
    text = CONFIGURATION.format(folder=folder, mode=mode, rate=f"rate: {rate}" if rate else "")
    path.write_text(text, encoding="utf-8")
    if not (folder / "state.db").exists():
        subprocess.run([*ROTATOR, "state", "init", "--config", str(path)], check=True, stdout=-3)
    return path


ROTATOR = [sys.executable, "-m", "rotator"]
"""How rotator is started: of this environment, unless the bench is told of another."""


def rotator_plan(folder: Path, rate: float | None = None) -> Contender:
    """What a sweep would do."""
    path = configured(folder, mode="enforce", rate=rate)
    return Contender("rotator plan", [*ROTATOR, "plan", "--json", "--config", str(path)], _issued)


def rotator_run(folder: Path, mode: str, rate: float | None = None) -> Contender:
    """A sweep, by hand."""
    path = configured(folder, mode=mode, rate=rate)
    command = [*ROTATOR, "run", "--json", "--config", str(path)]
    if mode == "observe":
        return Contender("rotator run, observe", command, _begun)

    def delivered(text: str) -> list[str]:
        """Whom it says that it gave a key, where there is a file of each with a key in it."""
        files = {
            file.stem: json.loads(file.read_text(encoding="utf-8"))
            for file in (folder / "out").glob("*.json")
        }
        served = {name for name, held in files.items() if held["UserName"] == name}
        begun = _begun(text)
        return begun if served == set(begun) else sorted(served)

    return Contender("rotator run, enforce", command, delivered, rotates=True)


def _issued(text: str) -> list[str]:
    return [row["user"] for row in json.loads(text)["actions"] if row["action"] == "issue"]


def _begun(text: str) -> list[str]:
    rows = json.loads(text)["users"]
    return [
        row["user"]
        for row in rows
        if any(step["action"] == "issue" for step in row["done"])
        or (row["next"] or {}).get("action") == "issue"
    ]
