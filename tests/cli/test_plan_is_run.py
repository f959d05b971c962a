"""What `plan` prints is what `run` then does, over users in every state that there is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rotator.demo.aws import LocalAws
    from tests.cli.conftest import Program

pytestmark = pytest.mark.slow

OLD = "100d"
TOMORROW = (datetime.now(UTC) + timedelta(days=2)).strftime("%a").lower()

POLICIES = f"""\
  - {{name: ci, users: {{include: [{{path: /ci/}}], exclude: [{{name: excluded, reason: vendor}}]}},
     grace_period: 1h, sinks: [&out {{type: file, path: "FOLDER/out/{{user}}.json"}}]}}
  - {{name: other, users: {{include: [{{name: contested}}]}}, sinks: [*out]}}
  - {{name: watched, mode: observe, users: {{include: [{{path: /watched/}}]}}}}
  - {{name: first, provision: true, users: {{include: [{{path: /first/}}]}}, sinks: [*out]}}
  - {{name: shut, users: {{include: [{{path: /shut/}}]}}, sinks: [*out],
     window: {{days: {TOMORROW}, timezone: UTC}}}}
  - {{name: few, limits: {{issue: 1}}, users: {{include: [{{path: /few/}}]}}, sinks: [*out],
     grace_period: 1h}}
  - {{name: tagged, users: {{include: [{{path: /tagged/}}]}},
     sinks: [{{type: file, path: "FOLDER/out/{{tag[team]}}/{{user}}.json"}}]}}
  - {{name: blocked, users: {{include: [{{path: /blocked/}}]}},
     sinks: [{{type: file, path: "FOLDER/no-folder/{{user}}.json"}}]}}
  - {{name: quick, users: {{include: [{{path: /quick/}}]}}, sinks: [*out]}}
  - {{name: busy, quiet_period: 1h, users: {{include: [{{path: /busy/}}]}}, sinks: [*out]}}
  - {{name: resting, recovery_period: 1h, users: {{include: [{{path: /resting/}}]}}, sinks: [*out]}}
  - {{name: dead, rotate_after: 40d, users: {{include: [{{path: /dead/}}]}},
     sinks: [*out]}}
"""

DEFAULTS = (
    "{mode: enforce, rotate_after: 50d, grace_period: 300ms, quiet_period: 300ms,"
    " recovery_period: 300ms}"
)


def user(name: str, path: str, *keys: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "path": path, "keys": list(keys)}


def key(age: str = OLD, **more: object) -> dict[str, Any]:
    return {"age": age, **more}


BEFORE = [
    user("in-grace", "/ci/", key()),
    user("grace-over", "/quick/", key()),
    user("recovery-over", "/quick/", key()),
    user("still-used", "/busy/", key(last_used={"age": "1m"})),
    user("not-adopted", "/quick/", key(last_used={"age": "10d"})),
    user("missed", "/resting/", key()),
    user("revived", "/resting/", key()),
    user("in-recovery", "/resting/", key()),
    user("gone", "/ci/", key()),
    user("dead-place", "/dead/", key()),
    user("first-of-few", "/few/", key()),
]

AFTER = [
    user("due", "/ci/", key()),
    user("young", "/ci/", key("10d")),
    user("two-keys", "/ci/", key(), key("60d")),
    user("excluded", "/ci/", key()),
    user("contested", "/ci/", key()),
    user("held", "/ci/", key()),
    user("strange-place", "/ci/", key()),
    user("no-key", "/ci/"),
    user("inactive-only", "/ci/", key(status="Inactive")),
    user("observed", "/watched/", key()),
    user("newcomer", "/first/"),
    user("closed", "/shut/", key()),
    user("one-too-many", "/few/", key()),
    user("untagged", "/tagged/", key()),
    user("sink-away", "/blocked/", key()),
    user("uncovered", "/elsewhere/", key()),
]

EXPECTED = {
    "due": ("issue", None, "age"),
    "two-keys": ("stop", None, "foreign_key"),
    "contested": ("stop", None, "policy_unclear"),
    "held": ("issue", "hold", "age"),
    "strange-place": ("stop", None, "sink_conflict"),
    "observed": ("issue", "observe", "age"),
    "newcomer": ("issue", None, "first_key"),
    "closed": ("issue", "closed", "age"),
    "one-too-many": ("issue", "limit", "age"),
    "untagged": ("stop", None, "place_name"),
    "sink-away": ("wait", None, "sink"),
    "in-grace": ("wait", None, "grace"),
    "first-of-few": ("wait", None, "grace"),
    "grace-over": ("deactivate", None, "grace_over"),
    "recovery-over": ("delete", None, "recovery_over"),
    "still-used": ("wait", None, "not_quiet"),
    "not-adopted": ("wait", None, "not_used_yet"),
    "missed": ("reactivate", None, "used_after_all"),
    "revived": ("record", None, "reactivated"),
    "in-recovery": ("wait", None, "recovery"),
    "gone": ("record", None, "gone"),
    "dead-place": ("stop", None, "sink_serves_dead"),
}
"""What each user's row says: the action, the shut gate and the reason; others have none."""

