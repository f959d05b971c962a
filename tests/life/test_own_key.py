"""rotator rotates the very user whose key it signs its own calls with."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rotator.demo.aws import LocalAws
from tests.life.house import AWS_OPTIONS, FILE_SINK, House, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

USER = "rotator"
PROFILES = '{{type: file, path: "{folder}/secrets/{{user}}", format: aws-credentials}}'


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    """A local AWS in a process of its own, which holds every signature against its key."""
    with LocalAws(options=AWS_OPTIONS) as running:
        yield running


def own_key(aws: LocalAws) -> dict[str, Any]:
    """The one key of the user that rotator is."""
    key: dict[str, Any] = aws.truth()[USER]["keys"][0]
    return key


def in_a_credentials_file(house: House) -> dict[str, str]:
    """The place of the user is the file in which rotator itself finds its credentials."""
    house.plant(USER, sink=False)
    key, place = own_key(house.aws), house.secrets / USER
    place.touch(mode=0o600)
    place.write_text(
        f"[default]\naws_access_key_id = {key['access_key_id']}\n"
        f"aws_secret_access_key = {key['secret_access_key']}\n"
    )
    return {"AWS_SHARED_CREDENTIALS_FILE": str(place)}


def by_credential_process(house: House) -> dict[str, str]:
    """A profile runs `rotator credentials`; botocore renews what expires within 15 minutes."""
    house.plant(USER)
    config, place = house.folder / "aws-config", house.secrets / f"{USER}.json"
    config.write_text(
        f"[default]\ncredential_process = {sys.executable} -m rotator credentials {place}"
        " --expires-in 1m\n"
    )
    return {"AWS_CONFIG_FILE": str(config)}


@pytest.mark.parametrize(
    ("sink", "own"),
    [
        pytest.param(PROFILES, in_a_credentials_file, id="in a credentials file"),
        pytest.param(FILE_SINK, by_credential_process, id="by credential_process"),
    ],
)
def test_a_whole_rotation_of_its_own_user(
    aws: LocalAws, tmp_path: Path, sink: str, own: Callable[[House], dict[str, str]]
) -> None:
    """It moves over by itself, and none of its calls fails but proofs of a key that is too new."""
    with House(tmp_path, aws, sink) as house:
        house.own = own(house)
        first = own_key(aws)["access_key_id"]
        house.start()

        def is_rotated() -> bool:
            keys = aws.truth()[USER]["keys"]
            return len(keys) == 1 and keys[0]["access_key_id"] != first

        assert eventually(is_rotated, 60), house.log.read_text()
        second = own_key(aws)["access_key_id"]
        assert eventually(lambda: house.events("rotation.closed"), 20)
        assert house.stop() == 0

    (moved,) = house.events("credentials.moved")
    assert (moved["access_key_id"], moved["successor"]) == (f"…{first[-4:]}", f"…{second[-4:]}")
    assert house.events("account.failed", "user.failed", "credentials.kept") == []
    calls = aws.calls()
    proven_at = min(call["at"] for call in calls if _is_fine(call, second))
    failed = [call for call in calls if call["error"] and not _is_early(call, second, proven_at)]
    assert failed == []
    assert {first, second} == {call["access_key_id"] for call in calls}


def _is_fine(call: dict[str, Any], key_id: str) -> bool:
    return bool(call["access_key_id"] == key_id and not call["error"])


def _is_early(call: dict[str, Any], key_id: str, proven_at: str) -> bool:
    """A proof of the successor before AWS knows it: the step repeats it until it is."""
    is_proof = call["action"] == "GetCallerIdentity" and call["access_key_id"] == key_id
    return bool(is_proof and call["at"] < proven_at)


def test_its_own_leaked_key_is_replaced_first(aws: LocalAws, tmp_path: Path) -> None:
    """One command: a new key, rotator's own move to it, and only then the old one is dead."""
    with House(tmp_path, aws, PROFILES) as house:
        house.own = in_a_credentials_file(house)
        first = own_key(aws)["access_key_id"]
        house.start()
        assert eventually(lambda: house.events("sweep.completed"), 30)

        said = house.rotator("rotate", first, "--compromised", "--reason", "leaked", "--yes")
        statuses = {it["access_key_id"]: it["status"] for it in aws.truth()[USER]["keys"]}
        house.stop()

    assert said.returncode == 0, said.stderr
    assert statuses.pop(first, "Inactive") == "Inactive"
    assert list(statuses.values()) == ["Active"]
    told = house.events("credentials.moved", "key.deactivated", "account.failed", "user.failed")
    assert [event["event"] for event in told] == ["credentials.moved", "key.deactivated"]


def test_from_the_environment_it_stays(aws: LocalAws, tmp_path: Path) -> None:
    """The key is never switched off, and wherever a person looks it is said who uses it."""
    with House(tmp_path, aws) as house:
        house.plant(USER)
        key = own_key(aws)
        house.own = {
            "AWS_ACCESS_KEY_ID": key["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
        }
        house.start()

        def waits() -> bool:
            reasons = [made["reason"] for made in house.events("decision.made")]
            return reasons.count("not_quiet") > 2

        assert eventually(waits, 60), house.log.read_text()
        seen = json.loads(house.rotator("status", USER, "--json").stdout)["users"][0]
        explained = house.rotator("explain", USER)
        truth = aws.truth()[USER]["keys"]
        house.stop()

    replica = house.events("daemon.started")[0]["replica"]
    assert [k["status"] for k in truth] == ["Active", "Active"]
    assert seen["overdue"]
    for told in (seen["message"], explained.stdout):
        assert f"{key['access_key_id']} is in use now: rotator signs its own calls with it" in told
        assert f"replica {replica}" in told
        assert "from environment variables" in told
        assert f"restart {replica} with {truth[1]['access_key_id']}" in told
    assert f"rotator signs its own calls with {key['access_key_id']}: replica" in explained.stdout
    assert f"replica {replica}" in house.events("user.overdue")[0]["signed_by"]
    assert house.events("credentials.moved", "account.failed", "user.failed") == []
