"""Every byte that a run leaves anywhere is searched for every secret that there ever was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rotator.demo.aws import LocalAws
from tests.life.house import AWS_OPTIONS, FILE_SINK, House, eventually
from tests.life.promises import forms, known_secrets
from tests.life.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USERS = ("deploy", "backup", "reports", "wedged")
SECRETS_MANAGER = '{{type: secretsmanager, name: "ci/{{user}}"}}'


def everything(house: House) -> Iterator[tuple[str, bytes]]:
    """Whatever the daemon wrote, shows and was started with, but for the sink's own folder."""
    for path in sorted(house.folder.rglob("*")):
        if path.is_file() and house.secrets not in path.parents:
            yield str(path.relative_to(house.folder)), path.read_bytes()
    assert house.daemon is not None
    for name in ("cmdline", "environ"):
        yield name, Path(f"/proc/{house.daemon.pid}/{name}").read_bytes()
    for page in ("/metrics", "/readyz", "/healthz"):
        yield page, house.page(page).encode()
    for words in (("status", "--json"), ("history", "--json"), ("explain", "deploy", "--json")):
        answer = house.rotator(*words)
        yield " ".join(words), (answer.stdout + answer.stderr).encode()


def succeeding(house: House) -> None:
    """Nothing is in the way."""


def failing(house: House) -> None:
    """Answers that hold a secret are cut and lost; a place cannot be written; a sink says no."""
    aws = house.aws
    aws.fail("iam:CreateAccessKey", "cut_after", user="deploy")
    aws.fail("iam:CreateAccessKey", "fail_after", user="backup")
    aws.fail("sts:GetCallerIdentity", "reset", times=2)
    aws.fail("secretsmanager:CreateSecret", "cut_after", times=1)
    aws.fail("secretsmanager:CreateSecret", "deny", times=2)
    aws.fail("secretsmanager:PutSecretValue", "hang_after", times=1)
    aws.fail("secretsmanager:GetSecretValue", "cut_after", times=2)
    (house.secrets / "wedged.json").unlink(missing_ok=True)
    (house.secrets / "wedged.json").mkdir()


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("sink", [FILE_SINK, SECRETS_MANAGER], ids=["file", "secretsmanager"])
@pytest.mark.parametrize("arrange", [succeeding, failing])
def test_no_secret_is_anywhere_but_in_the_sinks(
    arrange: Callable[[House], None], sink: str, tmp_path: Path
) -> None:
    """State with its write-ahead log, debug log, pages, answers, arguments and environment."""
    with (
        LocalAws(options=AWS_OPTIONS) as aws,
        Relay(aws.port) as relay,
        House(tmp_path, aws, sink, endpoint=relay.endpoint) as house,
    ):
        house.plant(*USERS, sink=sink == FILE_SINK)
        arrange(house)
        house.start()
        delivered = len(USERS) if arrange is succeeding else 1

        def is_far_enough() -> bool:
            """As many as can be are delivered, and what fails has failed again and again."""
            failed = house.events("user.failed", "sink.failed")
            done = {event["user"] for event in house.events("rotation.delivered")}
            return len(done) >= delivered and (arrange is succeeding or len(failed) >= 2)

        assert eventually(is_far_enough, 40)
        known = relay.secrets() | known_secrets(house)
        leaks = [
            (where, found)
            for where, content in everything(house)
            for secret in known
            for found in forms(secret)
            if found in content
        ]
        searched = {where for where, _ in everything(house)}

    assert leaks == []
    assert len(known) >= (2 * len(USERS) if arrange is succeeding else len(USERS) + 1)
    assert {"rotator.log", "state/rotator.db", "state/rotator.db-wal"} <= searched
    assert '"level": "debug"' in house.log.read_text()
