"""Who lives in the demo's account, what the policy says, and what each of them shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CAST", "FLAKY_PREFIX", "VICTIM", "Actor", "policy_text", "seed"]

VICTIM = "nightly-backup"
"""The user between whose create and delivery the daemon is killed."""

FLAKY_PREFIX = "demo/flaky/"
"""Names of secrets whose store refuses to be written for a while."""


@dataclass(frozen=True, slots=True)
class Actor:
    """One user of the demo.

    Attributes:
        state: what it is to begin with, in the words of the table.
        sink: which of the policy's ways its key is delivered: `file`, `secret` or `flaky`.
        keys: ages of its keys in days.
        stubborn: its consumer never looks again, and goes on with the key it read first.
        joins_after: seconds into the show at which the user is made.
        rotates: whether a new key is to be in place at the end.
        retires: whether its old key is to be gone at the end.
    """

    name: str
    state: str
    path: str = "/ci/"
    sink: str = "file"
    keys: tuple[int, ...] = (100,)
    stubborn: bool = False
    joins_after: float = 0
    rotates: bool = True
    retires: bool = True


CAST = (
    Actor("deploy-api", "key is 100 days old"),
    Actor("deploy-web", "key is 72 days old", keys=(72,)),
    Actor(VICTIM, "as deploy-api; the daemon is killed in the middle", joins_after=8),
    Actor("billing", "key is 100 days old; its place is Secrets Manager", sink="secret"),
    Actor("reports", "its sink fails for a while", sink="flaky", path="/flaky/"),
    Actor("legacy-etl", "its job never re-reads its key", stubborn=True, retires=False),
    Actor("new-hire", "has no key yet; the policy provisions one", keys=(), path="/new/"),
    Actor("fresh", "key is 3 days old", keys=(3,), rotates=False, retires=False),
    Actor("two-keys", "both slots taken", keys=(100, 60), rotates=False, retires=False),
    Actor("vendor-box", "excluded in the policy", keys=(200,), rotates=False, retires=False),
)
"""The users, in the order of the closing table."""


def seed(*actors: Actor) -> dict[str, Any]:
    """What the local AWS is told, so that it has these users."""
    return {"users": [_user(actor) for actor in actors]}


def _user(actor: Actor) -> dict[str, Any]:
    keys = [
        {"age": f"{days}d", "status": "Active", "last_used": {"age": "1h", "service": "s3"}}
        for days in actor.keys
    ]
    return {"name": actor.name, "path": f"/demo{actor.path}", "keys": keys}


def policy_text(folder: Path) -> str:
    """The configuration: an ordinary one, but for periods of seconds instead of days."""
    return _TEMPLATE.format(folder=folder, flaky=FLAKY_PREFIX)


_TEMPLATE = """\
version: 1
state: sqlite:///{folder}/state/rotator.db
http: {{listen: 127.0.0.1:0}}
timing: {{settle: 1s, last_used_lag: 1s, request_timeout: 2s, shutdown_timeout: 5s}}
accounts:
  demo: {{}}
defaults:
  mode: enforce
  schedule: {{every: 3s}}
  rotate_after: 50d
  grace_period: 3s
  quiet_period: 3s
  recovery_period: 4s
policies:
  - name: ci
    description: Keys that CI reads from files
    users:
      include: [{{path: /demo/ci/}}]
      exclude:
        - {{name: vendor-box, reason: the appliance cannot re-read its key}}
        - {{name: billing}}
    sinks:
      - {{type: file, path: "{folder}/secrets/{{user}}.json"}}
  - name: services
    description: Keys that a service reads from Secrets Manager
    users:
      include: [{{name: billing}}]
    sinks:
      - {{type: secretsmanager, name: "demo/services/{{user}}"}}
  - name: flaky
    description: A sink that refuses to be written for a while
    users:
      include: [{{path: /demo/flaky/}}]
    sinks:
      - {{type: secretsmanager, name: "{flaky}{{user}}"}}
  - name: newcomers
    description: Users without a key get a first one
    provision: true
    users:
      include: [{{path: /demo/new/}}]
    sinks:
      - {{type: file, path: "{folder}/secrets/new/{{user}}.json"}}
"""
