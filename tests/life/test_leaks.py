"""Every byte that a run writes anywhere is searched for the secrets: none outside the sinks."""

from __future__ import annotations

import base64
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.life.stage import Stage, user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotator.demo.aws import LocalAws


def disguises(secret: str) -> Iterator[bytes]:
    """How a secret could stand in a text: as it is, in base64, percent-encoded, reversed."""
    plain = secret.encode()
    yield plain
    yield base64.b64encode(plain).rstrip(b"=")[:-2]
    yield base64.urlsafe_b64encode(plain).rstrip(b"=")[:-2]
    yield quote(secret, safe="").encode()
    yield quote(quote(secret, safe=""), safe="").encode()
    yield plain[::-1]


def spilled(stage: Stage, pages: list[bytes]) -> list[str]:
    """Where a secret stands that must not: files of the run outside the sinks, and pages."""
    found: list[str] = []
    texts = {
        str(path.relative_to(stage.folder)): path.read_bytes()
        for path in stage.folder.rglob("*")
        if path.is_file() and "secrets" not in path.relative_to(stage.folder).parts
    }
    texts |= {f"page {number}": page for number, page in enumerate(pages)}
    for name, text in texts.items():
        for secret in stage.secrets:
            found += [name for disguise in disguises(secret) if disguise in text]
    return found


def shown(stage: Stage) -> list[bytes]:
    """Everything that the daemon shows while it runs: its pages, and its process to others."""
    assert stage.daemon is not None
    process = Path("/proc") / str(stage.daemon.pid)
    pages = [(process / "cmdline").read_bytes(), (process / "environ").read_bytes()]
    opened = [event for event in stage.events() if event["event"] == "http.opened"]
    address = opened[-1]["address"]
    base = address if address.startswith("http") else f"http://{address}"
    for page in ("metrics", "healthz", "readyz"):
        with urllib.request.urlopen(f"{base}/{page}", timeout=10) as answer:
            pages.append(answer.read())
    return pages


@pytest.mark.slow
def test_a_run_that_succeeds_and_one_that_fails_tell_no_secret(
    tmp_path: Path, aws: LocalAws
) -> None:
    """State, debug logs, pages and the process itself, over every kind of trouble.

    One user is rotated whole; one has a place that cannot be written; one answer of IAM is cut;
    the daemon is killed with secrets in its memory.
    """
    stage = Stage.over(
        tmp_path, aws, [user("fine", "100d"), user("stuck", "100d"), user("cut", "100d")]
    )
    stage.level = "debug"
    stage.declare(first_use=False)
    for name in ("fine", "stuck", "cut"):
        stage.give(name)
    aws.fail("iam:CreateAccessKey", "cut_after", user="cut", times=1)
    stage.start()
    stage.wait_for(lambda: any(e["event"] == "key.issued" for e in stage.events()))
    stage.kill()
    (tmp_path / "secrets" / "stuck.json").chmod(0o600)
    stage.start()
    pages: list[bytes] = []

    def done() -> bool:
        stage.truth()
        for name in ("fine", "stuck"):
            stage.place(name)
        return stage.closed("fine") and stage.closed("stuck")

    stage.wait_for(done, seconds=80)
    pages += shown(stage)
    stage.aws.fail("sts:GetCallerIdentity", "deny", times=3)
    assert stage.stop() == 0
    for command in (("status", "--json"), ("history", "--json"), ("explain", "fine"), ("plan",)):
        done_command = stage.rotator(*command)
        pages += [done_command.stdout.encode(), done_command.stderr.encode()]

    assert len(stage.secrets) >= 5
    assert spilled(stage, pages) == []


def test_the_search_finds_what_is_hidden(tmp_path: Path) -> None:
    """A search that finds nothing proves nothing, unless it would have found it."""
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    stage = Stage(tmp_path, aws=None, secrets={secret})  # type: ignore[arg-type]  # not asked here
    for number, text in enumerate(disguises(secret)):
        (tmp_path / str(number)).write_bytes(b"x" + text + b"y")

    assert {str(number) for number in range(6)} <= set(spilled(stage, []))