IDLE = {"young", "no-key", "inactive-only"}
"""Users who are looked at, and for whom nothing is done or waited for."""


def prepare(program: Program, aws: LocalAws) -> None:
    """Bring some users to where only time and a person's hand bring them; then add the others."""
    aws.plant({"users": BEFORE})
    truth = aws.truth()
    assert program("run").status == 0
    time.sleep(1)
    for name in ("recovery-over", "missed", "revived", "in-recovery", "dead-place"):
        assert program("run", "--user", name).status == 0
    old_key = {name: truth[name]["keys"][0] for name in truth}
    delete_user(aws, "gone")
    time.sleep(1)
    assert program("run", "--user", "dead-place").status == 0
    aws.console(
        "iam:UpdateAccessKey",
        UserName="revived",
        AccessKeyId=old_key["revived"]["access_key_id"],
        Status="Active",
    )
    program.serve("missed", old_key["missed"])
    program.serve("dead-place", old_key["dead-place"])
    program.configure(POLICIES.replace("40d", "1s"), defaults=DEFAULTS)
    aws.plant({"users": AFTER})
    (program.folder / "out" / "strange-place.json").write_text("something else altogether")
    (program.folder / "no-folder").write_text("a file where the policy names a folder")
    assert program("hold", "held", "--reason", "not now").status == 0
    time.sleep(1)


def delete_user(aws: LocalAws, name: str) -> None:
    for one in aws.truth()[name]["keys"]:
        aws.console("iam:DeleteAccessKey", UserName=name, AccessKeyId=one["access_key_id"])
    aws.console("iam:DeleteUser", UserName=name)


def told(row: dict[str, Any]) -> tuple[str, str | None, str]:
    return row["action"], row["gate"], row["reason"]


def test_run_does_what_plan_says(stocked: Program, aws: LocalAws) -> None:
    """Each row that acts now is the first thing that the run does for that user; no other acts.

    A user's first action, its key and its reason are compared, and where nothing is done, what is
    waited for and at which gate.
    """
    stocked.configure(POLICIES, defaults=DEFAULTS)
    prepare(stocked, aws)

    before = aws.truth()
    planned = {row["user"]: row for row in stocked.json("plan")["actions"]}
    assert aws.truth() == before
    ran = {row["user"]: row for row in stocked.json("run")["users"]}

    assert {name: told(row) for name, row in planned.items()} == EXPECTED
    assert ran.keys() == EXPECTED.keys() | IDLE
    for name, row in planned.items():
        acts = row["gate"] is None and row["action"] not in {"wait", "stop"}
        first = ran[name]["done"][0] if acts else ran[name]["next"]
        compared = ("action", "access_key_id", "reason")
        assert [first[part] for part in compared] == [row[part] for part in compared], name
        assert acts or not ran[name]["done"], name
        assert acts or ran[name]["next"]["gate"] == row["gate"], name
    assert [ran[name]["done"] for name in sorted(IDLE)] == [[], [], []]
