"""A real OpenBao as the only place: sealed in the middle of a rotation, restarted, tokens ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import hvac
import pytest

from rotator.demo.aws import LocalAws
from tests.databases.openbao import Bao
from tests.life.house import AWS_OPTIONS, Consumers, House, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLACE = (
    '{{{{type: vault, url: "{url}", mount: "{mount}", path: "ci/{{{{user}}}}",'
    " auth: {{{{method: approle, role_id: {role_id}, secret_id_file: secret-id}}}}}}}}"
)
USERS = ("one", "two", "three")


class VaultHouse(House):
    """A house whose consumers read from OpenBao, by its own client."""

    bao: Bao
    mount: str

    def held(self, user: str) -> dict[str, str] | None:
        """What a consumer reads; the last that it read while the server does not answer."""
        client: Any = hvac.Client(url=self.bao.url, token=self.bao.root)
        try:
            read = client.secrets.kv.v2.read_secret_version(
                path=f"ci/{user}", mount_point=self.mount, raise_on_deleted_version=True
            )
        except (hvac.exceptions.VaultError, OSError):
            return None
        found: dict[str, str] = read["data"]["data"]
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[VaultHouse]:
    """The daemon logs in by an AppRole whose tokens live for two seconds."""
    with LocalAws(options=AWS_OPTIONS) as aws, Bao.started() as bao:
        mount = bao.engine()
        role_id = entitled(bao, mount, tmp_path / "secret-id")
        sink = PLACE.format(url=bao.url, mount=mount, role_id=role_id)
        with VaultHouse(tmp_path, aws, sink=sink) as house:
            house.bao, house.mount = bao, mount
            house.plant(*USERS, sink=False)
            truth = aws.truth()
            for user in USERS:
                key = truth[user]["keys"][0]
                held = {
                    "AccessKeyId": key["access_key_id"],
                    "SecretAccessKey": key["secret_access_key"],
                }
                bao.ask("POST", f"{mount}/data/ci/{user}", {"data": held})
            yield house


def entitled(bao: Bao, mount: str, file: Path) -> str:
    """A role that may write the places; its secret id stands in the file."""
    text = f'path "{mount}/data/ci/*" {{ capabilities = ["create", "read", "update"] }}'
    bao.ask("PUT", "sys/policies/acl/rotator", {"policy": text})
    bao.ask("POST", "sys/auth/approle", {"type": "approle"})
    role = {"token_policies": ["rotator"], "token_ttl": "2s", "token_max_ttl": "2s"}
    bao.ask("POST", "auth/approle/role/rotator", role)
    secret = bao.ask("POST", "auth/approle/role/rotator/secret-id", {})["data"]["secret_id"]
    file.write_text(secret)
    file.chmod(0o600)
    role_id: str = bao.ask("GET", "auth/approle/role/rotator/role-id")["data"]["role_id"]
    return role_id


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_sealed_restarted_and_with_tokens_that_end(house: VaultHouse) -> None:
    """Nobody is refused, nobody gets a second new key, and work goes on by itself."""
    with Consumers(house, USERS) as consumers:
        house.start()
        assert eventually(lambda: house.events("rotation.begun"), 60)
        house.bao.seal()
        time.sleep(3)
        house.bao.kill()
        time.sleep(2)
        house.bao.start()
        house.bao.unseal()

        done = eventually(lambda: len(house.events("rotation.closed")) >= len(USERS), 90)

    closed = house.events("rotation.closed")
    assert done, house.log.read_text()[-3000:]
    assert house.stop() == 0
    assert consumers.failures == []
    assert consumers.calls > 10
    assert any("it is sealed" in str(event) for event in house.events())
    assert {event["outcome"] for event in closed[: len(USERS)]} <= {"completed", "no_effect"}
    issued = [event["user"] for event in house.events("key.issued")]
    assert sorted(set(issued)) == sorted(USERS)
    log = house.log.read_text()
    assert (house.folder / "secret-id").read_text() not in log
    assert not [event for event in house.events() if event.get("level") == "error"]
