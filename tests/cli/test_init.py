"""`rotator init`: what it writes is a configuration, and what it refuses is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.cli import main
from rotator.cli.init import page
from rotator.config import Tables, load
from rotator.formats import FORMATS
from rotator.judgement.triage import Proposal, triage
from rotator.model import Account, Mode
from rotator.sinks import installed
from tests.judgement.test_triage import key, reported
from tests.judgement.worlds import DAY, NOW

if TYPE_CHECKING:
    from pathlib import Path

TABLES = Tables(sinks=installed(), formats=FORMATS)
ODD = 'a "quoted" value: {x}, # y'


def test_what_is_written_is_loaded(tmp_path: Path) -> None:
    """Whatever paths, tags and accounts are called: each is text and nothing else."""
    policies = [
        Proposal("123", 3, path="/on/"),
        Proposal("null", 2, tag=("team", ODD), without=("/on/",)),
        Proposal("others", 1, without=("/on/",), without_tag=(("team", ODD),)),
    ]
    report = triage(reported(("a", (key(100 * DAY), key(DAY))), root=1), NOW)
    account = Account("yes", "arn:aws:iam::111122223333:role/rotator", region="eu-north-1")
    path = tmp_path / "rotator.yaml"
    path.write_text(page(account, "111122223333", report, policies))

    loaded = load(path, environ={}, tables=TABLES)

    assert loaded.accounts == (account,)
    assert [policy.name for policy in loaded.policies] == ["123", "null", "others"]
    assert {policy.mode for policy in loaded.policies} == {Mode.OBSERVE}
    assert loaded.policies[1].include[0].tags == {"team": ODD}
    assert loaded.policies[2].exclude[1].selector.tags == {"team": ODD}


def test_what_is_found_is_said_before_it() -> None:
    """Counted and named, ten of each kind at most."""
    users = [(f"u{n:02}", (key((91 + n) * DAY),)) for n in range(12)]
    report = triage(reported(*users, root=2), NOW)

    text = page(Account("prod"), "111122223333", report, [])

    assert "12 have an Active key of more than 90 d: u11 (102 d), u10 (101 d)" in text
    assert ", and 2 more\n" in text
    assert "0 have two keys" in text
    assert "the root user has 2 access key(s); delete them" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--account", "123"], "12 digits, and '123' has 3", id="too few digits"),
        pytest.param(["--account", "a b"], "letters, digits", id="no name"),
        pytest.param([], "required: --account", id="no account"),
    ],
)
def test_what_is_no_account_is_told(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked of AWS."""
    try:
        status = main(["init", *arguments])
    except SystemExit as exc:
        status = int(str(exc.code))

    assert status == 2
    assert says in capsys.readouterr().err


def test_a_file_that_is_there_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked of AWS, too."""
    (tmp_path / "rotator.yaml").write_text("mine")

    status = main(["init", "--account", "prod", "--output", str(tmp_path)])

    assert status == 1
    assert "is there already, and is left as it is" in capsys.readouterr().err
    assert (tmp_path / "rotator.yaml").read_text() == "mine"
