"""The leaked-key drill, with the real daemon, the real command and a local AWS.

`pytest -s` prints the transcript with its times.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from rotator.demo.aws import LocalAws
from tests.life.house import AWS_OPTIONS, House

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER = "deploy"
SECONDS_MAX = 30

pytestmark = pytest.mark.slow


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A user whose key is young, in the place that its consumer reads."""
    with LocalAws(options=AWS_OPTIONS) as aws, House(tmp_path, aws) as made:
        yield made


def planted(house: House, *ages: str) -> list[str]:
    """The user's keys; its place holds the first of them."""
    keys = [{"age": age, "last_used": {"age": "1h", "service": "s3"}} for age in ages]
    house.aws.plant({"users": [{"name": USER, "path": "/ci/", "keys": keys}]})
    key = house.aws.truth()[USER]["keys"][0]
    place = house.secrets / f"{USER}.json"
    place.touch(mode=0o600)
    place.write_text(
        f'{{"Version": 1, "AccessKeyId": "{key["access_key_id"]}",'
        f' "SecretAccessKey": "{key["secret_access_key"]}"}}'
    )
    return [key["access_key_id"] for key in house.aws.truth()[USER]["keys"]]


def status(house: House, key_id: str) -> str | None:
    """How a key truly stands; None where it is deleted."""
    keys = house.aws.truth()[USER]["keys"]
    return next((key["status"] for key in keys if key["access_key_id"] == key_id), None)


def said(house: House, *words: str) -> tuple[int, str, float]:
    """A command, its answer, and how many seconds it took."""
    begun = time.monotonic()
    answer = house.rotator(*words)
    seconds = time.monotonic() - begun
    print(f"\n$ rotator {' '.join(words)}    # {seconds:.1f} s, exit {answer.returncode}")  # noqa: T201 - the transcript
    print(f"{answer.stdout}{answer.stderr}".strip())  # noqa: T201 - as above
    return answer.returncode, answer.stdout + answer.stderr, seconds


@pytest.mark.parametrize("lives", [True, False], ids=["a daemon lives", "no daemon lives"])
def test_from_call_to_dead_key(house: House, *, lives: bool) -> None:
    """One command: the key is dead, its consumer has another, and what outlives it is told."""
    (leaked,) = planted(house, "10d")
    assert house.rotator("state", "init").returncode == 0
    if lives:
        house.start()

    code, text, seconds = said(house, "rotate", leaked, "--compromised", "--reason", "on GitHub")
    held = house.held(USER)

    assert code == 0
    assert seconds < SECONDS_MAX
    assert status(house, leaked) in {"Inactive", None}
    assert held is not None
    assert held["AccessKeyId"] != leaked
    assert status(house, held["AccessKeyId"]) == "Active"
    assert f"{leaked} is Inactive since" in text
    assert f"Alive: {held['AccessKeyId']} (served by file:" in text
    assert "aws:TokenIssueTime" in text


def test_without_a_slot_nothing_is_touched_and_each_choice_has_its_price(house: House) -> None:
    """Two keys, the served one leaked: told what frees a slot; done so, it goes through."""
    leaked, other = planted(house, "10d", "200d")
    assert house.rotator("state", "init").returncode == 0

    code, text, _ = said(house, "rotate", leaked, "--compromised", "--reason", "on GitHub")
    assert (code, status(house, leaked), status(house, other)) == (1, "Active", "Active")
    assert f"rotator retire {other} --now" in text

    assert said(house, "retire", other, "--now", "--reason", "makes room")[0] == 0
    assert status(house, other) == "Inactive"
    assert said(house, "retire", other, "--now", "--reason", "makes room")[0] == 0
    assert status(house, other) is None
    assert said(house, "rotate", leaked, "--compromised", "--reason", "on GitHub")[0] == 0
    assert status(house, leaked) in {"Inactive", None}


def test_contained_first_it_is_dead_though_no_place_can_be_written(house: House) -> None:
    """The sink is down: the key is dead all the same, and the order stays on record."""
    (leaked,) = planted(house, "10d")
    assert house.rotator("state", "init").returncode == 0
    (house.secrets / f"{USER}.json").write_text("not JSON any more")

    words = ("--compromised", "--contain-first", "--reason", "on GitHub")
    code, text, seconds = said(house, "rotate", leaked, *words)

    assert (code, status(house, leaked)) == (1, "Inactive")
    assert seconds < SECONDS_MAX
    assert "no successor is made" in text
