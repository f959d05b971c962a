"""One user, two places of different kinds: a parameter, and a file in its consumer's own form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from rotator.demo.aws import LocalAws
from tests.life.house import AWS_OPTIONS, House, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER = "deploy"
PLACES = (
    '{{type: ssm, name: "/ci/{{user}}"}}\n'
    "      - type: file\n"
    '        path: "secrets/{{user}}.xml"\n'
    "        format: {{type: template, file: key.tmpl}}"
)
TEMPLATE = """\
<server of="{user}">
  <username>{access_key_id}</username>
  <password>{secret_access_key}</password>
</server>
"""


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    """A local AWS in a process of its own."""
    with LocalAws(options=AWS_OPTIONS) as running:
        yield running


@dataclass
class Readers:
    """Two programs that know nothing of rotator: each reads its place, and calls AWS."""

    house: House
    failures: list[str] = field(default_factory=list)

    def parameter(self) -> dict[str, Any] | None:
        """The parameter as it is, decrypted."""
        client: Any = self.house.aws.client("ssm")
        try:
            answer = client.get_parameter(Name=f"/ci/{USER}", WithDecryption=True)
        except client.exceptions.ParameterNotFound:
            return None
        parameter: dict[str, Any] = answer["Parameter"]
        return parameter

    def pairs(self) -> dict[str, tuple[str, str]]:
        """Id and secret by place, of the places that are there."""
        found = {}
        if (parameter := self.parameter()) is not None:
            held = json.loads(parameter["Value"])
            found["parameter"] = (held["AccessKeyId"], held["SecretAccessKey"])
        path = self.house.secrets / f"{USER}.xml"
        if path.exists():
            server = ET.fromstring(path.read_text())  # noqa: S314 - the test's own file
            found["file"] = (server.findtext("username", ""), server.findtext("password", ""))
        return found

    def work(self) -> None:
        """Each reader makes one call."""
        for place, (key_id, secret) in self.pairs().items():
            client = self.house.aws.client(
                "sts",
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
                aws_session_token=None,
            )
            try:
                client.get_caller_identity()
            except (ClientError, BotoCoreError) as exc:
                self.failures.append(f"{place} with {key_id}: {exc}")
            finally:
                client.close()

    def is_rotated(self, old: str) -> bool:
        """Both readers go on working until the old key is gone and no rotation is open."""
        self.work()
        keys = [key["access_key_id"] for key in self.house.aws.truth()[USER]["keys"]]
        closed = [event.get("outcome") for event in self.house.events("rotation.closed")]
        return old not in keys and len(keys) == 1 and bool(closed)


@pytest.mark.slow
def test_a_parameter_and_a_template_are_made_and_then_rewritten(
    aws: LocalAws, tmp_path: Path
) -> None:
    """Two rotations, the second with lost answers: no reader's call ever fails."""
    (tmp_path / "key.tmpl").write_text(TEMPLATE)
    with House(tmp_path, aws, PLACES) as house:
        house.plant(USER, sink=False)
        first = aws.truth()[USER]["keys"][0]["access_key_id"]
        readers = Readers(house)
        house.start()
        assert eventually(lambda: readers.is_rotated(first), 40)
        second = readers.pairs()["file"][0]
        made = readers.parameter()

        aws.fail("ssm:PutParameter", "cut_after", times=1)
        aws.fail("ssm:GetParameter", "throttle", times=1)
        ordered = house.rotator("rotate", USER, "--yes", "--reason", "the test's second")
        assert eventually(lambda: readers.is_rotated(second), 40)
        third = readers.pairs()
        rewritten = readers.parameter()
        met = {fault["action"]: fault["taken"] for fault in aws.admin("GET", "faults")["faults"]}
        assert house.stop() == 0

    (key,) = aws.truth()[USER]["keys"]
    assert readers.failures == []
    assert met == {"ssm:PutParameter": 1, "ssm:GetParameter": 1}
    assert ordered.returncode == 0
    assert third["file"] == third["parameter"]
    assert third["file"][0] == key["access_key_id"] not in {first, second}
    assert made is not None
    assert rewritten is not None
    assert (made["Version"], rewritten["Version"]) == (1, 2)
    assert {made["Type"], rewritten["Type"]} == {"SecureString"}
    assert f'<server of="{USER}">' in (house.secrets / f"{USER}.xml").read_text()
    assert third["file"][1] not in house.log.read_text()
