"""The first afternoon: thirty users as one finds them, and what a person types until all is well.

Run it with `-s` to read the transcript.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from rotator.demo.aws import LocalAws
from tests.life.house import AWS_OPTIONS, Consumers, House, eventually

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ORDINARY = tuple(f"job-{number:02}" for number in range(17))
TWINS = tuple(f"twin-{number}" for number in range(8))
ELSEWHERE = tuple(f"else-{number}" for number in range(5))
EVERYBODY = (*ORDINARY, *TWINS, *ELSEWHERE)
CANARIES = (ORDINARY[0], TWINS[0], ELSEWHERE[0])

USED = {"age": "1h", "service": "s3"}
OBSERVE = "mode: observe"
CANARY = f"mode: enforce\n    enforce_only: [{', '.join(f'{{name: {name}}}' for name in CANARIES)}]"
ENFORCE = "mode: enforce"


@dataclass
class Office(House):
    """A house whose users have their keys here and there, as one finds them."""

    transcript: list[str] = field(default_factory=list)

    def held(self, user: str) -> dict[str, str] | None:
        """A consumer reads the place where there is one, else what it was always given."""
        found = super().held(user)
        if found is not None or user not in ELSEWHERE:
            return found
        key = self.keys(user)[0]
        return {
            "AccessKeyId": key["access_key_id"],
            "SecretAccessKey": key["secret_access_key"],
        }

    def keys(self, user: str) -> list[dict[str, Any]]:
        """A user's keys as they truly are, oldest first."""
        found: list[dict[str, Any]] = self.aws.truth()[user]["keys"]
        return found

    def move_in(self) -> None:
        """Everybody is there; a profile file holds the keys that are kept elsewhere."""
        self.plant(*ORDINARY)
        spare = {"age": "200d", "last_used": {"age": "150d", "service": "s3"}}
        old = {"age": "100d", "last_used": USED}
        self.aws.plant(
            {
                "users": [
                    *({"name": u, "path": "/ci/", "keys": [old, spare]} for u in TWINS),
                    *({"name": u, "path": "/ci/", "keys": [old]} for u in ELSEWHERE),
                ]
            }
        )
        truth = self.aws.truth()
        for user in TWINS:
            self.serve(user, truth[user]["keys"][0], truth[user]["account"])
        profiles = [
            f"[{user}]\naws_access_key_id = {key['access_key_id']}\n"
            f"aws_secret_access_key = {key['secret_access_key']}\n"
            for user in ELSEWHERE
            for key in truth[user]["keys"]
        ]
        self.profiles.write_text("\n".join(profiles))

    @property
    def profiles(self) -> Path:
        """The file of profiles of whoever moves in."""
        return self.secrets / "profiles"

    def serve(self, user: str, key: dict[str, Any], account: str) -> None:
        """A person has put a key to its place."""
        place = self.secrets / f"{user}.json"
        place.touch(mode=0o600)
        place.write_text(
            json.dumps(
                {
                    "Version": 1,
                    "AccessKeyId": key["access_key_id"],
                    "SecretAccessKey": key["secret_access_key"],
                    "UserName": user,
                    "AccountId": account,
                }
            )
        )

    def served(self, user: str) -> str:
        """The key that the user's place serves."""
        return str(json.loads((self.secrets / f"{user}.json").read_text())["AccessKeyId"])

    def environ(self) -> dict[str, str]:
        """As in any house, with the file of profiles."""
        return {**super().environ(), "AWS_SHARED_CREDENTIALS_FILE": str(self.profiles)}

    def declare(self, mode: str) -> None:
        """The policy's mode is another from now on, as after a pull request."""
        text = self.config.read_text().replace("{every: 1s}", "{every: 3s}")
        # Thirty users share this machine with their rotator: a busy second must lose no lease.
        text = text.replace("request_timeout: 1s", "request_timeout: 10s")
        before, _, rest = text.partition("    mode: ")
        _, _, after = rest.partition("    schedule:")
        self.config.write_text(f"{before}    {mode}\n    schedule:{after}")
        self.transcript.append(f"# {mode}".replace("\n   ", ""))

    def type(self, *words: str) -> str:
        """A person types a command; what it answered."""
        answer = self.rotator(*words)
        self.transcript.append(f"$ rotator {' '.join(words)}")
        self.transcript += [f"  {line}" for line in answer.stdout.splitlines()[:3]]
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def standing(self) -> list[dict[str, Any]]:
        """Where everybody stands."""
        found: list[dict[str, Any]] = json.loads(self.rotator("status", "--json").stdout)["users"]
        return found

    def renewed(self, users: Sequence[str], before: dict[str, str]) -> bool:
        """Whether each of these has one key, which is new, and its place serves it."""
        truth = self.aws.truth()
        for user in users:
            keys = [key["access_key_id"] for key in truth[user]["keys"]]
            held = self.held(user)
            if len(keys) != 1 or keys[0] == before[user] or not held:
                return False
            if held["AccessKeyId"] != keys[0]:
                return False
        return True


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_first_afternoon(tmp_path: Path) -> None:
    """Keys are taken over, spare ones retired, canaries enforced, then all; no call ever fails."""
    with LocalAws(options=AWS_OPTIONS) as aws, Office(tmp_path, aws, level="info") as office:
        office.move_in()
        office.declare(OBSERVE)
        before = {user: office.keys(user)[0]["access_key_id"] for user in EVERYBODY}
        spares = {user: office.keys(user)[1]["access_key_id"] for user in TWINS}
        with Consumers(office, EVERYBODY) as consumers:
            office.start()
            assert eventually(lambda: len(office.standing()) == len(EVERYBODY), 60)
            stopped = {
                row["user"]: row["blocked"]["reason"] for row in office.standing() if row["blocked"]
            }
            office.transcript.append(f"# stopped at first: {stopped}")
            assert stopped == dict.fromkeys(TWINS, "foreign_key")

            for user in ELSEWHERE:
                office.type("deliver", user, "--from", user, "--reason", "moving in")
                assert office.served(user) == before[user]
            for user in TWINS:
                office.type("retire", spares[user], "--reason", "nobody needs it")
            gone = eventually(lambda: all(len(office.keys(u)) == 1 for u in TWINS), 90)
            assert gone, [office.keys(user) for user in TWINS]
            issued_before = office.events("key.issued")

            office.declare(CANARY)
            assert eventually(lambda: office.renewed(CANARIES, before), 90)
            others = [user for user in EVERYBODY if user not in CANARIES]
            assert [u for u in others if office.keys(u)[0]["access_key_id"] != before[u]] == []
            office.declare(ENFORCE)
            assert eventually(lambda: office.renewed(EVERYBODY, before), 150), office.standing()
            blocked = [row for row in office.standing() if row["blocked"]]
        office.transcript.append(f"# {consumers.calls} calls of consumers, none failed")
        assert office.stop() == 0
        check = office.rotator("state", "check")
        closed = [(e["kind"], e["outcome"]) for e in office.events("rotation.closed")]

    sys.stdout.write("\n".join(["", *office.transcript, ""]))
    assert issued_before == []
    assert consumers.failures == []
    assert consumers.calls > len(EVERYBODY)
    assert blocked == []
    assert check.returncode == 0
    assert closed.count(("replace", "completed")) == len(EVERYBODY)
    assert closed.count(("leave", "completed")) == len(TWINS)
